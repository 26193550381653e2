"""Every primitive against the module it stands for: state, types, cost, what it does to zeros, its record."""

from __future__ import annotations

import pytest
import torch
from blocks_cases import (
    FEATURES,
    IDENTITIES,
    IMAGE,
    NODES,
    PRIMITIVES,
    SEQUENCE,
    Case,
    case_name,
    check_forward,
    check_state,
    counted_macs,
    graph_of,
    outputs_of,
    round_trip,
)

from nasengine import blocks
from nasengine.graph import Primitive
from nasengine.graph.module import build, example_inputs

every_primitive = pytest.mark.parametrize("case", PRIMITIVES, ids=case_name)


def primitive_of(case: Case) -> Primitive:
    assert isinstance(case[0], Primitive)
    return case[0]


def test_every_public_primitive_has_a_case() -> None:
    public = {c for c in vars(blocks).values() if isinstance(c, type) and issubclass(c, Primitive)}
    assert {c.tag for c in public} - {b.tag for b, _ in PRIMITIVES} == {"zeros"}


@every_primitive
def test_state_is_that_of_the_built_module(case: Case) -> None:
    graph = graph_of(*case)
    check_state(graph, build(graph))


@every_primitive
def test_types_are_those_of_a_forward_pass_and_gradients_flow(case: Case) -> None:
    graph = graph_of(*case)
    check_forward(graph, build(graph))


@every_primitive
def test_macs_are_those_of_torchs_counter(case: Case) -> None:
    graph = graph_of(*case)
    assert graph.cost.macs == counted_macs(graph)


@every_primitive
def test_record_gives_the_block_back(case: Case) -> None:
    again = round_trip(case[0])
    assert again == case[0]
    assert hash(again) == hash(case[0])
    assert again.fingerprint == case[0].fingerprint


@every_primitive
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_zero_rule_is_what_the_module_does(case: Case, training: bool) -> None:
    """Whatever the weights are: they are random; running statistics are those of a module that only ever saw zeros."""
    torch.manual_seed(0)
    graph, rule = graph_of(*case), primitive_of(case).on_zero()
    module = build(graph).train(training)
    for p in module.parameters():
        torch.nn.init.normal_(p)
    for name, fixed in module.state_dict().items():
        if name.rpartition(".")[2] in ("weight", "bias"):  # buffers that a frozen layer holds in place of parameters
            torch.nn.init.normal_(fixed)
    shapes = [(3, *t.shape) if t.batched else t.shape for t in case[1]]
    given = example_inputs(graph, 3)  # ids are whole numbers that name something; a zero is no less than another
    zeros = tuple(torch.zeros_like(t) if t.is_floating_point() else t for t in given)
    if rule in ("any", "summand"):
        zeros = (*(torch.randn(s) for s in shapes[:-1]), zeros[-1])
    for _ in range(2):
        made = outputs_of(graph, module, zeros)
    if rule == "summand":
        made = [made[0] - sum(zeros[:-1])]
    noise = primitive_of(case).stochastic and not training and not module.state_dict()  # drawn in training alone
    assert all(bool((out == 0).all()) for out in made) == (rule != "value" or noise)


@pytest.mark.parametrize("case", IDENTITIES, ids=case_name)
def test_what_does_nothing_makes_no_node(case: Case) -> None:
    graph = graph_of(*case)
    assert graph.nodes == ()
    assert graph.types[graph.outputs["output"]] == case[1][0]
    assert round_trip(case[0]) == case[0]


def test_parameters_name_their_segments() -> None:
    joined = graph_of(
        blocks.Sequential(blocks.Branches(a=blocks.Conv(3), b=blocks.Conv(5)), blocks.Conv(2, 1)), (IMAGE,)
    )
    weight = joined.nodes[-1].fragment.parameters[0]
    assert [(a.meaning, a.segments) for a in weight.axes[:2]] == [("out_channels", (2,)), ("in_channels", (3, 5))]
    norm = graph_of(blocks.Sequential(blocks.Branches(blocks.Conv(3), blocks.Conv(5)), blocks.BatchNorm()), (IMAGE,))
    assert norm.nodes[-1].fragment.parameters[0].axes[0].segments == (3, 5)


def test_segments_go_through_activation_pooling_and_flattening() -> None:
    body = blocks.Sequential(
        blocks.Branches(blocks.Conv(3), blocks.Conv(5)),
        blocks.ReLU(),
        blocks.MaxPool(),
        blocks.Flatten(),
        blocks.Linear(2),
    )
    graph = graph_of(body, (IMAGE,))
    assert graph.nodes[-1].fragment.parameters[0].axes[1].segments == (3 * 4 * 3, 5 * 4 * 3)


def test_drop_path_drops_whole_samples_and_keeps_the_mean() -> None:
    """Of 4,000 samples at p = 0.3, the share kept lies within 0.7 ± 0.04 but with odds below 1 in 10 million."""
    graph = graph_of(blocks.DropPath(0.3), (FEATURES,))
    torch.manual_seed(0)
    out = build(graph).train()(torch.ones(4_000, 12))
    assert ((out == out[:, :1]).all(dim=1)).all()
    assert set(out[:, 0].tolist()) == {0.0, torch.tensor(1 / 0.7).item()}
    assert abs((out[:, 0] > 0).float().mean() - 0.7) < 0.04


def test_drop_path_drops_a_graphs_nodes_together() -> None:
    graph = graph_of(blocks.DropPath(0.5), (NODES,))
    torch.manual_seed(0)
    module = build(graph).train()
    kept = {tuple(module(torch.ones(7, 12)).unique().tolist()) for _ in range(64)}  # one kind is missing: odds 2^-63
    assert kept == {(0.0,), (2.0,)}


@pytest.mark.parametrize("kind", ["LayerNorm", "RMSNorm"])
def test_channel_norms_equal_the_plain_ones_on_the_last_axis(kind: str) -> None:
    graph = graph_of(getattr(blocks, kind)(), (IMAGE,))
    x = torch.randn(2, 4, 8, 6)
    plain = getattr(torch.nn, kind)(4)(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    torch.testing.assert_close(build(graph)(x), plain)


def test_sequence_batch_norm_equals_the_plain_one_on_the_second_axis() -> None:
    module = build(graph_of(blocks.BatchNorm(), (SEQUENCE,))).train()
    x = torch.randn(3, 5, 12)
    torch.testing.assert_close(module(x), torch.nn.BatchNorm1d(12)(x.transpose(1, 2)).transpose(1, 2))


def test_reach_of_local_windows() -> None:
    cases: dict[Primitive, tuple[float, float]] = {
        blocks.Conv(4, 3, 2): (2, 2),
        blocks.Conv(4, 5, dilation=2): (8, 1),
        blocks.MaxPool(3, 2, 1): (2, 2),
        blocks.Upsample(2): (0, 0.5),
        blocks.AdaptivePool((4, 3)): (1, 2),
        blocks.AdaptivePool(1): (0, 1),
        blocks.GlobalPool(): (0, 1),
    }
    assert {op: op.reach(IMAGE) for op in cases} == cases
