"""Train the letter classifier of the classical reader on glyphs rendered from fonts.

    python recipes/classical_reader.py                 # some fifteen minutes on two cores
    python recipes/classical_reader.py --fonts ~/fonts # and every font below that folder
    python recipes/classical_reader.py --hold-out Times,Helvetica --out trial.safetensors

Lines of text are rendered with a known owner for every pixel of ink, spoiled the way printing and
scanning spoil them, and cut by the reader's own over-segmentation. Every candidate is labelled by
whose ink it holds: exactly one character, a ligature, or anything else - half a letter, a letter
and a half, a speck - which is the class "not a character". The classifier thus learns from just the
candidates it will meet, and most of what it learns is which of them are none.

It is a multinomial logistic regression on HoG features, five variants of each class (roman, sans
serif, italic, typewriter, slanted), trained by Adam. It is written beside the reader, with its
classes, its configuration and the names of its fonts in the header of the file.

The fonts are those that matplotlib ships (DejaVu, STIX, Computer Modern) and those that PDFium
carries inside itself to stand in for the standard fonts of PDF (Courier, Helvetica, Times). Both
packages are installed with the library, so nothing is downloaded.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")  # before NumPy: workers share the cores

import argparse
import io
import multiprocessing
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import wordfreq
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from tqdm import tqdm

from ocrlearn.classic import features
from ocrlearn.classic.classifier import fit_logistic_regression
from ocrlearn.classic.oversegment import oversegment, runs_of_primitives
from ocrlearn.classic.reader import WEIGHTS, ClassicalReader, ReaderConfig
from ocrlearn.data.synth.fonts import find_fonts, pdfium_fonts
from ocrlearn.data.synth.texts import line_of_text
from ocrlearn.text import cer

VERSION = 1

LIGATURES = {"fi": "\ufb01", "fl": "\ufb02", "ff": "\ufb00", "ffi": "\ufb03"}
CHARACTERS = [chr(code) for code in range(33, 127)] + list("‘’“”—£©•§°")
CLASSES = CHARACTERS + list(LIGATURES)
NOT_A_CHARACTER = len(CLASSES)

VARIANTS = ("roman", "sans", "italic", "typewriter", "slanted")
"""Styles whose letters differ in shape, not only in weight or width."""

# --- fonts ---------------------------------------------------------------------------------------

GLYPH_NAMES = {
    '"': "quotedbl", "'": "quotesingle", "`": "grave", "‘": "quoteleft", "’": "quoteright",
    "“": "quotedblleft", "”": "quotedblright", "fi": "fi", "fl": "fl", "ff": "ff", "ffi": "ffi",
}  # fmt: skip
"""Where fonts disagree about codes, or a code allows several shapes, the glyph's name decides."""


@dataclass
class Face:
    """A font: its file, its variant, and the code that draws each class it has."""

    name: str
    data: bytes = field(repr=False)
    variant: int = 0
    trusted: frozenset | None = field(default=None, repr=False)
    codes: dict = field(default_factory=dict, repr=False)

    def __post_init__(self):
        by_code = FT2Font(io.BytesIO(self.data)).get_charmap()
        font = FT2Font(io.BytesIO(self.data))
        by_name = {font.get_glyph_name(glyph): code for code, glyph in by_code.items()}
        for label in CLASSES:
            if GLYPH_NAMES.get(label) in by_name:
                self.codes[label] = chr(by_name[GLYPH_NAMES[label]])
                continue
            character = LIGATURES.get(label, label)
            if label not in GLYPH_NAMES and self._has(character, by_code):
                self.codes[label] = character

    def _has(self, character, by_code):
        return ord(character) in by_code if self.trusted is None else character in self.trusted

    def at(self, x_height):
        """Pillow font whose ``x`` is about `x_height` pixels high, and how high it really is."""
        probe = ImageFont.truetype(io.BytesIO(self.data), 200)
        _, top, _, bottom = probe.getbbox(self.codes["x"], anchor="ls")
        size = max(6, round(200 * x_height / (bottom - top)))
        return ImageFont.truetype(io.BytesIO(self.data), size), size * (bottom - top) / 200


def variant_of(name, *, italic, monospaced):
    """Index into VARIANTS, as far as a font's flags and name tell."""
    sans = any(word in name.lower() for word in ("sans", "helvetica", "arial", "gothic"))
    if italic:
        return VARIANTS.index("slanted" if sans or monospaced else "italic")
    if monospaced:
        return VARIANTS.index("typewriter")
    return VARIANTS.index("sans" if sans else "roman")


def font_files(folder=None):
    """Faces of matplotlib's fonts and of those below `folder`."""
    return [
        Face(
            font.name,
            font.path.read_bytes(),
            variant_of(font.name, italic=font.italic, monospaced=font.monospaced),
            font.characters,
        )
        for font in find_fonts(folder)
        if font.index == 0
    ]


def pdf_fonts():
    """Faces of the fonts inside PDFium that stand in for the standard fonts of PDF."""
    return [
        Face(
            f"{family}-{style}" if style else family,
            data,
            variant_of(
                family,
                italic=style.endswith(("Oblique", "Italic")),
                monospaced=family == "Courier",
            ),
        )
        for family, style, data in pdfium_fonts()
    ]


# --- text ----------------------------------------------------------------------------------------


def random_labels(rng, length, words):
    """Labels and spaces: words in several cases, numbers, and characters at random.

    The last make sure that rare characters are seen often enough.
    """
    labels = []
    while len(labels) < length:
        kind = rng.random()
        if kind < 0.5:
            word = words[int(len(words) * rng.random() ** 2)]
            case = rng.random()
            word = word.upper() if case < 0.12 else word.capitalize() if case < 0.35 else word
            piece = list(word)
            if rng.random() < 0.25:
                piece.append(str(rng.choice(list(".,;:!?)-"))))
            if rng.random() < 0.1:
                piece.insert(0, str(rng.choice(list("(\"'[“‘"))))
        elif kind < 0.65:
            piece = list(str(int(10 ** (rng.random() * 5))))
            if rng.random() < 0.3:
                piece.insert(int(rng.integers(len(piece) + 1)), str(rng.choice(list(".,-/%$()"))))
        else:
            piece = [CLASSES[i] for i in rng.integers(len(CLASSES), size=rng.integers(1, 8))]
        labels += [*with_ligatures(rng, piece), " "]
    return labels[:-1]


def with_ligatures(rng, characters, available=frozenset(LIGATURES)):
    """Join f and its successors into one label, half of the time, as typesetters do."""
    labels, rest = [], list(characters)
    while rest:
        for ligature in ("ffi", "fi", "fl", "ff"):
            if "".join(rest[: len(ligature)]) == ligature in available and rng.random() < 0.5:
                labels.append(ligature)
                del rest[: len(ligature)]
                break
        else:
            labels.append(rest.pop(0))
    return labels


# --- pictures ------------------------------------------------------------------------------------


@dataclass
class Drawn:
    """A rendered line: `ink` in [0, 1], `owner` (index into `labels`, -1 = none), its frame."""

    ink: np.ndarray
    owner: np.ndarray
    labels: list
    baseline: float
    x_height: float


def draw(rng, face, labels, x_height=40):
    """Draw labels one by one, remembering whose ink is whose."""
    font, x_height = face.at(x_height)
    # Letters mostly stand as the font says; some lines are spaced out.
    loose = rng.random() > 0.8
    tracking = x_height * (rng.uniform(0, 0.2) if loose else rng.normal(-0.01, 0.05))
    space = x_height * rng.uniform(0.45, 0.9)
    advances = [space if x == " " else font.getlength(face.codes[x]) + tracking for x in labels]
    above, below = int(2.2 * x_height), int(0.9 * x_height)
    canvas = np.zeros((above + below, int(sum(advances) + 6 * x_height)), np.uint8)
    owner = np.full(canvas.shape, -1, np.int32)
    x, drawn = 2 * x_height, []
    for label, advance in zip(labels, advances, strict=True):
        if label != " ":
            code = face.codes[label]
            left, top, right, bottom = font.getbbox(code, anchor="ls")
            if right > left and -above <= top < bottom <= below:
                picture = Image.new("L", (right - left, bottom - top))
                pen = ImageDraw.Draw(picture)
                pen.text((-left, -top), code, font=font, fill=255, anchor="ls")
                glyph = np.asarray(picture)
                first = max(0, round(x) + left)
                part = (slice(above + top, above + bottom), slice(first, first + right - left))
                owner[part][glyph > np.maximum(canvas[part], 127)] = len(drawn)
                canvas[part] = np.maximum(canvas[part], glyph)
                drawn.append(label)
        x += advance
    return Drawn(canvas.astype(np.float32) / 255, owner, drawn, float(above), x_height)


def resample(array, matrix, shape, nearest=False):
    """Affine resampling; `matrix` (a, b, c, d, e, f) takes output pixels to input pixels."""
    how = Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
    beyond = -1 if nearest else 0
    size = (shape[1], shape[0])
    picture = Image.fromarray(array)
    return np.array(picture.transform(size, Image.Transform.AFFINE, matrix, how, fillcolor=beyond))


def scan(rng, line):
    """Print and scan a line, then straighten it about as well as the reader will.

    Widths vary by some 9 % and slants by a few degrees, which makes many fonts out of one. The scan
    has an x-height of 7 to 32 pixels, blur, grain, and half of the time a threshold. Finally the
    line is brought into the reader's frame, with the x-height off by 3.5 % and the baseline by half
    a pixel, as frames are found in practice.
    """
    scanned = float(np.exp(rng.uniform(np.log(7), np.log(32))))
    scale = scanned / line.x_height
    stretch = scale * float(np.exp(rng.normal(0, 0.09)))
    shear = float(rng.normal(0, 0.04))
    ink = ndimage.gaussian_filter(line.ink, 0.4 / scale)
    shape = (int(line.ink.shape[0] * scale) + 1, int(line.ink.shape[1] * stretch) + 1)
    slanted = (1 / stretch, shear / scale, -shear * line.baseline, 0, 1 / scale, 0)
    ink = resample(ink, slanted, shape)
    ink = ndimage.gaussian_filter(ink, rng.uniform(0.2, 0.05 * scanned + 0.35))
    grain = ndimage.gaussian_filter(rng.normal(size=ink.shape), rng.uniform(0.3, 1.2))
    ink = ink + grain / grain.std() * rng.uniform(0, 0.12)
    if rng.random() < 0.55:
        dark = ink[ink > 0.3]
        strokes = max(0.5, float(np.percentile(dark, 80))) if dark.size else 1.0
        ink = ink > rng.uniform(0.3, 0.6) * strokes
    ink = np.clip(ink, 0, 1).astype(np.float32)

    zoom = features.X_HEIGHT / scanned * float(np.exp(rng.normal(0, 0.035)))
    first_row = line.baseline * scale - (features.BASELINE + rng.normal(0, 0.5)) / zoom
    if zoom < 1:
        ink = ndimage.gaussian_filter(ink, 0.4 / zoom)
    shape = (features.STRIP_HEIGHT, int(ink.shape[1] * zoom))
    strip = resample(ink, (1 / zoom, 0, 0, 0, 1 / zoom, first_row), shape)
    # Both steps at once for the owners, which cannot be interpolated.
    back_x, back_y = 1 / (zoom * stretch), 1 / (zoom * scale)
    slant = (shear * back_y, shear * (first_row / scale - line.baseline))
    matrix = (back_x, *slant, 0, back_y, first_row / scale)
    owner = resample(line.owner, matrix, shape, nearest=True)
    if rng.random() < 0.3:
        strip = soil(rng, strip)
    return features.normalise_contrast(strip), owner


def soil(rng, strip):
    """Add specks and blots, which the classifier shall learn to call no character."""
    rows, cols = np.indices(strip.shape)
    for _ in range(rng.integers(1, 6)):
        row, col = rng.uniform(0, strip.shape[0]), rng.uniform(0, strip.shape[1])
        distance = np.hypot(rows - row, (cols - col) * rng.uniform(0.4, 1.6))
        spot = np.clip(1.1 + rng.exponential(1.0) - distance, 0, 1)
        strip = np.maximum(strip, spot).astype(np.float32)
    return strip


# --- samples -------------------------------------------------------------------------------------


def shares_of_pieces(strip, owner, count, cuts):
    """How many ink pixels of each of the `count` characters each primitive holds."""
    solid = strip > 0.5
    # Ink that blur has spread belongs to the nearest owner.
    nearest = ndimage.distance_transform_edt(owner < 0, return_distances=False, return_indices=True)
    owned = owner[tuple(nearest)]
    columns = np.arange(strip.shape[1])
    shares = np.zeros((len(cuts.paths) - 1, count))
    for piece, (left, right) in enumerate(zip(cuts.paths[:-1], cuts.paths[1:], strict=True)):
        inside = (columns >= left[:, None]) & (columns < right[:, None]) & solid
        shares[piece] = np.bincount(owned[inside], minlength=count)
    return shares


def label_candidates(shares, labels, candidates):
    """Name the class of each candidate by whose ink it holds; -1 where that is arguable."""
    whole = np.maximum(1, shares.sum(axis=0))
    running = np.vstack([np.zeros(len(labels)), np.cumsum(shares, axis=0)])
    found = np.full(len(candidates), NOT_A_CHARACTER)
    for index in range(len(candidates)):
        held = running[candidates.end[index]] - running[candidates.start[index]]
        completeness = held / whole
        main = np.flatnonzero(completeness > 0.5)
        text = "".join(labels[k] for k in main)
        if len(main) and text in CLASSES:
            # All of it, and nothing else? Nearly so is neither right nor wrong.
            least = min(completeness[main].min(), held[main].sum() / max(1, held.sum()))
            if least > 0.93:
                found[index] = CLASSES.index(text)
            elif least > 0.85:
                found[index] = -1
    return found


FACES: list[Face] = []
"""Set before the workers are forked, so that fonts need not be sent to them."""


def samples(job):
    """Features, labels and variants from `count` lines in one font."""
    face, seed, count, words = FACES[job[0]], *job[1:]
    rng = np.random.default_rng(seed)
    described, labelled = [], []
    for _ in range(count):
        wanted = random_labels(rng, 28, words)
        line = draw(rng, face, [x for x in wanted if x == " " or x in face.codes])
        strip, owner = scan(rng, line)
        cuts = oversegment(strip, features.X_HEIGHT, features.BASELINE)
        if len(cuts.paths) < 2 or not (owner >= 0).any():
            continue
        candidates = runs_of_primitives(strip, cuts, features.X_HEIGHT)
        shares = shares_of_pieces(strip, owner, len(line.labels), cuts)
        labels = label_candidates(shares, line.labels, candidates)
        wrong = np.flatnonzero(labels == NOT_A_CHARACTER)
        right = np.flatnonzero((labels >= 0) & (labels != NOT_A_CHARACTER))
        kept = np.concatenate([right, rng.permutation(wrong)[:32]])
        described.append(features.describe(strip, cuts, candidates)[kept].astype(np.float16))
        labelled.append(labels[kept].astype(np.int16))
    labelled = np.concatenate(labelled)
    return np.concatenate(described), labelled, np.full(len(labelled), face.variant, np.int8)


def collect(faces, lines, seed, workers):
    """Render `lines` lines in each face; the order does not depend on the workers."""
    FACES[:] = faces
    words = [w for w in wordfreq.top_n_list("en", 30_000) if w.isascii() and w.isalpha()]
    at_once = 10
    # A job has its own seed, so that the samples do not depend on who renders them.
    jobs = [
        (index, [seed, index, part], at_once, words)
        for part in range(-(-lines // at_once))
        for index in range(len(faces))
    ]
    parts = []
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        parts += tqdm(pool.imap(samples, jobs), "rendering", len(jobs), unit="batch", mininterval=5)
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


# --- evaluation ----------------------------------------------------------------------------------


def evaluate(weights, faces, count, seed):
    """Character error rates on rendered lines of prose that were not trained on."""
    rng = np.random.default_rng(seed)
    truth, strips = [], []
    for index in range(count):
        face = faces[index % len(faces)]
        text = line_of_text(rng, "benchmark")
        text = "".join(x for x in text if x == " " or x in face.codes)
        labels = with_ligatures(rng, text, LIGATURES.keys() & face.codes.keys())
        strips.append(scan(rng, draw(rng, face, labels))[0])
        truth.append(text)
    for config in (
        ReaderConfig(cuts="components", language=False),
        ReaderConfig(language=False),
        ReaderConfig(),
    ):
        reader = ClassicalReader.load(config, weights)
        read = [reader.read_strip(strip).text for strip in strips]
        print(f"{config.method:12s} CER {100 * cer(truth, read):5.2f} %")


def main():
    """Render, train, save, evaluate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fonts", help="a folder of further fonts")
    parser.add_argument("--hold-out", default="", help="families to test on only, by comma")
    parser.add_argument("--lines", type=int, default=130, help="lines to render in each font")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()

    faces = font_files(arguments.fonts) + pdf_fonts()
    families = tuple(name for name in arguments.hold_out.split(",") if name)
    held_out = [face for face in faces if families and face.name.startswith(families)]
    trained = [face for face in faces if face not in held_out]
    print(f"{len(trained)} fonts to train on: {', '.join(face.name for face in trained)}")
    start = time.time()
    described, labels, variants = collect(
        trained, arguments.lines, arguments.seed, arguments.workers
    )
    print(f"{len(labels)} samples of {described.shape[1]} features in {time.time() - start:.0f} s")
    config = {
        **features.CONFIG,
        "recipe": f"recipes/classical_reader.py, version {VERSION}",
        "fonts": [face.name for face in trained],
        "variants": VARIANTS,
        "lines": arguments.lines,
        "epochs": arguments.epochs,
        "seed": arguments.seed,
    }
    classifier = fit_logistic_regression(
        described,
        labels,
        [*CLASSES, ""],
        variants,
        epochs=arguments.epochs,
        seed=arguments.seed,
        config=config,
        progress=lambda epoch, loss: print(
            f"epoch {epoch + 1}: loss {loss:.4f}, {time.time() - start:.0f} s", flush=True
        ),
    )
    classifier.save(arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB")
    print(f"rendered lines of prose in {'the fonts held out' if held_out else 'the same fonts'}:")
    evaluate(arguments.out, held_out or trained, 300, arguments.seed + 1)


if __name__ == "__main__":
    main()
