"""Members a sampler may propose: not seen before, well formed, and within the budgets that are known for free."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from nasengine.errors import NasError, SpaceError
from nasengine.search.objectives import KNOWN_BEFORE_TRAINING, violations
from nasengine.search.samplers.protocol import Problem, derived_seed

if TYPE_CHECKING:
    from nasengine.space import Architecture, Label, Space

T = TypeVar("T")
Decisions = Mapping[str, "Label"]

TRIES = 100
ENUMERABLE = 20_000
"""Spaces of at most so many members are looked through when chance finds nothing new in them."""
SCREENED = 200
"""Members screened in one look through a space."""


def known_of(problem: Problem, architecture: Architecture) -> dict[str, float]:
    """What is known of a candidate before it is trained, by name: as ``problem.known`` says, else its closed-form cost.

    Raises:
        NasError: types that cannot meet, or whatever else ``problem.known`` refuses.
    """
    if problem.known is not None:
        return dict(problem.known(architecture))
    cost = architecture.cost().to_json()
    return {name: float(value) for name, value in cost.items() if name in KNOWN_BEFORE_TRAINING}


def excess_of(problem: Problem, architecture: Architecture) -> float:
    """By how much a candidate breaks the budgets that are known for free: relative violations added.

    0 where all are met, infinite where its types cannot meet. Budgets on what is not known yet are left out.
    """
    try:
        return sum(violations(problem.budgets, known_of(problem, architecture)).values())
    except NasError:
        return float("inf")


class Seen:
    """Decision sets and network ids that were proposed or told. A decision set may be in it several times."""

    __slots__ = ("_counts", "_ids")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._ids: set[str] = set()

    def __len__(self) -> int:
        """Number of distinct decision sets."""
        return len(self._counts)

    def __contains__(self, decisions: Decisions) -> bool:
        return key_of(decisions) in self._counts

    def add(self, decisions: Decisions, id: str = "") -> None:
        """Put a decision set in, and the id of its network where that is known."""
        key = key_of(decisions)
        self._counts[key] = self._counts.get(key, 0) + 1
        if id:
            self._ids.add(id)

    def remove(self, decisions: Decisions) -> None:
        """Take a decision set out once; the id of its network stays."""
        key = key_of(decisions)
        left = self._counts.get(key, 0) - 1
        if left > 0:
            self._counts[key] = left
        else:
            self._counts.pop(key, None)

    def repeats(self, architecture: Architecture) -> bool:
        """Is it the network of an id put in? Free where no id ever was."""
        return bool(self._ids) and architecture.id in self._ids


def key_of(decisions: Decisions) -> int:
    """A number that stands for a decision set, whatever the order of its paths.

    64 bits of this process: two of a million sets share one with a probability of about 10^-7.
    """
    if -1 in decisions.values():  # Python gives -1 and -2 one hash
        decisions = {path: "-1" if label == -1 else label for path, label in decisions.items()}
    return hash(frozenset(decisions.items()))


def fresh(problem: Problem, draw: Callable[[], Architecture], seen: Seen, *, tries: int = TRIES) -> Architecture | None:
    """A member that may be proposed: not seen, well formed, within every budget that is known for free.

    ``draw`` is called up to ``tries`` times. Where all that it gave was seen, random members follow, and a finite space
    of at most 20,000 members is looked through. Where nothing meets the budgets, the least violating member is changed
    decision by decision, up to ``tries`` times, and the best one found is returned even though it breaks one.

    Args:
        problem: space, budgets and what is known.
        draw: a new candidate at each call; one that raises a ``NasError`` counts as a try.
        seen: what must not come again.
        tries: bound on either search.

    Returns:
        None when no unseen member was found, which in a finite space means that it is exhausted.
    """
    rng = random.Random(derived_seed(problem.seed, -1 - len(seen)))

    def nearby(architecture: Architecture) -> Architecture:
        return problem.space.mutate(architecture, rng, changes=rng.choice((1, 1, 2, 3)))

    def known(architecture: Architecture) -> bool:
        return architecture.decisions in seen

    def excess(architecture: Architecture) -> float:
        found = excess_of(problem, architecture)
        return REPEAT if found == 0 and seen.repeats(architecture) else found

    for source in (draw, lambda: at_random(problem, rng)):
        found = least_excess(source, nearby, known, excess, tries=tries)
        if found is not None:
            return found
    return best_of(unseen(problem.space, seen, rng), excess)


REPEAT = 1e300
"""The excess of a network that is known under other decisions: worse than any budget broken, better than no network."""


def at_random(problem: Problem, rng: random.Random) -> Architecture:
    """A random member, as the problem says that they are drawn."""
    return problem.space.sample(rng) if problem.draw is None else problem.draw(rng)


def least_excess(
    draw: Callable[[], T],
    nearby: Callable[[T], T],
    known: Callable[[T], bool],
    excess: Callable[[T], float],
    *,
    tries: int,
) -> T | None:
    """The first candidate without excess; else the one of least excess; None when all were known.

    After ``tries`` draws the search goes on near the best candidate found, for as many steps again.
    """
    best: T | None = None
    least = float("inf")
    for attempt in range(2 * tries):
        if attempt >= tries and best is None:
            break
        try:
            candidate = draw() if attempt < tries or best is None else nearby(best)
        except NasError:  # a block that refuses these values of its fields
            continue
        if known(candidate):
            continue
        found = excess(candidate)
        if found == 0:
            return candidate
        if best is None or found < least:
            best, least = candidate, found
    return best


def best_of(candidates: Iterator[T], excess: Callable[[T], float]) -> T | None:
    """As :func:`least_excess`, of the first 200 candidates."""
    best: T | None = None
    least = float("inf")
    for _, candidate in zip(range(SCREENED), candidates, strict=False):
        found = excess(candidate)
        if found == 0:
            return candidate
        if best is None or found < least:
            best, least = candidate, found
    return best


def size_of(space: Space) -> int | float:
    """Number of decision sets; infinite where it cannot be counted."""
    try:
        return space.size
    except SpaceError:
        return float("inf")


def unseen(space: Space, seen: Seen, rng: random.Random) -> Iterator[Architecture]:
    """What is left of a finite space, from a random place on: all of a small one, some of a large one."""
    size = size_of(space)
    if isinstance(size, float) or len(seen) >= size:
        return
    start = rng.randrange(size)
    small = size <= ENUMERABLE
    for step in range(size if small else TRIES):
        index = (start + step) % size if small else rng.randrange(size)
        try:
            member = space[index]
        except NasError:
            continue
        if member.decisions not in seen:
            yield member
