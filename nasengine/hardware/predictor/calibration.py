"""Calibration: measure chosen members of a space on a device, and fit a latency predictor on them.

Every measured profile is kept in a file of lines beside the predictor's, as it comes: the same call goes on where an
earlier one ended, and measures nothing twice, but for what a busy machine left imprecise: that is measured once more.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nasengine.errors import DeviceError, PredictorError, ShapeError, UnsupportedError
from nasengine.hardware.devices.device import Device
from nasengine.hardware.devices.target import Target
from nasengine.hardware.latency import LatencyProfile
from nasengine.hardware.limits import Limits
from nasengine.hardware.predictor.profiles import FIT, HELD, LEAST, Profiles
from nasengine.space import Architecture, Space

if TYPE_CHECKING:
    from nasengine.hardware.predictor import HeldOut, LatencyPredictor

FAILURES = 3
WIDE = 0.1
"""A member whose 95 % interval is wider than this share of its median is measured once more, at the end."""
_TRIES = 50
"""Random draws for one member that is not among those chosen: a small space may have none left."""


@dataclass(frozen=True)
class Step:
    """How far a calibration is.

    Attributes:
        done, total: members measured or skipped, of all that are to be.
        measured, reused, skipped: measured now, taken from the file, not taken by the runtime.
        again: measured a second time; they count once more in ``done`` and ``total``.
    """

    done: int
    total: int
    measured: int
    reused: int
    skipped: int
    again: int = 0


@dataclass(frozen=True)
class Calibration:
    """What a calibration gave.

    Attributes:
        predictor: fitted on the chosen members; its ``report`` is by cross-validation.
        fresh: the same figures on members that took no part in the fit; None where none were asked for.
        path, profiles: the files of the predictor and of what was measured.
        measured, reused: members measured now, and taken from the file.
        again: members measured a second time, since the first interval was wide: the machine was busy.
        skipped: what the runtime says of those it cannot take, by graph id.
        failed: why others could not be measured, by graph id; the same call tries them again.
        measuring_s: what the members that were fitted on took to measure, earlier calls included.
        fitting_s: the fit and its cross-validation.
        elapsed_s: this call.
    """

    predictor: LatencyPredictor
    fresh: HeldOut | None
    path: Path
    profiles: Path
    measured: int
    reused: int
    again: int
    skipped: Mapping[str, str]
    failed: Mapping[str, str]
    measuring_s: float
    fitting_s: float
    elapsed_s: float


def calibrate(
    space: Space,
    device: Target | None = None,
    *,
    out: str | Path,
    samples: int = 60,
    held_out: int = 0,
    seed: int = 0,
    limits: Limits | None = None,
    modules: Sequence[str] = (),
    watch: Callable[[Step], None] | None = None,
) -> Calibration:
    """Choose members, measure them, fit a predictor, say how good it is, and save it.

    Args:
        space: what is to be searched.
        device: where it is to be fast; `Device()`, the CPU with one thread, if left out.
        out: the predictor's file; what was measured goes beside it, to ``OUT.profiles.jsonl``.
        samples: members to measure and fit on.
        held_out: further random members that only judge the fit.
        seed: of the choice.
        limits: how carefully each member is measured.
        modules: imported first, for blocks that a user defines.
        watch: called after each member.

    Raises:
        DeviceError: the device is absent, or several members in a row could not be measured.
        PredictorError: too few members, or the file holds profiles of another device or another space.

    Example:
        >>> from search_spaces.rnn import small
        >>> found = calibrate(small, Device(), samples=60, out="lstm-cpu.json")
        >>> print(found.predictor.report)
    """
    started, device = time.monotonic(), device or Device()
    _check(samples=samples, held_out=held_out)
    path = Path(out)
    profiles = Profiles(path.with_name(f"{path.name}.profiles.jsonl"), space, device)
    members = list(_members(space, samples, held_out, seed))
    work = _Work(profiles, members, watch)
    work.measure(device, limits, modules)
    measured_at = time.monotonic()
    predictor = profiles.fit(seed)
    fitting_s = time.monotonic() - measured_at
    fresh = profiles.judge(predictor) if held_out else None
    predictor.save(path)
    return Calibration(
        predictor,
        fresh,
        path,
        profiles.path,
        work.measured,
        work.reused,
        work.again,
        dict(profiles.skipped),
        dict(work.failed),
        measuring_s=profiles.measuring_s(FIT),
        fitting_s=fitting_s,
        elapsed_s=time.monotonic() - started,
    )


@dataclass
class _Work:
    """The members of a calibration on their way through the profiler."""

    profiles: Profiles
    members: list[tuple[str, Architecture]]
    watch: Callable[[Step], None] | None
    measured: int = 0
    reused: int = 0
    again: int = 0
    planned: int = 0
    in_a_row: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def measure(self, device: Target, limits: Limits | None, modules: Sequence[str]) -> None:
        """All that are not in the file; then, once, those whose interval came out wide."""
        from nasengine.hardware.profiler import Profiler

        self.reused = sum(member.id in self.profiles for _, member in self.members)
        self._tell()
        with Profiler() as profiler:
            ask = partial(device.measure, limits=limits, modules=modules, profiler=profiler)
            for split, member in self.members:
                if member.id not in self.profiles:
                    self.measured += self._one(split, member, ask)
                    self._tell()
            poor = self.profiles.poor(WIDE)
            self.planned = sum(member.id in poor for _, member in self.members)
            for split, member in self.members:
                if member.id in poor:
                    self.again += self._one(split, member, ask)
                    self._tell()

    def _one(self, split: str, member: Architecture, ask: Callable[[Architecture], LatencyProfile]) -> bool:
        """Measure one; False where that was not possible."""
        started = time.monotonic()
        try:
            found = ask(member)
        except UnsupportedError as error:
            self.profiles.skip(member, split, str(error))
            return False
        except DeviceError as error:
            self.failed[member.id], self.in_a_row = str(error), self.in_a_row + 1
            if self.in_a_row >= FAILURES:
                raise
            return False
        self.in_a_row = 0
        self.profiles.add(member, split, found, time.monotonic() - started)
        return True

    def _tell(self) -> None:
        if self.watch is not None:
            skipped = sum(member.id in self.profiles.skipped for _, member in self.members)
            done = sum(member.id in self.profiles or member.id in self.failed for _, member in self.members)
            total = len(self.members) + self.planned
            self.watch(Step(done + self.again, total, self.measured, self.reused, skipped, self.again))


def _members(space: Space, samples: int, held_out: int, seed: int) -> Iterator[tuple[str, Architecture]]:
    """The chosen members, then random ones that are none of them; each network once."""
    from nasengine.hardware.predictor.choose import choose

    seen: set[str] = set()
    for member in choose(space, samples, seed):
        if member.id not in seen:
            seen.add(member.id)
            yield FIT, member
    rng = random.Random(f"{seed}:held out")
    for _ in range(held_out):
        for _ in range(_TRIES):
            member = space.sample(rng)
            with contextlib.suppress(ShapeError):
                if member.id not in seen:
                    seen.add(member.id)
                    yield HELD, member
                    break


def _check(**counts: int) -> None:
    for name, value in counts.items():
        least = LEAST if name == "samples" else 0
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise PredictorError(f"calibrate: {name} is a whole number from {least} on; got {value!r}")
