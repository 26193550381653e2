"""Who else uses the machine: cores kept busy by others, stolen time, and which cores are the least busy."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

STAT = Path("/proc/stat")
CPUS = Path("/sys/devices/system/cpu")
LOOK_S = 0.03
_FAST = 0.8  # a core with less than this share of the fastest one's clock is a slow one
_TICKS = 3  # fewer say nothing


@dataclass(frozen=True)
class Ticks:
    """Clock ticks since the machine started: busy and idle ones of each core that this process may use, and those that
    this process and its ended children computed. Time that a hypervisor gave to other machines (steal) counts as busy.
    """

    busy: dict[int, float]
    idle: dict[int, float]
    own: float

    def busy_share(self, before: Ticks) -> float | None:
        """Share of these cores that others used since `before`; None when too little time went by to say."""
        busy = sum(self.busy.values()) - sum(before.busy.values())
        whole = busy + sum(self.idle.values()) - sum(before.idle.values())
        if whole < _TICKS:
            return None
        return round(min(1.0, max(0.0, busy - (self.own - before.own)) / whole), 3)


def ticks(stat: Path = STAT) -> Ticks | None:
    """What /proc/stat says now (proc(5)); None where there is none, as on macOS."""
    if not stat.is_file():
        return None
    rows = [line.split() for line in stat.read_text(encoding="ascii").splitlines() if line.startswith("cpu")]
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    cores = {int(row[0][3:]): [float(n) for n in row[1:9]] for row in rows[1:]}
    cores = {core: row for core, row in cores.items() if usable is None or core in usable}
    times = os.times()
    own = (times.user + times.system + times.children_user + times.children_system) * os.sysconf("SC_CLK_TCK")
    return Ticks(
        # user, nice, system, irq, softirq and steal; a guest's time is within user
        {core: sum(row[i] for i in (0, 1, 2, 5, 6, 7)) for core, row in cores.items()},
        {core: row[3] + row[4] for core, row in cores.items()},
        own,
    )


def quiet_cores(count: int) -> list[int]:
    """The cores for `count` threads, of those that this process may use; they are looked at for a moment.

    Empty where the system does not pin processes to cores, or does not say how busy they are.
    """
    before = ticks()
    if before is None or not hasattr(os, "sched_getaffinity"):
        return []
    time.sleep(LOOK_S)
    after = ticks()
    assert after is not None
    return best_cores(before, after)[:count]


def best_cores(before: Ticks, after: Ticks, cpus: Path = CPUS) -> list[int]:
    """All cores, the best first: the fast ones of a processor that has slow ones too, then one of each physical core
    (two threads on one would slow each other), then those that with their siblings were least busy meanwhile.

    The first core serves most interrupts of many machines, so among equals the last one comes first.
    """
    used = {core: busy - before.busy.get(core, 0.0) for core, busy in after.busy.items()}
    places = {core: frozenset(_siblings(core, cpus)) & used.keys() for core in used}
    speeds = {core: _speed(core, cpus) for core in used}
    top = max(speeds.values(), default=0.0)

    def key(core: int) -> tuple[bool, int, float, int]:
        own = (used[core], -core)
        earlier = sum((used[one], -one) < own for one in places[core])
        return speeds[core] < _FAST * top, earlier, sum(used[one] for one in places[core]), -core

    return sorted(used, key=key)


def _siblings(core: int, cpus: Path) -> set[int]:
    """Logical cores on the same physical one, as "0-1,8"; itself alone where the system does not say."""
    found = {core}
    for part in _text(cpus / f"cpu{core}" / "topology" / "thread_siblings_list").split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            found.update(range(int(first), int(last or first) + 1))
    return found


def _speed(core: int, cpus: Path) -> float:
    """The capacity of a core (Arm), or its highest clock; 0 where the system does not say."""
    for name in ("cpu_capacity", "cpufreq/cpuinfo_max_freq"):
        text = _text(cpus / f"cpu{core}" / name)
        if text.isdigit():
            return float(text)
    return 0.0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def load_average() -> float | None:
    """The one-minute load; None where the system has none."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
