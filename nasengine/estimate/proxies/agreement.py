"""How well a proxy ranks networks, against what training found of the same networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import kendalltau, rankdata

Array = np.ndarray[Any, np.dtype[np.float64]]
LEAST = 3
"""Networks below which nothing is said."""


@dataclass(frozen=True)
class Correlation:
    """A rank correlation from -1 to 1, and the ends of its bootstrap interval. NaN where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Agreement:
    """How a proxy's ranks agree with those of a trained result: over ``count`` networks that have both."""

    name: str
    count: int
    spearman: Correlation
    kendall: Correlation


def agreement(
    name: str, scores: Sequence[float], results: Sequence[float], *, resamples: int = 1_000, seed: int = 0
) -> Agreement:
    """Rank correlations of scores with results, where higher is better in both.

    Networks without a finite score or result are left out. Intervals hold 95 %: percentiles over networks drawn again
    with replacement (Efron and Tibshirani, 1993, section 13.3). Below three networks, and where all scores or all
    results are equal, they are NaN.
    """
    x, y = np.asarray(scores, dtype=float), np.asarray(results, dtype=float)
    kept = np.isfinite(x) & np.isfinite(y)
    x, y = x[kept], y[kept]
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(x), size=(resamples, len(x))) if len(x) >= LEAST else np.zeros((0, 0), dtype=int)
    return Agreement(name, len(x), _correlation(spearman, x, y, draws), _correlation(kendall, x, y, draws))


def spearman(x: Array, y: Array) -> float:
    """Spearman's rank correlation; ties share their mean rank; NaN where all are equal."""
    if len(x) < LEAST or not (np.ptp(x) and np.ptp(y)):
        return float("nan")
    return float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])


def kendall(x: Array, y: Array) -> float:
    """Kendall's τ_b, which counts ties; NaN where all are equal."""
    if len(x) < LEAST or not (np.ptp(x) and np.ptp(y)):
        return float("nan")
    return float(kendalltau(x, y).statistic)


def _correlation(
    measure: Callable[[Array, Array], float], x: Array, y: Array, draws: np.ndarray[Any, np.dtype[np.int_]]
) -> Correlation:
    found = np.array([measure(x[rows], y[rows]) for rows in draws])
    found = found[np.isfinite(found)]
    low, high = np.percentile(found, (2.5, 97.5)) if len(found) else (np.nan, np.nan)
    return Correlation(measure(x, y), float(low), float(high))
