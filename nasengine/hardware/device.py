"""The device that a network is measured on: which one, used how, and what exactly stands there."""

from __future__ import annotations

import functools
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from nasengine.errors import DeviceError
from nasengine.space.spec import Spec, fingerprint, tagged

if TYPE_CHECKING:
    import torch

RUNTIMES = ("eager",)
DTYPES = ("float32", "bfloat16", "float16")

Fact = str | int | None


@tagged("device")
class Device(Spec):
    """A device and the way it is used: together they say what a latency means.

    `kind` is "cpu", "cuda" (the first GPU) or "cuda:N". `threads` is the number of threads that one operation
    may use on the CPU, `batch` the examples a call, `runtime` one of `RUNTIMES`, `dtype` one of `DTYPES`:
    weights and floating inputs are held and computed in it.

    Constructing one reads nothing from the machine, so that a study's device can be written down anywhere;
    `check` says whether it is here.

    Raises:
        DeviceError: a kind, runtime or dtype that does not exist, or threads or batch below one.
    """

    kind: str = "cpu"
    threads: int = 1
    batch: int = 1
    runtime: str = "eager"
    dtype: str = "float32"

    def validate(self) -> None:
        if not re.fullmatch(r"cpu|cuda(:\d+)?", self.kind):
            raise DeviceError(f"device.kind: {self.kind!r} is not a device; expected 'cpu', 'cuda' or 'cuda:N'")
        _expect_positive("threads", self.threads)
        _expect_positive("batch", self.batch)
        _expect_one_of("runtime", self.runtime, RUNTIMES)
        _expect_one_of("dtype", self.dtype, DTYPES)

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
        """Raise DeviceError if this machine lacks the device, or the cores for its threads."""
        if self.is_cuda:
            self._check_gpu()
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
        return facts | {
            "kind": self.kind,
            "threads": self.threads,
            "batch": self.batch,
            "runtime": self.runtime,
            "dtype": self.dtype,
        }

    def key(self) -> str:
        """SHA-256 of `describe()` as hex: equal keys, comparable latencies."""
        return fingerprint(self.describe())


def usable_cores() -> int:
    """The logical cores that this process may run on; a container or taskset may allow fewer than exist."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cores(count: int) -> str:
    return "the one core" if count == 1 else f"the {count} cores"


def _expect_positive(name: str, value: int) -> None:
    # bool is an int to Python; threads=True is a slip, not one thread.
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise DeviceError(f"device.{name}: {value!r} is not possible; expected a whole number of at least 1")


def _expect_one_of(name: str, value: str, options: tuple[str, ...]) -> None:
    if value not in options:
        raise DeviceError(f"device.{name}: {value!r} is not known; expected one of {', '.join(options)}")


def _host() -> dict[str, Fact]:
    import torch

    return {
        "cpu": _cpu_model(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
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
def _cpu_model() -> str:
    """The processor's name. Linux on Arm has none in /proc/cpuinfo, and other systems lack the file."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8", errors="replace") if info.is_file() else ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else platform.processor() or platform.machine()


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
