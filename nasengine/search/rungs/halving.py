"""Successive halving: about one in ``eta`` goes on from each rung, at once or cohort by cohort.

Asynchronous successive halving (ASHA; Li et al., 2020, "A System for Massively Parallel Hyperparameter
Tuning", algorithm 2) and synchronous successive halving (Jamieson & Talwalkar, 2016), both made
multi-objective: results of a rung are ordered by non-domination over the partial scores and the costs already
known, and along a front by crowding distance or as an epsilon-net.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from nasengine.errors import SpaceError
from nasengine.search.objectives import Objective
from nasengine.search.rungs.cohorts import promotable_of_cohorts
from nasengine.search.rungs.ordering import check_order, order
from nasengine.search.rungs.protocol import Promotion, Rung, RungResults, check_whole
from nasengine.space.spec import Spec, tagged


@tagged("successive_halving")
class SuccessiveHalving(Spec):
    """Successive halving: about one in ``eta`` goes on from each rung.

    Asynchronous by default: a trial goes on as soon as it is among the best 1/eta of those that finished the
    rung so far. No worker ever waits, and some trials go on that are overtaken later. With ``cohort`` nobody is
    promoted too early: the trials of a cohort are compared once all of them have finished the rung.

    Attributes:
        eta: the share promoted is 1/eta; a whole number from 2 on.
        min_epochs: the end of the first rung; by default the total over eta squared (three rungs), at least
            1.
        order: which of a front's trials go first: ``"crowding"`` or ``"epsilon_net"``.
        cohort: how many consecutive trials are compared among themselves; None for all so far. ``eta`` to the
            power of the promotions, 9 for three rungs, leaves one fully trained trial a cohort.

    Example:
        >>> SuccessiveHalving(eta=3, min_epochs=3).rung_epochs(27)
        (3, 9, 27)
    """

    eta: int = 3
    min_epochs: int | None = None
    order: str = "crowding"
    cohort: int | None = None

    def validate(self) -> None:
        """Check all fields.

        Raises:
            SpaceError: ``eta`` below 2, ``min_epochs`` below 1, ``cohort`` below ``eta``, one of them no whole
                number, or an order that is none.
        """
        check_halving(self.tag, self.eta, self.min_epochs, self.order)
        if self.cohort is None:
            return
        check_whole("successive_halving.cohort", self.cohort, 1)
        if self.cohort < self.eta:
            raise SpaceError(
                f"successive_halving.cohort: at least eta trials, of which one goes on; got {self.cohort} with eta "
                f"{self.eta}; for three rungs take {self.eta**2}"
            )

    def rung_epochs(self, total: int) -> tuple[int, ...]:
        """``min_epochs``, times ``eta`` from rung to rung, and ``total``; the last step is never below
        ``eta``."""
        return geometric(total, self.eta, self.min_epochs)

    def promote(self, rungs: Sequence[Rung], objectives: Sequence[Objective], *, closing: bool) -> list[Promotion]:
        """See :class:`Rungs`. Higher rungs come first, as in ASHA. When ``closing`` leaves no trial fully
        trained, the best one of the highest rung reached goes on, whatever the share."""
        if self.cohort is None:
            due = asynchronous(rungs, self.eta, objectives, self.order)
        else:
            due = promotable_of_cohorts(rungs, self.cohort, self.eta, objectives, self.order, closing=closing)
        if due or not closing:
            return due
        return last_promotion(rungs, objectives, self.order)


def check_halving(tag: str, eta: object, min_epochs: object, by: object) -> None:
    """Check what successive halving and Hyperband have in common.

    Raises:
        SpaceError: see :meth:`SuccessiveHalving.validate`.
    """
    check_whole(f"{tag}.eta", eta, 2)
    if min_epochs is not None:
        check_whole(f"{tag}.min_epochs", min_epochs, 1)
    check_order(f"{tag}.order", by)


def geometric(total: int, eta: int, min_epochs: int | None) -> tuple[int, ...]:
    """Ends of rungs: ``min_epochs`` (None for ``total`` over eta squared, at least 1), times ``eta`` from rung to
    rung, and ``total``.

    Raises:
        SpaceError: ``total`` is no whole number from 1 on.
    """
    check_whole("epochs", total, 1)
    end = min_epochs or max(1, total // eta**2)
    ends = []
    while end * eta <= total:
        ends.append(end)
        end *= eta
    return (*(e for e in ends if e < total), total)


def asynchronous(rungs: Sequence[Rung], eta: int, objectives: Sequence[Objective], by: str) -> list[Promotion]:
    """What may go on at this moment, higher rungs first."""
    return [
        Promotion(i, number)
        for i in reversed(range(len(rungs) - 1))
        for number in promotable(rungs[i].results, rungs[i].promoted, eta, objectives, by)
    ]


def promotable(
    results: RungResults,
    promoted: AbstractSet[int],
    eta: int,
    objectives: Sequence[Objective],
    by: str = "crowding",
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
        by: how a front is ordered.

    Raises:
        StudyError: a result lacks an objective or holds a value that is not finite.
    """
    count = len(results) // eta
    best = order(results, objectives, by, count) if count else []
    return [number for number in best if number not in promoted]


def last_promotion(rungs: Sequence[Rung], objectives: Sequence[Objective], by: str = "crowding") -> list[Promotion]:
    """The rule for a study's end: while no trial is fully trained, the best of the highest rung that has a
    trial left.

    A promoted trial that never arrived (it failed) is passed over, so that the next best one gets its turn.
    Empty when a trial is fully trained or none is left.
    """
    if not rungs or rungs[-1].results:
        return []
    for i in reversed(range(len(rungs) - 1)):
        left = [n for n in order(rungs[i].results, objectives, by) if n not in rungs[i].promoted]
        if left:
            return [Promotion(i, left[0])]
    return []
