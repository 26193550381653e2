"""Who holds a trial: a process, told apart from a later one of the same number by when it started."""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path


def this_process() -> str:
    """``host:pid:start`` of this process."""
    return _named(os.getpid())


def is_alive(owner: str) -> bool | None:
    """Does that process still run? None when it belongs to another machine, whose processes cannot be asked."""
    host, _, rest = owner.rpartition(":")[0].rpartition(":")
    if host != _host() or not rest.isdigit():
        return None
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it runs, as somebody else
    return _named(int(rest)) == owner


def _named(pid: int) -> str:
    return f"{_host()}:{pid}:{_start_of(pid)}"


@functools.cache
def _host() -> str:
    """The machine's name and, where there is one, its boot: a restarted machine is another host to old processes."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    name = socket.gethostname()
    return f"{name}/{boot.read_text().strip()[:8]}" if boot.is_file() else name


def _start_of(pid: int) -> str:
    """Field 22 of /proc/PID/stat (clock ticks since boot); elsewhere unknown, and the number alone must do."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return "0"
    fields = text.rpartition(")")[2].split()
    return "ended" if fields[0] == "Z" else fields[19]
