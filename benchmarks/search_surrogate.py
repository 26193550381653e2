"""Is the surrogate of the model-based sampler honest? Its intervals and its order on members that it was not shown.

For each table and seed so many random rows are trained, and 500 other rows, of other networks, are predicted: the share
inside the 50 % and the 90 % interval, and Spearman's rank correlation of the means with what is tabulated. The first
objective of the table, which is the one that training decides.

    python benchmarks/search_surrogate.py --tables nb201-c10 macro-c10 --seeds 10 --out benchmarks/results
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm, spearmanr
from search_tables import Absent, Table, tables

from nasengine.search import Problem, TrialView
from nasengine.search.model.features import GROUPS, Book, Products
from nasengine.search.model.fitting import Fits
from nasengine.study.gates import known_of

SIZES = (20, 50, 100, 500)
UNSEEN = 500
DEFAULT = ("nb201-c10", "nb201-c100", "macro-c10", "graph-cora", "graph-arxiv", "hwgpt-owt")


def cell(table: Table, size: int, seed: int) -> dict[str, float]:
    """One draw of trained and unseen rows."""
    read, goal = table.task.over(table.space), table.objectives[0]
    problem = Problem(read.space, (goal,), seed, known=known_of)
    book, products = Book(problem), tuple(Products(i) for i in range(len(GROUPS)))
    rows = random.Random(seed).sample(range(len(table.task)), min(len(table.task), 3 * (size + UNSEEN)))
    trained, unseen, keys = [], [], set()
    for row in rows:  # of equal networks one is either trained or unseen
        member = book.member(read.member(row))
        if member.key in keys:
            continue
        keys.add(member.key)
        (trained if len(trained) < size else unseen).append((row, member))
    values = read.column(goal.name)
    views = tuple(
        TrialView(i, m.decisions, "complete", {**m.known, goal.name: float(values[row])}, epochs=1)
        for i, (row, m) in enumerate(trained)
    )
    members = {i: m for i, (_, m) in enumerate(trained)}
    model = Fits(problem, book, products).model(goal.name, views, members)
    assert model is not None
    truth = np.array([float(values[row]) for row, _ in unseen[:UNSEEN]])
    mean, spread = model.surrogate.predict([m for _, m in unseen[:UNSEEN]], noisy=True)
    scores = model.warp.score(truth)
    off = np.abs(scores - mean) / spread
    shares = {f"inside_{p}": float((off <= norm.ppf(0.5 + p / 200)).mean()) for p in (50, 90)}
    return {**shares, "spearman": float(spearmanr(mean, scores).statistic), "unseen": len(truth)}


def table_of(rows: dict[str, list[dict[str, float]]]) -> str:
    """In Markdown: means over the seeds."""
    lines = [
        "| table | trained | inside 50 % | inside 90 % | Spearman | seeds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for key, cells in rows.items():
        name, size = key.split()
        means = [statistics.fmean(c[k] for c in cells) for k in ("inside_50", "inside_90", "spearman")]
        lines.append(f"| {name} | {size} | " + " | ".join(f"{m:.3f}" for m in means) + f" | {len(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """All cells, then the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", default=list(DEFAULT), choices=list(tables()), metavar="TABLE")
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", type=Path, help="folder for the result as JSON")
    args = parser.parse_args()
    found: dict[str, Any] = {}
    for name in args.tables:
        try:
            table = tables()[name]()
        except Absent as absent:
            print(f"{name}: left out, {absent}")
            continue
        for size in args.sizes:
            found[f"{name} {size}"] = [cell(table, size, seed) for seed in range(args.seeds)]
    print(table_of(found))
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "search_surrogate.json").write_text(json.dumps({"cells": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
