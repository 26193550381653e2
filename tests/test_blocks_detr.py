"""DETR: what its blocks do, and what they say when they do not fit."""

from __future__ import annotations

import math

import pytest
import torch
from blocks_cases import graph_of

from nasengine.blocks import (
    DETR,
    Attention,
    Bottleneck,
    Conv,
    LayerNorm,
    ResNetBackbone,
    Sequential,
    SinePositions,
    Stack,
)
from nasengine.blocks import TransformerLayer as Layer
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph import Block, TensorType
from nasengine.graph.module import build

IMAGE = TensorType((8, 3, 5), "CHW")
SEQUENCE = TensorType((5, 12), "TF")
TOLD = Attention(2, places=True)
CONV = Conv(4, 3, 2)


def network(backbone: Block = CONV, **more: int) -> DETR:
    layers = Stack(Sequential(Layer(TOLD))), Stack(Sequential(Layer(TOLD, cross=TOLD)), norm=LayerNorm())
    return DETR(backbone, *layers, **{"classes": 3, "features": 8, "queries": 5, **more})  # type: ignore[arg-type]


def test_positions_tell_rows_by_the_first_half_and_columns_by_the_second() -> None:
    made = build(graph_of(SinePositions(), (IMAGE,)))(torch.randn(2, 8, 3, 5)).reshape(2, 3, 5, 8)
    assert torch.equal(made[0], made[1])
    assert torch.equal(made[0, :, 0, :4], made[0, :, 4, :4])
    assert torch.equal(made[0, 0, :, 4:], made[0, 2, :, 4:])
    row, column = 2 * math.pi * 1 / 3, 2 * math.pi * 2 / 5
    wanted = [f(a / r) for a in (row, column) for r in (1, 100) for f in (math.sin, math.cos)]
    assert made[0, 0, 1].tolist() == pytest.approx(wanted, abs=1e-5)


def test_numbered_positions_do_not_depend_on_the_size() -> None:
    small, large = (
        build(graph_of(SinePositions(normalised=False), (TensorType((8, n, 5), "CHW"),)))(torch.zeros(1, 8, n, 5))
        for n in (3, 6)
    )
    assert torch.equal(small, large[:, :15])
    assert small[0, 0, :2].tolist() == pytest.approx([math.sin(1), math.cos(1)])


def test_places_move_the_weights_and_not_the_values() -> None:
    """Of one key the weight is 1: where it is makes no difference. Of several it does."""
    attention = build(graph_of(TOLD, (SEQUENCE, TensorType((1, 12), "TF"), SEQUENCE, TensorType((1, 12), "TF"))))
    x, key = torch.randn(2, 5, 12), torch.randn(2, 1, 12)
    told = attention(x, key, torch.randn(2, 5, 12), torch.randn(2, 1, 12))
    assert torch.allclose(told, attention(x, key, torch.zeros(2, 5, 12), torch.zeros(2, 1, 12)), atol=1e-6)
    itself = build(graph_of(TOLD, (SEQUENCE, SEQUENCE)))
    assert (itself(x, torch.randn(2, 5, 12)) - itself(x, torch.zeros(2, 5, 12))).abs().max() > 1e-3


def test_attention_without_positions_is_that_at_zero_places() -> None:
    torch.manual_seed(0)
    told, plain = build(graph_of(TOLD, (SEQUENCE, SEQUENCE))), build(graph_of(Attention(2), (SEQUENCE,)))
    plain.load_state_dict(told.state_dict())
    x = torch.randn(2, 5, 12)
    assert torch.allclose(told(x, torch.zeros(2, 5, 12)), plain(x), atol=1e-6)


def test_objects_differ_by_their_queries_alone() -> None:
    module = build(graph_of(network(), (TensorType((3, 16, 16), "CHW"),))).eval()
    image = torch.randn(1, 3, 16, 16)
    found = module(image)
    logits, boxes = found.values()
    assert logits.shape == (1, 5, 4)
    assert boxes.shape == (1, 5, 4)
    assert boxes.min() > 0
    assert boxes.max() < 1
    queries = next(p for name, p in module.named_parameters() if "queries" in name)
    with torch.no_grad():
        queries.copy_(queries.flip(0))
    again = module(image).values()
    assert all(torch.allclose(a, b.flip(1), atol=1e-5) for a, b in zip(again, (logits, boxes), strict=True))


@pytest.mark.parametrize(
    ("block", "types", "message"),
    [
        (SinePositions(), (TensorType((6, 3, 5), "CHW"),), "sine_positions: images of channels that 4 divides"),
        (SinePositions(), (TensorType((8, 5), "CL"),), "sine_positions: images of channels that 4 divides"),
        (TOLD, (SEQUENCE,), "attention.places: one or two sequences, then where each is; got 1 inputs"),
        (TOLD, (SEQUENCE,) * 3, "attention.places: one or two sequences, then where each is; got 3 inputs"),
    ],
)
def test_what_does_not_fit(block: Block, types: tuple[TensorType, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        graph_of(block, types)


def test_a_backbone_gives_one_map() -> None:
    body = ResNetBackbone((1, 1), Bottleneck(8), (1, 2))
    with pytest.raises(ShapeError, match=r"detr.backbone: one map; got 2; set its taps to one stage"):
        graph_of(network(body), (TensorType((3, 32, 32), "CHW"),))


def test_sizes_are_at_least_one() -> None:
    with pytest.raises(SpaceError, match=r"detr: classes, features, queries and box_layers of at least 1"):
        network(queries=0)
    with pytest.raises(SpaceError, match=r"sine_positions.base: above 1; got 1.0"):
        SinePositions(base=1.0)
