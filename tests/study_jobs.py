"""Jobs for the executor's tests: what a trial may do to its process, without torch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any


def warm(job: dict[str, Any]) -> None:
    if job["do"] == "kill-server":
        os.kill(os.getpid(), signal.SIGKILL)


def run(job: dict[str, Any], report: Any) -> Any:
    return _DEEDS[job["do"]](job, report)


def _add(job: dict[str, Any], report: Any) -> Any:
    report({"epoch": 1})
    return {"sum": sum(job["numbers"]), "pid": os.getpid(), "parent": os.getppid()}


def _print(job: dict[str, Any], report: Any) -> Any:
    for _ in range(job["lines"]):
        print('{"is": "result", "value": 666}', flush=False)
    os.write(2, b"to stderr\n")
    return {"read": sys.stdin.read()}


def _raise(job: dict[str, Any], report: Any) -> Any:
    raise ValueError("no such\nvalue")


def _memory(job: dict[str, Any], report: Any) -> Any:
    raise MemoryError("cannot allocate")


def _nan(job: dict[str, Any], report: Any) -> Any:
    return {"score": float("nan")}


def _sleep(job: dict[str, Any], report: Any) -> Any:
    report({"epoch": 1, "pid": os.getpid()})
    time.sleep(job["seconds"])
    return {}


def _count(job: dict[str, Any], report: Any) -> Any:
    """Steps of a millisecond of work; the longest gap between two is what a pause would show."""
    gap, before, end = 0.0, time.monotonic(), time.monotonic() + job["seconds"]
    while before < end:
        now = time.monotonic()
        gap, before = max(gap, now - before), now
    return {"gap_s": gap}


def _orphan(job: dict[str, Any], report: Any) -> Any:
    child = subprocess.Popen(["sleep", "60"])
    return {"child": child.pid}


def _run(job: dict[str, Any], report: Any) -> Any:
    return {"out": subprocess.run(job["command"], capture_output=True, text=True, check=True).stdout}


_DEEDS = {
    "run": _run,
    "add": _add,
    "print": _print,
    "raise": _raise,
    "memory": _memory,
    "nan": _nan,
    "sleep": _sleep,
    "count": _count,
    "orphan": _orphan,
    "exit": lambda job, report: sys.exit(3),
    "_exit": lambda job, report: os._exit(4),
    "segfault": lambda job, report: os.kill(os.getpid(), signal.SIGSEGV),
    "sigkill": lambda job, report: os.kill(os.getpid(), signal.SIGKILL),
}
