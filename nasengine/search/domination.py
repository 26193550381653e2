"""Domination: which points no other point is better than, and the fronts behind them.

Legend: N points, M objectives; ``points`` is (N, M), ``directions`` holds M times ``"maximize"`` or
    ``"minimize"``.
A point dominates another when it is no worse in every objective and better in one. Equal points do not
dominate each other, so both stay on a front. Every function refuses values that are not finite.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nasengine.errors import StudyError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Points = npt.ArrayLike | Sequence[Sequence[float]]


def losses(points: Points, directions: Sequence[str]) -> Floats:
    """``points`` (N, M) with the signs of maximized columns turned, so that smaller is better.

    Raises:
        StudyError: a shape other than (N, M), a direction that is none, or a value that is not finite.
    """
    wrong = [d for d in directions if d not in ("maximize", "minimize")]
    if wrong or not len(directions):
        raise StudyError(f"directions: each is 'maximize' or 'minimize', one an objective; got {list(directions)!r}")
    array = np.asarray(points, dtype=np.float64)
    if array.size == 0:
        array = array.reshape(0, len(directions))
    if array.ndim != 2 or array.shape[1] != len(directions):
        raise StudyError(
            f"points: one row a point and one column an objective, (N, {len(directions)}); got {array.shape}"
        )
    _check_finite(array, "points")
    signs = np.array([-1.0 if d == "maximize" else 1.0 for d in directions])
    signed: Floats = array * signs + 0.0  # no negative zeros
    return signed


def non_dominated(points: Points, directions: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which points no other point dominates: a mask (N,)."""
    return front_mask(losses(points, directions))


def front_mask(loss: Floats) -> npt.NDArray[np.bool_]:
    """The mask (N,) of :func:`non_dominated`, for ``loss`` (N, M) where smaller is better and all is finite."""
    mask = np.zeros(len(loss), dtype=bool)
    left = np.lexsort(loss.T[::-1])  # lexicographic order: the first one left is never dominated
    while len(left):
        point = loss[left[0]]
        rest = loss[left]
        equal = (rest == point).all(axis=1)
        mask[left[equal]] = True
        left = left[(rest < point).any(axis=1) & ~equal]
    return mask


def ranks(points: Points, directions: Sequence[str]) -> Ints:
    """Index (N,) of the front each point belongs to: 0 for the non-dominated, 1 for those behind them only,
    ...

    Points enter in lexicographic order, so only points already placed can dominate the next one. Up to three
    objectives fronts are searched by bisection (Zhang et al., 2015, "An Efficient Approach to Nondominated
    Sorting for Evolutionary Multiobjective Optimization", algorithm 3), each by bisection on its staircase
    (Jensen, 2003, "Reducing the Run-Time Complexity of Multiobjective EAs"): O(N log² N). From four on, a
    point is compared with all before it: O(N² M).
    """
    loss = losses(points, directions)
    if not len(loss):
        return np.zeros(0, dtype=np.int64)
    unique, inverse = np.unique(loss, axis=0, return_inverse=True)  # unique rows come in lexicographic order
    if unique.shape[1] == 1:
        return np.asarray(inverse.reshape(-1), dtype=np.int64)
    place = {2: _place_pairs, 3: _place_triples}.get(unique.shape[1], _place)
    return np.asarray(place(unique)[inverse.reshape(-1)], dtype=np.int64)


def fronts(points: Points, directions: Sequence[str]) -> list[Ints]:
    """Indices of the points of each front, the best front first; ascending within a front."""
    rank = ranks(points, directions)
    if not len(rank):
        return []
    return np.split(np.argsort(rank, kind="stable"), np.cumsum(np.bincount(rank))[:-1])


def _place_pairs(unique: Floats) -> Ints:
    """Fronts of lexicographically sorted, distinct pairs, by bisection on each front's least second value."""
    placed = np.zeros(len(unique), dtype=np.int64)
    least: list[float] = []  # the least second value of each front; it rises from front to front
    for i, second in enumerate(unique[:, 1].tolist()):
        front = bisect_right(least, second)  # the first front of which no member dominates the point
        placed[i] = front
        least[front : front + 1] = [second]
    return placed


class _Staircase:
    """The (y, z) of one front's members that no earlier member covers: y rises, z falls."""

    __slots__ = ("_ys", "_zs")

    def __init__(self) -> None:
        self._ys: list[float] = []
        self._zs: list[float] = []

    def covers(self, y: float, z: float) -> bool:
        """Is a member no worse in both?"""
        at = bisect_right(self._ys, y)
        return at > 0 and self._zs[at - 1] <= z

    def add(self, y: float, z: float) -> None:
        """Add what is not covered; steps that it covers go."""
        start = bisect_left(self._ys, y)
        end = start
        while end < len(self._zs) and self._zs[end] >= z:
            end += 1
        self._ys[start:end], self._zs[start:end] = [y], [z]


def _place_triples(unique: Floats) -> Ints:
    """Fronts of lexicographically sorted, distinct triples: in the first value all before a point are no worse."""
    placed = np.zeros(len(unique), dtype=np.int64)
    stairs: list[_Staircase] = []
    for i, (y, z) in enumerate(unique[:, 1:].tolist()):
        low, high = 0, len(stairs)
        while low < high:  # a front that covers the point is followed by none that does once one does not
            middle = (low + high) // 2
            low, high = (middle + 1, high) if stairs[middle].covers(y, z) else (low, middle)
        if low == len(stairs):
            stairs.append(_Staircase())
        stairs[low].add(y, z)
        placed[i] = low
    return placed


def _place(unique: Floats) -> Ints:
    """Fronts of lexicographically sorted, distinct points: one behind the last front that dominates a point."""
    placed = np.zeros(len(unique), dtype=np.int64)
    columns = np.ascontiguousarray(unique[:, 1:].T)  # in the first value all before a point are no worse
    for i in range(1, len(unique)):
        before = (columns[:, :i] <= columns[:, i, None]).all(axis=0)
        placed[i] = placed[:i][before].max(initial=-1) + 1
    return placed


def _check_finite(array: Floats, place: str) -> None:
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        row, column = (int(i) for i in bad[0])
        raise StudyError(
            f"{place}[{row}][{column}]: values are finite numbers; got {array[row, column]}; leave out "
            "points that failed or diverged"
        )
