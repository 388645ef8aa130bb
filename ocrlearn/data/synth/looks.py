"""How a sheet of print comes to be an image: as a clean rendering, from a scanner, from a camera.

Each look is a chain of the degradations of :mod:`ocrlearn.data.synth.degrade` in the order in which
they happen: ink on paper, the paper's place before the device, light, lens, sensor, file. How much
of each is drawn at random, within what offices and phones produce; what was drawn is kept in the
`details` of the result.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ocrlearn._validate import check_choice
from ocrlearn.data.synth import degrade
from ocrlearn.data.synth.degrade import PointMap
from ocrlearn.data.synth.sheet import Rendered, Sheet, grow_line, move_line
from ocrlearn.document import Page
from ocrlearn.image.convert import to_uint8

__all__ = ["LOOKS", "expose"]

FloatImage = NDArray[np.float32]
Details = dict[str, Any]
Placement = tuple[PointMap, tuple[int, int]]

LOOKS = ("clean", "scanned", "photographed")


def expose(sheet: Sheet, look: str, rng: np.random.Generator, *, crop: bool = False) -> Rendered:
    """Make an image of `sheet` with one of the :data:`LOOKS`.

    Parameters
    ----------
    sheet
        What was printed.
    look
        "clean": black on white, every pixel the share of paper it shows, gray. "scanned": printed,
        laid a little askew on a scanner, gray or black and white. "photographed": in perspective
        and perhaps curled, in uneven light, through a lens, in colour.
    rng
        Source of all that is left to chance.
    crop
        The sheet holds one line, and the image is to be a crop of it: milder geometry, and no table
        around the page.

    Returns
    -------
    Rendered
    """
    check_choice(look, "look", LOOKS)
    details: Details = {}
    if look == "clean":
        shape = (sheet.coverage.shape[0], sheet.coverage.shape[1])
        placement: Placement = (PointMap.identity(), shape)
        coverage = sheet.coverage
        image: FloatImage = 1 - coverage
    else:
        place = {
            ("scanned", True): _place_scanned_line,
            ("scanned", False): _place_scanned_page,
            ("photographed", True): _place_photographed_line,
            ("photographed", False): _place_photographed_page,
        }[look, crop]
        placement = place(sheet, rng, details)
        printed = _print(sheet, rng, details)
        coverage = degrade.move(printed, *placement, border=0.0)
        finish = _scan if look == "scanned" else _photograph
        image = finish(sheet, coverage, placement, rng, details, crop)
    return _with_truth(sheet, to_uint8(image), coverage, placement[0], look, details)


def _with_truth(
    sheet: Sheet,
    image: NDArray[np.uint8],
    coverage: FloatImage,
    point_map: PointMap,
    look: str,
    details: Details,
) -> Rendered:
    """Carry the sheet's truth to the image."""
    spread = details.get("ink_spread", 0.0)
    lines = tuple(move_line(grow_line(line, spread), point_map) for line in sheet.lines)
    height, width = image.shape[:2]
    x, y = sheet.coverage.shape[1] / 2, sheet.coverage.shape[0] / 2
    before, after = point_map([[x - 1, y], [x + 1, y]])
    angle = float(np.arctan2(before[1] - after[1], after[0] - before[0]))
    page = Page(lines, width, height, method="truth", angle=angle)
    ink = coverage >= 0.5
    return Rendered(image, page, ink, point_map, look, tuple(sorted(sheet.fonts)), details)


def _print(sheet: Sheet, rng: np.random.Generator, details: Details) -> FloatImage:
    """Let the ink run or fail a little, in proportion to the print; returns the new coverage."""
    heights = [np.ptp(line.quad[:, 1]) for line in sheet.lines]  # about four fifths of an em
    size = float(np.median(heights)) if heights else 24.0
    details["ink_spread"] = size * float(np.clip(rng.normal(0.004, 0.006), -0.006, 0.015))
    details["ink_roughness"] = size * float(rng.uniform(0, 0.006))
    sigma = max(0.6, 0.008 * size)
    paper = degrade.ink_spread(
        1 - sheet.coverage,
        details["ink_spread"],
        sigma=sigma,
        roughness=details["ink_roughness"],
        rng=rng,
    )
    return 1 - paper


# ---------------------------------------------------------------------------------------------
# Before the device: where the sheet lies


def _place_scanned_page(sheet: Sheet, rng: np.random.Generator, details: Details) -> Placement:
    """Turn a little about the middle of the sheet; the scan has the size of the sheet."""
    from ocrlearn.image.rectify import rotation

    shape = (sheet.coverage.shape[0], sheet.coverage.shape[1])
    details["skew_degrees"] = float(np.clip(rng.normal(0, 0.9), -2.5, 2.5))
    turn = rotation(shape, np.deg2rad(details["skew_degrees"]), expand=False)
    return PointMap.homography(turn.matrix), shape


def _place_scanned_line(sheet: Sheet, rng: np.random.Generator, details: Details) -> Placement:
    """Cut a line from a scan that was nearly straightened."""
    from ocrlearn.image.rectify import rotation

    height, width = sheet.coverage.shape
    details["skew_degrees"] = float(rng.normal(0, 0.25))
    turn = rotation((height, width), np.deg2rad(details["skew_degrees"]))
    return _cropped(sheet, PointMap.homography(turn.matrix), rng)


def _place_photographed_line(sheet: Sheet, rng: np.random.Generator, details: Details) -> Placement:
    """Cut a line from a photograph: a little tilted and bent."""
    height, width = sheet.coverage.shape
    details["curl"] = float(rng.normal(0, 0.08) * height) if rng.random() < 0.5 else 0.0
    bent, bent_shape = degrade.curl_map(
        (height, width), height=details["curl"], centre=float(rng.random()), spread=0.4
    )
    seen, _ = _camera(bent_shape, rng, details, pitch=6, yaw=6, roll=1.2)
    return _cropped(sheet, bent.then(seen) if details["curl"] else seen, rng)


def _cropped(sheet: Sheet, point_map: PointMap, rng: np.random.Generator) -> Placement:
    """Cut to the lines of `sheet` with a margin of a few pixels on every side."""
    outline = np.concatenate([move_line(line, point_map).quad for line in sheet.lines])
    margins = rng.integers(2, 9, size=4)
    left, top = np.floor(outline.min(axis=0)) - margins[:2]
    right, bottom = np.ceil(outline.max(axis=0)) + margins[2:]
    shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]])
    shape = (int(bottom - top) + 1, int(right - left) + 1)
    return point_map.then(PointMap.homography(shift)), shape


def _place_photographed_page(sheet: Sheet, rng: np.random.Generator, details: Details) -> Placement:
    """Put a page on a table, flat or with the swell of an open book."""
    shape = (sheet.coverage.shape[0], sheet.coverage.shape[1])
    if rng.random() < 0.4:
        details["curl"] = 0.0
        return _camera(shape, rng, details, pitch=12, yaw=9, roll=2.5)
    details["curl"] = float(rng.uniform(0.01, 0.035) * shape[1] * rng.choice([-1, 1]))
    details["curl_centre"] = float(rng.choice([0.0, 1.0]) + rng.normal(0, 0.15))
    bent, bent_shape = degrade.curl_map(
        shape,
        height=details["curl"],
        centre=details["curl_centre"],
        spread=float(rng.uniform(0.25, 0.45)),
    )
    seen, seen_shape = _camera(bent_shape, rng, details, pitch=12, yaw=9, roll=2.5)
    return bent.then(seen), seen_shape


def _camera(
    shape: tuple[int, int],
    rng: np.random.Generator,
    details: Details,
    *,
    pitch: float,
    yaw: float,
    roll: float,
) -> Placement:
    """Look at a sheet of `shape` with a pinhole camera held by hand.

    The camera is 2.5 page diagonals away, which is how one photographs a page with a phone. It is
    turned about its three axes by up to `pitch` and `yaw` (uniform) and by `roll` (standard
    deviation), in degrees. The picture is scaled so that the middle of the sheet keeps its size and
    cut so that the sheet fills it but for a small margin.
    """
    height, width = shape
    angles = rng.uniform(-pitch, pitch), rng.uniform(-yaw, yaw), rng.normal(0, roll)
    details["pitch_yaw_roll_degrees"] = tuple(float(angle) for angle in angles)
    tilt, turn, roll_angle = np.deg2rad(angles)
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]]
    )
    about_y = np.array(
        [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
    )
    about_z = np.array(
        [
            [np.cos(roll_angle), np.sin(roll_angle), 0],
            [-np.sin(roll_angle), np.cos(roll_angle), 0],
            [0, 0, 1],
        ]
    )
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]])
    centred = np.column_stack([corners - corners.mean(axis=0), np.zeros(4)])
    in_space = centred @ (about_z @ about_y @ about_x).T
    distance = 2.5 * np.hypot(height, width)
    seen = in_space[:, :2] * distance / (distance + in_space[:, 2:])
    margin = rng.uniform(0.015, 0.06, size=4) * min(height, width)
    seen -= seen.min(axis=0) - margin[:2]
    right, bottom = seen.max(axis=0) + margin[2:]
    return degrade.perspective_map(shape, seen), (int(bottom) + 1, int(right) + 1)


# ---------------------------------------------------------------------------------------------
# The scanner


def _scan(
    sheet: Sheet,
    coverage: FloatImage,
    placement: Placement,
    rng: np.random.Generator,
    details: Details,
    crop: bool,
) -> FloatImage:
    """Gray with the traces of paper, lamp and JPEG, or one bit with the traces of thresholding."""
    del sheet, placement
    paper, ink = rng.uniform(0.88, 1.0), rng.uniform(0.0, 0.22)
    image = (paper + coverage * (ink - paper)).astype(np.float32)
    image = degrade.paper_texture(image, rng, strength=float(rng.uniform(0.002, 0.012)))
    if not crop and rng.random() < 0.35:
        details["bleed_through"] = float(rng.uniform(0.04, 0.16))
        image = degrade.bleed_through(image, 1 - coverage[::-1], strength=details["bleed_through"])
    if not crop and rng.random() < 0.5:
        # Paper that lifts from the glass towards the book's spine gets less light.
        details["gutter_shadow"] = float(rng.uniform(0.2, 0.6))
        image = degrade.shadow(
            image,
            darkness=details["gutter_shadow"],
            angle=float(rng.choice([0.0, np.pi])),
            offset=image.shape[1] / max(image.shape[:2]),
            softness=float(rng.uniform(0.02, 0.06)),
        )
    image = degrade.specks(image, rng, density=float(rng.exponential(0.8)))
    details["blur"] = float(rng.uniform(0.25, 0.6))
    image = degrade.gaussian_blur(image, details["blur"])
    details["bilevel"] = bool(rng.random() < 0.5)
    if not details["bilevel"]:
        image = degrade.sensor_noise(image, rng, photons=4000, read=0.006, correlation=0.6)
        details["jpeg_quality"] = int(rng.integers(55, 93))
        return degrade.jpeg(image, details["jpeg_quality"])
    # One bit: what was noise turns into ragged edges, lost hairlines and pepper.
    image = degrade.sensor_noise(image, rng, photons=400, read=0.03, correlation=0.6)
    details["threshold"] = float(np.clip(rng.normal(0.54, 0.05), 0.46, 0.66))
    image = degrade.threshold_scan(image, details["threshold"] * (paper + ink))
    image = degrade.specks(image, rng, density=float(rng.exponential(1.5)), radius=(0.6, 1.6))
    return degrade.threshold_scan(image)


# ---------------------------------------------------------------------------------------------
# The camera


def _photograph(
    sheet: Sheet,
    coverage: FloatImage,
    placement: Placement,
    rng: np.random.Generator,
    details: Details,
    crop: bool,
) -> FloatImage:
    """Colour, uneven light, lens, sensor and JPEG."""
    paper = rng.uniform(0.78, 0.95) * np.array([1.0, rng.uniform(0.95, 1.0), rng.uniform(0.84, 1)])
    ink = rng.uniform(0.05, 0.25) * rng.uniform(0.9, 1.1, size=3)
    texture = degrade.paper_texture(
        np.full(coverage.shape, 0.9, np.float32), rng, strength=float(rng.uniform(0.003, 0.012))
    )
    shade = (texture / 0.9)[..., None]
    image = ((paper + coverage[..., None] * (ink - paper)) * shade).astype(np.float32)
    image = np.clip(image, 0, 1)
    if not crop:
        image = _on_table(image, sheet, placement, rng)
    image = _uneven_light(image, rng, details)
    image = _lens(image, rng, details)
    # Automatic exposure: most of the picture is paper, and comes out light but not burnt.
    middling, brightest = np.percentile(image[::4, ::4], (60, 99))
    gain = min(rng.uniform(0.6, 0.85) / middling, 1.02 / brightest)
    image = np.clip(image * np.float32(gain), 0, 1)
    details["photons"] = float(np.exp(rng.uniform(np.log(300), np.log(4000))))
    image = degrade.sensor_noise(image, rng, photons=details["photons"], read=0.01, correlation=0.7)
    details["jpeg_quality"] = int(rng.integers(60, 93))
    return degrade.jpeg(image, details["jpeg_quality"])


def _uneven_light(image: FloatImage, rng: np.random.Generator, details: Details) -> FloatImage:
    details["light_ramp"] = float(rng.uniform(0.1, 0.5))
    image = degrade.light_ramp(image, details["light_ramp"], angle=float(rng.uniform(0, 2 * np.pi)))
    image = degrade.vignette(image, float(rng.uniform(0.1, 0.4)))
    if rng.random() < 0.5:
        details["shadow"] = float(rng.uniform(0.15, 0.4))
        image = degrade.shadow(
            image,
            darkness=details["shadow"],
            angle=float(rng.uniform(0, 2 * np.pi)),
            offset=float(rng.normal(0.2, 0.4)),
            softness=float(rng.uniform(0.02, 0.25)),
        )
    return image


def _lens(image: FloatImage, rng: np.random.Generator, details: Details) -> FloatImage:
    """Every lens blurs a little; some pictures are out of focus, some were moved."""
    image = degrade.gaussian_blur(image, float(rng.uniform(0.4, 0.9)))
    fault = rng.random()
    if fault < 0.3:
        details["defocus"] = float(rng.uniform(0.8, 2.0))
        image = degrade.defocus_blur(image, details["defocus"])
    elif fault < 0.5:
        details["motion"] = float(rng.uniform(1.5, 4.0))
        image = degrade.motion_blur(image, details["motion"], angle=float(rng.uniform(0, np.pi)))
    return image


def _on_table(
    image: FloatImage, sheet: Sheet, placement: Placement, rng: np.random.Generator
) -> FloatImage:
    """Lay the sheet on a table that shows around it, with the thin shadow of its edge."""
    on_sheet = degrade.move(np.ones_like(sheet.coverage), *placement, border=0.0)
    table = _table(image.shape[:2], rng)
    shift = rng.uniform(-6, 6, size=2)
    shadow = ndimage.gaussian_filter(ndimage.shift(on_sheet, shift, order=1), 5)
    table *= (1 - 0.5 * shadow)[..., None]
    cover = on_sheet[..., None]
    return (cover * image + (1 - cover) * table).astype(np.float32)


def _table(shape: tuple[int, ...], rng: np.random.Generator) -> FloatImage:
    """Paint a table top: wood with streaks of grain, plain laminate, or woven cloth."""
    material = rng.integers(3)
    if material == 0:
        colour = np.array([0.42, 0.28, 0.17]) * rng.uniform(0.5, 1.4)
        grain, contrast = (1.5, 12.0), rng.uniform(0.03, 0.1)
    elif material == 1:
        colour = np.array([0.5, 0.5, 0.52]) * rng.uniform(0.2, 1.3)
        grain, contrast = (3.0, 3.0), rng.uniform(0.0, 0.02)
    else:
        colour = rng.uniform(0.15, 0.55) * rng.uniform(0.75, 1.25, size=3)
        grain, contrast = (0.8, 0.8), rng.uniform(0.05, 0.15)
    # The noise is drawn on an eighth of the columns; lengths along a row count eight there.
    noise = rng.standard_normal((shape[0], -(-shape[1] // 8)), dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, grain, mode="wrap")
    noise = ndimage.zoom(noise / noise.std(), (1, 8), order=1)[:, : shape[1]]
    return np.clip(colour * (1 + contrast * noise[..., None]), 0, 1).astype(np.float32)
