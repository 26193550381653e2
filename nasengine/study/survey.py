"""A space at a glance: its description, the cost range of random members, a few of them."""

from __future__ import annotations

import random
import statistics
from dataclasses import dataclass
from typing import Any

from nasengine.errors import ShapeError
from nasengine.graph import screen
from nasengine.space import Architecture, Space


@dataclass(frozen=True)
class Survey:
    """What :func:`survey` found; ``ranges`` holds (least, median, most) of each counter of :class:`Cost`."""

    name: str
    size: int | None
    description: str
    members: int
    refused: int
    ranges: dict[str, tuple[float, float, float]]
    samples: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; ``size`` is null for an infinite space."""
        found = {"name": self.name, "size": self.size, "members": self.members, "refused": self.refused}
        return found | {"ranges": {k: list(v) for k, v in self.ranges.items()}, "samples": self.samples}


def survey(space: Space, *, members: int = 1_000, sample: int = 0, seed: int = 0) -> Survey:
    """Screen random members and the two extremes, closed form only.

    Raises:
        ShapeError: no looked-at member has types that meet.
    """
    rng = random.Random(seed)
    chosen = [space.smallest(), space.largest(), *(space.sample(rng) for _ in range(members))]
    costs: list[dict[str, int]] = []
    first: ShapeError | None = None
    for member in chosen:
        try:
            costs.append(screen(member).cost.to_json())
        except ShapeError as error:
            first = first or error
    if not costs:
        assert first is not None
        raise first
    ranges = {name: _range([c[name] for c in costs]) for name in costs[0]}
    size = space.size
    shown = [_shown(member) for member in chosen[2 : 2 + sample]]
    whole = None if isinstance(size, float) else size
    return Survey(space.name, whole, space.describe(), len(costs), len(chosen) - len(costs), ranges, shown)


def _range(values: list[int]) -> tuple[float, float, float]:
    return min(values), statistics.median_low(values), max(values)


def _shown(member: Architecture) -> dict[str, Any]:
    try:
        found = screen(member)
    except ShapeError as error:
        return {"decisions": dict(member.decisions), "refused": str(error)}
    return {"id": found.id, **found.cost.to_json(), "decisions": dict(member.decisions)}
