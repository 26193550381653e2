"""Hyperband: successive halving from several first rungs at once, where it is not known how early scores tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from math import ceil

from nasengine.search.objectives import Objective
from nasengine.search.rungs.cohorts import promotable_of_cohorts
from nasengine.search.rungs.halving import asynchronous, check_halving, geometric, last_promotion
from nasengine.search.rungs.protocol import Promotion, Rung
from nasengine.space.spec import Spec, tagged


@tagged("hyperband")
class Hyperband(Spec):
    """Hyperband (Li et al., 2018, "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization",
    algorithm 1), multi-objective as :class:`SuccessiveHalving` is.

    As many brackets as rungs. A trial of bracket b is not compared before rung b (counted from 0): it goes on from
    every rung below without a comparison, and from there on one in ``eta`` of its own bracket does. Bracket 0
    is plain successive halving, the last one full training. Trials are dealt to brackets by their numbers, in the
    proportions of the paper and evenly mixed, so that every bracket has its share at any moment.

    Attributes:
        eta: the share promoted is 1/eta; a whole number from 2 on.
        min_epochs: the end of the first rung; by default the total over eta squared (three rungs), at least
            1.
        order: which of a front's trials go first: ``"crowding"`` or ``"epsilon_net"``.
        synchronous: compare the trials of a bracket's round once all have finished, as the paper does; by
            default trials go on as soon as they may (asynchronous Hyperband; Li et al., 2020, section 3.3).

    Example:
        >>> band = Hyperband(eta=3)
        >>> band.rung_epochs(27), band.sizes(3), [band.bracket(number, 3) for number in range(6)]
        ((3, 9, 27), (9, 5, 3), [0, 1, 0, 2, 0, 1])
    """

    eta: int = 3
    min_epochs: int | None = None
    order: str = "crowding"
    synchronous: bool = False

    def validate(self) -> None:
        """Check all fields.

        Raises:
            SpaceError: ``eta`` below 2, ``min_epochs`` below 1, one of them no whole number, or an order that is none.
        """
        check_halving(self.tag, self.eta, self.min_epochs, self.order)

    def rung_epochs(self, total: int) -> tuple[int, ...]:
        """``min_epochs``, times ``eta`` from rung to rung, and ``total``; the last step is never below
        ``eta``."""
        return geometric(total, self.eta, self.min_epochs)

    def sizes(self, count: int) -> tuple[int, ...]:
        """Trials of each bracket in one round, with ``count`` rungs: with s promotions ahead
        ⌈count / (s + 1) · eta^s⌉."""
        return tuple(ceil(count / (s + 1) * self.eta**s) for s in reversed(range(count)))

    def bracket(self, number: int, count: int) -> int:
        """The bracket of trial ``number`` with ``count`` rungs: the rung, from 0, at which it is first compared."""
        deal = _dealt(self.sizes(count))
        return deal[number % len(deal)]

    def promote(self, rungs: Sequence[Rung], objectives: Sequence[Objective], *, closing: bool) -> list[Promotion]:
        """See :class:`Rungs`. Higher rungs come first; of one rung those that pass it uncompared. When ``closing``
        leaves no trial fully trained, the best one of the highest rung reached goes on."""
        due: list[Promotion] = []
        deal = _dealt(self.sizes(len(rungs)))
        for bracket in reversed(range(len(rungs))):
            own = [_part(rung, bracket, deal) for rung in rungs]
            due += _passing(own[:bracket])
            due += [Promotion(p.rung + bracket, p.number) for p in self._compared(own, bracket, objectives, closing)]
        due.sort(key=lambda p: -p.rung)
        return due if due or not closing else last_promotion(rungs, objectives, self.order)

    def _compared(
        self, own: Sequence[Rung], bracket: int, objectives: Sequence[Objective], closing: bool
    ) -> list[Promotion]:
        """Promotions of one bracket from its first rung on, rungs counted from there."""
        if not self.synchronous:
            return asynchronous(own[bracket:], self.eta, objectives, self.order)
        size = self.sizes(len(own))[bracket]
        return promotable_of_cohorts(_from(own, bracket), size, self.eta, objectives, self.order, closing=closing)


def _part(rung: Rung, bracket: int, deal: Sequence[int]) -> Rung:
    """What one bracket has at a rung."""

    def own(numbers: AbstractSet[int]) -> frozenset[int]:
        return frozenset(n for n in numbers if deal[n % len(deal)] == bracket)

    results: Mapping[int, Mapping[str, float]] = {n: rung.results[n] for n in own(rung.results.keys())}
    return Rung(results, own(rung.promoted), own(rung.running), own(rung.failed))


def _passing(below: Sequence[Rung]) -> list[Promotion]:
    """All that wait below the rung of the first comparison."""
    return [
        Promotion(i, number)
        for i, rung in enumerate(below)
        for number in sorted(rung.results)
        if number not in rung.promoted
    ]


def _from(own: Sequence[Rung], bracket: int) -> list[Rung]:
    """A bracket's rungs from its first comparison on; who is below is on the way there."""
    below, first = own[:bracket], own[bracket]
    failed = frozenset(first.failed).union(*(rung.failed for rung in below))
    seen = frozenset(first.running).union(*({*rung.results, *rung.running} for rung in below))
    running = seen - failed - first.results.keys()
    return [Rung(first.results, first.promoted, running, failed), *own[bracket + 1 :]]


@lru_cache(maxsize=64)
def _dealt(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """One round: a bracket for each of its trials, evenly mixed: each next trial goes to the bracket that is the
    farthest behind its share (the earlier one of equals)."""
    given, deal = [0] * len(sizes), []
    for place in range(1, sum(sizes) + 1):
        behind = [size * place - sum(sizes) * count for size, count in zip(sizes, given, strict=True)]
        deal.append(behind.index(max(behind)))
        given[deal[-1]] += 1
    return tuple(deal)
