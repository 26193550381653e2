"""Local search: the neighbours of the best members found so far."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from nasengine.errors import StudyError
from nasengine.search import pareto
from nasengine.search.samplers.candidates import Candidates, ask_each
from nasengine.search.samplers.evolution.population import Individual, individual_of
from nasengine.search.samplers.protocol import Problem, Proposal, TrialView, View, derived_seed

if TYPE_CHECKING:
    from nasengine.space import Label

STARTS = 10


class LocalSearch:
    """All neighbours of a member, one decision away, before those of the next one (White et al., 2021, "Local Search is
    State of the Art for Neural Architecture Search Benchmarks").

    The first trials are random. The next member to look around is the best one that has a neighbour nobody looked at:
    by front, fully trained ones first, then the youngest (which climbs on from what it just found, where crowding would
    lead to the ends of the front); members that break a measured budget come last. When none is left, it starts again
    from a random member. Neighbours that break a budget known for free are passed over.

    Args:
        problem: what is searched. Earlier trials of the problem count as members found.
        starts: random members to begin with, at least 1.

    Raises:
        StudyError: no start.
    """

    deterministic = True

    def __init__(self, problem: Problem, *, starts: int = STARTS) -> None:
        if isinstance(starts, bool) or not isinstance(starts, int) or starts < 1:
            raise StudyError(f"local search: starts is a whole number from 1 on; got {starts!r}")
        self._problem, self._starts = problem, starts
        self._candidates = Candidates(problem)
        self._found: dict[int, Individual] = {}
        for trial in problem.earlier:
            self._put(trial)
        self._around: dict[int, int] = {}
        """Trial number to the number of the member that it is a neighbour of."""
        self._done: set[int] = set()
        self._near: tuple[int, list[dict[str, Label]]] | None = None

    def ask(self, n: int, view: View) -> list[Proposal]:
        """See :class:`~nasengine.search.Sampler`; empty when the space is exhausted."""
        self._forget(view.next_number)
        return ask_each(n, view, self._propose)

    def tell(self, trial: TrialView) -> None:
        """See :class:`~nasengine.search.Sampler`.

        Raises:
            StudyError: a complete trial without a finite value of every objective.
        """
        self._candidates.tell(trial)
        self._put(trial)
        around = trial.attrs.get("around")
        if isinstance(around, int):
            self._around[trial.number] = around

    def _put(self, trial: TrialView) -> None:
        individual = individual_of(trial, self._problem.objectives)
        if individual is None:
            self._found.pop(trial.number, None)
        else:
            self._found[trial.number] = individual

    def _forget(self, number: int) -> None:
        """See :meth:`Candidates.forget`; a neighbour that nobody looked at after all may be proposed again."""
        forgotten = self._candidates.forget(number)
        for known in forgotten:
            self._around.pop(known, None)
        if forgotten:
            self._done.clear()
            self._near = None

    def _propose(self, number: int) -> Proposal | None:
        if number >= self._starts or self._problem.earlier:
            for centre in self._centres():
                neighbour = self._new_neighbour(centre)
                if neighbour is not None:
                    self._candidates.propose(number, neighbour)
                    self._around[number] = centre.number
                    return Proposal(neighbour, {"around": centre.number})
                self._done.add(centre.number)
        decisions = self._candidates.pick(number)
        return None if decisions is None else Proposal(decisions)

    def _centres(self) -> Iterator[Individual]:
        """Members to look around: the one that was looked around last, then from the best on."""
        last = self._found.get(self._around[max(self._around)]) if self._around else None
        ongoing = [] if last is None or last.number in self._done else [last]
        return chain(ongoing, (best for best in self._ordered() if best.number not in self._done))

    def _ordered(self) -> Iterator[Individual]:
        """Members found, from the best to the worst; asked for once in a neighbourhood."""
        feasible = [individual for individual in self._found.values() if not individual.violation]
        points = [individual.losses for individual in feasible]
        ranks = pareto.ranks(points, ["minimize"] * len(self._problem.objectives))
        order = [(rank, i.partial, -i.number, i) for rank, i in zip(ranks, feasible, strict=True)]
        yield from (individual for *_, individual in sorted(order, key=lambda entry: entry[:3]))
        yield from sorted((i for i in self._found.values() if i.violation), key=lambda i: (i.violation, i.number))

    def _new_neighbour(self, centre: Individual) -> dict[str, Label] | None:
        """A neighbour that nobody looked at and that meets the budgets known for free."""
        if self._near is None or self._near[0] != centre.number:
            self._near = (centre.number, self._neighbours(centre))
        near = self._near[1]
        while near:
            neighbour = near[-1]
            if neighbour not in self._candidates and self._candidates.excess(neighbour) == 0:
                return neighbour
            near.pop()
        return None

    def _neighbours(self, centre: Individual) -> list[dict[str, Label]]:
        """Every member one decision away, in an order of its own for each member."""
        rng = random.Random(derived_seed(self._problem.seed, -1 - centre.number))
        found = list(self._candidates.neighbours(centre.decisions, rng))
        rng.shuffle(found)
        return found
