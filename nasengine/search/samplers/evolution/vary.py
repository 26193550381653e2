"""Variation: how decision sets of parents become one of a child, in any conditional space.

A child starts from labels taken from its parents; the walk keeps those that its own positions offer and draws what is
missing, so no child holds a dead decision or lacks a live one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from nasengine.space import variation
from nasengine.space.choices import Choice, Domain
from nasengine.space.skeleton import Skeleton

if TYPE_CHECKING:
    from nasengine.search.samplers.evolution.population import Individual
    from nasengine.space import Label

    Decisions = dict[str, Label]

Vary = Callable[[Skeleton, "Callable[[], Individual]", random.Random, int], "Decisions"]
"""(skeleton, parent, rng, attempt) → decisions of a child. ``parent()`` selects a parent; ``attempt`` counts from 0 how
often a child was refused because it is known, so that variation may go further each time."""

_MISSING = object()


def mutation() -> Vary:
    """One parent, of which one decision changes (Real et al., 2019, section "Mutations"); one more after every eighth
    child that is known."""

    def vary(skeleton: Skeleton, parent: Callable[[], Individual], rng: random.Random, attempt: int) -> Decisions:
        source = parent().decisions
        return mutated(skeleton, source, rng, some_of(list(source), 1 + attempt // 8, rng))

    return vary


def crossover_then_mutation(crossover: float = 0.9, subtree: float = 0.5) -> Vary:
    """Two parents are crossed, then each decision changes with a probability of one over their number.

    A child that is known gives way to one with at least one change, and one more after every eighth.

    Args:
        crossover: how often two parents are crossed; else one is mutated.
        subtree: share of crossovers that swap all decisions under one path; the others take each decision from either.
    """

    def vary(skeleton: Skeleton, parent: Callable[[], Individual], rng: random.Random, attempt: int) -> Decisions:
        source = parent().decisions
        if rng.random() < crossover:
            mix = swap_subtree if rng.random() < subtree else mix_uniformly
            source = mix(source, parent().decisions, rng)
        paths = list(source)
        chance = 1 / len(paths) if paths else 0.0
        chosen = [path for path in paths if rng.random() < chance]
        if attempt:
            chosen += some_of(paths, 1 + attempt // 8, rng)
        return mutated(skeleton, source, rng, chosen)

    return vary


def swap_subtree(a: Mapping[str, Label], b: Mapping[str, Label], rng: random.Random) -> Decisions:
    """``a`` with all decisions under one path taken from ``b``: the tree's crossover (Koza, 1992, section 6.3.2).

    The path leads to a decision in which the parents differ, or ends anywhere above it: near the root much is swapped,
    at the decision itself only what it opens.
    """
    different = [path for path, label in b.items() if a.get(path, _MISSING) != label]
    if not different:
        return dict(a)
    parts = different[int(rng.random() * len(different))].split(".")
    root = ".".join(parts[: 1 + int(rng.random() * len(parts))])
    under = root + "."
    child = {path: label for path, label in a.items() if path != root and not path.startswith(under)}
    child.update((path, label) for path, label in b.items() if path == root or path.startswith(under))
    return child


def mix_uniformly(a: Mapping[str, Label], b: Mapping[str, Label], rng: random.Random) -> Decisions:
    """Each decision of either parent, from one of those that have it (uniform crossover; Syswerda, 1989)."""
    child = {**a, **b}
    for path in a:
        if rng.random() < 0.5:
            child[path] = a[path]
    return child


def mutated(skeleton: Skeleton, source: Mapping[str, Label], rng: random.Random, chosen: Collection[str]) -> Decisions:
    """A member that keeps the labels of ``source`` where they hold, but for the ``chosen`` paths, which get another
    one; the rest is drawn."""

    def choose(path: str, domain: Domain) -> Label:
        if path not in source or not _offers(domain, label := source[path]):
            return variation.draw(rng, domain)
        if path in chosen and variation.options(domain) > 1:
            return variation.other_label(rng, domain, label)
        return label

    return skeleton.resolve(choose)


def some_of(paths: list[str], count: int, rng: random.Random) -> list[str]:
    """Up to ``count`` random paths."""
    return [paths[int(rng.random() * len(paths))] for _ in range(count)] if paths else []


def _offers(domain: Domain, label: Label) -> bool:
    if type(domain) is Choice:
        return label in domain.labels
    return variation.offers(domain, label)
