"""What the tests of blocks share: one case for each way a block can be used, and the checks of a graph.

Families add their cases in ``cases/``: a file with the lists ``PRIMITIVES`` and ``COMPOSITES``.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from typing import Any

import cases
import torch
from block_types import (
    ALL,
    FEATURES,
    IMAGE,
    LAST,
    NODES,
    SEQUENCE,
    SIGNAL,
    SPATIAL,
    Case,
    each,
)
from torch.utils.flop_counter import FlopCounterMode

from nasengine.blocks import (
    ELU,
    GELU,
    MLP,
    AdaptivePool,
    Add,
    AvgPool,
    BasicBlock,
    BatchNorm,
    Bottleneck,
    Branches,
    Cell,
    Concat,
    Conv,
    ConvNorm,
    ConvNormAct,
    ConvTranspose,
    Dropout,
    DropPath,
    Flatten,
    GlobalPool,
    GroupNorm,
    Hardsigmoid,
    Hardswish,
    Identity,
    InstanceNorm,
    InvertedResidual,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool,
    Multiply,
    Patchify,
    Permute,
    PReLU,
    ReLU,
    ReLU6,
    Reshape,
    Residual,
    RMSNorm,
    SeparableConv,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    SqueezeExcite,
    Tanh,
    ToImage,
    ToSequence,
    Upsample,
    Zero,
)
from nasengine.graph import Block, Graph, TensorType
from nasengine.graph.module import build, example_inputs
from nasengine.graph.wiring import lower_block
from nasengine.space import spec_from_json

PRIMITIVES: list[Case] = [
    *each(LAST, Linear(7), Linear(7, bias=False)),
    *each(
        SPATIAL, Conv(8), Conv(8, 5, 2, bias=False), Conv(8, 3, dilation=2, groups=2), Conv(4, 3, groups=0, padding=0)
    ),
    *each((IMAGE,), Conv(6, (3, 1), (2, 1), (1, 0)), Conv(6, 4, 2)),
    *each(SPATIAL, ConvTranspose(6), ConvTranspose(6, 3, 2, 1, 1, bias=False), ConvTranspose(8, 4, 2, 1, groups=2)),
    *each(ALL, BatchNorm(), BatchNorm(eps=1e-3, momentum=0.01, affine=False), BatchNorm(track=False)),
    *each(ALL, LayerNorm(), LayerNorm(eps=1e-6, bias=False), LayerNorm(affine=False)),
    *each(ALL, RMSNorm(), RMSNorm(eps=1e-6, affine=False)),
    *each((*SPATIAL, FEATURES, NODES), GroupNorm(2), GroupNorm(4, eps=1e-6, affine=False)),
    *each(SPATIAL, InstanceNorm(), InstanceNorm(eps=1e-6, affine=True)),
    *each(ALL, ReLU(), ReLU6(), LeakyReLU(), LeakyReLU(0.2), PReLU(), ELU(), ELU(0.5), GELU(), GELU("tanh"), SiLU()),
    *each(ALL, Sigmoid(), Tanh(), Hardswish(), Hardsigmoid(), Softmax()),
    *each((*SPATIAL, FEATURES, NODES), PReLU(per_channel=True)),
    *each(ALL, Dropout(), Dropout(0.2), DropPath(0.3)),
    *each(SPATIAL, MaxPool(), MaxPool(3, 2, "same"), MaxPool(3, 2, 1, ceil=True), MaxPool(2, 2, ceil=True)),
    *each(SPATIAL, AvgPool(), AvgPool(3, 1, "same"), AvgPool(3, 2, 1, ceil=True, count_padding=False)),
    *each((IMAGE,), MaxPool((2, 3), (2, 1), (1, 0)), AvgPool((2, 3)), Upsample((2, 3)), Upsample(size=(3, 9))),
    *each(SPATIAL, AdaptivePool(1), AdaptivePool(3), AdaptivePool(3, "max")),
    *each(ALL[:3] + ALL[4:], GlobalPool(), GlobalPool("max"), GlobalPool(keep=True), GlobalPool("max", keep=True)),
    *each(SPATIAL, Upsample(), Upsample(3, mode="linear"), Upsample(size=11, mode="linear", align_corners=True)),
    *each((*SPATIAL, SEQUENCE, NODES), Flatten()),
    (Reshape((2, -1), "TF"), (IMAGE,)),
    (Reshape((3, 4, 1), "CHW"), (FEATURES,)),
    (Reshape((12, 7), "NF"), (NODES,)),
    (Permute((1, 0), "CL"), (SEQUENCE,)),
    (Permute((1, 2, 0)), (IMAGE,)),
    (Permute((1, 0)), (NODES,)),
    *[(b, (t, t, t)) for b in (Add(), Multiply(), Concat()) for t in ALL],
    (Multiply(), (IMAGE, TensorType((4, 1, 1), "CHW"))),
    (Concat(), (IMAGE, TensorType((3, 8, 6), "CHW"))),
]

IDENTITIES: list[Case] = [
    *each(ALL, Identity(), Dropout(0), DropPath(0.0), Sequential(), MLP(), Add(), Multiply(), Concat()),
    *each(SPATIAL, MaxPool(1), AvgPool(1), Upsample(1)),
    (AdaptivePool((8, 6)), (IMAGE,)),
    (GlobalPool(keep=True), (TensorType((4, 1, 1), "CHW"),)),
    (GlobalPool(), (FEATURES,)),
    (Flatten(), (FEATURES,)),
    (Reshape((5, 12), "TF"), (SEQUENCE,)),
    (Permute((0, 1, 2)), (IMAGE,)),
]

GATED = SqueezeExcite(0.5, activation=SiLU(), gate=Hardsigmoid(), divisor=8)
ROW = Sequential(Conv(4), ReLU())
COMPOSITES: list[Case] = [
    *each(ALL, Sequential(ReLU(), act=Tanh()), Residual(BatchNorm()), Branches(ReLU(), Tanh())),
    *each(
        SPATIAL, ConvNorm(8), ConvNorm(8, norm=Identity()), ConvNormAct(6, 5, 2, norm=GroupNorm(2), activation=SiLU())
    ),
    *each(SPATIAL, ConvNormAct(8, 3, 1, 0, 2, 2), SeparableConv(8, 5, 2), SeparableConv(8, middle=False)),
    *each(SPATIAL, SeparableConv(8, norm=Identity(), activation=Identity(), middle=False)),
    *each(
        SPATIAL,
        InvertedResidual(4),
        InvertedResidual(8, 5, 3, 2),
        InvertedResidual(4, 3, 1, 1),
        InvertedResidual(4, expand=2.5),
    ),
    *each(SPATIAL, InvertedResidual(4, activation=Hardswish(), attention=GATED, drop_path=0.2)),
    *each(SPATIAL, SqueezeExcite(), SqueezeExcite(channels=3), GATED),
    *each(SPATIAL, BasicBlock(4), BasicBlock(8, 2), BasicBlock(4, attention=GATED, drop_path=0.1)),
    *each(
        SPATIAL,
        Bottleneck(4, expansion=2),
        Bottleneck(8, 2),
        Bottleneck(16, groups=2, drop_path=0.1, norm=GroupNorm(2)),
    ),
    *each(
        LAST, MLP((8, 6), 3), MLP((8,), activation=GELU(), norm=LayerNorm(), dropout=0.1), MLP(features=3, bias=False)
    ),
    *each((IMAGE,), Patchify(2, 12), Patchify((4, 3), 12, norm=BatchNorm(), bias=False), ToSequence()),
    *each((SIGNAL,), Patchify(3, 12), ToSequence()),
    *each((TensorType((6, 12), "TF"),), ToImage(2), Sequential(ToImage(3), ToSequence(), Linear(3))),
    (ToImage(), (TensorType((4, 12), "TF"),)),
    *each(SPATIAL, Residual(Conv(8, 3, 2), project=True), Residual(ROW, activation=ReLU())),
    *each(SPATIAL, Residual(Conv(8), shortcut=Conv(8, 1), activation=ReLU())),
    *each((FEATURES, SEQUENCE), Residual(MLP((8,), 5), project=True)),
    *each(SPATIAL, Branches(Conv(3, 1), pool=MaxPool(3, 1, 1)), Branches(ROW, Identity(), merge="multiply")),
    *each(SPATIAL, Sequential(Branches(Conv(3), ReLU(), merge="none"), Concat(), Conv(2, 1))),
    *each(SPATIAL, Cell.of(4, lambda i, j: Zero() if (i + j) % 3 == 0 else ConvNormAct(4))),
    *each(SPATIAL, Cell.of(4, lambda i, j: AvgPool(3, 1, "same"), output="concat")),
    (Cell.of(5, lambda i, j: Conv(4), inputs=2, output="concat"), (IMAGE, IMAGE)),
    *each(SPATIAL, Sequential(Branches(Zero(2, 6), Conv(6, 3, 2), merge="add"))),
]


for _, _name, _ in pkgutil.iter_modules(cases.__path__):  # one file a family: what it adds to the vocabulary
    _family = importlib.import_module(f"cases.{_name}")
    PRIMITIVES += _family.PRIMITIVES
    COMPOSITES += _family.COMPOSITES


SIZES_ONLY = {"alibi", "latents", "relative_bias", "learned_constant", "sine_positions"}
"""Tags of primitives that read the sizes of their inputs and not the numbers."""
ORDER_ONLY = {"keep_tokens"}
"""Tags of primitives that read the order alone of the numbers in their later inputs."""


def case_name(case: Case) -> str:
    """Readable id of a case."""
    block, types = case
    text = repr(block).replace("\n", "")
    return f"{text[:60]}-{'+'.join(t.axes + ('~' if t.segments else '') for t in types)}"


def graph_of(block: Block, types: tuple[TensorType, ...]) -> Graph:
    """The block alone as a network."""
    return Graph(lower_block(block, types), tuple(f"x{i}" for i in range(len(types))))


def outputs_of(graph: Graph, module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    """Outputs in order."""
    made = module(*inputs)
    return list(made.values()) if isinstance(made, dict) else [made]


def check_state(graph: Graph, module: torch.nn.Module) -> None:
    """Every parameter's name, shape, dtype and kind are those of the built module; so are the counts."""
    stated: dict[str, Any] = {}
    for node in graph.nodes:
        for p in node.fragment.parameters:
            stated[f"{node.path}.{p.name}"] = (p.shape, p.dtype, p.trainable)
    trained = {name for name, p in module.named_parameters() if p.requires_grad}
    real = {
        name: (tuple(t.shape), str(t.dtype).removeprefix("torch."), name in trained)
        for name, t in module.state_dict().items()
    }
    assert stated == real
    assert graph.cost.params == sum(p.numel() for p in module.parameters() if p.requires_grad)
    assert graph.cost.param_bytes == sum(p.numel() * p.element_size() for p in module.parameters() if p.requires_grad)
    assert graph.cost.model_bytes == sum(t.numel() * t.element_size() for t in module.state_dict().values())


def check_forward(graph: Graph, module: torch.nn.Module) -> None:
    """Stated output types are those of a forward pass, in training and evaluation; gradients reach all parameters."""
    inputs = tuple(t.requires_grad_() if t.is_floating_point() else t for t in example_inputs(graph, batch=2))
    for training in (False, True):
        outputs = outputs_of(graph, module.train(training), inputs)
        for value, tensor in zip(graph.outputs.values(), outputs, strict=True):
            kind = graph.types[value]
            assert tuple(tensor.shape) == ((2, *kind.shape) if kind.batched else kind.shape)
            assert str(tensor.dtype) == f"torch.{kind.dtype}"
    reached = [t for t in outputs if t.requires_grad]
    if not reached:  # a fixed bias: made of its inputs' sizes alone
        assert {node.op.tag for node in graph.nodes} <= SIZES_ONLY
        return
    sum((t * torch.randn_like(t)).sum() for t in reached).backward()
    tags = {node.op.tag for node in graph.nodes}
    read = [] if tags <= SIZES_ONLY else [t for t in inputs if t.is_floating_point()]
    if tags & ORDER_ONLY:
        read = read[:1]
    for tensor in (*read, *module.parameters()):
        assert tensor.grad is not None
        assert torch.isfinite(tensor.grad).all()


def counted_macs(graph: Graph) -> int:
    """MACs of one sample as torch's own counter sees them on the meta device, of two samples where there is a batch."""
    module = build(graph).to("meta").eval()
    inputs = tuple(t.to("meta") for t in example_inputs(graph, batch=2))
    samples = 2 if graph.types[0].batched else 1
    with FlopCounterMode(display=False) as counter:
        module(*inputs)
    flops = counter.get_total_flops()
    assert flops % (2 * samples) == 0
    return int(flops // (2 * samples))


def round_trip(block: Block) -> Any:
    """The block, written as JSON text and read again."""
    return spec_from_json(json.loads(json.dumps(block.to_json())))
