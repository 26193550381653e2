"""Screening: which of many candidates are read at all.

To lower a network and read its graph takes a millisecond; to look at its decisions takes a hundredth of one. So a plain
Gaussian process over the decisions alone, with fixed hyper-parameters, guesses for every candidate the score and the
costs, and those of most gain by this guess are read and judged by the surrogate. What the surrogate says of them and of
some random members, the guess learns in turn, for a few rounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.special import ndtr

from nasengine.search.model.acquisition import Gain, Trained
from nasengine.search.model.features import Array, Member, Products, Sketch
from nasengine.search.model.kernel import matern
from nasengine.search.model.surrogate import chosen
from nasengine.search.objectives import Budget

LINEAR, CURVED, LENGTH, NOISE = 0.5, 1.0, 0.5, 0.1
"""Standard deviations of the linear part, of the other and of the noise, in those of what is guessed; length in typical
distances."""


LEARNED = 128
"""Trained members that a guess learns from, at most."""


class Screen:
    """Candidates by a guess of their gain.

    Args:
        gain: by the surrogates.
        budgets: those on quantities known of every member count.
        trained: what was trained.
        first: further members that were read.
        products: of the group ``decisions``.
        chance: that a member meets the budgets on what is unknown; None where there are none.
    """

    def __init__(
        self,
        gain: Gain,
        budgets: Sequence[Budget],
        trained: Trained,
        first: Sequence[Member],
        products: Products,
        chance: Callable[[Sequence[Member]], Array] | None = None,
    ) -> None:
        self._gain, self._products, self._chance = gain, products, chance
        known = gain.known_figures()
        places = chosen(known[:, 0], LEARNED)
        members = [*(trained.members[i] for i in places), *first]
        self._budgets = [b for b in budgets if all(b.name in m.known for m in members)]
        self._members: list[Member] = []
        self._values = np.zeros((0, known.shape[1] + len(self._budgets) + (chance is not None)))
        self._put(members[: len(places)], known[places])
        self._put(first, gain.figures(first))
        self._guess: Guess | None = None

    def learned(self, members: list[Member]) -> list[Member]:
        """Take in what the surrogate says of members; returns them."""
        if members:
            self._put(members, self._gain.figures(members))
            self._guess = None
        return members

    def ordered(self, sketches: Sequence[Sketch]) -> list[Sketch]:
        """Sketches in the order of their guessed gain."""
        if not sketches:
            return []
        if self._guess is None:
            self._guess = Guess(self._members, self._values, self._products)
        guessed, doubt = self._guess(sketches)
        count = guessed.shape[1] - len(self._budgets) - (self._chance is not None)
        worth = self._gain.guessed(guessed[:, :count], doubt * self._guess.spreads[0])
        for k, budget in enumerate(self._budgets, count):
            over = (guessed[:, k] - math.log1p(budget.limit)) / np.maximum(doubt * self._guess.spreads[k], 1e-12)
            worth = worth * ndtr(-over if budget.sense == "at_most" else over)
        if self._chance is not None:
            worth = worth * np.exp(np.clip(guessed[:, -1], -14.0, 0.0))
        order = np.lexsort((np.arange(len(worth)), -np.round(worth / max(float(worth.max()), 1e-300), 9)))
        return [sketches[i] for i in order]

    def _put(self, members: Sequence[Member], figures: Array) -> None:
        if not members:
            return
        bounded = np.array([[math.log1p(max(m.known[b.name], 0.0)) for b in self._budgets] for m in members])
        rows = np.column_stack([figures, bounded.reshape(len(members), len(self._budgets))])
        if self._chance is not None:
            rows = np.column_stack([rows, np.log(np.maximum(self._chance(members), 1e-6))])
        self._members += members
        self._values = np.concatenate([self._values, rows])


class Guess:
    """Several quantities guessed from decisions, each standardised.

    Args:
        members: (N,), that are known.
        values: (N, quantities).
        products: of the group ``decisions``.
    """

    def __init__(self, members: Sequence[Member], values: Array, products: Products) -> None:
        self._members, self._products = members, products
        self._means = values.mean(axis=0)
        spreads = values.std(axis=0)
        self.spreads = np.where(spreads > 1e-12, spreads, 1e-12)
        dots = products.between(members, members)
        self._lengths = np.diag(dots).copy()
        squares = np.maximum(self._lengths[:, None] + self._lengths[None, :] - 2 * dots, 0)
        apart = squares[squares > 1e-9]
        self._typical = float(np.median(apart)) if len(apart) else 1.0
        self._centers, self._inner = dots.mean(axis=1), float(dots.mean())
        self._power = max(float(self._lengths.mean()) - self._inner, 1e-9)
        whole = self._kernel(dots, self._lengths, self._centers)
        whole[np.diag_indices(len(members))] += NOISE**2
        self._factor = cholesky(whole, lower=True, check_finite=False)
        self._dual = cho_solve((self._factor, True), (values - self._means) / self.spreads, check_finite=False)

    def __call__(self, sketches: Sequence[Sketch]) -> tuple[Array, Array]:
        """(sketches, quantities), guesses; (sketches,), their standard deviation in that of each quantity."""
        dots = self._products.between(sketches, self._members)
        lengths = np.array([s.sparse[-1].square for s in sketches])
        centers = dots.mean(axis=1)
        cross = self._kernel(dots, lengths, centers)
        own = LINEAR**2 * np.maximum(lengths - 2 * centers + self._inner, 0) / self._power + CURVED**2
        explained = solve_triangular(self._factor, cross.T, lower=True, check_finite=False)
        left = np.sqrt(np.maximum(own - (explained**2).sum(axis=0), 1e-9))
        return self._means + (cross @ self._dual) * self.spreads, left

    def _kernel(self, dots: Array, lengths: Array, centers: Array) -> Array:
        linear = (dots - centers[:, None] - self._centers[None, :] + self._inner) / self._power
        squares = np.maximum(lengths[:, None] + self._lengths[None, :] - 2 * dots, 0)
        made: Array = LINEAR**2 * linear + CURVED**2 * matern(squares / self._typical, LENGTH)[0]
        return made
