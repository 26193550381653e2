"""A worker: a small fork server, started as ``python -m nasengine.study.worker``, that runs one trial a process.

It imports torch and the modules of a study once; for each job it forks a child, which does the job and ends, so that
a crash, a leak or ``sys.exit`` in one trial touches no other and every byte returns to the system. Messages are JSON,
one a line; nothing is unpickled, and the program that started the study is never imported.

In (stdin): ``hello`` (path, jobs, modules), ``job`` (id, job, modules, log), ``pause``, ``resume``, ``kill``.
Out (the descriptor that was stdout): ``ready``, ``started``, ``epoch``, ``result``, ``error``, ``exit``, ``paused``,
``resumed``. What user code prints goes to the job's log, cut at a limit. When stdin ends, or the process that started
it dies, the server kills its child and ends.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import signal
import sys
import time
from pathlib import Path
from typing import Any

from nasengine.study.child import die_with_parent, run_child

LOG_BYTES = 1 << 20
_CUT = b"\n[the log is cut here]\n"
_STOP_S = 2.0

Message = dict[str, Any]


def main() -> None:
    """Serve until stdin ends."""
    parent = int(sys.argv[1]) if len(sys.argv) > 1 else os.getppid()
    die_with_parent(parent)
    incoming, outgoing = _take_standard_streams()
    Server(incoming, outgoing).serve()


def _take_standard_streams() -> tuple[int, int]:
    """The protocol moves to descriptors of its own: what user code reads or prints can never reach it."""
    incoming, outgoing = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return incoming, outgoing


class Server:
    """Reads messages, holds at most one child, forwards what it says."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._selector = selectors.DefaultSelector()
        self._wake, wake_write = os.pipe()
        self._lines: dict[int, bytes] = {}
        self._child: _Child | None = None
        self._jobs = ""
        self._own = (incoming, outgoing, self._wake, wake_write)
        for fd in (incoming, self._wake, wake_write):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only so that the wake-up descriptor is written
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self._selector.register(incoming, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)

    def serve(self) -> None:
        """Until stdin ends."""
        while True:
            for key, _ in self._selector.select():
                if not self._handle(key.fd):
                    self._end()
                    return
            self._reap()

    def _handle(self, fd: int) -> bool:
        child = self._child
        if fd == self._wake:
            _read(fd)
        elif fd == self._incoming:
            return self._receive()
        elif child is not None and fd == child.results:
            self._forward(child)
        elif child is not None and fd == child.output:
            child.log(_read(fd))
        return True

    def _receive(self) -> bool:
        data = _read(self._incoming)
        if data == b"":
            return False
        for line in self._split(self._incoming, data or b""):
            self._obey(json.loads(line))
        return True

    def _obey(self, message: Message) -> None:
        do = message["do"]
        if do == "hello":
            sys.path[:] = [*message["path"], *(p for p in sys.path if p not in message["path"])]
            self._jobs = message["jobs"]
            self._import([self._jobs, *message["modules"]])
            self._say({"is": "ready", "pid": os.getpid()})
        elif do == "job":
            self._start(message)
        elif do == "kill":
            self._kill()
        elif do in ("pause", "resume"):
            self._pause(do == "pause")

    def _import(self, modules: list[str]) -> None:
        for name in modules:
            if name not in sys.modules:
                importlib.import_module(name)

    def _start(self, message: Message) -> None:
        try:
            self._import(message["modules"])
            sys.modules[self._jobs].warm(message["job"])
        except BaseException as error:  # noqa: BLE001 - user modules may raise anything, SystemExit too
            reason = f"importing {', '.join(message['modules'])}: {type(error).__name__}: {error}"
            self._say({"is": "error", "id": message["id"], "reason": reason})
            self._say({"is": "exit", "id": message["id"], "code": 1, "signal": 0})
            return
        gc.freeze()  # what is shared with the child is never collected, so its pages are not copied
        self._child = self._fork(message)
        for fd in (self._child.results, self._child.output):
            self._selector.register(fd, selectors.EVENT_READ)
        self._say({"is": "started", "id": message["id"], "pid": self._child.pid})

    def _fork(self, message: Message) -> _Child:
        results, results_write = os.pipe()
        output, output_write = os.pipe()
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for fd in (*self._own, results, output):  # what a child starts must not keep the server's pipes open
                os.close(fd)
            run_child(sys.modules[self._jobs], message["job"], (results_write, output_write), parent)
        os.setpgid(pid, pid)
        os.close(results_write)
        os.close(output_write)
        for fd in (results, output):
            os.set_blocking(fd, False)
        return _Child(pid, message, results, output)

    def _forward(self, child: _Child) -> None:
        data = _read(child.results)
        for line in self._split(child.results, data or b""):
            self._say({**json.loads(line), "id": child.id})
        if data == b"":
            self._selector.unregister(child.results)

    def _pause(self, stop: bool) -> None:
        if self._child is not None:
            _signal(self._child.pid, signal.SIGSTOP if stop else signal.SIGCONT)
            if stop:
                _await_stop(self._child.pid)
        self._say({"is": "paused" if stop else "resumed"})

    def _reap(self) -> None:
        """If the child ended: what it still had to say, then how it ended."""
        child = self._child
        if child is None or child.ended is not None:
            return
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid == 0:
            return
        child.ended = status
        _signal(pid, signal.SIGKILL)  # what it started itself ends with it
        self._forward_rest(child)
        code, number = os.waitstatus_to_exitcode(status), 0
        if code < 0:
            code, number = 1, -code
        self._child = None
        self._say({"is": "exit", "id": child.id, "code": code, "signal": number, "peak_rss_kb": usage.ru_maxrss})

    def _forward_rest(self, child: _Child) -> None:
        registered = set(self._selector.get_map())
        while child.results in registered and (data := _read(child.results)):
            for line in self._split(child.results, data):
                self._say({**json.loads(line), "id": child.id})
        while data := _read(child.output):
            child.log(data)
        for fd in (child.results, child.output):
            if fd in registered:
                self._selector.unregister(fd)
            self._lines.pop(fd, None)
        child.close()

    def _kill(self) -> None:
        if self._child is not None and self._child.ended is None:
            _signal(self._child.pid, signal.SIGKILL)

    def _end(self) -> None:
        """Kill the child and take its exit status, so that no zombie is left where nobody else collects it."""
        self._kill()
        if self._child is not None and self._child.ended is None:
            os.waitpid(self._child.pid, 0)

    def _split(self, fd: int, data: bytes) -> list[bytes]:
        """Whole lines; the rest waits for its end."""
        *lines, self._lines[fd] = (self._lines.get(fd, b"") + data).split(b"\n")
        return [line for line in lines if line]

    def _say(self, message: Message) -> None:
        write_line(self._outgoing, message)


class _Child:
    """A running job: where its messages and its output arrive."""

    def __init__(self, pid: int, message: Message, results: int, output: int) -> None:
        self.pid, self.id = pid, message["id"]
        self.results, self.output = results, output
        self.ended: int | None = None
        self._path = Path(message["log"])
        self._room = LOG_BYTES - (self._path.stat().st_size if self._path.is_file() else 0)

    def log(self, data: bytes | None) -> None:
        """Keep what was printed, up to the limit; the rest is read and dropped, so that the child never blocks."""
        if not data or self._room <= 0:
            return
        kept = data if len(data) <= self._room else data[: self._room] + _CUT
        self._room -= len(data)
        try:
            with self._path.open("ab") as file:
                file.write(kept)
        except OSError:
            self._room = 0  # a full disk ends the log, not the trial

    def close(self) -> None:
        os.close(self.results)
        os.close(self.output)


def _signal(group: int, number: signal.Signals) -> None:
    """To the child and all that it started."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # PermissionError: macOS says so of a group of zombies
        return


def _await_stop(pid: int) -> None:
    """Until the kernel says that the process stands still (or has ended); at most two seconds."""
    deadline = time.monotonic() + _STOP_S
    while time.monotonic() < deadline:
        state = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if state is not None:
            return
        time.sleep(0.001)


def _read(fd: int) -> bytes | None:
    """What is there; None when nothing is, empty at the end."""
    try:
        return os.read(fd, 1 << 16)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def write_line(fd: int, message: Message) -> None:
    """One message, whole."""
    data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
    while data:
        data = data[os.write(fd, data) :]


if __name__ == "__main__":
    main()
