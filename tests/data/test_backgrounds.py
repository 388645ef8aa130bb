"""Backgrounds: what each surface must show, photographs as files, errors."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from ocrlearn.data.synth.backgrounds import (
    KINDS,
    SHIPPED_PHOTOGRAPHS,
    _cells,
    _noise,
    crop_photograph,
    light_falling,
    photographs,
    render_background,
    seen_through,
    texture,
)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_shape_range_and_contrast(kind):
    surface = texture(kind, (150, 230), rng(1))
    assert surface.shape == (150, 230, 3)
    assert surface.dtype == np.float32
    assert 0 <= surface.min() < surface.max() <= 1
    assert 0.002 < surface.mean(axis=-1).std() < 0.4
    assert not np.array_equal(surface, texture(kind, (150, 230), rng(2)))


def test_a_picture_depends_on_its_arguments_alone():
    first = render_background(3, 1, size=(64, 96))
    render_background(3, 2, size=(64, 96))
    assert np.array_equal(first, render_background(3, 1, size=(64, 96)))
    assert first.dtype == np.uint8
    others = [
        render_background(3, 2, size=(64, 96)),
        render_background(4, 1, size=(64, 96)),
        render_background(3, 1, size=(64, 96), split="benchmark"),
    ]
    assert not any(np.array_equal(first, other) for other in others)


def test_all_kinds_are_drawn():
    seen = {render_background(0, i, size=(32, 32)).tobytes() for i in range(6)}
    assert len(seen) == 6


def test_noise_is_normalised_and_as_coarse_as_asked():
    fine = _noise((200, 300), rng(), coarse=4, octaves=1)
    coarse = _noise((200, 300), rng(), coarse=64, octaves=1)
    long = _noise((200, 300), rng(), coarse=8, octaves=1, stretch=8)
    for noise in (fine, coarse, long):
        assert abs(noise.mean()) < 1e-5
        assert abs(noise.std() - 1) < 1e-5
    slope = [np.abs(np.diff(noise, axis=1)).mean() for noise in (fine, coarse)]
    assert slope[0] > 6 * slope[1]
    assert np.abs(np.diff(long, axis=0)).mean() > 4 * np.abs(np.diff(long, axis=1)).mean()


def test_cells_are_those_of_a_search_over_all_points():
    from scipy.spatial import cKDTree

    offsets = rng().random((8, 9, 2), dtype=np.float32)
    first, second, owner = _cells(25, 30, 5.0, offsets)
    rows, columns = np.mgrid[:8, :9]
    points = np.stack([columns, rows], axis=-1) + offsets
    y, x = np.mgrid[:25, :30]
    pixels = np.stack([x, y], axis=-1).reshape(-1, 2) / 5.0 + 1
    distances, nearest = cKDTree(points.reshape(-1, 2)).query(pixels, k=2)
    np.testing.assert_allclose(first.ravel(), distances[:, 0], atol=1e-5)
    assert np.array_equal(owner.ravel(), nearest[:, 0])
    # The second nearest may lie beyond the neighbouring squares; then what is found is farther.
    found = np.isclose(second.ravel(), distances[:, 1], atol=1e-5)
    assert found.mean() > 0.95
    assert (second.ravel() >= distances[:, 1] - 1e-5).all()


def test_walls_are_tiled_with_their_mirror_images():
    flat = rng().random((20, 30, 3), dtype=np.float32)
    shift = np.array([[1, 0, 10], [0, 1, 5], [0, 0, 1]])
    seen = seen_through(flat, shift, (60, 90))
    expected = np.pad(flat, ((5, 35), (10, 50), (0, 0)), mode="reflect")
    np.testing.assert_allclose(seen, expected, atol=1e-5)


def test_light_only_takes_away():
    white = np.ones((60, 80, 3), np.float32)
    details = [{} for _ in range(30)]
    lit = [light_falling(white, rng(i), drawn) for i, drawn in enumerate(details)]
    assert all(picture.max() <= 1 and picture.min() >= 0.1 for picture in lit)
    assert {"shadow", "dapple", "lamp", "light_ramp"} == {key for drawn in details for key in drawn}
    for picture, drawn in zip(lit, details, strict=True):
        if set(drawn) == {"light_ramp"}:
            assert picture.min() == pytest.approx(1 - drawn["light_ramp"], abs=1e-5)
            assert picture.max() == pytest.approx(1, abs=1e-5)


def test_photographs_come_from_the_installed_package_without_importing_it():
    code = (
        "import sys; from ocrlearn.data.synth.backgrounds import photographs;"
        "print(*(p.name for p in photographs())); assert 'skimage' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert tuple(done.stdout.split()) == SHIPPED_PHOTOGRAPHS


def test_photographs_of_a_folder(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("b.PNG", "sub/a.jpg"):
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "notes.txt").write_text("no picture")
    assert photographs(tmp_path) == (tmp_path / "b.PNG", tmp_path / "sub" / "a.jpg")


def test_folders_without_pictures_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no picture .* in folder"):
        photographs(tmp_path)
    with pytest.raises(FileNotFoundError, match="not found"):
        photographs(tmp_path / "missing")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="not a folder"):
        photographs(tmp_path / "file")


def test_crops_keep_proportions(tmp_path):
    """A checkerboard of squares stays one of squares."""
    board = np.kron(np.indices((20, 40)).sum(axis=0) % 2, np.ones((10, 10)))
    picture = np.repeat((255 * board)[..., None], 3, axis=2).astype(np.uint8)
    picture[..., 0] = 255 - picture[..., 0]  # in colour: no tint is added
    cv2.imwrite(str(tmp_path / "board.png"), picture)
    crop = crop_photograph(tmp_path / "board.png", rng(3), (120, 120))
    assert crop.shape == (120, 120, 3)
    assert crop.dtype == np.float32
    bright = crop[..., 0] > 0.5
    across = (bright[:, 1:] != bright[:, :-1]).sum() / 120
    down = (bright[1:] != bright[:-1]).sum() / 120
    assert across == pytest.approx(down, abs=1.5)
    assert across > 5


def test_gray_photographs_are_tinted(tmp_path):
    cv2.imwrite(str(tmp_path / "gray.png"), np.full((60, 60), 128, np.uint8))
    crop = crop_photograph(tmp_path / "gray.png", rng(), (40, 50))
    assert np.ptp(crop[0, 0]) > 0.01
    picture = [
        render_background(0, i, size=(40, 50), photos=[tmp_path / "gray.png"]) for i in range(8)
    ]
    even = [np.ptp(one.reshape(-1, 3), axis=0).max() == 0 for one in picture]
    assert 1 <= sum(even) < 8  # the photograph is even, and no surface is


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "marble"}, "kind must be one of 'plaster'"),
        ({"size": (31, 64)}, r"size\[0\] must lie in \[32"),
        ({"size": (64, 64, 3)}, r"size must be \(height, width\)"),
        ({"index": -1}, "index must lie in"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        render_background(**arguments)


def test_one_path_is_not_taken_for_several():
    with pytest.raises(TypeError, match="photos must be a sequence of files"):
        render_background(photos="wall.png")
