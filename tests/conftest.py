"""What all tests share: hypothesis draws the same examples every time and has no deadline."""

from hypothesis import settings

settings.register_profile("ocrlearn", deadline=None, derandomize=True)
settings.load_profile("ocrlearn")
