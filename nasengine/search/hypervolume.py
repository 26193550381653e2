"""Hypervolume, exact to five objectives, and the reference point it is stated with.

Legend: N points, M objectives; ``points`` is (N, M), ``directions`` holds M times ``"maximize"`` or
    ``"minimize"``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from nasengine.errors import StudyError
from nasengine.search.domination import Floats, Points, front_mask, losses

MAX_HYPERVOLUME_OBJECTIVES = 5


def hypervolume(points: Points, directions: Sequence[str], reference: Sequence[float]) -> float:
    """Volume of objective space that the points dominate up to ``reference``, exact for one to five
    objectives.

    Up to three objectives by a sweep over one of them with the staircase of the others (Fonseca, Paquete &
    López-Ibáñez, 2006, "An Improved Dimension-Sweep Algorithm for the Hypervolume Indicator", section III):
    O(N log N). With four and five sliced along the last objective: points enter from the worst to the best, and each
    adds its thickness times the volume it dominates alone. That is exclusive hypervolume by limit sets (While,
    Bradstreet & Barone, 2012, "A Fast Way of Calculating Exact Hypervolumes", section III) in one dimension
    less, because in this order a limit set is flat in the last objective. Points that are not better than the
    reference in every objective add nothing.

    Args:
        points: (N, M).
        directions: M directions.
        reference: (M,) in the objectives' own units and signs, worse than the points that should count.

    Raises:
        StudyError: more than five objectives, or a reference of another length or not finite.
    """
    loss = losses(points, directions)
    corner = _corner(directions, reference)
    inside = loss[(loss < corner).all(axis=1)]
    return _volume(corner - inside)


def contributions(points: Points, directions: Sequence[str], reference: Sequence[float]) -> Floats:
    """What each point adds alone, (N,): the hypervolume of all less that of all others. It is 0 for a dominated point
    and for each of several equal ones.

    Exclusive hypervolume by limit sets (While, Bradstreet & Barone, 2012, equation 1): a point's own box less
    what the others cover of it. Arguments and errors as for :func:`hypervolume`.
    """
    loss = losses(points, directions)
    corner = _corner(directions, reference)
    added, gains = np.zeros(len(loss)), np.maximum(corner - loss, 0.0)
    for i in np.flatnonzero(front_mask(loss) & (loss < corner).all(axis=1)):
        others = np.minimum(np.delete(gains, i, axis=0), gains[i])
        added[i] = max(0.0, float(np.prod(gains[i])) - _volume(others[(others > 0).all(axis=1)]))
    return added


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


def _corner(directions: Sequence[str], reference: Sequence[float]) -> Floats:
    """The reference with the signs of losses, (M,)."""
    count = len(directions)
    if count > MAX_HYPERVOLUME_OBJECTIVES:
        raise StudyError(
            f"hypervolume: exact up to {MAX_HYPERVOLUME_OBJECTIVES} objectives; got {count}; "
            "leave out the objectives that matter least"
        )
    if np.shape(reference) != (count,):
        raise StudyError(f"reference: one value an objective, ({count},); got shape {np.shape(reference)}")
    corner: Floats = losses([list(reference)], directions)[0]
    return corner


def _volume(gains: Floats) -> float:
    """Volume of the union of the boxes from 0 to each row of ``gains`` (N, M), all positive."""
    if not len(gains):
        return 0.0
    count = gains.shape[1]
    if count == 1:
        return float(gains.max())
    if count == 2:
        return _area(gains)
    if count == 3:
        return _sweep(gains)
    gains = gains[front_mask(-gains)]
    gains = gains[np.argsort(gains[:, -1], kind="stable")]  # thinnest first
    total = 0.0
    for i, gain in enumerate(gains):
        later = np.minimum(gains[i + 1 :, :-1], gain[:-1])
        total += float(gain[-1]) * (float(np.prod(gain[:-1])) - _volume(later))
    return total


def _sweep(gains: Floats) -> float:
    """Volume of the union of the boxes from 0 to each row of ``gains`` (N, 3): points enter from the thickest to the
    thinnest, and each adds its thickness times the area that it adds to the union of the others' faces."""
    xs: list[float] = []  # the staircase of the faces: x rises, y falls
    ys: list[float] = []
    volume = 0.0
    for x, y, z in gains[np.argsort(-gains[:, 2], kind="stable")].tolist():
        end = bisect_left(xs, x)
        height = ys[end] if end < len(ys) else 0.0  # of the staircase just left of x
        if height >= y:
            continue
        start = end
        while start and ys[start - 1] <= y:
            start -= 1
        left, area = xs[start - 1] if start else 0.0, 0.0
        for step in range(start, end):
            area += (xs[step] - left) * (y - ys[step])
            left = xs[step]
        volume += z * (area + (x - left) * (y - height))
        end += end < len(xs) and xs[end] == x
        xs[start:end], ys[start:end] = [x], [y]
    return volume


def _area(gains: Floats) -> float:
    """Area of the union of the boxes from 0 to each row of ``gains`` (N, 2)."""
    ordered = gains[np.argsort(-gains[:, 0], kind="stable")]
    heights = np.maximum.accumulate(ordered[:, 1])
    steps = np.diff(heights, prepend=0.0)
    return float(ordered[:, 0] @ steps)
