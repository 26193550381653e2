"""What a method attains over seeds: attainment surfaces, and an indicator's values in a few figures.

Legend: S runs (seeds) of one method; ``runs`` holds S sets of points, each (N_s, M); ``directions`` holds M times
    ``"maximize"`` or ``"minimize"``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from nasengine.errors import StudyError
from nasengine.search.domination import Floats, Points, front_mask, losses


def attainment_surface(runs: Sequence[Points], directions: Sequence[str], share: float = 0.5) -> Floats:
    """The points (K, 2) of which each is attained by at least ``share`` of the runs, and none better is: a
    staircase, in the objectives' own signs, ordered by the first objective's loss.

    The empirical attainment function of Grunert da Fonseca, Fonseca & Hall, 2001, "Inferential Performance
    Assessment of Stochastic Optimisers and the Attainment Function", section 3, cut at one level: 0.5 is the median
    surface, 1 what every run attains, and the least share what the best run of each place does. A run attains a point
    when one of its own points is no worse in both objectives. O(T · S) for T points in all.

    Args:
        runs: at least one.
        directions: two.
        share: of the runs, above 0 and up to 1; rounded up to whole runs.

    Raises:
        StudyError: no run, another number of objectives than two, or a share outside (0, 1].
    """
    if len(directions) != 2:
        raise StudyError(
            f"attainment_surface: a surface is drawn for two objectives; got {len(directions)}; use attained()"
        )
    if not 0 < share <= 1:
        raise StudyError(f"share: above 0 and up to 1, 0.5 for the median surface; got {share!r}")
    found = _all_losses(runs, directions)
    needed = ceil(share * len(found) - 1e-9)
    firsts = np.unique(np.concatenate([loss[:, 0] for loss in found]))
    reached = np.sort(np.array([_least_second(loss, firsts) for loss in found]), axis=0)[needed - 1]
    steps = np.append(True, reached[1:] < reached[:-1])[: len(reached)] & np.isfinite(reached)
    return _own_signs(np.column_stack([firsts[steps], reached[steps]]), directions)


def attained(points: Points, runs: Sequence[Points], directions: Sequence[str]) -> Floats:
    """Share (N,) of the runs that attain each of ``points`` (N, M): the empirical attainment function, for any number
    of objectives.

    Raises:
        StudyError: no run, or values that are not finite.
    """
    wanted, found = losses(points, directions), _all_losses(runs, directions)
    shares = np.zeros(len(wanted))
    for loss in found:
        front = loss[front_mask(loss)]
        shares += [bool((front <= point).all(axis=1).any()) for point in wanted]
    return shares / len(found)


@dataclass(frozen=True)
class SeedSummary:
    """An indicator over seeds.

    Attributes:
        runs: how many.
        mean, median: of all runs.
        worst: of one run.
        low, high: bootstrap interval of the mean.
        level: of the interval.
    """

    runs: int
    mean: float
    median: float
    worst: float
    low: float
    high: float
    level: float


def over_seeds(
    values: Sequence[float], *, direction: str, level: float = 0.95, draws: int = 2_000, seed: int = 0
) -> SeedSummary:
    """Summary of one value a run, whichever indicator gave them.

    The interval is the percentile bootstrap of the mean (Efron & Tibshirani, 1993, "An Introduction to the
    Bootstrap", section 13.3): ``draws`` samples of the runs with replacement. Of few runs it is too narrow.

    Args:
        values: (S,) of the S runs.
        direction: of the indicator: ``"maximize"`` for hypervolume, ``"minimize"`` for epsilon, IGD+ and regret.
        level: of the interval, between 0 and 1.
        draws: samples.
        seed: of the samples.

    Raises:
        StudyError: no value, one that is not finite, a direction that is none, or a level outside (0, 1).
    """
    loss = losses([[v] for v in values], [direction])[:, 0]
    if not len(loss):
        raise StudyError("over_seeds: a summary needs the value of at least one run; got none")
    if not 0 < level < 1:
        raise StudyError(f"level: between 0 and 1, 0.95 as a rule; got {level!r}")
    given = np.asarray(values, dtype=np.float64)
    low, high = _bootstrap(given, level, draws, seed)
    worst = float(given[int(np.argmax(loss))])
    return SeedSummary(len(given), float(given.mean()), float(np.median(given)), worst, low, high, level)


def indicator_over_seeds(
    runs: Sequence[Points], indicator: Callable[[Points], float], *, direction: str, seed: int = 0
) -> SeedSummary:
    """:func:`over_seeds` of ``indicator`` applied to each run's points.

    Example:
        >>> front, ways = [(1.0, 2.0), (2.0, 1.0)], ["minimize", "minimize"]
        >>> indicator_over_seeds([front, front], lambda p: igd_plus(p, front, ways), direction="minimize").mean
        0.0
    """
    return over_seeds([indicator(points) for points in runs], direction=direction, seed=seed)


def _bootstrap(values: Floats, level: float, draws: int, seed: int) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, len(values), (draws, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _all_losses(runs: Sequence[Points], directions: Sequence[str]) -> list[Floats]:
    if not len(runs):
        raise StudyError("runs: at least one run is needed to say what is attained; got none")
    return [losses(points, directions) for points in runs]


def _least_second(loss: Floats, firsts: Floats) -> Floats:
    """The least second loss (K,) of one run among its points whose first loss is at most each of ``firsts`` (K,);
    infinite where it has none."""
    ordered = loss[np.argsort(loss[:, 0], kind="stable")]
    least = np.minimum.accumulate(np.append(np.inf, ordered[:, 1]))
    found: Floats = least[np.searchsorted(ordered[:, 0], firsts, side="right")]
    return found


def _own_signs(loss: Floats, directions: Sequence[str]) -> Floats:
    turned: Floats = loss * np.array([-1.0 if d == "maximize" else 1.0 for d in directions]) + 0.0
    return turned
