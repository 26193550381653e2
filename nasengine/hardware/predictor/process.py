"""A Gaussian process on the logarithm of the latency: the physics as its mean, its parameters and the wiring as its
covariance, Student noise against outliers.

    log y = physics(θ) + g(wiring) + noise,   θ ~ Normal(start, variances),   g ~ GP(0, σ² exp(-d² / 2 ℓ²))

θ is found by Gauss-Newton steps, the five hyper-parameters by the marginal likelihood of the linearised model with
weak priors (Rasmussen and Williams, 2006, eq. 2.30 and section 5.4.1), the noise's weights by expectation-maximisation
(Student, 4 degrees of freedom).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from nasengine.hardware.predictor.features import Array, Reading, Vocabulary
from nasengine.hardware.predictor.physics import Physics

HYPER = np.log([0.7, 0.15, 0.08, 1.0, 0.05])
"""Expected standard deviation of families, of kernels and of g, length of g in typical distances, noise."""
HYPER_SPREAD = np.array([0.5, 0.7, 0.8, 0.7, 0.8])
FARTHEST = 4.0
"""Spreads from what is expected that a hyper-parameter may go."""
FREEDOM = 4.0
SUBSET = 200
"""Hyper-parameters are chosen on at most so many measurements: they are five, and each trial costs a cube of this."""
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was found: enough to predict with, as plain arrays.

    Args:
        theta: parameters of the physics.
        hyper: logarithms of the hyper-parameters.
        weights: (networks,), trust in each measurement; 1 is usual.
        evidence: logarithm of the marginal likelihood.
    """

    theta: Array
    hyper: Array
    weights: Array
    evidence: float


class Process:
    """The model on given measurements; everything but :class:`Fitted` is computed anew from them.

    Args:
        found: readings of the measured networks.
        latency: (networks,), positive.
        fitted: None fits.
    """

    def __init__(self, found: Sequence[Reading], latency: Array, fitted: Fitted | None = None) -> None:
        self.vocabulary = Vocabulary.of(found)
        self.counts = self.vocabulary.counts(found)
        self.wiring = self.vocabulary.wiring(found)
        self.unit = _unit(self.counts, self.vocabulary)
        self.physics = Physics.of(self.vocabulary, self.unit)
        self.scale = float(np.exp(np.median(np.log(latency))))
        self.target = np.log(latency / self.scale)
        self.distances = _squares(self.wiring, self.wiring)
        self.typical = _typical(self.distances)
        self.start = self.physics.start()
        self.fitted = fitted or self._fit()
        self._solve()

    # --- prediction ----------------------------------------------------------------------------------------------

    def predict(self, found: Sequence[Reading]) -> tuple[Array, Array]:
        """(networks,) each: mean and standard deviation of the logarithm of a measured latency."""
        vocabulary = self.vocabulary.extended(found)
        physics = Physics.of(vocabulary, self.unit, self.vocabulary)
        place = _places(self.physics, physics)
        theta, start = physics.start(), physics.start()
        theta[place] = self.fitted.theta
        variances = physics.variances(*np.exp(self.fitted.hyper[:2]))
        mean, slopes = physics.slopes(theta, vocabulary.counts(found))
        wiring = vocabulary.wiring(found)
        known = self.wiring.shape[1]
        squares = _squares(wiring[:, :known], self.wiring) + (wiring[:, known:] ** 2).sum(1)[:, None]
        covariance = self._kernel(squares, self.fitted.hyper)
        mean = (
            mean + slopes @ (start - theta) + ((slopes * variances)[:, place] @ self.slopes.T + covariance) @ self.dual
        )
        both = (slopes * variances)[:, place] @ self.slopes.T + covariance
        explained = solve_triangular(self.factor, both.T, lower=True)
        prior = (slopes**2 * variances).sum(1) + np.exp(2 * self.fitted.hyper[2])
        noise = np.exp(2 * self.fitted.hyper[4])
        return mean + np.log(self.scale), np.sqrt(np.maximum(prior - (explained**2).sum(0), 0) + noise)

    def _solve(self) -> None:
        fitted = self.fitted
        mean, self.slopes = self.physics.slopes(fitted.theta, self.counts)
        left = self.target - mean + self.slopes @ (fitted.theta - self.start)
        variances = self.physics.variances(*np.exp(fitted.hyper[:2]))
        whole = (self.slopes * variances) @ self.slopes.T + self._rest(fitted.hyper, fitted.weights)
        self.factor = cholesky(whole, lower=True)
        self.dual = cho_solve((self.factor, True), left)

    def left_out(self) -> Array:
        """(networks,): error of each when the others predict it, in its deviations (Rasmussen and Williams, eq. 5.12).

        Hyper-parameters and the point of linearisation are those of all.
        """
        inverse = cho_solve((self.factor, True), np.eye(len(self.target)))
        noise = np.exp(2 * self.fitted.hyper[4])
        variance = 1 / np.diag(inverse) + noise - noise / self.fitted.weights
        made: Array = self.dual / np.diag(inverse) / np.sqrt(np.maximum(variance, noise))
        return made

    # --- fitting -------------------------------------------------------------------------------------------------

    def _fit(self) -> Fitted:
        count = len(self.target)
        theta, hyper, weights = self.start, HYPER, np.ones(count)
        chosen = np.linspace(0, count - 1, min(count, SUBSET)).astype(int)
        evidence = 0.0
        for _ in range(ROUNDS):
            theta = self._steps(theta, hyper, weights)
            mean, slopes = self.physics.slopes(theta, self.counts)
            left = self.target - mean + slopes @ (theta - self.start)
            hyper, evidence = self._hyper(slopes[chosen], left[chosen], hyper, weights[chosen], chosen)
            weights = self._weights(slopes, left, hyper, weights)
        return Fitted(self._steps(theta, hyper, weights), hyper, weights, evidence)

    def _steps(self, theta: Array, hyper: Array, weights: Array) -> Array:
        """Gauss-Newton with halved steps, to the most probable parameters."""
        variances = self.physics.variances(*np.exp(hyper[:2]))
        rest = self._rest(hyper, weights)
        factor = cho_factor(rest, lower=True)

        def misfit(at: Array) -> float:
            error = self.target - self.physics.total(at, self.counts)
            return float(0.5 * error @ cho_solve(factor, error) + 0.5 * ((at - self.start) ** 2 / variances).sum())

        now = misfit(theta)
        for _ in range(12):
            mean, slopes = self.physics.slopes(theta, self.counts)
            left = self.target - mean + slopes @ (theta - self.start)
            whole = cho_factor((slopes * variances) @ slopes.T + rest, lower=True)
            step = self.start + variances * (slopes.T @ cho_solve(whole, left)) - theta
            step = step * min(1.0, 2 / max(float(np.abs(step).max()), 1e-12))
            trials = ((theta + step / 2**i, misfit(theta + step / 2**i)) for i in range(8))
            better = next((trial for trial in trials if trial[1] < now - 1e-9), None)
            if better is None:
                break
            gain, now, theta = now - better[1], better[1], better[0]
            if gain < 1e-3:
                break
        return theta

    def _hyper(self, slopes: Array, left: Array, start: Array, trust: Array, chosen: Any) -> tuple[Array, float]:
        """Hyper-parameters of most marginal likelihood, from the present ones, and its logarithm."""
        kernels = self.physics.sizes[2]
        unit = self.physics.variances(1.0, 1.0)
        fixed = (slopes[:, :4] * unit[:4]) @ slopes[:, :4].T
        levels = (slopes[:, 4:kernels] * unit[4:kernels]) @ slopes[:, 4:kernels].T
        single = slopes[:, kernels:] @ slopes[:, kernels:].T
        squares = self.distances[np.ix_(chosen, chosen)]
        diagonal = np.diag_indices(len(left))

        def loss(hyper: Array) -> tuple[float, Array]:
            scales = np.exp(2 * hyper)
            wired = self._kernel(squares, hyper)
            whole = fixed + scales[0] * levels + scales[1] * single + wired
            whole[diagonal] += scales[4] / trust + 1e-9
            try:
                factor = cholesky(whole, lower=True, check_finite=False)
            except LinAlgError:
                return 1e10, np.zeros(5)
            inverse = cho_solve((factor, True), np.eye(len(left)), check_finite=False)
            dual = inverse @ left
            pull = inverse - np.outer(dual, dual)  # the slope is half the trace of this times that of the covariance
            ends = squares / self.typical / scales[3]
            slopes = [(pull * levels).sum() * scales[0], (pull * single).sum() * scales[1], (pull * wired).sum()]
            slopes += [0.5 * (pull * wired * ends).sum(), float((np.diag(pull) / trust).sum()) * scales[4]]
            off = (hyper - HYPER) / HYPER_SPREAD
            value = 0.5 * left @ dual + np.log(np.diag(factor)).sum() + 0.5 * (off**2).sum()
            return float(value), np.array(slopes) + off / HYPER_SPREAD

        bounds = list(zip(HYPER - FARTHEST * HYPER_SPREAD, HYPER + FARTHEST * HYPER_SPREAD, strict=True))
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 20})
        return found.x, -float(found.fun)

    def _weights(self, slopes: Array, left: Array, hyper: Array, weights: Array) -> Array:
        """Trust in each measurement under Student noise, given what the rest says of it."""
        variances = self.physics.variances(*np.exp(hyper[:2]))
        whole = (slopes * variances) @ slopes.T + self._rest(hyper, weights)
        inverse = cho_solve(cho_factor(whole, lower=True), np.eye(len(left)))
        noise = np.exp(2 * hyper[4]) / weights
        error = noise * (inverse @ left)
        square = error**2 + np.maximum(noise - noise**2 * np.diag(inverse), 0)
        made: Array = (FREEDOM + 1) / (FREEDOM + square / np.exp(2 * hyper[4]))
        return made

    def _rest(self, hyper: Array, weights: Array) -> Array:
        """Covariance of g and the noise."""
        made = self._kernel(self.distances, hyper)
        made[np.diag_indices(len(made))] += np.exp(2 * hyper[4]) / weights + 1e-9
        return made

    def _kernel(self, squares: Array, hyper: Array) -> Array:
        made: Array = _kernel(squares, self.typical, hyper)
        return made


def _squares(first: Array, second: Array) -> Array:
    """(rows of one, rows of the other): squared distances."""
    made: Array = np.maximum((first**2).sum(1)[:, None] + (second**2).sum(1)[None] - 2 * first @ second.T, 0)
    return made


def _places(small: Physics, large: Physics) -> Any:
    """Where the parameters of a law stand among those of one that extends it."""
    starts = (0, *small.sizes)
    ends = (*small.sizes, small.size)
    into = (0, *large.sizes)
    return np.concatenate([np.arange(e - s) + i for s, e, i in zip(starts, ends, into, strict=True)])


def prior_covariance(found: Sequence[Reading]) -> Array:
    """(networks, networks): covariance of the logarithm of the latency before anything is measured."""
    vocabulary = Vocabulary.of(found)
    counts, wiring = vocabulary.counts(found), vocabulary.wiring(found)
    physics = Physics.of(vocabulary, _unit(counts, vocabulary))
    slopes = physics.slopes(physics.start(), counts)[1]
    squares = _squares(wiring, wiring)
    made: Array = (slopes * physics.variances(*np.exp(HYPER[:2]))) @ slopes.T + _kernel(
        squares, _typical(squares), HYPER
    )
    return made


def _unit(counts: Array, vocabulary: Vocabulary) -> Array:
    """(3,): launches, MACs and bytes of a mean network."""
    made: Array = np.maximum((counts @ vocabulary.costs()).mean(0), 1e-30)
    return made


def _typical(squares: Array) -> float:
    """Median of the squared distances between networks that differ."""
    apart = squares[squares > 1e-9]
    return float(np.median(apart)) if len(apart) else 1.0


def _kernel(squares: Array, typical: float, hyper: Array) -> Array:
    """Covariance of g."""
    made: Array = np.exp(2 * hyper[2]) * np.exp(-0.5 * squares / typical / np.exp(2 * hyper[3]))
    return made
