"""NAS-Bench-Macro and FBNet against their public tables: every row decodes, and costs what the table says."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

import search_spaces.fbnet as fbnet
import search_spaces.nasbench_macro as macro
from nasengine import Graph
from nasengine.errors import SpaceError


def table(name: str) -> pd.DataFrame:
    path = Path(os.environ.get("NASENGINE_DATA") or ".") / name
    if not path.is_file():
        pytest.skip(f"{name} is not in NASENGINE_DATA")
    return pd.read_parquet(path)


def test_nasbench_macro_costs_what_its_table_says() -> None:
    data = table("nas/nasbench_macro.parquet")
    assert len(data) == len(macro.space) == data.arch.nunique() == 6_561
    costs = [macro.space.decode(macro.decisions(arch)).cost() for arch in data.arch]
    assert [cost.params for cost in costs] == data.params.tolist()
    assert [cost.macs for cost in costs] == data.flops.tolist()
    blocks = data[[f"block{i}" for i in range(8)]].astype(str).agg("".join, axis=1)
    assert (blocks == data.arch).all()


def test_nasbench_macro_reads_eight_digits() -> None:
    assert macro.decisions("02100000")["layer1"] == "mb6_k5"
    for arch in ("0210000", "02100003", "0 100000"):
        with pytest.raises(SpaceError, match="written as eight digits 0, 1 or 2"):
            macro.decisions(arch)


def test_fbnet_has_the_parameters_of_its_table() -> None:
    data = table("latency/help_fbnet.parquet")
    assert len(data) == 5_000
    params = [fbnet.cifar.decode(fbnet.decisions(ops)).cost().params for ops in data.arch_ops]
    assert params == data.zc_params.astype(int).tolist()
    assert all(fbnet.decisions(a) == fbnet.decisions(b) for a, b in zip(data.arch_ops, data.arch_names, strict=True))


def counted_operations(graph: Graph) -> int:
    """Operations as the table counts them; the space's docstring says how that differs from multiply-accumulates."""
    total = graph.cost.macs
    for node in graph.nodes:
        (out,), (x, *_) = node.fragment.outputs, node.fragment.inputs
        if node.op.tag == "batch_norm":
            total += 2 * out.numel
        elif node.op.tag == "relu" and not node.path.endswith("expand.act"):
            total += out.numel
        elif node.op.tag == "global_pool":
            total += x.numel
    return total


def test_fbnet_has_the_operations_of_its_table() -> None:
    data = table("latency/help_fbnet.parquet").sample(300, random_state=0)
    graphs = [fbnet.cifar.decode(fbnet.decisions(ops)).graph() for ops in data.arch_ops]
    assert [counted_operations(graph) for graph in graphs] == data.zc_flops.astype(int).tolist()


def test_fbnet_reads_numbers_and_names() -> None:
    names = "|".join(["k5_e6", "skip", *["k3_e1_g2"] * 20])
    assert fbnet.decisions(names) == fbnet.decisions("_".join(["7", "8", *["1"] * 20]))
    for row in ("7_8_1", names.replace("k5", "k7"), "_".join(["9"] * 22)):
        with pytest.raises(SpaceError, match="a row names 22 operations, by number from 0 to 8 or by name"):
            fbnet.decisions(row)
