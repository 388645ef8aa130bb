"""Tell whether a page lies on its side or upside down.

A scanner does not care how the page is put in. Two facts about text do:

- Lines run one way. Sums of ink along the lines swing sharply between lines and the paper between
  them, sums across the lines hardly do. So the page is on its side if the profile of its columns is
  sharper than that of its rows (see :mod:`ocrlearn.image.deskew`).
- In Latin, Greek and Cyrillic script more letters rise above the height of an x (capitals,
  b d f h k l t) than hang below the line (g j p q y). So the page is upside down if more letters
  hang below than rise above.

References
----------
D. S. Bloomberg, G. E. Kopec and L. Dasari, "Measuring document image skew and orientation",
Proceedings of SPIE 2422, Document Recognition II, 1995.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrlearn._validate import check_image
from ocrlearn.image.deskew import find_skew, ink_weights
from ocrlearn.image.dewarp import TextLine, find_text_lines, robust_cubic

__all__ = ["Orientation", "find_orientation", "turn_upright"]


@dataclass(frozen=True)
class Orientation:
    """How a page lies, and the evidence for it.

    Attributes
    ----------
    quarter_turns
        By how many quarter turns counter-clockwise the text is turned, 0 to 3;
        ``numpy.rot90(image, -quarter_turns)`` makes it upright.
    angle
        The skew left after that, in radians, positive counter-clockwise as seen on the screen.
    sideways_evidence
        Sharpness of the profile along the columns over that along the rows, of the picture as it
        is: above 1 if the lines run up or down.
    upright_evidence
        By how many standard deviations more of the text rises above the height of an x than hangs
        below the baseline, once the page is turned as said. 0 where nothing is known.
    """

    quarter_turns: int
    angle: float
    sideways_evidence: float
    upright_evidence: float


def find_orientation(
    image: Any, *, least_sideways: float = 1.5, least_upside_down: float = 2.0
) -> Orientation:
    """Find out by how many quarter turns a page of text is turned.

    Parameters
    ----------
    image
        A page, ``(H, W)`` or ``(H, W, 3)``, uint8 or float in [0, 1], ink darker than paper; or an
        ink mask (bool, True = ink).
    least_sideways
        The picture is taken to lie on its side only if its columns are this many times as sharp as
        its rows.
    least_upside_down
        It is taken to be upside down only if more hangs than rises by this many standard
        deviations. A page that lies on its side has to be turned either way; the likelier
        one is taken.

    Returns
    -------
    Orientation
        Without text, all zero: a page of which nothing is known is left as it is.

    Notes
    -----
    Capitals and digits neither rise nor hang, and Chinese characters fill a square, so a page of
    these gives no evidence of being upside down, and is left as it is. A paragraph of small letters
    is enough, if its x is at least about seven pixels high.
    """
    array = check_image(image)
    ink = ink_weights(array) > 0.1
    rows, columns = find_skew(array), find_skew(np.rot90(array, -1))
    if max(rows.sharpness, columns.sharpness) == 0:
        return Orientation(0, 0.0, 0.0, 0.0)
    sideways_evidence = columns.sharpness / max(rows.sharpness, 1e-9)
    sideways = sideways_evidence >= least_sideways
    skew = columns if sideways else rows
    level = np.rot90(ink, -1) if sideways else ink
    rising = _rising(find_text_lines(level, angle=skew.angle))
    upside_down = rising < 0 if sideways else rising <= -least_upside_down
    return Orientation(
        quarter_turns=(1 if sideways else 0) + (2 if upside_down else 0),
        angle=skew.angle,
        sideways_evidence=sideways_evidence,
        upright_evidence=-rising if upside_down else rising,
    )


def _rising(lines: Sequence[TextLine]) -> float:
    """By how many standard deviations letters rise above most tops rather than below most bottoms.

    Each sample of a line votes with the height by which it rises less the depth by which it hangs,
    in heights of an x; the first tenth is roughness, and beyond one half nothing is added. The sum
    is compared with its spread if each vote were as likely to have the other sign. Where hardly any
    letter rises or hangs, they are capitals or digits, and a few commas must not decide.
    """
    votes = []
    for line in lines:
        baseline = robust_cubic(line.baseline, line.height)
        top = robust_cubic(line.top, line.height)
        x_height = max(float(np.median(baseline - top)), 1.0)
        rises = np.clip((top - line.top[:, 1]) / x_height - 0.1, 0, 0.4)
        hangs = np.clip((line.baseline[:, 1] - baseline) / x_height - 0.1, 0, 0.4)
        votes.append(rises - hangs)
    every = np.concatenate(votes) if votes else np.zeros(1)
    if np.mean(np.abs(every) > 0.02) < 0.1:  # capitals: 0.02; small letters: 0.2 and more
        return 0.0
    return float(every.sum() / np.sqrt((every**2).sum()))


def turn_upright(image: Any) -> NDArray[Any]:
    """Turn a page by quarter turns so that its text is upright; see :func:`find_orientation`."""
    array = check_image(image)
    return np.rot90(array, -find_orientation(array).quarter_turns).copy()
