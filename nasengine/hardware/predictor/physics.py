"""Physics: the time of a network as a sum over its kernels, with few numbers to learn and all of them positive.

    time = c + Σ_k n_k e^{s_k} (launches_k e^{a_k} + MACs_k e^{b_k} + bytes_k e^{d_k})

a, b, d are logarithms of the time of one launch, one multiply-accumulate, one byte: a number for the device, plus one
for the family of the kernel (dense convolutions, pools, ...), plus one for its kind (window, groups, stride); s is one
for the very kernel. Each has a normal prior around "as the level above", so a few measurements move the device's
numbers first, and many find what is peculiar to each kernel. All acts on the logarithm of the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasengine.hardware.predictor.features import COSTS, Array, Vocabulary

START = np.log([0.1, 0.3, 0.3, 0.3])
"""Shares of the mean time that are expected of the constant, of launches, MACs and bytes; the priors are wide."""
SPREAD = np.array([1.5, 1.0, 1.0, 1.0])
"""Their standard deviations, in logarithms."""
KIND_SHARE = 0.5
"""Variance of a kind within its family, relative to that of families."""


@dataclass(frozen=True, slots=True)
class Physics:
    """The law above on a vocabulary.

    Args:
        costs: (kernels, 3), in units of a mean network.
        family, kind: (kernels,), their numbers.
        families, kinds: how many there are.
    """

    costs: Array
    family: Array
    kind: Array
    families: int
    kinds: int

    @staticmethod
    def of(vocabulary: Vocabulary, unit: Array, before: Vocabulary | None = None) -> Physics:
        """The law for a vocabulary.

        Args:
            unit: (3,), what costs are divided by.
            before: a vocabulary that this one extends; its families and kinds keep their numbers.
        """
        families = list(dict.fromkeys([k.family for v in (before or vocabulary, vocabulary) for k in v.kernels]))
        kinds = list(dict.fromkeys([k.kind for v in (before or vocabulary, vocabulary) for k in v.kernels]))
        return Physics(
            vocabulary.costs() / unit,
            np.array([families.index(k.family) for k in vocabulary.kernels], dtype=int),
            np.array([kinds.index(k.kind) for k in vocabulary.kernels], dtype=int),
            len(families),
            len(kinds),
        )

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Where the parameters of families, of kinds and of kernels begin; the first four are the device's."""
        first = 1 + COSTS
        return first, first + COSTS * self.families, first + COSTS * (self.families + self.kinds)

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.sizes[2] + len(self.costs)

    def start(self) -> Array:
        """The prior's mean."""
        return np.concatenate([START, np.zeros(self.size - len(START))])

    def variances(self, level: float, kernel: float) -> Array:
        """The prior's variances.

        Args:
            level: standard deviation of families.
            kernel: standard deviation of single kernels.
        """
        _, kinds, kernels = self.sizes
        made = np.full(self.size, kernel**2)
        made[: len(START)] = SPREAD**2
        made[len(START) : kinds] = level**2
        made[kinds:kernels] = KIND_SHARE * level**2
        return made

    def times(self, theta: Array) -> Array:
        """(kernels, 3): time of each kernel, by what it is spent on."""
        families, kinds, kernels = self.sizes
        of_family = theta[families:kinds].reshape(-1, COSTS)[self.family]
        of_kind = theta[kinds:kernels].reshape(-1, COSTS)[self.kind]
        logs = theta[1:families] + of_family + of_kind + theta[kernels:, None]
        made: Array = self.costs * np.exp(np.clip(logs, -30, 30))
        return made

    def total(self, theta: Array, counts: Array) -> Array:
        """(networks,): log of the time."""
        made: Array = np.log(np.exp(theta[0]) + counts @ self.times(theta).sum(1))
        return made

    def slopes(self, theta: Array, counts: Array) -> tuple[Array, Array]:
        """(networks,), log of the time, and (networks, parameters), its derivatives: shares of the time."""
        families, kinds, kernels = self.sizes
        times = self.times(theta)
        spent = counts @ times.sum(1) + np.exp(theta[0])
        made = np.zeros((len(counts), self.size))
        made[:, 0] = np.exp(theta[0])
        in_family = np.eye(self.families)[self.family]
        in_kind = np.eye(self.kinds)[self.kind]
        for i in range(COSTS):
            made[:, 1 + i] = counts @ times[:, i]
            made[:, families + i : kinds : COSTS] = counts @ (times[:, i, None] * in_family)
            made[:, kinds + i : kernels : COSTS] = counts @ (times[:, i, None] * in_kind)
        made[:, kernels:] = counts * times.sum(1)
        return np.log(spent), made / spent[:, None]
