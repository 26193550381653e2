"""Two small tables made by formula, so that the machinery of the benchmark runs without any data.

``toy-chain`` holds all 243 members of a small space, ``toy-pool`` a third of them. Accuracy grows with the logarithm
of the multiply-accumulates, less for each layer that does nothing, and a fixed noise by member.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import partial

import pandas as pd
from search_tables import Table

from nasengine.search import maximize, minimize
from nasengine.space import Architecture
from nasengine.tasks.tabular import TabularTask
from search_spaces import nasbench_macro

SPACE = nasbench_macro.small
PATHS = tuple(SPACE.largest().decisions)


def toys() -> dict[str, Callable[[], Table]]:
    """The tables by name."""
    return {"toy-chain": partial(_toy, "toy-chain", 1), "toy-pool": partial(_toy, "toy-pool", 3)}


def _toy(name: str, every: int) -> Table:
    frame = pd.DataFrame([_row(SPACE[i], i) for i in range(0, int(SPACE.size), every)])
    task = TabularTask.from_frame(
        name,
        frame,
        decisions=PATHS,
        metrics={"accuracy": {3: "early", 9: "middle", 27: "late"}},
        measured={"latency_ms": "latency_ms"},
        epoch_s="epoch_s",
        profiling_s=1.0,
    )
    return Table(name, SPACE, task, (maximize("accuracy"), minimize("latency_ms"), minimize("params")))


def _row(member: Architecture, i: int) -> dict[str, object]:
    cost, noise = member.cost(), random.Random(i)
    idle = sum(label == "identity" for label in member.decisions.values())
    late = 50 + 4 * math.log(cost.macs) - 3 * idle + noise.gauss(0, 0.3)
    return {
        **member.decisions,
        "early": 0.8 * late + noise.gauss(0, 1),
        "middle": 0.9 * late + noise.gauss(0, 0.5),
        "late": late,
        "latency_ms": cost.macs / 1e6 + 0.1 * len(PATHS) - 0.05 * idle,
        "epoch_s": 1 + cost.macs / 1e6,
    }


if __name__ == "__main__":
    for toy in toys().values():
        print(repr(toy().task.over(SPACE).space))
