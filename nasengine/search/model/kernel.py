"""Kernel: how alike two members are, as a sum of parts with a scale each.

    k = c² + Σ_g a_g² <x_g, x'_g> + Σ_g b_g² m(|x_g - x'_g| / ℓ_g),   m(r) = (1 + √5 r + 5 r²/3) exp(-√5 r)

over the groups of features (colours of the graph, paths, decisions, costs). The linear parts learn effects that add up,
from few members; the Matérn parts (Rasmussen and Williams, 2006, eq. 4.17) learn what does not. Additive kernels over
groups: Duvenaud et al. (2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nasengine.search.model.features import GROUPS, Member, Products, dense

Array = NDArray[np.float64]
PARTS = len(GROUPS) + 1
"""Groups: the sparse ones, then costs."""
ROWS = 4_096
"""Members of which rows are remembered."""
CONSTANT = 1.0
"""Standard deviation of the mean."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """What the kernel of two lists of members is computed from.

    Args:
        linear, squares: (parts, rows, columns): products and squared distances, each in typical units.
    """

    linear: Array
    squares: Array


@dataclass(frozen=True, slots=True)
class Row:
    """What a member alone adds to the blocks.

    Args:
        numbers: (costs,), standardised.
        lengths: (parts,), squared lengths, that of the numbers last.
        centers: (sparse parts,), products with the centre of the base.
    """

    numbers: Array
    lengths: Array
    centers: Array


class Units:
    """Typical sizes in a list of members; they make hyper-parameters mean the same in every space.

    Args:
        base: the members.
        products: one for each sparse group.

    Attributes:
        names: costs that differ among the members, no two of them collinear.
        typical: (parts,), median squared distance.
        power: (parts,), mean squared distance from the centre.
        inner: (parts,), squared length of the centre.
    """

    def __init__(self, base: Sequence[Member], products: Sequence[Products]) -> None:
        self.base, self._products = tuple(base), tuple(products)
        self.names, self._means, self._spreads = _columns(base)
        self._rows: dict[Member, Row] = {}
        dots = [one.between(base, self.base) for one in self._products]
        self.inner = np.array([*(float(d.mean()) for d in dots), 0.0])
        numbers, lengths, _ = self.stacked(base)
        dots.append(numbers @ numbers.T)
        self.typical = np.array(
            [_median(n[:, None] + n[None, :] - 2 * d) for n, d in zip(lengths.T, dots, strict=True)]
        )
        power = lengths.mean(axis=0) - self.inner
        self.power = np.where(power > 1e-9, power, 1.0)

    def blocks(self, rows: Sequence[Member], columns: Sequence[Member]) -> Blocks:
        """(rows, columns) of every part. The linear parts are centred on the base."""
        numbers, lengths, centers = self.stacked(rows)
        others, ends, middles = self.stacked(columns)
        dots = np.stack([*(one.between(rows, columns) for one in self._products), numbers @ others.T])
        linear = dots - centers.T[:, :, None] - middles.T[:, None, :] + self.inner[:, None, None]
        squares = np.maximum(lengths.T[:, :, None] + ends.T[:, None, :] - 2 * dots, 0)
        return Blocks(linear / self.power[:, None, None], squares / self.typical[:, None, None])

    def own(self, members: Sequence[Member]) -> Array:
        """(parts, members): the linear parts of each with itself."""
        _, lengths, centers = self.stacked(members)
        made: Array = np.maximum((lengths - 2 * centers + self.inner) / self.power, 0.0).T
        return made

    def stacked(self, members: Sequence[Member]) -> tuple[Array, Array, Array]:
        """(members, costs) numbers, (members, parts) squared lengths and (members, parts) products with the centre."""
        new = list(dict.fromkeys(m for m in members if m not in self._rows))
        if new:
            if len(self._rows) > ROWS:
                self._rows.clear()
                new = list(dict.fromkeys(members))
            self._put(new)
        found = [self._rows[m] for m in members]
        numbers = np.array([r.numbers for r in found]).reshape(len(found), len(self.names))
        return numbers, np.array([r.lengths for r in found]), np.array([r.centers for r in found])

    def _put(self, members: Sequence[Member]) -> None:
        values = dense(members, self.names)
        numbers = np.where(np.isnan(values), 0.0, (values - self._means) / self._spreads)
        lengths = np.array(
            [[*(v.square for v in m.sparse), float(n @ n)] for m, n in zip(members, numbers, strict=True)]
        )
        centers = np.zeros_like(lengths)
        for group, one in enumerate(self._products):
            centers[:, group] = one.between(members, self.base).mean(axis=1)
        for row in zip(members, numbers, lengths, centers, strict=True):
            self._rows[row[0]] = Row(*row[1:])


def matern(squares: Array, length: float) -> tuple[Array, Array]:
    """The Matérn kernel of smoothness 5/2 of squared distances, and its derivative by the logarithm of the length."""
    ends = np.sqrt(5.0 * squares) / length
    fall = np.exp(-ends)
    return (1 + ends + ends**2 / 3) * fall, ends**2 * (1 + ends) / 3 * fall


def covariance(blocks: Blocks, hyper: Array) -> Array:
    """(rows, columns) of the kernel without noise; ``hyper`` as in :mod:`nasengine.search.model.surrogate`."""
    scales = np.exp(2 * hyper[: 2 * PARTS])
    made = np.tensordot(scales[:PARTS], blocks.linear, axes=1) + CONSTANT**2
    for part in range(PARTS):
        made += scales[PARTS + part] * matern(blocks.squares[part], float(np.exp(hyper[2 * PARTS + part])))[0]
    found: Array = made
    return found


def variance(own: Array, hyper: Array) -> Array:
    """(members,): the kernel of each with itself."""
    scales = np.exp(2 * hyper[: 2 * PARTS])
    made: Array = scales[:PARTS] @ own + scales[PARTS:].sum() + CONSTANT**2
    return made


def _columns(base: Sequence[Member]) -> tuple[tuple[str, ...], Array, Array]:
    """Costs that differ among the members, without those that another one determines."""
    names = sorted({name for m in base for name in m.numbers})
    values = dense(base, names)
    kept: list[int] = []
    with np.errstate(invalid="ignore"):
        means = np.array([np.nanmean(column) for column in values.T])
    filled = np.where(np.isnan(values), means, values)
    spreads = filled.std(axis=0) if len(filled) else np.zeros(0)
    for i in range(len(names)):
        if spreads[i] < 1e-9:
            continue
        column = (filled[:, i] - means[i]) / spreads[i]
        same = (abs(float(column @ (filled[:, k] - means[k])) / spreads[k]) / len(column) > 0.9999 for k in kept)
        if not any(same):
            kept.append(i)
    return tuple(names[i] for i in kept), means[kept], spreads[kept]


def _median(squares: Array) -> float:
    apart = squares[squares > 1e-9]
    return float(np.median(apart)) if len(apart) else 1.0
