"""Figures of the world in side view: cars, trees, people and the like, each drawn by chance.

Every function takes a random generator and returns parts in metres, the foot at the origin and the
front to the right. All take their colours from one distribution, so that a colour tells little of
what a thing is; what tells is the outline, the parts, the size and the place.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from ocrlearn.data.synth._canvas import (
    Array,
    Colour,
    Part,
    draw_colour,
    ellipse,
    limb,
    rectangle,
    smooth,
)

__all__ = ["FIGURES"]

_DARK: Colour = (0.09, 0.09, 0.1)
_METAL: Colour = (0.55, 0.56, 0.58)
_GLASS: Colour = (0.22, 0.28, 0.34)
_SHINE: Colour = (0.75, 0.83, 0.9)
_WALLS = ("bricks", "planks", "grain", "plain")
_CLOTHES = ("cloth", "stripes", "checks", "plain")


def _choose(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    return names[int(rng.integers(len(names)))]


def _wheel(x: float, radius: float) -> list[Part]:
    return [
        Part(ellipse(x, radius, 2 * radius, 2 * radius), _DARK),
        Part(ellipse(x, radius, 1.1 * radius, 1.1 * radius), _METAL, shape="sphere"),
    ]


def _glazed(outline: Array, phase: float) -> Part:
    return Part(outline, _GLASS, "glass", second=_SHINE, phase=phase)


def car(rng: np.random.Generator) -> list[Part]:
    """Draw a car, of one, two or three boxes."""
    length, roof, belt = rng.uniform(3.4, 4.8), rng.uniform(1.35, 1.75), rng.uniform(0.8, 0.95)
    paint, phase = draw_colour(rng), float(rng.uniform(0, 9))
    half = length / 2
    bonnet = half - rng.uniform(0.15, 0.3) * length
    boot = -half + rng.choice([0.05, 0.12, 0.25]) * length
    slope = rng.uniform(0.3, 0.6)
    body = [
        (-half, 0.3),
        (-half, belt),
        (boot, belt + 0.05),
        (boot + slope * 0.7, roof),
        (bonnet - slope * 1.3, roof),
        (bonnet, belt + 0.05),
        (half, belt - 0.12),
        (half + 0.02, 0.3),
    ]
    middle = (boot + bonnet) / 2 - 0.1
    rear = [
        (boot + 0.2, belt + 0.05),
        (boot + slope * 0.75 + 0.1, roof - 0.12),
        (middle - 0.06, roof - 0.12),
        (middle - 0.06, belt + 0.05),
    ]
    front = [
        (middle + 0.06, belt + 0.05),
        (middle + 0.06, roof - 0.12),
        (bonnet - slope * 1.3, roof - 0.12),
        (bonnet - 0.2, belt + 0.05),
    ]
    radius = rng.uniform(0.3, 0.37)
    return [
        Part(smooth(body), paint, "plain"),
        Part(rectangle(-half + 0.1, 0.24, half - 0.1, 0.42), tuple(0.5 * np.array(paint))),
        _glazed(np.array(rear), phase),
        _glazed(np.array(front), phase),
        Part(ellipse(half - 0.14, belt - 0.26, 0.24, 0.16), (0.97, 0.95, 0.8)),
        Part(rectangle(-half, belt - 0.3, -half + 0.12, belt - 0.12), (0.75, 0.1, 0.08)),
        *_wheel(-half + 0.2 * length, radius),
        *_wheel(half - 0.19 * length, radius),
    ]


def bus(rng: np.random.Generator) -> list[Part]:
    """Draw a bus: a box with a row of windows, as a house has, but on wheels."""
    length, height = rng.uniform(6.5, 10), rng.uniform(2.7, 3.3)
    half, phase = length / 2, float(rng.uniform(0, 9))
    parts = [
        Part(smooth(rectangle(-half, 0.35, half, height), 1), draw_colour(rng)),
        Part(rectangle(-half + 0.1, 0.75, half - 0.1, 1.05), draw_colour(rng)),
    ]
    number = int(rng.integers(4, 7))
    edges = np.linspace(-half + 0.35, half - 1.5, number + 1)
    for left, right in pairwise(edges):
        parts.append(_glazed(rectangle(left + 0.08, 1.4, right - 0.08, height - 0.45), phase))
    parts.append(_glazed(rectangle(half - 1.3, 0.5, half - 0.6, height - 0.45), phase))
    parts.append(_glazed(rectangle(half - 0.4, 1.2, half - 0.06, height - 0.45), phase))
    return [*parts, *_wheel(-half + 0.22 * length, 0.48), *_wheel(half - 0.3 * length, 0.48)]


def boat(rng: np.random.Generator) -> list[Part]:
    """Draw a motor boat, whose cabin has a car's colours and windows, or a sailing boat."""
    half, side = rng.uniform(1.8, 3.2), rng.uniform(0.55, 0.9)
    hull = [(-half, side), (-half + 0.25, 0), (half - 0.9, 0), (half + 0.35, side + 0.15)]
    parts = [
        Part(smooth(hull, 1), draw_colour(rng), "planks"),
        Part(rectangle(-half, side - 0.12, half, side), draw_colour(rng)),
    ]
    if rng.random() < 0.5:
        mast = rng.uniform(4, 6.5)
        cloth, second = draw_colour(rng), draw_colour(rng)
        texture = _choose(rng, ("cloth", "stripes"))
        main = np.array([(-0.1, side + 0.3), (-0.1, mast), (-half + 0.2, side + 0.3)])
        jib = np.array([(0.12, side + 0.3), (0.12, 0.9 * mast), (half - 0.1, side + 0.3)])
        return [
            Part(limb((0, side), (0, mast + 0.2), 0.12, 0.08), (0.4, 0.3, 0.2)),
            Part(main, cloth, texture, second=second),
            Part(jib, cloth, "cloth"),
            *parts,
        ]
    roof = side + rng.uniform(0.7, 1.1)
    cabin = [(-half * 0.6, side), (-half * 0.55, roof), (half * 0.2, roof), (half * 0.45, side)]
    window = [
        (-half * 0.45, side + 0.2),
        (-half * 0.45, roof - 0.15),
        (half * 0.15, roof - 0.15),
        (half * 0.3, side + 0.2),
    ]
    return [
        Part(np.array(cabin), draw_colour(rng)),
        _glazed(np.array(window), float(rng.uniform(0, 9))),
        *parts,
    ]


def house(rng: np.random.Generator) -> list[Part]:
    """Draw a house with a gable or a hipped roof, a door and windows."""
    half, eaves = rng.uniform(2.5, 4.5), rng.uniform(2.6, 5.2)
    ridge = eaves + rng.uniform(1.2, 2.8)
    phase = float(rng.uniform(0, 9))
    wall = Part(
        rectangle(-half, 0, half, eaves),
        draw_colour(rng),
        _choose(rng, _WALLS),
        second=(0.8, 0.78, 0.74),
        phase=phase,
    )
    inset = rng.choice([0.0, 0.35, 1.0]) * half
    roof = [
        (-half - 0.4, eaves),
        (-half + inset, ridge),
        (half - inset, ridge),
        (half + 0.4, eaves),
    ]
    if inset == half:
        roof = [(-half - 0.4, eaves), (0, ridge), (half + 0.4, eaves)]
    chimney = half * rng.uniform(-0.6, 0.3)
    parts = [
        Part(rectangle(chimney, eaves, chimney + 0.6, ridge + 0.5), draw_colour(rng), "bricks"),
        wall,
        Part(np.array(roof), draw_colour(rng), "tiles", phase=phase),
    ]
    door, frame = half * rng.uniform(-0.6, 0.6), draw_colour(rng)
    for storey in np.arange(0.9, eaves - 1.2, 2.3):
        for x in np.arange(-half + 0.9, half - 0.7, rng.uniform(1.4, 2.0)):
            if storey < 2 and abs(x - door) < 1.1:
                continue
            parts.append(Part(rectangle(x - 0.48, storey, x + 0.48, storey + 1.2), frame))
            pane = rectangle(x - 0.38, storey + 0.1, x + 0.38, storey + 1.1)
            parts.append(_glazed(pane, phase))
    leaf = rectangle(door - 0.5, 0, door + 0.5, 2.1)
    return [*parts, Part(leaf, draw_colour(rng), "planks")]


def tree(rng: np.random.Generator) -> list[Part]:
    """Draw a broad-leaved tree, in any season's colour, or a conifer."""
    height = rng.uniform(3.5, 8)
    leaves = np.array(draw_colour(rng)) * 0.4 + np.array([0.25, 0.42, 0.16]) * 0.6
    if rng.random() < 0.3:
        leaves = np.array([0.65, 0.36, 0.12]) * rng.uniform(0.7, 1.2)
    second = tuple(np.clip(1.4 * leaves, 0, 1))
    colour = tuple(np.clip(leaves, 0, 1))
    bark = (0.36, 0.27, 0.2)
    trunk = Part(limb((0, 0), (0, 0.6 * height), 0.09 * height, 0.05 * height), bark, "bark")
    parts = [trunk]
    if rng.random() < 0.35:
        for step in range(4):
            low, wide = height * (0.15 + 0.19 * step), height * (0.26 - 0.052 * step)
            tier = np.array([(-wide, low), (0, low + 0.34 * height), (wide, low)])
            parts.append(Part(tier, colour, "foliage", "cylinder", second, 3.0 * step))
        return parts
    for _ in range(int(rng.integers(5, 9))):
        x, y = rng.normal(0, 0.15 * height), height * rng.uniform(0.5, 0.85)
        width = height * rng.uniform(0.28, 0.45)
        blob = ellipse(x, y, width, width * rng.uniform(0.7, 0.95))
        parts.append(Part(blob, colour, "foliage", "sphere", second, float(rng.uniform(0, 9))))
    return parts


def person(rng: np.random.Generator) -> list[Part]:
    """Draw a person who stands or walks."""
    size = rng.uniform(1.2, 1.9)
    skin = tuple(np.array([0.88, 0.68, 0.55]) * rng.uniform(0.4, 1.05))
    hair = tuple(np.array([0.35, 0.25, 0.18]) * rng.uniform(0.2, 1.9))
    coat, trousers = draw_colour(rng), draw_colour(rng)
    texture, second = _choose(rng, _CLOTHES), draw_colour(rng)
    stride, swing = rng.uniform(0, 0.28), rng.uniform(-0.35, 0.6, 2)
    hip, shoulder = np.array([0, 0.5]), np.array([0, 0.8])
    parts = []
    for side, arm in ((1, swing[0]), (-1, swing[1])):
        foot = np.array([side * (0.05 + stride), 0.01])
        parts.append(Part(limb(hip, foot, 0.13, 0.08), trousers, "cloth", "cylinder"))
        parts.append(Part(limb(foot, foot + np.array([0.09, 0]), 0.06, 0.05), _DARK))
        hand = shoulder + 0.34 * np.array([side * np.sin(abs(arm) + 0.15), -np.cos(arm)])
        parts.append(Part(limb(shoulder, hand, 0.09, 0.06), coat, texture, "cylinder", second))
        parts.append(Part(ellipse(hand[0], hand[1], 0.06, 0.06), skin))
    torso = [(-0.1, 0.45), (-0.13, 0.83), (0.13, 0.83), (0.1, 0.45)]
    parts.append(Part(smooth(torso, 1), coat, texture, "cylinder", second))
    parts.append(Part(rectangle(-0.03, 0.8, 0.03, 0.88), skin))
    parts.append(Part(ellipse(0, 0.93, 0.13, 0.17), skin, shape="sphere"))
    cap = ellipse(-0.01, 0.96, 0.14, 0.12)
    parts.append(Part(cap[cap[:, 1] > 0.945], hair))
    return [
        Part(size * part.outline, part.colour, part.texture, part.shape, part.second)
        for part in parts
    ]


def _earthy(rng: np.random.Generator) -> Colour:
    """Draw a colour of things, drawn half way to a brown as light."""
    colour = np.array(draw_colour(rng))
    red, green, blue = (colour + colour.mean() * np.array([1.25, 1.0, 0.75])) / 2
    return float(red), float(green), float(blue)


def animal(rng: np.random.Generator) -> list[Part]:
    """Draw an animal on four legs, from a dachshund to a horse."""
    leg, trunk = rng.uniform(0.25, 0.95), rng.uniform(0.7, 1.7)
    depth = trunk * rng.uniform(0.3, 0.45)
    coat, second = _earthy(rng), _earthy(rng)
    texture = _choose(rng, ("fur", "grain"))
    top, half = leg + depth, trunk / 2
    neck, rise = rng.uniform(0.2, 0.55) * trunk, rng.uniform(0.1, 0.9)
    throat = np.array([half * 0.85, top - 0.3 * depth])
    head = throat + neck * np.array([np.cos(rise), np.sin(rise)])
    far = tuple(0.7 * np.array(coat))
    parts = []
    for x, colour in ((-0.75, far), (0.6, far), (-0.6, coat), (0.75, coat)):
        knee = np.array([x * half, leg + 0.3 * depth])
        foot = np.array([x * half + rng.uniform(-0.18, 0.18) * leg, 0])
        parts.append(Part(limb(knee, foot, 0.32 * depth, 0.13 * depth), colour, "grain"))
    tail = np.array([-half * 0.95, top - 0.2 * depth])
    tip = tail + trunk * np.array([-0.25, rng.uniform(-0.35, 0.3)])
    parts.append(Part(limb(tail, tip, 0.14 * depth, 0.05 * depth), coat))
    parts.append(Part(limb(throat - (0.15, 0.05), head, 0.6 * depth, 0.4 * depth), coat, texture))
    ear = np.array([(-0.06, 0.1), (-0.02, 0.42), (0.1, 0.15)]) * depth
    parts.append(Part(head + ear, far))
    muzzle = head + np.array([0.42 * depth, -0.12 * depth])
    parts.append(Part(limb(head, muzzle, 0.5 * depth, 0.26 * depth), coat, texture))
    parts.append(Part(ellipse(head[0] + 0.06, head[1] + 0.04, 0.09 * depth, 0.09 * depth), _DARK))
    barrel = [(-half, leg), (-half, top), (0, top - 0.06), (half, top + 0.04), (half, leg + 0.05)]
    parts.append(Part(smooth(barrel), coat, texture, "cylinder", second, float(rng.uniform(0, 9))))
    return parts


def sign(rng: np.random.Generator) -> list[Part]:
    """Draw a sign on a pole: round, triangular, eight-cornered or rectangular."""
    height, size = rng.uniform(1.9, 2.8), rng.uniform(0.6, 1.0)
    corners = int(rng.choice([3, 4, 8, 28]))
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False) + np.pi / 2
    if corners in (4, 8):
        turn += np.pi / corners
    plate = np.column_stack([np.cos(turn), np.sin(turn)]) * size / 2
    centre = np.array([0, height])
    rim, inner, mark = draw_colour(rng), draw_colour(rng), draw_colour(rng)
    bar = rng.uniform(0, np.pi)
    symbol = limb(centre - 0.17 * size * _heading(bar), centre + 0.17 * size * _heading(bar), 1, 1)
    symbol = centre + (symbol - centre) * (1, 0.16)
    return [
        Part(rectangle(-0.05, 0, 0.05, height), _METAL, shape="cylinder"),
        Part(centre + plate, rim),
        Part(centre + 0.78 * plate, inner),
        Part(0.6 * symbol + 0.4 * centre, mark),
    ]


def _heading(angle: float) -> Array:
    return np.array([np.cos(angle), np.sin(angle)])


def ball(rng: np.random.Generator) -> list[Part]:
    """Draw a ball that lies on the ground."""
    size = rng.uniform(0.35, 0.9)
    outline = ellipse(0, size / 2, size, size)
    texture = _choose(rng, ("panels", "stripes", "plain", "checks"))
    return [Part(outline, draw_colour(rng), texture, "sphere", draw_colour(rng))]


def balloon(rng: np.random.Generator) -> list[Part]:
    """Draw a hot-air balloon: as round and as gay as a ball, but in the sky."""
    size = rng.uniform(0.8, 1.2)
    envelope = ellipse(0, 1.15 * size, size, size)
    envelope = np.where(
        envelope[:, 1:] < 1.0 * size,
        envelope * (1, 1.15) - (0, 0.15 * size),
        envelope,
    )
    texture = _choose(rng, ("panels", "stripes", "plain", "checks"))
    basket = rectangle(-0.1 * size, 0.2 * size, 0.1 * size, 0.38 * size)
    ropes = np.array([(-0.22, 0.72), (-0.08, 0.38), (0.08, 0.38), (0.22, 0.72)]) * size
    return [
        Part(ropes, (0.45, 0.38, 0.3)),
        Part(envelope, draw_colour(rng), texture, "sphere", draw_colour(rng)),
        Part(basket, (0.5, 0.36, 0.2), "checks", second=(0.35, 0.25, 0.15)),
    ]


FIGURES: dict[str, Callable[[np.random.Generator], list[Part]]] = {
    "car": car,
    "bus": bus,
    "boat": boat,
    "house": house,
    "tree": tree,
    "person": person,
    "animal": animal,
    "sign": sign,
    "ball": ball,
    "balloon": balloon,
}
