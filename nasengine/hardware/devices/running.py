"""A command as a process group of its own: bounded in time and output, and gone when whoever started it is."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

KEPT_BYTES = 1 << 20
"""So much of the end of what a command prints is kept."""
_DRAIN_S = 1.0

# It starts the command, tells how it ended, and kills the whole group: then, and when its own input ends, which it does
# when the process that started it dies, however it dies.
_KEEPER = """
import os, signal, subprocess, sys, threading
status = int(sys.argv[1])
def watch():
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
threading.Thread(target=watch, daemon=True).start()
os.write(status, str(child.wait()).encode())
os.killpg(0, signal.SIGKILL)
"""


@dataclass(frozen=True)
class Ran:
    """How a command went.

    Attributes:
        out, err: the end of what it printed on stdout and stderr.
        code: its exit status, minus the number of the signal that killed it; None where it was stopped as too slow.
        wall_s: how long it ran.
    """

    out: str
    err: str
    code: int | None
    wall_s: float


def run(argv: Sequence[str], limit_s: float) -> Ran:
    """Run a program, found on PATH, without a shell and without input; everything it starts ends with it."""
    reading, writing = os.pipe()
    start_s = time.monotonic()
    try:
        keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _KEEPER, str(writing), *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(writing,),
            start_new_session=True,
            bufsize=0,
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    with keeper:
        try:
            out, err, status = _collect(keeper, reading, start_s + limit_s)
        finally:
            os.close(reading)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(keeper.pid, signal.SIGKILL)  # not reaped yet: the number is still its own
    wall_s = time.monotonic() - start_s
    if status is None:
        return Ran(_text(out), _text(err), None, wall_s)
    return Ran(_text(out), _text(err), int(status or b"1"), wall_s)


def _collect(keeper: subprocess.Popen[bytes], reading: int, deadline: float) -> tuple[bytes, bytes, bytes | None]:
    """What was printed, and the exit status in digits: empty if there is none, None if it took too long."""
    assert keeper.stdout is not None
    assert keeper.stderr is not None
    parts = {keeper.stdout.fileno(): bytearray(), keeper.stderr.fileno(): bytearray(), reading: bytearray()}
    ended = False
    with selectors.DefaultSelector() as selector:
        for fd in parts:
            selector.register(fd, selectors.EVENT_READ)
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                data = os.read(key.fd, 1 << 16)
                parts[key.fd] += data
                del parts[key.fd][:-KEPT_BYTES]
                if not data:
                    selector.unregister(key.fd)
            if not ended and reading not in {key.fd for key in selector.get_map().values()}:
                # What left the group may hold on to its output for ever.
                ended, deadline = True, min(deadline, time.monotonic() + _DRAIN_S)
    out, err, status = (bytes(part) for part in parts.values())
    return out, err, status if ended else None


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
