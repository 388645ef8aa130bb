"""Other programs that read text, behind the same interface as the methods of the course.

A peer is used only where it is installed already. It is a yardstick, not a part of the project.
"""

import shutil
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from ocrlearn.document import Line, Page, Word
from ocrlearn.geometry import box_to_quad
from ocrlearn.image.read import write


class Tesseract:
    """Tesseract through its command line, with its default English model.

    Parameters
    ----------
    unit
        "page" lets it find the layout (``--psm 3``), "line" tells it that the image is one line of
        text (``--psm 7``), as its users would.
    """

    def __init__(self, unit):
        self.segmentation = {"page": "3", "line": "7"}[unit]

    @staticmethod
    def version():
        """Return a name such as "Tesseract 5.3.0", or None where it is not installed."""
        program = shutil.which("tesseract")
        if program is None:
            return None
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        words = (answer.stdout or answer.stderr).split()
        return f"Tesseract {words[1].lstrip('v')}" if len(words) > 1 else "Tesseract"

    def read(self, image):
        """Read `image`; starting the program is part of the time it takes."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "image.png"
            write(path, image)
            command = ["tesseract", str(path), "stdout", "--psm", self.segmentation, "tsv"]
            answer = subprocess.run(
                command, capture_output=True, text=True, encoding="utf-8", check=False
            )
        if answer.returncode:
            raise RuntimeError(f"tesseract failed: {answer.stderr.strip()}")
        return page_from_tsv(answer.stdout, image.shape[1], image.shape[0])


def page_from_tsv(table, width, height):
    """Make a page of Tesseract's table of words: level, four numbers, word, box, score, text."""
    rows = [row.split("\t") for row in table.splitlines()]
    column = {name: place for place, name in enumerate(rows[0])}
    lines = defaultdict(list)
    quads = {}
    for row in rows[1:]:
        place = tuple(row[column[name]] for name in ("block_num", "par_num", "line_num"))
        left, top, wide, high = (int(row[column[n]]) for n in ("left", "top", "width", "height"))
        # Its boxes run from the edge of the first pixel, which is half a pixel before its centre.
        quad = box_to_quad([left - 0.5, top - 0.5, left + wide - 0.5, top + high - 0.5])
        level = row[column["level"]]
        if level == "4":
            quads[place] = quad
        elif level == "5" and row[column["text"]].strip():
            score = max(0.0, float(row[column["conf"]])) / 100
            lines[place].append(Word(row[column["text"]].strip(), quad, score))
    return Page(
        tuple(Line(quads[place], tuple(words)) for place, words in lines.items()), width, height
    )
