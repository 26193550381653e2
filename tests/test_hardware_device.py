"""Device: what it says, what it refuses, and what it finds on this machine."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from nasengine.errors import DeviceError
from nasengine.hardware import Device, Target
from nasengine.hardware.devices.device import usable_cores
from nasengine.space.spec import spec_from_json

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this machine")
without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA GPU")


def test_defaults_are_one_thread_one_example_eager_fp32_on_the_cpu() -> None:
    device = Device()
    assert (device.kind, device.threads, device.batch) == ("cpu", 1, 1)
    assert (device.runtime, device.dtype) == ("eager", "float32")
    assert device == Device("cpu", threads=1, batch=1, runtime="eager")
    assert device.torch_device() == torch.device("cpu")


def test_json_restores_an_equal_device() -> None:
    device = Device("cuda:1", threads=2, batch=8, dtype="bfloat16")
    data = device.to_json()
    assert data["type"] == "device"
    assert spec_from_json(data) == device
    assert spec_from_json(data).fingerprint == device.fingerprint


@pytest.mark.parametrize(("kind", "index"), [("cuda", 0), ("cuda:0", 0), ("cuda:3", 3)])
def test_a_gpu_is_named_by_its_number(kind: str, index: int) -> None:
    device = Device(kind)
    assert device.is_cuda
    assert device.index == index
    assert device.torch_device() == torch.device("cuda", index)


@pytest.mark.parametrize("kind", ["gpu", "cuda:", "cuda:x", "CPU", "tpu", ""])
def test_an_unknown_kind_is_refused(kind: str) -> None:
    with pytest.raises(DeviceError) as caught:
        Device(kind)
    assert str(caught.value) == (f"device.kind: {kind!r} is not a device; expected 'cpu', 'cuda' or 'cuda:N'")


@pytest.mark.parametrize("value", [0, -1, True, 1.5])
@pytest.mark.parametrize("name", ["threads", "batch"])
def test_threads_and_batch_below_one_are_refused(name: str, value: int) -> None:
    with pytest.raises(DeviceError) as caught:
        Device(**{name: value})
    assert str(caught.value) == (f"device.{name}: {value!r} is not possible; expected a whole number of at least 1")


def test_an_unknown_runtime_is_refused() -> None:
    with pytest.raises(DeviceError) as caught:
        Device(runtime="tensorrt")
    assert str(caught.value) == (
        "device.runtime: 'tensorrt' is not known; expected one of eager, compile, aot, onnxruntime, cuda_graphs"
    )


def test_a_runtime_that_lacks_something_here_says_what(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Device(runtime="compile").check()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(DeviceError) as caught:
        Device(runtime="compile").check()
    assert str(caught.value) == (
        "device.runtime: 'compile' in float32 cannot run on this machine: torch compiles with a C++ compiler, and g++ "
        "is not here; install it, or set CXX to another"
    )
    Device().check()


def test_an_unknown_dtype_is_refused() -> None:
    expected = r"^device.dtype: 'int4' is not known; expected one of float32, bfloat16, float16, int8$"
    with pytest.raises(DeviceError, match=expected):
        Device(dtype="int4")


@without_gpu
def test_an_absent_gpu_is_named_with_what_is_here() -> None:
    with pytest.raises(DeviceError) as caught:
        Device("cuda").check()
    message = str(caught.value)
    assert message.startswith("device.kind: 'cuda' is not on this machine, which has cpu; ")
    assert message.endswith("choose a device that is here, or run where this one is")
    assert ("is built without CUDA" in message) == (torch.version.cuda is None)


@needs_gpu
def test_a_gpu_number_too_high_is_named_with_what_is_here() -> None:
    with pytest.raises(DeviceError, match=r"'cuda:99' is not on this machine, which has cpu, cuda:0 \("):
        Device("cuda:99").check()


def test_an_absent_device_has_no_description_and_no_key() -> None:
    absent = Device("cuda:99")
    for ask in (absent.describe, absent.key):
        with pytest.raises(DeviceError, match="is not on this machine"):
            ask()


def test_more_threads_than_cores_are_refused() -> None:
    cores = usable_cores()
    Device(threads=cores).check()
    with pytest.raises(DeviceError) as caught:
        Device(threads=cores + 1).check()
    counted = "the one core" if cores == 1 else f"the {cores} cores"
    assert str(caught.value) == (
        f"device.threads: {cores + 1} threads do not fit {counted} that this process may use; "
        f"a latency measured so would be that of the queue: use at most {cores}"
    )


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no core affinity on this system")
def test_cores_taken_from_the_process_do_not_count() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from nasengine.hardware import Device; Device(threads=2).check()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "2 threads do not fit the one core that this process may use" in done.stderr


def test_the_description_holds_the_machine_the_software_and_the_use() -> None:
    facts = Device(batch=4).describe()
    assert facts["cpu"]
    assert facts["cores"] == os.cpu_count()
    assert facts["torch"] == torch.__version__
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert str(facts["os"]).split()[0] in {"Linux", "Darwin", "Windows"}
    assert isinstance(facts["memory_gib"], int)
    assert {
        "kind": "cpu",
        "threads": 1,
        "batch": 4,
        "runtime": "eager",
        "dtype": "float32",
        "layout": "contiguous",
    }.items() <= facts.items()
    assert "gpu" not in facts
    assert "onnxruntime" not in facts, "it has no part in this runtime"
    assert Device(runtime="onnxruntime").describe()["onnxruntime"] == version("onnxruntime")


@pytest.mark.skipif(platform.machine() != "x86_64" or sys.platform != "linux", reason="read from /proc/cpuinfo")
def test_the_description_tells_processors_of_one_name_apart() -> None:
    facts = Device().describe()
    lines = [line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()]
    assert facts["microcode"] == {name.strip(): value.strip() for name, _, value in lines}.get("microcode")
    assert len(str(facts["cpu_flags"])) == 12


def test_a_device_is_a_target_that_is_locked_as_a_whole() -> None:
    assert isinstance(Device(), Target)
    assert Device().claim().here
    assert Device().training_claim() != Device("cuda").training_claim()


def test_the_key_is_stable_and_changes_with_the_use() -> None:
    assert Device().key() == Device().key()
    keys = {Device().key(), Device(batch=2).key(), Device(dtype="bfloat16").key()}
    assert len(keys) == 3
    assert all(len(key) == 64 and int(key, 16) >= 0 for key in keys)


@needs_gpu
def test_the_description_of_a_gpu_holds_its_name_capability_and_driver() -> None:
    facts = Device("cuda").describe()
    major, minor = torch.cuda.get_device_capability(0)
    assert facts["gpu"] == torch.cuda.get_device_name(0)
    assert facts["capability"] == f"{major}.{minor}"
    assert facts["driver"]
    assert facts["cuda"] == torch.version.cuda
    assert facts["cpu"], "the host launches the kernels, so it belongs to the description"


def test_importing_the_room_loads_no_torch() -> None:
    code = (
        "import sys; from nasengine.hardware import Device, LatencyProfile; Device();sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_export_is_there() -> None:
    import nasengine.hardware as hardware

    assert all(getattr(hardware, name) is not None for name in hardware.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'predictor_of_everything'"):
        _ = hardware.predictor_of_everything
