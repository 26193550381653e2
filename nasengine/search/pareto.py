"""Domination, crowding, hypervolume and the knee of a front.

Legend: N points, M objectives; ``points`` is (N, M), ``directions`` holds M times ``"maximize"`` or
    ``"minimize"``.
A point dominates another when it is no worse in every objective and better in one. Equal points do not
dominate each other, so both stay on a front. Every function refuses values that are not finite.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nasengine.errors import StudyError

Floats = npt.NDArray[np.float64]
Points = npt.ArrayLike | Sequence[Sequence[float]]

MAX_HYPERVOLUME_OBJECTIVES = 5


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
    return _front_mask(losses(points, directions))


def ranks(points: Points, directions: Sequence[str]) -> npt.NDArray[np.int64]:
    """Index (N,) of the front each point belongs to: 0 for the non-dominated, 1 for those behind them only,
    ...

    Efficient non-dominated sort with binary search (Zhang et al., 2015, "An Efficient Approach to
    Nondominated Sorting for Evolutionary Multiobjective Optimization", algorithm 3): points enter in
    lexicographic order, so only points already placed can dominate the next one, and fronts can be searched
    by bisection.
    """
    loss = losses(points, directions)
    if not len(loss):
        return np.zeros(0, dtype=np.int64)
    unique, inverse = np.unique(loss, axis=0, return_inverse=True)  # unique rows come in lexicographic order
    if unique.shape[1] == 1:
        return np.asarray(inverse.reshape(-1), dtype=np.int64)
    placed = _place_pairs(unique) if unique.shape[1] == 2 else _place(unique)
    return np.asarray(placed[inverse.reshape(-1)], dtype=np.int64)


def crowding(points: Points, directions: Sequence[str]) -> Floats:
    """Crowding distance (N,) of the points of one front; infinite at the ends of each objective.

    Deb et al., 2002, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", section III-B: per
    objective the gap between a point's two neighbours over the objective's range, summed. An objective that
    is constant on the front says nothing and is left out.
    """
    loss = losses(points, directions)
    distance = np.zeros(len(loss))
    for column in loss.T:
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        width = ordered[-1] - ordered[0] if len(ordered) else 0.0
        if width == 0.0:
            continue
        distance[order[1:-1]] += (ordered[2:] - ordered[:-2]) / width
        distance[order[[0, -1]]] = np.inf
    return distance


def ordering(points: Points, directions: Sequence[str]) -> npt.NDArray[np.int64]:
    """Indices (N,) from best to worst: by front, then by crowding distance (wide first), then by the first
    objective.

    The first objective settles ties so that, of the infinitely distant ends of a front, its best point comes
    first.
    """
    loss = losses(points, directions)
    rank = ranks(points, directions)
    distance = np.zeros(len(loss))
    same = ["minimize"] * len(directions)
    for r in range(int(rank.max(initial=-1)) + 1):
        members = rank == r
        distance[members] = crowding(loss[members], same)
    return np.lexsort((np.arange(len(loss)), loss[:, 0], -distance, rank))


def hypervolume(points: Points, directions: Sequence[str], reference: Sequence[float]) -> float:
    """Volume of objective space that the points dominate up to ``reference``, exact for one to five
    objectives.

    Sliced along the last objective: points enter from the worst to the best, and each adds its thickness
    times the area it dominates alone. That area is exclusive hypervolume by limit sets (While, Bradstreet &
    Barone, 2012, "A Fast Way of Calculating Exact Hypervolumes", section III) in one dimension less, because
    in this order a limit set is flat in the last objective. Points that are not better than the reference in
    every objective add nothing.

    Args:
        points: (N, M).
        directions: M directions.
        reference: (M,) in the objectives' own units and signs, worse than the points that should count.

    Raises:
        StudyError: more than five objectives, or a reference of another length or not finite.
    """
    loss = losses(points, directions)
    count = len(directions)
    if count > MAX_HYPERVOLUME_OBJECTIVES:
        raise StudyError(
            f"hypervolume: exact up to {MAX_HYPERVOLUME_OBJECTIVES} objectives; got {count}; "
            "leave out the objectives that matter least"
        )
    if np.shape(reference) != (count,):
        raise StudyError(f"reference: one value an objective, ({count},); got shape {np.shape(reference)}")
    corner = losses([list(reference)], directions)[0]
    inside = loss[(loss < corner).all(axis=1)]
    return _volume(corner - inside)


def reference_point(points: Points, directions: Sequence[str]) -> list[float]:
    """The reference this library states with a hypervolume: the worst value of each objective over
    ``points``, moved a tenth of the objective's observed range further.

    Where the range is zero it moves a tenth of the value's size, and 0.1 where that is zero too. The margin
    lets the ends of a front count (Ishibuchi et al., 2018, "How to Specify a Reference Point in Hypervolume
    Calculation for Fair Performance Comparison"). Compare hypervolumes only under one and the same reference.

    Raises:
        StudyError: there is no point.
    """
    loss = losses(points, directions)
    if not len(loss):
        raise StudyError("reference point: at least one point is needed to find the worst values; got none")
    worst, best = loss.max(axis=0), loss.min(axis=0)
    scale = np.where(worst > best, worst - best, np.abs(worst))
    corner = worst + 0.1 * np.where(scale > 0, scale, 1.0)
    return [float(-c if d == "maximize" else c) for c, d in zip(corner, directions, strict=True)]


def knee(points: Points, directions: Sequence[str]) -> int:
    """Index of the knee: the point of the front farthest from the plane through its extremes, towards the
    ideal.

    Das, 1999, "On characterizing the 'knee' of the Pareto curve based on Normal-Boundary Intersection", with
    objectives scaled to [0, 1] over the front so that units do not matter. The extremes are the best point of
    each objective; where they do not span a plane, the plane through the unit points stands in. Ties: the
    first.

    Raises:
        StudyError: there is no point.
    """
    loss = losses(points, directions)
    if not len(loss):
        raise StudyError("knee: a front needs at least one point; got none")
    members = np.flatnonzero(_front_mask(loss))
    front = loss[members]
    width = front.max(axis=0) - front.min(axis=0)
    scaled = ((front - front.min(axis=0)) / np.where(width > 0, width, 1.0))[:, width > 0]
    if scaled.shape[1] == 0:
        return int(members[0])
    normal = _normal(scaled)
    distance = (1.0 - scaled @ normal) / np.linalg.norm(normal)
    return int(members[int(np.argmax(np.round(distance, 12)))])  # rounding makes ties of equal points real


def _normal(scaled: Floats) -> Floats:
    """Normal n of the plane n·x = 1 through the extremes of a front scaled to [0, 1]."""
    ones = np.ones(scaled.shape[1])
    # Of several best points of an objective the one nearest to the ideal is its extreme.
    extremes = [scaled[np.lexsort((scaled.sum(axis=1), column))[0]] for column in scaled.T]
    matrix = np.array(extremes)
    if np.linalg.matrix_rank(matrix) < len(matrix):
        return ones
    normal = np.linalg.solve(matrix, ones)
    return normal if (normal > 0).all() else ones


def _check_finite(array: Floats, place: str) -> None:
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        row, column = (int(i) for i in bad[0])
        raise StudyError(
            f"{place}[{row}][{column}]: values are finite numbers; got {array[row, column]}; leave out "
            "points that failed or diverged"
        )


def _front_mask(loss: Floats) -> npt.NDArray[np.bool_]:
    mask = np.zeros(len(loss), dtype=bool)
    left = np.lexsort(loss.T[::-1])  # lexicographic order: the first one left is never dominated
    while len(left):
        point = loss[left[0]]
        rest = loss[left]
        equal = (rest == point).all(axis=1)
        mask[left[equal]] = True
        left = left[(rest < point).any(axis=1) & ~equal]
    return mask


def _place_pairs(unique: Floats) -> npt.NDArray[np.int64]:
    """Fronts of lexicographically sorted, distinct pairs, by bisection on each front's least second value."""
    placed = np.zeros(len(unique), dtype=np.int64)
    least: list[float] = []  # the least second value of each front; it rises from front to front
    for i, second in enumerate(unique[:, 1].tolist()):
        front = bisect_right(least, second)  # the first front of which no member dominates the point
        placed[i] = front
        least[front : front + 1] = [second]
    return placed


def _place(unique: Floats) -> npt.NDArray[np.int64]:
    """Fronts of lexicographically sorted, distinct points."""
    placed = np.zeros(len(unique), dtype=np.int64)
    fronts: list[list[int]] = []
    for i, point in enumerate(unique):
        low, high = 0, len(fronts)
        while low < high:
            middle = (low + high) // 2
            if bool((unique[fronts[middle]] <= point).all(axis=1).any()):
                low = middle + 1
            else:
                high = middle
        if low == len(fronts):
            fronts.append([])
        fronts[low].append(i)
        placed[i] = low
    return placed


def _volume(gains: Floats) -> float:
    """Volume of the union of the boxes from 0 to each row of ``gains`` (N, M), all positive."""
    if not len(gains):
        return 0.0
    count = gains.shape[1]
    if count == 1:
        return float(gains.max())
    if count == 2:
        return _area(gains)
    gains = gains[_front_mask(-gains)]
    gains = gains[np.argsort(gains[:, -1], kind="stable")]  # thinnest first
    total = 0.0
    for i, gain in enumerate(gains):
        later = np.minimum(gains[i + 1 :, :-1], gain[:-1])
        total += float(gain[-1]) * (float(np.prod(gain[:-1])) - _volume(later))
    return total


def _area(gains: Floats) -> float:
    """Area of the union of the boxes from 0 to each row of ``gains`` (N, 2)."""
    ordered = gains[np.argsort(-gains[:, 0], kind="stable")]
    heights = np.maximum.accumulate(ordered[:, 1])
    steps = np.diff(heights, prepend=0.0)
    return float(ordered[:, 0] @ steps)
