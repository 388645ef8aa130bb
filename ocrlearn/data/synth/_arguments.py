"""Checks of arguments that several generators take."""

from pathlib import Path
from typing import Any

from ocrlearn._validate import check_number

__all__ = ["check_no_single_path", "check_size"]


def check_size(
    size: Any, *, low: int, high: int, widest: int | None = None, name: str = "size"
) -> tuple[int, int]:
    """Check that `size` is ``(height, width)`` in whole pixels and return it as two ``int``.

    Both are at least `low` and at most `high`; the width at most `widest` where that is given.
    """
    try:
        height, width = size
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be (height, width), got {size!r}") from None
    return (
        int(check_number(height, f"{name}[0]", low=low, high=high, integer=True)),
        int(check_number(width, f"{name}[1]", low=low, high=widest or high, integer=True)),
    )


def check_no_single_path(files: Any, name: str) -> None:
    """Check that `files` is not one path where several are wanted, whose letters would be taken."""
    if isinstance(files, str | Path):
        raise TypeError(f"{name} must be a sequence of files, got the path {str(files)!r}")
