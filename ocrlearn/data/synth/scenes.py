"""Scenes: words on signs and walls, in perspective, as a detector of scene text meets them.

The recipe is that of SynthText (Gupta, Vedaldi and Zisserman, "Synthetic Data for Text Localisation
in Natural Images", CVPR 2016): find regions of even colour and texture, lay text on them in
perspective, choose colours by what pictures have, blend. In order:

1. a background, a procedural surface or a part of a photograph, with some blank panels;
2. a camera before walls (:mod:`ocrlearn.data.synth._planes`): one wall for most of the text, and a
   second at right angles to it, or the floor, for the rest;
3. blocks of one to four lines, on boards or painted on the surface, straight or bent, each where
   a region has room for it and none overlapping another;
4. light that falls across all of it, lens, sensor and file.

Deviations from SynthText: the direction of a surface is drawn by chance, where SynthText estimates
the depth of the photograph with a network; regions come from Felzenszwalb and Huttenlocher's
merging, where SynthText uses gPb-UCM contours; boards are added, on which most real signs stand.
Gradient-domain blending is kept for a part of the text that is painted on a surface.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from ocrlearn._validate import check_number
from ocrlearn.data.samples import Sample, TextInstance
from ocrlearn.data.synth import degrade
from ocrlearn.data.synth._arguments import check_no_single_path, check_size
from ocrlearn.data.synth._lettering import (
    Look,
    Seen,
    look_at,
    paint_block,
    paint_panel,
    word_numbers,
)
from ocrlearn.data.synth._moved_ink import flat_ink, tight_quad
from ocrlearn.data.synth._planes import Camera, draw_camera
from ocrlearn.data.synth._regions import even_regions
from ocrlearn.data.synth._signs import Block, Board, draw_block
from ocrlearn.data.synth.backgrounds import (
    KINDS,
    crop_photograph,
    light_falling,
    seen_through,
    texture,
)
from ocrlearn.data.synth.colours import random_pair
from ocrlearn.data.synth.curved import bent_outline
from ocrlearn.data.synth.degrade import PointMap
from ocrlearn.data.synth.fonts import Font
from ocrlearn.data.synth.texts import seeded_generator
from ocrlearn.document import Line
from ocrlearn.geometry import polygon_area
from ocrlearn.image.convert import to_uint8

__all__ = ["LEAST_CONTRAST", "LEAST_HEIGHT", "render_scene"]

FloatImage = NDArray[np.float32]
Matrix = NDArray[np.float64]
Details = dict[str, Any]

LEAST_HEIGHT = 8.0
"""Words lower than this many pixels are marked to be ignored."""

LEAST_CONTRAST = 0.06
"""So are words whose mean colour differs less than this from that around them, by the Euclidean
distance of RGB in [0, 1], divided by the square root of 3 (black to white is 1)."""

_COARSE = 4  # places are looked for in a picture so many times smaller


def render_scene(
    seed: int = 0,
    index: int = 0,
    *,
    split: str = "training",
    size: tuple[int, int] = (480, 640),
    backgrounds: Sequence[str | Path] | None = None,
    fonts: Sequence[Font] | None = None,
    words: Sequence[str] | None = None,
    curved: float = 0.2,
    masks: bool = False,
) -> Sample:
    """Render scene number `index` of a seeded, endless set of scenes with text.

    Parameters
    ----------
    seed, index
        Which scene. It depends on the arguments alone (and on the versions of NumPy, SciPy, Pillow
        and the fonts), never on what was rendered before.
    split
        "training" or "benchmark"; see :mod:`ocrlearn.data.synth.texts`.
    size
        ``(height, width)`` in pixels, each at least 96. Sizes of text grow with the shorter side;
        bricks, boards and leaves keep theirs.
    backgrounds
        Photographs, such as :func:`ocrlearn.data.synth.backgrounds.photographs` lists; one scene in
        two then has a part of one as its background. By default all are procedural, so that the
        same scenes come out on every machine.
    fonts
        What to choose from, by default the fonts that matplotlib ships.
    words
        Words to write, without spaces, instead of English: any script that the fonts cover. As
        English ones they may be written in capitals, and are labelled as they are written.
    curved
        Probability that a block is bent, along an arc or a wave, in [0, 1].
    masks
        Whether to add the masks "ink" (``(H, W)`` bool: at least half covered by letters, without
        their outlines and shadows) and "words" (``(H, W)`` uint8: at ink, the number of the word
        from 1, in the order of the labels; else 0).

    Returns
    -------
    Sample
        `image` is uint8 ``(*size, 3)``. `instances` are lines; their `parts` are words, and those
        of a word its characters. Polygons are boxes around the ink (of lines and words: around
        that of their characters) on the flat surface, carried to the picture by the map that moved
        the pixels: quads, or polygons of 2 x N points (see
        :func:`ocrlearn.data.synth.curved.bent_outline`) for lines and words that are bent;
        characters always have quads, tight around their ink along their own axes where they are
        bent. What the edge of the picture cuts keeps its whole polygon, which then reaches outside.

        A word is marked ``ignore`` if it is lower than :data:`LEAST_HEIGHT`, has less contrast than
        :data:`LEAST_CONTRAST` or is cut; so are its characters, and the line it is in. There are 3
        to 25 words, or fewer where the picture has no room for them. `details` says what was drawn
        by chance: "background", "blur" and so on, and "lines_of_blocks", the number of lines of
        each sign in turn.

    Raises
    ------
    ValueError
        If an argument is out of range, `words` is empty or has a word that is empty or holds a
        space, or no font covers a text.
    """
    size = check_size(size, low=96, high=8192)
    check_no_single_path(backgrounds, "backgrounds")
    check_number(curved, "curved", low=0, high=1)
    _check_words(words)

    def rng(purpose: str) -> np.random.Generator:
        return seeded_generator(seed, index, split, f"scene {purpose}")

    details: Details = {}
    camera = draw_camera(size, rng("camera"))
    walls = _Walls.draw(camera, rng("walls"))
    picture = _background(camera, walls, backgrounds, rng("background"), details)
    scene = _Scene(picture, even_regions(_reduced(picture)))
    writer = _Writer(rng("content"), split, fonts, words, curved)
    writer.fill(scene, walls)
    image = _photographed(scene.picture, rng("photograph"), details)
    lines = _with_ignored(scene, image)
    details["words"] = scene.word_count
    details["lines_of_blocks"] = scene.lines_of_blocks
    return Sample(
        image,
        text="\n".join(line.text or "" for line in lines),
        instances=lines,
        width=size[1],
        height=size[0],
        masks={"ink": scene.numbers > 0, "words": scene.numbers} if masks else {},
        details=details,
    )


def _check_words(words: Sequence[str] | None) -> None:
    if words is None:
        return
    if isinstance(words, str) or not len(words):
        raise ValueError(f"words must be a sequence of at least one word, got {words!r}")
    for word in words:
        if not isinstance(word, str) or len(word.split()) != 1 or word.strip() != word:
            raise ValueError(f"words must hold non-empty words without spaces, got {word!r}")


# ---------------------------------------------------------------------------------------------
# What is there before the text


@dataclass(frozen=True, eq=False)
class _Walls:
    """The surfaces of a scene: a wall, a second at right angles to it, and the floor."""

    camera: Camera
    yaw: float

    @staticmethod
    def draw(camera: Camera, rng: np.random.Generator) -> "_Walls":
        """Face the wall in every third scene, and see it from the side in the others."""
        if rng.random() < 0.35:
            return _Walls(camera, float(rng.normal(0, np.deg2rad(5))))
        return _Walls(camera, float(rng.uniform(-1, 1) * np.deg2rad(50)))

    def surface(self, centre: NDArray[np.float64], rng: np.random.Generator) -> Matrix:
        """Return the homography of a surface seen at `centre`, with the text on it turned a bit."""
        choice, spin = rng.random(), rng.random()
        around = (
            rng.normal(0, np.deg2rad(1.5)),
            rng.uniform(-1, 1) * np.deg2rad(35),
            float(rng.choice([-1, 1])) * np.pi / 2,
        )
        turned = float(around[0] if spin < 0.88 else around[1] if spin < 0.97 else around[2])
        yaw, level = self.yaw, False
        other_wall = self.yaw - np.sign(self.yaw) * np.pi / 2
        if choice < 0.2 and abs(other_wall) < np.deg2rad(62):
            yaw = other_wall
        elif choice > 0.93 and centre[1] > 0.7 * self.camera.size[0]:
            level = True
        matrix = self.camera.plane(centre, yaw=yaw, level=level)
        cosine, sine = np.cos(turned), np.sin(turned)
        return np.asarray(matrix @ np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]))


def _background(
    camera: Camera,
    walls: _Walls,
    photos: Sequence[str | Path] | None,
    rng: np.random.Generator,
    details: Details,
) -> FloatImage:
    """Make what the camera sees without text."""
    height, width = camera.size
    if photos is not None and len(photos) and rng.random() < 0.5:
        details["background"] = "photograph"
        return np.array(crop_photograph(photos[int(rng.integers(len(photos)))], rng, camera.size))
    kind = KINDS[int(rng.integers(len(KINDS)))]
    details["background"] = kind
    picture = texture(kind, camera.size, rng)
    if kind not in ("sky", "foliage"):
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        to_middle = np.array([[1, 0, -middle[0]], [0, 1, -middle[1]], [0, 0, 1]])
        wall = camera.plane(middle, yaw=walls.yaw)
        picture = seen_through(picture, wall @ to_middle, camera.size)
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.4, 0.3, 0.2, 0.1]))):
        _add_panel(picture, camera, walls, rng)
    return picture


def _add_panel(
    picture: FloatImage, camera: Camera, walls: _Walls, rng: np.random.Generator
) -> None:
    """Put something blank on the wall: a door, a window, a poster's ground."""
    height, width = camera.size
    centre = rng.uniform(0.05, 0.95, size=2) * (width, height)
    half = rng.uniform(0.08, 0.3, size=2) * (width, height)
    matrix = camera.plane(centre, yaw=walls.yaw)
    if not _in_front(matrix, (half[0], half[1])):
        return
    seen = look_at(matrix, (half[0], half[1]), camera.size, margin=12)
    if seen is None:
        return
    ground, border = _colours(rng)
    board = Board(
        (float(half[0]), float(half[1])),
        radius=0.0,
        border=float(rng.uniform(3, 9)) if rng.random() < 0.6 else 0.0,
        inset=0.0,
    )
    surface: Any = ground
    if rng.random() < 0.5:
        surface = texture(str(rng.choice(["plaster", "wood", "metal"])), seen.shape, rng)
    sheen, darkness = rng.uniform(-0.3, 0.3), rng.uniform(0.1, 0.4)
    shadow = ((float(rng.uniform(-4, 4)), float(rng.uniform(0, 5))), 3.0, float(darkness))
    look = Look(border, ground, shadow=shadow, sheen=float(sheen))
    paint_panel(picture, seen, board, surface, look)


def _colours(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw the colours of letters and ground, RGB in [0, 1]."""
    pair = random_pair(iter(rng.random(16).tolist()))
    ink, ground = np.array([pair.ink, pair.ground], np.float32) / np.float32(255)
    return ink, ground


def _difference(pair: tuple[NDArray[np.float32], NDArray[np.float32]]) -> float:
    """Return the Euclidean distance of two colours, 1 from black to white."""
    return float(np.linalg.norm(pair[0] - pair[1]) / np.sqrt(3))


def _colours_for(
    surface: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw colours for letters on a surface of a given mean colour.

    Of some pairs the one whose ground is most like the surface, as SynthText chooses, but only
    among those whose letters would be seen on it: nobody paints a sign that cannot be.
    """
    pairs = [_colours(rng) for _ in range(8)]
    seen = [pair for pair in pairs if _difference((pair[0], surface)) > 0.25]
    if seen:
        return min(seen, key=lambda pair: _difference((pair[1], surface)))
    return max(pairs, key=lambda pair: _difference((pair[0], surface)))


def _in_front(matrix: Matrix, half: tuple[float, float]) -> bool:
    """Whether a rectangle on a surface lies before the camera and is not too foreshortened.

    Its corners must be at most two and a half times nearer or farther than its middle, and its
    area in the picture at least a quarter of that on the surface.
    """
    a, b = half
    corners = np.array([[-a, -b, 1], [a, -b, 1], [a, b, 1], [-a, b, 1]])
    depth = corners @ matrix[2] / matrix[2, 2]
    if depth.min() < 0.4 or depth.max() > 2.5:
        return False
    seen = PointMap.homography(matrix)(corners[:, :2])
    return bool(polygon_area(seen) > a * b)  # a quarter of 2a x 2b


def _reduced(picture: FloatImage) -> FloatImage:
    """Average squares of ``_COARSE`` pixels; what is left over at the edges is dropped."""
    height, width = (side // _COARSE for side in picture.shape[:2])
    cut = picture[: height * _COARSE, : width * _COARSE]
    return np.asarray(cut.reshape(height, _COARSE, width, _COARSE, 3).mean(axis=(1, 3)))


# ---------------------------------------------------------------------------------------------
# Finding room


class _Scene:
    """A picture that is being written on.

    Attributes
    ----------
    picture
        float32 ``(H, W, 3)``, changed in place.
    regions
        Labels of even regions, ``_COARSE`` times smaller.
    occupied
        Where text stands, as small.
    numbers
        uint8 ``(H, W)``: number of the word whose ink covers each pixel.
    lines
        The truth so far.
    lines_of_blocks
        How many of the lines each block has.
    """

    def __init__(self, picture: FloatImage, regions: NDArray[np.int32]) -> None:
        self.picture = picture
        self.regions = regions
        self.occupied = np.zeros(regions.shape, bool)
        self.numbers = np.zeros(picture.shape[:2], np.uint8)
        self.lines: list[TextInstance] = []
        self.lines_of_blocks: list[int] = []
        self.word_count = 0
        self._borders = _borders(regions)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture."""
        return self.picture.shape[0], self.picture.shape[1]

    def room(self, need: float) -> NDArray[np.float64]:
        """Return running sums of how good each small pixel is as the middle of a block.

        The more room is around it, up to `need` pixels, the better.
        """
        clear = ~(self._borders | self.occupied)
        distance = ndimage.distance_transform_edt(np.pad(clear, 1))[1:-1, 1:-1]
        return np.cumsum(np.minimum(distance, need / _COARSE).ravel() ** 3)

    def draw_centre(
        self, rng: np.random.Generator, room: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Draw a point (x, y) of the picture by what :meth:`room` says."""
        if room[-1] == 0:
            return rng.random(2) * self.size[::-1]
        place = int(np.searchsorted(room, rng.random() * room[-1], side="right"))
        row, column = divmod(min(place, room.size - 1), self.regions.shape[1])
        return (np.array([column, row]) + rng.random(2)) * _COARSE - 0.5

    def footprint(self, corners: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return the small mask of a quad, a pixel too large rather than too small."""
        mask = Image.new("1", (self.regions.shape[1], self.regions.shape[0]))
        small = (corners + 0.5) / _COARSE - 0.5
        ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in small], fill=1, outline=1)
        return ndimage.binary_dilation(np.asarray(mask), np.ones((3, 3), bool))

    def evenness(self, footprint: NDArray[np.bool_]) -> float:
        """Return the share of a footprint that its commonest region has."""
        labels = self.regions[footprint]
        return float(np.bincount(labels).max() / labels.size) if labels.size else 0.0

    def within(self, corners: NDArray[np.float64]) -> bool:
        """Whether all `corners` lie in the picture."""
        height, width = self.size
        x, y = corners[:, 0], corners[:, 1]
        return bool((x >= 0).all() and (y >= 0).all() and (x < width).all() and (y < height).all())


def _borders(regions: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Pixels whose right or lower neighbour belongs to another region."""
    borders = np.zeros(regions.shape, bool)
    borders[:, :-1] |= regions[:, :-1] != regions[:, 1:]
    borders[:-1] |= regions[:-1] != regions[1:]
    return borders


# ---------------------------------------------------------------------------------------------
# Writing


class _Writer:
    """Draws blocks and finds them places."""

    def __init__(
        self,
        rng: np.random.Generator,
        split: str,
        fonts: Sequence[Font] | None,
        words: Sequence[str] | None,
        curved: float,
    ) -> None:
        self.rng = rng
        self.split, self.fonts, self.words = split, fonts, words
        self.curved = curved

    def fill(self, scene: _Scene, walls: _Walls) -> None:
        """Write until the scene has as many words as were drawn for it."""
        wanted = int(np.clip(round(np.exp(self.rng.normal(np.log(8), 0.6))), 3, 25))
        for em in self._sizes(scene, tries=30):
            left = wanted - scene.word_count
            if left < 1:
                return
            self._write(scene, walls, em, min(left, 8), allow_cut=self.rng.random() < 0.04)
        for em in np.geomspace(14, 6, 12):  # no room so far: small boards, anywhere
            if scene.word_count >= 3:
                return
            self._write(scene, walls, float(em), 3 - scene.word_count, plain=True)

    def _sizes(self, scene: _Scene, tries: int) -> Iterator[float]:
        """Draw sizes of letters in pixels per em: log-normal, with a tail of large ones.

        The median follows the words of ICDAR 2015's photographs (small, incidental) in half the
        scenes and that of ICDAR 2003's (large, aimed at) in the others.
        """
        shorter = min(scene.size) / 480
        middle = 24.0 if self.rng.random() < 0.5 else 48.0
        sizes = np.exp(self.rng.normal(np.log(middle), 0.6, size=tries)) * shorter
        sizes[:6] = np.sort(sizes[:6])[::-1]  # what is large needs room while there is some
        yield from np.clip(sizes, 10, 0.45 * min(scene.size)).tolist()

    def _write(
        self,
        scene: _Scene,
        walls: _Walls,
        em: float,
        most_words: int,
        *,
        allow_cut: bool = False,
        plain: bool = False,
    ) -> None:
        """Draw a block, look for a place, and paint it there; or do nothing if none is found."""
        rng = self.rng
        bend = str(rng.choice(["arc", "arc", "wave"])) if rng.random() < self.curved else ""
        on_board = plain or rng.random() < 0.55
        block = draw_block(
            rng,
            em,
            split=self.split,
            most_words=most_words,
            widest=0.6 * scene.size[1],
            bend="" if plain else bend,
            on_board=on_board,
            fonts=self.fonts,
            words=self.words,
        )
        placed = self._find_place(scene, walls, block, allow_cut)
        if placed is None:
            return
        matrix, footprint = placed
        seen = look_at(matrix, block.half, scene.size, margin=6 + 0.1 * em)
        if seen is None:
            return
        scene.occupied |= footprint
        look = self._draw_look(scene.picture, seen, footprint, block, em)
        cover = paint_block(scene.picture, seen, block, look)
        _keep_truth(scene, block, seen, cover)

    def _find_place(
        self, scene: _Scene, walls: _Walls, block: Block, allow_cut: bool
    ) -> tuple[Matrix, NDArray[np.bool_]] | None:
        """Try some places; a board may hide a border of regions, bare letters may not."""
        needed = 0.35 if block.board is not None else 0.85
        room = scene.room(need=2 * block.half[1])
        for _ in range(10):
            centre = scene.draw_centre(self.rng, room)
            if allow_cut:
                side = int(self.rng.integers(2))
                centre[side] = self.rng.choice([0.0, scene.size[1 - side] - 1.0])
            matrix = walls.surface(centre, self.rng)
            if not _in_front(matrix, block.half):
                continue
            a, b = block.half
            corners = PointMap.homography(matrix)([[-a, -b], [a, -b], [a, b], [-a, b]])
            if not (allow_cut or scene.within(corners)):
                continue
            footprint = scene.footprint(corners)
            if not footprint.any() or (footprint & scene.occupied).any():
                continue
            if scene.evenness(footprint) >= needed:
                return matrix, footprint
        return None

    def _draw_look(
        self,
        picture: FloatImage,
        seen: Seen,
        footprint: NDArray[np.bool_],
        block: Block,
        em: float,
    ) -> Look:
        """Draw colours and effects."""
        rng = self.rng
        shadow = None
        if rng.random() < 0.35:
            reach = min(0.12 * em, 6.0)
            shift = (float(rng.uniform(-reach, reach)), float(rng.uniform(0.2, 1) * reach))
            shadow = (shift, float(rng.uniform(0.3, 1.5)), float(rng.uniform(0.2, 0.6)))
        if block.board is not None:
            ink, ground = max(_colours(rng), _colours(rng), key=_difference)
            return Look(ink, ground, shadow=shadow, sheen=float(rng.uniform(-0.2, 0.2)))
        patch = picture[seen.rows, seen.columns]
        there = patch.reshape(-1, 3).mean(axis=0)
        ink, ground = _colours_for(there, rng)
        if rng.random() < 0.3:
            return Look(ink, ground, poisson=True)
        outline = None
        if em > 20 and rng.random() < 0.15:
            outline = (float(rng.uniform(1.0, 0.08 * em + 1)), _colours(rng)[0])
        return Look(
            ink,
            ground,
            opacity=float(rng.uniform(0.75, 1.0)),
            texture=float(rng.uniform(0.2, 1.0)),
            outline=outline,
            shadow=shadow,
            sheen=float(rng.uniform(-0.15, 0.15)),
        )


# ---------------------------------------------------------------------------------------------
# The truth


def _keep_truth(scene: _Scene, block: Block, seen: Seen, cover: FloatImage) -> None:
    """Add a painted block's labels and masks to the scene."""
    numbers = word_numbers(seen, block)
    numbers[numbers > 0] += np.uint8(scene.word_count)
    inked = (cover >= 0.5) & (numbers > 0)
    scene.numbers[seen.rows, seen.columns][inked] = numbers[inked]
    point_map = block.placing.then(PointMap.homography(seen.matrix))
    scene.lines += [_labelled(line, block, point_map) for line in block.sheet.lines]
    scene.lines_of_blocks.append(len(block.sheet.lines))
    scene.word_count += block.word_count


def _labelled(line: Line, block: Block, point_map: PointMap) -> TextInstance:
    """Carry a line of a block with all its parts to the picture."""

    def outline(quad: NDArray[np.float32]) -> NDArray[np.float32]:
        if block.bend:
            return bent_outline(quad, point_map)
        return point_map(quad).astype(np.float32)

    def corners(quad: NDArray[np.float32]) -> NDArray[np.float32]:
        if block.bend:
            return _around_ink(block.sheet.coverage, quad, point_map)
        return point_map(quad).astype(np.float32)

    words = tuple(
        TextInstance(
            outline(word.quad),
            word.text,
            parts=tuple(
                TextInstance(corners(one.quad), one.text, level="character")
                for one in word.characters
            ),
        )
        for word in line.words
    )
    return TextInstance(outline(line.quad), line.text, level="line", parts=words)


def _around_ink(
    coverage: FloatImage, quad: NDArray[np.float32], point_map: PointMap
) -> NDArray[np.float32]:
    """Return four corners tight around the ink in a box of the sheet, where `point_map` bends it.

    The corners of the box alone would do where letters are low against the bend; on a steep wave
    they cut off one side of a letter and leave room on the other.
    """
    left, top = np.floor(quad.min(axis=0) + 0.5).astype(int)  # the pixels that the box touches
    right, bottom = np.ceil(quad.max(axis=0) + 0.5).astype(int)
    ink = coverage[max(top, 0) : bottom, max(left, 0) : right]
    if not (ink >= 0.5).any():
        return point_map(quad).astype(np.float32)
    return tight_quad(flat_ink(ink).outline + np.maximum([left, top], 0), point_map)


def _with_ignored(scene: _Scene, image: NDArray[np.uint8]) -> tuple[TextInstance, ...]:
    """Mark what nobody could read: too low, too faint or cut by the edge of the picture."""
    contrast = _contrast(scene.numbers, image, scene.word_count)
    lines, number = [], 0
    for line in scene.lines:
        words = []
        for word in line.parts:
            ignore = bool(
                _height(word) < LEAST_HEIGHT
                or contrast[number] < LEAST_CONTRAST
                or not scene.within(word.polygon.astype(np.float64))
            )
            parts = tuple(replace(one, ignore=ignore) for one in word.parts)
            words.append(replace(word, ignore=ignore, parts=parts))
            number += 1
        lines.append(replace(line, parts=tuple(words), ignore=any(word.ignore for word in words)))
    return tuple(lines)


def _height(instance: TextInstance) -> float:
    """Mean height of a piece of text: its area over the mean length of its top and bottom."""
    half = len(instance.polygon) // 2
    steps = [np.diff(side, axis=0) for side in np.split(instance.polygon.astype(float), [half])]
    length = sum(float(np.linalg.norm(step, axis=1).sum()) for step in steps) / 2
    return float(polygon_area(instance.polygon)) / max(length, 1e-6)


def _contrast(
    numbers: NDArray[np.uint8], image: NDArray[np.uint8], count: int
) -> NDArray[np.float64]:
    """Return for each word how far its colour is from that within 3 pixels around its ink."""
    around = ndimage.grey_dilation(numbers, size=(7, 7))
    around[numbers > 0] = 0

    def means(labels: NDArray[np.uint8]) -> NDArray[np.float64]:
        flat = labels.ravel()
        pixels = np.maximum(np.bincount(flat, minlength=count + 1), 1)
        sums = [
            np.bincount(flat, weights=image[..., channel].ravel(), minlength=count + 1)
            for channel in range(3)
        ]
        return np.stack(sums, axis=1)[1 : count + 1] / pixels[1 : count + 1, None]

    difference = (means(numbers) - means(around)) / 255
    inked = np.bincount(numbers.ravel(), minlength=count + 1)[1 : count + 1] > 0
    return np.where(inked, np.linalg.norm(difference, axis=1) / np.sqrt(3), 0.0)


# ---------------------------------------------------------------------------------------------
# The camera


def _photographed(
    picture: FloatImage, rng: np.random.Generator, details: Details
) -> NDArray[np.uint8]:
    """Light, exposure, lens, sensor and file."""
    if details["background"] != "sky":
        picture = light_falling(picture, rng, details)
    brightness = float(picture[::4, ::4].mean())
    aim = float(np.clip(rng.normal(0.42, 0.1), 0.2, 0.65))
    gain = np.clip(aim / max(brightness, 0.02), 0.6, 2.5)
    picture = np.clip(picture * np.float32(gain), 0, 1)
    details["haze"] = float(0.2 * rng.random() ** 2)
    picture = picture + np.float32(details["haze"]) * (np.float32(aim) - picture)
    details["blur"] = float(rng.uniform(0.35, 0.8))
    picture = degrade.gaussian_blur(picture, details["blur"])
    fault = rng.random()
    if fault < 0.15:
        details["defocus"] = float(rng.uniform(0.8, 2.0))
        picture = degrade.defocus_blur(picture, details["defocus"])
    elif fault < 0.28:
        details["motion"] = float(rng.uniform(1.5, 4.5))
        angle = float(rng.uniform(0, np.pi))
        picture = degrade.motion_blur(picture, details["motion"], angle=angle)
    details["photons"] = float(np.exp(rng.uniform(np.log(600), np.log(8000))))
    picture = degrade.sensor_noise(
        picture, rng, photons=details["photons"], read=0.008, correlation=0.7
    )
    details["jpeg_quality"] = int(rng.integers(55, 95))
    return to_uint8(degrade.jpeg(picture, details["jpeg_quality"]))
