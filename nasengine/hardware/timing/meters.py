"""Meters: peak memory, energy, power, clock and temperature; each is read, or None where it cannot be."""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from nasengine.hardware.devices.device import Device
from nasengine.hardware.timing.nvml import Nvml

SYS = Path("/sys")
PROC = Path("/proc/self")
_LEAST_S = {False: 0.05, True: 0.4}  # RAPL counts every millisecond, NVML every 20 to 100
_PACKAGES = ("x86_pkg_temp", "cpu-thermal", "cpu_thermal", "soc-thermal", "soc_thermal")

_OWN_MEMORY = ("onnxruntime", "cuda_graphs")  # they keep what earlier calls needed, so a later one needs nothing

Call = Callable[[], object]
Counter = Callable[[], float]  # joules since some start


@dataclass(frozen=True)
class Readings:
    """What could be read; None is what could not. See `LatencyProfile` for the meanings."""

    peak_memory_bytes: int | None = None
    energy_mj: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    clock_mhz: float | None = None


class Meters:
    """The meters of a device. `cores` are those that the process is pinned to; `sys` and `proc` are for tests."""

    def __init__(self, device: Device, cores: Sequence[int], *, sys: Path = SYS, proc: Path = PROC) -> None:
        self._device, self._cores, self._sys, self._proc = device, cores, sys, proc

    def read(self, call: Call | None) -> Readings:
        """Clock and temperature now; with a call, its peak memory and energy too."""
        gpu = Nvml.of(self._device.index) if self._device.is_cuda else None
        clock = gpu.clock_mhz() if gpu else None if self._device.is_cuda else self._cpu_clock_mhz()
        heat = gpu.temperature_c() if gpu else None if self._device.is_cuda else self._cpu_temperature_c()
        found = Readings(temperature_c=heat, clock_mhz=clock)
        if call is None:
            return found
        memory = None if self._device.runtime in _OWN_MEMORY else self._peak_bytes(call)
        counter = gpu.energy_counter() if gpu else None if self._device.is_cuda else rapl(self._sys)
        energy, power = self._energy(call, counter)
        return replace(found, peak_memory_bytes=memory, energy_mj=energy, power_w=power)

    def _peak_bytes(self, call: Call) -> int | None:
        return cuda_peak_bytes(call, self._device) if self._device.is_cuda else cpu_peak_bytes(call, self._proc)

    def _energy(self, call: Call, counter: Counter | None) -> tuple[float | None, float | None]:
        """Millijoules a call and watts, over calls one after the other for long enough to be counted.

        The whole package's or board's energy while the calls ran: what it draws at rest is in it.
        """
        if counter is None:
            return None, None
        start_j, start_s, runs = counter(), time.perf_counter(), 0
        while time.perf_counter() - start_s < _LEAST_S[self._device.is_cuda]:
            call()
            self._wait()
            runs += 1
        joules, seconds = counter() - start_j, time.perf_counter() - start_s
        return (joules * 1e3 / runs, joules / seconds) if joules > 0 else (None, None)

    def _wait(self) -> None:
        if self._device.is_cuda:
            torch.cuda.synchronize(self._device.torch_device())

    def _cpu_clock_mhz(self) -> float | None:
        """The mean clock of the cores, as the kernel's driver has it; virtual machines mostly have none."""
        names = [f"devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq" for core in self._cores]
        found = [value for name in names if (value := number(self._sys / name)) is not None]
        return sum(found) / len(found) / 1e3 if found else None

    def _cpu_temperature_c(self) -> float | None:
        for zone in sorted((self._sys / "class/thermal").glob("thermal_zone*")):
            with contextlib.suppress(OSError):
                if (zone / "type").read_text(encoding="ascii").strip() in _PACKAGES:
                    value = number(zone / "temp")
                    return None if value is None else value / 1e3
        return None


def number(path: Path) -> float | None:
    """The number in a file; None where there is no file, no permission or no number."""
    try:
        return float(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def rapl(sys: Path = SYS) -> Counter | None:
    """Joules of all processor packages (RAPL, the kernel's Documentation/power/powercap/powercap.rst); None where they
    cannot be read: root alone may since Linux 5.10, and virtual machines have none."""
    zones = [zone for zone in sorted((sys / "class/powercap").glob("*-rapl:*")) if zone.name.count(":") == 1]
    first = [number(zone / "energy_uj") for zone in zones]
    if not zones or None in first:
        return None
    last = [value or 0.0 for value in first]
    wrapped = [0.0] * len(zones)

    def joules() -> float:
        for i, zone in enumerate(zones):
            now = number(zone / "energy_uj")
            if now is None:
                continue
            if now < last[i]:  # the counter starts again at its range
                wrapped[i] += number(zone / "max_energy_range_uj") or 0.0
            last[i] = now
        return (sum(last) + sum(wrapped)) / 1e6

    return joules


def cuda_peak_bytes(call: Call, device: Device) -> int:
    """What torch's allocator gave out at the peak of a call, weights and inputs not counted."""
    place = device.torch_device()
    torch.cuda.synchronize(place)
    torch.cuda.reset_peak_memory_stats(place)
    before = torch.cuda.memory_allocated(place)
    outputs = call()
    torch.cuda.synchronize(place)
    peak = torch.cuda.max_memory_allocated(place) - before
    del outputs
    return int(peak)


def cpu_peak_bytes(call: Call, proc: Path = PROC) -> int | None:
    """By how much a call makes this process larger at most, weights and inputs not counted.

    Free memory is first given back to the system (malloc_trim(3)), then the kernel is told to forget the peak
    (clear_refs, proc_pid_clear_refs(5)), and its new one (VmHWM) is read after the call; the least of three calls,
    since libraries may load something in one. It is in pages, and knows all memory, oneDNN's too.
    None where there is no such kernel or libc.
    """
    found = []
    for _ in range(3):
        with contextlib.suppress(OSError, AttributeError, KeyError):
            ctypes.CDLL(None).malloc_trim(0)
            (proc / "clear_refs").write_text("5", encoding="ascii")
            before = _status_bytes(proc, "VmRSS")
            outputs = call()
            found.append(_status_bytes(proc, "VmHWM") - before)
            del outputs
    return max(0, min(found)) if found else None


def _status_bytes(proc: Path, name: str) -> int:
    """A figure of /proc/self/status, which is in kB."""
    rows = dict(_rows(proc))
    return int(rows[name].split()[0]) * 1024


def _rows(proc: Path) -> Iterator[tuple[str, str]]:
    for line in (proc / "status").read_text(encoding="ascii", errors="replace").splitlines():
        name, _, value = line.partition(":")
        yield name, value
