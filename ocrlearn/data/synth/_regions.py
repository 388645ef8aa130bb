"""Regions of even colour and texture, where a sign-writer would find room."""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["even_regions"]


def even_regions(
    image: NDArray[np.float32], *, scale: float = 1.5, smoothing: float = 1.0, least: int = 60
) -> NDArray[np.int32]:
    """Divide an image into regions within which colour changes less than across their borders.

    Neighbouring pixels are joined in order of their difference in colour; two regions become one
    where the least difference between them is no more than the greatest within either, plus
    ``scale / size``. A region of coarse texture so earns tolerance for it, and a smooth one does
    not (Felzenszwalb and Huttenlocher, "Efficient Graph-Based Image Segmentation", International
    Journal of Computer Vision 59(2), 2004).

    Parameters
    ----------
    image
        ``(H, W, 3)`` float in [0, 1], best a reduced one: the cost is that of sorting 4 H W edges.
    scale
        The constant k of the paper, for colours in [0, 1]: greater for greater regions.
    smoothing
        Standard deviation of the blur before, in pixels.
    least
        Regions of fewer pixels are joined to the neighbour most like them.

    Returns
    -------
    labels
        ``(H, W)`` int32, numbered from 0 without gaps.
    """
    smooth = ndimage.gaussian_filter(image, (smoothing, smoothing, 0))
    height, width = image.shape[:2]
    index = np.arange(height * width, dtype=np.int32).reshape(height, width)
    starts, ends, weights = [], [], []
    for one, other in _NEIGHBOURS:
        starts.append(index[one].ravel())
        ends.append(index[other].ravel())
        weights.append(np.linalg.norm(smooth[one] - smooth[other], axis=-1).ravel())
    weight = np.concatenate(weights)
    order = np.argsort(weight, kind="stable")
    edges = np.stack([np.concatenate(starts), np.concatenate(ends)], axis=1)[order]
    roots = _join(edges, weight[order], height * width, scale, least)
    labels = np.unique(roots, return_inverse=True)[1]
    return labels.reshape(height, width).astype(np.int32)


_ALL, _HEAD, _TAIL = slice(None), slice(None, -1), slice(1, None)
_NEIGHBOURS = (  # right, below, and both diagonals
    ((_ALL, _HEAD), (_ALL, _TAIL)),
    ((_HEAD, _ALL), (_TAIL, _ALL)),
    ((_HEAD, _HEAD), (_TAIL, _TAIL)),
    ((_HEAD, _TAIL), (_TAIL, _HEAD)),
)


@njit(cache=True)
def _find(parent: NDArray[np.int32], item: int) -> int:
    while parent[item] != item:
        parent[item] = parent[parent[item]]  # halve the path for those that come later
        item = parent[item]
    return item


@njit(cache=True)
def _join(
    edges: NDArray[np.int32], weights: NDArray[np.float32], count: int, scale: float, least: int
) -> NDArray[np.int32]:
    """Join along `edges`, sorted by weight, and return the representative of each pixel."""
    parent = np.arange(count).astype(np.int32)
    size = np.ones(count, np.int32)
    within = np.zeros(count, np.float64)  # the greatest difference along a region's tree
    for place in range(len(edges)):
        a, b = _find(parent, edges[place, 0]), _find(parent, edges[place, 1])
        limit = min(within[a] + scale / size[a], within[b] + scale / size[b])
        if a != b and weights[place] <= limit:
            parent[b] = a
            size[a] += size[b]
            within[a] = weights[place]
    for place in range(len(edges)):
        a, b = _find(parent, edges[place, 0]), _find(parent, edges[place, 1])
        if a != b and min(size[a], size[b]) < least:
            parent[b] = a
            size[a] += size[b]
    for item in range(count):
        parent[item] = _find(parent, item)
    return parent
