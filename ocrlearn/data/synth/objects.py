"""Scenes for segmentation: overlapping objects of ten classes, with a class for every pixel.

What makes segmenting real photographs hard is put in on purpose:

- **colour decides nothing**: all classes draw their colours from one distribution;
- **parts mislead**: a bus has the windows of a house, a motor boat those of a car, a balloon the
  pattern of a ball; the outline, the other parts and the surroundings tell them apart;
- **context helps**: boats float, cars and buses keep to the road, balloons hang in the sky, and a
  network with a large field of view can know it;
- **sizes vary** by a factor of ten and more, with the distance and with the class;
- things **hide each other**, throw shadows, are mirrored in water, and the picture is blurred,
  noisy and compressed.

Pixels at the border of objects are void, as in PASCAL VOC, whose annotators could not tell either
(M. Everingham, L. Van Gool, C. Williams, J. Winn, A. Zisserman, "The PASCAL visual object classes
(VOC) challenge", International Journal of Computer Vision 88, 2010).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._validate import check_choice
from ocrlearn.data.samples import Sample
from ocrlearn.data.synth import degrade
from ocrlearn.data.synth._arguments import check_size
from ocrlearn.data.synth._canvas import Array, Canvas, Figure, Placed
from ocrlearn.data.synth._figures import FIGURES
from ocrlearn.data.synth._settings import SETTINGS, SURFACES, Setting, draw_setting
from ocrlearn.data.synth.texts import seeded_generator
from ocrlearn.image.convert import to_uint8

__all__ = ["OBJECT_CLASSES", "SURFACES", "VOID", "render_objects"]

OBJECT_CLASSES = ("background", *FIGURES)
"""Names of the classes; the number of each is its place here."""

VOID = 255
"""What the mask "classes" holds at the borders of objects."""

_LIKELY = {  # which objects a place has, each as often as it is named
    "street": (
        "car",
        "car",
        "bus",
        "house",
        "tree",
        "person",
        "person",
        "sign",
        "animal",
        "balloon",
    ),
    "meadow": ("tree", "tree", "house", "animal", "animal", "person", "ball", "balloon", "sign"),
    "lake": ("boat", "boat", "boat", "tree", "person", "animal", "ball", "balloon"),
    "room": ("person", "animal", "ball", "ball", "sign"),
}
_STANDS_ON = {
    "car": ("road",),
    "bus": ("road",),
    "boat": ("water",),
    "house": ("grass", "pavement"),
    "tree": ("grass", "pavement"),
    "person": ("grass", "pavement", "road", "sand", "floor"),
    "animal": ("grass", "pavement", "road", "sand", "floor"),
    "sign": ("grass", "pavement", "floor"),
    "ball": ("grass", "pavement", "road", "sand", "floor"),
    "balloon": ("sky",),
}
_ATTEMPTS = 60
_SMALLEST, _LARGEST = 0.05, 1.1  # heights of objects, as shares of the picture's height


@dataclass(frozen=True, eq=False)
class _Object:
    """A figure in its place."""

    name: str
    figure: Figure
    placed: Placed
    box: tuple[float, float, float, float]


def render_objects(
    seed: int = 0,
    index: int = 0,
    *,
    split: str = "training",
    size: tuple[int, int] = (128, 128),
    classes: Sequence[str] = OBJECT_CLASSES[1:],
    setting: str | None = None,
    void: bool = True,
    clean: bool = False,
) -> Sample:
    """Render scene number `index` of a seeded, endless set.

    Parameters
    ----------
    seed, index
        Which scene. The result depends on the arguments alone.
    split
        "training" or "benchmark", which have no scene in common.
    size
        ``(height, width)`` in pixels, each at least 32. The same scene in another size of the same
        proportions has the same objects in the same places.
    classes
        Which objects there may be, names of :data:`OBJECT_CLASSES`. Their numbers in the masks do
        not depend on it.
    setting
        "street", "meadow", "lake" or "room"; by default any that suits the classes.
    void
        Whether pixels at the borders of objects are :data:`VOID` in the mask "classes": those of
        which a neighbour above, below, left or right belongs to something else.
    clean
        Leave out blur, noise and compression.

    Returns
    -------
    Sample
        `image` is ``(height, width, 3)`` uint8. Its masks, all ``(height, width)`` uint8:

        - "classes": 0 for background, the place in :data:`OBJECT_CLASSES`, or void;
        - "objects": 0, or the number of the object, from 1, the farthest first;
        - "surfaces": the place in :data:`SURFACES` of what is behind the objects, also where they
          hide it.

        ``details["objects"]`` lists them in order of their numbers: "class", "surface" on which it
        stands, "pixels" that are seen, and "hidden", the share of its pixels inside the picture
        that others cover. There are 2 to 8 objects, or fewer where there is no
        room, or one is hidden wholly.

    Raises
    ------
    ValueError
        If an argument is not as described above, or none of the classes is found in `setting`.

    Notes
    -----
    Deviations: objects are flat figures in side view, seen by a level camera; shadows fall on the
    ground only, and inner shading follows simple bodies (boards, cylinders, spheres).
    """
    height, width = check_size(size, low=32, high=4096)
    for name in classes:
        check_choice(name, "classes", OBJECT_CLASSES[1:])
    rng = seeded_generator(seed, index, split, "objects")
    place = draw_setting(
        seeded_generator(seed, index, split, "objects setting"),
        _choose_setting(rng, setting, classes),
        (height, width),
    )
    objects = _place_objects(rng, place, [n for n in _LIKELY[place.name] if n in classes])
    sun = np.array([rng.uniform(-0.8, 0.8), rng.uniform(0.4, 0.9), rng.uniform(0.3, 0.8)])
    canvas = Canvas(place.colours, sun)
    for number, thing in enumerate(objects, start=1):
        _draw(canvas, place, thing, number)
    objects = _seen(canvas, objects)
    owners = canvas.majority()
    picture = canvas.picture()
    if not clean:
        picture = _photograph(picture, seeded_generator(seed, index, split, "objects look"))
    return Sample(
        to_uint8(picture),
        width=width,
        height=height,
        masks={
            "classes": _classes(owners, objects, void),
            "objects": owners,
            "surfaces": canvas.majority(place.surfaces),
        },
        details={"setting": place.name, "objects": _describe(canvas, owners, objects, place)},
    )


def _choose_setting(rng: np.random.Generator, setting: str | None, classes: Sequence[str]) -> str:
    suited = [name for name in SETTINGS if set(_LIKELY[name]) & set(classes)]
    chance = rng.random()
    if setting is None:
        if not suited:
            raise ValueError("classes must name at least one class of objects, got none")
        return suited[int(chance * len(suited))]
    check_choice(setting, "setting", SETTINGS)
    if setting not in suited:
        raise ValueError(
            f"setting {setting!r} has none of the classes {', '.join(classes)}; "
            f"it has {', '.join(sorted(set(_LIKELY[setting])))}"
        )
    return setting


# --- Where things stand ---------------------------------------------------------------------------


def _place_objects(rng: np.random.Generator, place: Setting, names: Sequence[str]) -> list[_Object]:
    """Put 2 to 8 objects where they belong, the farthest first."""
    wanted, found = int(rng.integers(2, 9)), list[_Object]()
    for _ in range(_ATTEMPTS):
        beside = found[int(rng.integers(len(found)))] if found and rng.random() < 0.5 else None
        candidate = _propose(rng, place, names[int(rng.integers(len(names)))], beside)
        if candidate is not None and not any(_hides(candidate, other) for other in found):
            found.append(candidate)
        if len(found) == wanted:
            break
    return sorted(found, key=lambda thing: _nearness(thing, place))


def _propose(
    rng: np.random.Generator, place: Setting, name: str, beside: _Object | None
) -> _Object | None:
    """Draw an object and a place for it, perhaps `beside` another, which it may hide in part.

    None if it does not belong there, looks too small, or is mostly outside of the picture.
    """
    figure = FIGURES[name](rng)
    height, width = place.size
    left, right = (0, width) if beside is None else (beside.box[0], beside.box[2])
    x, mirrored = rng.uniform(left, right), bool(rng.random() < 0.5)
    if name == "balloon":
        y = rng.uniform(0.1, 1.0) * place.horizon
        scale, angle = height * np.exp(rng.uniform(np.log(0.05), np.log(0.35))), 0.0
    else:
        y = place.horizon + (height - place.horizon) * rng.uniform(0.03, 1.05)
        scale, angle = place.metre(y), float(rng.normal(0, 0.02))
    if place.surface_at(x, y) not in _STANDS_ON[name]:
        return None
    placed = Placed((x, y), float(scale), angle, mirrored)
    points = np.concatenate([placed(part.outline) for part in figure])
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    seen_width = (min(right, width) - max(left, 0)) / (right - left)
    seen_height = (min(bottom, height) - max(top, 0)) / (bottom - top)
    tall = (bottom - top) / height
    if not _SMALLEST < tall < _LARGEST or min(seen_width, seen_height) < 0.4:
        return None
    return _Object(name, figure, placed, (float(left), float(top), float(right), float(bottom)))


def _nearness(thing: _Object, place: Setting) -> float:
    """Order of drawing: by the row of the foot; what hangs in the sky is far away."""
    return -place.horizon if thing.name == "balloon" else thing.placed.foot[1]


def _hides(one: _Object, other: _Object) -> bool:
    """Whether one would cover most of the other, judged by their boxes."""
    low = np.maximum(one.box[:2], other.box[:2])
    high = np.minimum(one.box[2:], other.box[2:])
    common = float(np.prod(np.maximum(high - low, 0)))
    return common > 0.65 * min(_area(one.box), _area(other.box))


def _area(box: tuple[float, float, float, float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


# --- Drawing --------------------------------------------------------------------------------------


def _draw(canvas: Canvas, place: Setting, thing: _Object, number: int) -> None:
    """Draw an object with its shadow, or with its image in the water."""
    if thing.name == "boat":
        _mirror(canvas, thing)
    elif thing.name != "balloon":
        canvas.darken(_shadow(thing, canvas.light), 0.62 if place.name != "room" else 0.75)
    canvas.draw(thing.figure, thing.placed, number)


def _shadow(thing: _Object, light: Array) -> Array:
    """Outline of the shadow on the ground: the hull of the figure, laid down away from the sun."""
    from ocrlearn.geometry import convex_hull

    hull = convex_hull(np.concatenate([thing.placed(part.outline) for part in thing.figure]))
    foot = thing.placed.foot[1]
    up = np.minimum(foot - hull[:, 1], 4 * thing.placed.scale)  # shadows of tall things end
    lean = -light[0] / light[1]
    ground = np.column_stack([hull[:, 0] + lean * up, foot - 0.1 * up])
    base = hull[up < 0.08 * thing.placed.scale]
    return np.asarray(convex_hull(np.concatenate([ground, base])), dtype=np.float64)


def _mirror(canvas: Canvas, thing: _Object) -> None:
    """Darken the water where the boat is mirrored, broken by waves."""
    foot = thing.placed.foot[1]
    for part in thing.figure:
        outline = thing.placed(part.outline)
        flipped = np.column_stack([outline[:, 0], 2 * foot - outline[:, 1]])
        flipped[:, 1] = foot + 0.6 * (flipped[:, 1] - foot)
        canvas.darken(flipped, 0.86)


def _photograph(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Exposure, lens, sensor and file."""
    light = np.exp(rng.normal(0, 0.16)) * np.exp(rng.normal(0, 0.04, 3))
    seen = np.clip(picture * light.astype(np.float32), 0, 1).astype(np.float32)
    seen = degrade.light_ramp(seen, rng.uniform(0, 0.25), angle=rng.uniform(-np.pi, np.pi))
    seen = degrade.gaussian_blur(seen, rng.uniform(0.2, 0.8))
    seen = degrade.sensor_noise(
        seen, rng, photons=float(np.exp(rng.uniform(6.5, 9))), read=0.006, correlation=0.6
    )
    return degrade.jpeg(seen, int(rng.integers(50, 95))) if rng.random() < 0.5 else seen


# --- Truth ----------------------------------------------------------------------------------------


def _seen(canvas: Canvas, objects: Sequence[_Object]) -> list[_Object]:
    """Leave out objects of which no pixel is seen, and number the rest anew on the canvas."""
    numbers = [int(number) for number in np.unique(canvas.majority()) if number]
    renumbered = np.zeros(len(objects) + 1, np.uint8)
    renumbered[numbers] = np.arange(1, len(numbers) + 1)
    canvas.owners = renumbered[canvas.owners]
    return [objects[number - 1] for number in numbers]


def _classes(
    owners: NDArray[np.uint8], objects: Sequence[_Object], void: bool
) -> NDArray[np.uint8]:
    numbers = [0, *(OBJECT_CLASSES.index(thing.name) for thing in objects)]
    classes = np.array(numbers, np.uint8)[owners]
    if void:
        classes[_borders(owners)] = VOID
    return classes


def _borders(owners: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels of which one of the four neighbours belongs to something else."""
    border = np.zeros(owners.shape, bool)
    beside, above = owners[:, 1:] != owners[:, :-1], owners[1:] != owners[:-1]
    border[:, 1:] |= beside
    border[:, :-1] |= beside
    border[1:] |= above
    border[:-1] |= above
    return border


def _describe(
    canvas: Canvas, owners: NDArray[np.uint8], objects: Sequence[_Object], place: Setting
) -> list[dict[str, Any]]:
    described = []
    for number, thing in enumerate(objects, start=1):
        whole = np.count_nonzero(canvas.stencil(thing.figure, thing.placed))
        seen = np.count_nonzero(canvas.owners == number)
        described.append(
            {
                "class": thing.name,
                "surface": place.surface_at(*thing.placed.foot),
                "pixels": int(np.count_nonzero(owners == number)),
                "hidden": round(float(1 - seen / whole), 3),
            }
        )
    return described
