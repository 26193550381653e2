"""Runtimes compute what eager torch computes, say what they really did, and name what they cannot take."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from runtime_blocks import bessel, branching, solve
from runtime_outputs import outputs

import search_spaces
from nasengine import Architecture, Features, Image, Space
from nasengine import Sequence as Steps
from nasengine.blocks import Conv, GlobalPool, Linear, Recurrent, ReLU, Sequential
from nasengine.errors import DeviceError
from nasengine.hardware import Device
from nasengine.hardware.comparison import variants
from nasengine.hardware.runtimes import runtime_of
from nasengine.hardware.runtimes.needs import missing, versions

ROOT = Path(__file__).parent.parent
TOLERANCE = {"float32": 1e-5, "float16": 5e-3, "bfloat16": 3e-2, "int8": 5e-2}
"""Largest |a - b| over the largest |b|, b being eager float32: a few units of the format's last place, summed up."""
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU on this machine")

tiny = Space("tiny", inputs=Features(16), network=Sequential(Linear(32), ReLU(), Linear(32), ReLU(), Linear(4)))
convolutions = Space("convolutions", inputs=Image(3, 8), network=Sequential(Conv(8), ReLU(), Conv(8), GlobalPool()))


def member(name: str) -> Architecture:
    """A small member of a family."""
    made = {
        "cnn": lambda: search_spaces.load("resnet").small.sample(0),
        "transformer": lambda: search_spaces.load("transformer").encoder_small.sample(0),
        "lstm": lambda: search_spaces.load("rnn").small.sample(3),
        "nb201": lambda: search_spaces.load("nb201").small.sample(1),
        "several outputs": lambda: search_spaces.load("conditional").small.sample(0),
    }
    found: Architecture = made[name]()
    return found


DEFINED_IN = ("search_spaces.nb201",)
"""Modules of families that define blocks of their own."""
FAMILIES = ("cnn", "transformer", "lstm", "nb201", "several outputs")


def test_the_families_are_what_they_are_called() -> None:
    assert "lstm" in str(member("lstm").to_json())
    assert len(member("several outputs").graph().outputs) == 3
    assert any(node.op.tag == "zeros" for node in member("nb201").graph().simplify().nodes)


def difference(found: Mapping[str, Sequence[float]], wanted: Mapping[str, Sequence[float]]) -> float:
    """The largest relative difference over all outputs."""
    assert list(found) == list(wanted)
    worst = 0.0
    for name, b in wanted.items():
        a = found[name]
        assert len(a) == len(b)
        worst = max(worst, max(abs(x - y) for x, y in zip(a, b, strict=True)) / max(abs(y) for y in b))
    return worst


def agree(answers: Sequence[dict[str, Any]], devices: Sequence[Device]) -> None:
    """All answers agree with the first, eager float32."""
    for answer, device in zip(answers, devices, strict=True):
        assert "error" not in answer, answer
        far = difference(answer["outputs"], answers[0]["outputs"])
        assert far <= TOLERANCE[device.dtype], (device, far)


def test_half_precision_and_int8_agree_in_eager_torch_and_say_what_they_hold() -> None:
    devices = [Device(batch=3, dtype=dtype) for dtype in TOLERANCE]
    answers = outputs([(tiny.sample(0), device) for device in devices])
    agree(answers, devices)
    assert [answer["facts"]["weights"] for answer in answers[:3]] == ["float32", "float16", "bfloat16"]
    assert (answers[3]["facts"]["weights"], answers[3]["facts"]["int8"]) == ("int8", "3 Linear")
    assert answers[3]["facts"]["not_int8"] is None
    assert all(difference(a["outputs"], answers[0]["outputs"]) > 0 for a in answers[1:]), "nothing was cast"


def test_onnx_runtime_agrees_and_says_what_it_runs() -> None:
    devices = [Device(batch=3), *(Device(batch=3, runtime="onnxruntime", dtype=d) for d in ("float32", "int8"))]
    answers = outputs([(tiny.sample(0), device) for device in devices])
    agree(answers, devices)
    facts = answers[1]["facts"]
    assert (facts["provider"], facts["weights"]) == ("CPUExecutionProvider", "float32")
    assert facts["nodes"] >= 3
    assert "3 " in answers[2]["facts"]["int8"]
    assert answers[2]["facts"]["not_int8"] is None


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.slow
@pytest.mark.representative
def test_eager_and_onnx_runtime_agree_on(family: str) -> None:
    devices = [Device(batch=2, dtype=dtype) for dtype in TOLERANCE]
    devices += [Device(batch=2, runtime="onnxruntime", dtype=dtype) for dtype in ("float32", "int8")]
    answers = outputs([(member(family), device) for device in devices], modules=DEFINED_IN)
    agree(answers, devices)
    assert "Conv2d" not in answers[3]["facts"]["int8"]
    if family in ("cnn", "nb201", "several outputs"):
        assert "ConvInteger" in answers[5]["facts"]["int8"]
        assert "Conv2d" in answers[3]["facts"]["not_int8"]
    if family == "lstm":
        assert "DynamicQuantizeLSTM" in answers[5]["facts"]["int8"]
        assert answers[3]["facts"]["not_int8"] == "1 LSTM"


@pytest.mark.slow
@pytest.mark.representative
@pytest.mark.timeout(900)
@pytest.mark.parametrize("runtime", ["compile", "aot"])
def test_compiled_code_agrees(runtime: str) -> None:
    devices = [Device(batch=3), Device(batch=3, runtime=runtime)]
    answers = outputs([(tiny.sample(0), device) for device in devices])
    agree(answers, devices)
    if runtime == "compile":
        assert (answers[1]["facts"]["graphs"], answers[1]["facts"]["graph_breaks"]) == (1, None)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("runtime", ["compile", "aot"])
def test_compiled_families_agree(runtime: str, family: str) -> None:
    devices = [Device(), *(Device(runtime=runtime, dtype=d) for d in ("float32", "bfloat16", "int8"))]
    answers = outputs([(member(family), device) for device in devices], modules=DEFINED_IN)
    agree(answers, devices)
    if runtime == "compile" and family == "lstm":
        assert "LSTM" in answers[1]["facts"]["graph_breaks"]


def test_layout_is_that_of_images_and_of_nothing_else() -> None:
    device = Device(layout="channels_last")
    images, features = outputs([(convolutions.sample(0), device), (tiny.sample(0), device)])
    assert images["facts"]["layout"] == "channels_last"
    assert features["facts"]["layout"] == "contiguous"
    plain = outputs([(convolutions.sample(0), Device())])
    assert difference(images["outputs"], plain[0]["outputs"]) <= 1e-5


REFUSED = {
    "an operation without low precision": (
        solve, Device(dtype="bfloat16"),
        "runtime eager, bfloat16 on cpu: every operation of the network runs in it; runtime_blocks:Solve (odd) does "
        "not: RuntimeError: linalg.inv: Low precision dtypes not supported. Got BFloat16; use another runtime or dtype",
    ),
    "an operation that ONNX lacks": (
        bessel, Device(runtime="onnxruntime"),
        "runtime_blocks:Bessel (odd), aten.special_modified_bessel_k0 does not: ConversionError: No ONNX function",
    ),
    "control flow for torch.export": (
        branching, Device(runtime="aot"), "runtime_blocks:Branching (odd) does not: GuardOnDataDependentSymNode",
    ),
    "bfloat16 in ONNX Runtime": (
        convolutions, Device(runtime="onnxruntime", dtype="bfloat16"),
        "runtime onnxruntime, bfloat16 on cpu: every operation of the network runs in it; Conv (",
    ),
    "int8 where there are no linear layers": (
        convolutions, Device(dtype="int8"),
        "runtime eager, int8 on cpu: every operation of the network runs in it; 2 Conv2d does not: int8 is for linear "
        "layers here; use another runtime or dtype",
    ),
}  # fmt: skip


def test_what_a_runtime_cannot_take_is_named() -> None:
    answers = outputs([(s.sample(0), device) for s, device, _ in REFUSED.values()], modules=["runtime_blocks"])
    for (_, _, text), answer in zip(REFUSED.values(), answers, strict=True):
        assert answer.get("error") == "UnsupportedError", answer
        assert text in answer["text"]
        assert answer["text"].endswith("; use another runtime or dtype, or leave the operation out of the space")


def test_half_precision_that_onnx_runtime_would_compute_in_float32_is_refused() -> None:
    """ONNX Runtime takes such a file and casts back; machines whose kernels compute in float16 run it."""
    (answer,) = outputs([(convolutions.sample(0), Device(runtime="onnxruntime", dtype="float16"))])
    if "error" not in answer:
        assert answer["facts"]["weights"] == "float16"
        return
    assert answer["error"] == "UnsupportedError"
    assert "Conv (" in answer["text"]
    assert "there is no kernel for float16, and it" in answer["text"]
    assert "would be computed in float32" in answer["text"]


def test_a_network_of_which_nothing_compiles_is_refused() -> None:
    """torch.compile runs a recurrent layer of torch as it is, so of this one nothing would be compiled."""
    alone = Space("alone", inputs=Steps(6, 8), network=Recurrent(8, "lstm"))
    (answer,) = outputs([(alone.sample(0), Device(runtime="compile"))])
    assert answer.get("error") == "UnsupportedError", answer
    assert "the whole network does not: torch.compile takes none of it (Attempted to wrap RNN" in answer["text"]


def test_a_runtime_that_a_device_never_has_is_refused_at_once() -> None:
    with pytest.raises(DeviceError) as caught:
        Device(runtime="cuda_graphs")
    assert str(caught.value) == (
        "device.runtime: 'cuda_graphs' runs on a GPU only, and the device is 'cpu'; "
        "choose kind='cuda', or another runtime"
    )
    with pytest.raises(DeviceError) as caught:
        Device(runtime="onnxruntime", layout="channels_last")
    assert str(caught.value) == (
        "device.layout: 'channels_last' cannot be asked of 'onnxruntime', which orders images as it likes; "
        "leave the layout out"
    )
    with pytest.raises(
        DeviceError, match=r"^device.layout: 'nhwc' is not known; expected one of contiguous, channels_"
    ):
        Device(layout="nhwc")


def without(package: str, code: str) -> str:
    """What a fresh interpreter prints in which a package is not installed."""
    hidden = (
        "import importlib.util as u; find = u.find_spec\n"
        f"u.find_spec = lambda name, *a: None if name == {package!r} else find(name, *a)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", hidden + code], capture_output=True, text=True, check=True, env=env)
    return done.stdout.strip()


ABSENT = {
    "onnxruntime": (
        "runtime='onnxruntime'",
        "onnxruntime not installed; install with: pip install 'nasengine[onnx]'",
    ),
    "torchao": (
        "runtime='aot', dtype='int8'",
        "torchao is not installed; install it with: pip install 'nasengine[quant]'",
    ),
}


@pytest.mark.parametrize("package", ABSENT)
def test_an_absent_package_is_named_with_the_command_that_installs_it(package: str) -> None:
    device, text = ABSENT[package]
    code = (
        "from nasengine.hardware import Device\nfrom nasengine.errors import DeviceError\n"
        f"try: Device({device}).check()\nexcept DeviceError as error: print(error)"
    )
    assert without(package, code).endswith(f"cannot run on this machine: {text}")


def test_a_compiler_that_is_not_here_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing("eager", "int8", is_cuda=False) is None
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    text = missing("compile", "float32", is_cuda=False)
    assert text is not None
    assert text.startswith("torch compiles with a C++ compiler, and ")
    assert text.endswith("++ is not here; install it, or set CXX to another")
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert "and no-such-compiler is not here" in (missing("aot", "float32", is_cuda=False) or "")
    assert missing("eager", "float32", is_cuda=False) is None


def test_a_runtime_s_version_is_in_the_fingerprint() -> None:
    import onnxruntime

    assert versions("onnxruntime", "float32", is_cuda=False) == {"onnxruntime": onnxruntime.__version__}
    assert Device(runtime="onnxruntime").describe()["onnxruntime"] == onnxruntime.__version__
    assert re.fullmatch(r"\S+ \d[\d.]*", versions("compile", "float32", is_cuda=False)["compiler"] or "")
    assert Device().key() != Device(layout="channels_last").key() != Device(runtime="compile").key()


def test_variants_leave_out_what_a_cpu_never_has() -> None:
    made = variants(Device(layout="channels_last"), dtypes=("float32", "int8"))
    assert [(d.runtime, d.dtype) for d in made] == [
        (runtime, dtype) for runtime in ("eager", "compile", "aot", "onnxruntime") for dtype in ("float32", "int8")
    ]
    assert {d.layout for d in made if d.runtime == "onnxruntime"} == {"contiguous"}
    assert "cuda_graphs" in [d.runtime for d in variants(Device("cuda"))]


def test_importing_the_runtimes_loads_none_of_the_tools() -> None:
    code = (
        "import sys, nasengine.hardware.runtimes, nasengine.hardware.comparison\n"
        "print([m for m in ('torch', 'onnx', 'onnxruntime', 'torchao', 'fvcore') if m in sys.modules])"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.strip() == "[]"


@needs_gpu
@pytest.mark.parametrize("runtime", ["eager", "cuda_graphs"])
def test_a_gpu_agrees_with_the_cpu(runtime: str) -> None:
    devices = [Device(), Device("cuda", runtime=runtime)]
    answers = outputs([(tiny.sample(0), device) for device in devices])
    assert difference(answers[1]["outputs"], answers[0]["outputs"]) <= 1e-3


def test_every_runtime_has_its_name() -> None:
    from nasengine.hardware import RUNTIMES

    assert [runtime_of(name).name for name in RUNTIMES] == list(RUNTIMES)
