"""What repeated times say: percentiles, and the interval of a median between processes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from nasengine.errors import DeviceError

# Student's t at 97.5 %, for 1, 2, ... degrees of freedom; beyond them the last.
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The percentile by nearest rank, so that it is a time that was seen; of 30 runs p99 is the slowest.

    Definition 1 of Hyndman and Fan, "Sample quantiles in statistical packages", The American Statistician
    50(4), 1996.
    """
    return ordered[max(1, math.ceil(len(ordered) * percent / 100)) - 1]


def at_rest(reference_ms: Sequence[float]) -> float | None:
    """What the reference kernel takes at rest: a quarter of the profiles so far is taken to show it. None for none."""
    return percentile(sorted(reference_ms), 25) if reference_ms else None


def passes_interval(medians: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval (low, high) of the mean of the medians of fresh processes.

    Runs of one process are not independent of each other: they share the places of code and data in memory, the core
    and the minute. So the process is the unit: its median is one observation, and Student's t-interval of these takes
    in the variance within processes (through their medians) and between them (Georges, Buytaert and Eeckhout,
    "Statistically rigorous Java performance evaluation", OOPSLA 2007, section 3.3; Kalibera and Jones, "Rigorous
    benchmarking in reasonable time", ISMM 2013). It takes medians to be normal and the machine to stand still.

    Raises:
        DeviceError: a single process, which says nothing of the variance between processes.
    """
    count = len(medians)
    if count < 2:
        raise DeviceError(f"latency: {count} process gives no interval between processes; measure in at least 2")
    centre = statistics.fmean(medians)
    half = _T[min(count - 1, len(_T)) - 1] * statistics.stdev(medians) / math.sqrt(count)
    return centre - half, centre + half


def widened(low: float, high: float, *movements: float) -> tuple[float, float]:
    """An interval with independent relative uncertainties added to its half width, as the root of the sum of squares.

    The low end stays above zero: at a hundredth of the centre or more.
    """
    centre, half = (low + high) / 2, (high - low) / 2
    half = math.hypot(half, *(centre * movement for movement in movements))
    return max(centre - half, centre / 100), centre + half
