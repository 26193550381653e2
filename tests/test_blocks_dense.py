"""Dense prediction and detection: what the blocks do, and what they say when they do not fit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from blocks_cases import graph_of
from torch import nn

from nasengine.blocks import (
    ASPP,
    AnchorHead,
    BatchNorm,
    Conv,
    ConvNormAct,
    Crop,
    FeaturePyramid,
    FrozenBatchNorm,
    InvertedResidual,
    MaxPool,
    MaxUnpool,
    ResNetBackbone,
    RetinaNet,
    Segmenter,
    SegNet,
    Sequential,
    UNet,
)
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph import Block, TensorType
from nasengine.graph.module import build, example_inputs

IMAGE = TensorType((3, 32, 32), "CHW")
LEVELS = tuple(TensorType((4, n, n), "CHW") for n in (8, 4, 2))
PLACES = TensorType((3, 32, 32), "CHW", "int64")


def run(block: Block, *inputs: torch.Tensor) -> Any:
    """The block's outputs on tensors."""
    types = tuple(TensorType(tuple(x.shape[1:]), "CHW", str(x.dtype).removeprefix("torch.")) for x in inputs)
    with torch.no_grad():
        return build(graph_of(block, types)).eval()(*inputs)


# -------------------------------------------------------------------------------------------------- what they do


def test_unpooling_puts_each_maximum_where_it_was() -> None:
    x = torch.arange(1.0, 26.0).reshape(1, 1, 5, 5)
    found = run(MaxPool(2, indices=True), x)
    values, places = found.values()
    back = run(MaxUnpool(2, 5), values, places)
    wanted = torch.zeros_like(x)
    for row in (1, 3):
        for column in (1, 3):
            wanted[0, 0, row, column] = x[0, 0, row, column]
    assert torch.equal(back, wanted)


def test_crop_keeps_the_middle() -> None:
    x = torch.arange(30.0).reshape(1, 1, 5, 6)
    assert torch.equal(run(Crop((3, 3)), x), x[..., 1:4, 1:4])


def test_a_frozen_norm_is_batch_norm_in_evaluation_and_never_learns() -> None:
    torch.manual_seed(0)
    x, real = torch.randn(4, 3, 5, 5), nn.BatchNorm2d(3)
    for tensor in real.state_dict().values():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 2.0)
    frozen = build(graph_of(FrozenBatchNorm(), (TensorType((3, 5, 5), "CHW"),)))
    state = {f"frozen_batch_norm.{k}": v for k, v in real.state_dict().items() if k != "num_batches_tracked"}
    frozen.load_state_dict(state)
    assert list(frozen.parameters()) == []
    torch.testing.assert_close(frozen.train()(x), real.eval()(x))
    assert all(torch.equal(frozen.state_dict()[k], v) for k, v in state.items())


def test_a_dilated_backbone_has_the_same_weights_on_finer_maps() -> None:
    plain, dense = (graph_of(ResNetBackbone((1, 2, 2, 2), dilated=d), (IMAGE,)) for d in (0, 2))
    assert plain.cost.params == dense.cost.params
    assert [plain.types[i].spatial for i in plain.outputs.values()] == [(8, 8), (4, 4), (2, 2), (1, 1)]
    assert [dense.types[i].spatial for i in dense.outputs.values()] == [(8, 8), (4, 4), (4, 4), (4, 4)]
    dilations = {n.path: n.op.dilation for n in dense.nodes if n.path.endswith("spatial.conv")}  # type: ignore[attr-defined]
    assert list(dilations.values()) == [1, 1, 1, 1, 2, 2, 4]  # a stage's first block keeps the dilation before


def test_no_stage_follows_the_last_tap() -> None:
    graph = graph_of(ResNetBackbone(taps=(2, 3)), (IMAGE,))
    assert {node.path.split(".")[0] for node in graph.nodes} == {"stem", "stage1", "stage2", "stage3"}
    assert graph.simplify().cost.params == graph.cost.params


def test_unet_without_padding_gives_the_inner_part_of_the_image() -> None:
    two = Sequential(Conv(4, padding=0), Conv(4, padding=0))
    graph = graph_of(UNet((two,) * 5, (two,) * 4, Conv(2, 1), crop=True), (TensorType((1, 572, 572), "CHW"),))
    assert graph.types[graph.outputs["output"]].spatial == (388, 388)


def test_heads_share_their_weights_over_all_levels() -> None:
    head = RetinaNet(Sequential(), FeaturePyramid(4, "output"), AnchorHead(5, 2, 1), AnchorHead(4, 2, 1))
    graph = graph_of(head, LEVELS[:1])
    tower, classes, boxes = 4 * 4 * 9 + 4, 4 * 10 * 9 + 10, 4 * 8 * 9 + 8
    pyramid = 4 * 4 + 4 + 3 * (4 * 4 * 9 + 4)
    assert graph.cost.params == pyramid + 2 * tower + classes + boxes
    anchors = 2 * (8 * 8 + 4 * 4 + 2 * 2)
    assert [graph.types[i].shape for i in graph.outputs.values()] == [(anchors, 5), (anchors, 4)]
    assert list(graph.outputs) == ["class_logits", "box_regression"]


def test_predictions_of_a_position_stand_side_by_side() -> None:
    """Row ``(h * W + w) * anchors + a`` holds channels ``a * outputs + k`` of position (h, w)."""
    graph = graph_of(RetinaNet(Sequential(), FeaturePyramid(4), AnchorHead(5, 2, 0), AnchorHead(4, 2, 0)), LEVELS[:1])
    network = build(graph).eval()
    x = example_inputs(graph, 3)[0]
    with torch.no_grad():
        rows = network(x)["class_logits"]
        level = network.get_submodule("pyramid.smooth.0.conv")(network.get_submodule("pyramid.lateral.0.conv")(x))
        found = network.get_submodule("classes.predict")(level)
    assert torch.equal(rows[:, (3 * 8 + 5) * 2 + 1], found[:, 5:10, 3, 5])


# ------------------------------------------------------------------------------------------------- what they say

UNFIT: list[tuple[Block, tuple[TensorType, ...], str]] = [
    (MaxUnpool(), (IMAGE, IMAGE), "max_unpool: the indices are of the input's shape.*; give as many channels"),
    (MaxUnpool(), (LEVELS[0], PLACES), "max_unpool: the indices are of the input's shape"),
    (MaxUnpool(2, 66), (IMAGE, PLACES), r"max_unpool.size: pooling by 2 brings it to the input's; got \(66, 66\)"),
    (Crop(33), (IMAGE,), r"crop.size: at least 1 and at most the input's; got \(33, 33\).*; use Upsample"),
    (FrozenBatchNorm(), (TensorType((4,), "F"),), "frozen_batch_norm: it takes channels and one to three spatial axes"),
    (
        Segmenter(ResNetBackbone((1,), taps=(1,)), Conv(2), Conv(2)),
        (IMAGE,),
        "segmenter: the backbone gives 2 feature maps; got 1; give more taps",
    ),
    (SegNet((Conv(4), Conv(6)), (Conv(5), Conv(3))), (IMAGE,), "unpool.1: max_unpool: the indices are"),
    (
        UNet((Conv(4, 5, padding=0), Conv(6, 17, padding=0)), (Conv(4),), crop=True),
        (TensorType((3, 32, 32), "CHW"),),
        "down.1: conv: the window fits into the padded input",
    ),
]


@pytest.mark.parametrize(("block", "types", "message"), UNFIT)
def test_what_does_not_fit_says_so(block: Block, types: tuple[TensorType, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        graph_of(block, types)


def wrong(make: Any, *args: Any, **fields: Any) -> Any:
    return lambda: make(*args, **fields)


ILL_FORMED: list[tuple[Any, str]] = [
    (wrong(ResNetBackbone, (2, 0)), r"resnet_backbone.depths: at least one block a stage; got \(2, 0\)"),
    (
        wrong(ResNetBackbone, unit=InvertedResidual(8)),
        "resnet_backbone.unit: a block with channels, stride and dilation; 'inverted_residual' has no dilation; use",
    ),
    (wrong(ResNetBackbone, (1, 1), taps=(2, 1)), r"resnet_backbone.taps: numbers of stages, rising, from 1 to 2"),
    (wrong(ResNetBackbone, (1, 1), taps=(3,)), r"resnet_backbone.taps: .*; got \(3,\)"),
    (wrong(ResNetBackbone, (1, 1), taps=()), "resnet_backbone.taps: numbers of stages"),
    (wrong(ResNetBackbone, (1, 1), taps=(1,), dilated=2), "resnet_backbone.dilated: at most .* the first, 1; got 2"),
    (wrong(FeaturePyramid, extra="p6"), "feature_pyramid.extra: one of none, pool, output, input; got 'p6'"),
    (wrong(Segmenter, Sequential(), Conv(2), reads=0), "segmenter.reads: at least 1; got 0"),
    (wrong(ASPP, rates=(6, 0)), r"aspp: channels and rates of at least 1; got 256 and \(6, 0\)"),
    (wrong(UNet, (Conv(4),), (Conv(4),)), "unet: one block more down than up; got 1 and 1; the last is the bottom"),
    (wrong(UNet, (Conv(4),), (), upsample="nearest"), "unet.upsample: 'transpose' or 'resize'; got 'nearest'"),
    (wrong(UNet, (Conv(4),), (), merge="multiply"), "unet.merge: 'concat' or 'add'; got 'multiply'"),
    (wrong(SegNet, (Conv(4),), ()), "segnet: as many blocks in the decoder as in the encoder, .*; got 1 and 0"),
    (wrong(AnchorHead, 0), "anchor_head: outputs and anchors >= 1, depth >= 0; got 0, 9, 4"),
    (
        wrong(RetinaNet, Sequential(), FeaturePyramid(), ConvNormAct(8, norm=BatchNorm())),
        "retinanet.classes: an AnchorHead; got ConvNormAct.*; write AnchorHead",
    ),
]


@pytest.mark.parametrize(("make", "message"), ILL_FORMED, ids=[m[:32] for _, m in ILL_FORMED])
def test_an_ill_formed_block_says_so(make: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()
