"""Objectives with noise: means of repeats, their standard errors, and how sure a place on the front is.

Legend: N candidates, R_n repeats of candidate n, M objectives; ``repeats`` holds N sets of measurements, each
    (R_n, M), or (N, R, M) as one array.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nasengine.errors import StudyError
from nasengine.search.domination import Floats, Ints, Points, front_mask, losses


@dataclass(frozen=True)
class Estimates:
    """Means of repeats.

    Attributes:
        means: (N, M).
        errors: (N, M) standard errors of the means; 0 for what is known exactly.
        freedom: (N,) degrees of freedom of the standard errors.
    """

    means: Floats
    errors: Floats
    freedom: Ints


def estimates(repeats: Iterable[Points]) -> Estimates:
    """Means and standard errors of repeated measurements.

    The standard error of R repeats is s / √R with their own standard deviation s. A candidate measured once has none,
    so it takes the pooled one of the others, √(Σ (R_n - 1) s_n² / Σ (R_n - 1)), as if noise were the same for all.

    Raises:
        StudyError: no candidate, one without measurements, different numbers of objectives, values that are not finite,
            or one measurement each, which says nothing of the noise.
    """
    samples = [_sample(n, points) for n, points in enumerate(repeats)]
    if not samples or any(s.shape[1] != samples[0].shape[1] for s in samples):
        raise StudyError(
            "repeats: at least one candidate, and the same objectives for all; got "
            f"{', '.join(str(s.shape) for s in samples[:5]) or 'none'}"
        )
    freedom = np.array([len(s) - 1 for s in samples], dtype=np.int64)
    if not freedom.any():
        raise StudyError(
            "repeats: noise shows where a candidate was measured more than once; got one measurement each; repeat some"
        )
    squares = np.array([((s - s.mean(axis=0)) ** 2).sum(axis=0) for s in samples])
    pooled = squares.sum(axis=0) / freedom.sum()
    variance = np.where(freedom[:, None] > 0, squares / np.maximum(freedom, 1)[:, None], pooled)
    means = np.array([s.mean(axis=0) for s in samples])
    errors = np.sqrt(variance / (freedom[:, None] + 1))
    return Estimates(means, errors, np.where(freedom > 0, freedom, freedom.sum()))


def front_probability(
    means: Points,
    errors: Points,
    directions: Sequence[str],
    *,
    freedom: Sequence[int] | Ints | None = None,
    draws: int = 1_000,
    seed: int = 0,
) -> Floats:
    """Probability (N,) that each candidate is on the front of the true values.

    By simulation: in each draw every value is its mean plus its standard error times a draw of Student's t
    (normal where ``freedom`` is None), values being independent, and the front is found. The probability is the share
    of draws in which a candidate is not dominated; its own standard error is at most 0.5 / √draws.

    Args:
        means: (N, M) in the objectives' own signs.
        errors: (N, M) standard errors; 0 for what is known exactly, such as parameters.
        directions: M directions.
        freedom: (N,) degrees of freedom of the errors, from :func:`estimates`.
        draws: of the simulation.
        seed: of it.

    Raises:
        StudyError: errors of another shape, negative or not finite; degrees of freedom below 1.
    """
    loss, error = losses(means, directions), _errors(errors, means, directions)
    if not len(loss):
        return np.zeros(0)
    rng = np.random.default_rng(seed)
    on_front = np.zeros(len(loss))
    degrees = _degrees(freedom, loss.shape)
    for _ in range(draws):
        noise = rng.standard_normal(loss.shape)
        if degrees is not None:
            noise *= np.sqrt(degrees / rng.chisquare(degrees))  # its own spread for each objective
        on_front += front_mask(loss + error * noise)
    return on_front / draws


def _sample(number: int, points: Points) -> Floats:
    sample = np.asarray(points, dtype=np.float64)
    if sample.ndim != 2 or not sample.size:
        raise StudyError(
            f"repeats[{number}]: one row a measurement and one column an objective, (R, M); got shape {sample.shape}"
        )
    if not np.isfinite(sample).all():
        raise StudyError(
            f"repeats[{number}]: values are finite numbers; got {sample[~np.isfinite(sample)][0]}; leave out repeats "
            "that failed"
        )
    return sample


def _errors(errors: Points, means: Points, directions: Sequence[str]) -> Floats:
    error, shape = np.asarray(errors, dtype=np.float64), (len(np.asarray(means)), len(directions))
    if error.size == 0:
        error = error.reshape(0, len(directions))
    if error.shape != shape or not (np.isfinite(error) & (error >= 0)).all():
        raise StudyError(
            f"errors: a finite standard error from 0 on for each mean, {shape}; got shape {error.shape} and "
            f"the least {error.min(initial=np.inf)}"
        )
    return error


def _degrees(freedom: Sequence[int] | Ints | None, shape: tuple[int, ...]) -> Floats | None:
    """Degrees of freedom of each standard error, (N, M)."""
    if freedom is None:
        return None
    degrees = np.asarray(freedom, dtype=np.float64)
    if degrees.shape != shape[:1] or not (degrees >= 1).all():
        raise StudyError(f"freedom: one number from 1 on for each candidate, ({shape[0]},); got {freedom!r}")
    return np.repeat(degrees[:, None], shape[1], axis=1)
