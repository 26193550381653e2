"""How near a set of points comes to a reference front: epsilon-indicators and IGD+.

Legend: N points, R points of the reference front, M objectives; ``points`` is (N, M), ``front`` (R, M),
    ``directions`` holds M times ``"maximize"`` or ``"minimize"``.
All are weakly Pareto-compliant: a set that covers another never gets a worse value. Smaller is better. Where
the true front is not known, the front of all compared sets together stands in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from nasengine.errors import StudyError
from nasengine.search.domination import Floats, Points, front_mask, losses

_CELLS = 4_000_000
"""Differences held in memory at a time: 32 MB."""


def additive_epsilon(points: Points, front: Points, directions: Sequence[str], *, scaled: bool = True) -> float:
    """The least ε by which all points must be moved, in every objective, to cover the front.

    Zitzler et al., 2003, "Performance Assessment of Multiobjective Optimizers: An Analysis and Review",
    section III: I_ε+(A, R) = max over r of min over a of max over i of a_i - r_i, for minimization. Negative when
    the points are better than the front.

    Args:
        points: (N, M).
        front: (R, M); its dominated points count for nothing.
        directions: M directions.
        scaled: in shares of each objective's range on the front, so that units do not matter; False for plain
            units, where one objective of large numbers decides alone.

    Raises:
        StudyError: no point, an empty front, or values that are not finite.
    """
    near, far = _pair(points, front, directions, scaled=scaled)
    return max(float((near - r).max(axis=2).min(axis=1).max()) for r in _blocks(far, near))


def multiplicative_epsilon(points: Points, front: Points, directions: Sequence[str]) -> float:
    """The least factor ε by which all points must improve, in every objective, to cover the front.

    Zitzler et al., 2003, section III: I_ε(A, R) = max over r of min over a of max over i of a_i / r_i, for
    minimization; r_i / a_i where more is better. 1 when the front is covered and no better; it needs no scaling.

    Raises:
        StudyError: no point, an empty front, or a value that is not a finite number above zero.
    """
    near, far = _logs("points", points, len(directions)), _logs("front", front, len(directions))
    return float(np.exp(additive_epsilon(near, far, directions, scaled=False)))


def igd_plus(points: Points, front: Points, directions: Sequence[str], *, scaled: bool = True) -> float:
    """IGD+: the mean distance of the front's points from the region that the points dominate.

    Ishibuchi et al., 2015, "Modified Distance Calculation in Generational Distance and Inverted Generational
    Distance", section 4: for each r of the front min over a of √Σ max(a_i - r_i, 0)², for minimization. Unlike
    IGD it never prefers a set that another one covers. Arguments and errors as for :func:`additive_epsilon`.
    """
    near, far = _pair(points, front, directions, scaled=scaled)
    squares = [(np.maximum(near - r, 0.0) ** 2).sum(axis=2).min(axis=1) for r in _blocks(far, near)]
    return float(np.sqrt(np.concatenate(squares)).mean())


def _logs(place: str, given: Points, count: int) -> Floats:
    values = losses(given, ["minimize"] * count)
    if (values <= 0).any():
        raise StudyError(
            f"multiplicative_epsilon: {place} hold numbers above zero, since they are divided; got {values.min()}; "
            "use additive_epsilon"
        )
    logs: Floats = np.log(values)
    return logs


def _pair(points: Points, front: Points, directions: Sequence[str], *, scaled: bool) -> tuple[Floats, Floats]:
    """Losses of the points' own front (N, M) and of the front (R, M), in the same scale."""
    near, far = losses(points, directions), losses(front, directions)
    for place, array in (("points", near), ("front", far)):
        if not len(array):
            raise StudyError(f"{place}: an indicator compares at least one point with at least one; got none")
    near, far = near[front_mask(near)], far[front_mask(far)]
    if not scaled:
        return near, far
    low, width = far.min(axis=0), np.ptp(far, axis=0)
    size = np.where(width > 0, width, np.where(low != 0, np.abs(low), 1.0))  # one value: in shares of its size
    return (near - low) / size, (far - low) / size


def _blocks(far: Floats, near: Floats) -> Iterator[Floats]:
    """The front by parts (r, 1, M), so that differences with all points fit in memory."""
    rows = max(1, _CELLS // max(1, near.size))
    for start in range(0, len(far), rows):
        yield far[start : start + rows, None, :]
