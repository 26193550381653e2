"""Surrogate: a Gaussian process on the score of a member, with its uncertainty.

    score(x) = f(x) + noise,   f ~ GP(0, k),   k a sum over groups of features (:mod:`nasengine.search.model.kernel`)

The hyper-parameters are those of most marginal likelihood under weak priors (Rasmussen and Williams, 2006, eq. 5.9 and
section 5.4.1), found with analytic slopes from the priors' centre; they are a function of the data alone, so a rebuilt
study finds the same. Partial results and those of an earlier study carry a variance of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from nasengine.search.model.features import GROUPS, Member, Products
from nasengine.search.model.kernel import PARTS, Blocks, Units, covariance, matern, variance

Array = NDArray[np.float64]
HYPER = np.log([0.3] * PARTS + [0.5] * PARTS + [1.0] * PARTS + [0.15])
"""Centre of the priors: scales of the linear parts, of the others, lengths in typical distances, noise."""
SPREAD = np.array([1.0] * PARTS + [1.0] * PARTS + [0.7] * PARTS + [0.8])
FARTHEST = 4.0
"""Spreads from the centre that a hyper-parameter may go."""
STEPS = 15
LEARNED = 160
"""Hyper-parameters are chosen on at most so many observations: a step costs a cube of this."""
JITTER = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Observations of one quantity.

    Args:
        members: (N,), what was observed.
        scores: (N,).
        extra: (N,), variances beside the noise.
    """

    members: tuple[Member, ...]
    scores: Array
    extra: Array

    def only(self, places: Sequence[int] | NDArray[np.int64]) -> Data:
        """Some of the observations."""
        chosen = np.asarray(places, dtype=np.int64)
        return Data(tuple(self.members[i] for i in chosen), self.scores[chosen], self.extra[chosen])

    def __len__(self) -> int:
        return len(self.members)


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Hyper-parameters (logarithms, in the order of :data:`HYPER`), the units they are in, and their evidence."""

    hyper: Array
    units: Units
    evidence: float


class Surrogate:
    """The posterior of a Gaussian process on given observations.

    Args:
        data: at least one observation.
        products: of the sampler; one for each sparse group.
        fitted: hyper-parameters found on other observations; None finds them on these.
    """

    def __init__(self, data: Data, products: Sequence[Products] | None = None, fitted: Fitted | None = None) -> None:
        self.data = data
        self.products = tuple(products or (Products(i) for i in range(len(GROUPS))))
        self.fitted = fitted or fit(data, self.products)
        blocks = self.fitted.units.blocks(data.members, data.members)
        whole = covariance(blocks, self.fitted.hyper)
        whole[np.diag_indices(len(data))] += self.noise**2 + data.extra + JITTER
        self._factor = cholesky(whole, lower=True, check_finite=False)
        self._dual = cho_solve((self._factor, True), data.scores, check_finite=False)

    @property
    def noise(self) -> float:
        """Standard deviation of one observation about the member's own score."""
        return float(np.exp(self.fitted.hyper[-1]))

    def predict(self, members: Sequence[Member], *, noisy: bool = False) -> tuple[Array, Array]:
        """(members,) each: mean and standard deviation of the score; of what would be observed where ``noisy``."""
        mean, prior, explained = self._posterior(members)
        left = np.maximum(prior - (explained**2).sum(0), 1e-10)
        return mean, np.sqrt(left + (self.noise**2 if noisy else 0.0))

    def believing(self, members: Sequence[Member]) -> Surrogate:
        """The same after each of the members turned out as expected (Ginsbourger et al., 2010, "kriging believer")."""
        if not members:
            return self
        mean, _ = self.predict(members)
        data = self.data
        more = Data(
            (*data.members, *members),
            np.concatenate([data.scores, mean]),
            np.concatenate([data.extra, np.zeros(len(members))]),
        )
        return Surrogate(more, self.products, self.fitted)

    def _posterior(self, members: Sequence[Member]) -> tuple[Array, Array, Array]:
        units, hyper = self.fitted.units, self.fitted.hyper
        cross = covariance(units.blocks(members, self.data.members), hyper)
        explained = solve_triangular(self._factor, cross.T, lower=True, check_finite=False)
        return cross @ self._dual, variance(units.own(members), hyper), explained


def fit(data: Data, products: Sequence[Products]) -> Fitted:
    """Hyper-parameters of most marginal likelihood."""
    data = data.only(chosen(data.scores, LEARNED)) if len(data) > LEARNED else data
    units = Units(data.members, products)
    blocks = units.blocks(data.members, data.members)

    def loss(hyper: Array) -> tuple[float, Array]:
        return _loss(hyper, blocks, data)

    bounds = list(zip(HYPER - FARTHEST * SPREAD, HYPER + FARTHEST * SPREAD, strict=True))
    found = minimize(loss, HYPER, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": STEPS})
    return Fitted(found.x, units, -float(found.fun))


def _loss(hyper: Array, blocks: Blocks, data: Data) -> tuple[float, Array]:
    """Negative logarithm of the posterior of the hyper-parameters, up to a constant, and its slopes."""
    scales = np.exp(2 * hyper)
    parts = [matern(blocks.squares[i], float(np.exp(hyper[2 * PARTS + i]))) for i in range(PARTS)]
    whole = np.tensordot(scales[:PARTS], blocks.linear, axes=1) + 1.0
    for i, (part, _) in enumerate(parts):
        whole += scales[PARTS + i] * part
    whole[np.diag_indices(len(data))] += scales[-1] + data.extra + JITTER
    try:
        factor = cholesky(whole, lower=True, check_finite=False)
    except LinAlgError:
        return 1e10, np.zeros(len(hyper))
    inverse = cho_solve((factor, True), np.eye(len(data)), check_finite=False)
    dual = inverse @ data.scores
    pull = inverse - np.outer(dual, dual)  # the slope is half the trace of this times that of the covariance
    slopes = [scales[i] * np.vdot(pull, blocks.linear[i]) for i in range(PARTS)]
    slopes += [scales[PARTS + i] * np.vdot(pull, part) for i, (part, _) in enumerate(parts)]
    slopes += [0.5 * scales[PARTS + i] * np.vdot(pull, slope) for i, (_, slope) in enumerate(parts)]
    slopes.append(scales[-1] * np.trace(pull))
    off = (hyper - HYPER) / SPREAD
    value = 0.5 * data.scores @ dual + np.log(np.diag(factor)).sum() + 0.5 * (off**2).sum()
    return float(value), np.array(slopes) + off / SPREAD


def chosen(scores: Array, limit: int) -> NDArray[np.int64]:
    """Places of at most ``limit`` observations that stand for all: the best half, and of the rest the latest half and
    every so manieth."""
    if len(scores) <= limit:
        return np.arange(len(scores))
    best = np.argsort(-scores, kind="stable")[: limit // 2]
    rest = np.setdiff1d(np.arange(len(scores)), best)
    late, early = rest[-(limit // 4) :], rest[: -(limit // 4)]
    spread = early[np.linspace(0, len(early) - 1, limit - len(best) - len(late)).astype(int)]
    return np.sort(np.concatenate([best, late, spread]))
