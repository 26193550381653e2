"""Fitting: which observations a model is made of, and when its hyper-parameters are chosen anew.

Hyper-parameters are chosen when the study has grown by an eighth, on the trials that came first by number, so that a
study that is rebuilt from its record chooses the same ones at the same place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile

import numpy as np

from nasengine.search.model.acquisition import Model
from nasengine.search.model.features import Book, Member, Products
from nasengine.search.model.scores import Score, before, observed
from nasengine.search.model.surrogate import Data, Fitted, Surrogate, chosen, fit
from nasengine.search.objectives import Budget, Objective
from nasengine.search.samplers.protocol import Problem, TrialView

LIMIT = 400
"""Observations that a surrogate is made of, at most."""
BEHIND = 0.7
"""Where trials still run among the first, hyper-parameters wait for them until so many of all have finished."""
KEPT = 64


class Fits:
    """Models of quantities on the trials told. Hyper-parameters found are remembered."""

    def __init__(self, problem: Problem, book: Book, products: Sequence[Products]) -> None:
        self._problem = problem
        self._products = products
        self._found: dict[tuple[object, ...], Fitted] = {}
        self._surrogates: dict[tuple[object, ...], Surrogate] = {}
        members = [book.of_trial(t) for t in problem.earlier]
        self._earlier = tuple((t, m) for t, m in zip(problem.earlier, members, strict=True) if m is not None)

    def model(self, name: str, trials: Sequence[TrialView], members: Mapping[int, Member]) -> Model | None:
        """The model of a quantity; None where it was never seen.

        Args:
            name: an objective's or a budget's.
            trials: in order of number.
            members: by number of trial.
        """
        usable = [t for t in self._with_values(name, trials) if t.number in members]
        warp, scores = observed(self._objective(name), usable)
        if not scores:
            return None
        data = self._data(name, scores, members)
        first = self._first(trials)
        fitted = self._fitted(name, [t for t in usable if t.number in first] or usable, members)
        return Model(warp, self._surrogate(name, data, fitted))

    def _surrogate(self, name: str, data: Data, fitted: Fitted) -> Surrogate:
        key = (name, fitted, data.members, data.scores.tobytes(), data.extra.tobytes())
        found = self._surrogates.get(key)
        if found is None:
            self._surrogates = {k: s for k, s in self._surrogates.items() if k[0] != name}
            found = self._surrogates[key] = Surrogate(data, self._products, fitted)
        return found

    def _fitted(self, name: str, trials: Sequence[TrialView], members: Mapping[int, Member]) -> Fitted:
        _, scores = observed(self._objective(name), trials)
        key = (name, tuple(scores))
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= KEPT:
                self._found.clear()
            found = self._found[key] = fit(self._data(name, scores, members), self._products)
        return found

    def _data(self, name: str, scores: Sequence[Score], members: Mapping[int, Member]) -> Data:
        """The observations, those of an earlier study behind them."""
        earlier = before(self._objective(name), [t for t, _ in self._earlier])
        made = Data(
            (*(members[s.number] for s in scores), *(self._earlier[s.number][1] for s in earlier)),
            np.array([s.score for s in (*scores, *earlier)]),
            np.array([s.variance for s in (*scores, *earlier)]),
        )
        return made.only(chosen(made.scores, LIMIT))

    def _objective(self, name: str) -> Objective:
        for objective in self._problem.objectives:
            if objective.name == name:
                return objective
        return Objective(name, "minimize")

    def _with_values(self, name: str, trials: Sequence[TrialView]) -> list[TrialView]:
        """Trials that say something of a quantity; one that broke a budget counts as finished with its value."""
        if any(o.name == name for o in self._problem.objectives) and not any(
            b.name == name for b in self._problem.budgets
        ):
            return list(trials)
        limits: dict[str, Budget] = {b.name: b for b in self._problem.budgets}
        return [t if name not in (v := _measured(t, limits)) else _as_complete(t, v) for t in trials]

    @staticmethod
    def _first(trials: Sequence[TrialView]) -> set[int]:
        """Numbers of the trials on which hyper-parameters are chosen."""
        finished = [t.number for t in trials if t.finished]
        whole = len(list(takewhile(lambda pair: pair[0] == pair[1], enumerate(finished))))
        return set(finished[: _step(max(whole, int(BEHIND * len(finished))))])


def _step(count: int) -> int:
    """The largest place of a row that grows by an eighth, up to a count."""
    step = 4
    while (larger := step + 1 + step // 8) <= count:
        step = larger
    return step


def _measured(trial: TrialView, limits: Mapping[str, Budget]) -> dict[str, float]:
    """Values that a trial has, or that its violations of budgets say."""
    made = dict(trial.values)
    for name, excess in trial.violations.items():
        if name in limits and name not in made:
            budget = limits[name]
            made[name] = budget.limit * (1 + excess if budget.sense == "at_most" else max(1 - excess, 1e-9))
    return made


def _as_complete(trial: TrialView, values: Mapping[str, float]) -> TrialView:
    return TrialView(trial.number, trial.decisions, "complete", values)
