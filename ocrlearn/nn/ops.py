"""The library's operations for networks: torch tensors in, torch tensors out, with gradients.

Regions of interest, non-maximum suppression and the CTC loss are written once, in
:mod:`ocrlearn.ops`, for NumPy and CuPy arrays. Here they become operators of torch in the namespace
``ocrlearn``, which autograd, ``torch.compile``, ``torch.export`` and ``torch.library.opcheck`` know
as they know torch's own:

- tensors on the CPU are handed over as the NumPy arrays that share their memory;
- tensors on a GPU are handed over as CuPy arrays through DLPack, which copies nothing, and the
  kernels run on torch's current stream, in order with what torch runs there. Results lie in CuPy's
  memory, which is used again in the order of that stream. ``Tensor.record_stream`` does not know
  it: a result that another stream reads must be kept until that stream is done, or cloned;
- *fake* tensors, which have a shape but no data, get answers of the right shape;
- the gradient of each operator is an operator of its own.

There are gradients with respect to features and log-probabilities, not with respect to boxes, and
first derivatives only. An operator is an opaque call for ``torch.compile``: it is not fused, and it
does not break the graph.

All tensors of a call must be on one device; nothing is moved. Only float32 and float64 are
supported.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ocrlearn._validate import check_number
from ocrlearn.ops import _roi

__all__ = [
    "ctc_loss",
    "nms",
    "ps_roi_pool",
    "roi_align",
    "roi_pool",
    "roi_rotate",
    "rotated_nms",
    "rotated_roi_pool",
]

DEVICES = ("cpu", "cuda")

# The checks of plain numbers: torch.compile runs them once, while tracing, instead of tracing them.
_check_number = torch.compiler.assume_constant_result(check_number)
_check_output_size = torch.compiler.assume_constant_result(_roi.check_output_size)
_check_position_sensitive = torch.compiler.assume_constant_result(_roi.check_position_sensitive)
_check_sampling = torch.compiler.assume_constant_result(_roi.check_sampling)
_check_scale = torch.compiler.assume_constant_result(_roi.check_scale)
_check_side = torch.compiler.assume_constant_result(_roi.check_side)


# --- From torch to the library and back -----------------------------------------------------------


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call one of the library's functions with tensors, and return its arrays as tensors.

    An operator that may be dispatched here has its tensors on one device, which the public
    functions have checked.
    """
    device = next(value.device for value in arguments if isinstance(value, Tensor))
    run = _on_gpu if device.type == "cuda" else _on_cpu
    return run(function, device, arguments)


def _on_cpu(function: Callable[..., Any], device: torch.device, arguments: Sequence[Any]) -> Any:
    results = function(
        *(
            value.detach().contiguous().numpy() if isinstance(value, Tensor) else value
            for value in arguments
        )
    )
    if isinstance(results, tuple):
        return tuple(torch.from_numpy(result) for result in results)
    return torch.from_numpy(results)


def _on_gpu(function: Callable[..., Any], device: torch.device, arguments: Sequence[Any]) -> Any:
    import cupy

    # Both libraries have a current device. DLPack refuses tensors of any other, and torch takes the
    # stream it compares with from its own.
    with (
        torch.cuda.device(device),
        cupy.cuda.Device(device.index),
        _cupy_stream(cupy, torch.cuda.current_stream(device)),
    ):
        results = function(
            *(
                cupy.from_dlpack(value.detach().contiguous())
                if isinstance(value, Tensor)
                else value
                for value in arguments
            )
        )
        if isinstance(results, tuple):
            return tuple(torch.from_dlpack(result) for result in results)
        return torch.from_dlpack(results)


def _cupy_stream(cupy: Any, stream: Any) -> Any:
    """Return torch's stream as one of CuPy's."""
    if hasattr(cupy.cuda.Stream, "from_external") and hasattr(stream, "__cuda_stream__"):
        return cupy.cuda.Stream.from_external(stream)
    return cupy.cuda.ExternalStream(stream.cuda_stream, stream.device.index)  # CuPy 13


def _check_tensors(**tensors: Any) -> None:
    """Check that all arguments are tensors on one device."""
    for name, value in tensors.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} must be a torch tensor, got {type(value).__name__}")
    (first, tensor), *others = tensors.items()
    for name, value in others:
        if value.device != tensor.device:
            raise ValueError(
                f"{first} and {name} must be on one device, got {tensor.device} and {value.device}"
            )


def _check_shape(name: str, tensor: Tensor, wanted: str, *sizes: int | None) -> None:
    """Check the number of axes and, where a number is given, their sizes."""
    fits = tensor.ndim == len(sizes) and all(
        size is None or tensor.shape[axis] == size for axis, size in enumerate(sizes)
    )
    if not fits:
        raise ValueError(f"{name} must have shape {wanted}, got {tuple(tensor.shape)}")


def _check_floats(**tensors: Tensor) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype not in (torch.float32, torch.float64):
            raise TypeError(f"{name} must be float32 or float64, got {tensor.dtype}")


def _check_features_and_rois(features: Any, rois: Any, columns: int) -> None:
    """Check what all operations on regions of interest have in common."""
    _check_tensors(features=features, rois=rois)
    _check_floats(features=features, rois=rois)
    _check_shape("features", features, "(N, C, H, W)", None, None, None, None)
    _check_shape("rois", rois, f"(R, {columns})", None, columns)


# --- RoIPool and rotated RoI pooling --------------------------------------------------------------


@torch.library.custom_op("ocrlearn::roi_pool", mutates_args=(), device_types=DEVICES)
def _roi_pool(
    features: Tensor, rois: Tensor, height: int, width: int, spatial_scale: float
) -> tuple[Tensor, Tensor]:
    from ocrlearn.ops.roi_pool import roi_pool

    return _call(roi_pool, features, rois, (height, width), spatial_scale)


@torch.library.custom_op("ocrlearn::rotated_roi_pool", mutates_args=(), device_types=DEVICES)
def _rotated_roi_pool(
    features: Tensor, rois: Tensor, height: int, width: int, spatial_scale: float
) -> tuple[Tensor, Tensor]:
    from ocrlearn.ops.roi_pool import rotated_roi_pool

    return _call(rotated_roi_pool, features, rois, (height, width), spatial_scale)


@torch.library.custom_op("ocrlearn::roi_pool_backward", mutates_args=(), device_types=DEVICES)
def _roi_pool_backward(
    gradient: Tensor, argmax: Tensor, rois: Tensor, features_shape: Sequence[int]
) -> Tensor:
    from ocrlearn.ops.roi_pool import roi_pool_gradient

    return _call(roi_pool_gradient, gradient, argmax, rois, features_shape)


@_roi_pool.register_fake
@_rotated_roi_pool.register_fake
def _(
    features: Tensor, rois: Tensor, height: int, width: int, spatial_scale: float
) -> tuple[Tensor, Tensor]:
    pooled = features.new_empty((rois.shape[0], features.shape[1], height, width))
    return pooled, pooled.new_empty(pooled.shape, dtype=torch.int32)


@_roi_pool_backward.register_fake
def _(gradient: Tensor, argmax: Tensor, rois: Tensor, features_shape: Sequence[int]) -> Tensor:
    return gradient.new_empty(features_shape)


def _roi_pool_setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    features, rois = inputs[:2]
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(output[1], rois)
    ctx.features_shape = features.shape


def _roi_pool_autograd(ctx: Any, gradient: Tensor, _: Any) -> tuple[Any, ...]:
    argmax, rois = ctx.saved_tensors
    shape = list(ctx.features_shape)
    return torch.ops.ocrlearn.roi_pool_backward(gradient, argmax, rois, shape), *[None] * 4


_roi_pool.register_autograd(_roi_pool_autograd, setup_context=_roi_pool_setup)
_rotated_roi_pool.register_autograd(_roi_pool_autograd, setup_context=_roi_pool_setup)


def roi_pool(
    features: Tensor,
    rois: Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
) -> Tensor:
    """Keep the greatest feature in each bin of each box (RoIPool).

    Parameters
    ----------
    features
        ``(N, C, H, W)`` float32 or float64, differentiable.
    rois
        ``(R, 5)`` float32 or float64, a row ``[image, x0, y0, x1, y1]`` for each box, in pixels of
        the image.
    output_size
        Number of bins, one number or (height, width).
    spatial_scale
        Resolution of the feature map over that of the image, above 0.

    Returns
    -------
    Tensor
        ``(R, C, height, width)``; see :func:`ocrlearn.ops.roi_pool.roi_pool`, which says all
        details.

    Raises
    ------
    TypeError
        If an argument is no tensor, or its dtype is not as described.
    ValueError
        If a shape or number is wrong, the tensors are on different devices or, on the CPU, a RoI is
        out of range.
    """
    _check_features_and_rois(features, rois, 5)
    height, width = _check_output_size(output_size)
    scale = _check_scale(spatial_scale)
    pooled, _ = torch.ops.ocrlearn.roi_pool(features, rois, height, width, scale)
    return pooled


def rotated_roi_pool(
    features: Tensor,
    rois: Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
) -> Tensor:
    """Keep the greatest feature in each bin of each rotated box.

    Parameters
    ----------
    features, output_size, spatial_scale
        As for :func:`roi_pool`.
    rois
        ``(R, 6)`` float32 or float64, a row ``[image, cx, cy, w, h, angle]`` for each box; see
        :mod:`ocrlearn.geometry`.

    Returns
    -------
    Tensor
        ``(R, C, height, width)``; see :func:`ocrlearn.ops.rotated_roi_pool`.

    Raises
    ------
    TypeError, ValueError
        As :func:`roi_pool`.
    """
    _check_features_and_rois(features, rois, 6)
    height, width = _check_output_size(output_size)
    scale = _check_scale(spatial_scale)
    pooled, _ = torch.ops.ocrlearn.rotated_roi_pool(features, rois, height, width, scale)
    return pooled


# --- RoIAlign -------------------------------------------------------------------------------------


@torch.library.custom_op("ocrlearn::roi_align", mutates_args=(), device_types=DEVICES)
def _roi_align(
    features: Tensor,
    rois: Tensor,
    height: int,
    width: int,
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    from ocrlearn.ops.roi_align import roi_align

    size = (height, width)
    return _call(roi_align, features, rois, size, spatial_scale, sampling_ratio, aligned)


@torch.library.custom_op("ocrlearn::roi_align_backward", mutates_args=(), device_types=DEVICES)
def _roi_align_backward(
    gradient: Tensor,
    rois: Tensor,
    features_shape: Sequence[int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    from ocrlearn.ops.roi_align import roi_align_gradient

    return _call(
        roi_align_gradient, gradient, rois, features_shape, spatial_scale, sampling_ratio, aligned
    )


@_roi_align.register_fake
def _(
    features: Tensor,
    rois: Tensor,
    height: int,
    width: int,
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    return features.new_empty((rois.shape[0], features.shape[1], height, width))


@_roi_align_backward.register_fake
def _(
    gradient: Tensor,
    rois: Tensor,
    features_shape: Sequence[int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    return gradient.new_empty(features_shape)


def _roi_align_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    features, rois, _, _, *ctx.options = inputs
    ctx.save_for_backward(rois)
    ctx.features_shape = features.shape


def _roi_align_autograd(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    (rois,) = ctx.saved_tensors
    shape = list(ctx.features_shape)
    result = torch.ops.ocrlearn.roi_align_backward(gradient, rois, shape, *ctx.options)
    return result, *[None] * 6


_roi_align.register_autograd(_roi_align_autograd, setup_context=_roi_align_setup)


def roi_align(
    features: Tensor,
    rois: Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = 0,
    aligned: bool = True,
) -> Tensor:
    """Take the mean of a few samples in each bin of each box (RoIAlign).

    Parameters
    ----------
    features, output_size, spatial_scale
        As for :func:`roi_pool`.
    rois
        ``(R, 5)`` float32 or float64, a row ``[image, x0, y0, x1, y1]`` for each box, in pixels of
        the image whose edges lie at whole numbers.
    sampling_ratio
        Samples of a bin along each side, or 0 for as many as the bin is pixels wide or high.
    aligned
        Whether to move boxes by the half pixel between edges and centres.

    Returns
    -------
    Tensor
        ``(R, C, height, width)``; see :func:`ocrlearn.ops.roi_align.roi_align`, which says all
        details.

    Raises
    ------
    TypeError, ValueError
        As :func:`roi_pool`.
    """
    _check_features_and_rois(features, rois, 5)
    height, width = _check_output_size(output_size)
    scale, ratio = _check_sampling(spatial_scale, sampling_ratio, aligned)
    return torch.ops.ocrlearn.roi_align(features, rois, height, width, scale, ratio, bool(aligned))


# --- Position-sensitive RoI pooling ---------------------------------------------------------------


@torch.library.custom_op("ocrlearn::ps_roi_pool", mutates_args=(), device_types=DEVICES)
def _ps_roi_pool(
    features: Tensor, rois: Tensor, height: int, width: int, spatial_scale: float
) -> Tensor:
    from ocrlearn.ops.ps_roi import ps_roi_pool

    return _call(ps_roi_pool, features, rois, (height, width), spatial_scale)


@torch.library.custom_op("ocrlearn::ps_roi_pool_backward", mutates_args=(), device_types=DEVICES)
def _ps_roi_pool_backward(
    gradient: Tensor, rois: Tensor, features_shape: Sequence[int], spatial_scale: float
) -> Tensor:
    from ocrlearn.ops.ps_roi import ps_roi_pool_gradient

    return _call(ps_roi_pool_gradient, gradient, rois, features_shape, spatial_scale)


@_ps_roi_pool.register_fake
def _(features: Tensor, rois: Tensor, height: int, width: int, spatial_scale: float) -> Tensor:
    channels = features.shape[1] // (height * width)
    return features.new_empty((rois.shape[0], channels, height, width))


@_ps_roi_pool_backward.register_fake
def _(
    gradient: Tensor, rois: Tensor, features_shape: Sequence[int], spatial_scale: float
) -> Tensor:
    return gradient.new_empty(features_shape)


def _ps_roi_pool_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    features, rois, _, _, ctx.spatial_scale = inputs
    ctx.save_for_backward(rois)
    ctx.features_shape = features.shape


def _ps_roi_pool_autograd(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    (rois,) = ctx.saved_tensors
    shape = list(ctx.features_shape)
    result = torch.ops.ocrlearn.ps_roi_pool_backward(gradient, rois, shape, ctx.spatial_scale)
    return result, *[None] * 4


_ps_roi_pool.register_autograd(_ps_roi_pool_autograd, setup_context=_ps_roi_pool_setup)


def ps_roi_pool(
    features: Tensor,
    rois: Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
) -> Tensor:
    """Take the mean of each bin of each box, read from the bin's own channel.

    Parameters
    ----------
    features
        ``(N, C * height * width, H, W)`` float32 or float64, differentiable.
    rois, output_size, spatial_scale
        As for :func:`roi_pool`.

    Returns
    -------
    Tensor
        ``(R, C, height, width)``; see :func:`ocrlearn.ops.ps_roi_pool`, which says all details.

    Raises
    ------
    TypeError, ValueError
        As :func:`roi_pool`; also where the channels are not a multiple of the bins.
    """
    _check_features_and_rois(features, rois, 5)
    height, width = _check_output_size(output_size)
    scale = _check_scale(spatial_scale)
    _check_position_sensitive(features.shape[1], (height, width))
    return torch.ops.ocrlearn.ps_roi_pool(features, rois, height, width, scale)


# --- RoIRotate ------------------------------------------------------------------------------------


@torch.library.custom_op("ocrlearn::roi_rotate", mutates_args=(), device_types=DEVICES)
def _roi_rotate(
    features: Tensor, rois: Tensor, height: int, max_width: int, spatial_scale: float
) -> tuple[Tensor, Tensor]:
    from ocrlearn.ops.roi_rotate import roi_rotate

    return _call(roi_rotate, features, rois, height, max_width, spatial_scale)


@torch.library.custom_op("ocrlearn::roi_rotate_backward", mutates_args=(), device_types=DEVICES)
def _roi_rotate_backward(
    gradient: Tensor, rois: Tensor, features_shape: Sequence[int], spatial_scale: float
) -> Tensor:
    from ocrlearn.ops.roi_rotate import roi_rotate_gradient

    return _call(roi_rotate_gradient, gradient, rois, features_shape, spatial_scale)


@_roi_rotate.register_fake
def _(
    features: Tensor, rois: Tensor, height: int, max_width: int, spatial_scale: float
) -> tuple[Tensor, Tensor]:
    crops = features.new_empty((rois.shape[0], features.shape[1], height, max_width))
    return crops, rois.new_empty(rois.shape[0], dtype=torch.int32)


@_roi_rotate_backward.register_fake
def _(
    gradient: Tensor, rois: Tensor, features_shape: Sequence[int], spatial_scale: float
) -> Tensor:
    return gradient.new_empty(features_shape)


def _roi_rotate_setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    features, rois, _, _, ctx.spatial_scale = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(rois)
    ctx.features_shape = features.shape


def _roi_rotate_autograd(ctx: Any, gradient: Tensor, _: Any) -> tuple[Any, ...]:
    (rois,) = ctx.saved_tensors
    shape = list(ctx.features_shape)
    result = torch.ops.ocrlearn.roi_rotate_backward(gradient, rois, shape, ctx.spatial_scale)
    return result, *[None] * 4


_roi_rotate.register_autograd(_roi_rotate_autograd, setup_context=_roi_rotate_setup)


def roi_rotate(
    features: Tensor,
    rois: Tensor,
    height: int = 8,
    max_width: int = 64,
    spatial_scale: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Sample the features of rotated boxes upright, at one height and proportional widths.

    Parameters
    ----------
    features, spatial_scale
        As for :func:`roi_pool`.
    rois
        ``(R, 6)`` float32 or float64, a row ``[image, cx, cy, w, h, angle]`` for each box; see
        :mod:`ocrlearn.geometry`.
    height
        Rows of every crop; 8 in the paper.
    max_width
        Columns of the result. Narrower crops are padded with 0, wider ones squeezed. It must be
        given, because a network's shapes should not depend on the values of a tensor.

    Returns
    -------
    crops
        ``(R, C, height, max_width)``, differentiable with respect to the features.
    widths
        ``(R,)`` int32: the columns of each crop that are not padding. See
        :func:`ocrlearn.ops.roi_rotate.roi_rotate`, which says all details.

    Raises
    ------
    TypeError, ValueError
        As :func:`roi_pool`.
    """
    _check_features_and_rois(features, rois, 6)
    rows = _check_side(height, "height")
    columns = _check_side(max_width, "max_width")
    scale = _check_scale(spatial_scale)
    crops, widths = torch.ops.ocrlearn.roi_rotate(features, rois, rows, columns, scale)
    return crops, widths


# --- CTC ------------------------------------------------------------------------------------------


@torch.library.custom_op("ocrlearn::ctc_loss", mutates_args=(), device_types=DEVICES)
def _ctc_loss(
    log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor, blank: int
) -> tuple[Tensor, Tensor]:
    from ocrlearn.ops.ctc import ctc_loss_and_gradient

    return _call(ctc_loss_and_gradient, log_probs, targets, input_lengths, target_lengths, blank)


@torch.library.custom_op("ocrlearn::ctc_loss_backward", mutates_args=(), device_types=DEVICES)
def _ctc_loss_backward(gradient: Tensor, log_probs_gradient: Tensor) -> Tensor:
    return gradient[None, :, None] * log_probs_gradient


@_ctc_loss.register_fake
def _(
    log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor, blank: int
) -> tuple[Tensor, Tensor]:
    return log_probs.new_empty(log_probs.shape[1]), log_probs.new_empty(log_probs.shape)


@_ctc_loss_backward.register_fake
def _(gradient: Tensor, log_probs_gradient: Tensor) -> Tensor:
    return log_probs_gradient.new_empty(log_probs_gradient.shape)


def _ctc_loss_setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(output[1])


def _ctc_loss_autograd(ctx: Any, gradient: Tensor, _: Any) -> tuple[Any, ...]:
    (log_probs_gradient,) = ctx.saved_tensors
    result = torch.ops.ocrlearn.ctc_loss_backward(gradient, log_probs_gradient)
    return result, *[None] * 4


_ctc_loss.register_autograd(_ctc_loss_autograd, setup_context=_ctc_loss_setup)


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor,
    target_lengths: Tensor,
    blank: int = 0,
) -> Tensor:
    """Negative log-probability of every target under connectionist temporal classification.

    Parameters
    ----------
    log_probs
        ``(T, B, C)`` float32 or float64 natural logarithms, differentiable.
    targets
        ``(B, S)`` integers, padded: the labels of each sample, none of them the blank.
    input_lengths, target_lengths
        ``(B,)`` integers: frames and labels of each sample.
    blank
        The class of the blank, in [0, C).

    Returns
    -------
    Tensor
        ``(B,)`` losses, infinite (with the gradient 0) where the target does not fit its frames;
        see :func:`ocrlearn.ops.ctc_loss_and_gradient`, which says all details. The gradient is the
        true derivative, where that of ``torch.nn.functional.ctc_loss`` takes a log-softmax below
        for granted; through a log-softmax both are the same.

    Raises
    ------
    TypeError
        If an argument is no tensor, or its dtype is not as described.
    ValueError
        If a shape or number is wrong, the tensors are on different devices or, on the CPU, a label
        or length is out of range.
    """
    _check_tensors(
        log_probs=log_probs,
        targets=targets,
        input_lengths=input_lengths,
        target_lengths=target_lengths,
    )
    _check_floats(log_probs=log_probs)
    _check_shape("log_probs", log_probs, "(T, B, C)", None, None, None)
    batch = log_probs.shape[1]
    _check_shape("targets", targets, f"({batch}, S)", batch, None)
    _check_shape("input_lengths", input_lengths, f"({batch},)", batch)
    _check_shape("target_lengths", target_lengths, f"({batch},)", batch)
    blank = _check_number(blank, "blank", low=0, integer=True)
    losses, _ = torch.ops.ocrlearn.ctc_loss(
        log_probs, targets, input_lengths, target_lengths, blank
    )
    return losses


# --- Non-maximum suppression ----------------------------------------------------------------------


@torch.library.custom_op("ocrlearn::nms", mutates_args=(), device_types=DEVICES)
def _nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    from ocrlearn.ops.nms import nms

    return _call(nms, boxes, scores, iou_threshold)


@torch.library.custom_op("ocrlearn::rotated_nms", mutates_args=(), device_types=DEVICES)
def _rotated_nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    from ocrlearn.ops.nms import rotated_nms

    return _call(rotated_nms, boxes, scores, iou_threshold)


@_nms.register_fake
@_rotated_nms.register_fake
def _(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    kept = torch.library.get_ctx().new_dynamic_size()  # only the values of the boxes can tell
    return scores.new_empty(kept, dtype=torch.int64)


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float = 0.5) -> Tensor:
    """Keep the best of each group of overlapping boxes.

    Parameters
    ----------
    boxes
        ``(N, 4)`` float32 or float64, ``(x0, y0, x1, y1)``.
    scores
        ``(N,)`` float32 or float64.
    iou_threshold
        In [0, 1]: a box that overlaps a kept one by more than this is dropped.

    Returns
    -------
    Tensor
        ``(K,)`` int64: the kept boxes' places by falling score; see :func:`ocrlearn.ops.nms.nms`.
        Not differentiable.

    Raises
    ------
    TypeError
        If an argument is no tensor, or its dtype is not as described.
    ValueError
        If a shape or number is wrong, or the tensors are on different devices.
    """
    _check_boxes_and_scores(boxes, scores, 4)
    threshold = _check_number(iou_threshold, "iou_threshold", low=0, high=1)
    return torch.ops.ocrlearn.nms(boxes, scores, threshold)


def rotated_nms(boxes: Tensor, scores: Tensor, iou_threshold: float = 0.5) -> Tensor:
    """Keep the best of each group of overlapping rotated boxes.

    Parameters
    ----------
    boxes
        ``(N, 5)`` float32 or float64, ``(cx, cy, w, h, angle)``; see :mod:`ocrlearn.geometry`.
    scores, iou_threshold
        As for :func:`nms`.

    Returns
    -------
    Tensor
        As of :func:`nms`.

    Raises
    ------
    TypeError, ValueError
        As :func:`nms`.
    """
    _check_boxes_and_scores(boxes, scores, 5)
    threshold = _check_number(iou_threshold, "iou_threshold", low=0, high=1)
    return torch.ops.ocrlearn.rotated_nms(boxes, scores, threshold)


def _check_boxes_and_scores(boxes: Any, scores: Any, columns: int) -> None:
    _check_tensors(boxes=boxes, scores=scores)
    _check_floats(boxes=boxes, scores=scores)
    _check_shape("boxes", boxes, f"(N, {columns})", None, columns)
    _check_shape("scores", scores, f"({boxes.shape[0]},)", boxes.shape[0])
