"""Which members of a space to measure, so that the others are predicted best."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator, Sequence

import numpy as np

from nasengine.errors import PredictorError, ShapeError
from nasengine.graph.graph import Graph
from nasengine.hardware.predictor.features import Array, readings
from nasengine.hardware.predictor.process import HYPER, prior_covariance
from nasengine.space.architecture import Architecture
from nasengine.space.space import Space

POOL = 400
"""Random members to choose from, beside the extremes."""


def choose(space: Space, count: int, seed: int = 0) -> list[Architecture]:
    """Members of a space to measure, each another network: the most informative first.

    Of a few hundred random members and the smallest and largest, one after another is taken that leaves the least
    uncertainty about all of them. The same arguments choose the same members. A space of fewer networks gives them all.

    Raises:
        PredictorError: a count below one.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise PredictorError(f"choose: count is a whole number from 1 on; got {count!r}")
    pool: dict[str, Architecture] = {}
    for member in _members(space, max(POOL, 2 * count), seed):
        with contextlib.suppress(ShapeError):
            pool.setdefault(member.id, member)
    members = list(pool.values())
    picked = informative([member.graph().simplify() for member in members], count)
    return [members[i] for i in picked]


def _members(space: Space, count: int, seed: int) -> Iterator[Architecture]:
    """The extremes, then random ones."""
    yield space.smallest()
    yield space.largest()
    rng = random.Random(f"{seed}:choose")
    for _ in range(count):
        with contextlib.suppress(ShapeError):
            yield space.sample(rng)


def informative(graphs: Sequence[Graph], count: int) -> list[int]:
    """Numbers of the networks to measure, most informative first.

    Greedy: each next one takes away the most variance, summed over all networks, of what the predictor expects before
    anything is measured (Cohn, 1996: A-optimal choice). No latency is needed.
    """
    covariance = prior_covariance([readings(graph, ("live",))["live"] for graph in graphs])
    return _greedy(covariance, min(count, len(graphs)), float(np.exp(2 * HYPER[4])))


def _greedy(covariance: Array, count: int, noise: float) -> list[int]:
    """Rows of a covariance whose measurement takes away the most variance of all, one after another."""
    left = covariance.copy()
    picked: list[int] = []
    for _ in range(count):
        gain = (left**2).sum(0) / (np.diag(left) + noise)
        gain[picked] = -1
        best = int(np.argmax(gain))
        picked.append(best)
        left = left - np.outer(left[best], left[best]) / (left[best, best] + noise)
    return picked
