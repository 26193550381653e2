"""What blocks say when they are given what they cannot take: the place, both types, the remedy."""

from __future__ import annotations

from typing import Any

import pytest
from blocks_cases import FEATURES, IMAGE, NODES, SEQUENCE, SIGNAL, Block, graph_of, round_trip

from nasengine.blocks import (
    ELU,
    GELU,
    MLP,
    AdaptivePool,
    Add,
    AvgPool,
    BatchNorm,
    Bottleneck,
    Branches,
    Cell,
    Concat,
    Conv,
    ConvNormAct,
    ConvTranspose,
    Dropout,
    DropPath,
    GlobalPool,
    GroupNorm,
    Identity,
    InstanceNorm,
    InvertedResidual,
    LayerNorm,
    Linear,
    MaxPool,
    Multiply,
    Patchify,
    Permute,
    PReLU,
    ReLU,
    Reshape,
    Residual,
    RMSNorm,
    Sequential,
    SqueezeExcite,
    ToImage,
    ToSequence,
    Upsample,
    Zero,
)
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph import TensorType
from nasengine.space import spec_from_json

NORMS = (BatchNorm, LayerNorm, GroupNorm, InstanceNorm, RMSNorm)
LONE = TensorType((4, 8, 6), "CHW", batched=False)
LONE_ROW = TensorType((12,), "F", batched=False)
IDS = TensorType((5,), "T", "int64")
POINT = TensorType((4, 1, 1), "CHW")
GRID = TensorType((3, 2), "TK")
SHAPES: list[tuple[Block, tuple[TensorType, ...], str]] = [
    (
        Linear(3),
        (IMAGE,),
        r"linear: it takes features on the last axis; got \(4 channels × 8 height × 6 width\); put GlobalPool",
    ),
    (
        Linear(3),
        (TensorType((5,), "F", "int64"),),
        r"linear: it takes real numbers; got \(5 feature\) int64; embed ids before it",
    ),
    (ReLU(), (IDS,), r"relu: it takes real numbers; got \(5 position\) int64"),
    (Conv(4), (FEATURES,), r"conv: it takes channels and one to three spatial axes; got \(12 feature\)"),
    (Conv(4, (3, 3)), (SIGNAL,), r"conv\.kernel: one number an axis; got \(3, 3\) for 1 axes"),
    (
        Conv(6, groups=4),
        (IMAGE,),
        r"conv\.groups: .* multiples of groups; got 4 and 6 channels for 4 groups; make both divisible",
    ),
    (Conv(6, 9, padding=0), (IMAGE,), r"conv: the window fits into the padded input; got kernel 9 .*; pad more"),
    (ConvTranspose(6, groups=4), (IMAGE,), r"conv_transpose\.groups: .* got 4 and 6 channels for 4 groups"),
    (ConvTranspose(6, output_padding=2), (IMAGE,), r"conv_transpose\.output_padding: smaller than the stride; got"),
    (ConvTranspose(6, 1, 1, 4), (IMAGE,), r"conv_transpose: the output has at least one position; .*; pad less"),
    (
        PReLU(per_channel=True),
        (SEQUENCE,),
        r"prelu\.per_channel: .*second axis; got \(5 position × 12 feature\); use per_channel=False",
    ),
    (
        BatchNorm(),
        (GRID,),
        r"batch_norm: it takes images, signals, .*; got \(3 position × 2 kind\); reshape before it, or use LayerNorm",
    ),
    (LayerNorm(), (GRID,), r"layer_norm: it takes channels or features; got \(3 position × 2 kind\); embed ids"),
    (RMSNorm(), (GRID,), r"rms_norm: it takes channels or features"),
    (GroupNorm(2), (GRID,), r"group_norm: it takes channels or features"),
    (GroupNorm(2), (SEQUENCE,), r"group_norm: it takes channels first; got .*; use LayerNorm or RMSNorm on sequences"),
    (GroupNorm(3), (IMAGE,), r"group_norm\.groups: .*; got 4 channels for 3 groups; make one divide the other"),
    (InstanceNorm(), (POINT,), r"instance_norm: it takes channels and more than one position; got .*; use LayerNorm"),
    *[
        (n, (LONE,), r"norm: it takes a batch; got .* without one; use it on")
        for n in (BatchNorm(), LayerNorm(), GroupNorm(2), InstanceNorm(), RMSNorm())
    ],
    *[(n, (LONE_ROW,), r"norm: it takes a batch; got \(12 feature\) without one") for n in (BatchNorm(), GroupNorm(2))],
    *[
        (n, (LONE,), r": it takes a batch; got .* without one")
        for n in (Conv(4), MaxPool(), Upsample(), AdaptivePool(1))
    ],
    (MaxPool(), (SEQUENCE,), r"max_pool: it takes channels and one to three spatial axes; got"),
    (
        MaxPool(9),
        (IMAGE,),
        r"max_pool: the window fits into the padded input; got kernel 9 on .*; use a smaller kernel",
    ),
    (
        AvgPool(3, padding=2),
        (IMAGE,),
        r"avg_pool: .* padding at most half the kernel; got kernel 3, stride 3, padding 2",
    ),
    (AdaptivePool((2, 2)), (SIGNAL,), r"adaptive_pool\.size: one number an axis; got \(2, 2\) for 1 axes"),
    (GlobalPool(), (GRID,), r"global_pool: it takes channels or features; got \(3 position × 2 kind\); embed ids"),
    (
        Reshape((5, -1), "TF"),
        (IMAGE,),
        r"reshape: the number of elements stays; got .* 192 elements, for \(5, -1\); change",
    ),
    (
        Reshape((5,), "F"),
        (FEATURES,),
        r"reshape: the number of elements stays; got \(12 feature\), 12 elements, for \(5,\)",
    ),
    (
        Permute((1, 0)),
        (IMAGE,),
        r"permute\.order: one number an axis; got \(1, 0\) for \(4 channels .*; list every axis once",
    ),
    (Upsample((2, 2)), (SIGNAL,), r"upsample\.scale: one number an axis; got \(2, 2\) for 1 axes"),
    (
        ToSequence(),
        (NODES,),
        r"to_sequence: it takes channels and one to three spatial axes; got \(7 node × 12 feature\)",
    ),
    (ToImage(), (IMAGE,), r"to_image: it takes a sequence; got \(4 channels .*; leave it out, or use Reshape"),
    (ToImage(3), (SEQUENCE,), r"to_image\.height: it divides the length; got 5 positions for height 3"),
    (ToImage(), (SEQUENCE,), r"to_image\.height: it divides the length; got 5 positions for height 2"),
    (
        Patchify(4, 8),
        (IMAGE,),
        r"patchify\.patch: it divides the input's sides; got 4 for \(4 channels × 8 height × 6 width\); use another",
    ),
    (
        Add(),
        (IMAGE, POINT),
        r"add: all inputs have one type; got \(4 channels × 8 height.* and \(4 channels × 1 height.*project one",
    ),
    (Add(), (), r"add: at least one input; got none"),
    (Multiply(), (IMAGE, FEATURES), r"multiply: each axis is equal or 1; got .* and \(12 feature\); project one"),
    (Multiply(), (), r"multiply: at least one input; got none"),
    (Concat(), (IMAGE, POINT), r"concat: all axes but the channels agree; got .*bring them to one size first"),
    (Concat(), (), r"concat: at least one input; got none"),
    (
        Zero(2),
        (SEQUENCE,),
        r"zero\.stride: only spatial axes can be strided over; got \(5 position × 12 feature\); use stride=1",
    ),
    (
        Residual(Conv(8)),
        (IMAGE,),
        r"residual: inner and shortcut give one type; got \(8 channels.* and \(4 channels.*set project=True",
    ),
    (
        Residual(Conv(8, 5, padding=0), project=True),
        (TensorType((4, 10, 10), "CHW"),),
        r"residual\.project: no 1 × 1 .*; give a",
    ),
    (
        Residual(GlobalPool(), project=True),
        (IMAGE,),
        r"residual\.project: no 1 × 1 convolution .* into \(4 feature\); give a shortcut",
    ),
    (Cell((Identity(),)), (IMAGE, IMAGE), r"cell\.inputs: it takes 1 values; got 2; set inputs=2"),
]


@pytest.mark.parametrize(("op", "types", "message"), SHAPES, ids=lambda v: getattr(v, "tag", ""))
def test_types_that_cannot_meet(op: Block, types: tuple[TensorType, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        graph_of(op, types)


def test_the_message_starts_with_the_blocks_path() -> None:
    body = Sequential(stem=ConvNormAct(6), body=Sequential(Identity(), Residual(ConvNormAct(6, norm=GroupNorm(4)))))
    with pytest.raises(ShapeError, match=r"^body\.1\.inner\.norm: group_norm\.groups: .*got 6 channels for 4 groups"):
        graph_of(body, (IMAGE,))


def test_an_edge_that_does_not_fit_names_the_node() -> None:
    with pytest.raises(ShapeError, match=r"^cell\.n2: add: all inputs have one type; got \(4 channels.*\(8 channels"):
        graph_of(Sequential(cell=Cell((Identity(), Identity(), Conv(8)))), (IMAGE,))


SPECS: list[tuple[Any, str]] = [
    (lambda: Linear(0), r"linear\.features: at least 1; got 0"),
    (lambda: Conv(0), r"conv: channels >= 1 and groups >= 0; got channels=0, groups=1"),
    (lambda: Conv(4, padding="valid"), r"conv\.padding: a number, one an axis, or 'same'; got 'valid'"),
    (lambda: ConvTranspose(0), r"conv_transpose: channels and groups >= 1; got 0 and 1"),
    (lambda: BatchNorm(momentum=2), r"batch_norm\.momentum: a share in \[0, 1\]; got 2"),
    *[(lambda n=n: n(eps=0), r"norm\.eps: above 0, or a constant input gives no number; got 0") for n in NORMS],
    (lambda: GroupNorm(0), r"group_norm\.groups: at least 1; got 0"),
    (lambda: GELU("sigmoid"), r"gelu\.approximate: 'none' or 'tanh'; got 'sigmoid'"),
    (lambda: Dropout(1.0), r"dropout\.p: a probability in \[0, 1\); got 1\.0"),
    (lambda: DropPath(-0.1), r"drop_path\.p: a probability in \[0, 1\); got -0\.1"),
    (lambda: MaxPool(padding="half"), r"max_pool\.padding: a number, one an axis, or 'same'; got 'half'"),
    (lambda: AdaptivePool(1, "mean"), r"adaptive_pool\.kind: 'average' or 'max'; got 'mean'"),
    (lambda: GlobalPool("mean"), r"global_pool\.kind: 'average', 'max' or 'sum'; got 'mean'"),
    (lambda: Reshape((2, 3), "C"), r"reshape\.axes: one letter for each of \(2, 3\), of .*; got 'C'"),
    (lambda: Reshape((-1, -1), "TF"), r"reshape\.shape: sizes of at least 1, one of them may be -1; got \(-1, -1\)"),
    (lambda: Permute((0, 2)), r"permute\.order: each of 0\.\.1 once; got \(0, 2\)"),
    (lambda: Permute((1, 0), "Q?"), r"permute\.axes: one letter an axis, of .*; got 'Q\?'"),
    (lambda: Upsample(mode="cubic"), r"upsample\.mode: 'nearest' or 'linear'.*got 'cubic'"),
    (lambda: Zero(0), r"zero: stride >= 1 and channels >= 1; got stride=0, channels=None"),
    (
        lambda: Sequential([ReLU(), ReLU()]),  # type: ignore[arg-type]
        r"sequential: parts are given one by one; got a list; write Sequential\(\*blocks\)",
    ),
    (lambda: Sequential(train=ReLU()), r"sequential\.train: .* got 'train'; write train_=\.\.\. instead"),
    (
        lambda: Branches(**{"a.b": ReLU()}),
        r"branches\.a\.b: a part's name is an identifier .*write stem=\.\.\. instead",
    ),
    (lambda: Branches(), r"branches: at least one branch; got none; Identity\(\) stands for doing nothing"),
    (lambda: Branches(ReLU(), merge="mean"), r"branches\.merge: one of concat, add, multiply, none; got 'mean'"),
    (
        lambda: Cell((ReLU(),) * 4),
        r"cell\.edges: every node after the 1 inputs has an edge .*\(1, 3, 6, 10, \.\.\.\); got 4 edges",
    ),
    (lambda: Cell(()), r"cell\.edges: .*; got 0 edges; Zero\(\) stands for an edge that is not there"),
    (lambda: Cell((ReLU(),), output="mean"), r"cell: inputs >= 1 and output 'last' or 'concat'; got 1 and 'mean'"),
    (lambda: MLP((8, 0)), r"mlp: every width is at least 1; got hidden=\(8, 0\), features=None"),
    (
        lambda: Bottleneck(6),
        r"bottleneck\.channels: .* multiple of expansion; got 6 channels for expansion 4; make one divide",
    ),
    (
        lambda: InvertedResidual(8, expand=0),
        r"inverted_residual: channels >= 1 and expand > 0; got channels=8, expand=0",
    ),
    (lambda: SqueezeExcite(0), r"squeeze_excite: ratio > 0, .*got ratio=0.*Identity\(\) stands for no squeeze-excite"),
]


@pytest.mark.parametrize(("make", "message"), SPECS, ids=[m[:24] for _, m in SPECS])
def test_blocks_that_cannot_be(make: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


def test_a_record_with_other_names_than_blocks_is_refused() -> None:
    record = round_trip(Sequential(ReLU(), ELU())).to_json() | {"names": ["0"]}
    with pytest.raises(
        SpaceError, match=r"sequential\.names: one name a block, all distinct; got 2 blocks and the names"
    ):
        spec_from_json(record)
