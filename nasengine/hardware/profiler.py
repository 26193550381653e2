"""Measured latency: the whole network, called as it will be served, in fresh processes, until it can be trusted.

What this guards against has been shipped elsewhere: a single timed run without warm-up, clocks inside per-module hooks
(each synchronises, and their sum is not the network's time), operation times added up, placeholder constants, seconds
taken for milliseconds, an interval that ignores how much processes differ. Here one run is one call of the whole
network, nothing is hooked into it, and the process that asks takes no part in it.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasengine.errors import DeviceError
from nasengine.hardware.devices.device import Device
from nasengine.hardware.devices.lock import held
from nasengine.hardware.devices.target import Target
from nasengine.hardware.latency import LatencyProfile
from nasengine.hardware.limits import Limits
from nasengine.hardware.timing.processes import raise_failure
from nasengine.space.spec import Spec

if TYPE_CHECKING:
    from nasengine.space import Architecture

START_S = 120.0
_END_S = 5.0


def profile(
    architecture: Architecture,
    device: Target | None = None,
    *,
    network: str | None = None,
    limits: Limits | None = None,
    modules: Sequence[str] = (),
) -> LatencyProfile:
    """Measure the latency of an architecture on a device.

    For one of this machine a server process is started and ended again, for a second or two; for many networks use
    `Profiler`. The device's lock is held meanwhile.

    Args:
        architecture: its graph is measured, simplified, with seeded weights.
        device: where and how; `Device()`, the CPU with one thread, if left out. Other targets measure themselves.
        network: which one, where the architecture has several.
        limits: how carefully.
        modules: imported first, for blocks that a user defines.

    Raises:
        DeviceError: the device is absent, the network does not run there, or a process died or took too long.
        UnsupportedError: the runtime cannot take an operation of the network.
    """
    with Profiler() as profiler:
        return profiler.profile(architecture, device, network=network, limits=limits, modules=modules)


class Profiler:
    """A warm server for many profiles: `with Profiler() as profiler: profiler.profile(architecture)`.

    The server (:mod:`nasengine.hardware.timing.server`) is a program of its own, started at the first profile, so this
    works in a notebook, beside threads, and where CUDA is in use. One profile is made at a time; threads wait for each
    other.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: _Server | None = None

    def __enter__(self) -> Profiler:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server and what it runs. A later profile starts another."""
        with self._lock:
            self._end()

    def profile(
        self,
        architecture: Architecture,
        device: Target | None = None,
        *,
        network: str | None = None,
        limits: Limits | None = None,
        modules: Sequence[str] = (),
    ) -> LatencyProfile:
        """As the function `profile`, with the same arguments and errors."""
        device = device or Device()
        if not isinstance(device, Device):
            return device.measure(architecture, network=network, limits=limits, modules=modules)
        request = {
            "architecture": architecture.to_json(),
            "network": network,
            "device": device.to_json(),
            "limits": (limits or Limits()).to_json(),
            "modules": [*modules, *_own_modules(architecture)],
        }
        with self._lock, held(device.claim()):
            found = self._ask(request)
        if "error" in found:
            raise_failure(found, "the measurement")
        return LatencyProfile.from_json(found["value"])

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._server is None:
            self._server = _Server()
        try:
            return self._server.ask(request)
        except BaseException:  # KeyboardInterrupt too: an answer that nobody waits for would meet the next question
            self._end()
            raise

    def _end(self) -> None:
        if self._server is not None:
            self._server.end()
            self._server = None


class _Server:
    """The process, its pipes, and a file for what it prints."""

    def __init__(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the server ends
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "nasengine.hardware.timing.server", str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment(),
            start_new_session=True,  # Ctrl-C in a terminal is the caller's to handle
            bufsize=0,
        )
        try:
            self._say({"path": [os.path.abspath(p) for p in sys.path]})
            self._hear(START_S)
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request, one answer."""
        self._say(request)
        return self._hear(Limits.from_json(request["limits"]).longest_s)

    def end(self) -> None:
        """Close its input: it kills what it runs and ends; after five seconds it is killed."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
        self._log.close()

    def _say(self, message: dict[str, Any]) -> None:
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        assert self._process.stdin is not None
        try:
            while data:
                data = data[self._process.stdin.write(data) or 0 :]
        except BrokenPipeError:
            raise self._died() from None

    def _hear(self, limit_s: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        fd, line, deadline = self._process.stdout.fileno(), b"", time.monotonic() + limit_s
        with selectors.DefaultSelector() as selector:
            selector.register(fd, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise DeviceError(
                        f"profile: the profiler's server gave no answer within {limit_s:g} s and was stopped; give "
                        "the machine less to do, or measure with narrower limits"
                    )
                data = os.read(fd, 1 << 16)
                if not data:
                    raise self._died()
                line += data
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _died(self) -> DeviceError:
        try:
            code: int | None = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            code = None
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").split()
        return DeviceError(
            f"profile: the profiler's server ended (exit status {code}) before it answered; measure again; it said: "
            f"{' '.join(said)[-1000:] or 'nothing'}"
        )


def _own_modules(architecture: Architecture) -> list[str]:
    """Where the blocks of an architecture are defined, but for the engine's own and what no other process imports."""
    found: set[str] = set()
    stack: list[object] = list(architecture.networks.values())
    while stack:
        value = stack.pop()
        if isinstance(value, Spec):
            found.add(type(value).__module__)
            stack.extend(value.values())
        elif isinstance(value, tuple):
            stack.extend(value)
    return sorted(name for name in found if name.partition(".")[0] not in ("nasengine", "__main__"))


def _environment() -> dict[str, str]:
    """The server stays single-threaded, since threads do not survive a fork; passes choose their own number."""
    here = str(Path(__file__).resolve().parents[2])
    paths = [here, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **single, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
