"""Zero-cost proxies of built NAS-Bench-201 networks beside the published ones of the same cells."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from nasengine.estimate import PROXIES


def loaded(name: str) -> ModuleType:
    """A script of the benchmarks, by its file: their folder is not on the path."""
    file = Path(__file__).parent.parent / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


benchmark = loaded("proxies")
CELLS = 40
ALIKE = {"params": 0.999, "macs": 0.98, "l2_norm": 0.85, "synflow": 0.99, "nwot": 0.97, "jacov": 0.6,
         "snip": 0.9, "grad_norm": 0.9, "fisher": 0.85, "zen": 0.95}  # fmt: skip
"""Least rank correlation, over 40 cells, of ours on 16 images with the published ones on 64 others and other weights;
all draws are seeded."""


def need(name: str) -> None:
    if not (Path(os.environ.get("NASENGINE_DATA") or ".") / name).is_file():
        pytest.skip(f"{name} is not in NASENGINE_DATA")


@pytest.mark.slow
@pytest.mark.representative
def test_ours_rank_cells_as_the_published_ones_do(tmp_path: Path) -> None:
    need("nas/nb201_proxies_cifar10.parquet")
    need("vision/cifar10_4k.npz")
    rows = benchmark.computed(CELLS, 16, 1, tmp_path, tuple(ALIKE))
    found = benchmark.compared(rows)["proxies"]
    alike = {name: found[name]["same_ranks"] for name in ALIKE}
    assert all(alike[name] >= least for name, least in ALIKE.items()), alike
    again = benchmark.computed(CELLS, 16, 1, tmp_path, tuple(ALIKE))
    pd.testing.assert_frame_equal(rows, again)  # from the file, nothing computed again


def rows_of(cells: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    accuracy = rng.normal(size=cells)
    ours = {f"ours_{name}": accuracy + rng.normal(size=cells) for name in PROXIES}
    published = {"nwot": accuracy, "flops": ours["ours_macs"]}
    return pd.DataFrame({"c10_val_e200": accuracy, **ours, **published, "ours_seconds": 1.0})


def test_the_table_marks_what_is_far_from_the_published_figure() -> None:
    found = benchmark.compared(rows_of(200))
    assert found["proxies"]["nwot"]["published_spearman"] == pytest.approx(1)
    assert found["proxies"]["macs"]["same_ranks"] == pytest.approx(1)
    lines = {line.split(" | ")[0].strip("| "): line for line in benchmark.table(found).splitlines()}
    assert "*" in lines["nwot"]
    assert "+0.000 |" in lines["macs"]
    assert "*" not in lines["macs"]
    assert lines["combined"].count("|") == 10


def test_the_best_tenth_are_those_of_highest_accuracy() -> None:
    accuracy = np.arange(100.0)
    scores = np.where(accuracy >= 90, -accuracy, accuracy)
    assert benchmark.figures(scores, accuracy)["spearman_best_tenth"] == pytest.approx(-1)


def test_the_cost_table_names_the_dearest_and_both_ratios() -> None:
    seconds = {"together": 2.0, **dict.fromkeys(PROXIES, 0.5), "grasp": 1.6, "published grasp": 4.0}
    text = benchmark.cost_table({"seconds": seconds})
    assert "together / dearest alone (grasp): 1.25" in text
    assert f"one by one / together: {(0.5 * 10 + 1.6) / 2:.2f}" in text
    assert "dearest as published / together: 2.00" in text
