"""Priors: weights over decisions, for members drawn at random."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nasengine.errors import StudyError
from nasengine.search.samplers.compose import check_reads, named, sampler_after
from nasengine.search.samplers.protocol import Problem, Sampler
from nasengine.space import variation
from nasengine.space.choices import Choice, Domain, Integer
from nasengine.space.skeleton import Skeleton
from nasengine.space.walk import Chooser

if TYPE_CHECKING:
    from nasengine.search.samplers.compose import Then
    from nasengine.space import Label, Space

POSITIONS = 10_000


@dataclass(frozen=True)
class Prior:
    """Weights over decisions, for the random members that another sampler draws: its first ones, and later restarts.

    Attributes:
        weights: pattern to weights by label: ``{"*.kernel": {3: 4, 7: 0}}`` draws kernel 3 four times as often as an
            option that is not named, and never 7. ``*`` stands for anything; a path itself comes before patterns, and
            of patterns that match the last one holds.
        then: the sampler that draws: any of this library that draws at random.

    Raises:
        StudyError: a pattern that no position goes by, a label that none of its positions offers, a weight that is no
            finite number from 0 on, or a sampler that draws nothing at random.
    """

    weights: Mapping[str, Mapping[Label, float]]
    then: Then = "random"

    def make(self, problem: Problem) -> Sampler:
        """The sampler for one study."""
        weights = Weights(self.weights)
        weights.check(problem.space)
        sampler = sampler_after(
            self.then, replace(problem, draw=lambda rng: problem.space.resolve(weights.chooser(rng)))
        )
        check_reads(sampler, "draw", "prior", f"{named(self.then)} draws no member at random")
        return sampler


class Weights:
    """Weights of labels by pattern of path.

    Args:
        weights: pattern to weights by label; a label that is not named has weight 1. ``*`` stands for anything; a path
            itself comes before patterns, and of patterns that match the last one holds.

    Raises:
        StudyError: something else, or a weight that is no finite number from 0 on.
    """

    def __init__(self, weights: Mapping[str, Mapping[Label, float]]) -> None:
        if not isinstance(weights, Mapping) or not all(isinstance(by_label, Mapping) for by_label in weights.values()):
            raise StudyError(
                f"prior: weights are given by pattern and label; got {weights!r}; write {{'*.kernel': {{3: 2.0}}}}"
            )
        for pattern, by_label in weights.items():
            for label, weight in by_label.items():
                _check_weight(pattern, label, weight)
        ordered = sorted(weights.items(), key=lambda item: "*" in item[0], reverse=True)  # paths last: they hold
        self._patterns = [(pattern, _matcher(pattern), dict(by_label)) for pattern, by_label in ordered]
        self._by_path: dict[str, list[float] | None] = {}

    def chooser(self, rng: random.Random) -> Chooser:
        """Draws each decision by its weights, and by its own law where no pattern names it."""

        def choose(path: str, domain: Domain) -> Label:
            weights = self._of(path, domain)
            if weights is None:
                return variation.draw(rng, domain)
            assert isinstance(domain, (Choice, Integer))
            return rng.choices(domain.labels, weights)[0]

        return choose

    def check(self, space: Space) -> None:
        """Refuse what would never be used, and positions left with nothing to draw.

        Raises:
            StudyError: a pattern that no position goes by, a label that none of its positions offers, a position
                without options, or one whose options all have weight 0.
        """
        positions = Skeleton(space).positions(POSITIONS)
        for pattern, matches, by_label in self._patterns:
            domains = [position.domain for position in positions if matches(position.path)]
            if len(positions) < POSITIONS:  # else the space is larger than was looked at
                _check_used(space.name, pattern, by_label, domains)
        for position in positions:
            self._of(position.path, position.domain)

    def _of(self, path: str, domain: Domain) -> list[float] | None:
        """Weights of a position's labels; None where no pattern names it."""
        if path not in self._by_path:
            matching = [by_label for _, matches, by_label in self._patterns if matches(path)]
            self._by_path[path] = _weights(path, domain, matching[-1]) if matching else None
        return self._by_path[path]


def _weights(path: str, domain: Domain, by_label: Mapping[Label, float]) -> list[float]:
    if not isinstance(domain, (Choice, Integer)):
        raise StudyError(
            f"prior: {path}: weights are for positions with options; this one takes any number in "
            f"[{domain.low}, {domain.high}]; narrow its range in the space instead"  # type: ignore[attr-defined]
        )
    weights = [float(by_label.get(label, 1.0)) for label in domain.labels]
    if sum(weights) == 0:
        raise StudyError(
            f"prior: {path}: some option has a weight above 0; got 0 for all of {variation.expected(domain)}; "
            "give one of them more"
        )
    return weights


def _check_used(space: str, pattern: str, by_label: Mapping[Label, float], domains: list[Domain]) -> None:
    if not domains:
        raise StudyError(
            f"prior: {pattern!r} matches no position of {space!r}; its paths are what a member's decisions go by"
        )
    for label in by_label:
        if not any(variation.offers(domain, label) for domain in domains):
            raise StudyError(
                f"prior: {pattern}: {label!r} is not an option of any position it matches; the first one's is "
                f"{variation.expected(domains[0])}"
            )


def _check_weight(pattern: str, label: object, weight: Any) -> None:
    number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
    if not (number and math.isfinite(weight) and weight >= 0):
        raise StudyError(f"prior: {pattern}: the weight of {label!r} is a finite number from 0 on; got {weight!r}")


def _matcher(pattern: str) -> Any:
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*"))).fullmatch
