"""Pool: the members among which the next one is chosen.

No space is enumerated but a very small one. The pool of an ask is made of relatives of the best members trained
(neighbours, mutations of two or three decisions, crossovers) and of random members, a few new ones at each ask. It is a
function of the problem, of the number asked for and of who the best are; what was made once is remembered, so that an
ask reads a few dozen new members.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import combinations, islice
from typing import TYPE_CHECKING

from nasengine.errors import NasError
from nasengine.search.model.features import Book, Member, Sketch
from nasengine.search.samplers.members import at_random, size_of
from nasengine.search.samplers.protocol import Problem

if TYPE_CHECKING:
    from nasengine.space import Architecture

WHOLE = 600
"""A space of at most so many members is its own pool."""
NEIGHBOURS = 32
"""A member with at most so many neighbours has all of them as relatives; another one as many random ones."""
FAR = 8
"""Relatives of a member that differ in two or three decisions."""
CROSSED = 2
"""Crossovers of each pair of the very best."""
PAIRED = 5
"""The very best."""
EACH = 12
"""Random members that are new at each ask."""
NEAR = 8
"""Relatives of the best candidate that are looked at beyond the pool."""
AROUND = 10
"""Members looked at in a step of a descent on a known cost."""
ASKS = 25
"""Asks for which a random member stays."""
KEPT = 1_024
"""Families that are remembered."""


class Pool:
    """Candidates of one problem."""

    def __init__(self, problem: Problem, book: Book) -> None:
        self._problem = problem
        self._book = book
        self._made: dict[tuple[object, ...], tuple[Sketch, ...]] = {}
        self._whole = size_of(problem.space) <= WHOLE and problem.draw is None

    def gather(self, number: int, best: Sequence[Member]) -> dict[Sketch, Member | None]:
        """Candidates, each decision set once, with the member that each is a relative of.

        Args:
            number: of the trial that is asked for.
            best: members whose relatives are candidates, and they themselves; the best first.
        """
        if self._whole:
            return dict.fromkeys(self._remembered(("whole",), self._enumerated))
        batches = range(max(0, number - ASKS + 1), number + 1)
        made: dict[Sketch, Member | None] = {s: member for member in best[::-1] for s in self.relatives(member)}
        for member in best:
            made.setdefault(self._book.sketch(member.architecture), None)
        others = [self._crossovers(a, b) for a, b in combinations(best[:PAIRED], 2)]
        for family in (*others, *map(self.strangers, batches)):
            for sketch in family:
                made.setdefault(sketch, None)
        return made

    def relatives(self, member: Member) -> tuple[Sketch, ...]:
        """Members one decision away, and some that are two or three away."""
        return self._remembered(("relatives", member), lambda: self._relatives(member))

    def strangers(self, batch: int, count: int = EACH) -> tuple[Sketch, ...]:
        """Random members: always the same ones for the number of a batch."""
        return self._remembered(("strangers", batch, count), lambda: self._strangers(batch, count))

    def near(self, member: Member, count: int = NEAR) -> tuple[Sketch, ...]:
        """A few members one decision away, for a look beyond the pool."""
        rng = self._rng(f"near {member.key}")
        space = self._problem.space
        return self._remembered(
            ("near", member), lambda: self._drawn(lambda: space.mutate(member.architecture, rng), count)
        )

    def around(self, member: Member, step: int, count: int = AROUND) -> tuple[Sketch, ...]:
        """Some members one to three decisions away, others at each step."""
        space, rng = self._problem.space, self._rng(f"around {member.key} {step}")

        def make() -> list[Sketch]:
            return self._drawn(lambda: space.mutate(member.architecture, rng, changes=rng.choice((1, 1, 2, 3))), count)

        return self._remembered(("around", member, step), make)

    def _strangers(self, batch: int, count: int) -> list[Sketch]:
        rng = self._rng(f"strangers {batch}")
        return self._drawn(lambda: at_random(self._problem, rng), count)

    def _crossovers(self, a: Member, b: Member) -> tuple[Sketch, ...]:
        space = self._problem.space

        def make() -> list[Sketch]:
            rng = self._rng(f"crossovers {a.key} {b.key}")
            return self._drawn(lambda: space.crossover(a.architecture, b.architecture, rng), CROSSED)

        return self._remembered(("crossovers", a, b), make)

    def _relatives(self, member: Member) -> list[Sketch]:
        space, rng = self._problem.space, self._rng(f"relatives {member.key}")
        try:
            near = list(islice(space.neighbours(member.architecture, rng), NEIGHBOURS + 1))
        except NasError:
            near = []
        if not near or len(near) > NEIGHBOURS:
            made = self._drawn(lambda: space.mutate(member.architecture, rng), NEIGHBOURS)
        else:
            made = [self._book.sketch(one) for one in near]
        return made + self._drawn(lambda: space.mutate(member.architecture, rng, changes=rng.choice((2, 2, 3))), FAR)

    def _enumerated(self) -> list[Sketch]:
        made = []
        for index in range(int(size_of(self._problem.space))):
            try:
                made.append(self._book.sketch(self._problem.space[index]))
            except NasError:
                continue
        return made

    def _drawn(self, draw: Callable[[], Architecture], count: int) -> list[Sketch]:
        """So many draws; those that a block refuses are left out."""
        made = []
        for _ in range(count):
            try:
                made.append(self._book.sketch(draw()))
            except NasError:
                continue
        return made

    def _remembered(self, key: tuple[object, ...], make: Callable[[], list[Sketch]]) -> tuple[Sketch, ...]:
        found = self._made.get(key)
        if found is None:
            if len(self._made) >= KEPT:
                for old in list(self._made)[: KEPT // 2]:
                    del self._made[old]
            found = self._made[key] = tuple(make())
        return found

    def _rng(self, what: str) -> random.Random:
        digest = blake2b(f"{self._problem.seed}/{what}".encode(), digest_size=8).digest()
        return random.Random(int.from_bytes(digest, "big"))
