"""The local executor: worker processes on this machine. It runs what it is told and decides nothing.

Single-threaded: every slot is a fork server (:mod:`nasengine.study.worker`) spoken to over pipes, and :meth:`poll`
waits for whichever speaks first. One more server measures latency, alone: while it does, every training process is
stopped, so a timed device never trains at the same time.

That holds between studies too (:mod:`nasengine.hardware.devices.lock`): while something trains, this process holds its
share of the device, and looks at each beat whether another process waits to measure; then what trains stands still
meanwhile.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasengine.errors import StudyError
from nasengine.hardware import Device
from nasengine.hardware.devices.lock import Claim, DeviceLock

START_S = 120.0
STARTS = 3
_BEAT_S = 0.5  # at most so long does another process wait for what trains here to stand still
_STAND_S = 3600.0
_SETTLE_S = 0.02  # kernels already queued on a GPU run out while their process stands still


@dataclass(frozen=True)
class Outcome:
    """How a job ended: a value, or the reason why there is none. ``lost``: the worker died, not the job.

    ``error`` is the class of the exception that ended it, where one did.
    """

    id: str
    value: dict[str, Any] | None = None
    reason: str = ""
    lost: bool = False
    error: str = ""


@dataclass(frozen=True)
class Setup:
    """What every worker is told first.

    Attributes:
        logs: folder for what servers print themselves.
        modules: imported before the first job, besides those that a job names.
        path: entries of ``sys.path``.
        jobs: the module whose ``run(job, report)`` does a job, and whose ``warm(job)`` prepares its server for it.
        training: what of this machine training needs.
    """

    logs: Path
    modules: tuple[str, ...] = ()
    path: tuple[str, ...] = field(default_factory=lambda: tuple(os.path.abspath(p) for p in sys.path))
    jobs: str = "nasengine.study.jobs"
    training: Claim = field(default_factory=lambda: Device().training_claim())


class LocalExecutor:
    """``workers`` training slots and, once something is measured, a measuring one.

    Raises:
        StudyError: a server does not start; with the end of its log.
        DeviceError: another process kept the device for itself for too long.
    """

    def __init__(self, setup: Setup, workers: int) -> None:
        setup.logs.mkdir(parents=True, exist_ok=True)
        self._setup = setup
        self._selector = selectors.DefaultSelector()
        self._done: list[Outcome] = []
        self._slots = [self._slot(f"worker-{i}") for i in range(workers)]
        self._measuring: _Slot | None = None
        self._turn = DeviceLock(setup.training)
        self._stood_since: float | None = None  # what trains stands still, since another process measures
        self.epochs: dict[str, dict[str, Any]] = {}
        """The last epoch's row of each running job, for whoever shows progress."""

    def prepare_measuring(self) -> None:
        """Start the measuring server early, so that its imports overlap with those of the others."""
        if self._measuring is None:
            self._measuring = self._slot("measuring")

    @property
    def free(self) -> int:
        """How many more jobs may be submitted now."""
        return sum(slot.job is None for slot in self._slots)

    @property
    def busy(self) -> int:
        """How many jobs run."""
        return len(self._slots) - self.free

    def submit(self, id: str, job: dict[str, Any], *, modules: Sequence[str] = (), log: Path) -> None:
        """Give a job to a free slot; :meth:`poll` tells how it ended. Waits while another process measures."""
        self._turn.acquire(_STAND_S)
        self._go_on()
        next(slot for slot in self._slots if slot.job is None).give(id, job, modules, log)

    def poll(self, timeout_s: float | None) -> list[Outcome]:
        """Jobs that ended; waits for the first message up to ``timeout_s`` (None: until one comes)."""
        deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while not self._done:
            self._share()
            left = 0.0 if self._done else deadline - time.monotonic()
            beat = _BEAT_S if self.busy else math.inf
            if self._listen(_timeout(min(left, beat))) or left <= 0:
                break
        done, self._done = self._done, []
        return done

    def measure(
        self,
        id: str,
        job: dict[str, Any],
        *,
        modules: Sequence[str] = (),
        log: Path,
        limit_s: float = 120.0,
        claim: Claim | None = None,
    ) -> Outcome:
        """Do a job on the measuring server while nothing else computes on what it claims; waits for it.

        Training here goes on beside a claim that is not of this machine. By default the claim is of this CPU.
        """
        self.prepare_measuring()
        slot, device = self._measuring, DeviceLock(claim or Device().claim())
        assert slot is not None
        self._await_ready()
        try:
            if device.claim.here:
                self._stand()
            device.acquire()
            slot.give(id, job, modules, log)
            return self._await_outcome(slot, id, limit_s, beside=not device.claim.here)
        finally:
            device.release()
            self._share()

    def stop(self) -> list[Outcome]:
        """Kill what trains; the outcomes of jobs that were done before that reached them."""
        for slot in self._slots:
            if slot.job is not None:
                slot.send({"do": "kill"})
        self._until(lambda: not self.busy, START_S, "to stop")
        return [outcome for outcome in self.poll(0.0) if outcome.value is not None]

    def close(self) -> None:
        """End every process."""
        slots = [*self._slots, *([self._measuring] if self._measuring else [])]
        for slot in slots:
            slot.hang_up()
        for slot in slots:
            slot.end()
        self._turn.release()
        self._selector.close()

    # --- inside --------------------------------------------------------------------------------------------------

    def _slot(self, name: str) -> _Slot:
        slot = _Slot(name, self._setup)
        self._selector.register(slot.fd, selectors.EVENT_READ, slot)
        return slot

    def _share(self) -> None:
        """Stand still if another process waits to measure; go on if none does any more."""
        if self._turn.wanted():
            self._stand()
        elif self._stood_since is not None and self.busy:
            if self._turn.try_acquire():
                self._go_on()
            elif time.monotonic() - self._stood_since > _STAND_S:
                raise self._turn.late(_STAND_S)

    def _stand(self) -> None:
        """Stop what trains, and give up its share of the device."""
        if self._stood_since is None:
            self._pause([s for s in self._slots if s.job is not None])
            self._stood_since = time.monotonic()
        self._turn.release()

    def _go_on(self) -> None:
        """Let what trains go on; its share of the device is held again."""
        if self._stood_since is not None:
            self._stood_since = None
            for slot in self._slots:
                if slot.job is not None:
                    slot.send({"do": "resume"})

    def _listen(self, timeout_s: float | None) -> bool:
        """Hear what was said; False when nothing was, in this time."""
        events = self._selector.select(timeout_s)
        for key, _ in events:
            slot: _Slot = key.data
            data = os.read(slot.fd, 1 << 16)
            for message in slot.split(data):
                self._hear(slot, message)
            if not data:
                self._replace(slot)
        return bool(events)

    def _hear(self, slot: _Slot, message: dict[str, Any]) -> None:
        kind = message["is"]
        if kind == "ready":
            slot.ready = True
        elif kind == "paused":
            slot.pauses -= 1
        elif message.get("id") != slot.job:
            return
        elif kind == "epoch":
            self.epochs[str(message["id"])] = message["row"]
        elif kind == "result":
            slot.value = message["value"]
        elif kind == "error":
            slot.reason, slot.error = message["reason"], str(message.get("error", ""))
        elif kind == "exit":
            self._finish(slot, _exit_reason(message))

    def _finish(self, slot: _Slot, exit_reason: str, *, lost: bool = False) -> None:
        assert slot.job is not None
        if slot.value is not None:
            self._done.append(Outcome(slot.job, slot.value))
        else:
            self._done.append(Outcome(slot.job, None, slot.reason or exit_reason, lost, slot.error))
        self.epochs.pop(slot.job, None)
        slot.job, slot.value, slot.reason, slot.error = None, None, "", ""
        if not self.busy:
            self._stood_since = None
            self._turn.release()

    def _replace(self, slot: _Slot) -> None:
        """A server that died: its job is lost, and another server takes its place."""
        self._selector.unregister(slot.fd)
        code = slot.end()
        if slot.job is not None:
            self._finish(slot, f"the worker process ended ({_named(code)})", lost=True)
        slot.starts = 0 if slot.ready else slot.starts + 1
        if slot.starts >= STARTS:
            raise StudyError(
                f"worker: its process ends before it is ready, {STARTS} times now ({_named(code)}); "
                f"the end of its log, {slot.log}:\n{_tail(slot.log)}"
            )
        slot.start()
        self._selector.register(slot.fd, selectors.EVENT_READ, slot)

    def _await_ready(self) -> None:
        """No server imports while a latency is measured."""
        self._until(lambda: all(s.ready for s in [*self._slots, self._measuring] if s), START_S, "to start")

    def _pause(self, slots: Sequence[_Slot]) -> None:
        for slot in slots:
            slot.pauses += 1
            slot.send({"do": "pause"})
        # A server that still loads a trial's data answers when it has: hence no shorter limit than for a start.
        self._until(lambda: all(not s.pauses or s.job is None for s in slots), START_S, "to pause")
        if slots:
            time.sleep(_SETTLE_S)

    def _await_outcome(self, slot: _Slot, id: str, limit_s: float, *, beside: bool) -> Outcome:
        deadline = time.monotonic() + limit_s
        while slot.job is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                slot.send({"do": "kill"})
                slot.reason = f"no answer after {limit_s:g} s; it was stopped"
                deadline += START_S
            if beside:
                self._share()  # a device elsewhere may turn out to be this machine, which measures under its own lock
            self._listen(max(0.0, min(left, _BEAT_S)))
        found = next(outcome for outcome in self._done if outcome.id == id)
        self._done.remove(found)
        return found

    def _until(self, met: Any, limit_s: float, what: str) -> None:
        deadline = time.monotonic() + limit_s
        while not met():
            left = deadline - time.monotonic()
            if left <= 0:
                raise StudyError(
                    f"worker: a worker process needs more than {limit_s:g} s {what}; give the machine less to do, "
                    f"and see the logs in {self._setup.logs}"
                )
            self._listen(left)


class _Slot:
    """One server process and the job it holds."""

    def __init__(self, name: str, setup: Setup) -> None:
        self.name, self._setup = name, setup
        self.log = setup.logs / f"{name}.log"
        self.job: str | None = None
        self.value: dict[str, Any] | None = None
        self.reason = self.error = ""
        self.starts = 0
        self.pauses = 0  # asked for and not yet answered: counted, so that a late answer stands for no later one
        self.start()

    def start(self) -> None:
        """Start the server; it answers when its imports are done."""
        self.ready, self.pauses = False, 0
        self._line = b""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "nasengine.study.worker", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(),
                start_new_session=True,  # Ctrl-C in a terminal is the study's to handle
                bufsize=0,
            )
        assert self._process.stdout is not None
        self.fd = self._process.stdout.fileno()
        path, modules = list(self._setup.path), list(self._setup.modules)
        self.send({"do": "hello", "path": path, "jobs": self._setup.jobs, "modules": modules})

    def give(self, id: str, job: dict[str, Any], modules: Sequence[str], log: Path) -> None:
        """Hand over a job. Nothing is read meanwhile: an idle server says nothing."""
        log.parent.mkdir(parents=True, exist_ok=True)
        self.job, self.value, self.reason, self.error = id, None, "", ""
        self.send({"do": "job", "id": id, "job": job, "modules": list(modules), "log": str(log)})

    def send(self, message: dict[str, Any]) -> None:
        """One line; a server that is gone is noticed where its output is read."""
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        assert self._process.stdin is not None
        try:
            while data:
                data = data[self._process.stdin.write(data) or 0 :]
        except (BrokenPipeError, ValueError):
            return

    def split(self, data: bytes) -> list[dict[str, Any]]:
        """Whole messages in what was read."""
        *lines, self._line = (self._line + data).split(b"\n")
        return [json.loads(line) for line in lines if line]

    def hang_up(self) -> None:
        """Close its input: it kills its child and ends."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def end(self) -> int:
        """Wait for its end, at most two seconds, then kill it; its exit status."""
        self.hang_up()
        try:
            code = self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code


def _environment() -> dict[str, str]:
    """Servers stay single-threaded, since threads do not survive a fork; children choose their own number."""
    here = str(Path(__file__).resolve().parents[2])
    paths = [here, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **single, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def _exit_reason(message: dict[str, Any]) -> str:
    if message["signal"]:
        hint = "; the kernel does so when memory runs out" if message["signal"] == signal.SIGKILL else ""
        return f"killed by {_named(-message['signal'])}{hint}"
    return f"the process ended with exit status {message['code']} before its job was done"


def _timeout(seconds: float) -> float | None:
    """As ``select`` wants it."""
    return None if math.isinf(seconds) else max(0.0, seconds)


def _named(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _tail(path: Path, size: int = 2000) -> str:
    return path.read_bytes()[-size:].decode(errors="replace").strip() or "(empty)"
