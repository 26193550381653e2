"""From graphs to the kernels that a runtime executes, and what is read of them."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

import search_spaces
from nasengine import Block, Features, Graph, Image, Sequence, Space, choice
from nasengine.blocks import (
    BatchNorm,
    ChannelShuffle,
    Conv,
    ConvNormAct,
    Dropout,
    Flatten,
    GlobalPool,
    Linear,
    Recurrent,
    ReLU,
    Residual,
    Sequential,
)
from nasengine.graph.inputs import Input
from nasengine.hardware.predictor.features import readings
from nasengine.hardware.predictor.fusion import PRUNINGS, Program, program, programs
from search_spaces import nb201


def graph(inputs: Input, *blocks: Block) -> Graph:
    return Space("one", inputs=inputs, network=Sequential(*blocks)).sample(0).graph()


def kinds(found: Program) -> list[str]:
    return [kernel.kind for kernel in found.kernels]


def test_convolution_norm_and_activation_are_one_kernel() -> None:
    found = program(graph(Image(3, 8), ConvNormAct(4, kernel=3, stride=2), GlobalPool(), Linear(5), ReLU()))
    assert kinds(found) == ["conv dense 3 /2", "global_pool", "linear"]
    conv = found.kernels[0]
    assert conv.macs == 4 * 4 * 4 * 3 * 9
    assert conv.shapes == ((3, 8, 8), (4, 4, 4))
    assert (conv.read_bytes, conv.write_bytes) == (3 * 64 * 4, 4 * 16 * 4)
    assert conv.param_bytes == 4 * (4 * 3 * 9 + 2 * 4)
    assert found.reads == ((-1,), (0,), (1,))
    assert found.depth == 3


def test_windows_and_groups_are_kinds_of_their_own() -> None:
    blocks = (Conv(4, 3), Conv(4, 5), Conv(4, 3, groups=0), Conv(4, 1, groups=2))
    found = kinds(program(graph(Image(3, 8), *blocks)))
    assert found == ["conv dense 3", "conv dense 5", "conv depthwise 3", "conv grouped 1"]


def test_what_two_read_is_not_fused_away() -> None:
    found = program(graph(Image(4, 8), Conv(4, 3), Residual(Sequential(ReLU(), Conv(4, 3))), ReLU()))
    assert kinds(found) == ["conv dense 3", "activation", "conv dense 3", "add"]
    assert found.reads == ((-1,), (0,), (1,), (0, 2))
    assert found.edges == {
        ("input", "conv dense 3"): 1,
        ("conv dense 3", "activation"): 1,
        ("activation", "conv dense 3"): 1,
        ("conv dense 3", "add"): 2,
    }


def test_views_and_dropout_are_free_and_turned_axes_are_copied() -> None:
    free = program(graph(Image(2, 4), Conv(4, 1), Dropout(0.5), Flatten(), Linear(3)))
    assert kinds(free) == ["conv dense 1", "linear"]
    shuffled = program(graph(Image(4, 4), Conv(4, 1, groups=2), ChannelShuffle(2), Conv(4, 1, groups=2)))
    assert kinds(shuffled) == ["conv grouped 1", "copy", "conv grouped 1"]


def test_a_norm_before_a_convolution_is_pointwise_work() -> None:
    assert kinds(program(graph(Image(4, 8), BatchNorm(), ReLU(), Conv(4, 3)))) == ["activation", "conv dense 3"]


def test_a_recurrent_layer_launches_once_a_step() -> None:
    found = program(graph(Sequence(12, 4), Recurrent(8, kind="lstm", layers=2, bidirectional=True)))
    assert kinds(found) == ["lstm"]
    assert found.kernels[0].launches == 12 * 2 * 2


def test_prunings_leave_out_what_they_say() -> None:
    """Node 1 is pooled twice; the convolution to node 2 leads nowhere; node 3 also adds a pooling of zeros."""
    cell = "|avg_pool_3x3~0|+|nor_conv_3x3~0|none~1|+|avg_pool_3x3~0|skip_connect~1|none~2|"
    made = programs(nb201.nb201(cells=1, channels=4, size=8).decode(nb201.decisions(cell)).graph())
    pools = {name: kinds(one).count("avg_pool 3") for name, one in made.items()}
    convolutions = {name: kinds(one).count("conv dense 3") for name, one in made.items()}
    zeros = {name: kinds(one).count("zeros") for name, one in made.items()}
    assert pools == {"eager": 6, "declared": 6, "live": 6, "merged": 3, "folded": 6, "optimised": 3}
    fixed = 3  # stem, and the second one of two reductions
    assert convolutions == {**dict.fromkeys(PRUNINGS[:2], fixed + 3), **dict.fromkeys(PRUNINGS[2:], fixed)}
    assert zeros["eager"] == zeros["declared"] > zeros["live"] > zeros["folded"] == zeros["optimised"] == 0


def test_a_network_without_dead_parts_is_the_same_under_all() -> None:
    found = readings(graph(Image(3, 8), ConvNormAct(4), GlobalPool(), Linear(5)))
    assert len({id(found[pruning]) for pruning in PRUNINGS[1:]}) == 1


def test_an_eager_runtime_calls_every_operation() -> None:
    whole = graph(Image(2, 4), ConvNormAct(4, kernel=1), Dropout(0.5), Flatten(), Linear(3))
    found = program(whole, "eager")
    assert kinds(found) == ["conv dense 1", "batch_norm", "relu", "dropout", "flatten", "linear"]
    assert found.reads == ((-1,), (0,), (1,), (2,), (3,), (4,))
    assert [kernel.bytes for kernel in found.kernels[3:5]] == [0, 0]
    assert sum(kernel.macs for kernel in found.kernels) == whole.cost.macs


def spaces() -> list[str]:
    return [m.name for m in pkgutil.iter_modules(search_spaces.__path__) if not m.name.startswith("_")]


@pytest.mark.parametrize("family", spaces())
def test_kernels_of_every_family_hold_its_work(family: str) -> None:
    """All multiply-accumulates are in some kernel; what a kernel reads is made before it; equal graphs read equally."""
    space = importlib.import_module(f"search_spaces.{family}").small
    for seed in range(3):
        member = space.sample(seed)
        for name, network in member.networks.items():
            if not network.deployed:
                continue
            whole = member.graph(name).simplify()
            found = program(whole)
            assert sum(kernel.macs for kernel in found.kernels) == whole.cost.macs
            assert len(found.kernels) == len(found.reads) >= 1
            for place, sources in enumerate(found.reads):
                assert all(-1 <= source < place for source in sources)
            assert all(kernel.launches >= 1 and kernel.bytes > 0 for kernel in found.kernels)
            assert 1 <= found.depth <= len(found.kernels)
            again = space.decode(dict(member.decisions)).graph(name).simplify()
            assert readings(again) == readings(whole)


def test_names_and_order_of_nodes_do_not_matter() -> None:
    one = Space("a", inputs=Features(4), network=Sequential(first=Linear(8), act=ReLU(), last=Linear(choice(2, 3))))
    other = Space("b", inputs=Features(4), network=Sequential(Sequential(Linear(8), ReLU()), Linear(choice(2, 3))))
    assert readings(one.smallest().graph()) == readings(other.smallest().graph())
