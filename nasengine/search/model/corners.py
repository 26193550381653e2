"""Corners: members of least known cost, found before anything is trained.

What a network costs is known without training it, so the cheap ends of a front can be looked for at once: by descent on
each known cost alone, and on all of them together. From there on they are candidates like any other, and the surrogate
says what they are worth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from nasengine.search.model.features import Member

STEPS, STALE = 12, 3
"""Steps of a descent, and steps without a gain that end it."""
Loss = Callable[[Member], float]


def corners(
    losses: Sequence[Loss], start: Sequence[Member], around: Callable[[Member, int], list[Member]]
) -> list[Member]:
    """The ends of a descent on each loss, and of one on the sum of their logarithms; each network once.

    Args:
        losses: known costs, smaller is better.
        start: members; each descent begins at the best of them.
        around: some members near to one, others at each step.
    """
    if not losses or not start:
        return []
    every = [*losses, _together(losses)] if len(losses) > 1 else list(losses)
    found = [_descend(loss, min(start, key=lambda m, loss=loss: (loss(m), m.key)), around) for loss in every]  # type: ignore[misc]
    return list({m.key: m for m in found}.values())


def _together(losses: Sequence[Loss]) -> Loss:
    return lambda member: sum(math.copysign(math.log1p(abs(loss(member))), loss(member)) for loss in losses)


def _descend(loss: Loss, here: Member, around: Callable[[Member, int], list[Member]]) -> Member:
    stale = 0
    for step in range(STEPS):
        best = min([here, *around(here, step)], key=lambda m: (loss(m), m.key))
        stale = stale + 1 if loss(best) >= loss(here) else 0
        here = best if loss(best) < loss(here) else here
        if stale >= STALE:
            break
    return here
