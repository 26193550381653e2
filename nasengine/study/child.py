"""The process of one trial: does the job, says how it went in one line, and ends."""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from nasengine.errors import NasError

_PR_SET_PDEATHSIG = 1
_OURS = Path(__file__).resolve().parents[1]


def run_child(jobs: Any, job: dict[str, Any], pipes: tuple[int, int], parent: int) -> NoReturn:
    """Do ``job`` in a process that was just forked, and end it.

    Args:
        jobs: the module whose ``run(job, report)`` does it.
        pipes: where messages go, and where what user code prints goes.
        parent: the server's process id.
    """
    (results, output), code = pipes, 1
    try:
        os.setpgid(0, 0)
        die_with_parent(parent)
        os.dup2(output, 1)
        os.dup2(output, 2)
        faulthandler.enable(file=sys.stderr)
        value = jobs.run(job, lambda row: say(results, {"is": "epoch", "row": row}))
        say(results, {"is": "result", "value": value})
        code = 0
    except BaseException as error:  # noqa: BLE001 - whatever ends a trial is its reason, SystemExit too
        traceback.print_exc()
        say(results, {"is": "error", "reason": reason_of(error), "error": type(error).__name__})
    finally:
        # No interpreter shutdown: exit handlers of the server and of user code are not the trial's to run.
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def say(fd: int, message: dict[str, Any]) -> None:
    """One line of JSON. A value that is not a finite number is refused rather than written as something else."""
    data = json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    while data:
        data = data[os.write(fd, data) :]


def reason_of(error: BaseException) -> str:
    """One line that says what ended a trial, and where in user code."""
    name, text = type(error).__name__, " ".join(str(error).split())[:500]
    if isinstance(error, NasError):
        return text
    if isinstance(error, SystemExit):
        return f"sys.exit({error.code!r}) was called{_place(error)}; a trial ends by returning or by raising"
    if isinstance(error, MemoryError) or name == "OutOfMemoryError" or "out of memory" in text.lower():
        return f"out of memory: {name}: {text}; a smaller batch or a params budget avoids it"
    return f"{name}: {text}{_place(error)}"


def _place(error: BaseException) -> str:
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _OURS not in Path(f.filename).parents]
    if not frames:
        return ""
    return f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})"


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when the one that started it dies, so that nothing outlives a study.

    Linux only; elsewhere the server sees the end of its input. A parent that died before the call is noticed too.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
