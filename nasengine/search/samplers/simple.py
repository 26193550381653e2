"""Samplers that learn nothing: random, uniform over decision sets, and exhaustive."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import TYPE_CHECKING

from nasengine.errors import NasError, SpaceError, StudyError
from nasengine.search.samplers.candidates import Candidates, ask_each
from nasengine.search.samplers.protocol import Problem, Proposal, TrialView, View

if TYPE_CHECKING:
    from nasengine.space import Label, Space

LOOKED_AT = 200
"""Members that an exhaustive search passes over in one ask because they break a budget."""


class RandomSampler:
    """Each decision uniform over its options, or as the problem's prior says. Trial k has a generator of its own,
    seeded from the study's seed and k; nothing is proposed twice."""

    deterministic = True
    ignores = frozenset({"earlier"})

    def __init__(self, problem: Problem) -> None:
        self._candidates = Candidates(problem)

    def ask(self, n: int, view: View) -> list[Proposal]:
        """See :class:`~nasengine.search.Sampler`; empty once every member was proposed."""
        self._candidates.forget(view.next_number)
        return ask_each(n, view, self._propose)

    def _propose(self, number: int) -> Proposal | None:
        decisions = self._candidates.pick(number)
        return None if decisions is None else Proposal(decisions)

    def tell(self, trial: TrialView) -> None:
        """What was looked at is not proposed again."""
        self._candidates.tell(trial)


class UniformSampler:
    """Each decision set equally likely; where a choice opens more decisions than another, the random sampler looks at
    each member of the larger branch less often.

    Raises:
        StudyError: the space is infinite, or its members cannot be counted.
    """

    deterministic = True
    ignores = frozenset({"earlier", "draw"})

    def __init__(self, problem: Problem) -> None:
        self._candidates = Candidates(problem)
        self._space, self._size = problem.space, _countable("uniform", problem.space)

    def ask(self, n: int, view: View) -> list[Proposal]:
        """See :class:`~nasengine.search.Sampler`; empty once every member was proposed."""
        self._candidates.forget(view.next_number)
        return ask_each(n, view, self._propose)

    def _propose(self, number: int) -> Proposal | None:
        decisions = self._candidates.pick(number, self._draw)
        return None if decisions is None else Proposal(decisions)

    def _draw(self, rng: random.Random, attempt: int) -> dict[str, Label]:
        return dict(self._space[rng.randrange(self._size)].decisions)

    def tell(self, trial: TrialView) -> None:
        """What was looked at is not proposed again."""
        self._candidates.tell(trial)


class ExhaustiveSampler:
    """Every member once, in the space's order; members that break a budget known for free are passed over.

    Raises:
        StudyError: the space is infinite, or its members cannot be counted.
    """

    deterministic = True
    ignores = frozenset({"earlier", "draw"})

    def __init__(self, problem: Problem) -> None:
        self._candidates = Candidates(problem)
        self._space, self._size = problem.space, _countable("exhaustive", problem.space)
        self._places = Places("index")

    def ask(self, n: int, view: View) -> list[Proposal]:
        """See :class:`~nasengine.search.Sampler`; empty once every member was proposed."""
        self._places.forget(self._candidates.forget(view.next_number))
        return ask_each(n, view, self._propose)

    def tell(self, trial: TrialView) -> None:
        """What was looked at is not proposed again."""
        self._candidates.tell(trial)
        self._places.tell(trial)

    def _propose(self, number: int) -> Proposal | None:
        start, best, least = self._places.next, None, math.inf
        for index in range(start, min(self._size, start + LOOKED_AT)):
            decisions = self._decisions(index)
            if decisions is None or decisions in self._candidates:
                continue
            excess = self._candidates.excess(decisions)
            if best is None or excess < least:
                best, least = (index, decisions), excess
            if excess == 0:
                break
        if best is None:
            return None
        self._candidates.propose(number, best[1])
        return Proposal(best[1], self._places.put(number, best[0] if least == 0 else index))

    def _decisions(self, index: int) -> dict[str, Label] | None:
        try:
            return dict(self._space[index].decisions)
        except NasError:  # a block that refuses these values of its fields
            return None


class Places:
    """How far a sequence got: the place of each trial in it, kept in the trials' attributes.

    Args:
        name: of the attribute.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._places: dict[int, int] = {}
        self.next = 0
        """The first place after all that are taken."""

    def put(self, number: int, place: int) -> dict[str, int]:
        """A trial takes a place; returns the attributes that say so."""
        self._places[number] = place
        self.next = max(self.next, place + 1)
        return {self._name: place}

    def tell(self, trial: TrialView) -> None:
        """A trial that came from the sequence has its place in its attributes."""
        place = trial.attrs.get(self._name)
        if isinstance(place, int):
            self.put(trial.number, place)

    def forget(self, numbers: Iterable[int]) -> None:
        """Give back the places of these trials."""
        given_back = [self._places.pop(number, None) for number in numbers]
        if given_back:
            self.next = 1 + max(self._places.values(), default=-1)


def _countable(name: str, space: Space) -> int:
    """Number of decision sets.

    Raises:
        StudyError: infinitely many, or more entangled than counting can follow.
    """
    remedy = "use another sampler, such as 'random'"
    try:
        size = space.size
    except SpaceError as error:
        raise StudyError(f"sampler {name!r}: it counts the members of the space; {error}; or {remedy}") from None
    if isinstance(size, float):
        raise StudyError(
            f"sampler {name!r}: the space must be finite; {space.name!r} holds a real-valued position; use choice or "
            f"integer there, or {remedy}"
        )
    return size
