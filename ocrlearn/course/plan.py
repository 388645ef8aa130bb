"""The map of the course: every chapter there is or will be, and what it adds.

Chapter 1, the README and the site draw the same map from here; a chapter counts as built when its
lesson exists.
"""

from dataclasses import dataclass

from ocrlearn.course.chapters import PARTS, Chapter, chapters, home

__all__ = ["PLAN", "Planned", "course_map", "write_readme_map"]


@dataclass(frozen=True)
class Planned:
    """A chapter's place in the course.

    Attributes
    ----------
    number
        1 to 36.
    part
        Roman numeral, a key of :data:`ocrlearn.course.chapters.PARTS`.
    topic
        A few words, used until the chapter is written and has a title.
    adds
        What the reader of pages gains by it.
    """

    number: int
    part: str
    topic: str
    adds: str


PLAN: tuple[Planned, ...] = (
    Planned(1, "I", "The whole journey on one page", "the map, and a way to measure"),
    Planned(2, "I", "Cleaning a page", "bent, blurred and badly lit pages"),
    Planned(3, "I", "Layout and lines", "columns, tables, reading order"),
    Planned(4, "I", "Histograms of oriented gradients", "descriptions that survive a new font"),
    Planned(5, "I", "Templates and sliding windows", "finding a known shape anywhere"),
    Planned(6, "I", "Over-segmentation and dynamic programming", "letters that touch"),
    Planned(7, "I", "Lexicons, language and entry accuracy", "doubts settled by what can be meant"),
    Planned(8, "II", "K-means and mean shift", "groups of colours"),
    Planned(9, "II", "SLIC superpixels", "pixels that belong together, at any scale"),
    Planned(10, "II", "Min-cut, normalised cut, spectral methods", "the best cut through a graph"),
    Planned(11, "II", "Graph Cuts and GrabCut", "an object lifted out of its photograph"),
    Planned(12, "III", "LeNet-5 from scratch", "features that are learned"),
    Planned(13, "III", "Backbones", "depth that still trains"),
    Planned(14, "III", "FCN, U-Net, SegNet", "a label for every pixel"),
    Planned(15, "III", "DeepLab, PSPNet, dense CRF", "context and sharp borders"),
    Planned(16, "IV", "Faster R-CNN, R-FCN, SSD", "boxes in one or two looks"),
    Planned(17, "IV", "CTPN", "long lines, chained from slices"),
    Planned(18, "IV", "TextBoxes, DMPNet, RRPN", "boxes of the shape of words, at any angle"),
    Planned(19, "IV", "EAST", "words straight from the pixels"),
    Planned(20, "IV", "SegLink and PixelLink", "pieces and the links between them"),
    Planned(21, "IV", "FTSN and WordSup", "masks, and characters without character labels"),
    Planned(22, "V", "CTC", "training without knowing where the letters are"),
    Planned(23, "V", "CRNN and its convolutional rival", "words read as sequences"),
    Planned(24, "V", "Attention", "looking at one place at a time"),
    Planned(25, "V", "Rectification: STN, RARE, ASTER", "curved and slanted words"),
    Planned(26, "V", "Number plates and captchas", "real time, and adversaries"),
    Planned(27, "V", "Chinese lines", "thousands of characters"),
    Planned(28, "VI", "A reader in two stages", "scenes, end to end"),
    Planned(29, "VI", "FOTS", "finding and reading with shared features"),
    Planned(30, "VI", "STN-OCR", "finding learned from texts alone"),
    Planned(31, "VII", "Optical flow and TSN", "what happens in a video"),
    Planned(32, "VII", "TRN", "the order in which it happens"),
    Planned(33, "VII", "ECO", "while it happens"),
    Planned(34, "VIII", "CUDA kernels with CuPy, without a GPU", "speed you can debug on a laptop"),
    Planned(35, "VIII", "Training on more than one device", "scale"),
    Planned(36, "VIII", "Data sets, real and synthetic", "what all of it is learned from"),
)


def course_map(link: str = "notebooks/{name}.ipynb") -> str:
    """Return the map in Markdown: a row for each chapter, linked where it is built.

    Parameters
    ----------
    link
        Where a built chapter is found; ``{name}`` stands for e.g. ``02_cleaning``.
    """
    built: dict[int, Chapter] = {chapter.number: chapter for chapter in chapters()}
    rows = ["| | chapter | what it adds | |", "| --- | --- | --- | --- |"]
    for part, title in PARTS.items():
        rows.append(f"| **{part}** | **{title}** | | |")
        for planned in PLAN:
            if planned.part != part:
                continue
            chapter = built.get(planned.number)
            name, state = planned.topic, "to come"
            if chapter is not None:
                name = f"[{chapter.title}]({link.format(name=chapter.name)})"
                state = f"{chapter.minutes} min"
            rows.append(f"| {planned.number:02d} | {name} | {planned.adds} | {state} |")
    return "\n".join(rows)


def write_readme_map() -> None:
    """Put the map between its markers in README.md."""
    from ocrlearn.engine.scoreboard import replace_between_markers

    readme = home() / "README.md"
    text = readme.read_text(encoding="utf-8")
    readme.write_text(replace_between_markers(text, "map", course_map()), encoding="utf-8")


if __name__ == "__main__":
    write_readme_map()
