"""Sphinx configuration: executed chapters, guides, and the library reference."""

import shutil
from pathlib import Path

import ocrlearn

HERE = Path(__file__).parent
ROOT = HERE.parent

# The chapters live in notebooks/; Sphinx reads only below its own folder, so bring them here.
CHAPTERS = HERE / "chapters"
shutil.rmtree(CHAPTERS, ignore_errors=True)
CHAPTERS.mkdir()
for notebook in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
    shutil.copy(notebook, CHAPTERS / notebook.name)

project = "ocrlearn"
author = "the ocrlearn developers"
copyright = "2026, the ocrlearn developers, BSD-3-Clause"
release = version = ocrlearn.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the stored outputs are the tested ones
nb_merge_streams = True

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "none"
suppress_warnings = ["ref.python"]  # several classes have an attribute of the same name
autodoc_mock_imports = ["cupy"]
# Set as headings without a target, because many modules have them.
napoleon_custom_sections = [
    "Deviations",
    "Deviations from the paper",
    "Eleven classes from 32",
    "Form",
    "Large files",
    "Layout",
    "Layout and lines",
    "Layout and names",
    "Layout and records",
    "Lines",
    "One JSON form",
    "Traps",
]
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

html_theme = "sphinx_book_theme"
html_title = "ocrlearn"
html_static_path = []
html_theme_options = {"show_navbar_depth": 1, "home_page_in_toc": True}
