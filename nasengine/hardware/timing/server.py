"""The profiler's server, started as ``python -m nasengine.hardware.timing.server``: it has torch imported and forks.

One JSON message a line. In (stdin): ``{"path": [...]}`` first, then one request after another. Out (the descriptor that
was stdout): ``{"ready": pid}``, then for each request ``{"value": profile}`` or ``{"error": class, "text": ...}``. Each
request is served by a process of its own in a process group of its own, which forks the passes; the server itself
computes nothing. When stdin ends or the process that started it is gone, the server kills the group and ends.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import sys
import tempfile
from typing import Any

from nasengine.hardware.timing import passes
from nasengine.hardware.timing.intervals import at_rest
from nasengine.hardware.timing.processes import die_with_parent, failure
from nasengine.hardware.timing.selection import SLOW
from nasengine.hardware.timing.settle import first_in_line

_LOOK_S = 1.0
_LEAST_PATIENCE = 1 / 32


def main() -> None:
    """Serve until stdin ends."""
    incoming, outgoing = _take_standard_streams()
    Server(incoming, outgoing, parent=int(sys.argv[1])).serve()


def _take_standard_streams() -> tuple[int, int]:
    """The protocol moves to descriptors of its own: what user code reads or prints can never reach it."""
    incoming, outgoing = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return incoming, outgoing


class Server:
    """Reads requests, holds at most one child, forwards its answer."""

    def __init__(self, incoming: int, outgoing: int, parent: int) -> None:
        self._incoming, self._outgoing, self._parent = incoming, outgoing, parent
        self._read = b""
        self._seen_ms: list[float] = []
        self.patience = 1.0
        self._folder = tempfile.gettempdir()

    @property
    def quiet_ms(self) -> float | None:
        """What the reference kernel takes at rest, as far as this server has seen."""
        return at_rest(self._seen_ms)

    def serve(self) -> None:
        """Until stdin ends."""
        hello = self._next()
        if hello is None:
            return
        sys.path[:] = [*hello["path"], *(p for p in sys.path if p not in hello["path"])]
        passes.rehearse()
        gc.freeze()  # what is shared with children is never collected, so its pages are not copied
        # first in line from here on, so that the forks are too; a child that is killed leaves its files to this folder
        with first_in_line(), tempfile.TemporaryDirectory(prefix="nasengine-server-") as self._folder:
            self._say({"ready": os.getpid()})
            while (request := self._next()) is not None:
                answer = self._serve(request)
                if answer is None:
                    return
                self._say(answer)

    def _serve(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """The answer; None when nobody waits for it any more."""
        with contextlib.suppress(
            Exception
        ):  # a runtime that is not installed: the child meets the same error and tells it
            passes.warm(request)
        reading, writing = os.pipe()
        parent, quiet_ms = os.getpid(), self.quiet_ms
        limits = {**request["limits"], "patience_s": request["limits"]["patience_s"] * self.patience}
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, 0)
            die_with_parent(parent)
            for fd in (reading, self._incoming, self._outgoing):
                os.close(fd)
            tempfile.tempdir = self._folder
            _work({**request, "limits": limits}, quiet_ms, writing)
        os.close(writing)
        try:
            answer = self._answer(reading)
        finally:
            os.close(reading)
            _kill_group(pid)
            _, status = os.waitpid(pid, 0)
        if answer is None:
            return None
        if not answer:
            code = os.waitstatus_to_exitcode(status)
            text = f"profile: the process that measures ended (exit status {code}); measure again"
            return {"error": "DeviceError", "text": text}
        found: dict[str, Any] = json.loads(answer)
        self.remember(found)
        return found

    def remember(self, found: dict[str, Any]) -> None:
        """What the reference kernel took; where waiting for the machine was of no use, the next waits half as long."""
        value = found.get("value")
        if value is not None:
            self._seen_ms.append(value["reference_ms"])
            self.patience = max(_LEAST_PATIENCE, self.patience / 2) if value["drift"] > SLOW else 1.0

    def _answer(self, reading: int) -> bytes | None:
        """What the child says until it closes the pipe; None when the server has to end."""
        parts: list[bytes] = []
        while True:
            ready, _, _ = select.select([reading, self._incoming], [], [], _LOOK_S)
            if reading in ready:
                data = os.read(reading, 1 << 16)
                if not data:
                    return b"".join(parts)
                parts.append(data)
            elif (self._incoming in ready and not self._more()) or os.getppid() != self._parent:
                return None

    def _next(self) -> dict[str, Any] | None:
        """The next message; None at the end of stdin or of the parent."""
        while b"\n" not in self._read:
            ready, _, _ = select.select([self._incoming], [], [], _LOOK_S)
            if (ready and not self._more()) or os.getppid() != self._parent:
                return None
        line, _, self._read = self._read.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def _more(self) -> bool:
        data = os.read(self._incoming, 1 << 16)
        self._read += data
        return bool(data)

    def _say(self, message: dict[str, Any]) -> None:
        _write(self._outgoing, message)


def _work(request: dict[str, Any], quiet_ms: float | None, writing: int) -> None:
    try:
        try:
            answer: dict[str, Any] = {"value": passes.measure(request, quiet_ms=quiet_ms)}
        except BaseException as error:  # noqa: BLE001 - whatever ends it is the answer, SystemExit too
            answer = failure(error)
        _write(writing, answer)
    finally:
        os._exit(0)


def _write(fd: int, message: dict[str, Any]) -> None:
    data = json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n"
    while data:
        data = data[os.write(fd, data) :]


def _kill_group(pid: int) -> None:
    """The child and all that it started, compilers too."""
    for kill in (os.killpg, os.kill):  # the group may not exist yet
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


if __name__ == "__main__":
    main()
