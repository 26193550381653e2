"""ENAS: cells whose nodes choose two earlier values and two operations, and whole networks of such choices.

Generalises the two search spaces of ENAS. `space` is the micro one: a normal and a reduction cell of five nodes, each
of which adds two of five operations on any two earlier values (the same twice, too); what no node took is the cell's
output. `macro`, in the same module, is the other: one operation a layer, and between any two layers a skip connection
or none; in front of each join everything is halved that a later layer still reads. Open around both: how many cells or
the operations, and the width. `enas_micro` and `enas_macro` are the networks that the authors trained last (figures 5
and 7 of the paper show such).

Papers: Pham et al. (2018), "Efficient neural architecture search via parameter sharing", sections 2.3 and 2.4.
Input: images of 3 x 32 x 32.
Task: classification into 10 classes.
Counts: derived, as the public code builds them. A 1 x 1 convolution with its norm from m to n channels has n (m + 2)
parameters, and so has a factorised reduction; a separable k x k of n channels, twice, 2 n (k^2 + n + 2). The nodes of
`enas_micro` then have 12 n^2 + 260 n in a normal and 13 n^2 + 230 n in a reduction cell; with n = 36, 72, 144 on 5, 6
and 6 cells they sum to 2,347,200. The cells give 5 n channels (4 n the reductions), whose projections, two a cell and
one more from n to n, have 1,536,840; stem 3,132, classifier 7,200: 3,894,372.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Image, Space, choice
from nasengine.blocks import (
    ActConvNorm,
    AvgPool,
    CellNetwork,
    Dropout,
    GlobalPool,
    Identity,
    Linear,
    MaxPool,
    PairCell,
    ReLU,
    SeparableStack,
    Sequential,
    SkipConnect,
    SkipNetwork,
)
from nasengine.space import Label

OPERATIONS: dict[str, Block] = {
    "sep_conv_3x3": SeparableStack(3),
    "sep_conv_5x5": SeparableStack(5),
    "avg_pool_3x3": AvgPool(3, 1, 1, count_padding=False),
    "max_pool_3x3": MaxPool(3, 1, 1),
    "skip_connect": SkipConnect(activation=Identity()),
}
"""The operations of a cell in the order of the public code's numbers."""

MICRO = ("0 2 0 0 0 4 0 1 0 4 1 1 1 0 0 1 0 2 1 1", "1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1")
"""The last normal and reduction cell: for each node two times source, operation."""

MACRO = """0
3 0
0 1 0
2 0 0 1
2 0 0 0 0
3 1 1 0 1 0
2 0 0 0 0 0 1
2 0 1 1 0 1 1 1
1 0 1 1 1 0 1 0 1
0 0 0 0 0 0 0 0 0 0
2 0 0 0 0 0 1 0 0 0 0
0 1 0 0 1 1 0 0 0 0 1 1
2 0 1 0 0 0 0 0 1 0 1 1 0
1 0 0 1 0 0 0 1 1 1 0 1 0 1
0 1 1 0 1 0 1 0 0 0 0 0 1 0 0
2 0 0 1 0 0 0 0 0 0 0 1 0 1 0 1
2 0 1 0 0 0 1 0 0 1 1 1 1 0 0 1 0
2 0 0 0 0 1 0 1 0 1 0 0 1 0 1 0 0 1
3 0 1 1 0 1 0 0 0 0 0 1 0 1 0 1 0 0 0
3 0 1 1 0 0 0 0 0 0 0 0 0 1 1 0 0 0 0 1
0 1 0 0 1 0 1 1 0 0 0 1 0 0 0 0 0 1 1 0 0
3 0 1 0 1 1 0 0 1 0 1 1 0 1 1 0 1 0 0 1 0 0
0 1 0 1 0 1 0 0 0 0 0 0 0 0 1 0 1 0 0 1 0 0 0
0 1 1 0 0 0 1 1 1 0 1 0 0 0 1 0 1 0 0 1 1 0 0 0"""
"""The last whole network, a layer a line: operation, then a skip or none from the stem and each layer but the last."""

MACRO_WINDOWS = (3, 3, 5, 5)
"""Windows of operations 0 to 3; the public code trains the last network with plain convolutions for all of them."""


def decisions(cells: tuple[str, str]) -> dict[str, Label]:
    """Decisions of a normal and a reduction cell in the public code's numbers."""
    found: dict[str, Label] = {}
    labels = tuple(OPERATIONS)
    for cell, text in zip(("normal", "reduction"), cells, strict=True):
        numbers = [int(n) for n in text.split()]
        for i in range(0, len(numbers), 2):
            node, place = i // 4, i // 2 % 2
            found[f"{cell}.sources.{node}.{place}"] = numbers[i]
            found[f"{cell}.node{node}.{('first', 'second')[place]}"] = labels[numbers[i + 1]]
    return found


def macro_decisions(arc: str) -> dict[str, Label]:
    """Decisions of a whole network in the public code's numbers, as the public code trains it."""
    found: dict[str, Label] = {}
    for layer, line in enumerate(arc.splitlines()):
        operation, *skips = [int(n) for n in line.split()]
        found[f"layer{layer}"] = f"conv_{MACRO_WINDOWS[operation]}x{MACRO_WINDOWS[operation]}"
        found |= {f"skips.{layer}.{i}": bool(skip) for i, skip in enumerate(skips)}
    return found


def cell(stride: int, drop_path: float, nodes: int) -> Block:
    """A cell, all of it open."""
    sources = tuple((choice(*range(n + 2)), choice(*range(n + 2))) for n in range(nodes))
    operations = tuple(choice(*OPERATIONS.values(), labels=tuple(OPERATIONS)) for _ in range(2 * nodes))
    return PairCell(operations, sources, stride, output="loose", drop_path=drop_path)


def head(outputs: int, keep: float, *, act: bool) -> Block:
    """Pooling, dropout and a linear map without bias."""
    first = ReLU() if act else Identity()
    return Sequential(act=first, pool=GlobalPool(), drop=Dropout(keep), classify=Linear(outputs, bias=False))


def micro(
    outputs: int = 10,
    *,
    size: int = 16,
    nodes: int = 3,
    channels: tuple[int, ...] = (4, 6, 8),
    cells: tuple[int, ...] = (3, 4, 5),
    name: str = "enas-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space of cells for a number of outputs; ``nodes`` a cell, widths and lengths to choose from."""
    drop_path = choice(0.0, 0.2, 0.4, name="drop_path")
    network = CellNetwork(
        normal=cell(1, drop_path, nodes),
        reduction=cell(2, drop_path, nodes),
        head=head(outputs, 0.2, act=True),
        cells=choice(*cells),
        channels=choice(*channels),
        entry="changed",
    )
    return Space(name, inputs=Image(3, size), network=network, references=references)


def layer() -> Block:
    """An operation of a whole network: a 1 × 1 convolution, then a window, each after a ReLU and before a norm."""
    windows = {
        "conv_3x3": ActConvNorm(kernel=3),
        "conv_5x5": ActConvNorm(kernel=5),
        "sep_conv_3x3": SeparableStack(3, depth=1),
        "sep_conv_5x5": SeparableStack(5, depth=1),
        "avg_pool_3x3": AvgPool(3, 1, 1, count_padding=False),
        "max_pool_3x3": MaxPool(3, 1, 1),
    }
    made = [Sequential(enter=ActConvNorm(), window=window) for window in windows.values()]
    return choice(*made, labels=tuple(windows))


def whole(
    outputs: int = 10,
    *,
    size: int = 16,
    layers: int = 6,
    channels: tuple[int, ...] = (4, 6, 8),
    name: str = "enas-macro-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space of whole networks for a number of outputs; ``layers`` in number, widths to choose from."""
    network = SkipNetwork(
        layers=tuple(layer() for _ in range(layers)),
        skips=tuple(tuple(choice(False, True) for _ in range(i)) for i in range(layers)),
        head=head(outputs, 0.5, act=False),
        channels=choice(*channels),
    )
    return Space(name, inputs=Image(3, size), network=network, references=references)


space = micro(
    size=32,
    nodes=5,
    channels=(20, 28, 36, 44),
    cells=(8, 11, 14, 17, 20),
    name="enas",
    references={"enas_micro": {**decisions(MICRO), "cells": 17, "channels": 36, "drop_path": 0.4}},
)
macro = whole(
    size=32,
    layers=24,
    channels=(36, 64, 96),
    name="enas-macro",
    references={"enas_macro": {**macro_decisions(MACRO), "channels": 96}},
)
small = micro()
macro_small = whole()
