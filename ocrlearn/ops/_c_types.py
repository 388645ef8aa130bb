"""The C types of arrays' elements, for the definitions that kernels are compiled with."""

from typing import Any

import numpy as np

_NAMES = {
    "uint8": "unsigned char",
    "int32": "int",
    "uint32": "unsigned int",
    "int64": "long long",
    "uint64": "unsigned long long",
    "float32": "float",
    "float64": "double",
}


def c_type(dtype: Any) -> str:
    """Return the C type that a dtype has in a kernel.

    >>> c_type(np.float64)
    'double'
    """
    return _NAMES[np.dtype(dtype).name]
