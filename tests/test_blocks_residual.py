"""Residual networks and their scaling: what the constructors promise and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import pytest
import torch
from block_types import FEATURES, IMAGE
from blocks_cases import graph_of

from nasengine import Block
from nasengine.blocks import (
    BasicBlock,
    CompoundScaling,
    Conv,
    ConvNeXtBlock,
    ConvNormAct,
    GlobalResponseNorm,
    Highway,
    HighwayGate,
    Identity,
    InvertedResidual,
    InvertedStage,
    LayerScale,
    Linear,
    Multipliers,
    PreActBasic,
    PreActBottleneck,
    ReLU,
    ScaledImage,
    SeparableConv,
    Sequential,
    Shift,
    Shortcut,
    SqueezeExcite,
    Stage,
    Stages,
    divisible,
)
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph import TensorType
from nasengine.graph.module import build
from search_spaces._mobile import PHI

BAD: list[tuple[Callable[[], object], str]] = [
    (lambda: Shortcut(0), r"shortcut: channels and stride at least 1; got 0 and 1"),
    (lambda: Shortcut(8, kind="zero"), r"shortcut.kind: one of projection, pool, pad; got 'zero'"),
    (lambda: BasicBlock(8, kernel=4), r"basic_block.kernel: odd, so that branch .* got 4; use 3 or 5"),
    (lambda: PreActBasic(8, kernel=0), r"pre_act_basic.kernel: odd, so that branch .* got 0; use 3 or 5"),
    (lambda: PreActBottleneck(6), r"pre_act_bottleneck.channels: .* got 6 channels for expansion 4; make one divide"),
    (lambda: HighwayGate(2), r"highway_gate.kernel: odd"),
    (lambda: ConvNeXtBlock(6), r"convnext_block.kernel: odd"),
    (lambda: ConvNeXtBlock(expansion=0.0), r"convnext_block.expansion: above 0; got 0.0"),
    (lambda: GlobalResponseNorm(0.0), r"global_response_norm.eps: above 0"),
    (lambda: Shift(float("nan")), r"shift.amount: a finite number; got nan"),
    (lambda: InvertedResidual(8, divisor=0), r"inverted_residual.divisor: at least 1, which rounds nothing; got 0"),
    (lambda: Multipliers(0.0), r"multipliers: width above 0 and resolution at least 1; got 0.0 and 224"),
    (lambda: CompoundScaling(-1.0), r"compound_scaling: phi >= 0, and depth, .* got phi=-1.0, 1.17, 1.1, 1.15, 224"),
    (lambda: Stage(ReLU(), 2, 2), r"stage.stride: at least 1, and 1 for a block without .* got 2 for 'relu'"),
    (lambda: Stage(BasicBlock(8), -1), r"stage.depth: at least 0; got -1"),
    (
        lambda: InvertedStage(SeparableConv(8), (6,)),
        r"inverted_stage.block: .* 'expand'; got 'separable_conv'; use Inv",
    ),
    (lambda: InvertedStage(InvertedResidual(8), (6,), 0), r"inverted_stage.stride: at least 1"),
    (lambda: Stages(drop_path=1.0), r"stages.drop_path: a probability in \[0, 1\); got 1.0"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_what_is_wrong_is_said(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


def test_a_highway_keeps_its_inputs_type() -> None:
    with pytest.raises(ShapeError, match=r"gate.add: add: all inputs have one type|multiply: each axis is equal"):
        graph_of(Highway(Conv(8)), (IMAGE,))


def test_layer_scale_wants_features() -> None:
    with pytest.raises(ShapeError, match=r"layer_scale: it takes channels or features; got"):
        LayerScale().infer(TensorType((5, 5), "TT"))


PUBLISHED = {
    0: (1.0, 1.0, 224),
    1: (1.0, 1.1, 240),
    2: (1.1, 1.2, 260),
    3: (1.2, 1.4, 300),
    4: (1.4, 1.8, 380),
    5: (1.6, 2.2, 456),
    6: (1.8, 2.6, 528),
    7: (2.0, 3.1, 600),
}
"""Coefficients of width and depth, and resolution, of EfficientNet-B0 to B7 in the authors' code."""


@pytest.mark.parametrize("number", PUBLISHED)
def test_one_phi_gives_the_published_depth_width_and_resolution(number: int) -> None:
    width, depth, side = PUBLISHED[number]
    scaling = CompoundScaling(PHI[number])
    assert scaling.side() == side
    assert [scaling.layers(n) for n in (1, 2, 3, 4)] == [ceil(n * depth) for n in (1, 2, 3, 4)]
    base = (16, 24, 32, 40, 80, 112, 192, 320, 1280)
    assert [scaling.channels(c) for c in base] == [divisible(c * width) for c in base]


@pytest.mark.parametrize("depth", [1.1687, 1.1728])
def test_the_constant_of_depth_lies_where_the_docstring_says(depth: float) -> None:
    """Just inside the bounds all published depths come out, just outside not."""
    step = 2e-4 if depth < 1.17 else -2e-4

    def agrees(constant: float) -> bool:
        rows = [(CompoundScaling(PHI[i], constant), published[1]) for i, published in PUBLISHED.items()]
        return all(s.layers(n) == ceil(n * wanted) for s, wanted in rows for n in (1, 2, 3, 4))

    assert agrees(depth + step)
    assert not agrees(depth - 3 * step)


def test_the_image_follows_the_scaling() -> None:
    assert ScaledImage(3, CompoundScaling(1.07)).type() == TensorType((3, 260, 260), "CHW")
    assert ScaledImage(1, Multipliers(0.5, 96)).type() == TensorType((1, 96, 96), "CHW")


def unit(block: Block) -> tuple[object, ...]:
    return block.expand, block.stride, block.channels, block.drop_path  # type: ignore[attr-defined]


def test_stages_scale_depth_and_width_and_drop_more_and_more() -> None:
    """Depth 2 becomes ⌈2 · 1.17^2.09⌉ = 3, width 40 becomes 48; the last expansion is repeated."""
    stage = InvertedStage(InvertedResidual(40), (6, 3), 2)
    made = dict(
        Stages(stem=ConvNormAct(32), a=stage, b=Identity(), c=stage, scaling=CompoundScaling(2.09), drop_path=0.2).row()
    )
    assert made["stem"] == ConvNormAct(40)
    assert made["b"] == Identity()
    assert [unit(b) for b in made["a"].blocks] == [(6, 2, 48, 0.0), (3, 1, 48, 0.04), (3, 1, 48, 0.08)]  # type: ignore[attr-defined]
    assert [unit(b) for b in made["c"].blocks] == [(6, 2, 48, 0.12), (3, 1, 48, 0.16), (3, 1, 48, 0.2)]  # type: ignore[attr-defined]


def test_a_stage_without_blocks_is_left_out() -> None:
    assert (
        graph_of(
            Stages(a=Stage(BasicBlock(8), 0, 2), b=InvertedStage(InvertedResidual(8), (), 2)), (IMAGE,)
        ).cost.params
        == 0
    )


def test_squeezed_channels_follow_the_blocks_input() -> None:
    """4 channels in, 24 inside: an eighth of 24 is 3, a quarter of 4 is 1."""
    sizes = []
    for attention in (SqueezeExcite(0.125), SqueezeExcite(0.25, of_block=True)):
        graph = graph_of(InvertedResidual(4, attention=attention), (IMAGE,))
        sizes.append({node.path: node.fragment.outputs[0].channels for node in graph.nodes}["attention.squeeze"])
    assert sizes == [3, 1]


def test_zero_padded_shortcuts_keep_every_second_pixel() -> None:
    x = torch.randn(2, 4, 8, 6)
    found = build(graph_of(Shortcut(6, 2, "pad"), (IMAGE,)))(x)
    assert torch.equal(found[:, :4], x[:, :, ::2, ::2])
    assert not found[:, 4:].any()


@pytest.mark.parametrize(("shift", "new"), [(-30.0, False), (30.0, True)])
def test_a_highway_gate_passes_or_transforms(shift: float, new: bool) -> None:
    layer = Highway(Sequential(Linear(12), ReLU()), HighwayGate(shift=shift))
    network = build(graph_of(layer, (FEATURES,)))
    x = torch.randn(3, 12)
    wanted = torch.relu(network.get_submodule("inner.0")(x)) if new else x
    torch.testing.assert_close(network(x), wanted)
