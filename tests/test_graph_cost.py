"""Closed-form cost against the built module: state, FLOP counter, an independent memory simulation, gradients."""

# ruff: noqa: E501 - tables of cases, a case a line

from __future__ import annotations

import random

import pytest
import torch
from graph_programs import Wired, draw_program, graph_of, render
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from nasengine import Cost, Image, Network, Signal
from nasengine.blocks import (
    Add,
    AvgPool,
    BatchNorm,
    Branches,
    Concat,
    Conv,
    Dropout,
    Flatten,
    GlobalPool,
    InvertedResidual,
    Linear,
    MaxPool,
    ReLU,
    Residual,
    Sequential,
)
from nasengine.graph import Block, Graph, lower
from nasengine.graph.module import build, example_inputs
from nasengine.space import Architecture


def on(body: Block, kind: object) -> Graph:
    return lower(Architecture("t", {"network": Network(body, (("x", kind),))}))


def simulated_peak(graph: Graph) -> int:
    """Bytes alive, node after node; a view shares the memory of what it looks at; every tensor is dropped after its last use."""
    storage = {i: i for i in graph.inputs.values()}
    size = {i: graph.types[i].nbytes for i in graph.inputs.values()}
    last: dict[int, int] = dict.fromkeys(storage, -1)
    for step, node in enumerate(graph.nodes):
        for i in node.inputs:
            last[storage[i]] = step
        for out in node.outputs:
            storage[out] = storage[node.inputs[0]] if node.op.view else out
            size.setdefault(storage[out], graph.types[out].nbytes)
            last.setdefault(storage[out], step)
    for ref in graph.outputs.values():
        last[storage[ref]] = len(graph.nodes)
    born = {storage[o]: k for k, n in reversed(list(enumerate(graph.nodes))) for o in n.outputs if not n.op.view}
    alive_at = [
        sum(size[s] for s in size if born.get(s, -1) <= step <= last[s]) for step in range(-1, len(graph.nodes))
    ]
    return max(alive_at, default=0)


def counted(graph: Graph) -> tuple[int, int]:
    """Parameters of the built module, and half the FLOPs that torch counts on the meta device."""
    with torch.device("meta"):
        module = build(graph)
    inputs = [x.to("meta") for x in example_inputs(graph, batch=1)]
    with FlopCounterMode(display=False) as counter:
        module.eval()(*inputs)
    return sum(p.numel() for p in module.parameters()), counter.get_total_flops() // 2


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.integers(1, 2), st.integers(1, 2))
def test_random_networks_cost_what_they_are(seed: int, inputs: int, outs: int) -> None:
    rng = random.Random(seed)
    declared = render(draw_program(rng, size=rng.randint(2, 9), inputs=inputs, outs=outs), rng).graph
    for graph in (declared, declared.simplify()):
        params, macs = counted(graph)
        assert graph.cost.params == params
        assert graph.cost.macs == macs
        assert graph.cost.param_bytes == 4 * params
        assert graph.cost.peak_activation_bytes == simulated_peak(graph)


CONVS: dict[str, tuple[Block, object]] = {
    "plain": (Sequential(Conv(8, 3, stride=2), BatchNorm(), ReLU(), GlobalPool(), Linear(3)), Image(3, 16)),
    "residual": (Sequential(Conv(8, 3), Residual(Sequential(Conv(8, 3), BatchNorm(), ReLU())), Flatten(), Linear(2)), Image(3, 8)),
    "branches": (Branches(Conv(4, 1), Sequential(Conv(4, 3), Conv(6, 5)), MaxPool(3, 1, "same")), Image(3, 9, 7)),
    "mobile": (Sequential(InvertedResidual(16, stride=2), InvertedResidual(16, kernel=5), InvertedResidual(16, expand=1)), Image(8, 14)),
    "signal": (Sequential(Conv(8, 5, stride=3, dilation=2), Conv(4, 2, padding=1, groups=2)), Signal(2, 40)),
    "a view beside its source": (
        Sequential(Conv(2, 1), Wired(((Flatten(), (0,), "flat", None), (Linear(3), (1,), "a", None), (Flatten(), (0,), "again", None),
                         (Linear(3), (3,), "b", None), (Add(), (2, 4), "add", None)), (5,))),
        Image(2, 4),
    ),
    "one value for two inputs of a composite": (
        Wired(((ReLU(), (0,), "r", None),
               (Wired(((Concat(), (0, 1), "c", None), (Linear(4), (2,), "l", None), (Linear(64), (3,), "wide", None)), (4,)), (1, 1), "inner", None)), (2,)),
        None,
    ),
    "one value twice, used in turn": (
        Wired(((ReLU(), (0,), "r", None),
               (Wired(((Linear(2), (0,), "a", None), (Linear(64), (2,), "wide", None), (Linear(4), (3,), "b", None), (Add(), (1, 4), "s", None)), (5,)),
                (1, 1), "inner", None)), (2,)),
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVS)
def test_convolutional_networks_cost_what_they_are(name: str) -> None:
    body, kind = CONVS[name]
    graph = graph_of(body) if kind is None else on(body, kind)
    assert (graph.cost.params, graph.cost.macs) == counted(graph)
    assert graph.cost.peak_activation_bytes == simulated_peak(graph)


def test_peak_of_a_chain_by_hand() -> None:
    """(4) to (8) to (2), 4 bytes each: the most is 4 + 8 numbers, while the first map runs."""
    assert graph_of(Sequential(Linear(8), Linear(2))).cost.peak_activation_bytes == 4 * (4 + 8)
    assert graph_of(Residual(Sequential(Linear(8), Linear(4)))).cost.peak_activation_bytes == 4 * (4 + 8 + 4)
    assert graph_of(Sequential()).cost == Cost(0, 0, 0, 16, 1, 0, 0, 0)


def test_buffers_are_no_parameters_and_shared_modules_count_once() -> None:
    assert graph_of(Sequential(BatchNorm())).cost.params == 8
    assert graph_of(Sequential(BatchNorm())).cost.model_bytes == 4 * (8 + 8) + 8  # running statistics and their count
    twice = Wired(((Linear(4), (0,), "m", "m"), (Linear(4), (1,), "m", "m")), (2,))
    assert graph_of(twice).cost == Cost(20, 32, 80, 32, 1, 20, 32, 80)
    assert graph_of(Sequential(Dropout(0.5))).cost.params == 0


def seen(graph: Graph) -> int:
    """Positions of a long signal that one position in the middle of the output depends on, first to last."""
    module = build(graph).double().eval()
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.rand_like(p) + 0.1)
    (x,) = example_inputs(graph)
    x = torch.rand_like(x).double().requires_grad_()
    y = module(x)
    span = 0
    for at in range(y.shape[-1] // 2 - 2, y.shape[-1] // 2 + 2):
        (grad,) = torch.autograd.grad(y[0, :, at].sum(), x, retain_graph=True)
        touched = grad.abs().sum((0, 1)).nonzero().flatten().tolist()
        span = max(span, touched[-1] - touched[0] + 1)
    return span


FIELDS: tuple[Block, ...] = (
    Sequential(Conv(2, 3)),
    Sequential(Conv(2, 3), Conv(2, 3), Conv(2, 5)),
    Sequential(Conv(2, 3, stride=2), Conv(2, 3, stride=2), Conv(2, 3)),
    Sequential(Conv(2, 3, dilation=4), AvgPool(2), Conv(2, 3)),
    Sequential(Conv(2, 7, stride=2), AvgPool(3, 2, "same"), Residual(Sequential(Conv(2, 3), Conv(2, 3)))),
    Sequential(Branches(Conv(2, 1), Conv(2, 3), Conv(2, 7)), Conv(2, 3)),
    Sequential(Conv(2, 3, stride=2), Branches(Sequential(Conv(2, 3), Conv(2, 3)), AvgPool(3, 1, "same"), merge="add")),
    Sequential(Conv(2, 1), Residual(Conv(2, 9))),
    Sequential(Conv(4, 4, stride=4, padding=0), Conv(4, 3, groups=4)),
)


@pytest.mark.parametrize("number", range(len(FIELDS)))
def test_receptive_field_is_what_gradients_reach(number: int) -> None:
    torch.manual_seed(0)
    graph = on(FIELDS[number], Signal(2, 160))
    assert graph.cost.receptive_field == seen(graph)


def test_global_operations_add_nothing_to_the_receptive_field() -> None:
    body = Sequential(Conv(4, 3), Conv(4, 3), GlobalPool(), Linear(2))
    assert on(body, Signal(2, 50)).cost.receptive_field == 5


def test_costs_add_up() -> None:
    one, two = Cost(1, 10, 4, 100, 3, 1, 5, 6), Cost(2, 20, 8, 50, 5, 2, 20, 9)
    assert one + two == Cost(3, 30, 12, 100, 5, 3, 25, 15)
    assert one.to_json() == {
        "params": 1,
        "macs": 10,
        "param_bytes": 4,
        "peak_activation_bytes": 100,
        "receptive_field": 3,
        "active_params": 1,
        "active_macs": 5,
        "model_bytes": 6,
    }
