"""The population of an evolution, as a fold over its individuals in the order of their numbers.

Trials finish in any order, and a trial that waits at a rung changes when it trains on. What is told late is folded in
at its own place: populations are remembered after each of the latest numbers and after every 64th, so that only what
comes after a change is folded again, and only until the population is the one remembered.
"""

from __future__ import annotations

from collections.abc import Iterable

from nasengine.search.samplers.evolution.population import Individual, Population
from nasengine.search.samplers.evolution.survival import Survive

RECENT = 128
EVERY = 64


class Fold:
    """Individuals by number, and the population they leave.

    Args:
        survive: who leaves a population of ``size`` + 1.
        size: of the population.
        first: individuals from before the first trial, in order.
    """

    def __init__(self, survive: Survive, size: int, first: Iterable[Individual] = ()) -> None:
        self._survive, self._size = survive, size
        self._individuals: dict[int, Individual] = {}
        self._changed: set[int] = set()
        self._top = 0
        """One more than the highest number."""
        self._folded = 0
        """Numbers below it are in the population remembered after it."""
        start = Population()
        for individual in first:
            start = self._step(start, individual)
        self._after: dict[int, Population] = {0: start}

    def __len__(self) -> int:
        """Number of individuals."""
        return len(self._individuals)

    def put(self, number: int, individual: Individual | None) -> None:
        """A trial is this individual now, or none."""
        if self._individuals.get(number) == individual:
            return
        if individual is None:
            del self._individuals[number]
        else:
            self._individuals[number] = individual
        self._top = max(self._top, number + 1)
        if number < self._folded:
            self._changed.add(number)

    def population(self) -> Population:
        """The population after all individuals."""
        if self._changed:
            self._refold()
        population = self._after[self._folded]
        for number in range(self._folded, self._top):
            population = self._pass(population, number)
            self._keep(number + 1, population)
        self._folded = self._top
        return population

    def _refold(self) -> None:
        """Fold again from the first change on, until nothing differs any more."""
        number, last = min(self._changed), max(self._changed)
        while number not in self._after:
            number -= 1
        population = self._after[number]
        while number < self._folded:
            population = self._pass(population, number)
            number += 1
            remembered = self._after.get(number)
            if number > last and remembered is not None and remembered.members == population.members:
                break
            if remembered is not None or number % EVERY == 0:
                self._after[number] = population
        self._changed.clear()

    def _pass(self, population: Population, number: int) -> Population:
        individual = self._individuals.get(number)
        return population if individual is None else self._step(population, individual)

    def _step(self, population: Population, newcomer: Individual) -> Population:
        joined = population.joined(newcomer)
        return joined if len(joined) <= self._size else joined.without(self._survive(joined))

    def _keep(self, number: int, population: Population) -> None:
        self._after[number] = population
        old = number - RECENT
        if old % EVERY and old > 0:
            self._after.pop(old, None)
