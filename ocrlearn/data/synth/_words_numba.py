"""The inner loops of :mod:`ocrlearn.data.synth.words`, compiled by Numba.

A word is drawn by looking back: every pixel of the image asks which point of the flat word it
shows (:func:`look_back`), letters are then looked up at these points in their distance fields
(:func:`draw_letters`), and :func:`paint` turns distances into colours. The passes behind it spoil
the picture as :mod:`~ocrlearn.data.synth.degrade` does. Colours are float32 in [0, 255].
"""

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ocrlearn.data.synth.atlas import EM

Array = NDArray[Any]

GEOMETRY = np.dtype(
    [
        ("forth", np.float64, (3, 3)),  # bent plane, in ems, to image, in pixels: a homography
        ("back", np.float64, (3, 3)),  # its inverse
        ("middle", np.float64),  # u about which the plane is bent
        ("radius", np.float64),  # of the circle that baselines follow, in ems; 0: straight
        ("arch", np.float64),  # v += arch * (u - middle)**2
        ("wave", np.float64),  # v += wave * sin(frequency * (u - middle) + phase)
        ("frequency", np.float64),
        ("phase", np.float64),
        ("fold", np.float64),  # v += fold * |u - crease|
        ("crease", np.float64),
    ]
)
"""From the flat word, (u, v) in ems from its first pen position, to the image."""

LOOK = np.dtype(
    [
        ("scale", np.float64),  # pixels per em
        ("sharpness", np.float64),  # width of the ramp at an edge, in pixels
        ("ink", np.float64, 3),
        ("ground", np.float64, 3),
        ("fall", np.float64, (2, 3)),  # change of the ground's colour across and down the image
        ("ink_fall", np.float64, 3),  # change of the ink's colour over an em, downwards
        ("texture", np.int64),  # number in the bank
        ("texture_colour", np.float64, 3),  # what one unit of the texture adds
        ("texture_map", np.float64, 6),  # image to texture, affine
        ("ink_texture", np.float64),  # share of the texture that shows on the ink
        ("wear", np.float64),  # how much ink the second texture takes away
        ("wear_texture", np.int64),
        ("panel", np.float64, (2, 3)),  # half-planes a x + b y + c > 0, in pixels, over the ground
        ("panel_colour", np.float64, (2, 3)),
        ("bar", np.float64, 2),  # v of a ruled line's middle, half its thickness (0: none)
        ("hollow", np.float64),  # thickness of hollow letters' outline in ems; 0: filled
        ("border", np.float64),  # width of a border around the letters in ems
        ("border_colour", np.float64, 3),
        ("shadow", np.float64, 3),  # offset x, y in pixels, strength
        ("shadow_softness", np.float64),  # in pixels
        ("shadow_steps", np.int64),  # more than 1: a solid side of that many steps
        ("shadow_colour", np.float64, 3),
        ("glow", np.float64, 2),  # reach in ems, strength
        ("glow_colour", np.float64, 3),
        ("relief", np.float64, 3),  # direction of light x, y, strength (of 255)
        ("opacity", np.float64),
        ("clutter_colour", np.float64, 3),
        ("light", np.float64, 3),  # light = light[0] + light[1] x + light[2] y, in [0, 1] x [0, 1]
        ("shade", np.float64, 5),  # shadow's edge a, b, c, softness (pixels), darkness
        ("spot", np.float64, 4),  # x, y, radius (pixels), strength (of 255)
    ]
)
"""How a word is painted."""


@njit(cache=True, nogil=True, error_model="numpy")
def inverse(m: Array) -> Array:
    """Inverse of a 3 x 3 matrix by its cofactors; numpy.linalg takes many times as long."""
    result = np.empty((3, 3))
    for i in range(3):
        for j in range(3):
            a, b, c, d = (i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3
            result[j, i] = m[a, c] * m[b, d] - m[a, d] * m[b, c]
    return result / (m[0, 0] * result[0, 0] + m[0, 1] * result[1, 0] + m[0, 2] * result[2, 0])


@njit(cache=True, nogil=True, error_model="numpy")
def look_back(geometry: Array, height: int, width: int) -> tuple[Array, Array]:
    """Points (u, v) of the flat word that the pixels of the image show, two float32 images."""
    g = geometry[0]
    # Copies: as far as the compiler knows, writing a pixel may change what `geometry` holds.
    (h00, h01, h02), (h10, h11, h12) = _three(g.back[0]), _three(g.back[1])
    h20, h21, h22 = _three(g.back[2])
    middle, radius, bent = g.middle, g.radius, g.arch != 0 or g.wave != 0 or g.fold != 0
    sign = 1.0 if radius > 0 else -1.0
    u = np.empty((height, width), np.float32)
    v = np.empty((height, width), np.float32)
    for y in range(height):
        for x in range(width):
            w = 1.0 / (h20 * x + h21 * y + h22)
            along = (h00 * x + h01 * y + h02) * w
            down = (h10 * x + h11 * y + h12) * w
            if radius != 0.0:
                across, depth = along - middle, radius - down
                along = middle + radius * math.atan2(across * sign, depth * sign)
                down = radius - sign * math.sqrt(across * across + depth * depth)
            elif bent:
                down -= _lift(g, along)
            u[y, x], v[y, x] = along, down
    return u, v


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _three(values: Array) -> tuple[float, float, float]:
    return values[0], values[1], values[2]


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _lift(g: Any, u: float) -> float:
    across = u - g.middle
    lift = g.arch * across * across + g.fold * abs(u - g.crease)
    if g.wave != 0.0:
        lift += g.wave * math.sin(g.frequency * across + g.phase)
    return lift


@njit(cache=True, nogil=True, error_model="numpy")
def to_image(geometry: Array, points: Array) -> Array:
    """Image points ``(n, 2)`` of flat points ``(n, 2)``: the inverse of :func:`look_back`."""
    g = geometry[0]
    h = g.forth
    result = np.empty(points.shape, np.float64)
    for i in range(len(points)):
        u, v = points[i, 0], points[i, 1]
        if g.radius != 0.0:
            angle = (u - g.middle) / g.radius
            u, v = (
                g.middle + (g.radius - v) * math.sin(angle),
                g.radius - (g.radius - v) * math.cos(angle),
            )
        else:
            v += _lift(g, u)
        w = h[2, 0] * u + h[2, 1] * v + h[2, 2]
        result[i, 0] = (h[0, 0] * u + h[0, 1] * v + h[0, 2]) / w
        result[i, 1] = (h[1, 0] * u + h[1, 1] * v + h[1, 2]) / w
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def ink_boxes(
    distances: Array, places: Array, origins: Array, letters: Array, slant: float, weight: float
) -> Array:
    """Boxes ``(n, 4)`` around the ink of letters on the flat word, to a fraction of a sample.

    Edges are where the interpolated field passes the cut, along rows for the left and the right
    side (so that slanted letters get upright boxes) and along columns for top and bottom.
    """
    boxes = np.empty((len(letters), 4))
    for i in range(len(letters)):
        pen, base, sx, sy = letters[i, 0], letters[i, 1], letters[i, 2], letters[i, 3]
        start, height, width = places[i, 0], places[i, 1], places[i, 2]
        field = distances[start : start + height * width].reshape(height, width)
        cut = np.float32(-weight / math.sqrt(sx * sy))
        left, right = np.inf, -np.inf
        first_row, last_row = height, 0
        for r in range(1, height - 1):
            c = 1
            while c < width and field[r, c] <= cut:
                c += 1
            if c == width:
                continue
            first_row, last_row = min(first_row, r), r
            lean = slant * sy * (origins[i, 1] + r / EM)
            x = c - (field[r, c] - cut) / (field[r, c] - field[r, c - 1])
            left = min(left, pen + sx * (origins[i, 0] + x / EM) - lean)
            c = width - 2
            while field[r, c] <= cut:
                c -= 1
            x = c + (field[r, c] - cut) / (field[r, c] - field[r, c + 1])
            right = max(right, pen + sx * (origins[i, 0] + x / EM) - lean)
        top = first_row - _farthest(field[first_row], field[first_row - 1], cut)
        bottom = last_row + _farthest(field[last_row], field[last_row + 1], cut)
        boxes[i, 0], boxes[i, 2] = left, right
        boxes[i, 1] = base + sy * (origins[i, 1] + top / EM)
        boxes[i, 3] = base + sy * (origins[i, 1] + bottom / EM)
    return boxes


@njit(cache=True, nogil=True, error_model="numpy")
def _farthest(row: Array, beyond: Array, cut: Any) -> float:
    """How far, of the way from a row with ink to the next without, the ink reaches."""
    share = 0.0
    for c in range(len(row)):
        if row[c] > cut:
            share = max(share, (row[c] - cut) / (row[c] - beyond[c]))
    return share


@njit(cache=True, nogil=True, error_model="numpy")
def draw_letters(
    field: Array,
    u: Array,
    v: Array,
    geometry: Array,
    distances: Array,
    places: Array,
    origins: Array,
    letters: Array,
    slant: float,
    weight: float,
) -> None:
    """Raise `field`, distances to the nearest edge in ems, to that of letters on the flat word.

    `letters` has rows of pen, baseline, and scales across and down. Samples of a letter's field
    are interpolated bilinearly; beyond it `field` is left as it is.
    """
    rows, columns = field.shape
    corners = np.empty((4, 2))
    for i in range(len(letters)):
        pen, base, sx, sy = letters[i, 0], letters[i, 1], letters[i, 2], letters[i, 3]
        start, height, width = places[i, 0], places[i, 1], places[i, 2]
        left, top = origins[i, 0], origins[i, 1]
        unit = math.sqrt(sx * sy)
        for k in range(4):
            x = left + (width / EM if k == 1 or k == 2 else 0.0)
            y = top + (height / EM if k >= 2 else 0.0)
            corners[k, 0] = pen + sx * x - slant * sy * y
            corners[k, 1] = base + sy * y
        seen = to_image(geometry, corners)
        first_row = max(0, int(seen[:, 1].min()) - 1)
        last_row = min(rows, int(seen[:, 1].max()) + 3)
        first_column = max(0, int(seen[:, 0].min()) - 1)
        last_column = min(columns, int(seen[:, 0].max()) + 3)
        for r in range(first_row, last_row):
            for c in range(first_column, last_column):
                down = v[r, c] - base
                x = ((u[r, c] - pen + slant * down) / sx - left) * EM
                y = (down / sy - top) * EM
                if x < 0 or y < 0 or x >= width - 1 or y >= height - 1:
                    continue
                column, row = int(x), int(y)
                fx, fy = x - column, y - row
                at = start + row * width + column
                upper = distances[at] + fx * (distances[at + 1] - distances[at])
                at += width
                lower = distances[at] + fx * (distances[at + 1] - distances[at])
                distance = (upper + fy * (lower - upper)) * unit + weight
                if distance > field[r, c]:
                    field[r, c] = distance


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _cover(pixels: float) -> float:
    """Share of a pixel that is covered when an edge lies `pixels` behind its middle."""
    return min(1.0, max(0.0, 0.5 + pixels))


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _at(field: Array, y: float, x: float) -> float:
    """Bilinear sample, with the edge repeated."""
    height, width = field.shape
    y = min(max(y, 0.0), height - 1.001)
    x = min(max(x, 0.0), width - 1.001)
    r, c = int(y), int(x)
    fy, fx = y - r, x - c
    upper = field[r, c] * (1 - fx) + field[r, c + 1] * fx
    lower = field[r + 1, c] * (1 - fx) + field[r + 1, c + 1] * fx
    return upper * (1 - fy) + lower * fy


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _textured(texture: Array, y: float, x: float) -> float:
    """Bilinear sample of a texture ``(size, size)``, a power of two, that repeats itself."""
    mask = texture.shape[0] - 1
    y, x = y + 65536.0, x + 65536.0  # whole periods, so that cutting off is rounding down
    r, c = int(y), int(x)
    fy, fx = y - r, x - c
    r0, c0 = r & mask, c & mask
    r1, c1 = (r0 + 1) & mask, (c0 + 1) & mask
    upper = texture[r0, c0] * (1 - fx) + texture[r0, c1] * fx
    lower = texture[r1, c0] * (1 - fx) + texture[r1, c1] * fx
    return upper * (1 - fy) + lower * fy


@njit(cache=True, nogil=True, error_model="numpy")
def paint(
    look: Array, field: Array, clutter: Array, v: Array, bank: Array, backdrop: Array
) -> Array:
    """Colour every pixel: ground, panels, clutter, shadow, border and ink, then the light.

    `backdrop` ``(H, W, 3)`` replaces the even ground colour where it has pixels.
    """
    s = look[0]
    height, width = field.shape
    image = np.empty((height, width, 3), np.float32)
    texture, worn = bank[s.texture], bank[s.wear_texture]
    t = s.texture_map
    edge = s.scale / s.sharpness
    # Copies: as far as the compiler knows, writing a pixel may change what `look` holds.
    t0, t1, t2, t3, t4, t5 = t[0], t[1], t[2], t[3], t[4], t[5]
    ink, ground, grain_colour = _three(s.ink), _three(s.ground), _three(s.texture_colour)
    fall_across, fall_down, ink_fall = _three(s.fall[0]), _three(s.fall[1]), _three(s.ink_fall)
    panel_0, panel_1 = _three(s.panel[0]), _three(s.panel[1])
    panel_colour_0, panel_colour_1 = _three(s.panel_colour[0]), _three(s.panel_colour[1])
    clutter_colour, shadow_colour = _three(s.clutter_colour), _three(s.shadow_colour)
    glow_colour, border_colour = _three(s.glow_colour), _three(s.border_colour)
    shadow, relief, light_map = _three(s.shadow), _three(s.relief), _three(s.light)
    hollow, border, wear, opacity = s.hollow, s.border, s.wear, s.opacity
    glow_reach, glow, ink_texture, scale = s.glow[0], s.glow[1], s.ink_texture, s.scale
    bar_at, bar = s.bar[0], s.bar[1]
    darkness, shine_strength = s.shade[4], s.spot[3]
    pictured, per_column = backdrop.size > 0, 1.0 / width
    for y in range(height):
        down = y / height
        for x in range(width):
            across = x * per_column
            grain = _textured(texture, t3 * x + t4 * y + t5, t0 * x + t1 * y + t2)
            first_panel = _cover(panel_0[0] * x + panel_0[1] * y + panel_0[2])
            second_panel = _cover(panel_1[0] * x + panel_1[1] * y + panel_1[2])
            inside = field[y, x]
            other = _cover(clutter[y, x] * edge)
            if bar > 0:
                other = max(other, _cover((bar - abs(v[y, x] - bar_at)) * edge))
            under = _shadow_cover(s, field, y, x) if shadow[2] > 0 else 0.0
            halo = glow * math.exp(min(inside, 0.0) / glow_reach) if glow > 0 else 0.0
            bordered = _cover((inside + border) * edge) if border > 0 else 0.0
            inked = _cover(inside * edge)
            if hollow > 0:
                inked -= _cover((inside - hollow) * edge)
            if wear > 0:
                rub = _textured(worn, t4 * x + t0 * y + t2, t0 * x - t4 * y + t5)
                inked *= min(1.0, max(0.0, 1.0 - wear * (rub - 0.7)))
            inked *= opacity
            slope = 0.0
            if relief[2] > 0:
                right = _at(field, y, x + 1.0) - _at(field, y, x - 1.0)
                lower = _at(field, y + 1.0, x) - _at(field, y - 1.0, x)
                slope = (right * relief[0] + lower * relief[1]) * scale / 2
                near = inside / 0.05
                slope *= relief[2] * math.exp(-near * near)
            light = light_map[0] + light_map[1] * across + light_map[2] * down
            if darkness > 0:
                deep = (s.shade[0] * x + s.shade[1] * y + s.shade[2]) / s.shade[3]
                light *= 1.0 - darkness / (1.0 + math.exp(-min(max(deep, -30.0), 30.0)))
            shine = 0.0
            if shine_strength > 0:
                off = ((x - s.spot[0]) ** 2 + (y - s.spot[1]) ** 2) / s.spot[2] ** 2
                shine = shine_strength * math.exp(-off)
            decorated = first_panel + second_panel + other + under + halo + bordered > 0
            ink_depth = v[y, x] + 0.35  # measured from half the height of capitals
            for k in range(3):
                value = backdrop[y, x, k] if pictured else ground[k]
                value += fall_across[k] * (across - 0.5) + fall_down[k] * (down - 0.5)
                value += grain * grain_colour[k]
                if decorated:
                    value += first_panel * (panel_colour_0[k] - value)
                    value += second_panel * (panel_colour_1[k] - value)
                    value += other * (clutter_colour[k] - value)
                    value += under * (shadow_colour[k] - value)
                    value += halo * (glow_colour[k] - value)
                    value += bordered * (border_colour[k] - value)
                tone = ink[k] + ink_fall[k] * ink_depth + ink_texture * grain * grain_colour[k]
                value += inked * (tone - value) + slope
                image[y, x, k] = value * light + shine
    return image


@njit(cache=True, nogil=True, error_model="numpy")
def _shadow_cover(s: Any, field: Array, y: int, x: int) -> float:
    """Share of a pixel in shadow: of the letters moved by the offset or, if solid, up to it."""
    under = 0.0
    for step in range(1, s.shadow_steps + 1):
        k = step / s.shadow_steps
        cast = _at(field, y - k * s.shadow[1], x - k * s.shadow[0])
        under = max(under, _cover(cast * s.scale / s.shadow_softness))
    return under * s.shadow[2]


@njit(cache=True, nogil=True, error_model="numpy")
def gaussian(image: Array, sigma_x: float, sigma_y: float) -> Array:
    """Gaussian blur of different width across and down, edges repeated, cut at 3 sigma."""
    height, width, _ = image.shape
    reach = int(3 * sigma_x + 0.5)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma_x, 1e-3)) ** 2)
    taps /= taps.sum()
    half = np.zeros_like(image)
    for y in range(height):
        for k in range(2 * reach + 1):
            weight = np.float32(taps[k])
            for x in range(width):
                at = min(max(x + k - reach, 0), width - 1)
                for c in range(3):
                    half[y, x, c] += weight * image[y, at, c]
    reach = int(3 * sigma_y + 0.5)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma_y, 1e-3)) ** 2)
    taps /= taps.sum()
    result = np.zeros_like(image)
    for y in range(height):
        for k in range(2 * reach + 1):
            weight = np.float32(taps[k])
            at = min(max(y + k - reach, 0), height - 1)
            for x in range(width):
                for c in range(3):
                    result[y, x, c] += weight * half[at, x, c]
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def defocus(image: Array, radius: float) -> Array:
    """Blur by a disc: pixels count by their share of it, estimated from 4 x 4 points each."""
    reach = math.ceil(radius)
    size = 2 * reach + 1
    kernel = np.zeros((size, size))
    for y in range(4 * size):
        for x in range(4 * size):
            dy, dx = (y + 0.5) / 4 - size / 2, (x + 0.5) / 4 - size / 2
            if dy * dy + dx * dx <= radius * radius:
                kernel[y // 4, x // 4] += 1
    if kernel.sum() == 0:
        return image
    return _correlate(image, kernel / kernel.sum())


@njit(cache=True, nogil=True, error_model="numpy")
def motion(image: Array, length: float, angle: float) -> Array:
    """Blur along a straight line, whose points are shared out bilinearly among pixels."""
    reach = math.ceil(length / 2) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    number = max(1, math.ceil(8 * length))
    for i in range(number):
        along = ((i + 0.5) / number - 0.5) * length
        x, y = reach + along * math.cos(angle), reach - along * math.sin(angle)
        column, row = int(x), int(y)
        fx, fy = x - column, y - row
        kernel[row, column] += (1 - fx) * (1 - fy) / number
        kernel[row, column + 1] += fx * (1 - fy) / number
        kernel[row + 1, column] += (1 - fx) * fy / number
        kernel[row + 1, column + 1] += fx * fy / number
    return _correlate(image, kernel)


@njit(cache=True, nogil=True, error_model="numpy")
def _correlate(image: Array, kernel: Array) -> Array:
    """Correlate with a small square kernel, edges repeated, weights of zero passed over."""
    height, width, _ = image.shape
    reach = kernel.shape[0] // 2
    result = np.zeros_like(image)
    for ky in range(kernel.shape[0]):
        for kx in range(kernel.shape[1]):
            weight = np.float32(kernel[ky, kx])
            if weight == 0:
                continue
            shift = kx - reach
            for y in range(height):
                row = min(max(y + ky - reach, 0), height - 1)
                for x in range(width):
                    at = min(max(x + shift, 0), width - 1)
                    for c in range(3):
                        result[y, x, c] += weight * image[row, at, c]
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def unsharp(image: Array, amount: float) -> Array:
    """Overshoot at edges as cameras' sharpening leaves it: add what a small blur takes away."""
    soft = gaussian(image, 1.0, 1.0)
    return image + np.float32(amount) * (image - soft)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _scramble(state: np.uint64) -> np.uint64:
    """SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014)."""
    state += np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _bell(bits: np.uint64) -> float:
    """Turn 64 bits into a number of mean 0 and variance 1: the sum of four uniform numbers."""
    low = np.uint64(0xFFFF)
    total = (
        float(bits & low)
        + float((bits >> np.uint64(16)) & low)
        + float((bits >> np.uint64(32)) & low)
        + float(bits >> np.uint64(48))
    )
    return (total / 65535.0 - 2.0) * 1.7320508


@njit(cache=True, nogil=True, error_model="numpy")
def expose(
    image: Array, seed: int, shot: float, read: float, colour: float, contrast: float, lift: float
) -> Array:
    """Noise of the sensor, contrast about the middle grey, clipping and rounding to uint8.

    `shot` and `read` are standard deviations at white and at black, of 255; the share `colour` of
    the noise differs between the channels.
    """
    height, width, _ = image.shape
    result = np.empty((height, width, 3), np.uint8)
    shared = math.sqrt(max(0.0, 1 - colour * colour))
    counter = np.uint64(seed)
    noisy = shot + read > 0.5  # less is lost in rounding
    for y in range(height):
        for x in range(width):
            grey = 0.0
            if noisy:
                counter += np.uint64(0xD1342543DE82EF95)
                grey = shared * _bell(_scramble(counter))
            for k in range(3):
                value = image[y, x, k]
                if noisy:
                    level = min(max(value, 0.0), 255.0) / 255.0
                    deviation = math.sqrt(shot * shot * level + read * read)
                    noise = grey
                    if colour > 0:
                        counter += np.uint64(0xD1342543DE82EF95)
                        noise += colour * _bell(_scramble(counter))
                    value += deviation * noise
                value = (value - 127.5) * contrast + 127.5 + lift
                result[y, x, k] = np.uint8(min(max(value + 0.5, 0.0), 255.0))
    return result
