"""How good a predictor is on members that it has not seen, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from nasengine.errors import PredictorError
from nasengine.hardware.predictor.features import Array


@dataclass(frozen=True, slots=True)
class Prediction:
    """A latency and the interval that a measured median of this network lies in with probability 0.95, in ms."""

    median_ms: float
    low_ms: float
    high_ms: float

    @property
    def spread(self) -> float:
        """Half of the interval's width, relative to the median."""
        return (self.high_ms - self.low_ms) / 2 / self.median_ms


WITHIN = 0.10
RESAMPLED = 1_000


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and its 95 % bootstrap interval over the held-out members."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Figures on held-out members.

    Args:
        n: how many.
        within_10_percent: share whose prediction is within ±10 % of the measured median.
        spearman: rank correlation.
        mape: mean of |predicted - measured| / measured.
        coverage: share of measured medians inside their 95 % intervals.
    """

    n: int
    within_10_percent: Figure
    spearman: Figure
    mape: Figure
    coverage: Figure

    def __str__(self) -> str:
        return (
            f"{self.n} held-out members: within 10 % {self.within_10_percent}, Spearman {self.spearman}, "
            f"mean error {self.mape}, intervals hold {self.coverage}"
        )

    @staticmethod
    def of(predictions: Sequence[Prediction], measured_ms: Sequence[float], *, seed: int = 0) -> HeldOut:
        """Compare predictions with what was measured.

        Args:
            seed: of the bootstrap.

        Raises:
            PredictorError: none, or not one measurement a prediction.
        """
        if not predictions or len(predictions) != len(measured_ms):
            raise PredictorError(
                f"HeldOut.of: one measurement for each of at least one prediction; got {len(predictions)} predictions "
                f"and {len(measured_ms)} measurements"
            )
        predicted, measured = np.array([p.median_ms for p in predictions]), np.asarray(measured_ms, dtype=float)
        error = np.abs(predicted / measured - 1)
        inside = np.array([p.low_ms <= y <= p.high_ms for p, y in zip(predictions, measured, strict=True)])
        picks = np.random.default_rng(seed).integers(len(error), size=(RESAMPLED, len(error)))
        return HeldOut(
            len(error),
            _figure(picks, lambda i: float((error[i] <= WITHIN).mean())),
            _figure(picks, lambda i: spearman(predicted[i], measured[i])),
            _figure(picks, lambda i: float(error[i].mean())),
            _figure(picks, lambda i: float(inside[i].mean())),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> HeldOut:
        """What :meth:`to_json` wrote."""
        names = ("within_10_percent", "spearman", "mape", "coverage")
        return HeldOut(data["n"], *[Figure(**data[name]) for name in names])


def _figure(picks: Any, of: Callable[[Any], float]) -> Figure:
    low, high = np.quantile([of(pick) for pick in picks], [0.025, 0.975])
    return Figure(of(np.arange(picks.shape[1])), float(low), float(high))


def spearman(first: Array, second: Array) -> float:
    """Rank correlation; 0 where one side has no order at all."""
    ranks = rankdata(first), rankdata(second)
    if min(np.ptp(ranks[0]), np.ptp(ranks[1])) == 0:
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])
