"""Exercises of chapter 36, "Data sets, real and synthetic"."""

import builtins
import random
import zlib
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ocrlearn.course.exercise import Exercise, require, require_close

# --- 36.1 A line of ICDAR 2015 --------------------------------------------------------------------

_MARK = "\ufeff"


def check_parse_line(parse_line: Callable[..., Any], rng: np.random.Generator) -> None:
    """Try a plain line, a comma in the text, a line to be ignored, Windows' ends, and the mark."""
    corners = rng.integers(0, 1280, (4, 2))
    numbers = ",".join(map(str, corners.ravel()))
    plain = f"{numbers},Station"
    answer = parse_line(plain)
    require(answer is not None, "Nothing came back: does the function end with `return`?")
    require(
        isinstance(answer, (tuple, list)) and len(answer) == 3,
        "Return three things: the quad, the text, and whether to ignore it.",
    )
    quad, text, ignore = answer
    require(
        np.shape(quad) != (8,), "Eight numbers in a row came back. Reshape them to four points."
    )
    require_close(quad, corners, "The quad should hold the points (x, y) in the order of the line.")
    require(text == "Station", f"From {plain!r} the text should be 'Station', not {text!r}.")
    require(ignore is False or ignore == 0, "Only the text ### is to be ignored.")
    comma = parse_line(f"{numbers},Bed, Breakfast")[1]
    require(
        comma == "Bed, Breakfast",
        f"'Bed, Breakfast' came out as {comma!r}: split eight times and no more.",
    )
    ends = parse_line(f"{numbers},Exit\r\n")[1]
    require(ends == "Exit", f"The text {ends!r} holds the end of the line. Strip it.")
    require(
        parse_line(f"{numbers},###")[2],
        "### means that nobody could read it: such a word is to be ignored.",
    )
    require(
        parse_line(f"{numbers},###\r\n")[2],
        "### was not known at the end of a line with '\\r\\n'. Strip first, compare then.",
    )
    require(
        not parse_line(f"{numbers},Track ###")[2],
        "'Track ###' can be read, though three such signs are in it. Is ### the whole text?",
    )
    try:
        marked = parse_line(f"{_MARK}{plain}")
    except ValueError:
        marked = None
    require(
        marked is not None,
        "The first line of some files begins with an invisible byte order mark, '\\ufeff', and "
        "then no number can be read.",
    )
    require_close(marked[0], corners, "The byte order mark changed the quad.")


def _parse(line: str, splits: int = 8, ends: str = "\r\n", mark: str = _MARK) -> Any:
    fields = line.strip(ends + mark).split(",", splits)
    quad = np.array(fields[:8], float).reshape(4, 2)
    return quad, fields[8], fields[8] == "###"


def _parse_flat(line: str) -> Any:
    quad, text, ignore = _parse(line)
    return quad.ravel(), text, ignore


PARSE_LINE = Exercise(
    number="36.1",
    title="A line of ICDAR 2015",
    stars=1,
    hints=[
        "How often must the line be split so that a comma in the text survives?",
        "`split` takes the greatest number of cuts; `strip` takes the characters to remove.",
        '`fields = line.strip("\\ufeff\\r\\n").split(",", 8)`',
    ],
    check=check_parse_line,
    wrong={
        "splits at every comma": (lambda line: _parse(line, -1), "split eight times"),
        "leaves the line's end": (lambda line: _parse(line, ends=""), "holds the end of the line"),
        "leaves the mark": (lambda line: _parse(line, mark=""), "byte order mark"),
        "ignores nothing": (lambda line: (*_parse(line)[:2], False), "nobody could read it"),
        "ignores all": (lambda line: (*_parse(line)[:2], True), "Only the text ###"),
        "leaves eight numbers": (_parse_flat, "Reshape them"),
        "ignores any three signs": (
            lambda line: (*_parse(line)[:2], "###" in line),
            "can be read, though",
        ),
        "forgets the line's end at ###": (
            lambda line: (*_parse(line)[:2], line.endswith(",###")),
            "Strip first",
        ),
        "takes y first": (
            lambda line: (_parse(line)[0][:, ::-1], *_parse(line)[1:]),
            "points (x, y) in the order",
        ),
        "forgets to return": (lambda line: None, "does the function end"),
    },
    praise="Three lines of code, and four traps: the mark, the commas, the line's end, and ###.",
)


# --- 36.2 A split without leaks -------------------------------------------------------------------


_HASH = hash


def _place(name: str) -> float:
    return zlib.crc32(name.encode()) / 2**32


def _remembered(function: Callable[..., Any]) -> int:
    """Count what stands in the containers that `function` can reach and change."""
    code = getattr(function, "__code__", None)
    if code is None:
        return 0
    reached = [
        *(function.__globals__.get(name) for name in code.co_names),
        *(function.__defaults__ or ()),
        *(function.__kwdefaults__ or {}).values(),
        *(cell.cell_contents for cell in function.__closure__ or ()),
        vars(function),
    ]
    return sum(len(one) for one in reached if isinstance(one, (dict, list, set)))


def check_in_test(in_test: Callable[..., Any], rng: np.random.Generator) -> None:
    """Split the crops of 300 photographs, twice, and look for photographs on both sides.

    What Python's `hash` says in the next process is tried by exchanging it for another one, and a
    list of what was drawn before is known by its growth.
    """
    names = rng.choice(["photo_", "IMG-", "quay", "2019."], 300)
    numbers = rng.choice(10**6, 300, replace=False)
    photographs = [f"{name}{number}" for name, number in zip(names, numbers, strict=True)]
    crops = {name: [f"{name}/word_{k}.png" for k in range(6)] for name in photographs}
    share = float(rng.uniform(0.2, 0.35))
    before = _remembered(in_test)
    sides = {name: [in_test(crop, share) for crop in crops[name]] for name in photographs}
    flat = [side for several in sides.values() for side in several]
    require(None not in flat, "Nothing came back: does the function end with `return`?")
    again = [in_test(crop, share) for name in photographs for crop in crops[name]]
    require(
        flat == again,
        "Asked twice about the same crop, the function answers differently. After a restart the "
        "network would be tested on what it has learned from.",
    )
    require(
        _remembered(in_test) == before,
        "The function keeps a list of its answers. It is lost with the process, and another machine "
        "never had it. Can the name alone decide?",
    )
    with mock.patch.object(builtins, "hash", lambda name: _HASH(f"another process: {name}")):
        salted = [in_test(crop, share) for name in photographs for crop in crops[name]]
    require(
        flat == salted,
        "Python's `hash` of a string is salted: the next process would split differently.",
    )
    require(
        all(len(set(several)) == 1 for several in sides.values()),
        "Crops of one photograph fell on both sides. The same sign, light and camera in training "
        "and test make the test too easy. Decide by the photograph.",
    )
    found = float(np.mean(flat))
    require(
        abs(found - share) < 0.12 or abs(1 - found - share) > 0.12,
        "The shares are exchanged: `share` is that of the test.",
    )
    require(
        abs(found - share) < 0.12,
        f"{found:.0%} of the photographs are in the test, and {share:.0%} were asked for.",
    )
    few = {name for name in photographs if in_test(crops[name][0], share / 2)}
    require(
        few <= {name for name, several in sides.items() if several[0]},
        "With half the share, photographs moved from training into the test.",
    )


def _photograph(crop: str) -> str:
    return crop.split("/")[0]


def _remember(crop: str, share: float, drawn: dict[str, float] = {}) -> bool:  # noqa: B006
    return drawn.setdefault(_photograph(crop), random.random()) < share


IN_TEST = Exercise(
    number="36.2",
    title="A split without leaks",
    stars=2,
    hints=[
        "All crops of a photograph must get one answer. What do their names have in common?",
        (
            "`zlib.crc32` turns bytes into a number from 0 to 2**32 - 1, the same on every machine "
            "and in every year."
        ),
        '`zlib.crc32(crop.split("/")[0].encode()) / 2**32 < share`',
    ],
    check=check_in_test,
    wrong={
        "draws": (lambda crop, share: random.random() < share, "answers differently"),
        "remembers what it drew": (_remember, "keeps a list"),
        "decides by the crop": (lambda crop, share: _place(crop) < share, "on both sides"),
        "uses hash": (
            lambda crop, share: hash(_photograph(crop)) % 100 < 100 * share,
            "is salted",
        ),
        "exchanges the shares": (
            lambda crop, share: _place(_photograph(crop)) >= share,
            "are exchanged",
        ),
        "takes one in ten": (
            lambda crop, share: _place(_photograph(crop)) < 0.02,
            "were asked for",
        ),
        "moves when the share moves": (
            lambda crop, share: random.Random(f"{_photograph(crop)} {share}").random() < share,
            "moved from training",
        ),
        "forgets to return": (lambda crop, share: None, "does the function end"),
    },
    praise="And when photographs are added tomorrow, no old one changes sides.",
)


# --- 36.3 Bug hunt --------------------------------------------------------------------------------


def _make(seed: int, index: int, *faults: str) -> Any:
    """Make the exercise's sample, with the given faults."""
    one_number = seed + index if "seeds" in faults else 1000 * seed + index
    alone = "seeds" in faults or "thousands" in faults
    rng = np.random.default_rng(one_number if alone else [seed, index])
    paper = (np.random if "global" in faults else rng).normal(200, 4)
    image = np.full((48, 96), paper)
    w, h = rng.integers(30, 60), rng.integers(8, 16)
    x, y = rng.integers(3, 93 - w), rng.integers(3, 45 - h)
    image[y : y + h, x : x + w] = 40
    quad = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], float)
    if "centres" not in faults:
        quad -= 0.5
    if rng.random() < 0.5:
        image = np.rot90(image)
        if "turn" not in faults:
            quad = np.column_stack([quad[:, 1], (96 if "width" in faults else 95) - quad[:, 0]])
        if "order" in faults:
            quad = np.roll(quad, -1, axis=0)
    image = image + rng.normal(0, 22, image.shape)
    if "upper" in faults:
        return np.minimum(image, 255).astype(np.int64).astype(np.uint8), quad
    if "wrap" in faults:
        return image.astype(np.int64).astype(np.uint8), quad
    return image.clip(0, 255).astype(np.uint8), quad


def check_make_sample(make_sample: Callable[..., Any], rng: np.random.Generator) -> None:
    """Make samples twice, under neighbouring seeds, and compare their quads with their ink."""
    seed, index = (int(number) for number in rng.integers(1, 1000, 2))
    first, again = make_sample(seed, index), make_sample(seed, index)
    require(first is not None, "Nothing came back: does the function end with `return`?")
    require(
        np.array_equal(first[0], again[0]),
        "Sample number 7 of a seed must always be the same one, but two calls differ. Which number "
        "is not drawn from `rng`?",
    )
    neighbour = make_sample(seed + 1, index - 1)
    require(
        not np.array_equal(first[0], neighbour[0]),
        "Sample 1 of seed 0 is sample 0 of seed 1: two seeds share nearly all their samples. "
        "`default_rng` takes a list of numbers.",
    )
    for step in 10 ** np.arange(2, 7):
        require(
            not np.array_equal(first[0], make_sample(seed - 1, int(index + step))[0]),
            f"Sample {index + step} of seed {seed - 1} is sample {index} of seed {seed}: a factor "
            "only moves the place where two seeds meet. `default_rng` takes both numbers.",
        )
    for number in range(index, index + 12):  # about half of them are turned
        _check_one(*make_sample(seed, number))


def _check_one(image: Any, quad: Any) -> None:
    smooth = ndimage.median_filter(np.asarray(image), 3)
    dark = smooth < 120
    label, _ = ndimage.label(dark)
    require(
        image.dtype == np.uint8 and np.shape(quad) == (4, 2),
        "The image should be uint8 and the quad (4, 2).",
    )
    sizes = np.bincount(label.ravel())[1:]
    rows, columns = ndimage.find_objects(label)[int(np.argmax(sizes))]
    inner = np.zeros(image.shape, bool)
    inner[rows, columns] = True
    paper = np.asarray(image)[~ndimage.binary_dilation(inner, iterations=3)]
    require(
        (paper < 60).mean() < 0.001,
        "There are black specks in bright paper: numbers beyond 255 began again at 0.",
    )
    ink = np.asarray(image)[rows, columns]
    require(
        (ink > 200).mean() < 0.001,
        "There are white specks in dark ink: numbers below 0 began again at 255.",
    )
    low = np.array([columns.start, rows.start]) - 0.5
    high = np.array([columns.stop, rows.stop]) - 0.5
    found = np.array([np.min(quad, axis=0), np.max(quad, axis=0)])
    require(
        np.abs(found - [low, high]).max() > 0.1 or _turns_clockwise(np.asarray(quad, float)),
        "The corners should go clockwise.",
    )
    turned = image.shape[0] > image.shape[1]
    start = [low[0], high[1] if turned else low[1]]
    require(
        np.abs(found - [low, high]).max() > 0.1 or np.abs(quad[0] - start).max() < 0.1,
        "The corners should begin at the text's own top-left, which is at the bottom left once the "
        "image was turned: carry every corner along, and leave their order.",
    )
    require(
        not np.allclose(np.abs(found - [low, high]), 0.5, atol=0.1),
        "The quad lies half a pixel beside the ink. The centre of the first pixel "
        "is at 0: where is its left edge?",
    )
    require(
        np.abs(found - [low, high]).max() < 2 or not turned,
        "In an image that was turned, the quad is where the text was before. Pixel (x, y) went to "
        "(y, 95 - x).",
    )
    require(
        not 0.1 < np.abs(found - [low, high]).max() < 1.1 or not turned,
        "In an image that was turned, the quad is up to a pixel off. The left edge of the picture, "
        "at -0.5, becomes its lower edge, at 95.5.",
    )
    require_close(found, np.array([low, high]), "The quad does not enclose the ink.", atol=0.1)


def _turns_clockwise(quad: NDArray[np.float64]) -> bool:
    x, y = quad.T
    return bool((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() > 0)


HUNT = Exercise(
    number="36.3",
    title="Bug hunt: five faults in a generator",
    stars=3,
    hints=[
        "Mend one at a time and run the check again: it tells the next.",
        (
            "Two faults are in how numbers are drawn, two in the quad, and one in how the noise is "
            "added."
        ),
        (
            "`default_rng([seed, index])`; `rng.normal` for the paper; the quad less 0.5; after "
            "`rot90`, (x, y) becomes (y, 95 - x); and `clip(0, 255)` before `astype`."
        ),
    ],
    check=check_make_sample,
    stub='''\
def make_sample(seed, index):
    """Return a bar of ink on noisy paper, uint8, and its quad, (4, 2)."""
    rng = np.random.default_rng(seed + index)
    image = np.full((48, 96), np.random.normal(200, 4))
    w, h = rng.integers(30, 60), rng.integers(8, 16)
    x, y = rng.integers(3, 93 - w), rng.integers(3, 45 - h)
    image[y : y + h, x : x + w] = 40
    quad = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], float)
    if rng.random() < 0.5:  # the camera was held upright
        image = np.rot90(image)
    image = image + rng.normal(0, 22, image.shape)
    return image.astype(np.int64).astype(np.uint8), quad''',
    wrong={
        "adds seed and index": (
            lambda seed, index: _make(seed, index, "seeds"),
            "share nearly all",
        ),
        "draws from the global generator": (
            lambda seed, index: _make(seed, index, "global"),
            "two calls differ",
        ),
        "forgets the centres": (
            lambda seed, index: _make(seed, index, "centres"),
            "half a pixel",
        ),
        "forgets to turn the quad": (
            lambda seed, index: _make(seed, index, "turn"),
            "before. Pixel",
        ),
        "turns about the width": (
            lambda seed, index: _make(seed, index, "width"),
            "up to a pixel off",
        ),
        "starts at another corner": (
            lambda seed, index: _make(seed, index, "order"),
            "begin at the text's own",
        ),
        "multiplies the seed": (
            lambda seed, index: _make(seed, index, "thousands"),
            "a factor only moves",
        ),
        "lets numbers wrap": (lambda seed, index: _make(seed, index, "wrap"), "black specks"),
        "clips above alone": (lambda seed, index: _make(seed, index, "upper"), "white specks"),
        "forgets to return": (lambda seed, index: None, "does the function end"),
    },
    praise="None of the five raises an error: only looking at samples and their labels finds them.",
)

EXERCISES = [PARSE_LINE, IN_TEST, HUNT]
