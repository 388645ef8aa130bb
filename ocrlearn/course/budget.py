"""Chapters must keep the time they promise: a hook for pytest that adds up a notebook's cells.

``notebooks/conftest.py`` imports the hook, so that it works wherever nbval runs the notebooks. On a
machine known to be slow, ``OCRLEARN_BUDGET_FACTOR=3`` allows three times as long.
"""

from collections.abc import Generator
from typing import Any

import pytest

from ocrlearn.course.chapters import allowed_seconds

__all__ = ["pytest_runtest_makereport"]

_SECONDS = pytest.StashKey[float]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Generator[None, Any, Any]:
    """Fail the last cell of a notebook whose cells together took longer than its budget."""
    report = yield
    notebook = item.parent
    content = getattr(notebook, "nb", None)
    if call.when != "call" or content is None or "ocrlearn" not in content.metadata:
        return report
    seconds = notebook.stash.get(_SECONDS, 0.0) + call.duration
    notebook.stash[_SECONDS] = seconds
    allowed = allowed_seconds(content.metadata.ocrlearn.budget)
    last = [other for other in item.session.items if other.parent is notebook][-1]
    if item is last and report.passed and seconds > allowed:
        report.outcome = "failed"
        report.longrepr = (
            f"{notebook.name} took {seconds:.1f} s and may take {allowed:g} s "
            "(OCRLEARN_BUDGET_FACTOR stretches that on a slow machine)"
        )
    return report
