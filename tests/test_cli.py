"""The command line, run as a person runs it: exit codes, tables, JSON, and what bad input says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STUDY = """
from nasengine import Image, Recipe, Space, Study, SuccessiveHalving, at_most, choice, maximize, minimize, tasks
from nasengine.blocks import ConvNormAct, GlobalPool, Linear, Sequential

space = Space(
    "cli-digits",
    inputs=Image(1, 8),
    network=Sequential(stem=ConvNormAct(choice(4, 8, 12)), head=Sequential(pool=GlobalPool(), classify=Linear(10))),
)
study = Study(
    space, task=tasks.Digits(), recipe=Recipe(epochs=2), objectives=(maximize("accuracy"), minimize("params")),
    budgets=(at_most("params", LIMIT),), rungs=SuccessiveHalving(eta=2, min_epochs=1), sampler="random",
    store="STORE", seed=0, trials=3,
)
"""


def nasengine(*args: str | Path, cwd: Path, code: int = 0) -> str:
    """Output of a command that ends with an exit code; errors follow the output."""
    command = [sys.executable, "-m", "nasengine.cli", *map(str, args)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def write_study(folder: Path, *, limit: int = 1_000, store: str = "store", name: str = "small_study.py") -> Path:
    path = folder / name
    path.write_text(STUDY.replace("LIMIT", str(limit)).replace("STORE", store))
    return path


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a small study has been run."""
    folder = tmp_path_factory.mktemp("cli")
    text = nasengine("run", write_study(folder), cwd=folder)
    assert "3 members" in text
    assert "The front of store" in text
    return folder


def test_an_empty_front_says_so(tmp_path: Path) -> None:
    text = nasengine("run", write_study(tmp_path), "--timeout", "0.1", cwd=tmp_path)
    assert "The front of store is empty: no trial is complete and within every budget" in text
    assert nasengine("front", "store", "--json", cwd=tmp_path).strip() == "[]"


def test_status_and_front_read_the_store(done: Path) -> None:
    assert re.search(r"complete\s*│\s*\d", nasengine("status", "store", cwd=done))
    counts = json.loads(nasengine("status", "store", "--json", cwd=done))
    assert counts["name"] == "cli-digits"
    rows = json.loads(nasengine("front", "store", "--json", cwd=done))
    assert rows
    assert {"trial", "accuracy", "test_accuracy", "params"} <= set(rows[0])


def test_the_same_command_resumes_and_has_nothing_to_do(done: Path) -> None:
    before = json.loads(nasengine("front", "store", "--json", cwd=done))
    assert json.loads(nasengine("run", "small_study.py", "--json", cwd=done)) == before


def test_report_and_plots_are_written(done: Path) -> None:
    nasengine("report", "store", "--out", "r.html", cwd=done)
    nasengine("front", "store", "--plot", "f.png", cwd=done)
    assert (done / "r.html").read_text().startswith("<!doctype html>")
    assert (done / "f.png").read_bytes().startswith(b"\x89PNG")


def test_export_writes_a_network_that_can_be_profiled(done: Path) -> None:
    nasengine(
        "export",
        "store",
        "--out",
        "net",
        "--best",
        "accuracy",
        "--format",
        "source",
        "--format",
        "safetensors",
        cwd=done,
    )
    assert (done / "net" / "MODEL_CARD.md").is_file()
    found = json.loads(nasengine("profile", "net", "--json", cwd=done))
    assert found["latency"]["median_ms"] > 0
    assert found["cost"]["params"] < 1_000
    trial = json.loads(nasengine("front", "store", "--json", cwd=done))[0]["trial"]
    assert "95 % CI" in nasengine("profile", f"store:{trial}", cwd=done)


def test_space_says_size_and_cost_range(done: Path) -> None:
    text = nasengine("space", "small_study.py", "--sample", "1", cwd=done)
    assert "cli-digits: 3 members" in text
    assert "macs" in text
    assert json.loads(nasengine("space", "small_study.py", "--json", cwd=done))["size"] == 3


def test_help_teaches() -> None:
    text = nasengine("--help", cwd=ROOT)
    for command in ("run", "status", "front", "report", "export", "profile", "space"):
        assert re.search(rf"\b{command}\b", text)
        assert "Usage" in nasengine(command, "--help", cwd=ROOT)


def test_a_budget_nothing_can_meet_ends_with_4_and_says_the_minimum(tmp_path: Path) -> None:
    text = nasengine("run", write_study(tmp_path, limit=10), cwd=tmp_path, code=4)
    assert re.search(r"params.*(least|minimum|smallest).*\d", text)
    assert not list((tmp_path / "store").rglob("*.pt"))


BAD = {
    "a study file that is not there": (
        "run nowhere.py",
        "nowhere.py: a study file is a Python file; there is no such file",
    ),
    "a file that defines no study": ("run empty.py", "a study file defines `study = Study(...)`; it defines nothing"),
    "a file that cannot be run": ("run broken.py", "line 2: ZeroDivisionError: division by zero"),
    "a store that is not there": ("status nowhere", "nowhere"),
    "a network that is not there": ("profile nowhere", "a network is an exported folder, an architecture's JSON file"),
    "a module that is not there": (
        "profile x --import no_such_module",
        "--import no_such_module: it cannot be imported",
    ),
    "a trial that is not on the front": (
        "export store --out x --trial 99",
        "--trial 99: it is not on the front of store",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_says_what_and_ends_with_2(done: Path, case: str) -> None:
    command, message = BAD[case]
    (done / "empty.py").write_text("")
    (done / "broken.py").write_text("x = 1\ny = x / 0\n")
    text = nasengine(*command.split(), cwd=done, code=2)
    assert message in " ".join(text.split())
    assert "Traceback" not in text


def test_a_store_of_another_study_is_refused(done: Path) -> None:
    other = write_study(done, limit=999, name="other_study.py")
    assert "budgets" in nasengine("run", other, cwd=done, code=2)


def test_the_readme_study_runs(tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert code is not None
    (tmp_path / "readme_study.py").write_text(code[1])
    nasengine("run", "readme_study.py", "--trials", "2", "--workers", "2", cwd=tmp_path)
    assert (tmp_path / "studies" / "mobile-digits" / "ledger.sqlite").is_file()
