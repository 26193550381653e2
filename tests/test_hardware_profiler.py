"""The profiler against the mistakes that latency figures are known for, and against networks that misbehave.

Networks here sleep for a known time, so that the true latency is known: a call never takes less than its sleep, and the
upper bounds leave room for a busy machine.
"""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hardware_blocks import CPU, QUICK, DeedBlock, WideBlock, WitnessBlock, network, quick, sleeper

from nasengine import Features, Image, Space, choice
from nasengine.blocks import ConvNormAct, Linear, Sequential
from nasengine.hardware import Device, LatencyProfile, Profiler, profile
from nasengine.hardware.devices.device import usable_cores
from nasengine.hardware.timing.passes import BUSY
from nasengine.hardware.timing.selection import MOVED

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this machine")
linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux says so")


@pytest.fixture(scope="module")
def warm() -> Iterator[Profiler]:
    with Profiler() as profiler:
        yield profiler


def test_milliseconds_are_milliseconds(warm: Profiler) -> None:
    measured = quick(warm, sleeper(0.005))
    assert 5.0 <= measured.p10_ms <= measured.median_ms < 20.0


def test_slow_first_calls_are_warmed_up_and_not_timed(warm: Profiler) -> None:
    measured = quick(warm, sleeper(0.001, first_s=0.03, slow_calls=4))
    assert measured.warmup_runs >= 3 * 4
    assert measured.p90_ms < 30.0


def test_there_are_at_least_thirty_timed_runs_in_three_processes(warm: Profiler) -> None:
    measured = quick(warm, sleeper(0.004))
    assert measured.runs >= 30
    assert len(measured.passes_ms) == 3
    assert min(measured.passes_ms) <= measured.median_ms <= max(measured.passes_ms)
    assert measured.ci_low_ms <= min(measured.passes_ms)  # Student's interval of three is wider than they lie apart
    assert measured.ci_high_ms >= max(measured.passes_ms)


def test_time_between_the_operations_counts(warm: Profiler) -> None:
    """The sum of what its operations compute would be some microseconds; the network takes 3 ms."""
    alone = quick(warm, network())
    assert quick(warm, sleeper(0.003)).median_ms >= 3.0 > 10 * alone.median_ms


def test_the_figure_follows_the_network(warm: Profiler) -> None:
    slow, fast = quick(warm, sleeper(0.006)), quick(warm, sleeper(0.001))
    assert slow.median_ms >= 6.0
    assert fast.median_ms < slow.median_ms / 2


def test_a_real_network_is_measured_with_its_device_and_method() -> None:
    space = Space("two", inputs=Image(3, 32), network=Sequential(ConvNormAct(16), ConvNormAct(choice(8, 16))))
    device = Device(batch=2)
    measured = profile(space.smallest(), device, limits=QUICK)
    assert 0.001 < measured.median_ms < 1000
    assert measured.device == device.describe()
    assert measured.device_key == device.key()
    assert (measured.batch, measured.threads, measured.runtime, measured.dtype) == (2, 1, "eager", "float32")
    assert (measured.layout, measured.cache, measured.wanted_ci) == ("contiguous", "warm", QUICK.ci)
    assert "One run is one call of the whole network" in measured.method
    age = datetime.datetime.now(datetime.UTC) - datetime.datetime.fromisoformat(measured.measured_at)
    assert datetime.timedelta(0) <= age < datetime.timedelta(minutes=5)
    assert LatencyProfile.from_json(json.loads(json.dumps(measured.to_json()))) == measured


def test_every_process_is_fresh_and_set_for_the_measurement(warm: Profiler, tmp_path: Path) -> None:
    log = tmp_path / "log"
    measured = quick(warm, network(WitnessBlock(str(log))), Device(batch=3))
    states = [json.loads(line) for line in log.read_text().splitlines()]
    assert len({state["pid"] for state in states}) == 3
    assert os.getpid() not in {state["pid"] for state in states}
    expected = {"training": False, "grad": False, "inference": True, "threads": 1, "dtype": "torch.float32", "batch": 3}
    assert all(expected.items() <= state.items() for state in states)
    timed = states[-1]
    assert not timed["gc"]
    if hasattr(os, "sched_getaffinity"):
        assert {len(state["cores"]) for state in states} == {1}
        assert "pinned to the least busy of the fast cores" in measured.method
    else:
        assert "not pinned to cores, which this system does not offer" in measured.method


@pytest.mark.skipif(usable_cores() < 2, reason="one core")
def test_threads_are_as_many_as_the_device_says(warm: Profiler, tmp_path: Path) -> None:
    log = tmp_path / "log"
    quick(warm, network(WitnessBlock(str(log))), Device(threads=2))
    state = json.loads(log.read_text().splitlines()[-1])
    assert state["threads"] == 2
    assert not hasattr(os, "sched_getaffinity") or len(state["cores"]) == 2


def test_the_process_that_asks_stays_as_it_was(warm: Profiler) -> None:
    threads = torch.get_num_threads()
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    quick(warm, network())
    assert torch.get_num_threads() == threads
    assert cores is None or os.sched_getaffinity(0) == cores
    assert os.getpriority(os.PRIO_PROCESS, 0) == 0


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_inputs_are_in_the_device_s_dtype(warm: Profiler, tmp_path: Path, dtype: str) -> None:
    log = tmp_path / "log"
    measured = quick(warm, network(WitnessBlock(str(log))), Device(dtype=dtype))
    assert {json.loads(line)["dtype"] for line in log.read_text().splitlines()} == {f"torch.{dtype}"}
    assert measured.dtype == dtype
    assert measured.facts["weights"] == dtype


def test_one_network_of_several_is_measured_by_its_name(warm: Profiler) -> None:
    both = Space(
        "both",
        inputs=Features(4),
        networks={"slow": sleeper(0.004).networks["network"].body, "fast": Linear(2)},
    ).smallest()
    found = {n: warm.profile(both, CPU, network=n, limits=QUICK).median_ms for n in ("slow", "fast")}
    assert found["slow"] >= 4.0 > found["fast"]


@linux
def test_peak_memory_is_what_a_call_needs(warm: Profiler) -> None:
    """64 MiB and some pages; a network of a few bytes needs next to nothing."""
    wide, small = quick(warm, network(WideBlock(64))), quick(warm, network())
    assert wide.peak_memory_bytes is not None
    assert small.peak_memory_bytes is not None
    assert 60 * 2**20 < wide.peak_memory_bytes < 72 * 2**20
    assert small.peak_memory_bytes < 2**20


def test_what_a_network_prints_never_meets_the_protocol(warm: Profiler) -> None:
    assert quick(warm, network(DeedBlock("print"))).median_ms > 0


def test_a_network_that_never_settles_is_marked(warm: Profiler) -> None:
    """Each call sleeps longer than the one before, so no two windows agree."""
    measured = quick(warm, sleeper(0.0, more_s=0.001), warmup_limit_s=0.2)
    assert not measured.steady
    assert "warm-up not steady" in measured.summary()


def test_a_steady_network_is_marked_steady(warm: Profiler) -> None:
    """Three tries: a busy machine may spoil one."""
    assert any(quick(warm, sleeper(0.004)).steady for _ in range(3))


def test_fast_networks_stop_at_the_most_runs(warm: Profiler) -> None:
    assert quick(warm, network(), max_runs=40, target_s=5.0).runs == 3 * 40


def test_an_interval_wider_than_asked_is_said_to_be(warm: Profiler) -> None:
    measured = quick(warm, sleeper(0.002), ci=1e-9)
    assert measured.precise is False
    assert "less precise than the 1e-09 asked for" in measured.summary()
    assert quick(warm, sleeper(0.002), ci=1e9).precise is True


def test_threads_take_turns(warm: Profiler) -> None:
    found: dict[int, float] = {}

    def ask(ms: int) -> None:
        found[ms] = quick(warm, sleeper(ms / 1e3)).median_ms

    threads = [threading.Thread(target=ask, args=(ms,)) for ms in (1, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= found[1] < 8 <= found[8]


@linux
@pytest.mark.skipif(not 2 <= usable_cores() <= 8, reason="a share of the cores is asked for")
def test_a_busy_loop_on_another_core_is_noticed(warm: Profiler) -> None:
    """It takes one of the cores; half of that is asked for, since other work may take some of it away."""
    parent = f"import os\nos.sched_setaffinity(0, [{min(os.sched_getaffinity(0))}])\nparent = {os.getpid()}\n"
    busy = subprocess.Popen([sys.executable, "-c", parent + "while os.getppid() == parent: sum(range(10_000))"])
    try:
        time.sleep(0.5)
        measured = quick(warm, sleeper(0.002), target_s=0.3)
    finally:
        busy.kill()
        busy.wait()
    assert measured.busy_share is not None
    assert measured.busy_share > 0.5 / usable_cores()
    assert measured.loaded == (measured.busy_share > BUSY or (measured.drift or 0.0) > MOVED)
    if usable_cores() <= 4:
        assert measured.loaded
        assert "on a loaded machine (reference moved" in measured.summary()


@needs_gpu
def test_a_gpu_is_timed_by_events_and_includes_its_work(warm: Profiler) -> None:
    small, large = (network(features=n) for n in (4, 8192))
    fast, slow = (quick(warm, one, Device("cuda")) for one in (small, large))
    assert fast.median_ms < slow.median_ms
    assert "CUDA events" in slow.method
    assert slow.device["gpu"] == torch.cuda.get_device_name(0)
    assert slow.peak_memory_bytes is not None
