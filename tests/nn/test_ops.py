"""The operators of torch: what they compute, their gradients, and that torch can trace them."""

import contextlib
import math
import sys
import types
from typing import Any

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from ocrlearn import cuda
from ocrlearn.nn import ops
from ocrlearn.ops import nms as library_nms
from ocrlearn.ops import ps_roi, roi_align, roi_pool, roi_rotate
from ocrlearn.ops.ctc import ctc_loss_and_gradient

NEEDS_GPU = pytest.mark.skipif(bool(cuda.why_no_gpu()), reason=cuda.why_no_gpu() or "a GPU is here")


def features(channels: int = 4, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(2, channels, 7, 9, generator=generator, dtype=dtype, requires_grad=True)


def boxes(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    rows = [[0, 1.2, 0.7, 12.1, 9.3], [1, -3.0, 2.2, 7.7, 18.4], [1, 5.1, 5.2, 6.3, 7.4]]
    return torch.tensor(rows, dtype=dtype)


def rotated_boxes(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    rows = [[0, 8.1, 6.3, 9.0, 5.0, 0.4], [1, 3.2, 9.4, 12.0, 4.0, -1.3], [1, 9, 7, 6, 3, math.pi]]
    return torch.tensor(rows, dtype=dtype)


def frames(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(6)
    logits = torch.randn(6, 2, 4, generator=generator, dtype=dtype)
    targets = torch.tensor([[1, 2, 2], [3, 0, 0]], dtype=torch.int32)
    lengths = torch.tensor([6, 4], dtype=torch.int32), torch.tensor([3, 1], dtype=torch.int32)
    return logits.log_softmax(2).detach().requires_grad_(), targets, *lengths


def scored_boxes() -> tuple[torch.Tensor, torch.Tensor]:
    upright = [[0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30], [0, 0, 10, 9]]
    return torch.tensor(upright, dtype=torch.float32), torch.tensor([0.8, 0.9, 0.3, 0.7])


def scored_rotated_boxes() -> tuple[torch.Tensor, torch.Tensor]:
    rotated = [[5, 5, 10, 4, 0.1], [5.5, 5, 10, 4, 0.1], [5, 5, 10, 4, 1.6]]
    return torch.tensor(rotated, dtype=torch.float32), torch.tensor([0.5, 0.6, 0.7])


def operators() -> dict[str, tuple[Any, ...]]:
    """Return arguments of every operator, the gradients among them."""
    shape = [2, 4, 7, 9]
    pooled, argmax = torch.ops.ocrlearn.roi_pool(features().detach(), boxes(), 2, 2, 0.5)
    crops = torch.ones(3, 4, 3, 5, dtype=torch.float64)
    _, log_probs_gradient = torch.ops.ocrlearn.ctc_loss(frames()[0].detach(), *frames()[1:], 0)
    return {
        "roi_pool": (features(), boxes(), 2, 3, 0.5),
        "rotated_roi_pool": (features(), rotated_boxes(), 2, 3, 0.5),
        "roi_pool_backward": (pooled, argmax, boxes(), shape),
        "roi_align": (features(), boxes(), 2, 3, 0.5, 0, True),
        "roi_align_backward": (pooled, boxes(), shape, 0.5, 2, False),
        "ps_roi_pool": (features(12), boxes(), 2, 3, 0.5),
        "ps_roi_pool_backward": (pooled[:, :1].clone(), boxes(), shape, 0.5),
        "roi_rotate": (features(), rotated_boxes(), 3, 5, 0.5),
        "roi_rotate_backward": (crops, rotated_boxes(), shape, 0.5),
        "ctc_loss": (*frames(), 0),
        "ctc_loss_backward": (torch.ones(2, dtype=torch.float64), log_probs_gradient),
        "nms": (*scored_boxes(), 0.5),
        "rotated_nms": (*scored_rotated_boxes(), 0.5),
    }


NAMES = [
    "roi_pool",
    "rotated_roi_pool",
    "roi_pool_backward",
    "roi_align",
    "roi_align_backward",
    "ps_roi_pool",
    "ps_roi_pool_backward",
    "roi_rotate",
    "roi_rotate_backward",
    "ctc_loss",
    "ctc_loss_backward",
    "nms",
    "rotated_nms",
]


@pytest.mark.parametrize("name", NAMES)
def test_operator_satisfies_opcheck(name: str):
    torch.library.opcheck(getattr(torch.ops.ocrlearn, name).default, operators()[name])


def test_opcheck_is_asked_about_every_operator():
    registered = {
        schema.name.partition("::")[2]
        for schema in torch._C._jit_get_all_schemas()
        if schema.name.startswith("ocrlearn::")
    }
    assert registered == set(NAMES)


DIFFERENTIABLE = {
    "roi_pool": lambda maps: ops.roi_pool(maps, boxes(), (2, 3), 0.5),
    "rotated_roi_pool": lambda maps: ops.rotated_roi_pool(maps, rotated_boxes(), (2, 3), 0.5),
    "roi_align": lambda maps: ops.roi_align(maps, boxes(), (2, 3), 0.5),
    "roi_align, not aligned": lambda maps: ops.roi_align(maps, boxes(), 2, 0.5, 2, False),
    "ps_roi_pool": lambda maps: ops.ps_roi_pool(maps, boxes(), (2, 2), 0.5),
    "roi_rotate": lambda maps: ops.roi_rotate(maps, rotated_boxes(), 3, 5, 0.5)[0],
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradient_is_the_derivative(name: str):
    maps = features(4 if name == "ps_roi_pool" else 1)
    assert torch.autograd.gradcheck(DIFFERENTIABLE[name], maps, eps=1e-6)


def test_gradient_of_ctc_is_the_derivative():
    log_probs, *target = frames()
    assert torch.autograd.gradcheck(lambda x: ops.ctc_loss(x, *target), log_probs)


def test_operators_give_what_the_library_gives():
    maps, upright, rotated = features(), boxes(), rotated_boxes()
    arrays = maps.detach().numpy(), upright.numpy()
    turned = maps.detach().numpy(), rotated.numpy()
    pairs = [
        (ops.roi_pool(maps, upright, 2), roi_pool.roi_pool(*arrays, 2)[0]),
        (ops.rotated_roi_pool(maps, rotated, 2), roi_pool.rotated_roi_pool(*turned, 2)[0]),
        (ops.roi_align(maps, upright, 2, 0.5, 2), roi_align.roi_align(*arrays, 2, 0.5, 2)),
        (ops.ps_roi_pool(maps, upright, 2), ps_roi.ps_roi_pool(*arrays, 2)),
        (ops.roi_rotate(maps, rotated, 4, 9)[0], roi_rotate.roi_rotate(*turned, 4, 9)[0]),
        (ops.roi_rotate(maps, rotated, 4, 9)[1], roi_rotate.roi_rotate(*turned, 4, 9)[1]),
    ]
    log_probs, *target = frames()
    losses = ctc_loss_and_gradient(log_probs.detach().numpy(), *(t.numpy() for t in target))[0]
    pairs.append((ops.ctc_loss(log_probs, *target), losses))
    for result, expected in pairs:
        np.testing.assert_array_equal(result.detach().numpy(), expected)


def test_nms_keeps_the_best():
    kept = ops.nms(*scored_boxes())
    assert kept.dtype == torch.int64
    assert kept.tolist() == [1, 2]
    upright, scores = (t.numpy() for t in scored_boxes())
    np.testing.assert_array_equal(kept.numpy(), library_nms.nms(upright, scores, 0.5))
    assert ops.rotated_nms(*scored_rotated_boxes()).tolist() == [2, 1]


def test_ctc_agrees_with_torch_through_a_log_softmax():
    generator = torch.Generator().manual_seed(8)
    logits = torch.randn(9, 3, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([[1, 2, 3], [4, 4, 0], [2, 0, 0]])
    lengths = torch.tensor([9, 7, 5]), torch.tensor([3, 2, 1])
    weights = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    expected = torch.nn.functional.ctc_loss(logits.log_softmax(2), targets, *lengths,
                                            reduction="none")  # fmt: skip
    losses = ops.ctc_loss(logits.log_softmax(2), targets, *lengths)
    torch.testing.assert_close(losses, expected)
    (gradient,) = torch.autograd.grad((losses * weights).sum(), logits)
    (wanted,) = torch.autograd.grad((expected * weights).sum(), logits)
    torch.testing.assert_close(gradient, wanted)


def test_float32_and_a_gradient_that_is_not_contiguous():
    maps = features(dtype=torch.float32)
    pooled = ops.roi_align(maps, boxes(torch.float32), 2)
    assert pooled.dtype == torch.float32
    pooled.sum().backward()  # an expanded tensor of strides 0
    expected = torch.autograd.grad(ops.roi_align(maps, boxes(torch.float32), 2).sum(), maps)[0]
    torch.testing.assert_close(maps.grad, expected)
    assert maps.grad.dtype == torch.float32
    assert float(maps.grad.sum()) > 0


@pytest.mark.parametrize("name", ["roi_pool", "roi_align", "ps_roi_pool"])
def test_no_box_gives_no_features_and_a_gradient_of_0(name: str):
    maps = features()
    pooled = getattr(ops, name)(maps, torch.zeros(0, 5, dtype=torch.float64), 2)
    assert pooled.shape == (0, 1 if name == "ps_roi_pool" else 4, 2, 2)
    pooled.sum().backward()
    assert not maps.grad.any()


def test_no_rotated_box_and_no_candidate():
    maps, none = features(), torch.zeros(0, 6, dtype=torch.float64)
    assert ops.rotated_roi_pool(maps, none, 3).shape == (0, 4, 3, 3)
    crops, widths = ops.roi_rotate(maps, none, 8, 20)
    assert crops.shape == (0, 4, 8, 20)
    assert widths.shape == (0,)
    crops.sum().backward()
    assert not maps.grad.any()
    assert ops.nms(torch.zeros(0, 4), torch.zeros(0)).shape == (0,)
    assert ops.rotated_nms(torch.zeros(0, 5), torch.zeros(0)).shape == (0,)


def test_fake_tensors_have_the_shapes_of_real_ones():
    real = operators()
    with FakeTensorMode(shape_env=torch.fx.experimental.symbolic_shapes.ShapeEnv()) as mode:
        for name, arguments in real.items():
            fake = [mode.from_tensor(a) if isinstance(a, torch.Tensor) else a for a in arguments]
            operator = getattr(torch.ops.ocrlearn, name)
            answers = operator(*fake)
            with torch._subclasses.fake_tensor.unset_fake_temporarily():
                expected = operator(*arguments)
            if isinstance(answers, torch.Tensor):
                answers, expected = (answers,), (expected,)
            for answer, tensor in zip(answers, expected, strict=True):
                assert answer.dtype == tensor.dtype
                assert answer.ndim == tensor.ndim
                if "nms" not in name:
                    assert answer.shape == tensor.shape
                else:
                    assert isinstance(answer.shape[0], torch.SymInt)


def test_torch_compile_finds_one_graph():
    def network(maps: torch.Tensor, upright: torch.Tensor, rotated: torch.Tensor) -> torch.Tensor:
        crops, _ = ops.roi_rotate(maps, rotated, 3, 5, 0.5)
        kept = ops.nms(upright[:, 1:], upright[:, 0])
        aligned = ops.roi_align(maps, upright[kept], (2, 3), 0.5)
        pooled = ops.roi_pool(maps, upright, 2), ops.ps_roi_pool(maps, upright, 2)
        return crops.sum() + aligned.square().sum() + sum(p.square().sum() for p in pooled)

    maps, upright = features(), boxes()
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    result, expected = (f(maps, upright, rotated_boxes()) for f in (compiled, network))
    torch.testing.assert_close(result, expected)
    gradients = [torch.autograd.grad(value, maps)[0] for value in (result, expected)]
    torch.testing.assert_close(*gradients)


def test_mixed_devices_are_refused():
    elsewhere = boxes().to("meta")
    with pytest.raises(ValueError, match="features and rois must be on one device, got cpu and me"):
        ops.roi_align(features(), elsewhere, 2)
    with pytest.raises(ValueError, match="boxes and scores must be on one device"):
        ops.nms(torch.zeros(2, 4), torch.zeros(2, device="meta"))
    log_probs, targets, *lengths = frames()
    with pytest.raises(ValueError, match="log_probs and targets must be on one device"):
        ops.ctc_loss(log_probs, targets.to("meta"), *lengths)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.roi_pool(features().detach().numpy(), boxes(), 2), TypeError,
         "features must be a torch tensor, got ndarray"),
        (lambda: ops.roi_pool(features().half(), boxes(), 2), TypeError,
         "features must be float32 or float64, got torch.float16"),
        (lambda: ops.roi_pool(features()[0], boxes(), 2), ValueError,
         r"features must have shape \(N, C, H, W\), got \(4, 7, 9\)"),
        (lambda: ops.roi_align(features(), rotated_boxes(), 2), ValueError,
         r"rois must have shape \(R, 5\), got \(3, 6\)"),
        (lambda: ops.roi_rotate(features(), boxes()), ValueError, r"rois must have shape \(R, 6\)"),
        (lambda: ops.roi_rotate(features(), rotated_boxes(), 0), ValueError, "height must lie in"),
        (lambda: ops.roi_pool(features(), boxes(), 0), ValueError, "output_size must lie in"),
        (lambda: ops.roi_pool(features(), boxes(), 2, -1.0), ValueError, "spatial_scale must lie"),
        (lambda: ops.roi_align(features(), boxes(), 2, aligned=1), TypeError, "aligned must be a"),
        (lambda: ops.ps_roi_pool(features(), boxes(), 3), ValueError, "multiple of 3 x 3 = 9 chan"),
        (lambda: ops.roi_pool(features(), boxes() + 2, 2), ValueError, "one of the 2 images, got"),
        (lambda: ops.nms(torch.zeros(3, 5), torch.zeros(3)), ValueError,
         r"boxes must have shape \(N, 4\), got \(3, 5\)"),
        (lambda: ops.nms(torch.zeros(3, 4), torch.zeros(2)), ValueError,
         r"scores must have shape \(3,\), got \(2,\)"),
        (lambda: ops.nms(torch.zeros(3, 4), torch.zeros(3), 1.5), ValueError,
         r"iou_threshold must lie in \[0, 1\], got 1.5"),
        (lambda: ops.rotated_nms(torch.zeros(3, 5), torch.zeros(3), None), TypeError,
         "iou_threshold must be a number, got None"),
        (lambda: ops.ctc_loss(*frames(), blank=99), ValueError, "blank must lie in .* 99"),
        (lambda: ops.ctc_loss(*frames(), blank="-"), TypeError, "blank must be an integer"),
        (lambda: ops.ctc_loss(*frames()[:2], frames()[2][:1], frames()[3]), ValueError,
         r"input_lengths must have shape \(2,\), got \(1,\)"),
    ],
)  # fmt: skip
def test_wrong_arguments(call: Any, error: type[Exception], words: str):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("version", [13, 14])
def test_kernels_run_on_the_stream_of_torch(version: int):
    class Stream:
        cuda_stream, device = 77, torch.device("cuda", 1)

        def __cuda_stream__(self) -> tuple[int, int]:
            return 0, self.cuda_stream

    # CuPy 14 warns of ExternalStream, which CuPy 13 alone has.
    old = types.SimpleNamespace(Stream=object, ExternalStream=lambda *given: given)
    new = types.SimpleNamespace(Stream=types.SimpleNamespace(from_external=lambda given: given))
    stream = Stream()
    answer = ops._cupy_stream(types.SimpleNamespace(cuda=old if version == 13 else new), stream)
    assert answer == ((77, 1) if version == 13 else stream)


def test_tensors_of_a_second_gpu_change_hands_on_its_device_and_stream(
    monkeypatch: pytest.MonkeyPatch,
):
    entered: list[Any] = []

    @contextlib.contextmanager
    def within(what: Any) -> Any:
        entered.append(what)
        yield
        assert entered.pop() == what

    def handed(value: Any) -> Any:
        assert entered == [("torch", device), ("cupy", 1), ("stream of", device)]
        return value

    device = torch.device("cuda", 1)
    fake = types.SimpleNamespace(
        from_dlpack=handed, cuda=types.SimpleNamespace(Device=lambda index: within(("cupy", index)))
    )
    monkeypatch.setitem(sys.modules, "cupy", fake)
    monkeypatch.setattr(torch.cuda, "device", lambda device: within(("torch", device)))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: ("stream of", device))
    monkeypatch.setattr(torch, "from_dlpack", handed)
    monkeypatch.setattr(ops, "_cupy_stream", lambda cupy, stream: within(stream))
    value = torch.arange(6.0).reshape(2, 3).T.requires_grad_()

    def function(array: torch.Tensor, number: int) -> tuple[Any, ...]:
        assert array.is_contiguous()
        assert not array.requires_grad
        return handed(array) + number, number

    first, second = ops._on_gpu(function, device, (value, 4))
    torch.testing.assert_close(first, value.detach() + 4)
    assert second == 4
    assert not entered


@NEEDS_GPU
@pytest.mark.parametrize("name", NAMES)
def test_operator_on_a_gpu_gives_what_the_cpu_gives(name: str):
    operator, arguments = getattr(torch.ops.ocrlearn, name), operators()[name]
    moved = [a.detach().cuda() if isinstance(a, torch.Tensor) else a for a in arguments]
    expected = operator(*arguments)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(
        stream
    ):  # the kernels must run on torch's stream, not on the default one
        results = operator(*moved)
    stream.synchronize()
    if isinstance(results, torch.Tensor):
        results, expected = (results,), (expected,)
    for result, wanted in zip(results, expected, strict=True):
        assert result.device.type == "cuda"
        torch.testing.assert_close(result.cpu(), wanted.detach())


@NEEDS_GPU
@pytest.mark.parametrize("name", ["roi_pool", "roi_align", "ps_roi_pool", "roi_rotate", "ctc_loss"])
def test_operator_on_a_gpu_satisfies_opcheck(name: str):
    arguments = tuple(
        a.detach().cuda().requires_grad_(a.requires_grad) if isinstance(a, torch.Tensor) else a
        for a in operators()[name]
    )
    torch.library.opcheck(getattr(torch.ops.ocrlearn, name).default, arguments,
                          test_utils=("test_schema", "test_autograd_registration",
                                      "test_faketensor"))  # fmt: skip


@NEEDS_GPU
def test_gradient_flows_on_a_gpu():
    maps = features()
    on_gpu = maps.detach().cuda().requires_grad_()
    ops.roi_rotate(on_gpu, rotated_boxes().cuda(), 3, 5, 0.5)[0].square().sum().backward()
    ops.roi_rotate(maps, rotated_boxes(), 3, 5, 0.5)[0].square().sum().backward()
    torch.testing.assert_close(on_gpu.grad.cpu(), maps.grad)
