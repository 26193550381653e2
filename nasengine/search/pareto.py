"""Fronts: domination, spread along a front, hypervolume and the knee.

Legend: N points, M objectives; ``points`` is (N, M), ``directions`` holds M times ``"maximize"`` or
    ``"minimize"``.
A point dominates another when it is no worse in every objective and better in one. Equal points do not
dominate each other, so both stay on a front. Every function refuses values that are not finite.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nasengine.errors import StudyError
from nasengine.search.domination import Floats, Ints, Points, front_mask, fronts, losses, non_dominated, ranks
from nasengine.search.hypervolume import MAX_HYPERVOLUME_OBJECTIVES, contributions, hypervolume, reference_point

__all__ = [
    "Floats",
    "Ints",
    "MAX_HYPERVOLUME_OBJECTIVES",
    "Points",
    "contributions",
    "crowding",
    "epsilon_net",
    "fronts",
    "hypervolume",
    "knee",
    "losses",
    "non_dominated",
    "ordering",
    "ranks",
    "reference_point",
]


def crowding(points: Points, directions: Sequence[str]) -> Floats:
    """Crowding distance (N,) of the points of one front; infinite at the ends of each objective.

    Deb et al., 2002, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", section III-B: per
    objective the gap between a point's two neighbours over the objective's range, summed. An objective that
    is constant on the front says nothing and is left out.
    """
    loss = losses(points, directions)
    return _crowding(loss, np.zeros(len(loss), dtype=np.int64))


def ordering(points: Points, directions: Sequence[str]) -> Ints:
    """Indices (N,) from best to worst: by front, then by crowding distance (wide first), then by the first
    objective.

    The first objective settles ties so that, of the infinitely distant ends of a front, its best point comes
    first.
    """
    loss = losses(points, directions)
    rank = ranks(points, directions)
    return np.lexsort((np.arange(len(loss)), loss[:, 0], -_crowding(loss, rank), rank))


def epsilon_net(points: Points, directions: Sequence[str], count: int | None = None) -> Ints:
    """Indices of the first ``count`` points of one front in an order that spreads: each next one is the farthest from
    all before it.

    Salinas et al., 2021, "A multi-objective perspective on jointly tuning hardware and hyperparameters",
    section 3, as Schmucker et al., 2021, "Multi-objective Asynchronous Successive Halving" promote by it:
    every prefix is an epsilon-net of the front (farthest-first traversal). It begins with the best of the
    first objective. Distances are Euclidean over objectives scaled to [0, 1] on the front, so that units do
    not matter; of equally far points the first comes first. O(N · count).
    """
    loss = losses(points, directions)
    wanted = len(loss) if count is None else min(count, len(loss))
    if wanted <= 0:
        return np.zeros(0, dtype=np.int64)
    width = loss.max(axis=0) - loss.min(axis=0)
    scaled = (loss - loss.min(axis=0)) / np.where(width > 0, width, 1.0)
    found = [int(np.lexsort(loss.T[::-1])[0])]
    distance = _squared(scaled, found[0])
    while len(found) < wanted:
        distance[found[-1]] = -1.0  # never again, also where all others are equal to it
        found.append(int(np.argmax(distance)))
        distance = np.minimum(distance, _squared(scaled, found[-1]))
    return np.array(found, dtype=np.int64)


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
    members = np.flatnonzero(front_mask(loss))
    front = loss[members]
    width = front.max(axis=0) - front.min(axis=0)
    scaled = ((front - front.min(axis=0)) / np.where(width > 0, width, 1.0))[:, width > 0]
    if scaled.shape[1] == 0:
        return int(members[0])
    normal = _normal(scaled)
    distance = (1.0 - scaled @ normal) / np.linalg.norm(normal)
    return int(members[int(np.argmax(np.round(distance, 12)))])  # rounding makes ties of equal points real


def _crowding(loss: Floats, rank: Ints) -> Floats:
    """Crowding distance of each point within its own front: all fronts in one pass over each objective."""
    distance = np.zeros(len(loss))
    if not len(loss):
        return distance
    for column in loss.T:
        order = np.lexsort((column, rank))
        ordered, front = column[order], rank[order]
        first = np.append(True, front[1:] != front[:-1])
        last = np.append(first[1:], True)
        width = (ordered[last] - ordered[first])[front]  # fronts are numbered from 0 without gaps
        inner = np.flatnonzero(~first & ~last & (width > 0))
        distance[order[inner]] += (ordered[inner + 1] - ordered[inner - 1]) / width[inner]
        distance[order[(first | last) & (width > 0)]] = np.inf
    return distance


def _squared(scaled: Floats, i: int) -> Floats:
    found: Floats = ((scaled - scaled[i]) ** 2).sum(axis=1)
    return found


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
