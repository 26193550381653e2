"""The breakdown: every operation once, its cost, its time, and the other tools' counts beside ours."""

from __future__ import annotations

import importlib.util
import json

import pytest
import torch
from runtime_blocks import solve

import search_spaces
from nasengine import Features, Image, Space
from nasengine.blocks import BatchNorm, Branches, Conv, GlobalPool, Linear, ReLU, Sequential
from nasengine.errors import DeviceError, UnsupportedError
from nasengine.graph import Graph
from nasengine.hardware import Device
from nasengine.hardware.breakdown import breakdown
from nasengine.hardware.counters import FVCORE_ABSENT, by_fvcore, by_torch

small = Space(
    "small",
    inputs=Image(3, 8),
    network=Sequential(
        stem=Sequential(conv=Conv(4), norm=BatchNorm(), act=ReLU()),
        body=Branches(Conv(4), Conv(4, kernel=1), merge="add"),
        head=Sequential(pool=GlobalPool(), classify=Linear(2)),
    ),
)


def graph(name: str) -> Graph:
    made = {
        "small": lambda: small.sample(0),
        "transformer": lambda: search_spaces.load("transformer").encoder_small.sample(0),
        "lstm": lambda: search_spaces.load("rnn").small.sample(3),
        "several outputs": lambda: search_spaces.load("conditional").small.sample(0),
        "graph": lambda: search_spaces.load("graph").small.sample(1),
    }
    found: Graph = made[name]().graph().simplify()
    return found


@pytest.mark.parametrize("name", ["small", "transformer", "lstm", "several outputs", "graph"])
def test_the_rows_add_up_to_the_network(name: str) -> None:
    network = graph(name)
    found = breakdown(network, Device(batch=2))
    assert [row.path for row in found.rows] == [node.call for node in network.nodes]
    assert sum(row.params for row in found.rows) == network.cost.params
    assert sum(row.macs for row in found.rows) == sum(node.fragment.macs for node in network.nodes)
    assert sum(found.share(row) for row in found.rows) == pytest.approx(1.0)
    assert all(row.time_ms > 0 for row in found.rows)
    assert found.runs >= 30
    assert [row.torch_macs for row in found.rows] == [row.macs for row in found.rows]
    assert found.sum_ms == pytest.approx(sum(row.time_ms for row in found.rows))


def test_a_large_operation_takes_the_larger_share() -> None:
    unequal = Space("unequal", inputs=Features(2048), network=Sequential(wide=Linear(2048), narrow=Linear(1)))
    found = breakdown(unequal.sample(0).graph().simplify(), Device())
    shares = {row.path: found.share(row) for row in found.rows}
    assert shares["wide"] > 0.5


def test_blocks_join_their_operations() -> None:
    found = breakdown(graph("small"), Device())
    joined = found.grouped(1)
    assert [row.path for row in joined.rows] == ["stem", "body", "head"]
    assert [row.operations for row in joined.rows] == [3, 3, 2]
    assert joined.rows[0].kind == "conv, batch_norm, relu"
    for name in ("params", "macs", "output_bytes", "torch_macs", "fvcore_macs"):
        assert sum(getattr(row, name) for row in joined.rows) == sum(getattr(row, name) for row in found.rows)
    assert joined.sum_ms == pytest.approx(found.sum_ms)
    assert found.grouped(9).rows == tuple(found.rows)


def test_fvcore_s_differences_are_named_by_what_it_counts_and_misses() -> None:
    """fvcore counts norms, and has no rule for a fused LSTM or fused attention; torch counts both as we do."""
    norms = breakdown(graph("small"), Device()).differences()
    assert norms == {"batch_norm": "ours 0, fvcore 512 (fvcore counts batch_norm)"}
    lstm = breakdown(graph("lstm"), Device()).differences()
    assert lstm["recurrent"].endswith(", fvcore 0 (fvcore has no rule for aten::lstm)")
    attention = breakdown(graph("transformer"), Device()).differences()
    text = next(text for text in attention.values() if "scaled_dot_product_attention" in text)
    assert "fvcore 0" in text


def test_where_a_tool_counts_otherwise_than_we_do_both_are_shown() -> None:
    product = by_torch(torch.matmul, [torch.zeros(3, 4), torch.zeros(4, 5)])
    assert (product.macs, product.counted) == (60, {"mm": 60})
    traced = by_fvcore(torch.matmul, [torch.zeros(3, 4), torch.zeros(4, 5)])
    assert (traced.macs, traced.counted) == (60, {"matmul": 60})
    assert by_fvcore(torch.tanh, [torch.zeros(3)]).missed == ("aten::tanh",)


def test_what_a_tool_cannot_run_has_no_count() -> None:
    def depends(x: torch.Tensor) -> torch.Tensor:
        return x if float(x.sum()) >= 0 else -x

    assert by_torch(depends, [torch.zeros(3)]).macs is None


def test_without_fvcore_its_counts_are_absent_and_never_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("nasengine.hardware.counters.find_spec", lambda name: None if name == "fvcore" else find(name))
    found = breakdown(graph("small"), Device())
    assert {row.fvcore_macs for row in found.rows} == {None}
    assert found.grouped(1).rows[0].fvcore_macs is None
    assert found.differences() == {}
    assert FVCORE_ABSENT == "fvcore is not installed; install it with: pip install 'nasengine[breakdown]'"


def test_only_eager_operations_are_timed_one_by_one() -> None:
    with pytest.raises(DeviceError) as caught:
        breakdown(graph("small"), Device(runtime="onnxruntime"))
    assert str(caught.value) == (
        "breakdown: operations are timed one by one, which only eager torch runs; got the runtime 'onnxruntime' in "
        "float32; choose runtime='eager' and a floating dtype"
    )
    with pytest.raises(DeviceError, match="got the runtime 'eager' in int8"):
        breakdown(graph("small"), Device(dtype="int8"))


def test_an_operation_that_does_not_run_is_named() -> None:
    with pytest.raises(UnsupportedError, match=r"runtime_blocks:Solve \(odd\) does not: RuntimeError: linalg.inv"):
        breakdown(solve.sample(0).graph().simplify(), Device(dtype="bfloat16"))


def test_threads_are_put_back_and_the_rows_are_plain_data() -> None:
    before = torch.get_num_threads()
    found = breakdown(graph("small"), Device(dtype="bfloat16"))
    assert torch.get_num_threads() == before
    assert json.loads(json.dumps(found.to_json()))["rows"][0]["path"] == "stem.conv"
