"""Maximum flow and minimum cut on the graph of an image's pixels.

Every pixel is a node. A *terminal link* of capacity ``source[y, x]`` leads to it from the source,
one of capacity ``sink[y, x]`` from it to the sink, and *neighbour links* join it with its four or
eight neighbours, each direction with a capacity of its own. The greatest flow from source to sink
equals the least total capacity of links whose removal separates the two (Ford and Fulkerson,
"Maximal Flow Through a Network", Canadian Journal of Mathematics, 1956). That *minimum cut* splits
the pixels into two sides, and is how Graph Cuts and GrabCut segment an image.

Several cuts may have the least capacity. All rungs return the same one: its source side is the set
of pixels that can still be reached from the source through links with capacity left, which is the
smallest source side of all minimum cuts and does not depend on which maximum flow was found.

Rungs
-----
reference
    Edmonds and Karp, "Theoretical Improvements in Algorithmic Efficiency for Network Flow Problems"
    (Journal of the ACM, 1972): fill up the shortest path with room left, until there is none.
fast
    Boykov and Kolmogorov, "An Experimental Comparison of Min-Cut/Max-Flow Algorithms for Energy
    Minimization in Vision" (IEEE Transactions on Pattern Analysis and Machine Intelligence, 2004):
    two search trees, one from each terminal, that are repaired after every path and not regrown.
    :class:`GridCut` keeps them, so that a cut is found again quickly after seeds have moved.
cuda
    Push and relabel of Goldberg and Tarjan, "A New Approach to the Maximum-Flow Problem" (Journal
    of the ACM, 1988), by tiles of the image; see ``maxflow.cu``.

**Deviations from the papers.**
Boykov and Kolmogorov's nodes and links are not stored: neighbours are found by adding an offset, on
a grid with a border of unlinked pixels. Their marking of verified paths and of distances to the
terminal is used as they describe it: a pixel whose path was followed since the last augmentation is
not followed again, and among possible parents the nearest to the terminal is taken.

Push and relabel runs on the mirrored problem, with source and sink exchanged and all links turned
round. What it finds first and exactly, long before the flow itself, is the set of pixels that can
reach its sink; mirrored, these are the pixels reached from the source, the side wanted here. The
second phase, which returns the excess that cannot arrive, is therefore left out.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ocrlearn import cuda
from ocrlearn._dispatch import array_module, is_cupy, pick
from ocrlearn.ops._c_types import c_type

__all__ = ["KERNELS", "RUNGS", "GridCut", "MaxFlow", "grid_max_flow", "grid_max_flow_reference"]

KERNELS = cuda.KernelFile.beside(__file__)

# The directions of neighbour links as (dx, dy). Direction d ^ 1 is the opposite of direction d.
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (-1, 1), (1, -1))
DIRECTION_NAMES = (
    "right", "left", "down", "up", "down_right", "up_left", "down_left", "up_right",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class MaxFlow:
    """A maximum flow's value and the minimum cut with the smallest source side.

    Attributes
    ----------
    value
        The flow from source to sink, which is the capacity of the cut: an ``int``, exact, for
        integer capacities, and a ``float`` for floating ones.
    source_side
        ``(H, W)`` bool: the pixels that can be reached from the source through links with capacity
        left. All others lie on the sink's side.
    """

    value: int | float
    source_side: NDArray[np.bool_]


def _pixels(direction: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return the slices (y, x) of all pixels that have a neighbour there, and of the neighbours."""
    dx, dy = DIRECTIONS[direction]
    first, last, every = slice(None, -1), slice(1, None), slice(None)
    near = {1: first, -1: last, 0: every}
    far = {1: last, -1: first, 0: every}
    return (near[dy], near[dx]), (far[dy], far[dx])


def _residuals(xp: Any, source: Any, links: tuple[Any, ...], dtype: Any) -> Any:
    """Lay the links out as ``(D, H, W)``: what leaves a pixel in each direction, 0 at the edge."""
    residual = xp.zeros((len(links), *source.shape), dtype)
    for direction, capacity in enumerate(links):
        near, _ = _pixels(direction)
        residual[direction][near] = capacity
    return residual


# --- The reference --------------------------------------------------------------------------------


def grid_max_flow_reference(source: Any, sink: Any, *links: Any) -> MaxFlow:
    """Edmonds and Karp: augment along a shortest path of links with capacity left."""
    height, width = source.shape
    residual = _residuals(np, source, links, source.dtype).tolist()  # Python's numbers: no overflow
    from_source = source.tolist()
    to_sink = sink.tolist()
    value = source.dtype.type(0).item()

    while True:
        # Breadth first from the source. The parent of a pixel is (x, y, direction), or None for
        # those the source itself reaches.
        parents: dict[tuple[int, int], tuple[int, int, int] | None] = {
            (x, y): None for y in range(height) for x in range(width) if from_source[y][x] > 0
        }
        queue = deque(parents)
        end = None
        while queue and end is None:
            x, y = queue.popleft()
            if to_sink[y][x] > 0:
                end = (x, y)
                break
            for direction, (dx, dy) in enumerate(DIRECTIONS[: len(links)]):
                neighbour = (x + dx, y + dy)
                if residual[direction][y][x] > 0 and neighbour not in parents:
                    parents[neighbour] = (x, y, direction)
                    queue.append(neighbour)
        if end is None:
            break

        # Walk back to the source: which links, and how much more do they let through?
        path = []
        x, y = end
        while (step := parents[x, y]) is not None:
            path.append(step)
            x, y, _ = step
        start = (x, y)
        room = min(from_source[start[1]][start[0]], to_sink[end[1]][end[0]])
        for x, y, direction in path:
            room = min(room, residual[direction][y][x])

        # Use it. What flows one way can be taken back the other way.
        from_source[start[1]][start[0]] -= room
        to_sink[end[1]][end[0]] -= room
        for x, y, direction in path:
            dx, dy = DIRECTIONS[direction]
            residual[direction][y][x] -= room
            residual[direction ^ 1][y + dy][x + dx] += room
        value += room

    source_side = np.zeros((height, width), np.bool_)
    for x, y in parents:
        source_side[y, x] = True
    return MaxFlow(value, source_side)


# --- The fast rung: Boykov and Kolmogorov's two trees ---------------------------------------------

FREE, SOURCE_TREE, SINK_TREE = 0, 1, 2
# A pixel's state: which tree it is in, its parent there, when its distance to the terminal was last
# known to be right, and that distance. Side by side in memory, as they are looked up together.
TREE, PARENT, STAMP, DISTANCE = 0, 1, 2, 3
# A parent is a pixel or one of these, the numbers of border pixels, which have no links.
TERMINAL, ORPHAN, NONE = 0, 1, 2
FAR = 2**30
# Where the ring of active pixels begins and ends, the same of the ring of orphans, and the time,
# which goes on with every augmentation.
FIRST_ACTIVE, END_ACTIVE, FIRST_ORPHAN, END_ORPHAN, TIME = 0, 1, 2, 3, 4


class Trees(NamedTuple):
    """A graph with its two search trees. Pixels are numbered along the rows of the padded grid.

    Attributes
    ----------
    residual
        ``(P, D)``: capacity left of the link that leaves a pixel in a direction.
    terminal
        ``(P,)``: capacity left of the link from the source, or minus that of the link to the sink.
    state
        ``(P, 4)``: tree, parent, time stamp and distance. Unsigned, as all pixel numbers below are,
        because Numba would look at every signed index whether it counts from the end.
    toward
        ``(P,)``: the direction of the parent, where that is a pixel.
    offsets
        For every direction what to add to a pixel's number.
    queued
        ``(P,)``: whether the pixel is in the ring of active pixels.
    active, orphans
        ``(P + 1,)`` each: rings of pixels. Active are those that may grow their tree.
    marks
        The places of the rings, and the time.
    """

    residual: NDArray[Any]
    terminal: NDArray[Any]
    state: NDArray[np.uint32]
    toward: NDArray[np.uint8]
    offsets: tuple[int, ...]
    queued: NDArray[np.int8]
    active: NDArray[np.uint32]
    orphans: NDArray[np.uint32]
    marks: NDArray[np.int64]


@njit(cache=True, nogil=True, inline="always")
def _activate(pixel: Any, trees: Trees) -> None:
    """Put a pixel at the end of the ring of active pixels, once."""
    queued, active, marks = trees.queued, trees.active, trees.marks
    if not queued[pixel]:
        queued[pixel] = 1
        active[marks[END_ACTIVE]] = pixel
        marks[END_ACTIVE] += 1
        if marks[END_ACTIVE] == active.size:
            marks[END_ACTIVE] = 0


@njit(cache=True, nogil=True, inline="always")
def _orphan(pixel: Any, trees: Trees) -> None:
    """Cut a pixel off its parent and put it at the end of the ring of orphans."""
    state, orphans, marks = trees.state, trees.orphans, trees.marks
    state[pixel, PARENT] = ORPHAN
    orphans[marks[END_ORPHAN]] = pixel
    marks[END_ORPHAN] += 1
    if marks[END_ORPHAN] == orphans.size:
        marks[END_ORPHAN] = 0


@njit(cache=True, nogil=True, inline="always")
def _orphan_first(pixel: Any, trees: Trees) -> None:
    """Cut a pixel off its parent and put it before all other orphans."""
    state, orphans, marks = trees.state, trees.orphans, trees.marks
    state[pixel, PARENT] = ORPHAN
    marks[FIRST_ORPHAN] -= 1
    if marks[FIRST_ORPHAN] < 0:
        marks[FIRST_ORPHAN] = orphans.size - 1
    orphans[marks[FIRST_ORPHAN]] = pixel


@njit(cache=True, nogil=True, inline="always")
def _augment(pixel: Any, direction: int, trees: Trees) -> None:
    """Fill up the path through the link that leaves `pixel` in `direction` and joins the trees."""
    residual, terminal, state, toward = trees.residual, trees.terminal, trees.state, trees.toward
    across = np.uint32(pixel + trees.offsets[direction])
    room = residual[pixel, direction]
    node = pixel
    while state[node, PARENT] != TERMINAL:
        up = toward[node]
        node = state[node, PARENT]
        room = min(room, residual[node, up ^ 1])
    room = min(room, terminal[node])
    node = across
    while state[node, PARENT] != TERMINAL:
        room = min(room, residual[node, toward[node]])
        node = state[node, PARENT]
    room = min(room, -terminal[node])

    residual[pixel, direction] -= room
    residual[across, direction ^ 1] += room
    node = pixel
    while state[node, PARENT] != TERMINAL:
        up, above = toward[node], state[node, PARENT]
        residual[node, up] += room
        residual[above, up ^ 1] -= room
        if residual[above, up ^ 1] == 0:
            _orphan_first(node, trees)
        node = above
    terminal[node] -= room
    if terminal[node] == 0:
        _orphan_first(node, trees)
    node = across
    while state[node, PARENT] != TERMINAL:
        up, above = toward[node], state[node, PARENT]
        residual[above, up ^ 1] += room
        residual[node, up] -= room
        if residual[node, up] == 0:
            _orphan_first(node, trees)
        node = above
    terminal[node] += room
    if terminal[node] == 0:
        _orphan_first(node, trees)


@njit(cache=True, nogil=True, inline="always")
def _adopt(now: int, trees: Trees) -> None:
    """Find a new parent for every orphan, or set it free and orphan its children in turn.

    A pixel's time stamp is `now` if its path to the terminal was followed since the last
    augmentation, so that its distance is known to be right.
    """
    residual, state, toward = trees.residual, trees.state, trees.toward
    offsets, orphans, marks = trees.offsets, trees.orphans, trees.marks
    count = len(offsets)
    while marks[FIRST_ORPHAN] != marks[END_ORPHAN]:
        pixel = orphans[marks[FIRST_ORPHAN]]
        marks[FIRST_ORPHAN] += 1
        if marks[FIRST_ORPHAN] == orphans.size:
            marks[FIRST_ORPHAN] = 0
        if state[pixel, PARENT] != ORPHAN:
            continue  # it was given a terminal link meanwhile
        side = state[pixel, TREE]
        parent, best, nearest = np.uint32(NONE), 0, FAR
        for direction in range(count):
            other = np.uint32(pixel + offsets[direction])
            if state[other, TREE] != side:
                continue
            if side == SOURCE_TREE:
                room = residual[other, direction ^ 1]
            else:
                room = residual[pixel, direction]
            if room == 0:
                continue
            # Follow the candidate's ancestors: does it still hang on the terminal?
            node, steps = other, 0
            while True:
                if state[node, STAMP] == now:
                    steps += state[node, DISTANCE]
                    break
                up = state[node, PARENT]
                steps += 1
                if up == TERMINAL:
                    state[node, STAMP] = now
                    state[node, DISTANCE] = 1
                    break
                if up == ORPHAN:
                    steps = FAR
                    break
                node = up
            if steps >= FAR:
                continue
            if steps < nearest:
                parent, best, nearest = other, direction, steps
            node = other
            while state[node, STAMP] != now:
                state[node, STAMP] = now
                state[node, DISTANCE] = steps
                steps -= 1
                node = state[node, PARENT]

        state[pixel, PARENT] = parent
        if parent != NONE:
            toward[pixel] = best
            state[pixel, STAMP] = now
            state[pixel, DISTANCE] = nearest + 1
            continue
        # No parent: the pixel leaves its tree. Neighbours that could take it in again are active.
        state[pixel, TREE] = FREE
        for direction in range(count):
            other = np.uint32(pixel + offsets[direction])
            if state[other, TREE] != side:
                continue
            if side == SOURCE_TREE:
                room = residual[other, direction ^ 1]
            else:
                room = residual[pixel, direction]
            if room > 0:
                _activate(other, trees)
            if state[other, PARENT] == pixel:
                _orphan(other, trees)


@njit(cache=True, nogil=True)
def _solve(trees: Trees) -> None:
    """Grow the trees from active pixels, augment where they meet, adopt; until none is active."""
    residual, state, toward, offsets = trees.residual, trees.state, trees.toward, trees.offsets
    queued, active, marks = trees.queued, trees.active, trees.marks
    count = len(offsets)
    now = marks[TIME]
    while marks[FIRST_ACTIVE] != marks[END_ACTIVE]:
        if marks[FIRST_ORPHAN] != marks[END_ORPHAN]:
            _adopt(now, trees)
        pixel = active[marks[FIRST_ACTIVE]]
        side = state[pixel, TREE]
        meeting = -1
        if side != FREE:
            for direction in range(count):
                other = np.uint32(pixel + offsets[direction])
                if side == SOURCE_TREE:
                    room = residual[pixel, direction]
                else:
                    room = residual[other, direction ^ 1]
                if room == 0:
                    continue
                if state[other, TREE] == FREE:
                    state[other, TREE] = side
                    state[other, PARENT] = pixel
                    toward[other] = direction ^ 1
                    state[other, STAMP] = state[pixel, STAMP]
                    state[other, DISTANCE] = state[pixel, DISTANCE] + 1
                    _activate(other, trees)
                elif state[other, TREE] != side:
                    meeting = direction
                    break
                elif (
                    state[other, STAMP] <= state[pixel, STAMP]
                    and state[other, DISTANCE] > state[pixel, DISTANCE]
                ):
                    state[other, PARENT] = pixel  # a shorter way to the terminal
                    toward[other] = direction ^ 1
                    state[other, STAMP] = state[pixel, STAMP]
                    state[other, DISTANCE] = state[pixel, DISTANCE] + 1
        if meeting < 0:
            queued[pixel] = 0
            marks[FIRST_ACTIVE] += 1
            if marks[FIRST_ACTIVE] == active.size:
                marks[FIRST_ACTIVE] = 0
            continue
        now += 1
        if side == SINK_TREE:
            pixel = np.uint32(pixel + offsets[meeting])
            meeting ^= 1
        _augment(pixel, meeting, trees)
    marks[TIME] = now


@njit(cache=True, nogil=True)
def _plant(trees: Trees) -> None:
    """Make every pixel with a terminal link left the root of a tree, and active."""
    terminal, state = trees.terminal, trees.state
    for pixel in range(terminal.size):
        if terminal[pixel] != 0:
            state[pixel, TREE] = SOURCE_TREE if terminal[pixel] > 0 else SINK_TREE
            state[pixel, PARENT] = TERMINAL
            state[pixel, DISTANCE] = 1
            _activate(pixel, trees)


@njit(cache=True, nogil=True)
def _replant(changed: NDArray[np.uint32], trees: Trees) -> None:
    """Repair the trees after the terminal links of the `changed` pixels were set anew."""
    terminal, state, offsets, marks = trees.terminal, trees.state, trees.offsets, trees.marks
    count = len(offsets)
    marks[TIME] += 1  # no distance is known to be right any longer
    for pixel in changed:
        _activate(pixel, trees)
        side = FREE
        if terminal[pixel] != 0:
            side = SOURCE_TREE if terminal[pixel] > 0 else SINK_TREE
        if side == FREE:
            if state[pixel, TREE] != FREE and state[pixel, PARENT] == TERMINAL:
                _orphan(pixel, trees)
            continue
        if state[pixel, TREE] != side and state[pixel, TREE] != FREE:
            # It changes trees. Its children must look for another parent, and the neighbours of the
            # tree it leaves may now reach it.
            for direction in range(count):
                other = np.uint32(pixel + offsets[direction])
                if state[other, TREE] == FREE:
                    continue
                if state[other, PARENT] == pixel:
                    _orphan(other, trees)
                _activate(other, trees)
        state[pixel, TREE] = side
        state[pixel, PARENT] = TERMINAL
        state[pixel, DISTANCE] = 1
        state[pixel, STAMP] = marks[TIME]


class GridCut:
    """A grid graph whose minimum cut can be found again quickly after its terminal links changed.

    Moving a seed or refitting a colour model changes terminal links only. The flow found so far
    remains a flow if both terminal links of a pixel are raised by the same amount where it would
    exceed the new capacities, which changes no cut's rank (Kohli and Torr, "Efficiently Solving
    Dynamic Markov Random Fields Using Graph Cuts", ICCV 2005). The two trees remain as well, but
    for the changed pixels, so that the work depends on how much has changed.

    Parameters
    ----------
    source, sink, right, down, left, up, down_right, down_left, up_left, up_right
        As for :func:`grid_max_flow`; NumPy arrays only.

    Examples
    --------
    >>> graph = GridCut([[9, 0, 0]], [[0, 0, 9]], right=[[5, 4]], down=np.zeros((0, 3), int))
    >>> graph.solve().value
    4
    >>> graph.set_terminals([[9, 0, 0]], [[0, 9, 9]])
    >>> graph.solve().value
    5
    """

    def __init__(
        self,
        source: Any,
        sink: Any,
        right: Any,
        down: Any,
        left: Any = None,
        up: Any = None,
        *,
        down_right: Any = None,
        down_left: Any = None,
        up_left: Any = None,
        up_right: Any = None,
    ) -> None:
        links = (right, left, down, up, down_right, up_left, down_left, up_right)
        source, sink, *checked = _check_capacities(np, source, sink, links)
        self._build(source, sink, *checked)

    @classmethod
    def _of(cls, source: NDArray[Any], sink: NDArray[Any], *links: NDArray[Any]) -> "GridCut":
        """Make a graph of arguments that have been checked."""
        graph = cls.__new__(cls)
        graph._build(source, sink, *links)
        return graph

    def _build(self, source: NDArray[Any], sink: NDArray[Any], *links: NDArray[Any]) -> None:
        self._source, self._sink = source.copy(), sink.copy()
        height, width = source.shape
        stride = width + 2
        size = (height + 2) * stride
        total = _total_dtype(source)
        # The grid has a border of pixels without links, so that neighbours need no bounds check.
        self._residual = np.zeros((height + 2, stride, len(links)), _residual_dtype(links))
        for direction, capacity in enumerate(links):
            near, _ = _pixels(direction)
            self._inside(self._residual)[..., direction][near] = capacity
        self._terminal = np.zeros((height + 2, stride), total)
        np.subtract(source, sink, out=self._inside(self._terminal), dtype=total)
        self._trees = Trees(
            residual=self._residual.reshape(size, len(links)),
            terminal=self._terminal.reshape(size),
            state=np.zeros((size, 4), np.uint32),
            toward=np.zeros(size, np.uint8),
            offsets=tuple(dx + dy * stride for dx, dy in DIRECTIONS[: len(links)]),
            queued=np.zeros(size, np.int8),
            active=np.empty(size + 1, np.uint32),
            orphans=np.empty(size + 1, np.uint32),
            marks=np.zeros(5, np.int64),
        )
        _plant(self._trees)

    @staticmethod
    def _inside(padded: NDArray[Any]) -> NDArray[Any]:
        """Return the view without the border of unlinked pixels."""
        return padded[1:-1, 1:-1]

    def solve(self) -> MaxFlow:
        """Find the maximum flow and the minimum cut, starting from the flow and trees at hand."""
        _solve(self._trees)
        terminal = self._inside(self._terminal)
        # What the source could give and has left. After a change of terminals this counts the cut's
        # capacity just as well: the pixels with capacity left are on the source's side.
        value = self._source.sum(dtype=terminal.dtype) - terminal.clip(0).sum()
        tree = self._trees.state[:, TREE].reshape(self._terminal.shape)
        return MaxFlow(value.item(), self._inside(tree) == SOURCE_TREE)

    @property
    def residual(self) -> NDArray[Any]:
        """Capacity left, ``(D, H, W)``, of the link that leaves each pixel in each direction.

        Directions are ordered right, left, down, up and, with eight neighbours, down_right,
        up_left, down_left, up_right. The flow through a link is its capacity less this, where
        that is positive.
        """
        return np.moveaxis(self._inside(self._residual), -1, 0).copy()

    @property
    def terminal_residual(self) -> NDArray[Any]:
        """What is left, ``(H, W)``, of the link from the source, or minus what is left to the sink.

        What a pixel could pass straight from source to sink has been passed, so that one of its
        two links is always full.
        """
        return self._inside(self._terminal).copy()

    def set_terminals(self, source: Any, sink: Any) -> None:
        """Give all terminal links new capacities; what did not change costs nothing later.

        Parameters
        ----------
        source, sink
            ``(H, W)`` as before, of the same kind, integer or floating.
        """
        kind = self._source.dtype.kind
        source = _check_capacity(np, source, "source", self._source.shape)
        sink = _check_capacity(np, sink, "sink", self._source.shape)
        for name, array in (("source", source), ("sink", sink)):
            if array.dtype.kind == "f" and kind != "f":
                raise TypeError(
                    f"{name} must hold integers as the graph does, got dtype {array.dtype}"
                )
        source, sink = source.astype(self._source.dtype), sink.astype(self._source.dtype)
        total = self._terminal.dtype
        change = np.subtract(source, sink, dtype=total)
        change -= np.subtract(self._source, self._sink, dtype=total)
        self._inside(self._terminal)[...] += change
        y, x = np.nonzero(change)
        self._source, self._sink = source, sink
        _replant((x + 1 + (y + 1) * self._terminal.shape[1]).astype(np.uint32), self._trees)


def _grid_max_flow_fast(source: Any, sink: Any, *links: Any) -> MaxFlow:
    return GridCut._of(source, sink, *links).solve()


# --- The CUDA rung: push and relabel by tiles -----------------------------------------------------

TILE = (32, 8)  # pixels along x and y: TILE_WIDTH and TILE_HEIGHT of the kernels
SWEEPS = 16  # of a tile by each launch
ROUNDS = 4  # over all colours of tiles, before the host looks how things stand


class _PushRelabel:
    """The mirrored problem on the GPU, and the launches that take turns at solving it.

    Flow starts at the sink, and the link that leaves a pixel to the right has the capacity of the
    link that enters it from the right.

    Attributes
    ----------
    terminal
        ``(H, W)``: capacity left of the link from the source, towards which the flow is pushed.
    distance
        ``(H, W)`` int32: links to the source through which flow can still be pushed, or ``FAR``.
    """

    def __init__(self, source: Any, sink: Any, links: tuple[Any, ...]) -> None:
        xp = array_module(source, sink, *links)
        source, sink = xp.ascontiguousarray(source), xp.ascontiguousarray(sink)
        capacity = _residual_dtype(links)
        whole = source.dtype.kind == "i"
        mirrored = tuple(links[direction ^ 1] for direction in range(len(links)))
        self._residual = _residuals(xp, source, mirrored, capacity)
        self.terminal = xp.maximum(source - sink, 0).astype(capacity)
        self._excess = xp.maximum(sink - source, 0).astype(xp.uint64 if whole else xp.float64)
        self.distance = cuda.empty(source.shape, xp.int32, like=source)
        self._open_links = cuda.empty(source.shape, xp.uint8, like=source)
        self._size = {"height": source.shape[0], "width": source.shape[1]}
        defines = {
            "D": len(links),
            "Capacity": c_type(capacity),
            "Excess": c_type(self._excess.dtype),
        }
        self._kernels = {
            name: KERNELS.kernel(name, **defines)
            for name in ("start_search", "search", "discharge")
        }
        tiles_x, tiles_y = cuda.blocks_for((source.shape[1], source.shape[0]), TILE)
        self._colours = 4 if len(links) == 8 else 2
        self._grid = (-(-tiles_x // 2), -(-tiles_y // 2) if self._colours == 4 else tiles_y)

    def search(self) -> None:
        """Find every pixel's distance, breadth first by tiles, until no tile changes."""
        xp = array_module(self.distance)
        cuda.launch(
            self._kernels["start_search"],
            cuda.blocks_for(self.distance.size, 256),
            256,
            residual=self._residual,
            terminal=self.terminal,
            open_links=self._open_links,
            distance=self.distance,
            **self._size,
        )
        searching = True
        while searching:
            changed = xp.zeros(1, xp.int32)
            for step in range(ROUNDS * self._colours):
                cuda.launch(
                    self._kernels["search"],
                    self._grid,
                    TILE,
                    open_links=self._open_links,
                    distance=self.distance,
                    changed=changed,
                    colour=step % self._colours,
                    **self._size,
                )
            searching = bool(changed[0])

    def can_push(self) -> bool:
        """Whether a pixel with excess reaches the source; waits for the GPU."""
        return bool(((self._excess > 0) & (self.distance < FAR)).any())

    def discharge(self) -> None:
        """Push and relabel within the tiles, a few rounds over all of them."""
        for step in range(ROUNDS * self._colours):
            cuda.launch(
                self._kernels["discharge"],
                self._grid,
                TILE,
                residual=self._residual,
                terminal=self.terminal,
                excess=self._excess,
                distance=self.distance,
                colour=step % self._colours,
                sweeps=SWEEPS,
                **self._size,
            )


def _grid_max_flow_cuda(source: Any, sink: Any, *links: Any) -> MaxFlow:
    """Push what the sink can take backwards through the links, until no more reaches the source."""
    flow = _PushRelabel(source, sink, links)
    flow.search()
    while flow.can_push():
        flow.discharge()
        flow.search()
    total = _total_dtype(source)
    value = source.sum(dtype=total) - flow.terminal.sum(dtype=total)
    return MaxFlow(value.item(), flow.distance < FAR)


RUNGS = {
    "reference": grid_max_flow_reference,
    "fast": _grid_max_flow_fast,
    "cuda": _grid_max_flow_cuda,
}


# --- The dtypes of sums and residuals -------------------------------------------------------------


def _total_dtype(source: Any) -> Any:
    """Return the dtype of sums of capacities."""
    return np.dtype(np.int64) if source.dtype.kind == "i" else np.dtype(np.float64)


def _residual_dtype(links: tuple[Any, ...]) -> Any:
    """Return a dtype that holds the capacities of a link's two directions together."""
    if links[0].dtype.kind == "f":
        return np.dtype(np.float64)
    most = max(int(link.max()) if link.size else 0 for link in links)
    return np.dtype(np.int32 if 2 * most <= np.iinfo(np.int32).max else np.int64)


# --- Public functions -----------------------------------------------------------------------------


def _check_capacity(xp: Any, array: Any, name: str, shape: tuple[int, ...]) -> Any:
    """Check one array of capacities; values are looked at only where they are on the host."""
    if xp is np:
        array = np.asarray(array)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8:
        raise TypeError(f"{name} must hold integers or floats, got dtype {array.dtype}")
    if array.dtype.kind == "f" and array.dtype.itemsize < 4:
        raise TypeError(f"{name} must be float32 or float64 if floating, got dtype {array.dtype}")
    if xp is not np:
        if array.dtype.kind in "iu" and not np.can_cast(array.dtype, np.int32):
            raise TypeError(f"{name} must fit int32, got dtype {array.dtype}; convert it first")
        return array
    if array.size:
        low, high = array.min(), array.max()
        if not np.isfinite(low) or not np.isfinite(high):
            raise ValueError(f"{name} must be finite, got NaN or infinity")
        if low < 0:
            raise ValueError(f"{name} must not be negative, got a capacity of {low}")
        if array.dtype.kind != "f" and high > np.iinfo(np.int32).max:
            raise ValueError(f"{name} must fit int32, at most {2**31 - 1}, got {high}")
    return array


def _check_capacities(xp: Any, source: Any, sink: Any, links: tuple[Any, ...]) -> tuple[Any, ...]:
    """Check all capacities, put in the opposite links that are left out, make one dtype of all."""
    if xp is np:
        source = np.asarray(source)
    if source.ndim != 2 or source.size == 0:
        raise ValueError(f"source must have shape (H, W) with a pixel at least, got {source.shape}")
    height, width = source.shape
    links = links if any(link is not None for link in links[4:]) else links[:4]
    checked = [
        _check_capacity(xp, source, "source", (height, width)),
        _check_capacity(xp, sink, "sink", (height, width)),
    ]
    for direction, link in enumerate(links):
        name = DIRECTION_NAMES[direction]
        if link is None and direction % 2 == 0:
            needed = "right and down" if direction < 4 else "down_right and down_left"
            raise ValueError(f"{name} is missing; {needed} must be given together")
        if link is None:
            checked.append(checked[-1])  # the same both ways
            continue
        dx, dy = DIRECTIONS[direction]
        checked.append(_check_capacity(xp, link, name, (height - abs(dy), width - abs(dx))))
    floating = any(array.dtype.kind == "f" for array in checked)
    dtype = np.float64 if floating else np.int32
    return tuple(array.astype(dtype, copy=False) for array in checked)


def grid_max_flow(
    source: Any,
    sink: Any,
    right: Any,
    down: Any,
    left: Any = None,
    up: Any = None,
    *,
    down_right: Any = None,
    down_left: Any = None,
    up_left: Any = None,
    up_right: Any = None,
    rung: str | None = None,
) -> MaxFlow:
    """Find the maximum flow through a grid of pixels, and the minimum cut.

    Capacities are integers that fit int32, for which everything is exact, whatever the sums; or
    float32 or float64, for which all is computed in float64 and a link is full when its capacity is
    used up to the last bit. Prefer integers: scale and round. With floating capacities the value is
    right within rounding, and where two cuts differ by less than that, rungs may disagree on which
    is the lesser. Negative capacities, NaN and values outside int32 are refused for NumPy arrays;
    CuPy arrays are not looked into, and integer ones must be of a dtype that fits int32.

    Parameters
    ----------
    source
        ``(H, W)``: capacity of the link from the source to each pixel.
    sink
        ``(H, W)``: capacity of the link from each pixel to the sink.
    right
        ``(H, W - 1)``: item [y, x] is the capacity of the link from pixel (x, y) to (x + 1, y).
    down
        ``(H - 1, W)``: of the link from (x, y) to (x, y + 1).
    left, up
        Shaped as `right` and `down`: the capacities of the same links the other way. Left out, they
        are the same both ways.
    down_right
        ``(H - 1, W - 1)``: of the link from (x, y) to (x + 1, y + 1). Diagonal links are optional;
        with them pixels have eight neighbours.
    down_left
        ``(H - 1, W - 1)``: of the link from (x + 1, y) to (x, y + 1).
    up_left, up_right
        `down_right` and `down_left` the other way; left out, they are the same both ways.
    rung
        "reference", "fast" or "cuda"; by default what fits the arrays.

    Returns
    -------
    MaxFlow
        The value and the source side of the cut. Pixels joined to neither terminal lie on the
        sink's side.

    Raises
    ------
    TypeError
        If a dtype is neither integer nor float32 or float64, or NumPy and CuPy arrays are mixed.
    ValueError
        If a shape does not fit, a capacity is negative, not finite or too large, `right` or `down`
        is None, or only one kind of diagonal is given.

    Examples
    --------
    >>> flow = grid_max_flow([[9, 0, 0]], [[0, 0, 9]], right=[[5, 4]], down=np.zeros((0, 3), int))
    >>> flow.value, flow.source_side.tolist()
    (4, [[True, True, False]])
    """
    links = (right, left, down, up, down_right, up_left, down_left, up_right)
    given = [source, sink, *(link for link in links if link is not None)]
    xp = np
    if any(is_cupy(array) for array in given):
        xp = array_module(*given)
    checked = _check_capacities(xp, source, sink, links)
    return pick(RUNGS, *checked, rung=rung)(*checked)
