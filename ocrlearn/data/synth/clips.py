"""Action clips, of two kinds: where one frame tells the class, and where only their order does.

**Appearance.** In many sets of sports and leisure a single frame betrays the action: water and a
boat is boating, whichever way it goes. Averaging the scores of a few frames does well there
(L. Wang et al., "Temporal segment networks: towards good practices for deep action recognition",
ECCV 2016). Our :data:`APPEARANCE_CLASSES` are of this kind: what moves, and where, decides; how it
moves is left to chance.

**Order.** Pushing something to the right and pulling it to the left consist of the same frames,
one the other played backwards, and what averages over frames cannot tell them apart (B. Zhou,
A. Andonian, A. Oliva, A. Torralba, "Temporal relational reasoning in videos", ECCV 2018). Our
:data:`ORDER_CLASSES` come in such pairs (:data:`ORDER_PAIRS`), most of them named as in the set
that asked for it (R. Goyal et al., "The 'something something' video database for learning and
evaluating visual common sense", ICCV 2017). A clip is drawn without knowing which of the two it
will be; chance then decides, and the second of a pair is played backwards. All that is drawn by
chance in time (start, speed, shaking of the camera, noise) is equally likely in both directions.
So the frames without their order tell the pair and nothing more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ocrlearn._validate import check_choice, check_number
from ocrlearn.data.samples import Clip
from ocrlearn.data.synth import degrade
from ocrlearn.data.synth._arguments import check_size
from ocrlearn.data.synth._canvas import (
    FINE,
    Array,
    Canvas,
    Figure,
    Part,
    Placed,
    draw_colour,
    ellipse,
    limb,
    rectangle,
    smooth,
)
from ocrlearn.data.synth._figures import FIGURES
from ocrlearn.data.synth._settings import draw_setting
from ocrlearn.data.synth.texts import seeded_generator
from ocrlearn.image.convert import to_uint8

__all__ = ["APPEARANCE_CLASSES", "ORDER_CLASSES", "ORDER_PAIRS", "render_clip"]

ORDER_PAIRS = (
    ("Pushing [something] from left to right", "Pulling [something] from right to left"),
    ("Pushing [something] from right to left", "Pulling [something] from left to right"),
    ("Opening [something]", "Closing [something]"),
    ("Picking [something] up", "Putting [something] down"),
    ("Approaching [something] with your camera", "Moving away from [something] with your camera"),
    ("Turning [something] counter-clockwise", "Turning [something] clockwise"),
    ("Taking [something] out of [something]", "Putting [something] into [something]"),
    ("Covering [something] with [something]", "Uncovering [something]"),
    (
        "Moving [something] and [something] closer to each other",
        "Moving [something] and [something] away from each other",
    ),
)
"""Classes of which each is the other of its pair played backwards."""

ORDER_CLASSES = tuple(label for pair in ORDER_PAIRS for label in pair)

APPEARANCE_CLASSES = (
    "Driving a car",
    "Riding a bus",
    "Boating",
    "Walking a dog",
    "Playing with a ball",
    "Ballooning",
    "Grazing",
    "Walking",
)

KINDS = {"appearance": APPEARANCE_CLASSES, "order": ORDER_CLASSES}

_MARGIN = 0.35  # of the picture's sides that is drawn around it, for the camera to move in

Layer = tuple[Figure, Placed]


def render_clip(
    seed: int = 0,
    index: int = 0,
    *,
    split: str = "training",
    kind: str = "order",
    frames: int = 16,
    size: tuple[int, int] = (64, 64),
    label: str | None = None,
) -> Clip:
    """Render clip number `index` of a seeded, endless set.

    Parameters
    ----------
    seed, index
        Which clip. The result depends on the arguments alone.
    split
        "training" or "benchmark", which have no clip in common.
    kind
        "appearance" or "order"; see the module.
    frames
        How many, at least 2. With another number the same action is sampled at other times.
    size
        ``(height, width)`` in pixels, each at least 32.
    label
        A class, instead of one drawn by chance. Of a pair in :data:`ORDER_PAIRS`, the same seed and
        index give the same frames, in opposite orders.

    Returns
    -------
    Clip
        `frames` is ``(frames, height, width, 3)`` uint8; `label` a class; `text` a sentence, the
        label with its things filled in; `placeholders` the things; `details` the "kind", and the
        "progress" of the action in each frame: from 0 to 1, or from 1 to 0 in a second of a pair.

    Raises
    ------
    ValueError
        If an argument is not as described above.

    Notes
    -----
    Deviations: figures are flat and rigid; a hand is an arm with fingers that do not bend, and who
    walks does not move the legs.
    """
    check_choice(kind, "kind", KINDS)
    number = int(check_number(frames, "frames", low=2, high=1000, integer=True))
    height, width = check_size(size, low=32, high=1024)
    drawn = seeded_generator(seed, index, split, f"clip class {kind}")
    classes = KINDS[kind]
    chosen = classes[int(drawn.integers(len(classes)))]
    if label is not None:
        chosen = check_choice(label, "label", classes)

    rng = seeded_generator(seed, index, split, f"clip {kind}")
    pair = next((pair for pair in ORDER_PAIRS if chosen in pair), (chosen,))
    backwards = chosen != pair[0]
    if kind == "order":
        scene = _order_scene(rng, ORDER_PAIRS.index(pair), (height, width))
    else:
        scene = _appearance_scene(rng, chosen, (height, width))
    progress = _progress(rng, number)
    shots = _shoot(rng, scene, progress, (height, width))
    if backwards:
        shots, progress = shots[::-1], progress[::-1]
    things = scene.things[: chosen.count("[something]")]
    return Clip(
        np.ascontiguousarray(shots),
        label=chosen,
        name=f"{kind}-{seed}-{index}",
        text=_fill(chosen, things),
        placeholders=things,
        frame_rate=12.0,
        details={"kind": kind, "progress": [round(float(step), 4) for step in progress]},
    )


def _fill(label: str, things: Sequence[str]) -> str:
    for thing in things:
        label = label.replace("[something]", thing, 1)
    return label


# --- Time and camera ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Scene:
    """What there is, and what it does.

    Attributes
    ----------
    ground
        The background on the fine grid, larger than the picture by :data:`_MARGIN` on every side.
    script
        From the progress of the action to what is drawn, back to front, in pixels of the picture
        when the camera is at rest.
    zoom
        From the progress to the camera's enlargement about `target`.
    things
        What the label calls [something], in its order.
    """

    ground: NDArray[np.float32]
    script: Callable[[float], list[Layer]]
    things: tuple[str, ...] = ()
    zoom: Callable[[float], float] = lambda progress: 1.0
    target: tuple[float, float] = (0.0, 0.0)


def _progress(rng: np.random.Generator, frames: int) -> Array:
    """How far the action is in each frame: it starts late, ends early, and runs unevenly.

    The law is the same for the action played backwards.
    """
    start, end = rng.uniform(0, 0.22), 1 - rng.uniform(0, 0.22)
    linear = np.clip((np.linspace(0, 1, frames) - start) / (end - start), 0, 1)
    eased = linear**2 * (3 - 2 * linear)
    share = rng.uniform(0, 1)
    return share * eased + (1 - share) * linear


def _shaking(rng: np.random.Generator, frames: int, amount: float) -> Array:
    """Where a hand-held camera points in each frame, ``(frames, 2)``: smooth noise."""
    path = ndimage.gaussian_filter1d(rng.standard_normal((frames + 16, 2)), 1.5, axis=0)
    return amount * path[8 : frames + 8] / 0.43  # the filter leaves this standard deviation


def _shoot(
    rng: np.random.Generator, scene: _Scene, progress: Array, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Film the scene: ``(frames, H, W, 3)``."""
    light = np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, 0.04, 3))
    blur, photons = rng.uniform(0.2, 0.6), float(np.exp(rng.uniform(6, 9)))
    sun = (rng.uniform(-0.7, 0.7), 0.7, 0.6)
    shaking = _shaking(rng, len(progress), rng.uniform(0, 0.012) * size[1])
    shots = np.empty((len(progress), *size, 3), np.uint8)
    for number, (step, offset) in enumerate(zip(progress, shaking, strict=True)):
        camera = _Camera(scene.zoom(float(step)), scene.target, offset)
        canvas = Canvas(camera.background(scene.ground, size), sun)
        for figure, placed in scene.script(float(step)):
            canvas.draw(figure, camera.sees(placed), 1)
        picture = np.clip(canvas.picture() * light.astype(np.float32), 0, 1)
        picture = degrade.gaussian_blur(picture, blur)
        shots[number] = to_uint8(degrade.sensor_noise(picture, rng, photons=photons))
    return shots


@dataclass(frozen=True, eq=False)
class _Camera:
    """Enlarges about a target, and shifts."""

    zoom: float
    target: tuple[float, float]
    offset: Array

    def sees(self, placed: Placed) -> Placed:
        """Where a figure is seen."""
        foot = (np.subtract(placed.foot, self.target)) * self.zoom + self.target + self.offset
        return Placed(
            (float(foot[0]), float(foot[1])),
            placed.scale * self.zoom,
            placed.angle,
            placed.mirrored,
        )

    def background(self, ground: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
        """Cut what is seen out of the larger background, on the fine grid."""
        places = []
        for axis, length in enumerate(size):
            target, offset = self.target[1 - axis], self.offset[1 - axis]
            seen = (np.arange(length * FINE) + 0.5) / FINE - 0.5
            there = (seen - offset - target) / self.zoom + target
            margin = (ground.shape[axis] // FINE - length) // 2
            fine = np.rint((there + margin + 0.5) * FINE - 0.5).astype(int)
            places.append(np.clip(fine, 0, ground.shape[axis] - 1))
        return ground[np.ix_(*places)]


def _enlarged(size: tuple[int, int]) -> tuple[int, int]:
    """Height and width with the margin on both sides."""
    height, width = (length + 2 * int(_MARGIN * length) for length in size)
    return height, width


# --- Things on a table ----------------------------------------------------------------------------


def _toy(name: str, height: float) -> Callable[[np.random.Generator], Figure]:
    """Return a figure of the world in the size of a toy."""

    def draw(rng: np.random.Generator) -> Figure:
        parts = FIGURES[name](rng)
        factor = height / max(float(part.outline[:, 1].max()) for part in parts)
        return [
            Part(factor * part.outline, part.colour, "plain", part.shape, part.second)
            for part in parts
        ]

    return draw


def _ball(rng: np.random.Generator) -> Figure:
    outline = ellipse(0, 0.45, 0.9, 0.9)
    texture = ("panels", "stripes", "plain")[int(rng.integers(3))]
    return [Part(outline, draw_colour(rng), texture, "sphere", draw_colour(rng))]


def _cup(rng: np.random.Generator) -> Figure:
    colour = draw_colour(rng)
    body = np.array([(-0.32, 0), (-0.42, 0.95), (0.42, 0.95), (0.32, 0)])
    handle, hole = ellipse(0.46, 0.5, 0.4, 0.5), ellipse(0.46, 0.5, 0.22, 0.3)
    dark = tuple(0.35 * np.array(colour))
    return [
        Part(handle, colour, shape="cylinder"),
        Part(hole, dark),
        Part(body, colour, shape="cylinder"),
        Part(rectangle(-0.41, 0.55, 0.41, 0.7), draw_colour(rng), shape="cylinder"),
        Part(ellipse(0, 0.95, 0.84, 0.16), dark),
    ]


def _bottle(rng: np.random.Generator) -> Figure:
    outline = [(-0.24, 0), (-0.24, 0.9), (-0.08, 1.15), (-0.08, 1.4), (0.08, 1.4), (0.08, 1.15)]
    outline += [(0.24, 0.9), (0.24, 0)]
    return [
        Part(smooth(outline, 1), draw_colour(rng), shape="cylinder"),
        Part(rectangle(-0.24, 0.3, 0.24, 0.7), draw_colour(rng), "stripes", "cylinder"),
        Part(rectangle(-0.1, 1.33, 0.1, 1.48), draw_colour(rng)),
    ]


def _carton(rng: np.random.Generator) -> Figure:
    half, height = rng.uniform(0.4, 0.6), rng.uniform(0.6, 1.0)
    colour = draw_colour(rng)
    return [
        Part(rectangle(-half, 0, half, height), colour, "grain"),
        Part(rectangle(-half, 0.45 * height, half, 0.6 * height), draw_colour(rng)),
    ]


_THINGS: dict[str, Callable[[np.random.Generator], Figure]] = {
    "a ball": _ball,
    "a box": _carton,
    "a bottle": _bottle,
    "a cup": _cup,
    "a toy car": _toy("car", 0.7),
    "a toy bus": _toy("bus", 0.75),
    "a toy animal": _toy("animal", 0.95),
}
_LONG_THINGS = ("a bottle", "a toy car", "a toy bus")  # that look different when turned


def _hand(rng: np.random.Generator) -> Figure:
    """Draw a hand whose finger tips are at the origin; it points to the right."""
    skin = tuple(np.array([0.88, 0.68, 0.55]) * rng.uniform(0.4, 1.05))
    dark = tuple(0.8 * np.array(skin))
    sleeve = Part(limb((-1.6, 0), (-9, 0), 0.55, 0.8), draw_colour(rng), "cloth")
    fingers = [
        Part(limb((-0.75, y), (-0.04 - 0.5 * abs(y), 1.15 * y), 0.17, 0.12), skin, shape="cylinder")
        for y in (0.21, 0.07, -0.07, -0.21)
    ]
    return [
        Part(limb((-0.9, 0), (-1.8, 0), 0.42, 0.38), skin),
        sleeve,
        Part(limb((-0.8, -0.2), (-0.25, -0.42), 0.2, 0.13), dark),
        *fingers,
        Part(ellipse(-0.85, 0, 0.75, 0.58), skin, shape="sphere"),
    ]


def _width(figure: Figure) -> tuple[float, float]:
    """Leftmost and rightmost of a figure."""
    across = np.concatenate([part.outline[:, 0] for part in figure])
    return float(across.min()), float(across.max())


def _height(figure: Figure) -> float:
    return max(float(part.outline[:, 1].max()) for part in figure)


@dataclass(frozen=True, eq=False)
class _Table:
    """Where things stand: a row of the picture, and pixels for a unit of theirs."""

    rng: np.random.Generator
    size: tuple[int, int]
    scale: float
    row: float

    def pick(self, names: Sequence[str] = tuple(_THINGS)) -> tuple[str, Figure]:
        name = names[int(self.rng.integers(len(names)))]
        return name, _THINGS[name](self.rng)

    def at(self, x: float, up: float = 0.0, **turned: Any) -> Placed:
        """Put a figure at a share of the picture's width, and so many units above the table."""
        return Placed((x * self.size[1], self.row - up * self.scale), self.scale, **turned)

    def units(self, share: float) -> float:
        """Units in a share of the picture's width."""
        return share * self.size[1] / self.scale


Script = tuple[tuple[str, ...], Callable[[float], list[Layer]]]


def _order_scene(rng: np.random.Generator, pair: int, size: tuple[int, int]) -> _Scene:
    """Draw the scene of a pair of classes, before it is known which of them it will be."""
    ground = draw_setting(rng, "room", _enlarged(size)).colours
    table = _Table(rng, size, size[0] * rng.uniform(0.24, 0.32), size[0] * rng.uniform(0.72, 0.85))
    if pair == 4:
        return _approach(table, ground)
    things, script = _SCRIPTS[pair](table)
    return _Scene(ground, script, things)


def _phase(progress: float, start: float, end: float) -> float:
    """How much of the part of an action from `start` to `end` is done."""
    return float(np.clip((progress - start) / (end - start), 0, 1))


def _push(table: _Table, mirrored: bool) -> Script:
    """Move a thing with a hand behind it; the hand comes and goes."""
    rng = table.rng
    name, thing = table.pick()
    hand, reach = _hand(rng), rng.uniform(0.25, 0.5)
    begin, end = rng.uniform(0.25, 0.36), rng.uniform(0.64, 0.75)
    back, facing = _width(thing)[0], bool(rng.random() < 0.5)
    rear = -_width(thing)[1] if facing else back

    def script(progress: float) -> list[Layer]:
        moved = begin + (end - begin) * _phase(progress, 0.2, 0.8)
        away = 1.2 * (1 - _phase(progress, 0, 0.2)) + 0.7 * _phase(progress, 0.8, 1)
        tip = moved + (rear - away) * table.scale / table.size[1]
        mirror = (lambda x: 1 - x) if mirrored else (lambda x: x)
        return [
            (thing, table.at(mirror(moved), mirrored=facing != mirrored)),
            (hand, table.at(mirror(tip), reach, mirrored=mirrored)),
        ]

    return (name,), script


def _open(table: _Table) -> Script:
    """Lift the lid of a chest by its free end."""
    rng = table.rng
    half, height = rng.uniform(0.6, 0.85), rng.uniform(0.6, 0.85)
    colour, x, widest = draw_colour(rng), rng.uniform(0.42, 0.58), rng.uniform(1.5, 2.1)
    chest = [
        Part(rectangle(-half, 0, half, height), colour, "planks"),
        Part(rectangle(-half, 0.35 * height, half, 0.5 * height), draw_colour(rng)),
    ]
    inside = [Part(ellipse(0, height, 1.9 * half, 0.24), (0.07, 0.06, 0.06))]
    lid = [Part(limb((0, 0.06), (2 * half, 0.06), 0.18, 0.18), tuple(0.8 * np.array(colour)))]
    hand, mirrored = _hand(rng), bool(rng.random() < 0.5)
    side = -1 if mirrored else 1

    def script(progress: float) -> list[Layer]:
        angle = widest * _phase(progress, 0.2, 0.85)
        away = 1.4 * (1 - _phase(progress, 0, 0.2)) + 1.0 * _phase(progress, 0.85, 1)
        hinge = x - side * half * table.scale / table.size[1]
        tip_x = hinge + side * (2 * half * np.cos(angle) + away) * table.scale / table.size[1]
        tip_y = height + 2 * half * np.sin(angle) + 0.3 * away
        turned = -angle if mirrored else angle
        return [
            (inside, table.at(x)),
            (lid, table.at(hinge, height, angle=turned, mirrored=mirrored)),
            (chest, table.at(x)),
            (hand, table.at(tip_x, tip_y, mirrored=not mirrored, angle=0.4 * side)),
        ]

    return ("a chest",), script


def _lift(table: _Table) -> Script:
    """Grasp a thing from above and carry it up."""
    rng = table.rng
    name, thing = table.pick()
    hand, x, rise = _hand(rng), rng.uniform(0.35, 0.65), rng.uniform(1.1, 2.2)
    grip, lean = _height(thing) - 0.12, rng.uniform(-0.3, 0.3)

    def script(progress: float) -> list[Layer]:
        up = rise * _phase(progress, 0.3, 1)
        above = 2.2 * (1 - _phase(progress, 0, 0.3))
        return [
            (thing, table.at(x, up)),
            (hand, table.at(x, up + grip + above, angle=-np.pi / 2 + lean)),
        ]

    return (name,), script


def _turn(table: _Table) -> Script:
    """Turn a thing that lies on the table, seen from above, with a finger at its end."""
    rng = table.rng
    name, thing = table.pick(_LONG_THINGS)
    (left, right), middle = _width(thing), _height(thing) / 2
    lying = [
        Part(
            1.25 * (part.outline - ((left + right) / 2, middle)),
            part.colour,
            part.texture,
            part.shape,
            part.second,
        )
        for part in thing
    ]
    start, turn = rng.uniform(-np.pi, np.pi), rng.uniform(1.2, 2.8)
    x, up, hand = rng.uniform(0.42, 0.58), rng.uniform(0.5, 0.9), _hand(rng)
    arm = rng.uniform(1.2, 1.9)  # the arm comes from below
    radius = 0.55 * max(right - left, 2 * middle)

    def script(progress: float) -> list[Layer]:
        angle = start + turn * _phase(progress, 0.15, 0.85)
        away = 0.8 * (1 - _phase(progress, 0, 0.15)) + 0.8 * _phase(progress, 0.85, 1)
        reach = radius + away
        tip = table.at(x, up).foot
        finger = Placed(
            (
                float(tip[0] + reach * np.cos(angle) * table.scale),
                float(tip[1] - reach * np.sin(angle) * table.scale),
            ),
            0.8 * table.scale,
            arm,
        )
        return [(lying, table.at(x, up, angle=angle)), (hand, finger)]

    return (name,), script


def _take_out(table: _Table) -> Script:
    """Lift a thing out of a basket that hides it."""
    rng = table.rng
    name, thing = table.pick(("a ball", "a box", "a bottle", "a cup"))
    hand, x = _hand(rng), rng.uniform(0.38, 0.62)
    half, tall = 0.78, max(1.05, _height(thing) + 0.05)
    colour, texture = draw_colour(rng), ("checks", "planks", "stripes")[int(rng.integers(3))]
    front = np.array([(-0.85 * half, 0), (-half, tall), (half, tall), (0.85 * half, 0)])
    basket = [
        Part(front, colour, texture, "cylinder", draw_colour(rng)),
        Part(rectangle(-half, tall - 0.12, half, tall), draw_colour(rng)),
    ]
    rim = [Part(ellipse(0, tall, 2 * half, 0.3), tuple(0.3 * np.array(colour)))]
    grip, rise = _height(thing) - 0.12, tall + rng.uniform(0.3, 0.6)

    def script(progress: float) -> list[Layer]:
        up = rise * _phase(progress, 0.3, 1)
        above = 2.5 * (1 - _phase(progress, 0, 0.3))
        return [
            (rim, table.at(x)),
            (thing, table.at(x, up)),
            (hand, table.at(x, up + grip + above, angle=-np.pi / 2)),
            (basket, table.at(x)),
        ]

    return (name, "a basket"), script


def _cover(table: _Table) -> Script:
    """Draw a cloth over a thing from one side."""
    rng = table.rng
    name, thing = table.pick()
    hand, x, mirrored = _hand(rng), rng.uniform(0.4, 0.6), bool(rng.random() < 0.5)
    half, tall = 0.95, _height(thing) + rng.uniform(0.15, 0.3)
    hem = np.array([(-half, 0), (-0.8 * half, tall), (0.8 * half, tall), (half, 0)])
    texture = ("checks", "stripes", "cloth")[int(rng.integers(3))]
    cloth = [Part(smooth(hem, 1), draw_colour(rng), texture, "cylinder", draw_colour(rng))]
    side = 1 if mirrored else -1
    far = table.units(0.75)

    def script(progress: float) -> list[Layer]:
        aside = far * (1 - _phase(progress, 0, 0.8))
        away = 1.3 * _phase(progress, 0.85, 1)
        shift = side * aside * table.scale / table.size[1]
        tip = x + shift + side * (0.6 * half + away) * table.scale / table.size[1]
        return [
            (thing, table.at(x)),
            (cloth, table.at(x + shift)),
            (hand, table.at(tip, 0.8 * tall, mirrored=mirrored)),
        ]

    return (name, "a cloth"), script


def _join(table: _Table) -> Script:
    """Move two things towards each other with two hands."""
    rng = table.rng
    (one, left), (other, right) = table.pick(), table.pick()
    hands = _hand(rng), _hand(rng)
    middle, far, near = rng.uniform(0.45, 0.55), rng.uniform(0.28, 0.36), rng.uniform(0.13, 0.18)
    reach = rng.uniform(0.25, 0.45, 2)
    behind_left, behind_right = _width(left)[0], _width(right)[1]

    def script(progress: float) -> list[Layer]:
        apart = far + (near - far) * _phase(progress, 0.1, 0.9)
        away = 0.6 * (1 - _phase(progress, 0, 0.1)) + 0.6 * _phase(progress, 0.9, 1)
        unit = table.scale / table.size[1]
        return [
            (left, table.at(middle - apart)),
            (right, table.at(middle + apart)),
            (hands[0], table.at(middle - apart + (behind_left - away) * unit, reach[0])),
            (
                hands[1],
                table.at(middle + apart + (behind_right + away) * unit, reach[1], mirrored=True),
            ),
        ]

    return (one, other), script


def _approach(table: _Table, ground: NDArray[np.float32]) -> _Scene:
    """Bring the camera nearer to a thing."""
    rng = table.rng
    name, thing = table.pick()
    x, nearest, farthest = rng.uniform(0.4, 0.6), rng.uniform(1.3, 1.7), rng.uniform(0.65, 0.8)
    placed = table.at(x)
    target = (placed.foot[0], placed.foot[1] - 0.4 * table.scale)
    return _Scene(
        ground,
        lambda progress: [(thing, placed)],
        (name,),
        lambda progress: float(farthest * (nearest / farthest) ** progress),
        target,
    )


_SCRIPTS: dict[int, Callable[[_Table], Script]] = {
    0: lambda table: _push(table, False),
    1: lambda table: _push(table, True),
    2: _open,
    3: _lift,
    5: _turn,
    6: _take_out,
    7: _cover,
    8: _join,
}


# --- Actions outdoors -----------------------------------------------------------------------------

_ACTORS = {  # who takes part, in what surroundings, on what
    "Driving a car": (("car",), "street", ("road",)),
    "Riding a bus": (("bus",), "street", ("road",)),
    "Boating": (("boat",), "lake", ("water",)),
    "Walking a dog": (("person", "animal"), "meadow", ("grass", "sand")),
    "Playing with a ball": (("person", "ball"), "meadow", ("grass", "sand")),
    "Ballooning": (("balloon",), "meadow", ("sky", "hills")),
    "Grazing": (("animal", "animal"), "meadow", ("grass", "sand")),
    "Walking": (("person",), "street", ("pavement", "road", "grass")),
}
_TALL = {
    "car": 0.26,
    "bus": 0.36,
    "boat": 0.42,
    "person": 0.5,
    "animal": 0.3,
    "ball": 0.13,
    "balloon": 0.32,
}


def _appearance_scene(rng: np.random.Generator, label: str, size: tuple[int, int]) -> _Scene:
    """Draw the surroundings of an action, its actors and the ways that chance lets them go."""
    names, surroundings, surfaces = _ACTORS[label]
    place = draw_setting(rng, surroundings, _enlarged(size))
    margin = np.array([int(_MARGIN * size[1]), int(_MARGIN * size[0])])
    x, y = rng.uniform(0.25, 0.75) * size[1], 0.0
    for _ in range(200):  # a place in the lower half of the picture, or in the sky, that suits
        x, share = rng.uniform(0.25, 0.75) * size[1], rng.uniform(0, 1)
        y = size[0] * (0.38 + 0.25 * share if names == ("balloon",) else 0.45 + 0.5 * share)
        if place.surface_at(x + margin[0], y + margin[1]) in surfaces:
            break
    speed = rng.choice([-1, 1]) * rng.uniform(0.1, 0.45) * size[1]
    actors = []
    for number, name in enumerate(names):
        figure = FIGURES[name](rng)
        tall = _TALL[name] * rng.uniform(0.75, 1.25) * size[0]
        beside = number * rng.uniform(0.2, 0.3) * size[1] * rng.choice([-1, 1])
        bounce = rng.uniform(0.1, 0.3) * size[0] if name == "ball" else 0.01 * size[0]
        actors.append((figure, tall / _height(figure), beside, bounce, rng.uniform(0, 1)))
    facing, beats = bool(rng.random() < 0.5), rng.uniform(1, 3)

    def script(progress: float) -> list[Layer]:
        layers: list[Layer] = []
        for figure, scale, beside, bounce, phase in actors:
            beat = (beats * progress + phase) % 1
            foot = (x + beside + speed * (progress - 0.5), y - bounce * 4 * beat * (1 - beat))
            layers.append((figure, Placed((float(foot[0]), float(foot[1])), scale, 0.0, facing)))
        return layers

    return _Scene(place.colours, script)
