"""The device that a network is measured on: which one, used how, and what exactly stands there."""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasengine.errors import DeviceError
from nasengine.hardware.devices.lock import Claim
from nasengine.hardware.devices.target import Target
from nasengine.hardware.latency import Fact, LatencyProfile
from nasengine.hardware.runtimes.needs import missing, versions
from nasengine.space.spec import tagged

if TYPE_CHECKING:
    import torch

    from nasengine.hardware.limits import Limits
    from nasengine.hardware.profiler import Profiler
    from nasengine.space import Architecture

RUNTIMES = ("eager", "compile", "aot", "onnxruntime", "cuda_graphs")
DTYPES = ("float32", "bfloat16", "float16", "int8")
LAYOUTS = ("contiguous", "channels_last")


@tagged("device")
class Device(Target):
    """A device and the way it is used: together they say what a latency means.

    `kind` is "cpu", "cuda" (the first GPU) or "cuda:N". `threads` is the number of threads that one operation
    may use on the CPU, `batch` the examples a call.

    `runtime` is "eager" (torch as it is), "compile" (torch.compile), "aot" (torch.export and AOTInductor),
    "onnxruntime" or "cuda_graphs" (eager torch captured in a CUDA graph). `dtype` is "float32", "bfloat16" or
    "float16": weights and floating inputs are held and computed in it; or "int8": the weights of linear maps, and
    of convolutions and recurrent layers where the runtime has them, with activations quantised as they come.
    `layout` is that of images, "contiguous" or "channels_last".

    Constructing one reads nothing from the machine, so that a study's device can be written down anywhere;
    `check` says whether it is here.

    Raises:
        DeviceError: a kind, runtime, dtype or layout that does not exist, two that do not go together, or threads
            or batch below one.
    """

    kind: str = "cpu"
    threads: int = 1
    batch: int = 1
    runtime: str = "eager"
    dtype: str = "float32"
    layout: str = "contiguous"

    def validate(self) -> None:
        if not re.fullmatch(r"cpu|cuda(:\d+)?", self.kind):
            raise DeviceError(f"device.kind: {self.kind!r} is not a device; expected 'cpu', 'cuda' or 'cuda:N'")
        expect_positive("threads", self.threads)
        expect_positive("batch", self.batch)
        expect_one_of("runtime", self.runtime, RUNTIMES)
        expect_one_of("dtype", self.dtype, DTYPES)
        expect_one_of("layout", self.layout, LAYOUTS)
        if self.runtime == "cuda_graphs" and not self.is_cuda:
            raise DeviceError(
                f"device.runtime: 'cuda_graphs' runs on a GPU only, and the device is {self.kind!r}; "
                "choose kind='cuda', or another runtime"
            )
        if self.runtime == "onnxruntime" and self.layout != "contiguous":
            raise DeviceError(
                f"device.layout: {self.layout!r} cannot be asked of 'onnxruntime', which orders images as it likes; "
                "leave the layout out"
            )

    @property
    def is_cuda(self) -> bool:
        return self.kind.startswith("cuda")

    @property
    def index(self) -> int:
        """The number of the GPU; 0 for "cuda" and for the CPU."""
        return int(self.kind.partition(":")[2] or 0)

    def torch_device(self) -> torch.device:
        """The torch.device that networks and inputs are moved to."""
        import torch

        return torch.device("cuda", self.index) if self.is_cuda else torch.device("cpu")

    def check(self) -> None:
        """Raise DeviceError if this machine lacks the device, what its runtime needs, or the cores for its threads."""
        if self.is_cuda:
            self._check_gpu()
        absent = missing(self.runtime, self.dtype, is_cuda=self.is_cuda)
        if absent:
            raise DeviceError(f"device.runtime: {self.runtime!r} in {self.dtype} cannot run on this machine: {absent}")
        cores = usable_cores()
        if self.threads > cores:
            raise DeviceError(
                f"device.threads: {self.threads} threads do not fit {_cores(cores)} that this process may "
                f"use; a latency measured so would be that of the queue: use at most {cores}"
            )

    def _check_gpu(self) -> None:
        import torch

        gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if self.index < gpus:
            return
        here = ", ".join(["cpu", *(f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(gpus))])
        built = "" if torch.version.cuda else f"torch {torch.__version__} is built without CUDA; "
        raise DeviceError(
            f"device.kind: {self.kind!r} is not on this machine, which has {here}; "
            f"{built}choose a device that is here, or run where this one is"
        )

    def describe(self) -> dict[str, Fact]:
        """The device's fingerprint in words: the machine, its software and how the device is used.

        Two latencies may be compared when their descriptions are equal. Memory is rounded to GiB, since
        virtual machines differ by some pages from one start to the next.
        """
        self.check()
        facts = _host() | (_gpu(self.index) if self.is_cuda else {})
        return (
            facts
            | versions(self.runtime, self.dtype, is_cuda=self.is_cuda)
            | {
                "kind": self.kind,
                "threads": self.threads,
                "batch": self.batch,
                "runtime": self.runtime,
                "dtype": self.dtype,
                "layout": self.layout,
            }
        )

    def claim(self) -> Claim:
        """What is locked while a latency is measured here."""
        if not self.is_cuda:
            return Claim(alone=("host", "cpu"))
        return Claim(work=("host",), alone=(self._gpu_room(),), quiet=("cpu",))

    def training_claim(self) -> Claim:
        """What is held while networks train here."""
        return Claim(work=("host", self._gpu_room()) if self.is_cuda else ("cpu",))

    def _gpu_room(self) -> str:
        """A GPU's own number, or its UUID, where CUDA_VISIBLE_DEVICES gives GPUs other numbers in this process."""
        visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
        return f"gpu-{visible[self.index] if self.index < len(visible) else self.index}"

    def longest_s(self, limits: Limits) -> float:
        """The limits of its processes, added up."""
        return limits.longest_s

    def warm(self) -> None:
        """As :meth:`Target.warm`."""
        importlib.import_module("nasengine.hardware.timing.passes")

    def measured(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """As :meth:`Target.measured`; it forks, so only where torch is imported and has computed nothing yet."""
        from nasengine.hardware.timing.passes import measure

        return measure({**request, "device": self.to_json()})

    def measure(
        self,
        architecture: Architecture,
        *,
        network: str | None = None,
        limits: Limits | None = None,
        modules: Sequence[str] = (),
        profiler: Profiler | None = None,
    ) -> LatencyProfile:
        """As :meth:`Target.measure`; without a profiler, one is started for this network."""
        from nasengine.hardware.profiler import profile

        ask = profile if profiler is None else profiler.profile
        return ask(architecture, self, network=network, limits=limits, modules=modules)


def usable_cores() -> int:
    """The logical cores that this process may run on; a container or taskset may allow fewer than exist."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cores(count: int) -> str:
    return "the one core" if count == 1 else f"the {count} cores"


def expect_positive(name: str, value: int) -> None:
    # bool is an int to Python; threads=True is a slip, not one thread.
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DeviceError(f"device.{name}: {value!r} is not possible; expected a whole number of at least 1")


def expect_one_of(name: str, value: str, options: tuple[str, ...]) -> None:
    if value not in options:
        raise DeviceError(f"device.{name}: {value!r} is not known; expected one of {', '.join(options)}")


def _host() -> dict[str, Fact]:
    import torch

    return {
        "cpu": _cpu_model(),
        "microcode": _cpu_line("microcode"),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cpu_flags": _cpu_flags(),
        "governor": _governor(),
        "cores": os.cpu_count(),
        "usable_cores": usable_cores(),
        "memory_gib": _memory_gib(),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": str(torch.__version__),
    }


def _gpu(index: int) -> dict[str, Fact]:
    import torch

    properties = torch.cuda.get_device_properties(index)
    return {
        "gpu": properties.name,
        "capability": f"{properties.major}.{properties.minor}",
        "gpu_memory_gib": round(properties.total_memory / 2**30),
        "driver": _driver(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # torch leaves it untyped
    }


@functools.cache
def _cpu_line(name: str) -> str | None:
    """A line of /proc/cpuinfo, where there is such a file and line: the first processor's."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8", errors="replace") if info.is_file() else ""
    found = re.search(rf"^{name}[ \t]*:[ \t]*(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else None


def _cpu_model() -> str:
    """The processor's name. Linux on Arm has none in /proc/cpuinfo, and other systems lack the file."""
    return _cpu_line("model name") or platform.processor() or platform.machine()


def _cpu_flags() -> str | None:
    """What the processor can do, as 12 hex digits: a virtual machine may hide some of it."""
    flags = _cpu_line("flags") or _cpu_line("Features")
    return None if flags is None else hashlib.sha256(" ".join(sorted(flags.split())).encode()).hexdigest()[:12]


def _governor() -> str | None:
    """How the clock is chosen; None where Linux has no say in it, as in most virtual machines."""
    path = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return path.read_text(encoding="ascii").strip() if path.is_file() else None


def _memory_gib() -> int | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)


@functools.cache
def _driver() -> str | None:
    """The NVIDIA driver's version, from the kernel module on Linux, else from nvidia-smi."""
    module = Path("/sys/module/nvidia/version")
    if module.is_file():
        return module.read_text(encoding="utf-8").strip()
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    query = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    return answer.stdout.splitlines()[0].strip() if answer.returncode == 0 and answer.stdout else None
