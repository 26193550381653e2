"""What a learning curve will come to: regression on how finished trials went on from the same rung.

Baker et al., 2018, "Accelerating Neural Architecture Search using Performance Prediction", section 3: a
sequential regression model from what a curve shows so far (its last score and its last gain) to the final
score, with the spread of its residuals. The model here is linear in these, fitted to the finished trials nearest in
score: no shape of curves is assumed, so any schedule of learning rates will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from nasengine.search.domination import Floats, Ints
from nasengine.search.objectives import Objective
from nasengine.search.rungs.ordering import value_of
from nasengine.search.rungs.protocol import Rung

LEAST_FINISHED = 10
"""Finished trials below which nothing is foretold. Of ten, eight degrees of freedom are left for a line's spread."""


@dataclass(frozen=True)
class Outlook:
    """Where a trial's final score is expected.

    Attributes:
        expected: the final value of the objective, in its own sign.
        best: the value that the final one is no better than, with the confidence that was asked for.
    """

    expected: float
    best: float


def outlooks(
    rungs: Sequence[Rung], at: int, numbers: Sequence[int], objective: Objective, confidence: float
) -> dict[int, Outlook]:
    """Where the objective of each of the trials that wait at rung ``at`` will end; empty while too few are finished.

    Args:
        rungs: all rungs in order, the last one of full training.
        at: the rung, from 0.
        numbers: of the trials.
        objective: one that training decides.
        confidence: of each one-sided bound, between 0.5 and 1.

    Raises:
        StudyError: a result lacks the objective.
    """
    finished = [n for n in sorted(rungs[-1].results) if n in rungs[at].results]
    if len(finished) < LEAST_FINISHED:
        return {}
    shown = [shown_so_far(rungs, at, n, objective) for n in (*finished, *numbers)]
    width = min(len(row) for row in shown)  # a gain counts where every curve has it
    partial = np.array([row[:width] for row in shown])
    final = np.array([objective.loss(value_of(rungs[-1].results[n], n, objective)) for n in finished])
    own = partial[len(finished) :]
    expected, least = Continued(partial[: len(finished)], final, confidence).foretell(own)
    pairs = zip(expected.tolist(), least.tolist(), strict=True)
    # A loss's sign turns back as it turned.
    return {n: Outlook(objective.loss(e), objective.loss(b)) for n, (e, b) in zip(numbers, pairs, strict=True)}


def shown_so_far(rungs: Sequence[Rung], at: int, number: int, objective: Objective) -> list[float]:
    """What a curve shows at rung ``at``, as losses: the last score, and the gain since half of the epochs (or, without
    a curve, since the rung before) where that is known."""
    last = objective.loss(value_of(rungs[at].results[number], number, objective))
    curve = [(epoch, m[objective.name]) for epoch, m in rungs[at].curves.get(number, ()) if objective.name in m]
    half = [value for epoch, value in curve if 2 * epoch <= curve[-1][0]]
    if half:
        return [last, last - objective.loss(half[-1])]
    if at and number in rungs[at - 1].results:
        return [last, last - objective.loss(value_of(rungs[at - 1].results[number], number, objective))]
    return [last]


class Continued:
    """How finished trials went on from a rung.

    Args:
        partial: (N, K) what N finished trials showed at the rung, as losses; the last score first.
        final: (N,) their final losses.
        confidence: of the one-sided bounds.
    """

    def __init__(self, partial: Floats, final: Floats, confidence: float) -> None:
        order = np.argsort(partial[:, 0], kind="stable")
        self._partial, self._final, self._confidence = partial[order], final[order], confidence
        self._count = max(LEAST_FINISHED, ceil(len(final) / 2))

    def foretell(self, own: Floats) -> tuple[Floats, Floats]:
        """(expected final losses (T,), the losses (T,) that they stay above with the confidence) of T trials.

        A line, or a plane where that leaves less error on trials left out, through the half of the finished trials
        that is nearest in the last score, as the spread differs between good and poor trials. The bound is the lower
        one of Student's t-interval of a new observation and the quantile of the residuals of left-out trials
        (of few trials: the worst one), since late risers make residuals skew.

        Args:
            own: (T, K) what the trials show.
        """
        expected, least = np.zeros(len(own)), np.zeros(len(own))
        starts = self._starts(own[:, 0])
        for start in np.unique(starts):
            window, members = slice(start, start + self._count), starts == start
            line = _Line.best(self._partial[window], self._final[window], self._confidence)
            expected[members], least[members] = line.foretell(own[members])
        return expected, least

    def _starts(self, scores: Floats) -> Ints:
        """Where the window of the nearest of the sorted finished trials starts, for each score (T,): to a tenth of a
        window, for a tenth of the fits."""
        first = self._partial[:, 0]
        beyond = len(first) - self._count
        nearer_right = scores[:, None] - first[:beyond] > first[self._count :] - scores[:, None]
        starts = np.asarray(np.count_nonzero(nearer_right, axis=1), dtype=np.int64)
        return starts - starts % max(1, self._count // 10)


@dataclass(frozen=True)
class _Line:
    """A least-squares fit.

    Attributes:
        centre, width: (K,) of what trials showed; what is constant has no width and says nothing.
        weights: (N, P) so that ``a @ weights @ target`` is the fit at a design row ``a``.
        target: (N,) what was fitted.
        error: mean squared residual of an observation to the fit to the others.
        student: Student's t times the standard deviation of the residuals.
        below: how far below the fit to the others an observation lies at most, with the confidence.
    """

    centre: Floats
    width: Floats
    weights: Floats
    target: Floats
    error: float
    student: float
    below: float

    @classmethod
    def best(cls, partial: Floats, target: Floats, confidence: float) -> _Line:
        """Of the fits to the first 1, 2, ... columns the one with the least error on trials left out."""
        fits = [cls.fit(partial[:, :k], target, confidence) for k in range(1, partial.shape[1] + 1)]
        return min(fits, key=lambda f: f.error)

    @classmethod
    def fit(cls, partial: Floats, target: Floats, confidence: float) -> _Line:
        """Fit ``target`` (N,) to ``partial`` (N, K) and an intercept."""
        from scipy.special import stdtrit

        centre, width = partial.mean(axis=0), partial.max(axis=0) - partial.min(axis=0)
        design = _design(partial, centre, width)
        weights = np.asarray(np.linalg.pinv(design), dtype=np.float64)
        residuals = target - design @ (weights @ target)
        left_out = residuals / (1 - np.minimum((design * weights.T).sum(axis=1), 1 - 1e-9))
        freedom = max(1, len(target) - design.shape[1])
        spread = float(np.sqrt((residuals**2).sum() / freedom))
        rank = min(len(target), ceil((len(target) + 1) * confidence))
        below = float(np.sort(-left_out)[rank - 1])
        error, student = float((left_out**2).mean()), float(stdtrit(freedom, confidence)) * spread
        return cls(centre, width, weights, target, error, student, below)

    def foretell(self, own: Floats) -> tuple[Floats, Floats]:
        """See :meth:`Continued.foretell`."""
        weights = _design(own[:, : len(self.centre)], self.centre, self.width) @ self.weights
        expected, leverage = weights @ self.target, (weights**2).sum(axis=1)
        return expected, expected - np.maximum(max(0.0, self.below), self.student * np.sqrt(1 + leverage))


def _design(partial: Floats, centre: Floats, width: Floats) -> Floats:
    """(N, P): an intercept, and the columns that vary."""
    varies = width > 0
    return np.column_stack([np.ones(len(partial)), (partial - centre)[:, varies] / width[varies]])
