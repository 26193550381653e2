"""Fixed, seeded splits. A split is part of a task's data, so the same seed gives the same rows for ever."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nasengine.tasks.files import Array

TRAIN, VALIDATION, TEST = 0, 1, 2
NAMES = ("train", "validation", "test")


def random_split(rows: int, fractions: Sequence[float], seed: int) -> Array:
    """Which split each row falls into, (rows,) of 0 train, 1 validation, 2 test, at random.

    ``fractions`` are those of validation and test; each non-zero one gets at least one row when there are
    three or more.
    """
    order = np.random.Generator(np.random.PCG64(seed)).permutation(rows)
    return _assign(np.zeros(rows, dtype=np.int8), order, fractions)


def stratified_split(labels: Array, fractions: Sequence[float], seed: int) -> Array:
    """As :func:`random_split`, with every class divided in the same proportion."""
    codes = np.zeros(len(labels), dtype=np.int8)
    rng = np.random.Generator(np.random.PCG64(seed))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        codes = _assign(codes, rng.permutation(rows), fractions)
    return codes


def _assign(codes: Array, order: Array, fractions: Sequence[float]) -> Array:
    start = 0
    for code, fraction in zip((VALIDATION, TEST), fractions, strict=True):
        count = round(len(order) * fraction)
        count = max(1, count) if fraction > 0 and len(order) >= 3 else count
        codes[order[start : start + count]] = code
        start += count
    return codes
