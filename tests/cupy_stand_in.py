"""A module that behaves like CuPy where there is none, and is at least as strict.

The CUDA rung of an operation is written once, for NumPy arrays in the emulator and for CuPy arrays
on a GPU. The tests of the former say nothing about mistakes that only CuPy's arrays reveal: a NumPy
function applied to one, a mixture of both, a function that CuPy lacks or that takes other
arguments. The arrays of this module hold NumPy arrays and refuse all that; kernels are run by the
emulator.

:data:`FUNCTIONS` says which functions there are and what they take, as CuPy 14.2 has them; a test
compares it with CuPy where CuPy can be imported (which needs no GPU).
"""

import types
from typing import Any

import numpy as np

from ocrlearn.cuda import KernelFile, emulator

# The functions the library uses, with their parameters.
FUNCTIONS: dict[str, str] = {
    "arange": "start stop step dtype",
    "argsort": "a axis kind",
    "asarray": "a dtype order",
    "ascontiguousarray": "a dtype",
    "clip": "a a_min a_max out",
    "concatenate": "tup axis out",
    "cumsum": "a axis dtype out",
    "empty": "shape dtype order",
    "full": "shape fill_value dtype order",
    "moveaxis": "a source destination",
    "searchsorted": "a v side sorter",
    "stack": "tup axis out",
    "where": "condition x y",
    "zeros": "shape dtype order",
}
UFUNCS = ("ceil", "copysign", "cos", "floor", "maximum", "minimum", "rint", "sin", "sqrt", "trunc")
FFT = {"irfft2": "a s axes norm", "rfft2": "a s axes norm"}
TYPES = (  # noqa: SIM905
    "bool_ float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 "
    "complex64 complex128 pi inf newaxis"
).split()
METHODS = (
    "all any argmax argmin astype copy cumsum fill item max mean min ravel reshape sum tolist "
    "transpose view"
)
TAKE_SEQUENCES = ("concatenate", "stack")


def _host(value: Any, *, sequences: bool = True) -> Any:
    """Return what NumPy is given for an argument; NumPy arrays among the arguments are refused."""
    if isinstance(value, ndarray):
        return value._host
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError("a NumPy array is mixed with CuPy arrays")
    if isinstance(value, tuple | list):
        if not sequences and any(isinstance(item, ndarray) for item in value):
            raise TypeError("CuPy takes an array here, not a sequence of arrays")
        return type(value)(_host(item) for item in value)
    return value


def _wrap(value: Any) -> Any:
    """Wrap results: CuPy's reductions return arrays without axes, not numbers."""
    if isinstance(value, np.ndarray | np.generic):
        return ndarray(np.asarray(value))
    if isinstance(value, tuple):
        return tuple(_wrap(item) for item in value)
    return value


class _Flags:
    """The flags CuPy's arrays have; there is no ``writeable``."""

    def __init__(self, flags: Any) -> None:
        self.c_contiguous = flags.c_contiguous
        self.f_contiguous = flags.f_contiguous
        self.owndata = flags.owndata


class ndarray:  # noqa: N801 - CuPy's name
    """An array "on the GPU"."""

    __array_ufunc__ = None  # NumPy arrays leave operators to us, and we refuse
    __hash__ = None

    def __init__(self, host: np.ndarray) -> None:
        self._host = host

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __array_function__(self, function: Any, *args: Any) -> Any:
        raise TypeError(f"numpy.{function.__name__} is applied to a CuPy array")

    def __iter__(self) -> Any:
        raise TypeError("iterating over a CuPy array copies its elements one by one")

    def __getattr__(self, name: str) -> Any:
        if name not in METHODS.split():
            raise AttributeError(f"the stand-in for cupy.ndarray has no {name!r}")
        method = getattr(self._host, name)
        return lambda *args, **kwargs: _wrap(
            method(*map(_host, args), **{key: _host(value) for key, value in kwargs.items()})
        )

    def get(self) -> np.ndarray:
        return self._host.copy()

    def __len__(self) -> int:
        return len(self._host)

    def __getitem__(self, key: Any) -> Any:
        return _wrap(self._host[_host(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self._host[_host(key)] = _host(value)

    def __bool__(self) -> bool:
        return bool(self._host)

    def __int__(self) -> int:
        return int(self._host)

    def __float__(self) -> float:
        return float(self._host)

    def __index__(self) -> int:
        return int(self._host)

    flags = property(lambda self: _Flags(self._host.flags))
    T = property(lambda self: ndarray(self._host.T))
    data = property(lambda self: types.SimpleNamespace(ptr=self._host.ctypes.data))
    device = property(lambda self: types.SimpleNamespace(id=0))
    for _name in ("dtype", "itemsize", "nbytes", "ndim", "shape", "size", "strides"):
        locals()[_name] = property(lambda self, name=_name: getattr(self._host, name))


def _operator(name: str) -> Any:
    def apply(self: ndarray, *others: Any) -> Any:
        return _wrap(getattr(self._host, name)(*map(_host, others)))

    return apply


for _name in (  # noqa: SIM905
    "add sub mul truediv floordiv mod pow and or xor lshift rshift radd rsub rmul rtruediv "
    "rfloordiv rpow rand ror iadd isub imul itruediv iand ior lt le gt ge eq ne neg invert abs"
).split():
    setattr(ndarray, f"__{_name}__", _operator(f"__{_name}__"))
ndarray.__module__ = "cupy"


def _function(original: Any, name: str, parameters: str) -> Any:
    names = parameters.split()

    def call(*args: Any, **kwargs: Any) -> Any:
        unknown = set(kwargs) - set(names)
        if len(args) > len(names) or unknown:
            raise TypeError(f"cupy.{name} takes {', '.join(names)}; got also {unknown or args}")
        if name == "asarray" and isinstance(args[0], np.ndarray):
            return ndarray(np.array(args[0], *args[1:], **kwargs))
        sequences = name in TAKE_SEQUENCES
        given = [_host(value, sequences=sequences) for value in args]
        return _wrap(original(*given, **{key: _host(value) for key, value in kwargs.items()}))

    return call


class RawModule:
    """Compile nothing; the kernels are run by the emulator."""

    def __init__(self, code: str, options: tuple[str, ...] = ()) -> None:
        self.file = KernelFile("stand_in.cu", code)
        defines = dict(option[2:].split("=", 1) for option in options if option.startswith("-D"))
        self.index = "int64" if defines.pop("Index") == "long long" else "int32"
        self.defines = defines

    def get_function(self, name: str) -> Any:
        kernel = self.file.kernel(name, **self.defines)

        class Function:
            shared_size_bytes = 512  # a kernel's static shared memory
            max_dynamic_shared_size_bytes = 48 * 1024 - shared_size_bytes

            def __call__(function, grid, block, arguments, *, shared_mem=0):  # noqa: N805
                assert shared_mem <= function.max_dynamic_shared_size_bytes
                for value in arguments:
                    assert isinstance(value, ndarray | np.generic), f"{name}: {type(value)}"
                values = [_host(value) for value in arguments]
                emulator.execute(kernel, grid, block, values, shared_mem, self.index)

        return Function()


def make_module() -> types.ModuleType:
    """Build the module, to be put into ``sys.modules`` as "cupy"."""
    module = types.ModuleType("cupy")
    module.ndarray = ndarray
    module.RawModule = RawModule
    for name, parameters in FUNCTIONS.items():
        setattr(module, name, _function(getattr(np, name), name, parameters))
    for name in UFUNCS:
        setattr(module, name, _function(getattr(np, name), name, "x1 x2"))
    for name in TYPES:
        setattr(module, name, getattr(np, name))
    module.fft = types.ModuleType("cupy.fft")
    for name, parameters in FFT.items():
        setattr(module.fft, name, _function(getattr(np.fft, name), f"fft.{name}", parameters))
    stream = types.SimpleNamespace(synchronize=lambda: None)
    limits = {"MaxSharedMemoryPerBlockOptin": 227 * 1024}
    module.cuda = types.SimpleNamespace(
        Device=lambda: types.SimpleNamespace(id=0, attributes=limits),
        get_current_stream=lambda: stream,
    )
    return module
