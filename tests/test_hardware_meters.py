"""What is read from the machine: memory, energy, clocks, load, waiting; and processes forked for one piece of work.

Files that this machine lacks are written to a folder as the kernel writes them; a GPU's library is compiled from C.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from nasengine.errors import DeviceError, NasError, UnsupportedError
from nasengine.hardware import Device
from nasengine.hardware.timing.load import Ticks, best_cores, load_average, quiet_cores, ticks
from nasengine.hardware.timing.meters import Meters, Readings, cpu_peak_bytes, rapl
from nasengine.hardware.timing.nvml import Nvml
from nasengine.hardware.timing.processes import in_process
from nasengine.hardware.timing.reference import reference_kernel
from nasengine.hardware.timing.settle import first_in_line, waiting

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux says so")
compiler = shutil.which("cc")

NVML = """
typedef unsigned long long big;
static big energy = 5000;
int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
    if (uuid[0] != 'G' || uuid[4] != 'a') return 6;
    *device = (void *)7; return 0;
}
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *value) {
    *value = 51 + sensor; return device != (void *)7;
}
int nvmlDeviceGetClockInfo(void *device, int kind, unsigned *value) { *value = kind == 1 ? 1410 : 0; return 0; }
int nvmlDeviceGetTotalEnergyConsumption(void *device, big *value) { *value = (energy += 250); return 0; }
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_colon_", ":")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_nothing_is_invented_where_nothing_can_be_read(tmp_path: Path) -> None:
    meters = Meters(Device(), [0], sys=tmp_path, proc=tmp_path)
    assert meters.read(lambda: None) == Readings(None, None, None, None, None)
    assert Nvml.by_uuid("GPU-a", "libno-such-library.so.9") is None
    assert torch.cuda.is_available() or Nvml.of(0) is None


def test_clock_and_temperature_of_the_cores_in_use(tmp_path: Path) -> None:
    sys_ = write(
        tmp_path,
        devices__system__cpu__cpu0__cpufreq__scaling_cur_freq="3000000\n",
        devices__system__cpu__cpu1__cpufreq__scaling_cur_freq="2000000\n",
        class__thermal__thermal_zone0__type="acpitz\n",
        class__thermal__thermal_zone0__temp="20000\n",
        class__thermal__thermal_zone1__type="x86_pkg_temp\n",
        class__thermal__thermal_zone1__temp="47500\n",
    )
    found = Meters(Device(threads=2), [0, 1], sys=sys_).read(None)
    assert found == Readings(temperature_c=47.5, clock_mhz=2500.0)
    assert Meters(Device(), [1], sys=sys_).read(None).clock_mhz == 2000.0
    assert Meters(Device(), [], sys=sys_).read(None).clock_mhz is None


def rapl_zone(folder: Path, name: str, energy_uj: int) -> None:
    zone = folder / "class" / "powercap" / name
    zone.mkdir(parents=True, exist_ok=True)
    (zone / "energy_uj").write_text(f"{energy_uj}\n")
    (zone / "max_energy_range_uj").write_text("10000000\n")


def test_the_counter_of_packages_adds_them_up_and_survives_its_wrap(tmp_path: Path) -> None:
    rapl_zone(tmp_path, "intel-rapl:0", 9_000_000)
    rapl_zone(tmp_path, "intel-rapl:1", 1_000_000)
    rapl_zone(tmp_path, "intel-rapl:0:0", 777)  # a part of the first, not one more
    joules = rapl(tmp_path)
    assert joules is not None
    before = joules()
    rapl_zone(tmp_path, "intel-rapl:0", 500_000)
    rapl_zone(tmp_path, "intel-rapl:1", 3_000_000)
    assert joules() - before == pytest.approx(1.5 + 2.0)


def test_energy_of_a_call_is_counted_over_many(tmp_path: Path) -> None:
    """Each call writes 2 mJ onto the counter; the power follows from the clock."""
    used = 0

    def call() -> None:
        nonlocal used
        used += 2_000
        time.sleep(0.001)
        rapl_zone(tmp_path, "intel-rapl:0", used)

    rapl_zone(tmp_path, "intel-rapl:0", 0)
    found = Meters(Device(), [], sys=tmp_path, proc=tmp_path).read(call)
    assert found.energy_mj == pytest.approx(2.0)
    assert found.power_w is not None
    assert 0 < found.power_w <= 2.0


def test_memory_that_a_runtime_keeps_for_itself_is_not_read_as_none_needed() -> None:
    assert Meters(Device(runtime="onnxruntime"), []).read(lambda: None).peak_memory_bytes is None


def test_an_energy_counter_that_stands_still_is_no_energy(tmp_path: Path) -> None:
    rapl_zone(tmp_path, "intel-rapl:0", 5)
    found = Meters(Device(), [], sys=tmp_path, proc=tmp_path).read(lambda: None)
    assert (found.energy_mj, found.power_w) == (None, None)


@pytest.mark.skipif(compiler is None, reason="no C compiler")
def test_a_gpu_is_read_through_the_management_library(tmp_path: Path) -> None:
    assert compiler is not None
    (tmp_path / "nvml.c").write_text(NVML)
    library = tmp_path / "libnvml-test.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, tmp_path / "nvml.c"], check=True)
    gpu = Nvml.by_uuid("GPU-a", str(library))
    assert gpu is not None
    assert (gpu.temperature_c(), gpu.clock_mhz()) == (51.0, 1410.0)
    joules = gpu.energy_counter()
    assert joules is not None
    first = joules()
    assert joules() - first == pytest.approx(0.25)
    assert Nvml.by_uuid("GPU-b", str(library)) is None


@linux
def test_peak_memory_of_a_call() -> None:
    """32 MiB that are freed again in the call, and pages; a second time too, when the allocator has them at hand."""

    def call() -> object:
        return torch.ones(2**23).sum()

    for _ in range(2):
        found = cpu_peak_bytes(call)
        assert found is not None
        assert 31 * 2**20 <= found <= 40 * 2**20


STAT = """cpu  300 0 60 700 40 0 0 0 0 0
cpu0 100 0 20 500 20 0 0 0 0 0
cpu1 200 0 40 200 20 0 0 {steal} 0 0
intr 5 0
"""


def test_ticks_are_those_of_the_cores_that_this_process_may_use(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text(STAT.format(steal=3))
    found = ticks(stat)
    assert found is not None
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0, 1}
    assert found.busy == {core: busy for core, busy in {0: 120.0, 1: 243.0}.items() if core in usable}
    assert found.idle == {core: idle for core, idle in {0: 520.0, 1: 220.0}.items() if core in usable}
    assert ticks(tmp_path / "absent") is None


def test_the_share_of_others_leaves_out_our_own() -> None:
    before = Ticks({0: 100.0, 1: 100.0}, {0: 50.0, 1: 50.0}, 10.0)
    after = Ticks({0: 150.0, 1: 140.0}, {0: 50.0, 1: 60.0}, 50.0)
    assert after.busy_share(before) == 0.5  # of 100 ticks 90 were busy, 40 of them ours
    assert before.busy_share(before) is None


def cores(used: list[float]) -> tuple[Ticks, Ticks]:
    idle = dict.fromkeys(range(len(used)), 0.0)
    return Ticks(idle, idle, 0.0), Ticks(dict(enumerate(used)), idle, 0.0)


def test_the_least_busy_core_is_the_best_and_not_the_first_among_equals(tmp_path: Path) -> None:
    assert best_cores(*cores([3.0, 0.0, 1.0]), tmp_path) == [1, 2, 0]
    assert best_cores(*cores([0.0, 0.0, 0.0]), tmp_path) == [2, 1, 0]


def test_one_thread_a_physical_core_and_far_from_busy_siblings(tmp_path: Path) -> None:
    """0 and 2 are one physical core, 1 and 3 the other; 2 is busy."""
    pairs = {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}
    for core, text in pairs.items():
        write(tmp_path, **{f"cpu{core}__topology__thread_siblings_list": text + "\n"})
    assert best_cores(*cores([0.0, 0.0, 5.0, 0.0]), tmp_path) == [3, 0, 1, 2]
    write(
        tmp_path,
        **{f"cpu{core}__topology__thread_siblings_list": f"{core // 2 * 2}-{core // 2 * 2 + 1}" for core in pairs},
    )
    assert best_cores(*cores([0.0, 0.0, 0.0, 0.0]), tmp_path) == [3, 1, 2, 0]


def test_slow_cores_of_a_mixed_processor_come_last(tmp_path: Path) -> None:
    for core, khz in enumerate(("5000000", "5200000", "3800000")):
        write(tmp_path, **{f"cpu{core}__cpufreq__cpuinfo_max_freq": khz})
    assert best_cores(*cores([9.0, 8.0, 0.0]), tmp_path) == [1, 0, 2]
    for core, capacity in enumerate(("446", "1024", "1024")):
        write(tmp_path, **{f"cpu{core}__cpu_capacity": capacity})
    assert best_cores(*cores([0.0, 1.0, 2.0]), tmp_path) == [1, 2, 0]


def test_cores_are_chosen_from_those_that_this_process_may_use() -> None:
    if not hasattr(os, "sched_getaffinity"):
        assert quiet_cores(1) == []
        return
    usable = os.sched_getaffinity(0)
    assert set(quiet_cores(len(usable))) == usable
    assert len(quiet_cores(1)) == 1
    assert (load_average() or 0.0) >= 0


@linux
def test_waiting_for_a_core_is_seen() -> None:
    """Two processes on one core: each waits about half of the time; a tenth is asked for."""

    def work() -> list[float]:
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
        rival = os.fork()
        if rival == 0:
            while True:
                pass
        with waiting() as waited:
            assert waited is not None
            start_ms, start_s = waited()[0], time.perf_counter()
            while time.perf_counter() - start_s < 0.5:
                pass
            found = waited()[0] - start_ms
            elapsed_ms = (time.perf_counter() - start_s) * 1e3
        os.kill(rival, signal.SIGKILL)
        os.waitpid(rival, 0)
        return [found, elapsed_ms]

    waited_ms, elapsed_ms = in_process(work, 30, "the wait")
    assert elapsed_ms / 10 < waited_ms <= elapsed_ms


def test_first_in_line_puts_back_what_it_changed() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with first_in_line() as first:
        within = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
    assert within == (-20 if first else within)


def test_the_reference_computes_the_same_every_time() -> None:
    kernel = reference_kernel(torch.device("cpu"))
    first, second = kernel(), kernel()
    assert isinstance(first, torch.Tensor)
    assert isinstance(second, torch.Tensor)
    assert torch.equal(first, second)
    assert torch.isfinite(first).all()
    assert first.abs().min() > 1e-30  # no denormal numbers, which are slow


def raises(error: BaseException) -> None:
    raise error


def test_a_forked_process_gives_its_value_and_is_another() -> None:
    assert in_process(lambda: {"pid": os.getpid()}, 30, "it")["pid"] != os.getpid()
    assert len(in_process(lambda: ["x" * 1000] * 1000, 30, "it")) == 1000  # more than a pipe holds


@pytest.mark.parametrize("error", [UnsupportedError("runtime: no such operation"), NasError("place: law")])
def test_errors_of_ours_come_through_as_they_are(error: NasError) -> None:
    with pytest.raises(type(error)) as caught:
        in_process(lambda: raises(error), 30, "it")
    assert (type(caught.value), str(caught.value)) == (type(error), str(error))


@pytest.mark.parametrize("error", [ValueError("no\nway"), SystemExit("no way"), KeyboardInterrupt("no way")])
def test_other_errors_are_named(error: BaseException) -> None:
    with pytest.raises(DeviceError) as caught:
        in_process(lambda: raises(error), 30, "the work")
    assert str(caught.value) == (
        f"profile: the work failed: {type(error).__name__}: no way; check that the network runs on this device"
    )


def test_a_value_that_is_no_json_is_an_error() -> None:
    with pytest.raises(DeviceError, match=r"^profile: the work failed: TypeError: Object of type set is not JSON"):
        in_process(lambda: {1, 2}, 30, "the work")


def test_a_process_beyond_its_limit_is_killed() -> None:
    with pytest.raises(DeviceError, match=r"^profile: the work took more than 0.2 s and was stopped; raise the limits"):
        in_process(lambda: time.sleep(60), 0.2, "the work")
