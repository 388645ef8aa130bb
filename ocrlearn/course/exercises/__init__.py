"""The exercises of every chapter: titles, hints, checks and wrong answers, one module a chapter.

``ch02.py`` holds ``EXERCISES``, a list of :class:`ocrlearn.course.exercise.Exercise`. The solutions
are not here but in the lessons, between nbgrader's marks.

A teacher's own course, a folder named by ``OCRLEARN_HOME``, keeps its modules in ``exercises/``.
"""

import os

if os.environ.get("OCRLEARN_HOME"):
    __path__.insert(0, os.path.join(os.environ["OCRLEARN_HOME"], "exercises"))
