"""Rungs: how far a trial trains before it is compared, and which trials go on.

A rung is a number of epochs. A trial that reaches the end of a rung waits there until it is promoted to the
next one or the study ends and it is pruned. Promotion is asynchronous successive halving (ASHA; Li et al.,
2020, "A System for Massively Parallel Hyperparameter Tuning", algorithm 2) made multi-objective: results of a
rung are ordered by non-domination and then by crowding distance over the partial scores and the costs already
known. Everything here is a pure function of recorded results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol

from nasengine.errors import SpaceError, StudyError
from nasengine.search import pareto
from nasengine.search.objectives import Objective
from nasengine.space.spec import Spec, tagged

RungResults = Mapping[int, Mapping[str, float]]
"""Trial number to values of all objectives at one rung: partial scores of the task, and known costs."""


@dataclass(frozen=True)
class Rung:
    """What is recorded at one rung.

    Attributes:
        results: values by trial number, of every trial that finished this rung (promoted ones too).
        promoted: numbers of the trials that were sent on from this rung, whether they have arrived or not.
    """

    results: RungResults = field(default_factory=dict)
    promoted: AbstractSet[int] = frozenset()


@dataclass(frozen=True)
class Promotion:
    """Send trial ``number`` on from rung ``rung`` (counted from 0)."""

    rung: int
    number: int


class Rungs(Protocol):
    """What a study needs of a way to stop early. Implementations are specs, so that they belong to a study's
    record."""

    def rung_epochs(self, total: int) -> tuple[int, ...]:
        """Epochs, counted from the start of training, at which each rung ends; the last one is ``total``."""

    def promote(self, rungs: Sequence[Rung], objectives: Sequence[Objective], *, closing: bool) -> list[Promotion]:
        """Promotions due now, the most urgent first; none is due from the last rung.

        Args:
            rungs: all rungs in order, the last one included.
            objectives: the study's objectives.
            closing: no new trial will come and none is running, so what is not promoted now never will be.
        """


@tagged("successive_halving")
class SuccessiveHalving(Spec):
    """Asynchronous successive halving: about one in ``eta`` goes on from each rung.

    Attributes:
        eta: the share promoted is 1/eta; a whole number from 2 on.
        min_epochs: the end of the first rung; by default the total over eta squared (three rungs), at least
            1.

    Example:
        >>> SuccessiveHalving(eta=3, min_epochs=3).rung_epochs(27)
        (3, 9, 27)
    """

    eta: int = 3
    min_epochs: int | None = None

    def validate(self) -> None:
        """Check both fields.

        Raises:
            SpaceError: ``eta`` below 2, ``min_epochs`` below 1, or either no whole number.
        """
        _check_whole("successive_halving.eta", self.eta, 2)
        if self.min_epochs is not None:
            _check_whole("successive_halving.min_epochs", self.min_epochs, 1)

    def rung_epochs(self, total: int) -> tuple[int, ...]:
        """``min_epochs``, times ``eta`` from rung to rung, and ``total``; the last step is never below
        ``eta``."""
        _check_whole("epochs", total, 1)
        end = self.min_epochs or max(1, total // self.eta**2)
        ends = []
        while end * self.eta <= total:
            ends.append(end)
            end *= self.eta
        return (*(e for e in ends if e < total), total)

    def promote(self, rungs: Sequence[Rung], objectives: Sequence[Objective], *, closing: bool) -> list[Promotion]:
        """See :class:`Rungs`. Higher rungs come first, as in ASHA. When ``closing`` leaves no trial fully
        trained, the best one of the highest rung reached goes on, whatever the share."""
        due = [
            Promotion(i, number)
            for i in reversed(range(len(rungs) - 1))
            for number in promotable(rungs[i].results, rungs[i].promoted, self.eta, objectives)
        ]
        if due or not closing:
            return due
        return last_promotion(rungs, objectives)


@tagged("full_training")
class FullTraining(Spec):
    """Every trial trains to the end: one rung, nothing to promote."""

    def rung_epochs(self, total: int) -> tuple[int, ...]:
        """``(total,)``."""
        _check_whole("epochs", total, 1)
        return (total,)

    def promote(self, rungs: Sequence[Rung], objectives: Sequence[Objective], *, closing: bool) -> list[Promotion]:
        """Nothing: there is no rung to be promoted from."""
        return []


def promotable(
    results: RungResults, promoted: AbstractSet[int], eta: int, objectives: Sequence[Objective]
) -> list[int]:
    """Trials of one rung that may go on: those among its best ⌊n/eta⌋ that were not sent on before, best
    first.

    As in ASHA the best ⌊n/eta⌋ are taken anew at each call, so a trial that was promoted early and has since
    been overtaken does not hold a later, better one back.

    Args:
        results: values of the n trials that finished the rung.
        promoted: trials already sent on from it.
        eta: one in ``eta`` goes on.
        objectives: what the values are ordered by; see :func:`order`.

    Raises:
        StudyError: a result lacks an objective or holds a value that is not finite.
    """
    count = len(results) // eta
    return [number for number in order(results, objectives)[:count] if number not in promoted]


def last_promotion(rungs: Sequence[Rung], objectives: Sequence[Objective]) -> list[Promotion]:
    """The rule for a study's end: while no trial is fully trained, the best of the highest rung that has a
    trial left.

    A promoted trial that never arrived (it failed) is passed over, so that the next best one gets its turn.
    Empty when a trial is fully trained or none is left.
    """
    if not rungs or rungs[-1].results:
        return []
    for i in reversed(range(len(rungs) - 1)):
        left = [n for n in order(rungs[i].results, objectives) if n not in rungs[i].promoted]
        if left:
            return [Promotion(i, left[0])]
    return []


def order(results: RungResults, objectives: Sequence[Objective]) -> list[int]:
    """Trial numbers from best to worst: by front, by crowding distance, by the first objective that training
    decides.

    Only the order of values within each objective and the ratios of their differences count, so units do not
    matter. Equal trials keep the order of their numbers.

    Raises:
        StudyError: a result lacks an objective or holds a value that is not finite.
    """
    if not results:
        return []
    numbers = sorted(results)
    learned_first = sorted(objectives, key=lambda o: o.known)
    rows = [[_value(results[n], n, o) for o in learned_first] for n in numbers]
    ordered = pareto.ordering(rows, [o.direction for o in learned_first])
    return [numbers[i] for i in ordered]


def _value(values: Mapping[str, float], number: int, objective: Objective) -> float:
    if objective.name not in values:
        raise StudyError(
            f"trial {number}: a rung's result holds every objective; {objective.name!r} is missing; "
            f"got {', '.join(values) or 'nothing'}"
        )
    return values[objective.name]


def _check_whole(place: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SpaceError(f"{place}: a whole number from {least} on; got {value!r}")
