"""Public tables of latencies as networks: what was run, its decisions, and one column a device.

They are read through NASENGINE_DATA. Columns that the tables' authors computed as sums over operations are left out.
The readings of the graphs are kept in a folder outside of git, since reading 15,625 cells takes minutes.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nasengine import Architecture
from nasengine.hardware.predictor.features import Array, Reading, Vocabulary, readings
from nasengine.hardware.predictor.fusion import PRUNINGS, Kernel
from search_spaces import fbnet, hwgpt_s, nb201

SUMS = {"help_nb201": ("ms_eyeriss", "ms_fpga"), "help_fbnet": ("ms_eyeriss", "ms_fpga", "ms_pixel3", "ms_raspi4")}
"""Columns that are exact sums over operations."""
HWNAS = ("edgegpu", "raspi4", "edgetpu", "pixel3")
FILES = {"nb201": "nas/nb201.parquet", "fbnet": "latency/help_fbnet.parquet", "hwgpt": "nas/hwgptbench_s.parquet"}


@dataclass(frozen=True)
class Networks:
    """The networks of a table.

    Args:
        kind: which table's.
        found: readings of each; none where the table holds no architectures.
        macs: of each, without dead parts.
        decisions: (networks, one-hot).
        pruned: the same with dead edges as none, of NAS-Bench-201.
        counts: of each operation on edges that are not dead, of NAS-Bench-201.
        group: networks of one number are one network; they are never on both sides of a split.
    """

    kind: str
    found: list[Mapping[str, Reading]]
    macs: Array
    decisions: Array
    pruned: Array
    counts: Array
    group: Any

    def first(self, count: int) -> Networks:
        """Only so many."""
        arrays = {name: getattr(self, name)[:count] for name in ("macs", "decisions", "pruned", "counts", "group")}
        return replace(self, found=self.found[:count], **arrays)


def data(name: str) -> Path:
    """A file of the data folder.

    Raises:
        SystemExit: it is not there.
    """
    path = Path(os.environ.get("NASENGINE_DATA") or ".") / name
    if not path.is_file():
        raise SystemExit(f"{name} is not in NASENGINE_DATA")
    return path


def columns() -> dict[str, tuple[str, Callable[[], Array]]]:
    """Name of a column to its networks and what reads it: ms, not a number where it was not measured."""
    made: dict[str, tuple[str, Callable[[], Array]]] = {}
    for device in HWNAS:
        made[f"hwnas/{device}"] = (
            "nb201",
            lambda device=device: _table("latency/hwnas_nb201_cifar10", f"{device}_latency_ms"),
        )
    for device, framework in (("pi5", "litert"), ("pi5", "torchmobile"), ("pixel", "litert")):
        for task in ("cifar100", "ninapro"):
            made[f"hw360/{device}_{framework}_{task}"] = "nb201", lambda key=(device, framework, task): _hw360(*key)
    for name, kind in (("help_nb201", "nb201"), ("help_fbnet", "fbnet")):
        for column in _names(f"latency/{name}.parquet"):
            if column not in SUMS[name]:
                made[f"{name}/{column[3:]}"] = kind, lambda at=(f"latency/{name}", column): _table(*at)
    for column in _names(FILES["hwgpt"]):
        made[f"hwgpt/{column[3:]}"] = "hwgpt", lambda column=column: _table("nas/hwgptbench_s", column)
    for task, device in sorted(set(_hat_rows()[["task", "device"]].itertuples(index=False, name=None))):
        made[f"hat/{task}_{device}"] = "hat", lambda key=(task, device): _hat_latency(*key)
    return made


def _names(file: str) -> list[str]:
    import pyarrow.parquet as parquet

    return [name for name in parquet.read_schema(data(file)).names if name.startswith("ms_")]


def _table(file: str, column: str) -> Array:
    return pd.read_parquet(data(f"{file}.parquet"), columns=[column])[column].to_numpy(dtype=float)


def _hw360(device: str, framework: str, task: str) -> Array:
    """Of cells that are alike only the representative was measured; the table repeats its figures for the others."""
    table = pd.read_parquet(data("latency/hw360_nb201.parquet"))
    rows = table[(table.device == device) & (table.framework == framework) & (table.task == task)]
    rows = rows.sort_values("arch_index")
    return np.where(rows.arch_index == rows.rep_arch_index, rows.lat_ms_median, np.nan)


def networks(kind: str, cache: Path, first: int = 0) -> Networks:
    """The networks of a table (only the first, if asked), from the cache where they are there."""
    if kind == "hat":
        return _hat(first)
    path = cache / f"{kind}-{first or 'all'}.json.gz"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        members = islice(_members(kind), first or None)
        _write(path, [(readings(m.graph()), m.graph().simplify().cost.macs) for m in members])
    found, macs = _read(path)
    rows = list(_decisions(kind))
    nothing, group = np.zeros((len(rows), 0)), np.arange(len(rows))
    made = Networks(kind, found, macs, _one_hot(rows), nothing, nothing, group)
    if kind == "nb201":
        live = [_without_dead(cell) for cell in rows]
        counts = np.array([[list(cell.values()).count(op) for op in nb201.OPERATIONS] for cell in live], dtype=float)
        group = pd.read_parquet(data(FILES[kind]), columns=["rep_arch_index"]).rep_arch_index.to_numpy()
        made = replace(made, pruned=_one_hot(live), counts=counts, group=group)
    return made.first(first) if first else made


def _hat(first: int) -> Networks:
    """HAT's encoder-decoder Transformers: ten features of each, averaged over layers; no architecture."""
    rows = _hat_rows()
    features = rows[[name for name in rows if name.startswith(("encoder", "decoder"))]].to_numpy(dtype=float)
    group = pd.factorize(pd.Series(list(map(tuple, features))))[0]
    nothing = np.zeros((len(rows), 0))
    made = Networks("hat", [], nothing[:, :0].sum(1), features, nothing, nothing, group)
    return made.first(first) if first else made


def _hat_rows() -> pd.DataFrame:
    return pd.read_parquet(data("latency/hat_latency.parquet"))


def _hat_latency(task: str, device: str) -> Array:
    rows = _hat_rows()
    both = rows.latency_mean_encoder + rows.latency_mean_decoder
    return both.where((rows.task == task) & (rows.device == device)).to_numpy(dtype=float)


def _decisions(kind: str) -> Iterator[Mapping[str, Any]]:
    table = pd.read_parquet(data(FILES[kind]))
    if kind == "nb201":
        yield from map(nb201.decisions, table.arch_str)
    elif kind == "fbnet":
        yield from map(fbnet.decisions, table.arch_ops)
    else:
        for row in table.itertuples(index=False):
            yield hwgpt_s.decisions(row.embed_dim, row.n_layer, row.n_head, row.mlp_ratio, row.bias)  # type: ignore[arg-type]


def _members(kind: str) -> Iterator[Architecture]:
    space = {"nb201": nb201.space, "fbnet": fbnet.cifar, "hwgpt": hwgpt_s.space}[kind]
    return map(space.decode, _decisions(kind))


def _one_hot(rows: list[Mapping[str, Any]]) -> Array:
    return pd.get_dummies(pd.DataFrame(rows).astype(str)).to_numpy(dtype=float)


def _without_dead(cell: Mapping[str, str]) -> dict[str, str]:
    """A NAS-Bench-201 cell with ``none`` on every edge that no path from input to output uses."""
    used = {edge for edge, op in cell.items() if op != "none"}
    reached, needed = {0}, {3}
    for node in (1, 2, 3):
        reached |= {node for source in range(node) if source in reached and f"e{source}{node}" in used}
    for node in (2, 1, 0):
        needed |= {node for target in range(node + 1, 4) if target in needed and f"e{node}{target}" in used}
    live = {e for e in used if int(e[1]) in reached and int(e[2]) in needed}
    return {edge: op if edge in live else "none" for edge, op in cell.items()}


def _write(path: Path, rows: list[tuple[dict[str, Reading], int]]) -> None:
    kernels = Vocabulary.of(r for found, _ in rows for r in found.values()).kernels
    index = {kernel: i for i, kernel in enumerate(kernels)}
    known: dict[str, int] = {}
    numbers = [
        [known.setdefault(json.dumps(found[p].to_json(index)), len(known)) for p in PRUNINGS] for found, _ in rows
    ]
    record = {
        "kernels": [kernel._asdict() for kernel in kernels],
        "readings": [json.loads(text) for text in known],
        "rows": numbers,
        "macs": [macs for _, macs in rows],
    }
    part = path.with_suffix(".part")
    part.write_bytes(gzip.compress(json.dumps(record).encode(), 3))
    part.replace(path)


def _read(path: Path) -> tuple[list[Mapping[str, Reading]], Array]:
    record = json.loads(gzip.decompress(path.read_bytes()))
    kernels = [Kernel(**{**k, "shapes": tuple(map(tuple, k["shapes"]))}) for k in record["kernels"]]
    known = [Reading.from_json(one, kernels) for one in record["readings"]]
    rows = [{p: known[i] for p, i in zip(PRUNINGS, row, strict=True)} for row in record["rows"]]
    return rows, np.array(record["macs"], dtype=float)
