"""Survival: which member leaves a population that is one too large.

Trials finish one by one, so populations are in a steady state: each newcomer joins, then one member leaves (for
NSGA-II: Durillo et al., 2009, "On the effect of the steady-state selection scheme in multi-objective genetic
algorithms").
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any

from nasengine.search.samplers.evolution.population import Population

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

Survive = Callable[[Population], int]
"""The index of the member that leaves."""


def youngest(population: Population) -> int:
    """The oldest leaves, however good it is (Real et al., 2019, "Regularized Evolution for Image Classifier
    Architecture Search", algorithm 1)."""
    return 0


def non_dominated_crowding(population: Population) -> int:
    """Of the last front, a partly trained member before others, then the most crowded one (NSGA-II; Deb et al., 2002,
    section III-B). Ties: the oldest."""
    last = _last_front(population)
    return last[0] if len(last) == 1 else min(last, key=population.crowding)


def reference_directions(objectives: int, divisions: int | None = None) -> Survive:
    """Of the last front, the member that niching by reference directions would take last (NSGA-III; Deb & Jain, 2014,
    section IV): of the directions with most members, the one farthest from its direction.

    Objectives are translated to the ideal point and divided by the intercepts of the plane through the extreme points
    (equations 4 and 5); where those span no plane, by the range of the front.

    Args:
        objectives: how many there are.
        divisions: of each axis, for the directions of Das & Dennis (1998); by default as :func:`divisions_of` says.
    """
    found: list[Any] = []

    def survive(population: Population) -> int:
        last = _last_front(population)
        if len(last) == 1 or not population.members[last[0]].losses:
            return last[0]
        if not found:
            found.append(directions(objectives, divisions or divisions_of(objectives)))
        return last[_most_crowded(population, last, found[0])]

    return survive


def divisions_of(objectives: int, count: int = 20) -> int:
    """The fewest divisions of each axis that give at least ``count`` directions; 1 for one objective."""
    divisions = 1
    while objectives > 1 and count_of(objectives, divisions) < count:
        divisions += 1
    return divisions


def count_of(objectives: int, divisions: int) -> int:
    """How many directions there are, D = C(M + divisions - 1, divisions): stars and bars."""
    return comb(objectives + divisions - 1, divisions)


def directions(objectives: int, divisions: int) -> Floats:
    """Unit vectors (D, M) through the points of the simplex whose coordinates are multiples of 1/divisions.

    Das & Dennis, 1998, "Normal-Boundary Intersection"; D as :func:`count_of` says.
    """
    import numpy as np

    slots = divisions + objectives - 1
    rows = []
    for bars in combinations(range(slots), objectives - 1):
        edges = (-1, *bars, slots)
        rows.append([b - a - 1 for a, b in zip(edges, edges[1:], strict=False)])
    points = np.array(rows, dtype=np.float64)
    unit: Floats = points / np.linalg.norm(points, axis=1, keepdims=True)
    return unit


def _last_front(population: Population) -> list[int]:
    """Indices of the last front; of it only the partly trained ones, where there are some."""
    last = population.front(max(population.ranks))
    partial = [i for i in last if population.members[i].partial]
    return partial or last


def _most_crowded(population: Population, last: list[int], unit: Floats) -> int:
    """Place in ``last`` of the member whose direction has most members; of several, the farthest from it."""
    import numpy as np

    feasible = [i for i, member in enumerate(population.members) if member.losses]
    scaled = _scaled(np.array([population.members[i].losses for i in feasible]))
    along = scaled @ unit.T
    off = (scaled**2).sum(axis=1)[:, None] - along**2  # squared distance to the line of each direction
    niche = off.argmin(axis=1)
    count = np.bincount(niche, minlength=len(unit))
    place = {index: row for row, index in enumerate(feasible)}
    rows = [place[i] for i in last]
    return max(range(len(last)), key=lambda k: (count[niche[rows[k]]], off[rows[k], niche[rows[k]]]))


def _scaled(losses: Floats) -> Floats:
    """Losses (N, M) from the ideal point, in units of the intercepts."""
    import numpy as np

    moved: Floats = losses - losses.min(axis=0)
    width = moved.max(axis=0)
    width[width == 0] = 1.0
    moved /= width
    weights = np.full((moved.shape[1], moved.shape[1]), 1e6)
    np.fill_diagonal(weights, 1.0)
    extremes = moved[(moved[:, None, :] * weights).max(axis=2).argmin(axis=0)]
    try:
        inverse = np.linalg.solve(extremes, np.ones(len(extremes)))
    except np.linalg.LinAlgError:
        return moved
    if not (np.isfinite(inverse).all() and (inverse > 1e-6).all()):
        return moved
    scaled: Floats = moved * inverse
    return scaled
