"""Places for figures to stand in: a street, a meadow, a lake, a room.

A setting is a picture without figures, the surfaces of which it is made, and a camera. The ground
is a plane seen from a height: a point of it that appears at row y lies ``height * focal /
(y - horizon)`` away, and a metre there measures ``(y - horizon) / height`` pixels. Textures of the
ground are sampled on that plane, so that they run together towards the horizon as they should.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ocrlearn.data.synth._canvas import FINE, Array, Colour, draw_colour, noise_at

__all__ = ["SETTINGS", "SURFACES", "Setting", "draw_setting"]

SURFACES = ("sky", "hills", "wall", "grass", "road", "pavement", "water", "sand", "floor")
"""What is not an object; the number of each is its place here."""


@dataclass(frozen=True, eq=False)
class Setting:
    """A place without figures.

    Attributes
    ----------
    name
        "street", "meadow", "lake" or "room".
    colours
        ``(FINE H, FINE W, 3)`` float32 in [0, 1].
    surfaces
        ``(FINE H, FINE W)`` uint8, places in :data:`SURFACES`.
    horizon
        Row of the picture at which the plane of the ground vanishes.
    eye
        Height of the camera above the ground in metres.
    """

    name: str
    colours: NDArray[np.float32]
    surfaces: NDArray[np.uint8]
    horizon: float
    eye: float

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture."""
        return self.surfaces.shape[0] // FINE, self.surfaces.shape[1] // FINE

    def surface_at(self, x: float, y: float) -> str:
        """Return what is at a point of the picture, or at the nearest to it in the picture."""
        row, column = (
            int(np.clip(FINE * value, 0, size - 1))
            for value, size in zip((y, x), self.surfaces.shape, strict=True)
        )
        return SURFACES[self.surfaces[row, column]]

    def metre(self, y: float) -> float:
        """Pixels that one metre upright measures where its foot appears at row `y`."""
        return (y - self.horizon) / self.eye


@dataclass
class _Sketch:
    """A setting while it is being painted, with the fine grid's coordinates."""

    rng: np.random.Generator
    size: tuple[int, int]
    horizon: float
    eye: float

    def __post_init__(self) -> None:
        height, width = self.size
        self.y = ((np.arange(height * FINE) + 0.5) / FINE - 0.5)[:, None]
        self.x = ((np.arange(width * FINE) + 0.5) / FINE - 0.5)[None, :]
        self.colours = np.zeros((height * FINE, width * FINE, 3), np.float32)
        self.surfaces = np.zeros((height * FINE, width * FINE), np.uint8)
        # Metres on the ground: to the right, and away; the focal length is the picture's width.
        below = np.maximum(self.y - self.horizon, 0.4)
        self.away = self.eye * width / below + 0 * self.x
        self.right = self.eye * (self.x - width / 2) / below
        self.near = np.clip(8 / self.away, 0.08, 1)  # grain too far away to be seen fades
        self.start = self.rng.uniform(0, 256, 2)

    def paint(self, surface: str, where: Array, colour: Colour, shade: Array | float) -> None:
        bright = np.broadcast_to(shade, where.shape)[where].astype(np.float32)
        self.colours[where] = np.clip(bright[:, None] * np.asarray(colour, np.float32), 0, 1)
        self.surfaces[where] = SURFACES.index(surface)

    def grain(self, across: float, along: float) -> Array:
        """Noise on the ground with so many grains a metre, fading with distance."""
        first, second = self.start
        return self.near * noise_at(across * self.right + first, along * self.away + second)

    @property
    def everywhere(self) -> Array:
        return np.ones(self.surfaces.shape, bool)

    def below(self, row: Array | float) -> Array:
        return self.y >= row + 0 * self.x

    def ridge(self, base: float, height: float, waves: float) -> Array:
        """Rows of a wavy line, ``(1, W)``."""
        across = self.x / self.size[1]
        phases = self.rng.uniform(0, 2 * np.pi, 3)
        curve = sum(
            np.sin(2 * np.pi * waves * (k + 1) * across + phase) / (k + 1)
            for k, phase in enumerate(phases)
        )
        return base - height * (1 + 0.6 * np.asarray(curve))


def _vary(rng: np.random.Generator, colour: Colour, spread: float = 0.12) -> Colour:
    varied = np.asarray(colour) * rng.uniform(1 - 2 * spread, 1 + spread)
    red, green, blue = np.clip(varied + rng.normal(0, spread / 3, 3), 0.02, 0.98)
    return float(red), float(green), float(blue)


def _sky(sketch: _Sketch) -> None:
    """Paint a blue, grey or evening sky, brighter at the horizon, with clouds."""
    rng = sketch.rng
    tones = ((0.45, 0.65, 0.9), (0.68, 0.72, 0.77), (0.85, 0.65, 0.5))
    tone = _vary(rng, tones[int(rng.choice(3, p=[0.6, 0.25, 0.15]))])
    fall = np.clip(sketch.y / max(sketch.horizon, 1), 0, 1) + 0 * sketch.x
    sketch.paint("sky", sketch.everywhere, tone, 0.8 + 0.35 * fall)
    scale = 30 / sketch.size[1]
    first, second = sketch.start
    clouds = sum(
        noise_at(scale * k * sketch.x + first, 2.5 * scale * k * sketch.y + second) / k
        for k in (1, 2, 4)
    )
    cover = np.clip(0.5 * np.asarray(clouds) - rng.uniform(-0.1, 0.6), 0, 0.75)[..., None]
    sketch.colours += (np.float32(0.97) - sketch.colours) * cover.astype(np.float32)


def _hills(sketch: _Sketch) -> None:
    for layer in range(int(sketch.rng.integers(1, 4))):
        colour = _vary(sketch.rng, (0.35, 0.45, 0.42))
        top = sketch.ridge(
            sketch.horizon, sketch.size[0] * (0.09 - 0.025 * layer), sketch.rng.uniform(0.5, 2)
        )
        rough = 1 + 0.1 * noise_at(0.8 * sketch.x, 0.8 * sketch.y)
        sketch.paint("hills", sketch.below(top), colour, rough * (0.85 + 0.1 * layer))


def _grass(sketch: _Sketch, from_row: Array | float) -> None:
    colour = _vary(sketch.rng, (0.38, 0.5, 0.22), 0.2)
    shade = 1 + 0.16 * sketch.grain(25, 12) + 0.12 * sketch.grain(3, 1.5) - 0.1 * sketch.near
    sketch.paint("grass", sketch.below(from_row), colour, shade)


def _street(sketch: _Sketch) -> None:
    """Paint a road that runs across, with pavements, in front of walls or of grass."""
    _sky(sketch)
    rng, (height, _) = sketch.rng, sketch.size
    _hills(sketch)
    if rng.random() < 0.6:
        _wall_row(sketch)
    _grass(sketch, sketch.horizon)
    far, near = sorted(rng.uniform(0.18, 0.95, 2))
    if near - far < 0.35:
        far, near = 0.25, 0.75
    room = height - sketch.horizon
    kerb, edge = sketch.horizon + far * room, sketch.horizon + near * room
    width = 0.14 * room
    paving = _vary(rng, (0.62, 0.6, 0.57))
    slabs = ((sketch.right / 0.8) % 1 < 0.06) | ((sketch.away / 0.8) % 1 < 0.06)
    shade = 1 - 0.25 * slabs * sketch.near + 0.07 * sketch.grain(30, 30)
    sketch.paint("pavement", sketch.below(kerb - 0.4 * width), paving, shade)
    rough = 1 + 0.12 * sketch.grain(40, 40) + 0.08 * sketch.grain(2, 1)
    sketch.paint("road", sketch.below(kerb), _vary(rng, (0.33, 0.33, 0.34)), rough)
    middle = sketch.horizon + (far + 0.42 * (near - far)) * room
    line = sketch.below(middle) & ~sketch.below(middle + 0.035 * room)
    line &= (sketch.right / 1.5) % 2 < 1.2
    sketch.paint("road", line, (0.85, 0.85, 0.8), rough)
    sketch.paint("pavement", sketch.below(edge), paving, shade)
    if rng.random() < 0.5:
        _grass(sketch, edge + width)


def _wall_row(sketch: _Sketch) -> None:
    """Paint fronts of houses side by side, as background: walls, not objects."""
    rng, width = sketch.rng, sketch.size[1]
    left = -rng.uniform(0, 0.2) * width
    while left < width:
        right = left + rng.uniform(0.15, 0.4) * width
        top = sketch.horizon - rng.uniform(0.15, 0.42) * sketch.size[0]
        front = sketch.below(top) & (sketch.x >= left) & (sketch.x < right)
        module = 0.075 * sketch.size[0]
        across, down = (sketch.x - left) / module, (sketch.y - top) / module
        panes = (
            (across % 1.6 > 0.55) & (across % 1.6 < 1.2) & (down % 2.0 > 0.6) & (down % 2.0 < 1.6)
        )
        shade = 1 + 0.06 * noise_at(sketch.x, 1.0 * sketch.y) - 0.45 * panes
        sketch.paint("wall", front, draw_colour(rng), shade)
        left = right


def _meadow(sketch: _Sketch) -> None:
    """Paint grass up to the hills, perhaps with a path of sand across."""
    _sky(sketch)
    _hills(sketch)
    _grass(sketch, sketch.horizon)
    if sketch.rng.random() < 0.4:
        middle = sketch.rng.uniform(-3, 3) + 1.5 * np.sin(sketch.away / sketch.rng.uniform(6, 15))
        path = (np.abs(sketch.right - middle) < 0.8) & sketch.below(sketch.horizon + 1)
        rough = 1 + 0.12 * sketch.grain(30, 30)
        sketch.paint("sand", path, _vary(sketch.rng, (0.68, 0.58, 0.42)), rough)


def _lake(sketch: _Sketch) -> None:
    """Paint water between a far shore and a beach or a bank."""
    _sky(sketch)
    rng, room = sketch.rng, sketch.size[0] - sketch.horizon
    _hills(sketch)
    if rng.random() < 0.6:
        _grass(sketch, sketch.horizon - 0.01 * sketch.size[0])
    waves = 0.14 * sketch.grain(1.5, 6) + 0.08 * noise_at(0.5 * sketch.x, 2.2 * sketch.y)
    fall = np.clip((sketch.y - sketch.horizon) / room, 0, 1)
    water = _vary(rng, (0.3, 0.46, 0.56), 0.2)
    far = sketch.horizon + rng.uniform(0, 0.05) * room
    sketch.paint("water", sketch.below(far), water, 1.25 - 0.45 * fall + waves)
    if rng.random() < 0.7:
        shore = sketch.ridge(sketch.horizon + rng.uniform(0.7, 0.9) * room, 0.04 * room, 0.7)
        if rng.random() < 0.5:
            rough = 1 + 0.12 * sketch.grain(35, 35) + 0.06 * sketch.grain(3, 3)
            sketch.paint("sand", sketch.below(shore), _vary(rng, (0.78, 0.68, 0.5)), rough)
        else:
            _grass(sketch, shore)


def _room(sketch: _Sketch) -> None:
    """Paint a wall, papered or of brick, and a floor of boards or carpet."""
    rng = sketch.rng
    foot = sketch.horizon + rng.uniform(0.2, 0.35) * (sketch.size[0] - sketch.horizon)
    scale = 6 / sketch.size[1]
    across, up = scale * sketch.x, scale * (foot - sketch.y)
    kind, colour = rng.integers(3), draw_colour(rng)
    if kind == 0:
        shade = 1 - 0.15 * ((across / 0.35) % 1 < 0.4)
    elif kind == 1:
        course = np.floor(up / 0.14)
        joint = ((across / 0.34 + 0.5 * (course % 2)) % 1 < 0.07) | ((up / 0.14) % 1 < 0.15)
        shade = 1 - 0.3 * joint + 0.08 * noise_at(31 * np.floor(across / 0.34), 47 * course)
    else:
        shade = 1 + 0.05 * noise_at(20 * across, 20 * up) + 0 * across
    sketch.paint("wall", sketch.everywhere, colour, shade)
    skirting = sketch.below(foot - 0.02 * sketch.size[0])
    sketch.paint("wall", skirting, _vary(rng, (0.85, 0.83, 0.8)), 1.0)
    if rng.random() < 0.6:
        gaps = (sketch.right / 0.3) % 1 < 0.07
        each = noise_at(29 * np.floor(sketch.right / 0.3), 0 * sketch.away)
        shade = 1 - 0.35 * gaps * np.clip(2 * sketch.near, 0, 1) + 0.08 * each
        colour = _vary(rng, (0.56, 0.4, 0.27), 0.2)
    else:
        shade, colour = 1 + 0.12 * sketch.grain(40, 40), draw_colour(rng)
    sketch.paint("floor", sketch.below(foot), colour, shade)


SETTINGS: dict[str, Callable[[_Sketch], None]] = {
    "street": _street,
    "meadow": _meadow,
    "lake": _lake,
    "room": _room,
}


def draw_setting(rng: np.random.Generator, name: str, size: tuple[int, int]) -> Setting:
    """Draw a place of the given kind, with a camera 1.5 to 4 metres above its ground.

    Parameters
    ----------
    rng
        What is left to chance is drawn from it.
    name
        A key of :data:`SETTINGS`.
    size
        ``(height, width)`` of the picture.
    """
    indoors = name == "room"
    horizon = size[0] * (rng.uniform(0.2, 0.4) if indoors else rng.uniform(0.3, 0.55))
    eye = rng.uniform(1.3, 1.8) if indoors else rng.uniform(1.6, 4.5)
    sketch = _Sketch(rng, size, horizon, eye)
    SETTINGS[name](sketch)
    return Setting(name, sketch.colours, sketch.surfaces, horizon, eye)
