"""One score of several proxies: ranks are added, not values, since their scales have nothing in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from nasengine.errors import StudyError

Array = np.ndarray[Any, np.dtype[np.float64]]
OBJECTORS = ("macs", "jacov")
"""Proxies of which none may object to a network: their ranks count by their logarithms."""
VOICES = ("zen", "jacov")
"""Proxies that decide among networks to which none objects: their ranks count as they are, with a small weight."""
VOICE = 0.3
COMBINED = tuple(dict.fromkeys((*OBJECTORS, *VOICES)))
"""What :func:`combine` reads when it is not told."""


def combine(
    readings: Sequence[Mapping[str, float]],
    objectors: Sequence[str] = OBJECTORS,
    voices: Sequence[str] = VOICES,
    *,
    voice: float = VOICE,
) -> list[float]:
    """Σ log(rank / n) over objectors + voice Σ rank / n over voices: a score a network, higher is better.

    The logarithm makes the worst rank weigh most, so that a network has to do well by every objector (Lee and Ham,
    2024, "AZ-NAS: assembling zero-cost proxies for network architecture search", section 3.3). Among the best, where
    logarithms are nearly equal, the voices decide: proxies that say little of all networks may still say something of
    good ones. Ranks run from 1, the worst, to n; equal values share their mean rank, and a NaN has the worst.

    The default was chosen on CIFAR-10 in NAS-Bench-201.

    Args:
        readings: of the networks that are compared.

    Raises:
        StudyError: a reading lacks one of the proxies.
    """
    for name in (*objectors, *voices):
        if any(name not in reading for reading in readings):
            known = ", ".join(readings[0]) if readings else "nothing"
            raise StudyError(f"combine: every reading holds {name!r}; got {known}; read it too, or leave it out")
    total = np.zeros(len(readings))
    for name in objectors:
        total += np.log(_ranks(readings, name))
    for name in voices:
        total += voice * _ranks(readings, name)
    return [float(score) for score in total]


def _ranks(readings: Sequence[Mapping[str, float]], name: str) -> Array:
    """From 1 / n, the worst, to 1; what is no number ranks below all that are."""
    values = np.array([reading[name] for reading in readings], dtype=float)
    known = np.where(np.isnan(values), -np.inf, values)
    return np.asarray(rankdata(known), dtype=float) / max(1, len(readings))
