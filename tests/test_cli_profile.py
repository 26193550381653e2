"""``nasengine profile``, run as a person runs it: one runtime, all of them, the breakdown, and bad input."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from runtime_blocks import solve

from nasengine import Features, Space
from nasengine.blocks import Linear, ReLU, Sequential
from nasengine.hardware import LatencyProfile

ROOT = Path(__file__).parent.parent
tiny = Space("tiny", inputs=Features(16), network=Sequential(Linear(32), ReLU(), Linear(4)))


def nasengine(*args: str | Path, cwd: Path, code: int = 0) -> str:
    """What a command prints that ends with an exit code; errors follow where it is not 0."""
    command = [sys.executable, "-m", "nasengine.cli", *map(str, args)]
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    env = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "250", "PYTHONPATH": path, "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=3_000, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + (done.stderr if code else "")


def written(space: Space, folder: Path) -> Path:
    path = folder / f"{space.name}.json"
    path.write_text(json.dumps(space.sample(0).to_json()))
    return path


def test_a_published_member_is_measured_and_broken_down(tmp_path: Path) -> None:
    found = json.loads(nasengine("profile", "lenet:lenet5", "--breakdown", "--depth", "1", "--json", cwd=tmp_path))
    latency = LatencyProfile.from_json(found["latency"])
    assert (latency.runtime, latency.dtype) == ("eager", "float32")
    rows = found["breakdown"]["rows"]
    assert [row["path"] for row in rows] == ["stage1", "stage2", "flatten", "hidden", "classify"]
    assert sum(row["params"] for row in rows) == found["cost"]["params"] == 61_706
    assert sum(row["macs"] for row in rows) == found["cost"]["macs"] == 416_520


def test_the_breakdown_says_that_its_sum_is_not_the_latency(tmp_path: Path) -> None:
    text = nasengine("profile", written(tiny, tmp_path), "--breakdown", cwd=tmp_path)
    assert re.search(r"│ 0\s*│ linear │\s*544 │\s*512 │\s*1 │", text), text
    assert re.search(
        r"Shares are of [\d.]+ ms, the sum of operations timed one by one \(\d+ runs each\); that is not the latency. "
        r"The whole network's median is [\d.]+ ms.",
        text,
    )
    assert "All counts by torch and fvcore agree with ours." in text
    assert "params 676" in text


def test_all_dtypes_in_one_table_and_a_row_for_what_cannot_be(tmp_path: Path) -> None:
    """torch inverts no matrices in bfloat16, so that row says why, and the command does not fail."""
    file = written(solve, tmp_path)
    text = nasengine("profile", file, "--import", "runtime_blocks", "--dtype", "all", cwd=tmp_path)
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in text.splitlines() if line.startswith("│")]
    named = [row for row in rows if row[0]]
    assert [row[:2] for row in named] == [["eager", dtype] for dtype in ("float32", "bfloat16", "int8")]
    assert all(float(row[2]) > 0 for row in (named[0], named[2]))
    assert named[1][2:6] == ["-"] * 4
    assert "linalg.inv: Low precision" in " ".join(row[6] for row in rows)
    assert "int8: 2 Linear" in " ".join(row[6] for row in rows)
    for column in ("runtime", "dtype", "median_ms", "95 % CI", "p90", "peak MiB", "note"):
        assert column in text


@pytest.mark.slow
@pytest.mark.representative
@pytest.mark.timeout(3_600)
def test_all_runtimes_in_one_table(tmp_path: Path) -> None:
    found = json.loads(nasengine("profile", written(tiny, tmp_path), "--runtime", "all", "--json", cwd=tmp_path))
    rows = found["profiles"]
    assert [row["runtime"] for row in rows] == ["eager", "compile", "aot", "onnxruntime"]
    for row in rows:
        profile = LatencyProfile.from_json(row["latency"])
        assert (profile.runtime, profile.dtype) == (row["runtime"], "float32")
        assert profile.device["runtime"] == row["runtime"]
    assert len({row["latency"]["device_key"] for row in rows}) == 4


BAD = {
    "a member that is not published": ("profile lenet:nothing", "the published members of 'lenet' are lenet5"),
    "a runtime that is not there": (
        "profile lenet:lenet5 --runtime tensorrt",
        "--runtime: 'tensorrt' is not known; expected one of eager, compile, aot, onnxruntime, cuda_graphs, all",
    ),
    "a dtype that is not there": (
        "profile lenet:lenet5 --dtype int4",
        "--dtype: 'int4' is not known; expected one of float32, bfloat16, float16, int8, all",
    ),
    "a breakdown of all runtimes": (
        "profile lenet:lenet5 --breakdown --runtime all",
        "--breakdown: it is of one runtime and dtype; got all; leave `all` out",
    ),
    "a breakdown of compiled code": (
        "profile lenet:lenet5 --breakdown --runtime onnxruntime",
        "breakdown: operations are timed one by one, which only eager torch runs; got the runtime 'onnxruntime'",
    ),
    "a GPU's runtime on a CPU": (
        "profile lenet:lenet5 --runtime cuda_graphs",
        "device.runtime: 'cuda_graphs' runs on a GPU only",
    ),
    "a network that the architecture lacks": (
        "profile lenet:lenet5 --network critic",
        "'critic': no such network; the architecture holds network",
    ),
    "a family that is not shipped": (
        "profile nowhere:5",
        "or a published member of a shipped family, as resnet:resnet18",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_says_what_and_ends_with_2(tmp_path: Path, case: str) -> None:
    command, message = BAD[case]
    text = nasengine(*command.split(), cwd=tmp_path, code=2)
    assert message in " ".join(text.split())
    assert "Traceback" not in text
