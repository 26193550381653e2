"""Ways to choose: at random, by replay, at an extreme; and the moves of evolution made from them.

Mutation forgets some decisions and resolves again; crossover mixes two records and resolves what is missing. Both work
on any conditional space, because only the walk knows which decisions exist.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from nasengine.errors import DecisionError
from nasengine.space.choices import Choice, Domain, Integer, Uniform
from nasengine.space.spec import Label
from nasengine.space.walk import Chooser, exact

if TYPE_CHECKING:
    from nasengine.space.architecture import Architecture
    from nasengine.space.space import Space


def at_random(rng: random.Random) -> Chooser:
    """Each decision uniform over its options; real and log domains by their own law."""
    uniform = rng.random

    def choose(path: str, domain: Domain) -> Label:
        if type(domain) is Choice:
            labels = domain.labels
            return labels[int(uniform() * len(labels))]
        return draw(rng, domain)

    return choose


def draw(rng: random.Random, domain: Domain) -> Label:
    """One random label of a domain."""
    if isinstance(domain, Choice):
        return domain.labels[int(rng.random() * len(domain.labels))]
    if isinstance(domain, Integer):
        if domain.log:
            low, high = math.log(domain.low - 0.5), math.log(domain.high + 0.5)
            return min(max(round(math.exp(low + rng.random() * (high - low))), domain.low), domain.high)
        return domain.labels[int(rng.random() * len(domain.labels))]
    assert isinstance(domain, Uniform)
    if domain.log:
        low, high = math.log(domain.low), math.log(domain.high)
        return min(max(math.exp(low + rng.random() * (high - low)), domain.low), domain.high)
    return domain.low + rng.random() * (domain.high - domain.low)


def replay(decisions: Mapping[str, Label]) -> Chooser:
    """Every decision as recorded; a missing one is an error."""

    def choose(path: str, domain: Domain) -> Label:
        if path not in decisions:
            raise DecisionError(f"{path}: a decision is missing; expected {expected(domain)}")
        return exact(path, decisions[path], domain)

    return choose


class Patterns:
    """Each decision as the path, or the last pattern that matches it, says."""

    def __init__(self, decisions: Mapping[str, Label]) -> None:
        self._exact = {path: label for path, label in decisions.items() if "*" not in path}
        self._patterns = [(path, _matcher(path), label) for path, label in decisions.items() if "*" in path][::-1]
        self._unused = set(decisions)

    def __call__(self, path: str, domain: Domain) -> Label:
        if path in self._exact:
            self._unused.discard(path)
            return exact(path, self._exact[path], domain)
        found = [(pattern, label) for pattern, matches, label in self._patterns if matches(path)]
        self._unused.difference_update(pattern for pattern, _ in found)
        if found:
            return exact(path, found[0][1], domain)
        if isinstance(domain, Choice) and len(domain.labels) == 1:
            return domain.labels[0]
        raise DecisionError(f"{path}: no decision and no pattern names this position; expected {expected(domain)}")

    def check_used(self, space: str) -> None:
        """Refuse what matched nothing.

        Raises:
            DecisionError: a path or a pattern of which no position goes by.
        """
        if self._unused:
            raise DecisionError(f"{sorted(self._unused)[0]}: no position of this member of {space!r} goes by this path")


def _matcher(pattern: str) -> Callable[[str], object]:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*"))).fullmatch


def kept(decisions: Mapping[str, Label], otherwise: Chooser) -> Chooser:
    """As recorded where the record has an answer that still holds; else as ``otherwise`` says."""

    def choose(path: str, domain: Domain) -> Label:
        if path in decisions and offers(domain, decisions[path]):
            return decisions[path]
        return otherwise(path, domain)

    return choose


def extreme(*, least: bool) -> Chooser:
    """Numbers at their least or most; the first option of anything else."""
    pick = min if least else max

    def choose(path: str, domain: Domain) -> Label:
        if isinstance(domain, (Integer, Uniform)):
            return pick(domain.low, domain.high)
        assert isinstance(domain, Choice)
        numbers = [x for x in domain.labels if isinstance(x, (int, float)) and not isinstance(x, bool)]
        return pick(numbers) if len(numbers) == len(domain.labels) else domain.labels[0]

    return choose


def mutate(space: Space, architecture: Architecture, rng: random.Random, *, changes: int) -> Architecture:
    """Forget ``changes`` decisions that can change, decide them anew, resolve what that opens."""
    domains = domains_of(space, architecture)
    free = [path for path, domain in domains.items() if options(domain) != 1]
    if not free:
        return architecture
    forgotten = set(rng.sample(free, min(changes, len(free))))
    rest = {path: label for path, label in architecture.decisions.items() if path not in forgotten}

    def anew(path: str, domain: Domain) -> Label:
        return other_label(rng, domain, architecture.decisions[path]) if path in forgotten else draw(rng, domain)

    return space.resolve(kept(rest, anew))


def crossover(space: Space, a: Architecture, b: Architecture, rng: random.Random) -> Architecture:
    """Each decision from one parent or the other; at random where neither has one that holds."""

    def choose(path: str, domain: Domain) -> Label:
        first, second = (a, b) if rng.random() < 0.5 else (b, a)
        for parent in (first, second):
            if path in parent.decisions and offers(domain, parent.decisions[path]):
                return parent.decisions[path]
        return draw(rng, domain)

    return space.resolve(choose)


def neighbours(space: Space, architecture: Architecture, rng: random.Random | None) -> Iterator[Architecture]:
    """Every member one decision away; what a change opens is drawn by ``rng``, or takes its first option."""
    fill = extreme(least=True) if rng is None else at_random(rng)
    for path, domain in domains_of(space, architecture).items():
        for label in steps(domain, architecture.decisions[path]):
            yield space.resolve(kept({**architecture.decisions, path: label}, fill))


def domains_of(space: Space, architecture: Architecture) -> dict[str, Domain]:
    """The domain behind each decision of a member."""
    found: dict[str, Domain] = {}
    again = replay(architecture.decisions)

    def choose(path: str, domain: Domain) -> Label:
        found[path] = domain
        return again(path, domain)

    space.resolve(choose)
    return found


def options(domain: Domain) -> float:
    """How many labels a domain has."""
    return len(domain.labels) if isinstance(domain, (Choice, Integer)) else math.inf


def offers(domain: Domain, label: Label) -> bool:
    """Is the label one of the domain's?"""
    if isinstance(domain, Choice):
        return label in domain.labels
    if not isinstance(label, (int, float)) or isinstance(label, bool):
        return False
    if isinstance(domain, Integer):
        return label in domain.labels
    assert isinstance(domain, Uniform)
    return domain.low <= label <= domain.high


def expected(domain: Domain) -> str:
    """What a domain offers, for a message."""
    if isinstance(domain, Choice):
        return "one of " + ", ".join(str(x) for x in domain.labels[:20]) + (", ..." if len(domain.labels) > 20 else "")
    if isinstance(domain, Integer):
        return f"a whole number {domain.low}..{domain.high}" + (f" by {domain.step}" if domain.step > 1 else "")
    assert isinstance(domain, Uniform)
    return f"a number in [{domain.low}, {domain.high}]"


def other_label(rng: random.Random, domain: Domain, label: Label) -> Label:
    """A random label that is another one; of a real range, any."""
    if isinstance(domain, Uniform):
        return draw(rng, domain)
    assert isinstance(domain, (Choice, Integer))
    index = domain.labels.index(label)  # type: ignore[arg-type]
    other = int(rng.random() * (len(domain.labels) - 1))
    return domain.labels[other if other < index else other + 1]


def steps(domain: Domain, label: Label) -> Iterator[Label]:
    """The labels one step away: every other one, or a tenth of a real range to either side."""
    if isinstance(domain, (Choice, Integer)):
        yield from (x for x in domain.labels if x != label)
        return
    assert isinstance(domain, Uniform)
    assert isinstance(label, (int, float))
    if domain.log:
        factor = (domain.high / domain.low) ** 0.1
        moved = (label / factor, label * factor)
    else:
        step = (domain.high - domain.low) / 10
        moved = (label - step, label + step)
    yield from (x for x in moved if domain.low <= x <= domain.high)
