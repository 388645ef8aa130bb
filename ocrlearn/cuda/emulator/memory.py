"""Remember which elements of a fresh array have been written.

:func:`ocrlearn.cuda.empty` gives an array of undefined content, which a kernel is to fill. Under
check mode the checker must know what is filled, across launches, views and reshapes. So every such
array is remembered, weakly, with one flag for each of its bytes. The checker sets the flags that a
kernel writes and reports a read where the flag is unset.

NumPy tells nobody when Python code writes to an array. The array is therefore filled with a pattern
that is unlikely to be anybody's data, and compared with it before each launch: if anything but a
kernel has changed any byte, the whole array counts as written from then on. This way there is no
false alarm, save for one host write that leaves the very bytes of the pattern; a read of what
neither the host nor a kernel has written is missed only in an array that the host has begun to
fill. A launch in fast mode counts as the host. Reads by the host are not seen.
"""

import itertools
import weakref
from typing import Any

import numpy as np

__all__ = ["mark", "written_flags"]

# Bytes of the upper half: zeros, ones, small counts and text are not among them.
_PATTERN = np.random.default_rng(0).integers(0x81, 0xFE, 4093, dtype=np.uint8)


class _Fresh:
    """An array from ``cuda.empty`` and what has been written of it."""

    def __init__(self, array: np.ndarray, key: int) -> None:
        self.reference = weakref.ref(array, lambda _: _fresh.pop(key, None))
        self.address = array.ctypes.data
        self.written = np.zeros(array.nbytes, np.uint8)
        _bytes(array)[:] = np.resize(_PATTERN, array.nbytes)

    def holds(self, address: int) -> bool:
        return self.address <= address < self.address + self.written.size

    def written_by_host(self) -> bool:
        """Whether a byte that no kernel has written is not as it was."""
        array = self.reference()
        if array is None:
            return True
        content = _bytes(array)
        changed = content != np.resize(_PATTERN, content.size)
        return bool((changed & (self.written == 0)).any())


_fresh: dict[int, _Fresh] = {}
_keys = itertools.count()


def _bytes(array: np.ndarray) -> Any:
    return array.reshape(-1).view(np.uint8)


def mark(array: np.ndarray) -> None:
    """Remember that nothing has been written to `array`, which must own its memory."""
    if array.nbytes:
        key = next(_keys)
        _fresh[key] = _Fresh(array, key)


def written_flags(array: np.ndarray) -> np.ndarray | None:
    """Return a flag for each byte of `array`, 0 where nothing has written; None if all is.

    The flags are shared with every other array of the same memory, and the checker sets them.
    """
    address = array.ctypes.data
    for key, fresh in list(_fresh.items()):
        if fresh.holds(address):
            if fresh.written_by_host():
                _fresh.pop(key, None)
                return None
            offset = address - fresh.address
            return fresh.written[offset : offset + array.nbytes]
    return None
