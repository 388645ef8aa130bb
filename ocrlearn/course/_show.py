"""Showing a thing where one is: as a picture or a card in Jupyter, as text elsewhere."""

import sys
from typing import Any

__all__ = ["display"]


def display(thing: Any) -> None:
    """Display `thing` in Jupyter; print its plain-text form elsewhere."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        ipython.display.display(thing)
    else:
        print(thing)  # noqa: T201 - showing is this function's purpose
