"""Benchmarks run: a small part of each, for what they check, not for the figures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

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
