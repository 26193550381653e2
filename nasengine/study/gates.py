"""What a space can offer, found before anything is trained: the least and the most of each known quantity.

Extremes are looked for, not proved: the smallest and the largest member, random members, then a local search that
changes one decision at a time, all on closed-form cost and bounded in time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nasengine.errors import BudgetError, NasError
from nasengine.graph import screen
from nasengine.search import MEASURED, Budget, violations
from nasengine.space import Architecture, Space

SAMPLES = 200
SEARCH_S = 1.0
STALE = 200
KEPT = 1_000
"""Members that are kept for who wants to look at them again, as a latency predictor does."""


@dataclass(frozen=True)
class Member:
    """A network and what is known of it for free."""

    architecture: Architecture
    known: dict[str, float]


@dataclass
class Ranges:
    """Least and most found of each quantity, and the members that have them."""

    least: dict[str, Member] = field(default_factory=dict)
    most: dict[str, Member] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)
    seen: int = 0

    def add(self, member: Member) -> None:
        """Look at one more member."""
        self.seen += 1
        if len(self.members) < KEPT:
            self.members.append(member)
        for name, value in member.known.items():
            if name not in self.least or value < self.least[name].known[name]:
                self.least[name] = member
            if name not in self.most or value > self.most[name].known[name]:
                self.most[name] = member

    def to_json(self) -> dict[str, list[float]]:
        """Name to [least, most]."""
        return {name: [self.least[name].known[name], self.most[name].known[name]] for name in self.least}


def known_of(architecture: Architecture) -> dict[str, float]:
    """Closed-form costs by name.

    Raises:
        ShapeError: types that cannot meet.
    """
    return dict(screen(architecture).cost.to_json())


def find_ranges(space: Space, budgets: Sequence[Budget], seed: int) -> Ranges:
    """Ranges of the closed-form costs over the space.

    Raises:
        BudgetError: a budget that no member found meets; says the least (or the most) found.
        SpaceError, ShapeError: every member looked at is ill-formed; says why the first is.
    """
    rng = random.Random(seed)
    ranges, first = Ranges(), None
    started = time.monotonic()
    for architecture in _starts(space, rng):
        member, error = _looked_at(architecture)
        first = first or error
        if member is not None:
            ranges.add(member)
        if time.monotonic() - started > SEARCH_S and ranges.seen:
            break
    if not ranges.seen:
        assert first is not None
        raise first
    closed = [b for b in budgets if b.name not in MEASURED]
    wanted = dict.fromkeys([*((b.name, b.sense) for b in closed), ("macs", "at_most")])
    for name, sense in wanted:  # a quantity bounded from both sides is looked for at both ends
        sign = 1 if sense == "at_most" else -1
        _search(space, ranges, lambda m, n=name, s=sign: s * m.known[n], rng)  # type: ignore[misc]
    check_budgets(closed, ranges.to_json(), space.name, f"{ranges.seen:,} members")
    return ranges


def check_budgets(budgets: Iterable[Budget], found: Mapping[str, Sequence[float]], space: str, seen: str) -> None:
    """Refuse a budget outside of what was found; ``seen`` says in how many members, and how.

    Raises:
        BudgetError: with the least or most found.
    """
    for budget in budgets:
        low, high = found[budget.name]
        best, word = (low, "least") if budget.sense == "at_most" else (high, "most")
        if not budget.met(best):
            raise BudgetError(
                f"budget {budget}: no member of the space {space!r} was found to meet it; the {word} found in "
                f"{seen} is {best:,.6g}; {'raise' if word == 'least' else 'lower'} the budget, "
                "or widen the space"
            )


def broken(budgets: Sequence[Budget], known: Mapping[str, float]) -> tuple[dict[str, float], str]:
    """Relative violations by name, and one sentence that names the budgets broken; empty when all are met."""
    found = violations(budgets, known)
    over = [b for b in budgets if b.name in known and not b.met(known[b.name])]
    return found, "; ".join(f"{b.name} is {known[b.name]:,.6g}; the budget is {b}" for b in over)


def _starts(space: Space, rng: random.Random) -> Iterator[Architecture]:
    yield space.smallest()
    yield space.largest()
    for _ in range(SAMPLES):
        yield space.sample(rng)


def _looked_at(architecture: Architecture) -> tuple[Member | None, NasError | None]:
    try:
        return Member(architecture, known_of(architecture)), None
    except NasError as error:
        return None, error


def _search(space: Space, ranges: Ranges, score: Callable[[Member], float], rng: random.Random) -> None:
    """Climb from the best member seen by changing one to three decisions, until nothing better comes."""
    best = min([*ranges.least.values(), *ranges.most.values()], key=score)
    stale, deadline = 0, time.monotonic() + SEARCH_S
    while stale < STALE and time.monotonic() < deadline:
        member, _ = _looked_at(space.mutate(best.architecture, rng, changes=rng.choice((1, 1, 2, 3))))
        stale += 1
        if member is None:
            continue
        ranges.add(member)
        if score(member) < score(best):
            best, stale = member, 0
