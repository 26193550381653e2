"""What the samplers of this library share: decision sets to propose, and which of them may be proposed still."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from nasengine.errors import NasError
from nasengine.search.objectives import MEASURED
from nasengine.search.samplers.members import (
    TRIES,
    Seen,
    at_random,
    best_of,
    excess_of,
    known_of,
    least_excess,
    unseen,
)
from nasengine.search.samplers.protocol import Problem, Proposal, TrialView, View, check_values, derived_seed
from nasengine.space import Space, variation
from nasengine.space.skeleton import Skeleton

if TYPE_CHECKING:
    from nasengine.space import Label

PROBES = 8
Draw = Callable[[random.Random, int], "dict[str, Label]"]
"""A decision set from a generator and the number of the try, from 0."""


class Candidates:
    """Decision sets by number, proposed and told, and the search for one that is new.

    A candidate is closed and lowered only where that can refuse it: under budgets, or in a space where types may not
    meet (eight random members are looked at once, and every trial told as ill-formed). Elsewhere it stays a decision
    set, which takes microseconds.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.plain = type(problem.space).sample is Space.sample
        """Are members drawn as a space draws them? A space with moves of its own (a part of another one) is asked for
        them."""
        self.skeleton = Skeleton(problem.space)
        self._seen = Seen()
        self._decisions: dict[int, Mapping[str, Label]] = {}
        self._untold: dict[int, None] = {}
        self._ill_formed: set[int] = set()
        self._screens: bool | None = None

    # --- what was proposed and told ------------------------------------------------------------------------------

    def tell(self, trial: TrialView) -> None:
        """A trial exists; telling it again changes nothing.

        Raises:
            StudyError: a complete trial without a finite value of every objective.
        """
        if trial.status == "complete":
            check_values(trial, self.problem.objectives)
        self._untold.pop(trial.number, None)
        if trial.status == "infeasible" and not trial.violations:
            self._ill_formed.add(trial.number)
        else:
            self._ill_formed.discard(trial.number)
        if self._decisions.get(trial.number) != trial.decisions:
            self._put(trial.number, trial.decisions)

    def forget(self, number: int) -> list[int]:
        """Take back proposals from a number on that nobody told: none was recorded, and their numbers come again.

        Returns the numbers taken back.
        """
        forgotten = []
        while self._untold and (last := next(reversed(self._untold))) >= number:
            del self._untold[last]
            self._seen.remove(self._decisions.pop(last))
            forgotten.append(last)
        return forgotten

    @property
    def untold(self) -> int:
        """How many proposals are out that nobody told."""
        return len(self._untold)

    def __contains__(self, decisions: Mapping[str, Label]) -> bool:
        return decisions in self._seen

    def _put(self, number: int, decisions: Mapping[str, Label]) -> None:
        if number in self._decisions:
            self._seen.remove(self._decisions[number])
        self._decisions[number] = decisions
        self._seen.add(decisions)

    # --- a new one -----------------------------------------------------------------------------------------------

    def generator(self, number: int) -> random.Random:
        """The random numbers of one trial."""
        return random.Random(derived_seed(self.problem.seed, number))

    def at_random(self, rng: random.Random) -> dict[str, Label]:
        """A random decision set, as the problem says that members are drawn."""
        if self.plain and self.problem.draw is None:
            return self.skeleton.resolve(variation.at_random(rng))
        return dict(at_random(self.problem, rng).decisions)

    def neighbours(self, decisions: Mapping[str, Label], rng: random.Random) -> Iterator[dict[str, Label]]:
        """Every decision set one decision away; what a change opens is drawn by ``rng``."""
        if not self.plain:
            space = self.problem.space
            yield from (dict(member.decisions) for member in space.neighbours(space.decode(decisions), rng))
            return
        fill = variation.at_random(rng)
        for path, domain in self.skeleton.domains(decisions).items():
            for label in variation.steps(domain, decisions[path]):
                yield self.skeleton.resolve(variation.kept({**decisions, path: label}, fill))

    def pick(self, number: int, draw: Draw | None = None) -> dict[str, Label] | None:
        """A decision set for a trial: from ``draw``, else at random, else whatever a finite space has left.

        Of each, the first that may be proposed; where none meets the budgets, the least violating one found. It counts
        as proposed from now on. None when the space is exhausted.
        """
        rng = self.generator(number)
        found = None if draw is None else self._search(draw, rng)
        if found is None:
            found = self._search(lambda rng, _: self.at_random(rng), rng)
        if found is None:
            left = (member.decisions for member in unseen(self.problem.space, self._seen, rng))
            found = best_of(map(dict, left), self.excess)
        if found is not None:
            self.propose(number, found)
        return found

    def propose(self, number: int, decisions: Mapping[str, Label]) -> None:
        """A decision set goes out under a number."""
        self._put(number, decisions)
        self._untold[number] = None

    def _search(self, draw: Draw, rng: random.Random) -> dict[str, Label] | None:
        tries = iter(range(TRIES))
        return least_excess(
            lambda: draw(rng, next(tries)),
            lambda best: self._nearby(best, rng),
            self._seen.__contains__,
            self.excess,
            tries=TRIES,
        )

    def _nearby(self, decisions: Mapping[str, Label], rng: random.Random) -> dict[str, Label]:
        member = self.problem.space.decode(decisions)
        return dict(self.problem.space.mutate(member, rng, changes=rng.choice((1, 1, 2, 3))).decisions)

    # --- what may be proposed ------------------------------------------------------------------------------------

    def excess(self, decisions: Mapping[str, Label]) -> float:
        """0 for what may be proposed; see :func:`excess_of`."""
        if not self.screens:
            return 0.0
        try:
            return excess_of(self.problem, self.problem.space.decode(decisions))
        except NasError:
            return float("inf")

    @property
    def screens(self) -> bool:
        """Can looking at a candidate refuse it?"""
        if self._screens is None:
            self._screens = self._is_bounded() or not all(map(self._is_sound, range(-PROBES, 0)))
        return self._screens or self._confirmed()

    def _is_bounded(self) -> bool:
        """Is there a budget on what is known for free?"""
        known = self.problem.known is not None
        return any(known or budget.name not in MEASURED for budget in self.problem.budgets)

    def _is_sound(self, number: int) -> bool:
        try:
            known_of(self.problem, at_random(self.problem, self.generator(number)))
        except NasError:
            return False
        return True

    def _confirmed(self) -> bool:
        """Was a trial told as infeasible because its types cannot meet? A refusal by anybody else is no reason."""
        while self._ill_formed:
            number = min(self._ill_formed)
            try:
                known_of(self.problem, self.problem.space.decode(self._decisions[number]))
            except NasError:
                self._screens = True
                return True
            self._ill_formed.discard(number)
        return False


def ask_each(n: int, view: View, propose: Callable[[int], Proposal | None]) -> list[Proposal]:
    """Proposals for the next ``n`` numbers, up to the first for which there is none."""
    proposals: list[Proposal] = []
    for number in range(view.next_number, view.next_number + n):
        proposal = propose(number)
        if proposal is None:
            break
        proposals.append(proposal)
    return proposals
