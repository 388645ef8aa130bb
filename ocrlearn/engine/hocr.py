"""Pages as hOCR, the HTML that PDF makers, viewers and correction tools understand.

hOCR is XHTML whose elements carry the places of the text in their ``title`` attributes. It knows
upright boxes only: what it keeps of a quad is the smallest box of whole pixels around it.
:func:`ocrlearn.document.page_to_json` keeps everything.

References
----------
K. Baierer and T. Breuel, "hOCR: OCR workflow and output embedded in HTML", version 1.2,
https://kba.github.io/hocr-spec/1.2/.
"""

import re
from collections.abc import Sequence
from html import escape
from urllib.parse import quote

import numpy as np

from ocrlearn import __version__
from ocrlearn.document import Line, Page, Quad, Word

__all__ = ["pages_to_hocr"]

_CAPABILITIES = "ocr_page ocr_line ocr_cinfo ocrx_word"

# What XML 1.0 cannot hold, even as a numeric reference.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def pages_to_hocr(pages: Sequence[Page], *, title: str = "") -> str:
    """Write `pages` as one hOCR 1.2 document, well-formed XHTML in UTF-8.

    A page becomes an ``ocr_page`` ``div``, its lines ``ocr_line`` and its words ``ocrx_word``
    spans, with ``bbox`` in whole pixels and the word's score as ``x_wconf`` in percent. Where a
    word's characters are placed, an ``ocr_cinfo`` span inside it lists their ``x_bboxes`` and
    ``x_confs``. ``ppageno``, the place in a physical order of pages, is given when several pages
    come from one source.

    Parameters
    ----------
    pages
        At least one: an hOCR document must have an ``ocr_page``.
    title
        Of the document; by default the names of the sources.

    Raises
    ------
    ValueError
        If `pages` is empty.
    """
    if not pages:
        raise ValueError("pages must hold at least one page, got none: hOCR asks for an ocr_page")
    sources = list(dict.fromkeys(page.source for page in pages))
    numbers = {page.page_number for page in pages}
    numbered = len(sources) == 1 and len(numbers) == len(pages) > 1
    title = title or ", ".join(filter(None, sources)) or "ocrlearn"
    body = "\n".join(
        _hocr_page(page, index, numbered=numbered) for index, page in enumerate(pages, start=1)
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" \
"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml">
 <head>
  <title>{_xml(title)}</title>
  <meta http-equiv="Content-Type" content="text/html; charset=utf-8" />
  <meta name="ocr-system" content="{_xml(_system(pages))}" />
  <meta name="ocr-capabilities" content="{_CAPABILITIES}" />
  <meta name="ocr-number-of-pages" content="{len(pages)}" />
  <meta name="ocr-langs" content="unknown" />
  <meta name="ocr-scripts" content="unknown" />
  <style type="text/css">.ocr_page {{ margin: 2em; }} .ocr_line {{ display: block; }}</style>
 </head>
 <body>
{body}
 </body>
</html>
"""


def _system(pages: Sequence[Page]) -> str:
    methods = dict.fromkeys(page.method for page in pages if page.method)
    return " ".join(["ocrlearn", __version__, *methods])


def _hocr_page(page: Page, index: int, *, numbered: bool) -> str:
    properties = [f"bbox 0 0 {page.width} {page.height}"]
    if page.source:
        properties.insert(0, f'image "{_hocr_path(page.source)}"')
    if numbered:
        properties.append(f"ppageno {page.page_number - 1}")
    title = _xml("; ".join(properties))
    lines = "".join(
        _hocr_line(line, f"{index}_{number}", page)
        for number, line in enumerate(page.lines, start=1)
    )
    return f'  <div class="ocr_page" id="page_{index}" title="{title}">\n{lines}  </div>'


def _hocr_line(line: Line, name: str, page: Page) -> str:
    words = " ".join(
        _hocr_word(word, f"{name}_{number}", page) for number, word in enumerate(line.words, 1)
    )
    box = _hocr_box(line.quad, page)
    return f'   <span class="ocr_line" id="line_{name}" title="bbox {box}">{words}</span>\n'


def _hocr_word(word: Word, name: str, page: Page) -> str:
    text = _xml(word.text)
    letters = [character.text for character in word.characters]
    if letters and letters == list(word.text):  # hOCR wants one box for each code point
        boxes = " ".join(_hocr_box(character.quad, page) for character in word.characters)
        scores = " ".join(_percent(character.score) for character in word.characters)
        text = f'<span class="ocr_cinfo" title="x_bboxes {boxes}; x_confs {scores}">{text}</span>'
    title = f"bbox {_hocr_box(word.quad, page)}; x_wconf {_percent(word.score)}"
    return f'<span class="ocrx_word" id="word_{name}" title="{title}">{text}</span>'


def _hocr_box(quad: Quad, page: Page) -> str:
    """Write the smallest upright box of whole pixels around `quad`, ``x0 y0 x1 y1``.

    A quad's points count from the centre of the top-left pixel, hOCR's boxes from its corner.
    The box is kept inside the page and has at least one pixel.
    """
    size = (page.width, page.height)
    low = np.floor(quad.min(axis=0) + 0.5).clip((0, 0), np.subtract(size, 1))
    high = np.ceil(quad.max(axis=0) + 0.5).clip(low + 1, size)
    return " ".join(str(int(value)) for value in (*low, *high))


def _percent(score: float) -> str:
    return str(round(100 * score))


def _hocr_path(path: str) -> str:
    """`path` in the characters the grammar of a quoted property allows, others as in a URL."""
    allowed = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in '"%')
    return quote(path, safe=allowed, errors="replace")


def _xml(text: str) -> str:
    """`text` with mark-up escaped and what XML cannot hold replaced by U+FFFD."""
    escaped = escape(_NOT_XML.sub("\ufffd", text))
    return escaped.replace("\xa0", "&#160;").replace("\xad", "&#173;")
