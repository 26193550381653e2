"""Latency predictors on public tables: ours beside ridge and extra trees on one-hot decisions, and MACs alone.

For each device and number of measurements, over ten random draws: the share of other networks that are predicted
within 10 % of what was measured, the rank correlation (Spearman), and for ours how often the 95 % intervals hold. All
methods see the same rows; networks that are alike are never on both sides. The graphs of NAS-Bench-201 are the
published ones, with their dead edges: what a runtime leaves out of them the predictor has to find out.

The model was chosen on hwnas/edgegpu, help_nb201/1080ti_1, help_nb201/2080ti_32 and help_nb201/titanx_256.

    OMP_NUM_THREADS=1 python benchmarks/predictor.py --out benchmarks/results

Cells that the result's file holds are not computed again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from latency_tables import Networks, columns, networks
from scipy.stats import spearmanr
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from nasengine.hardware.predictor import LatencyPredictor
from nasengine.hardware.predictor.features import Array

SIZES = (10, 20, 50, 100, 200, 500, 900)
DRAWS = 10
TESTS = 1_500
GOALS = {10: (0.78, 0.96), 50: (0.88, 0.98), 500: (0.93, 0.985)}
FAMILIES = ("hwnas", "hw360", "help_nb201", "help_fbnet", "hwgpt", "hat")
METHODS = ("ours", "ridge", "ridge_pruned", "ridge_counts", "extra_trees", "macs", "ridge_logs")


def main() -> None:
    """Fill the cells that are missing, write after each, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", nargs="*", default=list(FAMILIES), help="tables or table/device")
    parser.add_argument("--sizes", nargs="*", type=int, default=SIZES, help="numbers of measurements")
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--rows", type=int, default=0, help="take only the first networks of a table; 0 takes all")
    parser.add_argument("--out", type=Path, help="folder for the result as JSON")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "nasengine-predictor")
    args = parser.parse_args()
    path = args.out / "predictor.json" if args.out else None
    cells: dict[str, Any] = json.loads(path.read_text())["cells"] if path and path.is_file() else {}
    known: dict[str, Networks] = {}
    for size in args.sizes:
        for name, (kind, read) in columns().items():
            key = f"{name} {size}"
            if not {name, name.split("/")[0]} & set(args.columns) or whole(cells.get(key, {}), kind, args.draws):
                continue
            if kind not in known:
                known[kind] = networks(kind, args.cache, args.rows)
            latency = read()[: len(known[kind].group)]
            if np.isfinite(latency).sum() < 2 * size:
                continue
            cells[key] = cell(known[kind], latency, size, args.draws, cells.get(key, {}))
            print(key, {m: np.mean(rows, 0).round(3).tolist() for m, rows in cells[key].items()}, flush=True)
            write(path, cells)
    found = {n: ceiling(known[kind], read()) for n, (kind, read) in columns().items() if kind in known}
    ceilings = {name: one for name, one in found.items() if one}
    write(path, cells, ceilings)
    if path:
        ceilings = json.loads(path.read_text())["ceilings"]
    print(table(cells), devices(cells, ceilings), goals(cells), sep="\n\n")


def write(path: Path | None, cells: Mapping[str, Any], ceilings: Mapping[str, Any] | None = None) -> None:
    """Write the result; what is known of ceilings stays."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(path.read_text())["ceilings"] if path.is_file() else {}
    record = {"benchmark": "predictor", "cells": cells, "ceilings": {**before, **(ceilings or {})}}
    path.write_text(json.dumps(record, indent=1) + "\n")


def methods(kind: str) -> tuple[str, ...]:
    """Methods that a table's networks allow: of HAT's only averaged features are known."""
    if kind == "hat":
        return ("ridge", "extra_trees", "ridge_logs")
    cells = ("ridge_pruned", "ridge_counts") if kind == "nb201" else ()
    return ("ours", "ridge", *cells, "extra_trees", "macs")


def whole(rows: Mapping[str, Sequence[Any]], kind: str, draws: int) -> bool:
    """Is nothing left to compute?"""
    return all(len(rows.get(method, ())) >= draws for method in methods(kind))


def cell(
    found: Networks, latency: Array, size: int, draws: int, before: Mapping[str, list[list[float]]]
) -> dict[str, list[list[float]]]:
    """Figures of each method, a row a draw: share within 10 %, Spearman, and of ours the coverage."""
    made = {method: list(before.get(method, ())) for method in methods(found.kind)}
    for draw in range(draws):
        train, test = split(found, latency, size, draw)
        for method, rows in made.items():
            if len(rows) <= draw:
                rows.append(run(method, found, latency, train, test))
    return made


def split(found: Networks, latency: Array, size: int, draw: int) -> tuple[Any, Any]:
    """Random measured rows, and others of which none is alike."""
    rows = np.random.default_rng([size, draw]).permutation(np.flatnonzero(np.isfinite(latency) & (latency > 0)))
    train, rest = rows[:size], rows[size:]
    return train, rest[~np.isin(found.group[rest], found.group[train])][:TESTS]


def run(method: str, found: Networks, latency: Array, train: Any, test: Any) -> list[float]:
    """One method on one draw."""
    if method == "ours":
        return ours(found, latency, train, test)
    inputs = {"ridge_pruned": found.pruned, "ridge_counts": found.counts, "macs": found.macs[:, None]}.get(
        method, found.decisions
    )
    models: dict[str, Callable[[], Any]] = {
        "macs": LinearRegression,
        "extra_trees": lambda: ExtraTreesRegressor(100, random_state=0),
        "ridge_logs": power_law,
    }
    model = models.get(method, lambda: RidgeCV(np.logspace(-3, 3, 13)))()
    predicted = model.fit(inputs[train], latency[train]).predict(inputs[test])
    return figures(predicted, latency[test])


def power_law() -> Any:
    """Ridge on the logarithms of plain features and of the latency: what is left where there are no graphs."""
    inner = make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), RidgeCV(np.logspace(-3, 3, 13)))
    return TransformedTargetRegressor(inner, func=np.log, inverse_func=np.exp)


def ours(found: Networks, latency: Array, train: Any, test: Any) -> list[float]:
    """The graph's predictor, and how often its intervals hold."""
    nothing: dict[str, Any] = {"device": {}, "device_key": "", "space": None, "report": False}
    predictor = LatencyPredictor.fit_read([found.found[i] for i in train], latency[train].tolist(), **nothing)
    made = predictor.predict_read([found.found[i] for i in test])
    inside = [p.low_ms <= y <= p.high_ms for p, y in zip(made, latency[test], strict=True)]
    return [*figures(np.array([p.median_ms for p in made]), latency[test]), float(np.mean(inside))]


def figures(predicted: Array, measured: Array) -> list[float]:
    """Share within 10 %, Spearman."""
    rank = float(spearmanr(predicted, measured)[0]) if np.ptp(predicted) else 0.0
    return [float((np.abs(predicted / measured - 1) <= 0.1).mean()), rank]


def ceiling(found: Networks, latency: Array) -> dict[str, float] | None:
    """What predicting a network by others that are equal to it gives: the noise of both.

    A network has few equals, so their median is noisy too: a predictor that averages over many may do better.
    """
    latency = latency[: len(found.group)]
    alike: dict[int, list[float]] = {}
    for one, value in zip(found.found, latency, strict=bool(found.found)):
        if np.isfinite(value) and value > 0:
            alike.setdefault(id(one["declared"]), []).append(float(value))
    pairs = [
        (np.median(group[:i] + group[i + 1 :]), value)
        for group in alike.values()
        if len(group) > 1
        for i, value in enumerate(group)
    ]
    if len(pairs) < 100:
        return None
    share, rank = figures(*np.array(pairs, dtype=float).T)
    return {"networks": len(pairs), "within_10_percent": share, "spearman": rank}


def table(cells: Mapping[str, Mapping[str, Sequence[Sequence[float]]]]) -> str:
    """Means over draws and devices of each table, as markdown."""
    lines = [
        "| table | measured | devices | " + " | ".join(METHODS) + " | coverage |",
        "|" + " --- |" * (len(METHODS) + 4),
    ]
    for family, sizes in grouped(cells).items():
        for size, rows in sorted(sizes.items()):
            shown = []
            for method in METHODS:
                mine = [np.mean(row[method], 0) for row in rows if method in row]
                shown.append("{:.1%} / {:.3f}".format(*np.mean(mine, 0)[:2]) if mine else "")
            held = [np.mean(row["ours"], 0)[2] for row in rows if "ours" in row]
            coverage = f"{np.mean(held):.1%}" if held else ""
            lines.append(f"| {family} | {size} | {len(rows)} | " + " | ".join(shown) + f" | {coverage} |")
    return "\n".join(lines)


def devices(cells: Mapping[str, Any], ceilings: Mapping[str, Mapping[str, float]]) -> str:
    """Ours, device by device, beside what equal networks say of each other."""
    sizes = sorted({int(key.split(" ")[1]) for key in cells})
    lines = ["| device | equal networks | " + " | ".join(map(str, sizes)) + " |", "|" + " --- |" * (len(sizes) + 2)]
    for name in dict.fromkeys(key.split(" ")[0] for key, found in cells.items() if "ours" in found):
        best = ceilings.get(name)
        shown = ["{within_10_percent:.1%} / {spearman:.3f}".format(**best) if best else ""]
        for size in sizes:
            rows = cells.get(f"{name} {size}", {}).get("ours")
            shown.append("{:.1%} / {:.3f}".format(*np.mean(rows, 0)[:2]) if rows else "")
        lines.append(f"| {name} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def goals(cells: Mapping[str, Any]) -> str:
    """What was aimed at on HW-NAS-Bench and HW-NAS-Bench-360, and what was reached."""
    lines = []
    for size, (share, rank) in GOALS.items():
        rows = grouped(cells).get("hwnas and hw360", {}).get(size, [])
        if not rows:
            continue
        reached = np.mean([np.mean(row["ours"], 0)[:2] for row in rows], 0)
        lines.append(
            f"{size}: {share:.0%} and {rank}; reached {reached[0]:.1%} and {reached[1]:.3f} on {len(rows)} devices"
        )
    return "\n".join(lines)


def grouped(cells: Mapping[str, Any]) -> dict[str, dict[int, list[Any]]]:
    """Table to number of measurements to cells; the two tables that the goals are for are joined too."""
    made: dict[str, dict[int, list[Any]]] = {}
    for key, found in cells.items():
        name, size = key.split(" ")
        family = name.split("/")[0]
        for title in (family, *(("hwnas and hw360",) if family in ("hwnas", "hw360") else ())):
            made.setdefault(title, {}).setdefault(int(size), []).append(found)
    return made


if __name__ == "__main__":
    main()
