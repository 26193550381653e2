"""The tables on which samplers are compared: public results of whole spaces that nobody here made.

Read through NASENGINE_DATA. A name is ``SPACE-DATA`` for one objective and ``SPACE-DATA-DEVICE`` or
``SPACE-DATA-costs`` for several; ``-budgets`` is the best accuracy under a latency of at most its 25th percentile and
parameters of at most their median. Where a table holds a metric on validation and on test, validation is searched and
test is reported.

    python benchmarks/search_tables.py        # lists them, with their size and what they offer
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nasengine.graph import screen
from nasengine.search import Budget, Objective, at_most, maximize, minimize
from nasengine.space import Space
from nasengine.study.history import Truth
from nasengine.tasks.tabular import TabularTask
from search_spaces import hwgpt_s, nasbench_graph, nasbench_macro, nb201

DEVICES = ("edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga")
"""Devices of HW-NAS-Bench; ``eyeriss`` and ``fpga`` are exact sums over operations."""
PROFILING_S = 15.0
"""What this engine takes to measure one small network: three fresh processes, each warmed up and timed."""
HOUR_S = 3_600.0
"""What a full training is taken to cost where a table does not say."""
TUNING = frozenset(
    {"nb201-c10", "nb201-c10-edgegpu", "graph-cora", "graph-cora-costs", "hwgpt-owt", "hwgpt-owt-latency"}
)
"""Tables that defaults may be chosen on; all others are only reported."""


@dataclass(frozen=True)
class Table:
    """A table and what is searched on it.

    Attributes:
        name: as on the command line.
        space: that its rows are members of.
        task: the table.
        objectives: of the search.
        budgets: of the search.
        report: objective to the quantity reported in its place.
    """

    name: str
    space: Space
    task: TabularTask
    objectives: tuple[Objective, ...]
    budgets: tuple[Budget, ...] = ()
    report: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def truth(self) -> Truth:
        """What is best in it, in the reported quantities."""
        return Truth.of(self.task.over(self.space), self.objectives, budgets=self.budgets, report=self.report)

    @cached_property
    def upper(self) -> Truth:
        """The same for the better half: what is worse than the median in what training decides counts nothing."""
        read = self.task.over(self.space)
        return Truth.of(read, self.objectives, budgets=self.budgets, report=self.report, floor=0.5)

    @property
    def tuning(self) -> bool:
        """May defaults be chosen on it?"""
        return self.name in TUNING


class Absent(Exception):  # noqa: N818 - a table that is not there is no error of this program
    """A file of the data folder is not there."""


def data(name: str) -> Path:
    """A file of the data folder.

    Raises:
        Absent: it is not there.
    """
    path = Path(os.environ.get("NASENGINE_DATA") or ".") / name
    if not path.is_file():
        raise Absent(f"{name} is not in NASENGINE_DATA")
    return path


def tables() -> dict[str, Callable[[], Table]]:
    """Every table by its name; reading one takes seconds, so that it is read when it is called for."""
    made: dict[str, Callable[[], Table]] = {}
    for dataset in ("c10", "c100"):
        made[f"nb201-{dataset}"] = partial(_nb201, dataset)
        for device in DEVICES:
            made[f"nb201-{dataset}-{device}"] = partial(_nb201, dataset, device)
    made["nb201-c10-val"] = partial(_nb201, "c10", validation=True)
    made["nb201-c10-edgegpu-budgets"] = partial(_nb201, "c10", "edgegpu", budgets=True)
    made["nb201-c100-raspi4-budgets"] = partial(_nb201, "c100", "raspi4", budgets=True)
    made["macro-c10"] = partial(_macro, costs=False)
    made["macro-c10-costs"] = partial(_macro, costs=True)
    for dataset in ("cora", "citeseer", "arxiv"):
        made[f"graph-{dataset}"] = partial(_graph, dataset, costs=False)
        made[f"graph-{dataset}-costs"] = partial(_graph, dataset, costs=True)
    made["hwgpt-owt"] = partial(_hwgpt, ())
    made["hwgpt-owt-latency"] = partial(_hwgpt, ("latency_ms",))
    made["hwgpt-owt-energy"] = partial(_hwgpt, ("latency_ms", "energy_mj"))
    return {name: partial(_named, name, make) for name, make in made.items()}


def _named(name: str, make: Callable[[], Table]) -> Table:
    table = make()
    return Table(name, table.space, table.task, table.objectives, table.budgets, table.report)


# --- NAS-Bench-201 -----------------------------------------------------------------------------------------------


def _nb201(dataset: str, device: str = "", *, budgets: bool = False, validation: bool = False) -> Table:
    """Accuracy after 200 epochs; alone, or with the latency on a device and the published parameters. The accuracy
    after 12 epochs is that of a training of 12 epochs, so that going on to 200 begins anew."""
    frame = pd.read_parquet(data("nas/nb201.parquet")).assign(id=_nb201_ids())
    measured: dict[str, str] = {}
    if device:
        other = pd.read_parquet(data("latency/hwnas_nb201_cifar10.parquet"))
        column = f"{device}_latency_ms"
        frame = frame.merge(other[["arch_str", column]].dropna(), on="arch_str")
        measured = {"latency_ms": column}
    metrics: dict[str, Any] = {"accuracy": {12: f"{dataset}_test_e12", 200: f"{dataset}_test_e200"}}
    report = {}
    if validation:
        frame = _with_validation(frame)
        metrics = {"accuracy": {200: "c10_val_e200"}, "test_accuracy": {200: "c10_test_e200"}}
        report = {"accuracy": "test_accuracy"}
    frame = _joined(frame)
    task = TabularTask.from_frame(
        f"nb201-{dataset}",
        frame,
        decisions=lambda row: nb201.decisions(row["arch_str"]),
        metrics=metrics,
        known={"params": "params", "macs": "macs"},
        measured=measured,
        epoch_s=_nb201_epoch_s(),
        profiling_s=PROFILING_S,
        continues=False,
    )
    goals = (maximize("accuracy"), *((minimize("latency_ms"), minimize("params")) if device else ()))
    if not budgets:
        return Table("", nb201.space, task, goals, report=report)
    limits = (
        at_most("latency_ms", float(np.quantile(task.measured["latency_ms"], 0.25))),
        at_most("params", float(np.median(task.known["params"]))),
    )
    return Table("", nb201.space, task, goals[:1], limits)


def _joined(frame: pd.DataFrame) -> pd.DataFrame:
    """Cells of one network with one result, the mean of their own, and with the parameters and MACs of that network,
    the least that any of them is published with: those of others count operations that lead nowhere."""
    networks = frame.groupby("id")
    numbers = frame.select_dtypes("number").columns
    made = frame.assign(**{name: networks[name].transform("mean") for name in numbers})
    return made.assign(
        params=(networks.params_m.transform("min") * 1e6).round(),
        macs=(networks.flops_m.transform("min") * 1e6).round(),
    )


@cache
def _nb201_ids() -> list[str]:
    """The id of each row's network; kept in a file outside of git, since reading 15,625 cells takes half a minute."""
    rows = pd.read_parquet(data("nas/nb201.parquet"), columns=["arch_str"]).arch_str
    path = (
        Path(tempfile.gettempdir())
        / "nasengine-search"
        / f"nb201-{nb201.space.fingerprint[:16]}-{version('nasengine')}.json"
    )
    if path.is_file():
        known: list[str] = json.loads(path.read_text())
        return known
    found = [screen(nb201.space.decode(nb201.decisions(arch))).id for arch in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(found))
    part.replace(path)
    return found


def _nb201_epoch_s() -> float:
    """Seconds of an epoch on CIFAR-10, the mean over the published trainings of 200 epochs."""
    curves = pd.read_parquet(data("nas/nb201_e12_e200_1000.parquet"))
    full = curves[curves.epochs == 200]
    return float(full.train_all_time_s.mean()) / 200


def _with_validation(frame: pd.DataFrame) -> pd.DataFrame:
    """With the validation accuracy after 200 epochs, which is tabulated once for cells that are one once dead edges are
    cut off."""
    other = pd.read_parquet(data("nas/nb201_proxies_cifar10.parquet"), columns=["arch_str", "c10_val_e200"])
    known = {_pruned(arch): value for arch, value in zip(other.arch_str, other.c10_val_e200, strict=True)}
    frame = frame.assign(c10_val_e200=[known.get(_pruned(arch), np.nan) for arch in frame.arch_str])
    return frame[frame.c10_val_e200.notna()]


def _pruned(arch: str) -> tuple[tuple[str, str], ...]:
    """The operations on edges that lie on a path from the cell's input to its output."""
    used = {edge: op for edge, op in nb201.decisions(arch).items() if op != "none"}
    reached, needed = {"0"}, {"3"}
    for node in "123":
        reached |= {node for source in "012" if source in reached and f"e{source}{node}" in used}
    for node in "210":
        needed |= {node for target in "123" if target in needed and f"e{node}{target}" in used}
    return tuple(sorted((e, op) for e, op in used.items() if e[1] in reached and e[2] in needed))


# --- others ------------------------------------------------------------------------------------------------------


def _macro(*, costs: bool) -> Table:
    """The mean accuracy of three trainings, which is a test accuracy; with the published FLOPs and parameters."""
    frame = pd.read_parquet(data("nas/nasbench_macro.parquet"))
    task = TabularTask.from_frame(
        "macro-c10",
        frame,
        decisions=lambda row: nasbench_macro.decisions(row["arch"]),
        metrics={"accuracy": "mean_acc"},
        known={"macs": "flops", "params": "params"},
        epoch_s=HOUR_S,
    )
    goals = (maximize("accuracy"), *((minimize("macs"), minimize("params")) if costs else ()))
    return Table("", nasbench_macro.space, task, goals)


def _graph(dataset: str, *, costs: bool) -> Table:
    """A pool: the table holds the 26,206 networks that are not equal to another one, of 59,049 members."""
    frame = pd.read_parquet(data("nas/nasbench_graph.parquet"))
    frame = frame[frame.dataset == dataset].reset_index(drop=True)
    frame["latency_ms"], frame["params"] = frame.latency_s * 1e3, frame.params_m * 1e6
    task = TabularTask.from_frame(
        f"graph-{dataset}",
        frame,
        decisions=lambda row: nasbench_graph.decisions(row["links"], row["ops"]),
        metrics={"accuracy": "valid_perf", "test_accuracy": "test_perf"},
        known={"params": "params"},
        measured={"latency_ms": "latency_ms"} if costs else {},
        epoch_s=HOUR_S,
        profiling_s=PROFILING_S,
    )
    space = {"cora": nasbench_graph.space, "citeseer": nasbench_graph.citeseer, "arxiv": nasbench_graph.arxiv}[dataset]
    goals = (maximize("accuracy"), *((minimize("latency_ms"), minimize("params")) if costs else ()))
    return Table("", space, task, goals, report={"accuracy": "test_accuracy"})


def _hwgpt(costs: tuple[str, ...]) -> Table:
    """A pool: 10,000 networks of some 10^12."""
    frame = pd.read_parquet(data("nas/hwgptbench_s.parquet"))
    frame["energy_mj"] = frame.kwh_a100 * 3.6e9
    columns = {"latency_ms": "ms_a100", "energy_mj": "energy_mj"}
    task = TabularTask.from_frame(
        "hwgpt-owt",
        frame,
        decisions=_hwgpt_decisions,
        metrics={"perplexity": "perplexity"},
        known={"params": "params"},
        measured={name: columns[name] for name in costs},
        epoch_s=HOUR_S,
        profiling_s=PROFILING_S,
    )
    return Table("", hwgpt_s.space, task, (minimize("perplexity"), *map(minimize, costs)))


def _hwgpt_decisions(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return hwgpt_s.decisions(row["embed_dim"], row["n_layer"], row["n_head"], row["mlp_ratio"], row["bias"])


def main() -> None:
    """One line a table."""
    for name, make in tables().items():
        try:
            table = make()
        except Absent as absent:
            print(f"{name:28} left out: {absent}")
            continue
        searched = table.task.over(table.space).space
        goals = ", ".join(f"{o.direction} {o.name}" for o in table.objectives)
        print(f"{name:28}{len(table.task):7,} rows  {searched!r:44} {goals}{'  tuning' if table.tuning else ''}")


if __name__ == "__main__":
    main()
