"""Benchmarks run: a small part of each, for what they check, not for the figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_screening(tmp_path: Path) -> None:
    script = ROOT / "benchmarks" / "screening.py"
    small = ["--candidates", "200", "--built", "2", "--rounds", "1", "--out", str(tmp_path)]
    done = subprocess.run([sys.executable, script, *small], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "screening.json").read_text())
    assert record["machine"]["cpu"]
    assert record["result"]["screen_warm_s"] < record["result"]["meta_build_s"]


def test_families(tmp_path: Path) -> None:
    """A family beside the spine; the second run takes what the first has written."""
    command = [sys.executable, ROOT / "benchmarks" / "families.py", "--candidates", "20", "--out", str(tmp_path)]
    for families in (["lenet"], ["lenet", "vgg"]):
        done = subprocess.run(
            [*command, "--families", *families], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        rows = json.loads((tmp_path / "families.json").read_text())["rows"]
        assert list(rows) == families
        if len(families) == 1:
            first = rows["lenet"]
    assert rows["lenet"] == first
    assert all(row["nodes"] > 5 and row["screen_ms"] > 0 for row in rows.values())


def test_calibration(tmp_path: Path) -> None:
    """One family, few members; the second run takes the cell that the first has written."""
    script = ROOT / "benchmarks" / "calibration.py"
    small = [
        "--families",
        "rnn:small",
        "--samples",
        "8",
        "--unseen",
        "4",
        "--out",
        tmp_path,
        "--keep",
        tmp_path / "kept",
    ]
    measured = False
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, script, *map(str, small)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        measured = measured or "rnn:small: 0/8" in done.stdout
    assert measured
    (path,) = tmp_path.glob("calibration-*-eager.json")
    record = json.loads(path.read_text())
    row = record["rows"]["rnn:small"]
    assert row["measured_on"] == 4
    assert 0 <= row["within_10_percent"]["interval"][0] <= row["within_10_percent"]["share"] <= 1
    assert "rnn:small: 0/" not in done.stdout  # nothing was measured again
    assert "within 10 %" in done.stdout


def test_latency_peers(tmp_path: Path) -> None:
    """Two networks, by three methods, twice; the second run takes what the first has written."""
    command = [sys.executable, ROOT / "benchmarks" / "latency_peers.py", "--networks", "2", "--busy", "--out", tmp_path]
    for measured in (4, 0):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(" ours ") == measured
    (path,) = tmp_path.glob("latency_peers_busy-*-cores.json")
    record = json.loads(path.read_text())
    assert record["machine"]["cpu"]
    assert len(record["rows"]) == 4
    assert all(row[method] > 0 for row in record["rows"].values() for method in ("ours", "benchmark", "mean"))
    assert record["result"]["ours"]["networks"] == 2
    assert set(record["result"]["times_tighter"]) == {"benchmark", "mean"}


def test_latency_honesty(tmp_path: Path) -> None:
    """Two networks, twice and once more beside a busy loop, which is noticed; the second run measures nothing."""
    script = ROOT / "benchmarks" / "latency_honesty.py"
    command = [sys.executable, script, "--networks", "2", "--apart-s", "0.1", "--busy", "--out", tmp_path]
    for measured in (6, 0):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("% wide") == measured
    (path,) = tmp_path.glob("latency_honesty-*-cores.json")
    record = json.loads(path.read_text())
    assert set(record["rows"]) == {
        f"{s}/{n}" for s in ("first", "second", "busy") for n in ("mobile-tiny-000", "nb201-001")
    }
    assert record["result"]["apart_s"] >= 0.1
    assert record["result"]["silently_wrong"] == 0
    assert 0 <= record["result"]["inside_twice_the_interval"] <= 1


def test_predictor(tmp_path: Path) -> None:
    """One device, 10 and 20 measurements of 300 cells, one draw; the second run computes nothing again."""
    folder = os.environ.get("NASENGINE_DATA")
    if not folder or not (Path(folder) / "latency" / "help_nb201.parquet").is_file():
        pytest.skip("latency/help_nb201.parquet is not in NASENGINE_DATA")
    script = ROOT / "benchmarks" / "predictor.py"
    small = ["--columns", "help_nb201/1080ti_1", "--sizes", "10", "20", "--draws", "1", "--rows", "300"]
    command = [sys.executable, script, *small, "--out", str(tmp_path), "--cache", str(tmp_path / "cache")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for run in range(2):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        cells = json.loads((tmp_path / "predictor.json").read_text())["cells"]
        assert list(cells) == ["help_nb201/1080ti_1 10", "help_nb201/1080ti_1 20"]
        assert ("help_nb201/1080ti_1 10 {" in done.stdout) == (run == 0)
    for found in cells.values():
        (ours,), (trees,), (macs,) = found["ours"], found["extra_trees"], found["macs"]
        assert ours[0] > trees[0]
        assert ours[1] > max(trees[1], macs[1])


def test_latency_runtimes(tmp_path: Path) -> None:
    """One network on two runtimes; the second run takes what the first has written. bfloat16 is refused by one."""
    script = ROOT / "benchmarks" / "latency_runtimes.py"
    small = ["--families", "lstm", "--runtimes", "eager", "onnxruntime", "--dtypes", "float32", "bfloat16"]
    command = [sys.executable, script, *small, "--out", str(tmp_path)]
    for measured in (4, 0):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("measured lstm/") == measured
        assert "ResNet-50 against triton.testing.do_bench: left out, it needs --device cuda" in done.stdout
    (path,) = tmp_path.glob("latency_runtimes-*-cores.json")
    rows = json.loads(path.read_text())["rows"]
    assert rows["lstm/onnxruntime/float32"]["median_ms"] > 0
    assert rows["lstm/eager/bfloat16"]["facts"]["weights"] == "bfloat16"
    assert "LSTM (" in rows["lstm/onnxruntime/bfloat16"]["note"]
