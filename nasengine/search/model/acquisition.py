"""Acquisition: what a candidate is expected to add, from surrogates of what is unknown and from what is known.

The first unknown objective is the value of :mod:`nasengine.search.model.improvement`; objectives that are known before
training are taken as they are, in their own units, as a study's hypervolume takes them. A budget on a quantity that is
not known before a network is trained counts by the probability that it is met.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from nasengine.search.model.features import Member
from nasengine.search.model.improvement import Scale, expected_improvement, nodes, partition
from nasengine.search.model.scores import Warp
from nasengine.search.model.surrogate import Surrogate
from nasengine.search.objectives import Budget, Objective
from nasengine.search.pareto import non_dominated

Array = NDArray[np.float64]
MARGIN = 0.1
"""The corner lies so much of the observed range beyond the worst value, as a study's reference point does."""
KNOTS = 24
"""Quantiles of the results at which scores and results are tied, beside the front's own."""


@dataclass(frozen=True, slots=True)
class Model:
    """What is believed of one unknown quantity.

    Args:
        warp: from results to scores.
        surrogate: of the scores.
    """

    warp: Warp
    surrogate: Surrogate

    def predict(self, members: Sequence[Member]) -> tuple[Array, Array]:
        """Mean and standard deviation of the score of each."""
        return self.surrogate.predict(members)


@dataclass(frozen=True, slots=True)
class Trained:
    """Members that count as trained, with the loss of every objective.

    Args:
        members: (N,).
        losses: (N, M), smaller is better.
    """

    members: tuple[Member, ...]
    losses: Array


class Gain:
    """The hypervolume that a member is expected to add to those trained.

    Args:
        objectives: of the study.
        models: of the objectives that are unknown before training, by name.
        trained: at least one.
        around: further members that the volume must reach beyond.
    """

    def __init__(
        self,
        objectives: Sequence[Objective],
        models: Mapping[str, Model],
        trained: Trained,
        around: Sequence[Member] = (),
    ) -> None:
        self._objectives, self._models = objectives, models
        self._value = next((i for i, o in enumerate(objectives) if o.name in models), 0)
        self._others = [i for i in range(len(objectives)) if i != self._value]
        self._unknown = [(k, objectives[i]) for k, i in enumerate(self._others) if objectives[i].name in models]
        self._losses = losses = trained.losses
        corner = _corner(losses[:, self._others], self._known_losses(around))
        values = losses[:, self._value]
        self._warp = self._warp_of(objectives[self._value], values)
        self._scale, floor = _scale(self._warp, objectives[self._value], values)
        front = losses[non_dominated(losses, ["minimize"] * len(objectives))]
        self._boxes = partition(front[:, self._others], -front[:, self._value], corner, floor)

    def __call__(self, members: Sequence[Member]) -> Array:
        """(members,): the expected gain of each."""
        costs = self._known_losses(members)
        mean, sd = self._predicted(members)
        centers = [self._models[objective.name].predict(members) for _, objective in self._unknown]
        draws, chances = nodes(len(self._unknown))
        total = np.zeros(len(members))
        for draw, chance in zip(draws, chances, strict=True):
            for (k, objective), (center, spread), step in zip(self._unknown, centers, draw, strict=True):
                results = self._models[objective.name].warp.result(center + spread * step)
                costs[:, k] = results if objective.direction == "minimize" else -results
            total += chance * self.of(costs, mean, sd)
        return total

    def of(self, costs: Array, mean: Array, sd: Array) -> Array:
        """(members,): the expected gain from figures.

        Args:
            costs: (members, M - 1), losses of the objectives but the value.
            mean, sd: (members,), of the value's score.
        """
        return expected_improvement(self._boxes, costs, mean, sd, self._scale)

    def figures(self, members: Sequence[Member]) -> Array:
        """(members, M + 1): what :meth:`guessed` takes: mean and logarithm of the deviation of the value's score, then
        the losses of the other objectives, as expected where they are unknown."""
        mean, sd = self._predicted(members)
        costs = self._known_losses(members)
        for k, objective in self._unknown:
            model = self._models[objective.name]
            costs[:, k] = [objective.loss(float(r)) for r in model.warp.result(model.predict(members)[0])]
        return np.column_stack([mean, np.log(np.maximum(sd, 1e-6)), costs])

    def known_figures(self) -> Array:
        """(trained, M + 1): the same of those trained, as they turned out."""
        losses = self._losses
        results = [self._objectives[self._value].loss(float(v)) for v in losses[:, self._value]]
        name = self._objectives[self._value].name
        sure = math.log(self._models[name].surrogate.noise) if name in self._models else math.log(1e-6)
        return np.column_stack(
            [self._warp.score(np.array(results)), np.full(len(losses), sure), losses[:, self._others]]
        )

    def guessed(self, figures: Array, doubt: Array) -> Array:
        """(members,): the gain by figures that are guessed; ``doubt`` is the deviation of the guess of the mean."""
        spread = np.exp(np.clip(figures[:, 1], -14.0, 3.0))
        return self.of(figures[:, 2:], figures[:, 0], np.hypot(spread, doubt))

    def _known_losses(self, members: Sequence[Member]) -> Array:
        """(members, objectives but the value); 0 where unknown."""
        made = np.zeros((len(members), len(self._others)))
        for k, i in enumerate(self._others):
            objective = self._objectives[i]
            if objective.name not in self._models:
                made[:, k] = [objective.loss(m.known[objective.name]) for m in members]
        return made

    def _predicted(self, members: Sequence[Member]) -> tuple[Array, Array]:
        """Mean and deviation of the value's score; exact where it is known."""
        objective = self._objectives[self._value]
        if objective.name in self._models:
            return self._models[objective.name].predict(members)
        return self._warp.score(np.array([m.known[objective.name] for m in members])), np.zeros(len(members))

    def _warp_of(self, objective: Objective, losses: Array) -> Warp:
        if objective.name in self._models:
            return self._models[objective.name].warp
        return Warp.of(objective, [objective.loss(float(v)) for v in losses])


def feasible(budgets: Sequence[Budget], models: Mapping[str, Model], members: Sequence[Member]) -> Array:
    """(members,): probability that budgets on unknown quantities are met."""
    made = np.ones(len(members))
    for budget in budgets:
        if budget.name in models:
            model = models[budget.name]
            mean, sd = model.predict(members)
            away = (mean - float(model.warp.score(budget.limit))) / np.hypot(sd, model.surrogate.noise)
            upper = (budget.sense == "at_most") == (model.warp.sign < 0)
            made *= ndtr(away if upper else -away)
    return made


def believed(objectives: Sequence[Objective], models: Mapping[str, Model], members: Sequence[Member]) -> Array:
    """(members, M): losses as expected."""
    made = np.zeros((len(members), len(objectives)))
    for i, objective in enumerate(objectives):
        if objective.name in models and members:
            model = models[objective.name]
            made[:, i] = [objective.loss(float(r)) for r in model.warp.result(model.predict(members)[0])]
        else:
            made[:, i] = [objective.loss(m.known[objective.name]) for m in members]
    return made


def _corner(observed: Array, costs: Array) -> Array:
    """(M - 1,): where the volume ends."""
    both = np.concatenate([observed, costs]) if costs.size else observed
    worst, best = both.max(axis=0), both.min(axis=0)
    made: Array = worst + MARGIN * np.where(worst > best, worst - best, np.maximum(np.abs(worst), 1e-9))
    return made


def _scale(warp: Warp, objective: Objective, losses: Array) -> tuple[Scale, float]:
    """Knots between results and scores, from the floor on; the floor."""
    values = -losses
    spread = float(values.max() - values.min())
    floor = float(values.min()) - MARGIN * (spread if spread > 0 else max(abs(float(values.max())), 1e-9))
    units = np.unique(np.concatenate([[floor], values, np.linspace(floor, values.max(), KNOTS)]))
    results = units if objective.direction == "maximize" else -units
    scores = np.maximum.accumulate(warp.score(results))
    scores = scores + np.arange(len(scores)) * 1e-12 * max(1.0, float(np.abs(scores).max()))
    return Scale(units, scores), floor
