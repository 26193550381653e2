"""How carefully a latency is measured, and how long that may take. Plain data; no torch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from nasengine.errors import DeviceError

MIN_RUNS = 30
_SLACK_S = 10.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """When a measurement is good enough, and when it ends in any case.

    Attributes:
        ci: how wide the 95 % interval of the median may be, as a share of the median.
        processes: fresh processes whose medians the interval spans, at least.
        most_processes: and at most, where they differ by more than `ci` allows or the machine moved.
        retries: of these, how many more are taken when the reference kernel moved; the least disturbed ones are kept.
        min_runs: timed calls of all processes together, at least.
        max_runs: timed calls a process, at most.
        target_s: how long the timed calls of a process take where `min_runs` allows.
        patience_s: how long a profile waits, in all, for a slow moment of the machine to pass.
        warmup_limit_s: the longest warm-up of a process.
        limit_s: the longest that the timed calls of one process may take.
        load_limit_s: the longest that a fresh process may take to build and place the network.
        prepare_limit_s: the longest that a runtime may take to compile or convert the network.

    Raises:
        DeviceError: a limit that cannot be.
    """

    ci: float = 0.02
    processes: int = 3
    most_processes: int = 4
    retries: int = 1
    min_runs: int = MIN_RUNS
    max_runs: int = 2_000
    target_s: float = 0.03
    patience_s: float = 2.0
    warmup_limit_s: float = 2.0
    limit_s: float = 20.0
    load_limit_s: float = 60.0
    prepare_limit_s: float = 300.0

    def __post_init__(self) -> None:
        for name in ("ci", "target_s", "patience_s", "warmup_limit_s", "limit_s", "load_limit_s", "prepare_limit_s"):
            value = getattr(self, name)
            if not _is_number(value) or not 0 < value < math.inf:
                raise DeviceError(
                    f"profile: {name} is a number above 0; got {value!r}; a measurement needs time and room"
                )
        for name, least in (("processes", 3), ("retries", 0), ("min_runs", MIN_RUNS), ("max_runs", MIN_RUNS)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise DeviceError(f"profile: {name} is a whole number of at least {least}; got {value!r}{_WHY[name]}")
        if self.most_processes < self.processes or self.max_runs * self.processes < self.min_runs:
            raise DeviceError(
                f"profile: most_processes={self.most_processes} and max_runs={self.max_runs} hold at least "
                f"processes={self.processes} and min_runs={self.min_runs}; raise them"
            )

    @property
    def runs_a_process(self) -> int:
        """Timed calls of each process, at least."""
        return -(-self.min_runs // self.processes)

    @property
    def process_s(self) -> float:
        """The longest that one fresh process may take in all."""
        return self.load_limit_s + 2 * self.warmup_limit_s + 2 * self.limit_s + self.patience_s

    @property
    def longest_s(self) -> float:
        """The longest that a profile may take in all."""
        return self.prepare_limit_s + self.most_processes * self.process_s + _SLACK_S

    def to_json(self) -> dict[str, Any]:
        """Every field by name."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Limits:
        """The limits that `to_json` wrote; those left out are the usual ones. Raises DeviceError for unknown names."""
        names = {one.name for one in dataclasses.fields(cls)}
        if unknown := sorted(set(data) - names):
            raise DeviceError(f"profile: {unknown} are no limits; expected some of {sorted(names)}; leave them out")
        return cls(**data)


_WHY = {
    "processes": "; one process says nothing of how processes differ",
    "retries": "; none is 0",
    "min_runs": "; fewer runs say little of the median and nothing of the tail",
    "max_runs": "; fewer runs say little of the median and nothing of the tail",
}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
