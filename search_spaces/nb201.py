"""NAS-Bench-201: one cell of six edges, all 15,625 members.

A cell is a graph of four nodes in a row; each of its six edges carries one of five operations, and a node is the sum
of what reaches it. The network is fixed around it: a stem, three stages of five cells at 16, 32 and 64 channels, a
residual block that halves the resolution between stages (figure 1 and section 2.1 of the paper). `best_cifar10` and
`best_cifar100` have the highest test accuracies in the published tables, 94.37 % and 73.51 %; `resnet` is the paper's
cell of a basic block.

Papers: Dong and Yang (2020), "NAS-Bench-201: extending the scope of reproducible neural architecture search".
Input: images of 3 x 32 x 32.
Task: classification into 10 classes (CIFAR-10), or as many as asked.
Counts: parameters of the declared network equal the published ones of every cell: the published networks hold the
weights of operations on dead edges too. A study trains the simplified network, where these are gone.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Composite, Image, Space, Value, Wiring, block, choice
from nasengine.blocks import (
    Add,
    AvgPool,
    BatchNorm,
    Cell,
    Conv,
    ConvNorm,
    GlobalPool,
    Identity,
    Linear,
    ReLU,
    Sequential,
    Zero,
)
from nasengine.errors import SpaceError
from nasengine.space import Label


@block("nb201_relu_conv_norm")
class ReLUConvNorm(Composite):
    """ReLU, convolution without bias, batch norm, in the published order. (C, H, W) → (C', H/stride, W/stride).

    ``channels`` 0 keeps those of the input.
    """

    kernel: int = 3
    channels: int = 0
    stride: int = 1

    def wire(self, net: Wiring, *inputs: Value) -> Value:
        (x,) = inputs
        y = net(ReLU(), x, name="act")
        channels = self.channels or x.channels
        return net(ConvNorm(channels, kernel=self.kernel, stride=self.stride), y, name="body")  # type: ignore[no-any-return]


@block("nb201_reduction")
class Reduction(Composite):
    """Residual block between stages. (C, H, W) → (channels, H/2, W/2)."""

    channels: int

    def wire(self, net: Wiring, *inputs: Value) -> Value:
        (x,) = inputs
        y = net(ReLUConvNorm(3, self.channels, stride=2), x, name="first")
        y = net(ReLUConvNorm(3, self.channels), y, name="second")
        shortcut = net(AvgPool(2, stride=2), x, name="pool")
        shortcut = net(Conv(self.channels, kernel=1, bias=False), shortcut, name="project")
        return net(Add(), shortcut, y, name="add")  # type: ignore[no-any-return]


OPERATIONS: dict[str, Block] = {
    "none": Zero(),
    "skip_connect": Identity(),
    "nor_conv_1x1": ReLUConvNorm(kernel=1),
    "nor_conv_3x3": ReLUConvNorm(kernel=3),
    "avg_pool_3x3": AvgPool(3, stride=1, padding=1, count_padding=False),
}
"""The published operations; their names are the labels of decisions."""


def edge(source: int, target: int) -> Block:
    """The operation on an edge: one decision for all cells, by the edge's name."""
    return choice(*OPERATIONS.values(), labels=tuple(OPERATIONS), name=f"e{source}{target}")


def nb201(
    outputs: int = 10,
    *,
    cells: int = 5,
    channels: int = 16,
    size: int = 32,
    name: str = "nb201",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for a number of outputs; ``cells`` a stage, ``channels`` in the first."""
    cell = Cell.of(4, edge)

    def stage() -> Block:
        return Sequential(*[cell] * cells)

    network = Sequential(
        stem=ConvNorm(channels, kernel=3),
        stage1=stage(),
        reduce1=Reduction(2 * channels),
        stage2=stage(),
        reduce2=Reduction(4 * channels),
        stage3=stage(),
        head=Sequential(norm=BatchNorm(), act=ReLU(), pool=GlobalPool(), classify=Linear(outputs)),
    )
    return Space(name, inputs=Image(3, size), network=network, references=references)


def decisions(arch: str) -> dict[str, str]:
    """Decisions of a published string, ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``.

    Raises:
        SpaceError: not such a string.
    """
    nodes = arch.split("+")
    found: dict[str, str] = {}
    for target, node in enumerate(nodes, start=1):
        for item in node.strip("|").split("|"):
            op, _, source = item.partition("~")
            found[f"e{source}{target}"] = op
    if len(nodes) != 3 or len(found) != 6:
        raise SpaceError(f"{arch!r}: a cell is written |op~0|+|op~0|op~1|+|op~0|op~1|op~2|; this has other edges")
    return found


CELLS = {
    "resnet": "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|",
    "best_cifar10": "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
    "best_cifar100": "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    "all_conv_3x3": "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
}
space = nb201(references={name: {**decisions(arch)} for name, arch in CELLS.items()})
small = nb201(cells=1, channels=8, size=16, name="nb201-small")
