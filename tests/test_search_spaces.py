"""Every shipped space: members lower; what is built has the closed form's parameters, MACs and shapes, and trains."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import search_spaces.cnn
import search_spaces.mlp
import search_spaces.nb201
import search_spaces.proxyless
from nasengine import Architecture, Graph, Space, screen
from nasengine.graph.canonical import module_order
from nasengine.graph.module import build, example_inputs

SPACES: dict[str, Space] = {
    "mlp": search_spaces.mlp.space,
    "cnn": search_spaces.cnn.space,
    "mobile": search_spaces.proxyless.space,
    "mobile-tiny": search_spaces.proxyless.small,
    "nb201": search_spaces.nb201.space,
}


@pytest.fixture(params=SPACES, ids=str)
def space(request: pytest.FixtureRequest) -> Space:
    return SPACES[request.param]


def members(space: Space, count: int, seed: int) -> Iterator[Architecture]:
    rng = random.Random(seed)
    for _ in range(count):
        yield space.sample(rng)


def check_built(member: Architecture, *, backward: bool) -> None:
    """Parameters and MACs exactly, shapes of every value, and a gradient for every parameter."""
    graph = member.graph().simplify()
    network = build(graph)
    assert sum(p.numel() for p in network.parameters()) == graph.cost.params
    assert sum(p.numel() * p.element_size() for p in network.parameters()) == graph.cost.param_bytes
    meta_inputs = [torch.empty((2, *graph.types[i].shape), device="meta") for i in graph.inputs.values()]
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        out = build(graph).to("meta")(*meta_inputs)
    assert counter.get_total_flops() == 2 * 2 * graph.cost.macs  # two samples, two FLOPs a multiply-accumulate
    assert tuple(out.shape[1:]) == graph.types[graph.outputs["output"]].shape
    if backward:
        network.train()(*example_inputs(graph, 2)).square().sum().backward()
        assert all(p.grad is not None for p in network.parameters())


def test_every_member_lowers(space: Space) -> None:
    ids = {screen(member).id for member in members(space, 10_000, 0)}
    assert len(ids) > 5_000 or space.size < 20_000


def test_some_members_build_and_train(space: Space) -> None:
    count = {"mobile": 3, "nb201": 5}.get(space.name, 12)
    for member in members(space, count, 1):
        check_built(member, backward=True)


@pytest.mark.slow
@pytest.mark.representative
@pytest.mark.timeout(1_200)
def test_two_hundred_members_build_and_train(space: Space) -> None:
    for member in members(space, 200, 2):
        check_built(member, backward=True)


def test_members_survive_json(space: Space) -> None:
    for member in members(space, 200, 3):
        again = Architecture.from_json(member.to_json())
        assert again == member
        assert screen(again).id == screen(member).id


def test_equal_ids_are_equal_networks(space: Space) -> None:
    """Members of one id, the weights copied in the order of the canonical form, give equal outputs."""
    groups: dict[str, list[Architecture]] = {}
    for member in members(space, 3_000, 4):
        groups.setdefault(screen(member).id, []).append(member)
    twins = [(g[0], other) for g in groups.values() for other in g[1:] if other != g[0]]
    for first, second in twins[: {"mobile": 2, "nb201": 25}.get(space.name, 25)]:
        check_equal(first, second)


def check_equal(first: Architecture, second: Architecture) -> None:
    torch.manual_seed(0)
    a, b = first.graph().simplify(), second.graph().simplify()
    one, two = build(a).eval(), build(b).eval()
    for tensor in one.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.1, 1.0)
    copy_weights(a, one, b, two)
    x = example_inputs(a, 2)
    torch.testing.assert_close(one(*x), two(*x), rtol=1e-4, atol=1e-4)


def copy_weights(a: Graph, one: torch.nn.Module, b: Graph, two: torch.nn.Module) -> None:
    source, target = one.state_dict(), two.state_dict()
    for path, other in zip(module_order(a.fragment), module_order(b.fragment), strict=True):
        names = [k for k in source if k.rpartition(".")[0] == path]
        assert names
        for name in names:
            target[f"{other}.{name.rpartition('.')[2]}"].copy_(source[name])
