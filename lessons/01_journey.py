# ---
# jupyter:
#   ocrlearn:
#     title: The whole journey on one page
#     summary: One photograph of a page, from its pixels to its text, and how to say how well it was read.
#     part: I
#     minutes: 45
#     needs: ["Python and NumPy: slicing an array, writing a function"]
#     outcomes:
#       - name the stages between a photograph and its text, and say what each is for
#       - say why a letter alone can not be read, and what dynamic programming and language add
#       - measure a reading by its character error rate, and know what that means for a whole entry
#       - find your way about this course, its exercises and its scoreboard
#     budget: 90
# ---

# %%
import numpy as np
from PIL import Image

from ocrlearn.course import check, claim, figures, player
from ocrlearn.course.page import PAGE_TEXT, page_image
from ocrlearn.image import to_uint8

figures.use_style()

# %% [markdown]
# ## A photograph
#
# Somebody bent a printout under a lamp and took its picture with a telephone. You read it without
# noticing that you do anything.

# %%
photo = page_image()
figures.show_images(
    [photo],
    alt="A small grey photograph of a printed page: a heading, five lines of text and a line of "
    "code. The left side is darker, the lines bend, the last line is cut off by the border.",
)

# %% [markdown]
# This is what the machine has instead: a table of numbers between 0, black, and 255, white. Below
# is the word *the* from the end of the line under the heading, first as a picture, then as its
# table.

# %%
crop = photo[49:64, 355:379]
figure, (left, right) = figures.subplots(1, 2, height=3.1, width_ratios=[1, 1.9])
left.imshow(crop, cmap="gray", vmin=0, vmax=255)
left.set_axis_off()
right.imshow(crop, cmap="gray", vmin=0, vmax=255, aspect="auto", alpha=0.35)
for (y, x), value in np.ndenumerate(crop):
    right.text(x, y, str(value), ha="center", va="center", fontsize=4.6)
right.set_axis_off()
figures.show(
    figure,
    alt="Left: the blurred word 'the', enlarged. Right: the same pixels as a "
    "table of grey values; letters and paper fade into one another.",
)

# %%
print(
    f"{photo.shape[0]} rows, {photo.shape[1]} columns, grey values {photo.min()} to {photo.max()}"
)
print(f"{len(PAGE_TEXT)} characters are printed on it")

# %% [markdown]
# The letters are a few pixels high and their strokes hardly one pixel wide. Almost no pixel is
# black, and the paper at the lower left is darker than some of the ink at the upper right.
#
# The distance from that table to the sentence is what this course is about. In this chapter we walk
# the whole way once, quickly, to see what there is; every later chapter stops at one place.

# %% [markdown]
# ## A reader in twenty lines
#
# How hard can it be? Ink is dark, letters are separate blobs of ink, and a blob can be compared
# with pictures of the letters. Here is a reader that does just that, and no more.

# %%
from matplotlib import get_data_path
from PIL import ImageDraw, ImageFont

from ocrlearn.ops import connected_components_with_stats

SANS = get_data_path() + "/fonts/ttf/DejaVuSans.ttf"


def print_line(text, size=36):
    """Print `text` in black on white, as a gray image."""
    font = ImageFont.truetype(SANS, size)
    image = Image.new("L", (int(font.getlength(text)) + 24, size + 24), 255)
    ImageDraw.Draw(image).text((12, 6), text, fill=0, font=font)
    return np.asarray(image)


# %%
def blobs(gray, threshold=128):
    """Return left edge, right edge and mask of every connected blob of ink, from left to right."""
    labels, stats = connected_components_with_stats(gray < threshold)
    found = []
    for label in range(1, len(stats)):  # label 0 is the paper
        x, y = stats.left[label], stats.top[label]
        right, bottom = x + stats.width[label], y + stats.height[label]
        found.append((x, right, labels[y:bottom, x:right] == label))
    return sorted(found, key=lambda blob: blob[0])


def shrink(mask, side=16):
    """Squeeze a mask of any size into a square of grey values in [0, 1]."""
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(image.resize((side, side), Image.Resampling.BOX)) / 255


TEMPLATES = {
    letter: shrink(blobs(print_line(letter))[0][2]) for letter in "abcdefghklmnopqrstuvwxyz"
}


def smallest_reader(gray, widest_gap=9):
    """Name every blob after the template that differs least; a wide gap is a space."""
    text, previous = "", None
    for left, right, mask in blobs(gray):
        if previous is not None and left - previous > widest_gap:
            text += " "
        blob = shrink(mask)
        text += min(TEMPLATES, key=lambda letter: np.abs(TEMPLATES[letter] - blob).sum())
        previous = right
    return text


# %% [markdown]
# It reads a line that is printed as its templates are:

# %% tags=["nbval-check-output"]
print(smallest_reader(print_line("let us help the past")))

# %% [markdown]
# And now the same reader on another line, and on the photograph, enlarged four times so that it
# gets letters of about the size it knows.

# %% tags=["nbval-check-output"]
print(smallest_reader(print_line("the quick brown fox jumps")))


# %%
def enlarge(image, times):
    """Return a uint8 image `times` as large, with smooth transitions between the pixels."""
    height, width = image.shape
    size = (width * times, height * times)
    return np.asarray(Image.fromarray(to_uint8(image)).resize(size, Image.Resampling.BICUBIC))


large = enlarge(photo, 4)
print(smallest_reader(large)[:70], "...")

# %% [markdown]
# Nothing is left of the text. Before reading on, look at the picture and decide for yourself what
# went wrong. There is more than one fault.

# %%
line = print_line("the quick brown fox jumps")
figures.show_images(
    [line < 128, large < 128],
    ["what it takes for ink on the printed line", "what it takes for ink on the photograph"],
    columns=1,
    alt="Top: the line in solid letters; the dots of i and j are blobs of their own. Bottom: the "
    "photograph at one fixed threshold: the left part is a black mass, on the right letters are "
    "thin and broken.",
)

# %% [markdown]
# - **Light.** One threshold cannot part ink from paper when the paper at one side is darker than
#   the ink at the other. On the left everything is ink; on the right half the strokes are gone.
# - **Blobs are not letters.** The dot of an *i* is a blob of its own, so *i* and *j* are read as
#   two letters. Where letters touch, two are one blob.
# - **Lines.** It sorted blobs from left to right across seven lines at once.
# - **No doubt, no context.** It takes the nearest template, however far that is, and each letter on
#   its own. *th* is no likelier to it than *lh*.
#
# Each fault has its own remedy, and each remedy is a part of this course. But first we need a way
# to say *how* wrong a reading is: without one, we could not tell progress from change.

# %% [markdown]
# ## How wrong is wrong?
#
# Compare a reading with the truth letter by letter, and a single missing letter makes everything
# after it wrong. So one asks instead: how many single-character corrections turn one into the
# other? Each correction *inserts* a character, *deletes* one, or *substitutes* one for another. The
# fewest that will do is the **edit distance** (Levenshtein, 1966).

# %% tags=["nbval-check-output"]
from ocrlearn.text import align, cer, confusions, edit_distance

for edit in align("modern", "modem"):
    print(f"{edit.operation:<11} {edit.truth or '-'} -> {edit.read or '-'}")
print("edit distance:", edit_distance("modern", "modem"))

# %% [markdown]
# An *r* and an *n* set close together look like an *m*, and correcting that costs two: one
# substitution and one deletion.
#
# Why is this the *fewest*? Because of a table. Row *i*, column *j* holds the distance between the
# first *i* letters of the truth and the first *j* of the reading. The cell depends on three
# neighbours only: above (delete a letter), left (insert one), and above left (keep the letter if
# both agree, else substitute it). Fill it from the top left, and the answer stands at the bottom
# right. Look for the path of unchanged numbers along the common beginning.

# %%
truth, read = "modern", "modem"
table = [
    [edit_distance(truth[:i], read[:j]) for j in range(len(read) + 1)]
    for i in range(len(truth) + 1)
]
figure, axis = figures.subplots(height=2.9)
axis.imshow(table, cmap="Blues", vmin=0, vmax=9)
for (i, j), distance in np.ndenumerate(table):
    axis.text(j, i, distance, ha="center", va="center", color="black")
axis.set_xticks(range(len(read) + 1), ["nothing", *read])
axis.set_yticks(range(len(truth) + 1), ["nothing", *truth])
axis.set(xlabel="read", ylabel="truth")
axis.grid(visible=False)
figures.show(
    figure,
    alt="A table of edit distances between the beginnings of 'modern' and 'modem'. Zeros run down the "
    "diagonal along 'mode'; the last cell, bottom right, is 2.",
)

# %% [markdown]
# Idea to keep: *the best way to a place is the best way to one of its predecessors, plus one step.*
# It is called **dynamic programming**, and before this chapter ends it will have decided where one
# letter ends and the next begins.
#
# ## Exercise 1.1
#
# Write `distance(truth, read)`. You need not keep the whole table: from one row follows the next.


# %%
def distance(truth, read):
    """Return the edit distance of two strings."""
    ### BEGIN SOLUTION
    above = list(range(len(read) + 1))
    for i, wanted in enumerate(truth, start=1):
        row = [i]
        for j, letter in enumerate(read, start=1):
            keep_or_substitute = above[j - 1] + (wanted != letter)
            row.append(min(keep_or_substitute, above[j] + 1, row[j - 1] + 1))
        above = row
    return above[-1]
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check("1.1", distance)

# %% [markdown]
# Divide the edit distance by the length of the truth, and you have the **character error rate**,
# CER: the number by which every reader in this course is judged. It is 0 for a perfect reading, and
# can exceed 1 if much is read that is not there. For the reader above, on the photograph:

# %%
toy_cer = cer(PAGE_TEXT, smallest_reader(large))
claim(f"the smallest reader gets {toy_cer:.0%} of the photograph wrong", toy_cer > 0.7)

# %% [markdown]
# ## The journey
#
# Now the same photograph again, at every stage of a reader that means it. Each stage is a function
# of the library that a later chapter builds from nothing; here we only watch.
#
# ### 1. Even out the light
#
# What is constant about paper? That it is brighter than its ink, *nearby*. So estimate the
# brightness of the paper around each pixel, and divide by it. The curves below run along one row of
# pixels through the second text line. Watch the level of the paper, from left to right.

# %%
from ocrlearn.image import divide_background, estimate_background

even = divide_background(large)
row = 4 * 75
figure, (top, bottom) = figures.subplots(2, 1, height=3.6, sharex=True)
top.plot(large[row], color=figures.BLUE, linewidth=0.8, label="photograph")
top.plot(255 * estimate_background(large)[row], color=figures.ORANGE, label="paper, estimated")
bottom.plot(even[row], color=figures.BLUE, linewidth=0.8, label="divided by the paper")
for axis in (top, bottom):
    axis.axhline(128, color=figures.VERMILION, linestyle="--", linewidth=1)
    axis.set(ylim=(0, 340), yticks=[0, 128, 255], ylabel="grey value")
    axis.legend(loc="upper right", ncols=2)
bottom.set_xlabel("x in pixels (enlarged photograph)")
figures.show(
    figure,
    alt="Grey values along one row. Above: paper climbs from about 110 on the left to 230 on the "
    "right, so that the threshold 128 lies within the paper on the left. Below, after division: the "
    "paper is level near 250 and the letters dip well below.",
)

# %% [markdown]
# Before, the dashed threshold cuts through the paper on the left. After, paper is level from edge
# to edge, and the letters are dips of similar depth. Chapter 02 is about this.
#
# ### 2. Tell ink from paper
#
# With the light evened out, thresholding works. The threshold used here is Sauvola's, which also
# looks at the contrast around each pixel; it is the hero of chapter 02.

# %%
from ocrlearn.image import binarize

ink = binarize(even, "sauvola")
figures.show_images(
    [even, ink],
    ["evened out", "ink"],
    columns=1,
    alt="Above: the photograph with paper of an even, light grey. Below: its ink mask; nearly all "
    "letters are whole and apart.",
)

# %% [markdown]
# ### 3. Find the lines
#
# The page was bent, so the lines are: no ruler laid across it would stay between two lines. What
# holds on any page is local: a letter's neighbour stands beside it, at about its height. Chain each
# blob to its neighbour on the right, and a chain is a line. Through the feet of its letters goes
# the **baseline**, here a curve; the height of an *x* above it is the **x-height**.

# %%
from ocrlearn.layout.lines import find_lines

found, labels = find_lines(ink)
lines = [line for line in found if not line.is_cut]
figure, axis = figures.subplots(height=3.6)
axis.imshow(even, cmap="gray", vmin=0, vmax=255)
for line in lines:
    x = np.linspace(line.left, line.right, 50)
    axis.plot(x, line.baseline(x), color=figures.VERMILION, linewidth=1.2)
    axis.plot(x, line.baseline(x) - line.x_height, color=figures.BLUE, linewidth=0.8)
axis.set_axis_off()
figures.show(
    figure,
    alt="The page with a red baseline under each of its lines and a blue one at x-height. The "
    "curves follow the bend of the paper.",
)

# %% tags=["nbval-check-output"]
claim(
    f"{len(lines)} lines are whole; {len(found) - len(lines)} is cut by the border and left out",
    len(lines) == 7 and len(found) == 8,
)

# %% [markdown]
# Now each line can be bent straight and brought to one size: every letter of the page in the same
# frame, wherever it stood. This matters more than it seems. On such a strip a comma and an
# apostrophe, an *o* and an *O* differ by their *place*.

# %%
from ocrlearn.classic import features
from ocrlearn.layout.lines import straighten


def strip_of(line):
    """Straighten a line: x-height, baseline and height as the letter classifier wants them."""
    dark = 1 - even / np.float32(255)
    strip = straighten(
        dark,
        line,
        x_height=features.X_HEIGHT,
        height=features.STRIP_HEIGHT,
        baseline_row=features.BASELINE,
    )
    return features.normalise_contrast(strip.image)


strip = strip_of(lines[4])
figures.show_images(
    [1 - strip[:, :470], 1 - strip[:, 470:940]],
    columns=1,
    alt="The fifth text line, 'the markers are found at the two extreme parts of the', straightened: "
    "all letters stand on one level.",
)

# %% [markdown]
# ### 4. Cut too often
#
# Where does one letter end and the next begin? Often that cannot be told before one knows the
# letters: *rn* and *m* are the same strokes. So do not decide. Cut wherever a cut is *cheap*,
# rather too often, and decide later which cuts to keep. A cut may bend, and pays for the ink it
# crosses.

# %%
from ocrlearn.classic.oversegment import oversegment, runs_of_primitives


def words_of(strip, widest_gap=8):
    """Split a strip into words at its wide blank stretches."""
    inked = np.flatnonzero(strip.max(axis=0) > 0.3)
    groups = np.split(inked, 1 + np.flatnonzero(np.diff(inked) > widest_gap))
    return [strip[:, group[0] - 2 : group[-1] + 3] for group in groups]


word = words_of(strip)[1]
cuts = oversegment(word, features.X_HEIGHT, features.BASELINE)
figure, axis = figures.subplots(height=2.2)
axis.imshow(1 - word, cmap="gray", vmin=0, vmax=1)
for path in cuts.paths[1:-1]:
    axis.plot(path - 0.5, np.arange(len(path)), color=figures.VERMILION, linewidth=1.2)
axis.set_axis_off()
figures.show(
    figure,
    alt="The straightened word 'markers' with thin red cuts between the letters, and more of them "
    "through the arches of the m.",
)

# %% [markdown]
# The pieces between two cuts are called **primitives**. A letter is one primitive or a few in a
# row; so every run of neighbouring primitives is a *candidate* letter. Most candidates are
# nonsense.

# %%
candidates = runs_of_primitives(word, cuts, features.X_HEIGHT)
print(f"{len(cuts.paths) - 1} primitives make {len(candidates)} candidates")

# %% [markdown]
# ### 5. Ask a classifier
#
# What is each candidate, and is it a letter at all? The classifier looks at the directions of the
# strokes (*histograms of oriented gradients*, HoG: chapter 04) and at the place and size of the
# candidate on its line, and gives every character a probability. One more class says *this is not a
# character*: half an *m*, or two letters in one. It was trained on lines rendered from fonts that
# the course's own packages bring along. Look at how sure it is, and of what.

# %%
from ocrlearn.classic.reader import ClassicalReader

reader = ClassicalReader.load()
log_p = reader.classifier.log_probabilities(features.describe(word, cuts, candidates))
classes = np.array([name or "none" for name in reader.classifier.classes])


def draw_candidate(axes, index):
    """Draw a candidate above the five classes that the classifier finds likeliest."""
    left, _, right, _ = candidates.boxes[index].astype(int)
    axes[0].imshow(1 - word[:, max(0, left - 3) : right + 3], cmap="gray", vmin=0, vmax=1)
    axes[0].set_axis_off()
    best = np.argsort(log_p[index])[::-1][:5]
    axes[1].bar(classes[best], np.exp(log_p[index][best]), color=figures.BLUE)
    axes[1].set(ylim=(0, 1), yticks=[0, 1])


first = [i for i in range(len(candidates)) if candidates.start[i] == 0][:5]
figure, axes = figures.subplots(2, 5, height=2.8)
for column, index in enumerate(first):
    draw_candidate(axes[:, column], index)
figures.show(
    figure,
    alt="The first five candidates of the word, from the first stroke of the m to m and a together, "
    "each above a bar chart of its likeliest classes.",
)

# %% [markdown]
# ### 6. Choose by dynamic programming
#
# Now the pieces form a graph, a **lattice**: nodes are cuts, arcs are candidates with their letters
# and log probabilities, and *every path from left to right is a reading*. The best path is found as
# the edit distance was: the best way to a cut is the best way to an earlier cut, and one more
# letter.

# %%
arcs = [
    (int(start), int(end), classes[i], float(scores[i] * (end - start) ** 0.5))
    for start, end, scores in zip(candidates.start, candidates.end, log_p, strict=True)
    for i in np.argsort(scores)[::-1][:4]
    if classes[i] != "none"
]


def best_reading(arcs, last):
    """Return score and text of the best path from cut 0 to cut `last`."""
    best = {0: (0.0, "")}
    for cut in range(1, last + 1):
        ways = [
            (best[start][0] + score, best[start][1] + letter)
            for start, end, letter, score in arcs
            if end == cut
        ]
        best[cut] = max(ways)
    return best


best = best_reading(arcs, len(cuts.paths) - 1)
score, text = best[len(cuts.paths) - 1]
print(f"{text!r} scores {score:.2f}")

# %% [markdown]
# Each candidate's log probability is weighted by the number of its primitives (here their square
# root). Without that, few wide letters would beat many narrow ones only because they have fewer
# terms to add; chapter 06 looks into it. Step through the sweep below: at each cut, only the best
# reading up to there survives.

# %%
steps = player.Recorder()
for cut in range(1, len(cuts.paths)):
    figure, axis = figures.subplots(height=1.9)
    axis.imshow(1 - word, cmap="gray", vmin=0, vmax=1, alpha=0.5)
    for path in cuts.paths[: cut + 1]:
        axis.plot(path - 0.5, np.arange(len(path)), color=figures.ORANGE, linewidth=0.8)
    axis.plot(cuts.paths[cut] - 0.5, np.arange(len(word)), color=figures.VERMILION, linewidth=2)
    axis.text(0, -4, best[cut][1], fontsize=18, color=figures.BLUE)
    axis.set(ylim=(len(word), -18))
    axis.set_axis_off()
    steps.add(
        figure, caption=f"Cut {cut}: best reading so far {best[cut][1]!r}, {best[cut][0]:.1f}"
    )
steps.play(
    alt="Dynamic programming walks over the cuts of a word and keeps one best reading at each."
)

# %% [markdown]
# Is the sweep right? For the first few cuts we can afford to try *every* path, and see. For the
# whole word we had better only count them, and compare with the library's own sweep. Dynamic
# programming has looked at each arc just once.

# %%
from ocrlearn.ops.lattice import Lattice, best_path


def every_reading(arcs, cut, last):
    """Yield score and text of every path from `cut` to cut `last`."""
    if cut == last:
        yield 0.0, ""
    for start, end, letter, score in arcs:
        if start == cut and end <= last:
            for rest_score, rest in every_reading(arcs, end, last):
                yield score + rest_score, letter + rest


def count_paths(arcs, last):
    """Return the number of paths from cut 0 to cut `last`, by the same kind of sweep."""
    ways = [1]
    for cut in range(1, last + 1):
        ways.append(sum(ways[start] for start, end, _, _ in arcs if end == cut))
    return ways[last]


tried = list(every_reading(arcs, 0, 5))
claim(
    f"of all {len(tried):,} paths to cut 5 the best is the sweep's",
    len(tried) == count_paths(arcs, 5) and np.isclose(max(tried)[0], best[5][0]),
)

# %%
names = sorted({letter for _, _, letter, _ in arcs})
start, end, letters, scores = (np.array(column) for column in zip(*arcs, strict=True))
labels_of_arcs = np.array([[names.index(letter)] for letter in letters])
path = best_path(Lattice(len(cuts.paths), start, end, labels_of_arcs, scores[:, None]))
claim(
    f"of {count_paths(arcs, len(cuts.paths) - 1):,} paths through the word the library finds the "
    f"same one, {text!r}",
    "".join(names[label] for label in path.labels) == text and np.isclose(path.score, score),
)

# %% [markdown]
# ### 7. Listen to the language
#
# The lattice knows shapes, not words. A language model adds to each path how likely its letters are
# to follow one another in English. It is weighed in during the same sweep; to remember which
# letters came before, the sweep keeps a best path for each recent *history* instead of one for each
# cut.
#
# And this is the whole reader, on the whole page. Orange frames are words that it is not sure of.

# %%
from ocrlearn.engine.viz import draw_page

page = reader.read(photo)
figures.show_images(
    [draw_page(photo, page)],
    alt="The photograph with frames around its words, above the text that was read, set where it was "
    "read. Nearly every word is right.",
)

# %%
print(page.text)

# %% [markdown]
# ## What each stage is worth
#
# Every method that the course has built so far stands in one dictionary, `METHODS`. Three of them
# are the reader above with parts taken out, so that we can see what each part is worth:
# *components* takes every blob for a letter, *lattice* cuts and joins by dynamic programming,
# *classical* listens to the language as well.

# %%
from ocrlearn.methods import METHODS

readings = {name: method.load().read(photo).text for name, method in METHODS.items()}
errors = {"smallest reader": toy_cer}
for name, read_text in readings.items():
    errors[name] = cer(PAGE_TEXT, read_text)

figure, axis = figures.subplots(height=2.2)
bars = axis.barh(list(errors), list(errors.values()), color=figures.BLUE)
axis.bar_label(bars, [f"{error:.1%}" for error in errors.values()], padding=4)
axis.invert_yaxis()
axis.set(xlabel="character error rate on the photograph", xlim=(0, 1))
figures.show(
    figure,
    alt="Bars of the character error rate: longest for the smallest reader, much shorter for components "
    "and for the lattice, shortest for the reader with language.",
)

# %% tags=["nbval-check-output"]
claim(
    "each part lowers the error: blobs, then dynamic programming, then language",
    errors["smallest reader"] > errors["components"] > errors["lattice"] > errors["classical"],
)
claim("the whole reader's error rate is below 10 %", errors["classical"] < 0.10)

# %% [markdown]
# Read the same line three times, and you see why. *components* fuses letters that touch. *lattice*
# parts them, but where the strokes of two letters are those of a third, shapes alone cannot decide.

# %%
for name, read_text in readings.items():
    print(f"{name:<11}", next(line for line in read_text.splitlines() if "found at" in line))

# %% [markdown]
# What do the methods take for what? The confusions, worst first, say more than the rate. An empty
# side means that a character was left out or read out of nothing.

# %%
for name in ("components", "classical"):
    worst = confusions(PAGE_TEXT, readings[name]).most_common(8)
    print(f"{name}:", "  ".join(f"{a!r}->{b!r} {count}x" for (a, b), count in worst))

# %% [markdown]
# ## What an error rate means for an entry
#
# Nobody needs a character. One needs a word, an amount, a plate, an identity number: an *entry*,
# which is worthless if a single character in it is wrong. If each of $n$ characters is right with
# probability $p$, independently, the whole entry is right with probability $p^n$. If the page goes
# through *two* stages, such as cutting and then classifying, each right with $p$ for every
# character, the entry survives with $(p \cdot p)^n$.
#
# Multiplying is easy to believe and hard to feel, so let us also roll the dice: many entries of 18
# characters, each character spoiled at random.


# %%
def simulate(p, length, stages, entries, rng):
    """Return the share of entries in which every stage gets every character right."""
    right = rng.random((entries, length, stages)) < p
    return right.all(axis=(1, 2)).mean()


rng = np.random.default_rng(0)
for stages, words in ((1, "one stage"), (2, "two stages")):
    closed = (0.99**stages) ** 18
    runs = [simulate(0.99, 18, stages, 20_000, rng) for _ in range(20)]
    claim(
        f"{words} at 99 %: {closed:.1%} of 18-character entries are right; "
        f"simulated {np.mean(runs):.1%} ± {np.std(runs):.1%}",
        abs(np.mean(runs) - closed) < 4 * np.std(runs) / np.sqrt(len(runs)) + 1e-3,
    )

# %% [markdown]
# Each stage looks excellent on its own, and almost a third of the entries are spoiled. The picture
# below holds two lessons for every pipeline: long entries ask for far better characters than one
# would think, and **every stage multiplies**.

# %%
p = np.linspace(0.9, 1, 200)
figure, axis = figures.subplots(height=2.9)
for length, color in ((5, figures.GREEN), (18, figures.BLUE), (60, figures.VERMILION)):
    axis.plot(p, p**length, color=color, label=f"{length} characters")
    axis.plot(p, p ** (2 * length), color=color, linestyle="--")
axis.set(
    xlabel="share of characters that are right in each stage",
    ylabel="share of right entries",
    title="solid: one stage; dashed: two",
)
axis.legend(loc="upper left", fontsize=8)
figures.show(
    figure,
    alt="Entry accuracy against character accuracy for entries of 5, 18 and 60 characters. All curves "
    "end at 1; the longer the entry, the steeper the fall; two stages fall faster than one.",
)

# %% [markdown]
# ## Exercise 1.2
#
# Turn the question round. You are asked for a reader that gets 95 % of the entries right. Write
# `needed_accuracy(entry, length, stages)`: how accurate must each stage be on a single character?


# %%
def needed_accuracy(entry, length, stages=1):
    """Return the character accuracy each stage needs for a share `entry` of right entries."""
    ### BEGIN SOLUTION
    return entry ** (1 / (length * stages))
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check("1.2", needed_accuracy)

# %% [markdown]
# ### Context is worth more than sharper eyes
#
# Entries are seldom arbitrary. A Chinese identity number has 18 characters, and the last is
# computed from the first 17 (standard GB 11643): multiply the digits by fixed weights, add up, and
# the remainder modulo 11 picks the check character, with `X` for ten. What does that catch?

# %%
WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
CHECK_CHARACTERS = "10X98765432"


def check_character(digits):
    """Return the check character of the first 17 digits of an identity number."""
    total = sum(weight * int(digit) for weight, digit in zip(WEIGHTS, digits, strict=True))
    return CHECK_CHARACTERS[total % 11]


def is_valid(number):
    """Return whether the last character is the one that the first 17 ask for."""
    return check_character(number[:17]) == number[17]


number = "11010519491231002X"
others = [
    number[:place] + digit + number[place + 1 :]
    for place in range(17)
    for digit in "0123456789"
    if digit != number[place]
]
claim(
    f"all {len(others)} ways to misread one digit of {number} are caught",
    is_valid(number) and not any(is_valid(other) for other in others),
)

# %% [markdown]
# Every single error is noticed, because 11 is prime and no weight is a multiple of it. Knowing
# *that* something is wrong is half of knowing what; in the next exercise it is enough to mend it.
#
# ## Exercise 1.3
#
# A stain covers one digit. Write `restore(number)`, which gets an identity number with a `?` in
# place of one of its first 17 digits and returns the number in full. You may call `check_character`
# or `is_valid`.


# %%
def restore(number):
    """Return `number` with its one '?' replaced by the digit that makes it valid."""
    ### BEGIN SOLUTION
    for digit in "0123456789":
        candidate = number.replace("?", digit)
        if is_valid(candidate):
            return candidate
    return None
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check("1.3", restore)

# %% [markdown]
# ## The scoreboard
#
# One photograph is an anecdote. Every method that reads, finds or segments is therefore scored on
# the same fixed benchmarks, pages and lines made by the course's own generators, and the table
# grows with the chapters. `make scoreboard` measures all of it anew; this is the stored result.
# Rows marked *(peer)* are other programs, as a yardstick.

# %%
from IPython.display import Markdown

from ocrlearn.data.benchmarks import GENERATED, photograph_benchmark
from ocrlearn.engine.scoreboard import glance_table, load_scores, score_reading

scores, machine = load_scores()
benchmarks = [*GENERATED.values(), photograph_benchmark()]
titles = {entry.name: entry.title for entry in [*benchmarks, *METHODS.values()]}
Markdown(glance_table(scores, titles))

# %% [markdown]
# A table that cannot be checked is a rumour, so we measure one small corner again, here and now:
# the first lines of the clean benchmark. First look at what is being read.

# %%
lines_clean = list(GENERATED["lines_clean"].images(6))
figures.show_images(
    [example.image for example in lines_clean[:4]],
    columns=1,
    alt="Four printed lines of English in different typefaces, black on white.",
)

# %%
again = score_reading(
    reader, lines_clean, method="classical", benchmark="lines_clean", unit="line", warm_up=False
)
print(f"{again.images} clean lines: {again.cer:.1%} of the characters wrong")

# %% [markdown]
# ## The map
#
# Where the course goes from here. Parts I and II stay with image processing, which needs no
# training data and can be understood to the last pixel. Part III builds networks from nothing; IV
# and V find and read text with them, in photographs of streets; VI joins both into one network; VII
# watches moving pictures; VIII makes things fast.

# %%
from ocrlearn.course.plan import course_map

Markdown(course_map(link="{name}.ipynb"))

# %% [markdown]
# ## How to use the course
#
# - **To learn**, work on a copy: `ocrlearn start DIR` puts the chapters into a folder of yours, and
#   an update of the course never touches your answers.
# - **Exercises** sit where they are needed, with one to three stars. The check cell says what is
#   wrong, not only that something is. `ocrlearn hint 1.1` gives one hint at a time, and `ocrlearn
#   solution 1.1` the answer. Nothing that follows depends on your answer.
# - **Two cores, no GPU, no network**: that is what every chapter runs on, most of them in a minute.
#   `OCRLEARN_FULL=1` runs the long versions.
# - **Numbers** in these pages are printed by the run or guarded by a line with a tick (✓), which
#   stops the notebook if it does not hold. If your machine sees something else, we want to know.
# - **To teach**, hand out the notebooks: under nbgrader the same checks grade, and the figures with
#   a slider run in a browser without Python.
# - **On your own pages**: `ocrlearn read page.jpg --show out.png` at a terminal.
#
# ## Summary
#
# - An image is a table of numbers; ink and paper are told apart only locally.
# - A reader is a chain: light, ink, lines, cuts, scores, path, language. **Every stage multiplies
#   its errors into the whole**, so each is measured on its own and all of them together.
# - Where one letter ends cannot be decided before the letters are known. Cut too often, score every
#   candidate, and let dynamic programming choose among millions of readings in one sweep.
# - The character error rate is the edit distance over the length of the truth.
# - Entry accuracy is character accuracy to the power of the length; context mends what eyes cannot
#   see.
#
# **Next:** chapter 02 takes the first two stages apart. What if the page is turned, bent, blurred,
# or half in shadow?
#
# ## References
#
# - V. I. Levenshtein, "Binary codes capable of correcting deletions, insertions and reversals",
#   Soviet Physics Doklady, 1966: the edit distance.
# - A. J. Viterbi, "Error bounds for convolutional codes and an asymptotically optimum decoding
#   algorithm", IEEE Transactions on Information Theory, 1967: the best path in one sweep.
# - N. Dalal and B. Triggs, "Histograms of oriented gradients for human detection", CVPR, 2005.
# - Q.-F. Wang, F. Yin and C.-L. Liu, "Handwritten Chinese text recognition by integrating multiple
#   contexts", IEEE Transactions on Pattern Analysis and Machine Intelligence, 2012: how to weigh
#   classifier, geometry and language along a path.
# - GB 11643-1999, "Citizen identification number", the standard behind the check character.
