"""Scores: results on the scale that a surrogate models, larger is better; what partial results say of whole ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasengine.search.objectives import KNOWN_BEFORE_TRAINING, Objective
from nasengine.search.samplers.protocol import PENDING, TrialView

Array = NDArray[np.float64]
PARTIAL = PENDING | {"pruned"}
"""Statuses of trials whose values, where they have any, are those of a rung before the last."""
PAIRS = 5
"""So many trials must have a partial and a whole result before one is taken for a guide to the other."""
GUESS = 0.5
"""Standard deviation, in scores, of a partial result of which nothing is known, and of one of an earlier study."""


@dataclass(frozen=True, slots=True)
class Warp:
    """An increasing map from a result to a score: linear above the median, logarithmic below.

    In a search space some members fail (they guess, or diverge) and the good ones differ by little. A logarithm below
    the median keeps the failures from setting the scale, and above it differences stay what they are.

    Args:
        center: median of the results, signs turned so that larger is better.
        scale: their spread above the median, as the standard deviation of a normal law with this quantile.
        sign: -1 where the objective is minimized.
        log: is the result's logarithm taken first? It is for measured quantities, as latency.
    """

    center: float
    scale: float
    sign: float = 1.0
    log: bool = False

    @staticmethod
    def of(objective: Objective, results: Sequence[float]) -> Warp:
        """The map for results of an objective; any map where there are none."""
        sign = 1.0 if objective.direction == "maximize" else -1.0
        log = objective.name in KNOWN_BEFORE_TRAINING and all(r > 0 for r in results)
        turned = sign * np.array([math.log(r) if log else r for r in results])
        if not len(turned):
            return Warp(0.0, 1.0, sign, log)
        low, center, high = np.quantile(turned, [0.1, 0.5, 0.9])
        least = 1e-9 * max(1.0, abs(float(center)))
        spreads = [(high - center) / 1.2816, (center - low) / 1.2816, float(turned.std())]
        return Warp(float(center), float(next((s for s in spreads if s > least), 1.0)), sign, log)

    def score(self, result: float | Array) -> Array:
        """Scores of results."""
        turned = self.sign * (np.log(np.maximum(result, 1e-300)) if self.log else np.asarray(result, dtype=float))
        away = (turned - self.center) / self.scale
        made: Array = np.where(away >= 0, away, -np.log1p(np.maximum(-away, 0)))
        return made

    def result(self, score: Array) -> Array:
        """Results of scores."""
        away = np.where(score >= 0, score, -np.expm1(np.minimum(-score, 50.0)))
        turned = self.sign * (self.center + self.scale * away)
        made: Array = np.exp(np.clip(turned, -690, 690)) if self.log else turned
        return made


@dataclass(frozen=True, slots=True)
class Guide:
    """What a partial score says of the whole one: ``whole = start + slope * partial``, give or take ``spread``.

    The slope is never negative: a better partial result never speaks against a member.
    """

    start: float = 0.0
    slope: float = 1.0
    spread: float = GUESS

    @staticmethod
    def of(partial: Array, whole: Array) -> Guide:
        """By least squares on trials that have both, with one pseudo-pair that says "as it is"; else no guide."""
        if len(partial) < PAIRS:
            return Guide()
        center, goal = float(partial.mean()), float(whole.mean())
        off = partial - center
        slope = max(float((off @ (whole - goal) + 0.1) / (off @ off + 0.1)), 0.0)
        left = whole - goal - slope * off
        return Guide(goal - slope * center, slope, math.sqrt((float(left @ left) + GUESS**2) / (len(left) - 1)))


@dataclass(frozen=True, slots=True)
class Score:
    """One observation: a score and the variance of what is added to it beside the model's own noise."""

    number: int
    score: float
    variance: float = 0.0


def observed(objective: Objective, trials: Iterable[TrialView]) -> tuple[Warp, list[Score]]:
    """The scores of trials on one objective, in order of number.

    Complete trials count as they are. One that was pruned, or still runs, counts by its last rung, through a
    :class:`Guide` made of the trials that passed this rung and were completed, with the guide's spread as noise.
    """
    ordered = sorted(trials, key=lambda t: t.number)
    whole = {
        t.number: t.values[objective.name] for t in ordered if t.status == "complete" and _usable(t.values, objective)
    }
    warp = Warp.of(objective, list(whole.values()))
    guides: dict[int, Guide] = {}
    made = []
    for trial in ordered:
        if trial.number in whole:
            made.append(Score(trial.number, float(warp.score(whole[trial.number]))))
        elif trial.status in PARTIAL and _usable(trial.values, objective):
            if trial.epochs not in guides:
                guides[trial.epochs] = _guide(objective, warp, trial.epochs, ordered)
            guide = guides[trial.epochs]
            partial = float(warp.score(trial.values[objective.name]))
            made.append(Score(trial.number, guide.start + guide.slope * partial, guide.spread**2))
    return warp, made


def before(objective: Objective, trials: Sequence[TrialView]) -> list[Score]:
    """Scores of an earlier study's trials, by their place, on a scale of their own and with the noise of a guess."""
    told = [(i, t) for i, t in enumerate(trials) if t.status == "complete" and _usable(t.values, objective)]
    warp = Warp.of(objective, [t.values[objective.name] for _, t in told])
    return [Score(i, float(warp.score(t.values[objective.name])), GUESS**2) for i, t in told]


def _guide(objective: Objective, warp: Warp, epoch: int, trials: Sequence[TrialView]) -> Guide:
    pairs = [
        (found[objective.name], t.values[objective.name])
        for t in trials
        if t.status == "complete"
        for at, found in t.curve
        if at == epoch and _usable(found, objective)
    ]
    array = np.array(pairs, dtype=float).reshape(-1, 2)
    return Guide.of(warp.score(array[:, 0]), warp.score(array[:, 1]))


def _usable(values: Mapping[str, float], objective: Objective) -> bool:
    return math.isfinite(values.get(objective.name, math.nan))
