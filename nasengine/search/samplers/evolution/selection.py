"""Selection: which member of a population becomes a parent."""

from __future__ import annotations

import random
from collections.abc import Callable

from nasengine.search.samplers.evolution.population import Individual, Population

Select = Callable[[Population, random.Random], Individual]


def uniform(population: Population, rng: random.Random) -> Individual:
    """Any member."""
    return population.members[int(rng.random() * len(population))]


def tournament(size: int = 2, *, crowding: bool = True) -> Select:
    """The best of ``size`` random members, drawn with replacement: by front, fully trained first, then least crowded.

    With two contestants the crowded tournament of NSGA-II (Deb et al., 2002, section III-C); with more, the sample that
    regularised evolution takes its parent from (Real et al., 2019, algorithm 1).

    Args:
        size: contestants, at least 1.
        crowding: does it decide among equals? With many contestants it would always choose the ends of the front.
    """

    def select(population: Population, rng: random.Random) -> Individual:
        count = len(population)
        best = int(rng.random() * count)
        for _ in range(size - 1):
            other = int(rng.random() * count)
            if _beats(population, other, best, crowding):
                best = other
        return population.members[best]

    return select


def _beats(population: Population, a: int, b: int, crowding: bool) -> bool:
    """Is ``a`` better than ``b``? Their crowding is only asked for when all else is equal."""
    if a == b:
        return False
    if population.ranks[a] != population.ranks[b]:
        return population.ranks[a] < population.ranks[b]
    if population.members[a].partial != population.members[b].partial:
        return population.members[b].partial
    return crowding and population.crowding(a) > population.crowding(b)
