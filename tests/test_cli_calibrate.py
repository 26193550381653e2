"""``nasengine calibrate`` as a person runs it: what it prints, writes and takes up again, and what bad input says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_cli import ROOT, nasengine

from nasengine import Device
from nasengine.hardware.predictor import LatencyPredictor
from search_spaces.rnn import small

SPACE = """
from nasengine import Image, Space, choice
from nasengine.blocks import Flatten, Linear, ReLU, Sequential

space = Space("mine", inputs=Image(1, 8), network=Sequential(
    Flatten(), Linear(choice(4, 8, 16, 32)), ReLU(), Linear(choice(4, 8, 16)), ReLU(), Linear(10)))
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which a shipped space was calibrated, and what was printed."""
    folder = tmp_path_factory.mktemp("calibrate")
    arguments = ("--space", "rnn:small", "--device", "cpu", "--samples", "8", "--held-out", "3", "--out", "p.json")
    return folder, nasengine("calibrate", *arguments, cwd=folder)


def test_it_says_what_it_did_and_how_good_the_predictor_is(done: tuple[Path, str]) -> None:
    folder, text = done
    assert "Measured 11 members; kept in p.json.profiles.jsonl" in text
    assert "By cross-validation: " in text
    assert "On members that took no part: " in text
    assert "wrote p.json" in text
    LatencyPredictor.load(folder / "p.json").check(device_key=Device().key(), space=small)


def test_the_same_command_measures_nothing_again(done: tuple[Path, str]) -> None:
    folder, _ = done
    arguments = ("--space", "rnn:small", "--samples", "8", "--held-out", "3", "--out", "p.json")
    found = json.loads(nasengine("calibrate", *arguments, "--json", cwd=folder))
    assert (found["measured"], found["reused"], found["skipped"], found["failed"]) == (0, 11, {}, {})
    assert found["report"]
    assert found["fresh"]
    text = nasengine("calibrate", *arguments, cwd=folder)
    assert "Measured 0 members, 11 taken from p.json.profiles.jsonl" in text


def test_a_space_of_a_file_and_a_name_for_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SPACE)
    text = nasengine("calibrate", "--space", "mine.py", "--samples", "6", cwd=tmp_path)
    assert "wrote mine-cpu-eager.predictor.json" in text
    assert LatencyPredictor.load(tmp_path / "mine-cpu-eager.predictor.json").space_name == "mine"


def test_ctrl_c_keeps_what_was_measured_and_the_same_command_goes_on(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SPACE)
    arguments = ("calibrate", "--space", "mine.py", "--samples", "12", "--out", "p.json")
    kept = tmp_path / "p.json.profiles.jsonl"
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "nasengine.cli", *arguments]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and (not kept.is_file() or kept.read_bytes().count(b"\n") < 3):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted. What was measured is kept; the same command goes on." in said
    assert not (tmp_path / "p.json").exists()
    before = kept.read_bytes()
    found = json.loads(nasengine(*arguments, "--json", cwd=tmp_path))
    assert found["reused"] >= 2
    assert found["measured"] + found["reused"] == 12
    assert kept.read_bytes().startswith(before[: before.rfind(b"\n") + 1])


BAD = {
    "no such space": ("--space nowhere", "nowhere: a space is a Python file that defines `space`, or one of the"),
    "no such variant": ("--space rnn:tiny", "rnn:tiny: the family 'rnn' has the spaces space, small,"),
    "no such device": ("--space rnn:small --device cuda:99", "'cuda:99' is not on this machine"),
    "no device": ("--space rnn:small --device tpu", "device.kind: 'tpu' is not"),
    "no runtime": ("--space rnn:small --runtime tflite", "device.runtime: 'tflite' is not known; expected one of"),
    "too few": ("--space rnn:small --samples 2", "Invalid value for '--samples'"),
    "another device": ("--space rnn:small --samples 8 --batch 2 --out p.json", "batch was 1 and is 2; name another"),
    "another space": ("--space nb201:small --samples 8 --out p.json", "it holds profiles of the space 'rnn-small'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_with_2_and_its_message(done: tuple[Path, str], case: str) -> None:
    arguments, message = BAD[case]
    text = nasengine("calibrate", *arguments.split(), cwd=done[0], code=2)
    assert message in " ".join(text.split())
    assert "Traceback" not in text
