"""Every composite against the module it builds, and against the counts that were published."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest
import torch
from blocks_cases import (
    COMPOSITES,
    IMAGE,
    Case,
    case_name,
    check_forward,
    check_state,
    counted_macs,
    graph_of,
    round_trip,
)

from nasengine import Image, Space, blocks, choice, lower, repeat
from nasengine.blocks import (
    MLP,
    BasicBlock,
    Bottleneck,
    Cell,
    Conv,
    ConvNormAct,
    Dropout,
    Flatten,
    GlobalPool,
    Hardsigmoid,
    Hardswish,
    Identity,
    InvertedResidual,
    Linear,
    MaxPool,
    ReLU,
    ReLU6,
    SeparableConv,
    Sequential,
    SiLU,
    SqueezeExcite,
    Zero,
    divisible,
)
from nasengine.blocks.names import TAKEN
from nasengine.errors import ShapeError
from nasengine.graph import Block, Composite, TensorType
from nasengine.graph.module import build

every_composite = pytest.mark.parametrize("case", COMPOSITES, ids=case_name)


def test_every_public_composite_has_a_case() -> None:
    public = {c for c in vars(blocks).values() if isinstance(c, type) and issubclass(c, Composite)}
    seen = repr([b for b, _ in COMPOSITES])
    assert [c.__name__ for c in public if f"{c.__name__}(" not in seen] == []


@every_composite
def test_state_is_that_of_the_built_module(case: Case) -> None:
    graph = graph_of(*case)
    check_state(graph, build(graph))


@every_composite
def test_types_are_those_of_a_forward_pass_and_gradients_flow(case: Case) -> None:
    graph = graph_of(*case).simplify()
    check_forward(graph, build(graph))


@every_composite
def test_macs_are_those_of_torchs_counter(case: Case) -> None:
    graph = graph_of(*case)
    assert graph.cost.macs == counted_macs(graph)


@every_composite
def test_record_gives_the_block_back(case: Case) -> None:
    again = round_trip(case[0])
    assert again == case[0]
    assert graph_of(again, case[1]).id == graph_of(*case).id


# ------------------------------------------------------------------------------------------------ published counts


def classifier(*features: Block, classes: int = 1000) -> Block:
    return Sequential(features=Sequential(*features), pool=GlobalPool(), classifier=Linear(classes))


def resnet(block: type, depths: tuple[int, ...], width: int, **extra: int) -> Block:
    """He et al., 2016, table 1; ``width`` is that of the first stage's output."""
    stages = [
        Sequential(*(block(width << i, stride=2 if i and not k else 1, **extra) for k in range(n)))
        for i, n in enumerate(depths)
    ]
    return classifier(ConvNormAct(64, 7, 2), MaxPool(3, 2, 1), *stages)


def mobilenet_v1() -> Block:
    """Howard et al., 2017, table 1."""
    rows = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    return classifier(ConvNormAct(32, 3, 2), *(SeparableConv(c, 3, s) for c, s in rows))


def mobilenet_v2() -> Block:
    """Sandler et al., 2018, table 2."""
    rows = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    body = [InvertedResidual(c, expand=t, stride=1 if k else s) for t, c, n, s in rows for k in range(n)]
    relu6 = ReLU6()
    head = ConvNormAct(1280, 1, activation=relu6)
    return Sequential(
        stem=ConvNormAct(32, 3, 2, activation=relu6), body=Sequential(*body), last=head, pool=GlobalPool(),
        dropout=Dropout(0.2), classifier=Linear(1000),
    )  # fmt: skip


def mobilenet_v3_large() -> Block:
    """Howard et al., 2019, table 1."""
    rows = [
        (3, 16, 16, 0, 0, 1), (3, 64, 24, 0, 0, 2), (3, 72, 24, 0, 0, 1), (5, 72, 40, 1, 0, 2),
        (5, 120, 40, 1, 0, 1), (5, 120, 40, 1, 0, 1), (3, 240, 80, 0, 1, 2), (3, 200, 80, 0, 1, 1),
        (3, 184, 80, 0, 1, 1), (3, 184, 80, 0, 1, 1), (3, 480, 112, 1, 1, 1), (3, 672, 112, 1, 1, 1),
        (5, 672, 160, 1, 1, 2), (5, 960, 160, 1, 1, 1), (5, 960, 160, 1, 1, 1),
    ]  # fmt: skip
    gate = SqueezeExcite(0.25, gate=Hardsigmoid(), divisor=8)
    body, before = [], 16
    for kernel, hidden, channels, squeeze, hard, stride in rows:
        act, attention = (Hardswish() if hard else ReLU()), (gate if squeeze else Identity())
        expand = hidden / before
        body.append(InvertedResidual(channels, kernel, expand, stride, activation=act, attention=attention))
        before = channels
    hard_act = Hardswish()
    return Sequential(
        stem=ConvNormAct(16, 3, 2, activation=hard_act), body=Sequential(*body),
        last=ConvNormAct(960, 1, activation=hard_act), pool=GlobalPool(),
        classifier=MLP((1280,), 1000, activation=hard_act, dropout=0.2),
    )  # fmt: skip


def efficientnet_b0() -> Block:
    """Tan and Le, 2019, table 1; squeezed channels are a quarter of each block's input."""
    rows = [
        (1, 3, 16, 1, 1),
        (6, 3, 24, 2, 2),
        (6, 5, 40, 2, 2),
        (6, 3, 80, 3, 2),
        (6, 5, 112, 3, 1),
        (6, 5, 192, 4, 2),
        (6, 3, 320, 1, 1),
    ]
    body, before, silu = [], 32, SiLU()
    for t, kernel, channels, times, stride in rows:
        for k in range(times):
            gate = SqueezeExcite(channels=before // 4, activation=silu)
            body.append(InvertedResidual(channels, kernel, t, 1 if k else stride, activation=silu, attention=gate))
            before = channels
    return classifier(ConvNormAct(32, 3, 2, activation=silu), *body, ConvNormAct(1280, 1, activation=silu))


PUBLISHED = {
    "ResNet-18": (lambda: resnet(BasicBlock, (2, 2, 2, 2), 64), 11_689_512, 1_814_073_344),
    "ResNet-34": (lambda: resnet(BasicBlock, (3, 4, 6, 3), 64), 21_797_672, None),
    "ResNet-50": (lambda: resnet(Bottleneck, (3, 4, 6, 3), 256), 25_557_032, 4_089_184_256),
    "ResNet-152": (lambda: resnet(Bottleneck, (3, 8, 36, 3), 256), 60_192_808, None),
    "ResNeXt-50 32x4d": (lambda: resnet(Bottleneck, (3, 4, 6, 3), 256, expansion=2, groups=32), 25_028_904, None),
    "Wide ResNet-50-2": (lambda: resnet(Bottleneck, (3, 4, 6, 3), 256, expansion=2), 68_883_240, None),
    "MobileNetV1": (mobilenet_v1, 4_231_976, None),
    "MobileNetV2": (mobilenet_v2, 3_504_872, 300_774_272),
    "MobileNetV3-Large": (mobilenet_v3_large, 5_483_032, None),
    "EfficientNet-B0": (efficientnet_b0, 5_288_548, None),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_networks_have_their_published_counts(name: str) -> None:
    """Parameters as torchvision's models of these names; MACs (224 × 224) as torch's counter finds on them."""
    make, params, macs = PUBLISHED[name]
    cost = graph_of(make(), (TensorType((3, 224, 224), "CHW"),)).cost
    assert cost.params == params
    assert macs is None or cost.macs == macs


def test_mobilenet_v2_builds_with_the_stated_state_and_macs() -> None:
    graph = graph_of(mobilenet_v2(), (TensorType((3, 224, 224), "CHW"),))
    check_state(graph, build(graph))
    assert counted_macs(graph) == 300_774_272


def test_divisible_rounds_as_mobilenets_do() -> None:
    assert [divisible(c) for c in (1, 12, 18, 24.0, 33, 130 * 0.75)] == [8, 16, 24, 24, 32, 96]


# ------------------------------------------------------------------------------------------------ names and choices


def test_module_paths_come_from_names_and_places() -> None:
    body = Sequential(InvertedResidual(4), InvertedResidual(8, stride=2))
    graph = graph_of(Sequential(stem=ConvNormAct(4), body=body, head=Sequential(GlobalPool(), Linear(10))), (IMAGE,))
    names = set(build(graph).state_dict())
    assert {"stem.conv.weight", "stem.norm.running_mean", "body.1.depthwise.conv.weight", "head.1.bias"} <= names


def test_blocks_may_be_choices_of_one_another() -> None:
    space = Space(
        "mixed",
        inputs=Image(1, 8),
        network=Sequential(
            stem=ConvNormAct(
                choice(4, 8), norm=choice(blocks.BatchNorm(), blocks.GroupNorm(2)), activation=choice(ReLU(), SiLU())
            ),
            body=repeat(choice(InvertedResidual(8, expand=choice(2, 3)), Identity()), choice(1, 2)),
            cell=Cell.of(3, lambda i, j: choice(Zero(), Identity(), Conv(8), name=None)),
            head=Sequential(Flatten(), MLP(repeat(choice(8, 16), choice(1, 2)), 10)),
        ),
    )
    rng = random.Random(0)
    seen: set[str] = set()
    for _ in range(40):
        try:
            architecture = space.sample(rng)
            graph = lower(architecture)
        except ShapeError:
            continue
        body = architecture.networks["network"].body
        seen.update(architecture.decisions)
        build(graph)(torch.randn(2, 1, 8, 8))
        assert round_trip(body).fingerprint == body.fingerprint
    assert {"stem.norm", "stem.activation", "body.blocks.0", "cell.e01", "cell.e12", "head.1.hidden.times"} <= seen


def test_cell_names_its_edges_and_nodes() -> None:
    cell = Cell.of(4, lambda i, j: Conv(4))
    assert cell.child_names() == ("e01", "e02", "e12", "e03", "e13", "e23")
    assert Cell.of(4, lambda i, j: Conv(4), inputs=2).child_names() == ("e02", "e12", "e03", "e13", "e23")
    assert Cell.of(11, lambda i, j: Identity()).child_names()[-1] == "e9_10"
    graph = graph_of(cell, (IMAGE,))
    assert [n.path for n in graph.nodes if n.op.tag == "add"] == ["n2", "n3"]
    assert graph.cost.params == 6 * (4 * 4 * 9 + 4)


def test_cell_computes_the_sum_over_its_edges() -> None:
    graph = graph_of(Cell((Identity(), Conv(4), Zero())), (IMAGE,)).simplify()
    module = build(graph)
    x = torch.randn(2, 4, 8, 6)
    torch.testing.assert_close(module(x), module.get_submodule("e02")(x))
    assert [n.path for n in graph.nodes] == ["e02"]


def test_names_that_torch_modules_use_are_all_refused() -> None:
    taken = {n for n in (*dir(torch.nn.Module()), *dir(torch.fx.GraphModule)) if not n.startswith("_")}
    assert taken - TAKEN == set()


def test_importing_the_vocabulary_loads_no_torch() -> None:
    code = "import sys, nasengine.blocks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
