"""Design: the first trials, before there is a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nasengine.search.model.features import Member, Products
from nasengine.search.model.kernel import Units

SHARE = 4
"""One in so many candidates, those of about the wanted cost, are looked at for their distance."""


def spread_out(
    candidates: Sequence[Member], taken: Sequence[Member], products: Sequence[Products], place: int
) -> Member | None:
    """A candidate unlike those taken, of a cost that few of them have.

    Costs follow the van der Corput sequence (0.5, 0.25, 0.75, ...) over the candidates in order of cost, and of those
    of about this cost the one farthest from all taken is chosen (Gonzalez, 1985), in the units of the surrogate.

    Args:
        candidates: to choose from; none gives None.
        taken: trained, running or chosen.
        place: number of the trial, from 0.
    """
    if not candidates:
        return None
    ordered = sorted(candidates, key=lambda m: (m.known.get("macs", 0.0), m.known.get("params", 0.0), m.key))
    width = max(1, len(ordered) // SHARE)
    start = round(_van_der_corput(place + 1) * (len(ordered) - width))
    some = ordered[start : start + width]
    if not taken:
        return some[len(some) // 2]
    squares = Units([*taken, *some], products).blocks(some, taken).squares.sum(0)
    return some[int(np.argmax(np.round(squares.min(axis=1), 9)))]


def _van_der_corput(place: int) -> float:
    """The radical inverse of a place in base 2."""
    made, part = 0.0, 0.5
    while place:
        made += part * (place & 1)
        place, part = place >> 1, part / 2
    return made
