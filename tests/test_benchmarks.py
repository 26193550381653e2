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
