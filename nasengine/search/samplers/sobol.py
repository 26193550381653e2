"""Quasi-random sampling: decisions spread more evenly over a space than chance spreads them."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nasengine.search.samplers.candidates import Candidates, ask_each
from nasengine.search.samplers.protocol import Problem, Proposal, TrialView, View, derived_seed
from nasengine.search.samplers.simple import Places
from nasengine.space import variation
from nasengine.space.choices import Choice, Domain, Integer, Uniform

if TYPE_CHECKING:
    from nasengine.space import Label

DIMENSIONS = 128
"""The sequence is even in its first dimensions; what a walk reaches after so many positions is drawn at random."""
BLOCK = 256


class SobolSampler:
    """Points of a scrambled Sobol sequence (Owen, 1998), read as decisions: the k-th open position that the walk
    reaches takes its label from dimension k by the inverse of its distribution function.

    Points whose member is known or breaks a budget are passed over. Positions past dimension 128 are random. In a
    conditional space dimension k may stand for different positions in different branches; within a branch the points
    are spread evenly.
    """

    deterministic = True
    ignores = frozenset({"earlier", "draw"})

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._candidates = Candidates(problem)
        self._places = Places("sobol")
        self._first = -1
        self._block: Sequence[Sequence[float]] = ()

    def ask(self, n: int, view: View) -> list[Proposal]:
        """See :class:`~nasengine.search.Sampler`; empty when the space is exhausted."""
        self._places.forget(self._candidates.forget(view.next_number))
        return ask_each(n, view, self._propose)

    def tell(self, trial: TrialView) -> None:
        """What was looked at is not proposed again, and no point of the sequence is used twice."""
        self._candidates.tell(trial)
        self._places.tell(trial)

    def _propose(self, number: int) -> Proposal | None:
        start, used = self._places.next, 0

        def draw(rng: random.Random, attempt: int) -> dict[str, Label]:
            nonlocal used
            used = attempt
            return self._at(start + attempt, rng)

        decisions = self._candidates.pick(number, draw)
        return None if decisions is None else Proposal(decisions, self._places.put(number, start + used))

    def _at(self, place: int, rng: random.Random) -> dict[str, Label]:
        """The decisions of one point of the sequence."""
        point = iter(self._point(place))

        def choose(path: str, domain: Domain) -> Label:
            share = next(point, None)
            return variation.draw(rng, domain) if share is None else quantile(domain, share)

        return self._candidates.skeleton.resolve(choose)

    def _point(self, place: int) -> Sequence[float]:
        """Coordinates of one point; blocks of 256 are made at a time."""
        first = place - place % BLOCK
        if first != self._first:
            self._first, self._block = first, _points(derived_seed(self._problem.seed, -1), first)
        return self._block[place - first]


def quantile(domain: Domain, share: float) -> Label:
    """The label below which ``share`` of a domain's labels lie, by the law that random members are drawn by.

    Args:
        domain: what a position offers.
        share: in [0, 1).
    """
    if isinstance(domain, Choice) or (isinstance(domain, Integer) and not domain.log):
        return domain.labels[int(share * len(domain.labels))]
    if isinstance(domain, Integer):
        low, high = math.log(domain.low - 0.5), math.log(domain.high + 0.5)
        return min(max(round(math.exp(low + share * (high - low))), domain.low), domain.high)
    assert isinstance(domain, Uniform)
    if domain.log:
        lower, upper = math.log(domain.low), math.log(domain.high)
        return min(max(math.exp(lower + share * (upper - lower)), domain.low), domain.high)
    return domain.low + share * (domain.high - domain.low)


def _points(seed: int, first: int) -> list[list[float]]:
    """Points (256, 128) of the sequence from one on."""
    from scipy.stats import qmc

    engine = qmc.Sobol(DIMENSIONS, scramble=True, seed=seed)
    if first:
        engine.fast_forward(first)
    points: list[list[float]] = engine.random(BLOCK).tolist()
    return points
