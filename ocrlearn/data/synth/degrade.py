"""What happens to print on its way into an image file, one small function per cause.

Printing, paper, light, lens, sensor and file format each leave their own trace, and a reader that
never met a trace in training stumbles over it. Every function here models one cause, takes that
cause's physical quantity (a radius in pixels, an angle in radians, a number of photons) and says in
its docstring what it means, so that a degraded picture can be explained and repeated.

*Photometric* functions change values and not places. They accept any image of the library, ``(H,
W)`` or ``(H, W, 3)``, uint8 or float in [0, 1], and return a float32 image of the same shape in
[0, 1], so that a chain of them rounds only once, at the end (:func:`ocrlearn.image.to_uint8`).
Values are taken as proportional to light; the tone curve of a camera is not modelled.

*Geometric* functions move places. They return the new image **and** the :class:`PointMap` that
carries points of the old image to the new one, the very map by which the pixels were moved, so that
labels stay exact.

Nothing is random unless a ``numpy.random.Generator`` is passed in; the same generator state gives
the same image.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy import ndimage, signal, special

from ocrlearn._validate import check_image, check_number
from ocrlearn.image.convert import to_float, to_uint8

__all__ = [
    "PointMap",
    "bleed_through",
    "curl",
    "curl_map",
    "defocus_blur",
    "downsample",
    "gaussian_blur",
    "ink_spread",
    "jpeg",
    "light_ramp",
    "low_resolution",
    "motion_blur",
    "move",
    "paper_texture",
    "perspective",
    "perspective_map",
    "rotate",
    "scale_map",
    "sensor_noise",
    "shadow",
    "specks",
    "threshold_scan",
    "vignette",
]

FloatImage = NDArray[np.float32]
Points = NDArray[np.float64]


def _working_copy(image: Any) -> FloatImage:
    """Return a float32 copy of any accepted image."""
    return to_float(check_image(image)).astype(np.float32, copy=True)


def _per_channel(operation: Callable[[FloatImage], NDArray[Any]], image: FloatImage) -> FloatImage:
    """Apply a filter for ``(H, W)`` images to each channel."""
    if image.ndim == 2:
        return np.clip(operation(image), 0, 1).astype(np.float32)
    channels = [operation(image[..., c]) for c in range(image.shape[2])]
    return np.clip(np.stack(channels, axis=-1), 0, 1).astype(np.float32)


def _times(image: FloatImage, field: NDArray[Any]) -> FloatImage:
    """Multiply every channel by the ``(H, W)`` `field`."""
    shaped = field if image.ndim == 2 else field[..., None]
    return np.clip(image * shaped, 0, 1).astype(np.float32)


def _unit_square(shape: tuple[int, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pixel coordinates with the centre at 0 and the longer side spanning [-1, 1]: (x, y)."""
    height, width = shape[:2]
    half = max(height, width) / 2
    y = ((np.arange(height) - (height - 1) / 2) / half).astype(np.float32)
    x = ((np.arange(width) - (width - 1) / 2) / half).astype(np.float32)
    return x[None, :], y[:, None]


# ---------------------------------------------------------------------------------------------
# Printing and paper


def ink_spread(
    image: Any,
    amount: float,
    *,
    sigma: float = 1.0,
    roughness: float = 0.0,
    rng: np.random.Generator | None = None,
) -> FloatImage:
    """Let ink run into the paper, or fail to reach the edges of the letters.

    The ink (one minus the image) is blurred and thresholded again. Across a straight edge the
    blurred ink falls as the normal distribution function, so the threshold ``Phi(-amount / sigma)``
    moves every straight edge outwards by exactly `amount`; corners are rounded, thin gaps fill and
    thin strokes break, as in print.

    Parameters
    ----------
    image
        Dark ink on white paper, best as it comes from rendering.
    amount
        How far edges move outwards, in pixels; negative erodes. In [-2 sigma, 2 sigma].
    sigma
        Radius of the blur in pixels: how far the ink feels its surroundings.
    roughness
        Standard deviation, in pixels, by which the edge wanders as the paper's fibres take more or
        less ink. Needs `rng`.
    rng
        Source of the roughness.

    Raises
    ------
    ValueError
        If a parameter is out of range, or `roughness` is asked for without `rng`.
    """
    check_number(sigma, "sigma", low=0, low_open=True)
    check_number(amount, "amount", low=-2 * sigma, high=2 * sigma)
    check_number(roughness, "roughness", low=0)
    if roughness and rng is None:
        raise ValueError("roughness needs rng, a numpy.random.Generator")
    paper = _working_copy(image)
    shift: Any = np.float32(amount)
    if rng is not None and roughness:
        wander = _smooth_noise(paper.shape[:2], rng, correlation=1.5)
        shift = np.clip(amount + roughness * wander, -2 * sigma, 2 * sigma)
    threshold = special.ndtr(-shift / sigma)
    slope = np.exp(-0.5 * (shift / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))

    def spread(channel: FloatImage) -> NDArray[Any]:
        ink = ndimage.gaussian_filter(1 - channel, sigma, mode="nearest")
        return 1 - np.clip((ink - threshold) / slope + 0.5, 0, 1)

    return _per_channel(spread, paper)


def _smooth_noise(
    shape: tuple[int, ...], rng: np.random.Generator, correlation: float
) -> FloatImage:
    """Gaussian noise of mean 0 and variance 1 whose neighbours agree over `correlation` pixels.

    Slow fields are made small and enlarged, since a field that hardly changes from pixel to pixel
    need not be computed at every one.
    """
    step = max(1, int(correlation / 2))
    small = tuple(-(-size // step) + 3 for size in shape[:2])
    noise = rng.standard_normal(small, dtype=np.float32)
    sigma = correlation / step
    noise = ndimage.gaussian_filter(noise, sigma, mode="wrap")
    kernel = ndimage.gaussian_filter1d(np.eye(1, 8 * int(sigma) + 9, 4 * int(sigma) + 4)[0], sigma)
    noise /= np.float32(np.sum(kernel**2))  # the same sum along both axes: root of their product
    if step > 1:
        noise = ndimage.zoom(noise, step, order=1)
    return noise[: shape[0], : shape[1]]


def paper_texture(
    image: Any, rng: np.random.Generator, *, strength: float = 0.03, grain: float = 1.5
) -> FloatImage:
    """Make the sheet uneven: fibres and clouds reflect a little more or less light.

    The image is multiplied by one plus noise at the scale of fibres (`grain` pixels) and, half as
    strong, at ten times that scale, where formed paper is cloudy.

    Parameters
    ----------
    image
        Any image.
    rng
        Source of the texture.
    strength
        Standard deviation of the reflectance at the scale of fibres, as a share of white.
    grain
        Correlation length of the fibres in pixels.
    """
    check_number(strength, "strength", low=0, high=1)
    check_number(grain, "grain", low=0, low_open=True)
    paper = _working_copy(image)
    fibres = _smooth_noise(paper.shape, rng, grain)
    clouds = _smooth_noise(paper.shape, rng, 10 * grain)
    return _times(paper, 1 + strength * fibres + strength / 2 * clouds)


def bleed_through(image: Any, other_side: Any, *, strength: float = 0.1) -> FloatImage:
    """Let the print of the other side shine through the paper.

    The other side is seen mirrored and scattered by the paper (a Gaussian blur of 2 pixels), and
    darkens the sheet by at most `strength`.

    Parameters
    ----------
    image
        The front, any image.
    other_side
        The back as it would be read from its own side, ``(H, W)`` with the height and width of
        `image`.
    strength
        Share of the light that full ink on the back takes away.
    """
    check_number(strength, "strength", low=0, high=1)
    paper = _working_copy(image)
    back = to_float(check_image(other_side, "other_side", gray=True))
    if back.shape != paper.shape[:2]:
        raise ValueError(
            f"other_side must have the height and width of image {paper.shape[:2]}, "
            f"got {back.shape}"
        )
    scattered = ndimage.gaussian_filter(1 - back[:, ::-1], 2.0, mode="nearest")
    return _times(paper, 1 - strength * scattered)


def specks(
    image: Any,
    rng: np.random.Generator,
    *,
    density: float = 20.0,
    radius: tuple[float, float] = (0.4, 1.5),
    value: float = 0.0,
) -> FloatImage:
    """Scatter round specks: dust and toner (dark), or holes in the ink ("salt", bright).

    Parameters
    ----------
    image
        Any image.
    rng
        Source of number, places and sizes.
    density
        Expected number of specks per 100,000 pixels; the number is Poisson distributed.
    radius
        Least and greatest radius in pixels; small specks are the more frequent (log-uniform).
    value
        Brightness of a speck: 0 black, 1 white.
    """
    check_number(density, "density", low=0)
    check_number(value, "value", low=0, high=1)
    low = check_number(radius[0], "radius[0]", low=0, low_open=True)
    high = check_number(radius[1], "radius[1]", low=low)
    paper = _working_copy(image)
    height, width = paper.shape[:2]
    number = int(rng.poisson(density * height * width / 1e5))
    centres = rng.random((number, 2)) * (width, height) - 0.5
    radii = np.exp(rng.uniform(np.log(low), np.log(high), number))
    for (x, y), r in zip(centres, radii, strict=True):
        reach = r + 1
        left, right = max(0, int(x - reach)), min(width, int(x + reach) + 2)
        top, bottom = max(0, int(y - reach)), min(height, int(y + reach) + 2)
        distance = np.hypot(
            np.arange(left, right)[None, :] - x, np.arange(top, bottom)[:, None] - y
        )
        cover = np.clip(r - distance + 0.5, 0, 1).astype(np.float32)
        if paper.ndim == 3:
            cover = cover[..., None]
        patch = paper[top:bottom, left:right]
        patch += cover * (value - patch)
    return paper


# ---------------------------------------------------------------------------------------------
# Light


def light_ramp(image: Any, strength: float, *, angle: float = 0.0) -> FloatImage:
    """Light that falls off evenly from one side of the page to the other.

    Parameters
    ----------
    image
        Any image.
    strength
        Share of the light missing at the dark end, in [0, 1]; the bright end keeps its values.
    angle
        Direction in which it gets darker, in radians: 0 to the right, pi/2 to the top.
    """
    check_number(strength, "strength", low=0, high=1)
    check_number(angle, "angle")
    paper = _working_copy(image)
    x, y = _unit_square(paper.shape)
    along = x * np.cos(angle) - y * np.sin(angle)
    span = float(np.ptp(along)) or 1.0
    return _times(paper, 1 - strength * (along - along.min()) / span)


def vignette(
    image: Any, field_angle: float, *, centre: tuple[float, float] = (0.0, 0.0)
) -> FloatImage:
    """Natural vignetting: a lens lights its image by the fourth power of the cosine.

    Parameters
    ----------
    image
        Any image.
    field_angle
        Angle in radians between the optical axis and the ray to the middle of the longer side; the
        light there is ``cos(field_angle) ** 4`` of the light on the axis. In [0, pi/2).
    centre
        Where the axis meets the picture, in units of half the longer side from the middle.
    """
    check_number(field_angle, "field_angle", low=0, high=1.55)
    paper = _working_copy(image)
    x, y = _unit_square(paper.shape)
    tangent = np.tan(field_angle) * np.hypot(x - centre[0], y - centre[1])
    return _times(paper, 1 / (1 + tangent**2) ** 2)


def shadow(
    image: Any,
    *,
    darkness: float = 0.5,
    angle: float = 0.5,
    offset: float = 0.0,
    softness: float = 0.1,
) -> FloatImage:
    """Throw the shadow of a straight edge, such as a hand or a phone, over one side.

    Parameters
    ----------
    image
        Any image.
    darkness
        Share of the light that is missing in the full shadow, in [0, 1].
    angle
        Direction from the lit into the shaded side, in radians, counter-clockwise from right.
    offset
        Signed distance of the edge from the middle, in that direction, in units of half the longer
        side.
    softness
        Width of the half-shadow (standard deviation), in the same unit: zero for a point light.
    """
    check_number(darkness, "darkness", low=0, high=1)
    check_number(angle, "angle")
    check_number(offset, "offset")
    check_number(softness, "softness", low=0)
    paper = _working_copy(image)
    x, y = _unit_square(paper.shape)
    inside = x * np.cos(angle) - y * np.sin(angle) - offset
    covered = special.ndtr(inside / softness) if softness else inside > 0
    return _times(paper, 1 - darkness * covered)


# ---------------------------------------------------------------------------------------------
# Lens and movement


def gaussian_blur(image: Any, sigma: float) -> FloatImage:
    """Blur by a Gaussian of standard deviation `sigma` pixels: the sum of many small blurs."""
    check_number(sigma, "sigma", low=0)
    paper = _working_copy(image)
    if sigma == 0:
        return paper
    return _per_channel(lambda one: ndimage.gaussian_filter(one, sigma, mode="nearest"), paper)


def defocus_blur(image: Any, radius: float) -> FloatImage:
    """Put the lens out of focus: every point becomes a disc of `radius` pixels.

    The disc is the image of the lens opening (the circle of confusion). Its edge pixels count by
    the share of them that is covered.
    """
    check_number(radius, "radius", low=0)
    reach = int(np.ceil(radius))
    fine = 8  # sub-samples per pixel side, to weigh the pixels on the rim
    steps = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
    inside = np.hypot(steps[None, :], steps[:, None]) <= radius
    size = 2 * reach + 1
    kernel = inside.reshape(size, fine, size, fine).sum(axis=(1, 3)).astype(np.float64)
    if kernel.sum() == 0:
        return _working_copy(image)
    return _convolve(_working_copy(image), kernel / kernel.sum())


def motion_blur(image: Any, length: float, *, angle: float = 0.0) -> FloatImage:
    """Move the camera in a straight line while the shutter is open.

    Parameters
    ----------
    image
        Any image.
    length
        Way travelled, in pixels.
    angle
        Direction in radians, counter-clockwise from right; opposite directions are the same blur.
    """
    check_number(length, "length", low=0)
    check_number(angle, "angle")
    reach = int(np.ceil(length / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    samples = max(1, int(np.ceil(length * 16)))
    along = ((np.arange(samples) + 0.5) / samples - 0.5) * length
    for x, y in zip(along * np.cos(angle), -along * np.sin(angle), strict=True):
        column, row = int(np.floor(x)), int(np.floor(y))
        right, down = x - column, y - row
        kernel[row + reach, column + reach] += (1 - right) * (1 - down)
        kernel[row + reach, column + reach + 1] += right * (1 - down)
        kernel[row + reach + 1, column + reach] += (1 - right) * down
        kernel[row + reach + 1, column + reach + 1] += right * down
    return _convolve(_working_copy(image), kernel / kernel.sum())


def _convolve(image: FloatImage, kernel: NDArray[np.float64]) -> FloatImage:
    """Convolve with a small kernel; the border pixels are continued outwards."""
    reach = kernel.shape[0] // 2

    def convolved(channel: FloatImage) -> NDArray[Any]:
        padded = np.pad(channel, reach, mode="edge")
        return signal.oaconvolve(padded, kernel.astype(np.float32), mode="valid")

    return _per_channel(convolved, image)


def downsample(image: Any, factor: float) -> tuple[FloatImage, "PointMap"]:
    """Sample with fewer, larger pixels, each the mean of the area it covers.

    Parameters
    ----------
    image
        Any image.
    factor
        Old pixels per new pixel along each axis, at least 1. The new size is rounded to whole
        pixels.

    Returns
    -------
    image, map
        The smaller image, and the map from points of `image` to points of it.
    """
    check_number(factor, "factor", low=1)
    paper = _working_copy(image)
    height, width = paper.shape[:2]
    shape = (max(1, round(height / factor)), max(1, round(width / factor)))
    return _resize(paper, shape, Image.Resampling.BOX), scale_map((height, width), shape)


def low_resolution(image: Any, factor: float) -> FloatImage:
    """Lose detail and keep the size: sample by area, then enlarge by cubic interpolation.

    This is a picture taken with too few pixels and shown larger. `factor` is as in
    :func:`downsample`.
    """
    small, _ = downsample(image, factor)
    height, width = np.asarray(image).shape[:2]
    return _resize(small, (height, width), Image.Resampling.BICUBIC)


def _resize(image: FloatImage, shape: tuple[int, int], resampling: Any) -> FloatImage:
    """Resize to `shape` (height, width) in floating point, through Pillow."""
    size = (shape[1], shape[0])
    return _per_channel(
        lambda one: np.asarray(Image.fromarray(one).resize(size, resampling)), image
    )


# ---------------------------------------------------------------------------------------------
# Sensor and file


def sensor_noise(
    image: Any,
    rng: np.random.Generator,
    *,
    photons: float = 1000.0,
    read: float = 0.005,
    correlation: float = 0.0,
) -> FloatImage:
    """Add the noise of a sensor: shot noise that grows with the light, and read-out noise.

    A pixel that expects ``n = value * photons`` electrons collects a Poisson number of them, here
    by its normal approximation of variance ``n``; the amplifier then adds noise that does not
    depend on the light. In units of white the variance is ``value / photons + read ** 2`` (Foi,
    Trimeche, Katkovnik and Egiazarian, "Practical Poissonian-Gaussian noise modeling and fitting
    for single-image raw-data", IEEE Transactions on Image Processing, 2008).

    Parameters
    ----------
    image
        Any image.
    rng
        Source of the noise.
    photons
        Electrons that a white pixel collects: 10,000 in good light, 100 in a dark room.
    read
        Standard deviation of the read-out noise as a share of white.
    correlation
        Radius in pixels over which the noise agrees with itself, as it does after a camera has
        interpolated colours and smoothed. Its variance is kept.
    """
    check_number(photons, "photons", low=0, low_open=True)
    check_number(read, "read", low=0)
    check_number(correlation, "correlation", low=0)
    paper = _working_copy(image)
    deviation = np.sqrt(paper / np.float32(photons) + np.float32(read**2))

    def draw() -> FloatImage:
        if correlation:
            return _smooth_noise(paper.shape[:2], rng, correlation)
        return rng.standard_normal(paper.shape[:2], dtype=np.float32)

    if paper.ndim == 3:
        noise = np.stack([draw() for _ in range(paper.shape[2])], axis=-1)
    else:
        noise = draw()
    return np.clip(paper + deviation * noise, 0, 1).astype(np.float32)


def jpeg(image: Any, quality: int) -> FloatImage:
    """Store as JPEG and read back: blocks of 8 x 8 and ringing at the edges of letters.

    Parameters
    ----------
    image
        Any image; colour is stored with half the resolution (4:2:0), as cameras do.
    quality
        libjpeg's quality from 1 to 95; phones use about 90, the web about 75, faxed-around
        pictures 30 and less.
    """
    check_number(quality, "quality", low=1, high=95, integer=True)
    buffer = io.BytesIO()
    Image.fromarray(to_uint8(image)).save(buffer, "JPEG", quality=int(quality), subsampling=2)
    return _working_copy(np.asarray(Image.open(buffer)))


def threshold_scan(image: Any, level: float = 0.5) -> FloatImage:
    """Scan in black and white: what is darker than `level` becomes 0, all else 1.

    Fax machines and much of the last century's scanning kept one bit per pixel. A level above one
    half makes strokes fat, a level below it breaks them.
    """
    check_number(level, "level", low=0, high=1)
    paper = _working_copy(image)
    if paper.ndim == 3:
        paper = paper.mean(axis=-1)
        return np.repeat((paper >= level)[..., None], 3, axis=-1).astype(np.float32)
    return (paper >= level).astype(np.float32)


# ---------------------------------------------------------------------------------------------
# Geometry


@dataclass(frozen=True, eq=False)
class PointMap:
    """Where points go when an image is moved, and where they came from.

    Attributes
    ----------
    forward
        Function of ``(N, 2)`` points (x, y) of the old image to ``(N, 2)`` of the new one, float64.
    inverse
        The way back, which is what moving pixels needs.
    matrix
        The ``(3, 3)`` homography that does the same, or None for a map that bends straight lines.
    parts
        The two maps that this one is made of, in order, or None.
    """

    forward: Callable[[Points], Points]
    inverse: Callable[[Points], Points]
    matrix: Points | None = None
    parts: tuple["PointMap", "PointMap"] | None = None

    def __call__(self, points: ArrayLike) -> Points:
        """Map points of shape ``(..., 2)``, such as quads ``(N, 4, 2)``."""
        array = np.asarray(points, dtype=np.float64)
        return self.forward(array.reshape(-1, 2)).reshape(array.shape)

    def back(self, points: ArrayLike) -> Points:
        """Map points of the new image, of shape ``(..., 2)``, to the old one."""
        array = np.asarray(points, dtype=np.float64)
        return self.inverse(array.reshape(-1, 2)).reshape(array.shape)

    def sources(self, shape: tuple[int, int]) -> Points:
        """Return where each pixel of a result of `shape` comes from, ``(height, width, 2)``."""
        from ocrlearn.image.rectify import source_map

        if self.matrix is not None:
            return source_map(self.matrix, shape)
        if self.parts is not None:
            return self.parts[0].back(self.parts[1].sources(shape))
        x, y = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
        return self.back(np.stack([x, y], axis=-1))

    def then(self, after: "PointMap") -> "PointMap":
        """Return this map followed by `after`."""
        if self.matrix is not None and after.matrix is not None:
            return PointMap.homography(after.matrix @ self.matrix)
        return PointMap(
            forward=lambda points: after.forward(self.forward(points)),
            inverse=lambda points: self.inverse(after.inverse(points)),
            parts=(self, after),
        )

    @staticmethod
    def identity() -> "PointMap":
        """Return the map that moves nothing."""
        return PointMap.homography(np.eye(3))

    @staticmethod
    def homography(matrix: ArrayLike) -> "PointMap":
        """Return the projective map of a ``(3, 3)`` matrix acting on (x, y, 1)."""
        from ocrlearn.geometry import transform_points

        forward = np.asarray(matrix, dtype=np.float64)
        inverse = np.linalg.inv(forward)
        return PointMap(
            forward=lambda points: transform_points(points, forward),
            inverse=lambda points: transform_points(points, inverse),
            matrix=forward,
        )


def move(
    image: Any,
    point_map: PointMap,
    shape: tuple[int, int],
    *,
    border: float | ArrayLike | str = 1.0,
) -> FloatImage:
    """Move the pixels of `image` as `point_map` moves points, with bilinear interpolation.

    Parameters
    ----------
    image
        Any image.
    point_map
        From points of `image` to points of the result.
    shape
        ``(height, width)`` of the result.
    border
        Brightness in [0, 1] of what lies outside `image`, one number or one for each channel; or
        "edge", which continues its border pixels outwards.

    Returns
    -------
    array
        float32, ``(height, width)`` or ``(height, width, 3)``.
    """
    from ocrlearn.image.rectify import warp

    paper = _working_copy(image)
    if point_map.matrix is not None:
        return warp(paper, point_map.matrix, shape, border=border)
    return warp(paper, point_map.sources(shape), border=border)


def scale_map(old_shape: tuple[int, int], new_shape: tuple[int, int]) -> PointMap:
    """Return the map of a resize from `old_shape` to `new_shape`, both (height, width).

    Pixel centres lie at whole numbers, so the edge of the picture is at -0.5 on both sides.
    """
    x_ratio, y_ratio = new_shape[1] / old_shape[1], new_shape[0] / old_shape[0]
    # (x + 0.5) * ratio - 0.5
    x_shift, y_shift = (x_ratio - 1) / 2, (y_ratio - 1) / 2
    return PointMap.homography(np.array([[x_ratio, 0, x_shift], [0, y_ratio, y_shift], [0, 0, 1]]))


def perspective_map(shape: tuple[int, int], corners: ArrayLike) -> PointMap:
    """Return the projective map that carries a picture's corners to four given points.

    Parameters
    ----------
    shape
        ``(height, width)`` of the picture.
    corners
        ``(4, 2)``: where its top-left, top-right, bottom-right and bottom-left pixel centres go.

    Raises
    ------
    ValueError
        If `corners` are not the corners of a convex quad, clockwise as seen on the screen.
    """
    from ocrlearn.geometry import is_clockwise, is_convex
    from ocrlearn.image.rectify import homography

    target = np.asarray(corners, dtype=np.float64)
    if target.shape != (4, 2):
        raise ValueError(f"corners must have shape (4, 2), got {target.shape}")
    if not (is_convex(target) and is_clockwise(target)):
        raise ValueError(
            "corners must be the corners of a convex quad, clockwise as seen on the screen, "
            f"got {target.tolist()}"
        )
    bottom, right = shape[0] - 1, shape[1] - 1
    own_corners = [[0, 0], [right, 0], [right, bottom], [0, bottom]]
    return PointMap.homography(homography(own_corners, target))


def curl_map(
    shape: tuple[int, int], *, height: float, centre: float = 0.5, spread: float = 0.3
) -> tuple[PointMap, tuple[int, int]]:
    """Return the map of a page that bulges like an open book, and the shape that holds it.

    The sheet is bent about vertical axes only: its height above the table is the Gaussian
    ``h(x) = height * exp(-((x / width - centre) / spread) ** 2 / 2)``, and it is looked at from a
    long way off at 45 degrees from below, so that a point raised by h appears h higher. Lines of
    text become arches. Paper does not stretch: what is bent is seen narrower, because a step along
    the sheet is the hypotenuse of a step across the table and one upwards.

    Parameters
    ----------
    shape
        ``(height, width)`` of the flat sheet in pixels.
    height
        Of the bulge in pixels; negative for a hollow.
    centre, spread
        Place and standard deviation of the bulge, as shares of the width.
    """
    check_number(height, "height")
    check_number(centre, "centre")
    check_number(spread, "spread", low=0, low_open=True)
    sheet_height, width = shape
    across = np.linspace(0, width - 1, max(2, 4 * width))  # on the table, finely sampled
    lift = height * np.exp(-0.5 * ((across / width - centre) / spread) ** 2)
    # The place on the sheet that lies above `across`; the sheet ends before the table does.
    along = np.concatenate([[0], np.cumsum(np.hypot(np.diff(across), np.diff(lift)))])
    highest, lowest = float(lift.max()), float(lift.min())
    seen_width = float(np.interp(width - 1, along, across))

    # Beyond the sheet both functions go on with slope one, so that the map stays invertible.
    def to_table(sheet: Points) -> Points:
        inside = np.interp(sheet, along, across)
        return inside + np.minimum(sheet, 0) + np.maximum(sheet - along[-1], 0)

    def to_sheet(table: Points) -> Points:
        inside = np.interp(table, across, along)
        return inside + np.minimum(table, 0) + np.maximum(table - across[-1], 0)

    def forward(points: Points) -> Points:
        x = to_table(points[:, 0])
        return np.column_stack([x, points[:, 1] + highest - np.interp(x, across, lift)])

    def inverse(points: Points) -> Points:
        x = points[:, 0]
        return np.column_stack([to_sheet(x), points[:, 1] - highest + np.interp(x, across, lift)])

    seen_shape = (int(np.ceil(sheet_height + highest - lowest)), int(np.ceil(seen_width)) + 1)
    return PointMap(forward, inverse), seen_shape


def rotate(
    image: Any, angle: float, *, border: float | ArrayLike | str = 1.0
) -> tuple[FloatImage, PointMap]:
    """Turn a picture by `angle` radians, counter-clockwise; the result holds all of it.

    `border` is as in :func:`move`.
    """
    from ocrlearn.image.rectify import rotation

    paper = check_image(image)
    matrix, shape = rotation(paper.shape[:2], angle)
    turned = PointMap.homography(matrix)
    return move(paper, turned, shape, border=border), turned


def perspective(
    image: Any,
    corners: ArrayLike,
    *,
    shape: tuple[int, int] | None = None,
    border: float | ArrayLike | str = 1.0,
) -> tuple[FloatImage, PointMap]:
    """Look at a flat picture from an angle: carry its corners to `corners`.

    `shape` is the height and width of the result, by default those of `image`. See
    :func:`perspective_map` for `corners` and :func:`move` for `border`.
    """
    paper = check_image(image)
    height, width = paper.shape[:2]
    seen = perspective_map((height, width), corners)
    return move(paper, seen, shape or (height, width), border=border), seen


def curl(
    image: Any,
    *,
    height: float,
    centre: float = 0.5,
    spread: float = 0.3,
    border: float | ArrayLike | str = 1.0,
) -> tuple[FloatImage, PointMap]:
    """Bend a picture as the page of an open book: see :func:`curl_map` and :func:`move`."""
    paper = check_image(image)
    bent, shape = curl_map(
        (paper.shape[0], paper.shape[1]), height=height, centre=centre, spread=spread
    )
    return move(paper, bent, shape, border=border), bent
