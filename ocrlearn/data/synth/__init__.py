"""Generators of printed text with exact labels: seeded, and made without any download.

:func:`render_line` and :func:`render_page` make images with everything that is known about them
(:class:`Rendered`). Below them, from the inside out:

- :mod:`~ocrlearn.data.synth.fonts`: which fonts there are, and what each can be trusted to print;
- :mod:`~ocrlearn.data.synth.texts`: English to print;
- :mod:`~ocrlearn.data.synth.glyphs`: widths, kerning and pixels of one character;
- :mod:`~ocrlearn.data.synth.sheet`: characters, words and lines on flat paper, and their places;
- :mod:`~ocrlearn.data.synth.degrade`: what ink, paper, light, lens, sensor and files do to print;
- :mod:`~ocrlearn.data.synth.looks`: chains of these that make clean, scanned and photographed
  images.

:func:`render_word` makes cropped words of scenes, on a faster road of its own:

- :mod:`~ocrlearn.data.synth.atlas`: letters as distance fields;
- :mod:`~ocrlearn.data.synth.colours`: colours of letters and of what they stand on;
- :mod:`~ocrlearn.data.synth.word_texts`: what a word says;
- :mod:`~ocrlearn.data.synth.words`: how it looks, and its picture.

:func:`render_chinese_line` and :func:`render_plate` print Chinese, on any machine:

- :mod:`~ocrlearn.data.synth.glyph_bank`: bitmaps of 4,755 Chinese characters in two styles;
- :mod:`~ocrlearn.data.synth.chinese`: lines of print, from the statistics of Chinese;
- :mod:`~ocrlearn.data.synth.plates`: number plates in photographs.

:func:`render_scene` writes on walls and signs, in perspective:

- :mod:`~ocrlearn.data.synth.backgrounds`: surfaces, shop-fronts and photographs to write on;
- :mod:`~ocrlearn.data.synth.curved`: arcs and waves for text that does not run straight;
- :mod:`~ocrlearn.data.synth.scenes`: blocks of text placed where there is room, and photographed.

:func:`render_document` sets whole pages with tables and figures, :func:`render_character` and
:func:`render_captcha` make what classifiers learn from:

- :mod:`~ocrlearn.data.synth.documents`: pages on which every region is labelled;
- :mod:`~ocrlearn.data.synth.tables` and :mod:`~ocrlearn.data.synth.figures`: what stands on them;
- :mod:`~ocrlearn.data.synth.characters`: single characters, as segmenters cut them out;
- :mod:`~ocrlearn.data.synth.captchas`: in four degrees of difficulty.

Two generators draw no text: :func:`render_objects` makes scenes for segmentation
(:mod:`~ocrlearn.data.synth.objects`), and :func:`render_clip` action clips
(:mod:`~ocrlearn.data.synth.clips`).
"""

from typing import TYPE_CHECKING

from ocrlearn._lazy import attach

if TYPE_CHECKING:
    from ocrlearn.data.synth.backgrounds import photographs as photographs
    from ocrlearn.data.synth.backgrounds import render_background as render_background
    from ocrlearn.data.synth.captchas import render_captcha as render_captcha
    from ocrlearn.data.synth.characters import render_character as render_character
    from ocrlearn.data.synth.chinese import render_chinese_line as render_chinese_line
    from ocrlearn.data.synth.clips import render_clip as render_clip
    from ocrlearn.data.synth.documents import Document as Document
    from ocrlearn.data.synth.documents import document_sample as document_sample
    from ocrlearn.data.synth.documents import render_document as render_document
    from ocrlearn.data.synth.fonts import Font as Font
    from ocrlearn.data.synth.fonts import find_chinese_fonts as find_chinese_fonts
    from ocrlearn.data.synth.fonts import find_fonts as find_fonts
    from ocrlearn.data.synth.glyph_bank import GlyphBank as GlyphBank
    from ocrlearn.data.synth.lines import render_line as render_line
    from ocrlearn.data.synth.objects import render_objects as render_objects
    from ocrlearn.data.synth.pages import PageStyle as PageStyle
    from ocrlearn.data.synth.pages import render_page as render_page
    from ocrlearn.data.synth.plates import render_plate as render_plate
    from ocrlearn.data.synth.scenes import render_scene as render_scene
    from ocrlearn.data.synth.sheet import Rendered as Rendered
    from ocrlearn.data.synth.words import render_word as render_word
    from ocrlearn.data.synth.words import render_words as render_words
    from ocrlearn.data.synth.words import word_arrays as word_arrays

# Loaded on first use: fonts and text take a moment that `import ocrlearn.data` should not cost.
_HOMES = {
    "Document": "documents",
    "Font": "fonts",
    "GlyphBank": "glyph_bank",
    "PageStyle": "pages",
    "Rendered": "sheet",
    "document_sample": "documents",
    "find_chinese_fonts": "fonts",
    "find_fonts": "fonts",
    "photographs": "backgrounds",
    "render_background": "backgrounds",
    "render_captcha": "captchas",
    "render_character": "characters",
    "render_chinese_line": "chinese",
    "render_clip": "clips",
    "render_document": "documents",
    "render_line": "lines",
    "render_objects": "objects",
    "render_page": "pages",
    "render_plate": "plates",
    "render_scene": "scenes",
    "render_word": "words",
    "render_words": "words",
    "word_arrays": "words",
}

__getattr__, __dir__, __all__ = attach(__name__, _HOMES)
