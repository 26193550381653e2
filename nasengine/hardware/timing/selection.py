"""Which calls were disturbed by others, and what those that were not say. Pure functions over times.

Other work on a machine makes calls slower, never faster: it takes the core away (the kernel says for how long), and it
uses caches, memory and the clock's power budget for stretches of milliseconds to seconds (nobody says so). Dividing by
a reference kernel does not undo the second, since the network and the kernel are not slowed alike: it was measured to
make repeated profiles agree less, not more. Leaving out the stretches in which the network itself was slower does.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nasengine.hardware.limits import Limits
from nasengine.hardware.timing.intervals import passes_interval, percentile, widened

Call = tuple[float, float]
"""Milliseconds that a call took, and of these the milliseconds that a thread of it waited for a core."""

WAITED = 0.01  # a call that waited for less than this share of its time was not interrupted
NEAR = 0.03  # blocks within so much of the fastest tenth were not disturbed
NEAR_PASSES = 0.05  # processes within so much of the fastest one were not
SLOW = 0.1  # a reference kernel that is slower by more tells of a slow moment, which is waited out
MOVED = 0.05  # a reference kernel that moves by more says that the machine is loaded
_LEAST = 4  # one block of so many is kept at least
_THIRDS = 3


def uninterrupted(block: Sequence[Call]) -> list[float]:
    """The times of the calls of a block that kept their core; of all calls less their waiting where none did."""
    found = [ms for ms, waited in block if waited <= WAITED * ms]
    return found or [max(ms - waited, WAITED * ms) for ms, waited in block]


def least_disturbed(blocks: Sequence[Sequence[Call]]) -> list[int]:
    """Which blocks stand for the machine as it is when others leave it alone.

    Those whose median is within 3 % of the fastest tenth of the blocks' medians, and the fastest quarter in any case.
    On a quiet machine these are all, or nearly all.
    """
    medians = [statistics.median(uninterrupted(block)) for block in blocks]
    ordered = sorted(medians)
    quarter = ordered[math.ceil(len(ordered) / _LEAST) - 1]
    limit = max(percentile(ordered, 10) * (1 + NEAR), quarter)
    return [i for i, median in enumerate(medians) if median <= limit]


def movement(values: Sequence[float]) -> float:
    """How far the middle of values is above the fastest tenth of them, relative: 0 when all are alike."""
    ordered = sorted(values)
    return statistics.median(ordered) / percentile(ordered, 10) - 1


@dataclass(frozen=True)
class PassFigures:
    """One fresh process, summed up.

    Attributes:
        median_ms: of the calls of its least disturbed blocks.
        blocks_ms: the median of each block.
        reference_ms: of the reference kernel, before each block and after the last.
    """

    median_ms: float
    blocks_ms: tuple[float, ...]
    reference_ms: tuple[float, ...]

    @property
    def drift(self) -> float:
        """By how much the reference moved between the three thirds of the process."""
        size = math.ceil(len(self.reference_ms) / _THIRDS)
        thirds = [self.reference_ms[i : i + size] for i in range(0, len(self.reference_ms), size)]
        medians = [statistics.median(third) for third in thirds]
        return max(medians) / min(medians) - 1


def figures_of(blocks: Sequence[Sequence[Call]], reference_ms: Sequence[float]) -> PassFigures:
    """Sum up the blocks of a process."""
    times = [uninterrupted(block) for block in blocks]
    kept = [ms for i in least_disturbed(blocks) for ms in times[i]]
    return PassFigures(statistics.median(kept), tuple(statistics.median(block) for block in times), tuple(reference_ms))


@dataclass(frozen=True)
class Outcome:
    """What several processes say together.

    Attributes:
        kept: which of them, by number: those within 5 % of the fastest, and the fastest `least` in any case.
        median_ms: the median of their medians.
        low_ms, high_ms: its 95 % interval: Student's t-interval between the processes, and in it how much the network's
            blocks and the reference kernel moved meanwhile, and by how much the kernel was slower than it is at rest.
        near: how many of all are within 5 %.
        passes_ms: the medians of those that are kept.
        sampling_ci: how wide the interval between processes alone is, as a share of the median: more processes make it
            narrower.
        drift: largest movement of the reference, within a process and between a process and the fastest one seen.
        reference_ms: the median of the reference.
        retries: how many processes were added because the machine moved.
    """

    kept: tuple[int, ...]
    near: int
    passes_ms: tuple[float, ...]
    median_ms: float
    low_ms: float
    high_ms: float
    sampling_ci: float
    drift: float
    reference_ms: float
    retries: int = 0

    @property
    def ci(self) -> float:
        """Width of the interval as a share of the median."""
        return (self.high_ms - self.low_ms) / self.median_ms


def outcome_of(passes: Sequence[PassFigures], least: int, quiet_ms: float | None = None) -> Outcome:
    """Join processes, of which `least` are kept at least.

    `quiet_ms` is what the reference takes on this machine at rest.
    """
    ordered = sorted(range(len(passes)), key=lambda i: passes[i].median_ms)
    limit = passes[ordered[0]].median_ms * (1 + NEAR_PASSES)
    kept = [i for place, i in enumerate(ordered) if place < least or passes[i].median_ms <= limit]
    chosen = [passes[i] for i in sorted(kept)]
    medians = [one.median_ms for one in chosen]
    references = [ms for one in chosen for ms in one.reference_ms]
    middle = statistics.median(medians)
    low, high = passes_interval(medians)
    sampling = (high - low) / middle
    low, high = widened(low, high, *_movements(chosen, references, quiet_ms))
    return Outcome(
        tuple(sorted(kept)),
        sum(one.median_ms <= limit for one in passes),
        tuple(medians),
        middle,
        min(low, middle),
        max(high, middle),
        sampling,
        _drift(chosen, quiet_ms),
        statistics.median(references),
    )


def _movements(
    passes: Sequence[PassFigures], references: Sequence[float], quiet_ms: float | None
) -> tuple[float, float, float]:
    blocks = [ms for one in passes for ms in one.blocks_ms]
    above = 0.0 if quiet_ms is None else max(0.0, statistics.median(references) / quiet_ms - 1)
    return movement(blocks), movement(references), above


def until_known(take: Callable[[], PassFigures], limits: Limits, quiet_ms: float | None = None) -> Outcome:
    """Take processes until the interval between them is as narrow as asked; more where the machine moved; bounded.

    Stopping when the interval is narrow favours processes that agree by chance. With three at first, five at most and
    nothing but the variance between processes, normal and of 0.1 to 2 % of the median, the interval still covered it in
    94.7 to 96.0 % of 4,000 simulated profiles; with what blocks and reference move added, in 94.7 % to all of them.
    """
    passes = [take() for _ in range(limits.processes)]
    retries = 0
    while True:
        outcome = outcome_of(passes, limits.processes, quiet_ms)
        moved = outcome.drift > MOVED or outcome.near < limits.processes
        again = moved and retries < limits.retries
        if len(passes) >= limits.most_processes or not (again or outcome.sampling_ci > limits.ci):
            return replace(outcome, retries=retries)
        retries += again
        passes.append(take())


def _drift(passes: Sequence[PassFigures], quiet_ms: float | None) -> float:
    medians = [statistics.median(one.reference_ms) for one in passes]
    quiet = min(medians) if quiet_ms is None else min(quiet_ms, *medians)
    return max(max(medians) / quiet - 1, *(one.drift for one in passes))
