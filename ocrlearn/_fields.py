"""The fields of a JSON object, checked one by one; every error says where it is and what belongs.

What a program has written can be taken apart with indices and types that are trusted. A file from
elsewhere cannot: a field may be missing, misspelt, of another type, infinite. :class:`Fields` takes
an object apart and raises a ``ValueError`` that names the field by its path, such as
``lines[2].words[0].score``.
"""

import json
import reprlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fields", "counted", "shown"]

_REQUIRED: Any = object()

_Item = TypeVar("_Item")


class Fields:
    """The fields of one JSON object, taken one by one and checked on the way.

    Parameters
    ----------
    record
        What ``json.loads`` gave.
    whole
        What the document is called in messages, such as "the page".
    path
        Where in the document this object stands; empty for the document itself.
    """

    def __init__(self, record: Any, whole: str, path: str = "") -> None:
        if not isinstance(record, dict):
            raise ValueError(f"{path or whole} must be a JSON object, got {shown(record)}")
        self._left: dict[str, Any] = dict(record)
        self._whole = whole
        self._path = path

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def _name(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _take(self, key: str, default: Any) -> Any:
        value = self._left.pop(key, default)
        if value is _REQUIRED:
            where = f" in {self._path}" if self._path else ""
            raise ValueError(f"the field {key!r} is missing{where}")
        return value

    def wrong(self, key: str, found: Any, wanted: str) -> ValueError:
        """Return the error that `key` holds `found` where `wanted` belongs."""
        return ValueError(f"{self._name(key)} must be {wanted}, got {shown(found)}")

    def ignore(self, *keys: str) -> None:
        """Drop fields that follow from others."""
        for key in keys:
            self._left.pop(key, None)

    def anything(self, key: str, default: Any = _REQUIRED) -> Any:
        """Take a field whatever it holds."""
        return self._take(key, default)

    def string(self, key: str, default: Any = _REQUIRED) -> str:
        value = self._take(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, value, "a string")
        return value

    def boolean(self, key: str, default: Any = _REQUIRED) -> bool:
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, value, "true or false")
        return value

    def number(
        self, key: str, default: Any = _REQUIRED, *, low: float = -np.inf, high: float = np.inf
    ) -> float:
        value = self._take(key, default)
        if not _is_finite_number(value):
            raise self.wrong(key, value, "a finite number")
        if not low <= value <= high:
            raise ValueError(
                f"{self._name(key)} must lie in [{low:g}, {high:g}], got {shown(value)}"
            )
        return float(value)

    def count(self, key: str, default: Any = _REQUIRED) -> int:
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.wrong(key, value, "a whole number of at least 1")
        return value

    def mapping(self, key: str, default: Any = _REQUIRED) -> dict[str, Any]:
        value = self._take(key, default)
        if not isinstance(value, dict):
            raise self.wrong(key, value, "an object")
        return value

    def quad(self, key: str) -> NDArray[np.float32]:
        return self._points(key, 4, 4, "four [x, y] pairs of finite numbers")

    def polygon(self, key: str) -> NDArray[np.float32]:
        """Take four or more [x, y] pairs as ``(N, 2)`` float32."""
        return self._points(key, 4, None, "at least four [x, y] pairs of finite numbers")

    def _points(self, key: str, least: int, most: int | None, wanted: str) -> NDArray[np.float32]:
        value = self._take(key, _REQUIRED)
        if (
            isinstance(value, list)
            and least <= len(value) <= (len(value) if most is None else most)
            and all(isinstance(point, list) and len(point) == 2 for point in value)
            and all(_is_finite_number(number) for point in value for number in point)
        ):
            with np.errstate(over="ignore"):
                points = np.array(value, dtype=np.float64).astype(np.float32)
            if np.isfinite(points).all():
                return points
        raise self.wrong(key, value, wanted)

    def items(
        self, key: str, read: Callable[["Fields"], _Item], default: Any = _REQUIRED
    ) -> tuple[_Item, ...]:
        """Take an array of objects, each read by `read`."""
        values = self._array(key, default)
        return tuple(
            read(Fields(value, self._whole, f"{self._name(key)}[{number}]"))
            for number, value in enumerate(values)
        )

    def strings(self, key: str, default: Any = _REQUIRED) -> tuple[str, ...]:
        values = self._array(key, default)
        for number, value in enumerate(values):
            if not isinstance(value, str):
                raise self.wrong(f"{key}[{number}]", value, "a string")
        return tuple(values)

    def _array(self, key: str, default: Any) -> Sequence[Any]:
        value = self._take(key, default)
        if not isinstance(value, list | tuple):
            raise self.wrong(key, value, "an array")
        return value

    def finish(self) -> None:
        """Refuse what is left over, so that a misspelt field does not pass unseen."""
        if self._left:
            unknown = ", ".join(repr(key) for key in self._left)
            raise ValueError(f"{self._path or self._whole} has unknown fields: {unknown}")


def _is_finite_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return bool(np.isfinite(float(value)))
    except OverflowError:  # an integer of more than 308 digits
        return False


def counted(number: int, noun: str) -> str:
    """Return a number and a noun in the form that goes with it: "1 shard", "2,000 shards"."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def shown(value: Any) -> str:
    """Shorten `value` to fit in a message; null, true and false are written as in JSON."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return reprlib.repr(value)
