"""A process made ready to be timed: pinned to cores, ahead of others, and told when it had to wait."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")
_FIRST = -20  # the kernel's highest ordinary priority
_MOST_THREADS = 16

Waited = Callable[[], list[float]]
"""Milliseconds that each thread has waited for a core since it started."""


@contextlib.contextmanager
def first_in_line() -> Iterator[bool]:
    """Run this process and those that it forks before others of ordinary priority, where the system allows it.

    Two numbers decide on Linux: the process's own, and that of its session, which shares the cores with other sessions
    (sched(7), "The autogroup feature"). Raising them takes privileges; without them nothing changes. Yields whether
    both were raised. Ordinary scheduling stays in force, so a process that never ends does not stop the machine.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0) if hasattr(os, "getpriority") else 0
    group = _group()
    try:
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, 0, _FIRST)
        raised = group is None or _set_group(_FIRST)
    except OSError:
        raised = False
    try:
        yield raised
    finally:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, before)
        if group is not None:
            _set_group(group)


def _group() -> int | None:
    """The session's number ("/autogroup-12 nice 0"); None where sessions are not scheduled as groups."""
    try:
        return int(AUTOGROUP.read_text(encoding="ascii").split()[-1])
    except (OSError, ValueError, IndexError):
        return None


def _set_group(nice: int) -> bool:
    try:
        AUTOGROUP.write_text(str(nice), encoding="ascii")
    except OSError:
        return False
    return True


def pin(cores: Sequence[int]) -> None:
    """Keep this process, and the threads that it makes later, on these cores; none: wherever the system puts it."""
    if cores:
        os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def waiting() -> Iterator[Waited | None]:
    """A clock of how long the threads of this process have waited for a core.

    It reads the second number of /proc/self/task/N/schedstat: nanoseconds spent ready to run and not running (the
    kernel's Documentation/scheduler/sched-stats.rst). Threads that start later are not seen. None where the kernel does
    not count this.
    """
    names = sorted(Path("/proc/self/task").glob("*/schedstat"))[:_MOST_THREADS]
    try:
        files = [os.open(name, os.O_RDONLY) for name in names]
    except OSError:
        files = []

    def waited_ms() -> list[float]:
        return [int(os.pread(fd, 64, 0).split()[1]) / 1e6 for fd in files]

    try:
        yield waited_ms if files else None
    finally:
        for fd in files:
            os.close(fd)
