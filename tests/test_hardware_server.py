"""Networks that misbehave, servers that die, and that nothing is left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hardware_blocks import CPU, QUICK, DeedBlock, network, quick, sleeper

from nasengine import Architecture
from nasengine.errors import DeviceError, UnsupportedError
from nasengine.hardware import Device, Profiler, profile
from nasengine.hardware.devices.command import CommandDevice
from nasengine.hardware.timing.passes import measure
from nasengine.hardware.timing.server import Server


@pytest.fixture(scope="module")
def warm() -> Iterator[Profiler]:
    with Profiler() as profiler:
        yield profiler


def fails(profiler: Profiler, architecture: Architecture, device: Device = CPU, **limits: Any) -> str:
    with pytest.raises(DeviceError) as caught:
        quick(profiler, architecture, device, **limits)
    return str(caught.value)


def test_the_time_is_bounded_and_the_limit_explains_itself(warm: Profiler) -> None:
    message = fails(warm, sleeper(0.05), limit_s=0.3)
    assert message.startswith("profile: 10 runs of 0.05")
    assert message.endswith("s do not fit into limit_s=0.3; raise limit_s, or measure a smaller batch")


def test_a_network_that_does_not_run_is_unsupported_and_named(warm: Profiler) -> None:
    with pytest.raises(UnsupportedError, match=r"hardware_blocks:Deed \(0\) does not: RuntimeError: no kernel for"):
        quick(warm, network(DeedBlock("raise")))


@pytest.mark.parametrize(
    ("deed", "message"),
    [
        ("kill", "was killed by SIGKILL; the kernel does so when memory runs out: measure a smaller network or batch"),
        ("abort", "was killed by SIGABRT; a compiled operation crashed: its output says where"),
        ("exit", "ended with exit status 7 before it had an answer; see its output"),
    ],
)
def test_a_process_that_dies_is_told_of_and_the_next_profile_works(warm: Profiler, deed: str, message: str) -> None:
    assert fails(warm, network(DeedBlock(deed))) == f"profile: a process that times the network {message}"
    assert quick(warm, network()).median_ms > 0


def test_a_process_that_hangs_is_stopped(warm: Profiler) -> None:
    start_s = time.monotonic()
    message = fails(warm, network(DeedBlock("hang")), load_limit_s=0.5, limit_s=0.5, warmup_limit_s=0.2)
    assert re.fullmatch(  # its limits added up, and what patience the machine's noise has left
        r"profile: a process that times the network took more than 1\.9\d? s and was stopped; raise the limits, or "
        "measure a smaller network or batch",
        message,
    )
    assert time.monotonic() - start_s < 60


def test_an_absent_device_is_refused(warm: Profiler) -> None:
    assert "'cuda:99' is not on this machine" in fails(warm, network(), Device("cuda:99"))


def test_threads_that_do_not_fit_are_refused(warm: Profiler) -> None:
    assert fails(warm, network(), Device(threads=999)).startswith("device.threads: 999 threads do not fit the ")


def server_of(profiler: Profiler) -> int:
    quick(profiler, network())
    server = profiler._server
    assert server is not None
    return server.pid


def test_a_server_that_dies_is_told_of_and_another_starts() -> None:
    with Profiler() as profiler:
        pid = server_of(profiler)
        killer = threading.Timer(0.3, os.kill, (pid, signal.SIGKILL))
        killer.start()
        message = fails(profiler, sleeper(0.05))
        assert message.startswith(
            "profile: the profiler's server ended (exit status -9) before it answered; measure again"
        )
        assert quick(profiler, network()).median_ms > 0
        assert server_of(profiler) != pid


def test_a_server_that_does_not_start_in_time_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nasengine.hardware.profiler.START_S", 0.01)
    with Profiler() as profiler, pytest.raises(DeviceError) as caught:
        profiler.profile(network())
    assert str(caught.value) == (
        "profile: the profiler's server gave no answer within 0.01 s and was stopped; give the machine less to do, or "
        "measure with narrower limits"
    )


def test_modules_of_a_user_that_fail_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is not there, one ends the process that imports it; the server lives on."""
    (tmp_path / "ends_processes.py").write_text("import os\nos._exit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with Profiler() as profiler:
        with pytest.raises(DeviceError) as caught:
            profiler.profile(network(), CPU, limits=QUICK, modules=("no_such_module",))
        assert str(caught.value) == (
            "profile: the measurement failed: ModuleNotFoundError: No module named 'no_such_module'; check that the "
            "network runs on this device"
        )
        with pytest.raises(DeviceError) as caught:
            profiler.profile(network(), CPU, limits=QUICK, modules=("ends_processes",))
        assert str(caught.value) == "profile: the process that measures ended (exit status 3); measure again"
        assert quick(profiler, network()).median_ms > 0


def test_other_targets_measure_themselves_and_are_none_for_a_pass() -> None:
    command = CommandDevice("cat {model} {json}", name="printer")
    with pytest.raises(DeviceError, match="printer"):
        profile(network(), command, limits=QUICK)
    with pytest.raises(
        DeviceError, match=r"^profile: the device is measured by this process and is a Device; got Comm"
    ):
        measure({"device": command.to_json(), "architecture": network().to_json()})


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def gone(pids: set[int]) -> bool:
    """Within ten seconds."""
    deadline = time.monotonic() + 10
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(alive, pids))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_outlives_the_process_that_asks(tmp_path: Path, number: signal.Signals) -> None:
    """It is stopped while a network hangs in a timed process."""
    log = tmp_path / "log"
    script = (
        "from hardware_blocks import *; from nasengine.hardware import profile\n"
        f"profile(network(WitnessBlock({str(log)!r}), DeedBlock('hang')))"
    )
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    asking = subprocess.Popen(
        [sys.executable, "-c", script], cwd=Path(__file__).parent, stderr=subprocess.DEVNULL, env=env
    )
    deadline = time.monotonic() + 60
    while not (log.exists() and log.read_text().endswith("\n")) and time.monotonic() < deadline:
        time.sleep(0.05)
    state = json.loads(log.read_text().splitlines()[0])
    asking.send_signal(number)
    asking.wait(30)
    assert gone({state["pid"], state["parent"], state["group"]})
    deadline = time.monotonic() + 10
    while list(tmp_path.glob("nasengine-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not list(tmp_path.glob("nasengine-*"))


def test_a_server_keeps_what_the_reference_took_and_is_less_patient_where_waiting_was_of_no_use() -> None:
    server = Server(-1, -1, parent=os.getpid())
    assert (server.quiet_ms, server.patience) == (None, 1.0)
    for reference_ms in (0.05, 0.04, 0.06, 0.07):
        server.remember({"value": {"reference_ms": reference_ms, "drift": 0.5}})
    assert (server.quiet_ms, server.patience) == (0.04, 1 / 16)
    server.remember({"error": "DeviceError", "text": "of no matter"})
    assert server.patience == 1 / 16
    server.remember({"value": {"reference_ms": 0.04, "drift": 0.01}})
    assert (server.quiet_ms, server.patience) == (0.04, 1.0)
