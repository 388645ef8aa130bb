"""Train the letter classifier of the classical reader on glyphs rendered from fonts.

    python recipes/classical_reader.py                 # about ten minutes on two cores
    python recipes/classical_reader.py --fonts ~/fonts # and every .ttf, .otf and .pfb below ~/fonts

Lines of text are rendered with a known owner for every pixel, spoiled the way printing and scanning
spoil them, cut by the reader's own over-segmentation, and every candidate is labelled by whose ink
it holds: exactly one character (that character), exactly a ligature (its letters), or anything else
- half a letter, a letter and a half - which is the class "not a character". The classifier thus
learns from just the candidates it will meet. A multinomial logistic regression on HoG features is
trained by Adam and written beside the reader with its character set and its configuration.

The fonts are those that matplotlib ships (DejaVu, STIX, Computer Modern) and the substitutes for
the standard fonts of PDF (Courier, Helvetica, Times) that PDFium carries inside itself; both
packages are run-time dependencies, so nothing is downloaded.
"""

import argparse
import ctypes
import io
import multiprocessing
import string
import time
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import wordfreq
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from ocrlearn.classic import features
from ocrlearn.classic.oversegment import oversegment, runs_of_primitives

LIGATURES = {"fi": "\ufb01", "fl": "\ufb02", "ff": "\ufb00", "ffi": "\ufb03"}
CHARACTERS = [chr(code) for code in range(33, 127)] + ["‘", "’", "“", "”", "—", "£", "©", "•", "§", "°"]
CLASSES = CHARACTERS + list(LIGATURES)
NOT_A_CHARACTER = len(CLASSES)

# Names of glyphs whose code point is not to be trusted: Computer Modern's tables are TeX's.
GLYPH_NAMES = {
    '"': "quotedbl", "'": "quotesingle", "`": "grave", "<": "less", ">": "greater",
    "\\": "backslash", "^": "asciicircum", "_": "underscore", "{": "braceleft", "|": "bar",
    "}": "braceright", "~": "asciitilde", "‘": "quoteleft", "’": "quoteright",
    "“": "quotedblleft", "”": "quotedblright", "—": "emdash", "fi": "fi", "fl": "fl", "ff": "ff",
    "ffi": "ffi",
}  # fmt: skip


class Face:
    """One font: which code draws which character, and pictures of its glyphs."""

    def __init__(self, name, data):
        self.name, self.data = name, data
        face = FT2Font(io.BytesIO(data))
        by_code = face.get_charmap()
        by_name = {face.get_glyph_name(glyph): code for code, glyph in by_code.items()}
        tex = name.startswith("cm")
        self.codes = {}
        for label in CLASSES:
            code = by_name.get(GLYPH_NAMES.get(label, ""))
            if code is None and not (tex and (label in GLYPH_NAMES or ord(label[0]) > 126)):
                code = ord(LIGATURES.get(label, label))
                code = code if code in by_code else None
            if code is not None:
                self.codes[label] = chr(code)
        self.sizes = {}

    def at(self, x_height):
        """Pillow font whose ``x`` is `x_height` pixels high (to the nearest size)."""
        probe = ImageFont.truetype(io.BytesIO(self.data), 200)
        _, top, _, bottom = probe.getbbox(self.codes["x"], anchor="ls")
        size = max(6, round(200 * x_height / (bottom - top)))
        if size not in self.sizes:
            self.sizes[size] = ImageFont.truetype(io.BytesIO(self.data), size)
        return self.sizes[size], size * (bottom - top) / 200


def matplotlib_faces():
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    names = [f"DejaVu{family}{style}" for family in ("Sans", "SansMono", "Serif")
             for style in ("", "-Bold", "-Oblique" if family != "Serif" else "-Italic",
                           "-BoldOblique" if family != "Serif" else "-BoldItalic")]
    names += ["STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"]
    names += ["cmr10", "cmb10", "cmss10", "cmtt10", "cmti10"]
    return [Face(name, (folder / f"{name}.ttf").read_bytes()) for name in names]


def pdfium_faces():
    """The fonts inside PDFium that stand in for the standard fonts of PDF."""
    import pypdfium2
    from pypdfium2 import raw

    document = pypdfium2.PdfDocument.new()
    faces = []
    for family, styles in {
        "Courier": ("", "-Bold", "-Oblique", "-BoldOblique"),
        "Helvetica": ("", "-Bold", "-Oblique", "-BoldOblique"),
        "Times": ("-Roman", "-Bold", "-Italic", "-BoldItalic"),
    }.items():
        for style in styles:
            font = raw.FPDFText_LoadStandardFont(document.raw, (family + style).encode())
            size = ctypes.c_size_t()
            raw.FPDFFont_GetFontData(font, None, 0, ctypes.byref(size))
            buffer = (ctypes.c_uint8 * size.value)()
            raw.FPDFFont_GetFontData(font, buffer, size.value, ctypes.byref(size))
            faces.append(Face(f"{family}{style}", bytes(buffer)))
    return faces


def folder_faces(folder):
    """Every font file below `folder` that has all letters and digits."""
    faces = []
    for path in sorted(Path(folder).rglob("*")):
        if path.suffix.lower() in (".ttf", ".otf", ".pfb"):
            face = Face(path.stem, path.read_bytes())
            if set(string.ascii_letters + string.digits) <= set(face.codes):
                faces.append(face)
    return faces


# --- text ---------------------------------------------------------------------------------------


def tokens(rng, length, words):
    """A list of labels and spaces: words in several cases, numbers, and characters at random."""
    out = []
    while len(out) < length:
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
        joined = []
        while piece:  # ligatures, where a typesetter would use them
            for label in ("ffi", "fi", "fl", "ff"):
                if "".join(piece[: len(label)]) == label and rng.random() < 0.5:
                    joined.append(label)
                    del piece[: len(label)]
                    break
            else:
                joined.append(piece.pop(0))
        out += joined + [" "]
    return out[:-1]


# --- pictures -----------------------------------------------------------------------------------


@dataclass
class Drawn:
    """A rendered line: `ink` in [0, 1], `owner` (index into `labels`, -1 = none), its frame."""

    ink: np.ndarray
    owner: np.ndarray
    labels: list
    baseline: float
    x_height: float


def draw(rng, face, labels, x_height):
    """Draw labels one by one, remembering whose ink is whose."""
    font, x_height = face.at(x_height)
    tracking = x_height * (rng.normal(-0.01, 0.05) if rng.random() < 0.8 else rng.uniform(0, 0.2))
    space = x_height * rng.uniform(0.45, 0.9)
    up, down = int(x_height * 2.2), int(x_height * 0.9)
    total = int(sum(space if l == " " else font.getlength(face.codes[l]) + abs(tracking) for l in labels))
    canvas = np.zeros((up + down, total + int(6 * x_height)), np.uint8)
    owner = np.full(canvas.shape, -1, np.int16)
    x, drawn = 2.0 * x_height, []
    for label in labels:
        if label == " ":
            x += space
            continue
        advance = font.getlength(face.codes[label])
        left, top, right, bottom = font.getbbox(face.codes[label], anchor="ls")
        if right > left and bottom > top and up + top >= 0 and up + bottom <= up + down:
            picture = Image.new("L", (right - left, bottom - top))
            ImageDraw.Draw(picture).text((-left, -top), face.codes[label], font=font, fill=255, anchor="ls")
            glyph = np.asarray(picture)
            x0 = max(0, round(x) + left)
            part = (slice(up + top, up + bottom), slice(x0, x0 + right - left))
            owner[part][glyph > np.maximum(canvas[part], 127)] = len(drawn)
            canvas[part] = np.maximum(canvas[part], glyph)
            drawn.append(label)
        x += advance + tracking
    return Drawn(canvas.astype(np.float32) / 255, owner, drawn, float(up), x_height)


def resample(array, matrix, shape, nearest=False):
    """Affine resampling; `matrix` (a, b, c, d, e, f) takes output pixels to input pixels."""
    mode = Image.Resampling.NEAREST if nearest else Image.Resampling.BILINEAR
    picture = Image.fromarray(array if not nearest else array.astype(np.int32))
    out = picture.transform(shape[::-1], Image.Transform.AFFINE, matrix, mode,
                            fillcolor=-1 if nearest else 0)
    return np.asarray(out)


def scan(rng, line):
    """Print and scan: low resolution, blur, noise, perhaps a threshold; then the strip's frame."""
    scanned_x_height = float(np.exp(rng.uniform(np.log(7), np.log(32))))
    scale = scanned_x_height / line.x_height
    stretch = scale * float(np.exp(rng.normal(0, 0.09)))
    shear = rng.normal(0, 0.04)
    blurred = ndimage.gaussian_filter(line.ink, 0.4 / scale)
    shape = (int(line.ink.shape[0] * scale) + 1, int(line.ink.shape[1] * stretch) + 1)
    # Output (x, y) -> input: x / stretch + shear * (y - baseline), y / scale.
    matrix = (1 / stretch, shear / scale, -shear * line.baseline, 0, 1 / scale, 0)
    ink = resample(blurred, matrix, shape)
    blur = rng.uniform(0.2, 0.05 * scanned_x_height + 0.35)
    ink = ndimage.gaussian_filter(ink, blur)
    noise = ndimage.gaussian_filter(rng.normal(size=ink.shape).astype(np.float32), rng.uniform(0.3, 1.2))
    ink = ink + noise / noise.std() * rng.uniform(0, 0.12)
    if rng.random() < 0.55:
        level = rng.uniform(0.3, 0.6) * max(0.5, float(np.percentile(ink[ink > 0.3], 80) if (ink > 0.3).any() else 1))
        ink = (ink > level).astype(np.float32)
    ink = np.clip(ink, 0, 1).astype(np.float32)
    # Into the frame of a straightened line, as well as lines are found in practice.
    zoom = features.X_HEIGHT / scanned_x_height * float(np.exp(rng.normal(0, 0.035)))
    drop = features.BASELINE + rng.normal(0, 0.5)
    baseline = line.baseline * scale
    if zoom < 1:
        ink = ndimage.gaussian_filter(ink, 0.4 / zoom)
    shape = (features.STRIP_HEIGHT, int(ink.shape[1] * zoom))
    strip = resample(ink, (1 / zoom, 0, 0, 0, 1 / zoom, baseline - drop / zoom), shape)
    if rng.random() < 0.3:
        strip = soil(rng, strip)
    full = (1 / zoom / stretch, shear / zoom / scale,
            shear * (baseline - drop / zoom) / scale - shear * line.baseline,
            0, 1 / zoom / scale, (baseline - drop / zoom) / scale)
    owner = resample(line.owner, full, shape, nearest=True)
    return features.normalise_contrast(strip), owner


def soil(rng, strip):
    """Specks and blots, which the classifier shall learn to call no character."""
    strip = strip.copy()
    rows, cols = np.indices(strip.shape)
    for _ in range(rng.integers(1, 6)):
        row, col = rng.uniform(0, strip.shape[0]), rng.uniform(0, strip.shape[1])
        radius = 0.6 + rng.exponential(1.0)
        distance = np.hypot(rows - row, (cols - col) * rng.uniform(0.4, 1.6))
        strip = np.maximum(strip, np.clip(radius + 0.5 - distance, 0, 1)).astype(np.float32)
    return strip


def label_candidates(strip, owner, line_labels, cuts, candidates):
    """The class of each candidate by whose ink it holds; -1 where that is arguable."""
    solid = strip > 0.5
    if not (owner >= 0).any():
        return np.full(len(candidates), -1)
    nearest = ndimage.distance_transform_edt(owner < 0, return_distances=False, return_indices=True)
    owned = np.where(solid, owner[tuple(nearest)], -1)
    pieces = len(cuts.paths) - 1
    columns = np.arange(strip.shape[1])
    share = np.zeros((pieces, len(line_labels)))
    for piece in range(pieces):
        inside = (columns >= cuts.paths[piece][:, None]) & (columns < cuts.paths[piece + 1][:, None])
        found = owned[inside & solid]
        share[piece] = np.bincount(found[found >= 0], minlength=len(line_labels))
    whole = np.maximum(1, share.sum(axis=0))
    labels = np.full(len(candidates), NOT_A_CHARACTER)
    total = np.vstack([np.zeros(len(line_labels)), np.cumsum(share, axis=0)])
    for index in range(len(candidates)):
        held = total[candidates.end[index]] - total[candidates.start[index]]
        inside = held / whole  # how much of each character the candidate holds
        ink = max(1.0, held.sum())
        main = np.flatnonzero(inside > 0.5)
        text = "".join(line_labels[k] for k in main)
        purity = held[main].sum() / ink
        completeness = inside[main].min() if len(main) else 0
        if text in CLASSES and (len(main) == 1 or text in LIGATURES):
            if purity > 0.93 and completeness > 0.93:
                labels[index] = CLASSES.index(text)
            elif purity > 0.85 and completeness > 0.85:
                labels[index] = -1
        elif len(main) == 0 and held.max() / ink > 0.9 and inside.max() > 0.35:
            labels[index] = NOT_A_CHARACTER
    return labels


def make_samples(job):
    """Features and labels of `count` lines in one font."""
    index, face, seed, count, words = job
    rng = np.random.default_rng(seed)
    described, labelled = [], []
    for _ in range(count):
        labels = [l for l in tokens(rng, 28, words) if l == " " or l in face.codes]
        line = draw(rng, face, labels, 40)
        if not line.labels:
            continue
        strip, owner = scan(rng, line)
        cuts = oversegment(strip, features.X_HEIGHT, features.BASELINE)
        candidates = runs_of_primitives(strip, cuts, features.X_HEIGHT)
        if not len(candidates):
            continue
        target = label_candidates(strip, owner, line.labels, cuts, candidates)
        wrong = np.flatnonzero(target == NOT_A_CHARACTER)
        kept = np.concatenate([np.flatnonzero((target >= 0) & (target != NOT_A_CHARACTER)),
                               rng.choice(wrong, min(len(wrong), 32), replace=False)])
        described.append(features.describe(strip, cuts, candidates)[kept].astype(np.float16))
        labelled.append(target[kept].astype(np.int16))
    return np.concatenate(described), np.concatenate(labelled), np.full(sum(map(len, labelled)), index)


FACES = []


def _work(job):
    index, seed, count, words = job
    return make_samples((index, FACES[index], seed, count, words))


def collect(faces, lines_per_face, seed, workers):
    """Samples of all faces, in parallel."""
    FACES[:] = faces
    words = [w for w in wordfreq.top_n_list("en", 30000) if w.isascii() and w.isalpha()]
    portion = 10
    jobs = [(index, seed + 1000 * index + part, portion, words)
            for part in range(lines_per_face // portion) for index in range(len(faces))]
    described, labelled, sources = [], [], []
    with multiprocessing.get_context("fork").Pool(workers) as pool:
        for x, y, source in pool.imap_unordered(_work, jobs):
            described.append(x)
            labelled.append(y)
            sources.append(source)
    return np.concatenate(described), np.concatenate(labelled), np.concatenate(sources)
