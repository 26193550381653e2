"""The search benchmark runs: two seeds of two tables, whole with peers' protocol, resumed by cell."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture(autouse=True)
def beside_the_benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def search(out: Path, *options: str) -> str:
    command = [sys.executable, BENCHMARKS / "search.py", "--out", out, "--seeds", "2", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_seeds_of_two_tables(tmp_path: Path) -> None:
    """A pool and a whole space; ours, rungs and a peer's process; the second run computes nothing again."""
    small = ["--tables", "toy-chain", "toy-pool", "--evaluations", "20"]
    small += ["--methods", "random", "nsga2", "random@sh3", "random@measured", "peer-random"]
    first = search(tmp_path, *small)
    assert first.count(" ms an ask") == 20
    assert first.count("**toy-chain**") == first.count("**toy-pool**") == 4  # two shares, free and charged
    rows = [json.loads(line) for path in tmp_path.glob("*.jsonl") for line in path.read_text().splitlines()]
    assert len(rows) == 20
    for row in rows:
        assert all(0 <= share <= 1 + 1e-9 for share in row["share"].values())
        assert row["broken"] == 0
    by_rungs = [row for row in rows if row["method"] == "random@sh3"]
    assert all(row["spent"] < 0.6 * 20 for row in by_rungs)
    assert all("peak_mb" in row for row in rows if row["method"] == "peer-random")
    again = search(tmp_path, *small)
    assert again.count(" ms an ask") == 0
    assert again == (tmp_path / "tables.md").read_text() + "\n"


def test_a_peer_that_is_not_there_is_left_out_with_its_reason(tmp_path: Path) -> None:
    small = ["--tables", "toy-chain", "--methods", "pymoo", "--evaluations", "10", "--peers", str(tmp_path / "none")]
    said = search(tmp_path, *small)
    assert "toy-chain pymoo: FileNotFoundError" in said


def test_real_tables(tmp_path: Path) -> None:
    folder = os.environ.get("NASENGINE_DATA")
    if not folder or not (Path(folder) / "nas" / "nasbench_macro.parquet").is_file():
        pytest.skip("nas/nasbench_macro.parquet is not in NASENGINE_DATA")
    search(
        tmp_path, "--tables", "macro-c10", "macro-c10-costs", "--methods", "random", "evolution", "--evaluations", "25"
    )
    rows = [json.loads(line) for path in tmp_path.glob("*.jsonl") for line in path.read_text().splitlines()]
    assert {row["table"] for row in rows} == {"macro-c10", "macro-c10-costs"}
    assert all(0 < row["share"]["25"] < 1 for row in rows if row["table"] == "macro-c10-costs")
    assert all(0 <= row["regret"]["25"] < 10 for row in rows)


def test_a_space_is_flattened_with_its_conditions() -> None:
    from search_remote import flatten

    from nasengine import Features, Space, choice, repeat
    from nasengine.blocks import Identity, Linear, Sequential

    layer = choice(Linear(choice(4, 8)), Identity())
    space = Space("open", inputs=Features(4), network=Sequential(repeat(layer, choice(1, 2)), Linear(2)))
    found = {p.path: p for p in flatten(space)}
    times, second = "0.times", "0.blocks.1"
    assert found[times].when is None
    assert found[second].when == (times, (2,))
    assert found[f"{second}.linear.features"].when == (second, ("linear",))
    assert found[f"{second}.linear.features"].to_json()["kind"] == "ordinal"
    assert found[second].to_json() == {
        "name": second, "when": [times, (2,)], "kind": "categorical", "labels": ["linear", "identity"],
    }  # fmt: skip
    order = list(found)
    assert order.index(times) < order.index(second) < order.index(f"{second}.linear.features")


def test_a_sampler_of_optuna_is_rebuilt_when_it_is_told_of_another_member() -> None:
    """Proposals that are as told leave it as it is; on a pool the study behind it holds the rows that were trained."""
    from search import Rebuilt
    from toy_tables import toys

    from nasengine.search import Problem, TrialView, View

    table = toys()["toy-pool"]()
    pool = table.task.over(table.space).pool
    assert pool is not None
    spec = Rebuilt("tpe")
    sampler = spec.make(Problem(pool, table.objectives[:1]))
    values = {"accuracy": 1.0}
    (first,) = sampler.ask(1, View(0))
    sampler.tell(TrialView(0, first.decisions, "complete", values, attrs=first.attrs))
    (second,) = sampler.ask(1, View(1))
    row = pool[pool.nearest(second.decisions, but=[pool.row(second.decisions) or 0])].decisions
    assert dict(row) != dict(second.decisions)
    kept = sampler._inner  # type: ignore[attr-defined]
    sampler.tell(TrialView(1, row, "complete", values, attrs=second.attrs))
    sampler.ask(1, View(2))
    rebuilt = sampler._inner  # type: ignore[attr-defined]
    assert rebuilt is not kept
    assert [t.params for t in rebuilt._study.trials_now[:2]] == [dict(first.decisions), dict(row)]
    assert len(spec.ask_s) == 3


def test_the_report_s_figures() -> None:
    from search_report import interval, report

    low, high = interval([0.8, 0.9, 1.0, 0.9])
    assert low < 0.9 < high
    assert all(math.isnan(bound) for bound in interval([0.8]))
    rows = [
        {
            "table": table, "method": how, "seed": seed, "evaluations": 50, "share": {"25": share, "50": share + 0.1},
            "regret": {"25": 1.0}, "found_at": None, "ask_ms": 1.0, "ask_median_ms": 1.0, "ask_p95_ms": 2.0,
        }
        for table in ("a", "b")
        for how, share in (("good", 0.8), ("bad", 0.5))
        for seed in (0, 1)
    ]  # fmt: skip
    text = report(rows, {"nasengine": "1"}, {"x": "it does not install"})
    assert "| good | 2 | 0.8000 [0.8000, 0.8000] 0.8000, 0.8000 | 0.9000" in text
    assert text.index("| good | 2") < text.index("| bad | 2")
    assert "Mean rank over 2 tables" in text
    assert "| good | 1.00 | 1.00 |" in text
    assert "* x: it does not install" in text
