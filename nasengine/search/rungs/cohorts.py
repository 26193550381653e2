"""Cohorts: trials that are compared among themselves, once all of them have finished a rung.

A cohort is ``size`` consecutive trials of those that set out for the first rung; trials that were never
trained (refused, or known already) have no place in it. Whoever fails leaves the cohort smaller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nasengine.search.objectives import Objective
from nasengine.search.rungs.ordering import order
from nasengine.search.rungs.protocol import Promotion, Rung


def cohorts(first: Rung, size: int) -> list[list[int]]:
    """The trials of the first rung by ``size``, in the order of their numbers; the last cohort may still grow."""
    numbers = sorted({*first.results, *first.running, *first.failed})
    return [numbers[i : i + size] for i in range(0, len(numbers), size)]


def promotable_of_cohorts(
    rungs: Sequence[Rung], size: int, eta: int, objectives: Sequence[Objective], by: str, *, closing: bool
) -> list[Promotion]:
    """What may go on: of each cohort that has finished a rung its best ⌊n/eta⌋, and at least one.

    Higher rungs come first, earlier cohorts before later ones. ``closing`` ends the wait for trials that will not
    come; from then on a cohort cut short goes on with those it has.

    Raises:
        StudyError: a result lacks an objective or holds a value that is not finite.
    """
    found: list[Promotion] = []
    for cohort in cohorts(rungs[0], size) if rungs else []:
        found += _of_one(rungs, cohort, eta, objectives, by, full=closing or len(cohort) == size, closing=closing)
    return sorted(found, key=lambda p: -p.rung)  # stable: cohorts keep their order, and trials theirs


def _of_one(
    rungs: Sequence[Rung],
    cohort: Iterable[int],
    eta: int,
    objectives: Sequence[Objective],
    by: str,
    *,
    full: bool,
    closing: bool,
) -> list[Promotion]:
    """Promotions of one cohort: from the lowest rung where one is due; above it nothing is decided yet."""
    expected = set(cohort)
    for i, rung in enumerate(rungs[:-1]):
        arrived = {n: rung.results[n] for n in expected if n in rung.results}
        sent = expected & rung.promoted
        complete = full and expected <= {*arrived, *rung.failed}
        if not arrived or not (complete or closing or sent):  # one sent on: a study's end decided it before
            return []
        best = order(arrived, objectives, by, max(1, len(arrived) // eta))
        due = [Promotion(i, number) for number in best if number not in sent]
        if due:
            return due
        expected = sent
    return []
