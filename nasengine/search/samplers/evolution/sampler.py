"""Evolution, composed of selection, variation and survival: regularised evolution, NSGA-II, NSGA-III and one's own."""

from __future__ import annotations

from nasengine.errors import StudyError
from nasengine.search.samplers.candidates import Candidates, Draw, ask_each
from nasengine.search.samplers.evolution import selection, survival
from nasengine.search.samplers.evolution.fold import Fold
from nasengine.search.samplers.evolution.population import individual_of
from nasengine.search.samplers.evolution.selection import Select
from nasengine.search.samplers.evolution.survival import Survive
from nasengine.search.samplers.evolution.vary import Vary, crossover_then_mutation, mutation
from nasengine.search.samplers.protocol import PENDING, Problem, Proposal, TrialView, View

POPULATION = 10
STARTS = 10
"""A study trains tens to hundreds of candidates: more of them at random, or a larger population, would be too many."""
SAMPLE = 20
"""Members, and contestants of a tournament, of regularised evolution at this scale."""


class Evolution:
    """Steady-state evolution over decision sets.

    The first trials are random (earlier trials of the problem count towards them). From then on each proposal is a
    child of members of the present population, which is the fold of all trials with results in the order of their
    numbers: a newcomer joins, and once the population is full one member leaves. So nothing waits for a generation to
    be whole, and results may come in any order.

    A trial that was pruned, or waits at a rung, counts with its latest values, after fully trained ones of the same
    front; one that breaks budgets counts with their violation; failed and lost ones do not count.

    Args:
        problem: what is searched.
        select: who becomes a parent, such as :func:`~selection.tournament`.
        vary: how parents become a child, such as :func:`~vary.crossover_then_mutation`.
        survive: who leaves, such as :func:`~survival.non_dominated_crowding`.
        population: how many members it holds, at least 2.
        starts: how many trials are random before the first child, at least 1; never more than the population holds.

    Raises:
        StudyError: a population below 2, or no start.

    Example:
        >>> def slow_drift(problem):
        ...     return Evolution(problem, select=tournament(5), vary=mutation(), survive=youngest, population=50)
    """

    deterministic = True

    def __init__(
        self,
        problem: Problem,
        *,
        select: Select,
        vary: Vary,
        survive: Survive,
        population: int = POPULATION,
        starts: int = STARTS,
    ) -> None:
        _check_whole("the population", population, 2)
        _check_whole("starts", starts, 1)
        self._problem, self._select, self._vary, self._size = problem, select, vary, population
        self._candidates = Candidates(problem)
        earlier = [individual_of(trial, problem.objectives) for trial in problem.earlier]
        first = [individual for individual in earlier if individual is not None]
        self._fold = Fold(survive, population, first)
        self._missing = min(starts, population) - len(first)
        self._pending: set[int] = set()

    def ask(self, n: int, view: View) -> list[Proposal]:
        """See :class:`~nasengine.search.Sampler`."""
        self._candidates.forget(view.next_number)
        return ask_each(n, view, self._propose)

    def tell(self, trial: TrialView) -> None:
        """See :class:`~nasengine.search.Sampler`.

        Raises:
            StudyError: a complete trial without a finite value of every objective.
        """
        self._candidates.tell(trial)
        individual = individual_of(trial, self._problem.objectives)
        self._fold.put(trial.number, individual)
        if trial.status in PENDING and individual is None:
            self._pending.add(trial.number)
        else:
            self._pending.discard(trial.number)

    def _propose(self, number: int) -> Proposal | None:
        decisions = self._candidates.pick(number, self._child())
        return None if decisions is None else Proposal(decisions)

    def _child(self) -> Draw | None:
        """How a child of the present population is drawn; None while there is none, or it is still being filled."""
        population = self._fold.population()
        underway = len(self._fold) + len(self._pending) + self._candidates.untold
        if not len(population) or underway < self._missing:
            return None
        select, vary, skeleton = self._select, self._vary, self._candidates.skeleton
        return lambda rng, attempt: vary(skeleton, lambda: select(population, rng), rng, attempt)


def _check_whole(what: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise StudyError(f"evolution: {what} is a whole number from {least} on; got {value!r}")


def regularised_evolution(problem: Problem) -> Evolution:
    """Regularised evolution (Real et al., 2019, "Regularized Evolution for Image Classifier Architecture Search",
    algorithm 1): the best of a sample is mutated, the oldest dies. With several objectives the best is any of the best
    front."""
    return Evolution(
        problem,
        select=selection.tournament(SAMPLE, crowding=False),
        vary=mutation(),
        survive=survival.youngest,
        population=SAMPLE,
    )


def nsga2(problem: Problem) -> Evolution:
    """NSGA-II (Deb et al., 2002, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II") in a steady state."""
    return Evolution(
        problem,
        select=selection.tournament(2),
        vary=crossover_then_mutation(),
        survive=survival.non_dominated_crowding,
    )


def nsga3(problem: Problem) -> Evolution:
    """NSGA-III (Deb & Jain, 2014, "An Evolutionary Many-Objective Optimization Algorithm Using Reference-Point-Based
    Nondominated Sorting Approach, Part I") in a steady state, with as many members as directions, at least 10."""
    count = len(problem.objectives)
    divisions = survival.divisions_of(count, POPULATION)
    return Evolution(
        problem,
        select=selection.tournament(2),
        vary=crossover_then_mutation(),
        survive=survival.reference_directions(count, divisions),
        population=max(POPULATION, survival.count_of(count, divisions)),
    )
