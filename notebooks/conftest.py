"""Every chapter must run within the budget its lesson declares."""

from ocrlearn.course.budget import pytest_runtest_makereport

__all__ = ["pytest_runtest_makereport"]
