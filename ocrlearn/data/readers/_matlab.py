"""What the readers of MATLAB's ``.mat`` files share: texts, cells and structures, checked.

``scipy.io.loadmat`` gives a cell array as an object array, a structure as a structured array and a
text as an array of strings, each of at least two dimensions, so that the name of one image may come
as an array in an array in an array. Here each is taken out, or refused with its place.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._fields import shown
from ocrlearn.data.samples import DataFormatError

__all__ = ["cells", "records", "text"]


def text(value: Any, place: str) -> str:
    """Return the text that MATLAB stored as a row of characters, perhaps in a cell of its own."""
    while isinstance(value, np.ndarray) and value.dtype == object and value.size == 1:
        value = value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind == "U" and value.size <= 1:
        return str(value.item()) if value.size else ""
    if isinstance(value, np.ndarray) and value.size == 0 and value.dtype != object:
        return ""  # MATLAB's '' may come as an array of no numbers
    raise DataFormatError(f"{place}: expected a text, got {_described(value)}")


def cells(value: Any, place: str) -> NDArray[Any]:
    """Return the cells of a cell array ``1 x n`` or ``n x 1`` as an object array ``(n,)``."""
    if isinstance(value, np.ndarray) and value.dtype == object and value.size == max(value.shape):
        return value.ravel()
    if isinstance(value, np.ndarray) and value.size == 0:
        return np.empty(0, dtype=object)
    raise DataFormatError(f"{place}: expected a row of cells, got {_described(value)}")


def records(value: Any, names: tuple[str, ...], place: str) -> NDArray[Any]:
    """Return the records of a structure array as ``(n,)``, which must have fields of these names.

    A field of one record is ``record[name]``.
    """
    if not isinstance(value, np.ndarray) or value.dtype.names is None:
        raise DataFormatError(f"{place}: expected a structure, got {_described(value)}")
    missing = [name for name in names if name not in value.dtype.names]
    if missing:
        raise DataFormatError(
            f"{place}: expected the fields {', '.join(names)}, got {', '.join(value.dtype.names)}"
        )
    return value.ravel()


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} of shape {value.shape}"
    return shown(value)
