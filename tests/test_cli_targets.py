"""``--device``: a command that measures, a JSON file of a target, a machine of a cluster, and what is none of these."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
from test_cli import ROOT, nasengine

from nasengine import Features, Image, Space, choice
from nasengine.blocks import Linear, ReLU, Sequential
from nasengine.commands.targets import slug, target_of
from nasengine.hardware import CommandDevice, Device, LatencyProfile, RayDevice
from nasengine.hardware.predictor import LatencyPredictor

BENCH = shlex.join([sys.executable, str(ROOT / "studies" / "bench_onnx.py")]) + " {model} {json}"
HOW = {"threads": 1, "batch": 2, "runtime": "onnxruntime", "dtype": "float32"}
tiny = Space("tiny", inputs=Features(16), network=Sequential(Linear(choice(*range(8, 40, 4))), ReLU(), Linear(4)))


def test_what_a_device_is_called_on_a_command_line(tmp_path: Path) -> None:
    here = Device("cuda:1", batch=2, runtime="onnxruntime")
    assert target_of("cuda:1", **HOW) == here
    assert target_of("ray:pi5", **HOW) == RayDevice("pi5", device=Device(batch=2, runtime="onnxruntime"))
    assert target_of("ssh pi bench {model}", **HOW) == CommandDevice("ssh pi bench {model}", batch=2)
    phone = CommandDevice("adb {model}", name="phone", timeout_s=9.0, here=False)
    (tmp_path / "phone.json").write_text(json.dumps(phone.to_json()))
    assert target_of(str(tmp_path / "phone.json"), **HOW) == phone
    named = [slug(target) for target in (here, phone, RayDevice("pi5"))]
    assert named == ["cuda1-onnxruntime", "phone-command", "pi5-eager"]


def test_a_network_is_measured_by_a_command(tmp_path: Path) -> None:
    (tmp_path / "tiny.json").write_text(json.dumps(tiny.sample(0).to_json()))
    found = json.loads(nasengine("profile", "tiny.json", "--device", BENCH, "--json", cwd=tmp_path))
    profile = LatencyProfile.from_json(found["latency"])
    assert profile.device["command"] == BENCH
    assert profile.median_ms > 0


def test_a_predictor_is_calibrated_by_a_command_of_a_file(tmp_path: Path) -> None:
    device = CommandDevice(BENCH, name="board")
    (tmp_path / "board.json").write_text(json.dumps(device.to_json()))
    (tmp_path / "space.py").write_text(
        "from nasengine import Features, Space, choice\nfrom nasengine.blocks import Linear, ReLU, Sequential\n"
        "space = Space('tiny', inputs=Features(16), network=Sequential("
        "Linear(choice(*range(8, 40, 4))), ReLU(), Linear(4)))\n"
    )
    text = nasengine("calibrate", "--space", "space.py", "--device", "board.json", "--samples", "5", cwd=tmp_path)
    assert "wrote tiny-board-command.predictor.json" in text
    predictor = LatencyPredictor.load(tmp_path / "tiny-board-command.predictor.json")
    assert predictor.measured == 5
    assert predictor.device == device.describe()


BAD = {
    "no such file": ("nowhere.json", "--device: nowhere.json is a JSON file that holds a target"),
    "no JSON": ("broken.json", "--device: broken.json is a JSON file that holds a target"),
    "no target": ("space.json", "--device: space.json holds a target; got 'image'"),
    "no Ray cluster": ("ray:pi5", "ray device 'pi5': "),
    "no program": ("no-such-program {model}", "the program 'no-such-program' is not here"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_device_ends_with_2_and_its_message(tmp_path: Path, case: str) -> None:
    device, message = BAD[case]
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "space.json").write_text(json.dumps(Image(3, 8).to_json()))
    text = nasengine("profile", "lenet:lenet5", "--device", device, cwd=tmp_path, code=2)
    assert message in " ".join(text.split())
    assert "Traceback" not in text


def test_operations_are_broken_down_on_this_machine_only(tmp_path: Path) -> None:
    text = nasengine("profile", "lenet:lenet5", "--breakdown", "--device", BENCH, cwd=tmp_path, code=2)
    assert "--breakdown: operations are timed on this machine" in " ".join(text.split())
