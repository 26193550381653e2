"""Expected hypervolume improvement over what is unknown, in closed form.

Of M objectives most are often known before anything is trained; one, the value v (larger is better), is not. A member
with known costs c adds to the dominated volume, at each height of v, the part of the box from c to the corner that no
trained member of that height dominates. So with P a partition into boxes of what no trained member dominates,

    E[added volume](c, v) = Σ_{box of P} Π_j |[c_j, corner_j] ∩ box_j| · (ψ(bottom) - ψ(top)),   ψ(t) = E[(v - t)+]

exactly: ψ is the expected improvement over t (Jones et al., 1998, eq. 15), and no integral over costs is left. With no
cost it is expected improvement; with every objective unknown but one it would be the expected hypervolume improvement
of Emmerich et al. (2006), of which this is the case with point masses (Yang et al., 2019, for the partition). Further
unknown quantities are drawn at the nodes of a Gauss-Hermite rule and taken as known at each.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]
NODES = {0: 1, 1: 7, 2: 4, 3: 3}
"""Nodes an axis of the Gauss-Hermite rule, by the number of unknown quantities beside the value; then 2."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """Disjoint boxes, costs downwards and the value upwards.

    Args:
        low, high: (boxes, costs).
        bottom, top: (boxes,), between which values; ``top`` may be infinite.
    """

    low: Array
    high: Array
    bottom: Array
    top: Array


def partition(costs: Array, values: Array, corner: Array, floor: float) -> Boxes:
    """Boxes of what no point dominates, up to ``corner`` in costs and down to ``floor`` in value.

    Points enter from the highest value down; each closes the boxes that it cuts at its value, and goes on with what is
    left of them. With two costs, what it leaves above its second cost joins to one strip, so there are at most 2 N + 1
    boxes.

    Args:
        costs: (N, M - 1), smaller is better.
        values: (N,), larger is better.
        corner: (M - 1,).
    """
    count = len(corner)
    opened: list[tuple[Array, Array, float]] = [(np.full(count, -np.inf), corner.astype(float), np.inf)]
    closed: list[tuple[Array, Array, float, float]] = []
    for i in np.lexsort((*costs.T, -values)):
        cost, value = costs[i], float(values[i])
        if value <= floor:
            break
        cut = [box for box in opened if (box[1] > cost).all()]
        if not cut:
            continue
        closed.extend([(low, high, value, top) for low, high, top in cut if top > value])
        kept = [box for box in opened if not (box[1] > cost).all()]
        pieces = [piece for low, high, _ in cut for piece in _around(low, high, cost)]
        opened = kept + [(low, high, value) for low, high in (_strips(pieces, cost) if count == 2 else pieces)]
    closed.extend([(low, high, floor, top) for low, high, top in opened if top > floor])
    return Boxes(
        np.array([b[0] for b in closed]).reshape(len(closed), count),
        np.array([b[1] for b in closed]).reshape(len(closed), count),
        np.array([b[2] for b in closed]),
        np.array([b[3] for b in closed]),
    )


def _around(low: Array, high: Array, cost: Array) -> list[tuple[Array, Array]]:
    """What is left of a box without the points that ``cost`` is no worse than."""
    made = []
    low = low.copy()
    for j, c in enumerate(cost):
        if low[j] < c:
            end = high.copy()
            end[j] = c
            made.append((low.copy(), end))
            low[j] = c
    return made


def _strips(pieces: list[tuple[Array, Array]], cost: Array) -> list[tuple[Array, Array]]:
    """Pieces right of a point's first cost as one: they end at its second cost, side by side."""
    right = [piece for piece in pieces if piece[0][0] >= cost[0]]
    if len(right) < 2:
        return pieces
    low = np.array([min(p[0][0] for p in right), -np.inf])
    high = np.array([max(p[1][0] for p in right), cost[1]])
    return [piece for piece in pieces if piece[0][0] < cost[0]] + [(low, high)]


def excess(mean: Array, sd: Array, level: Array) -> Array:
    """E[(v - level)+] of v ~ Normal(mean, sd²); shapes broadcast. 0 where the level is infinite."""
    sd = np.maximum(sd, 1e-12)
    away = (mean - level) / sd
    with np.errstate(invalid="ignore", over="ignore"):
        density = np.exp(-0.5 * np.minimum(away**2, 1e4)) / np.sqrt(2 * np.pi)
        made = sd * (density + away * ndtr(away))
    found: Array = np.where(np.isposinf(level), 0.0, np.maximum(made, 0.0))
    return found


@dataclass(frozen=True, slots=True)
class Scale:
    """The value's own units beside those in which it is predicted: increasing, a line between knots.

    Args:
        units: (knots,), increasing.
        scores: (knots,), the same in the units of the prediction, strictly increasing.
    """

    units: Array
    scores: Array

    def excess(self, mean: Array, sd: Array, levels: Array) -> Array:
        """(members, levels): E[(v - level)+] in the value's units.

        Args:
            mean, sd: (members,), of the prediction.
            levels: (levels,) in the value's units; each a knot, or infinite.
        """
        above = excess(mean[:, None], sd[:, None], self.scores[None, :])
        slopes = np.diff(self.units) / np.diff(self.scores)
        last = slopes[-1] if len(slopes) else 1.0
        steps = np.concatenate([(above[:, :-1] - above[:, 1:]) * slopes, above[:, -1:] * last], axis=1)
        total = np.cumsum(steps[:, ::-1], axis=1)[:, ::-1]
        place = np.searchsorted(self.units, np.where(np.isinf(levels), self.units[-1], levels))
        found: Array = np.where(np.isposinf(levels)[None, :], 0.0, total[:, np.minimum(place, len(self.units) - 1)])
        return found


def expected_improvement(boxes: Boxes, costs: Array, mean: Array, sd: Array, scale: Scale) -> Array:
    """(members,): expected volume that each member adds. See the module.

    Args:
        boxes: of :func:`partition`; every finite ``bottom`` and ``top`` is a knot of ``scale``.
        costs: (members, M - 1).
        mean, sd: (members,), of the value's score.
    """
    if not len(boxes.bottom):
        return np.zeros(len(mean))
    levels, inverse = np.unique(np.concatenate([boxes.bottom, boxes.top]), return_inverse=True)
    above = scale.excess(mean, sd, levels)
    gains = above[:, inverse[: len(boxes.bottom)]] - above[:, inverse[len(boxes.bottom) :]]
    for j in range(costs.shape[1]):
        gains = gains * np.maximum(boxes.high[:, j] - np.maximum(boxes.low[:, j], costs[:, j, None]), 0.0)
    total: Array = gains.sum(axis=1)
    return total


def nodes(count: int) -> tuple[Array, Array]:
    """(nodes, count) standard normal deviates and (nodes,) weights of a Gauss-Hermite product rule."""
    points, weights = np.polynomial.hermite_e.hermegauss(NODES.get(count, 2))
    weights = weights / weights.sum()
    grid = np.array(list(product(points, repeat=count))).reshape(len(weights) ** count, count)
    chances = np.array([np.prod(w) for w in product(weights, repeat=count)])
    return grid, chances
