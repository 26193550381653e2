"""The networks that the tests of source and export share: one for each thing that can go wrong."""

from __future__ import annotations

import random
from typing import ClassVar

import torch
from torch import fx

from nasengine import Architecture, Composite, Features, Image, Space, Value, Wiring, block
from nasengine.blocks import (
    MLP,
    Add,
    AvgPool,
    BatchNorm,
    Bottleneck,
    Branches,
    Cell,
    Concat,
    Conv,
    ConvNorm,
    ConvNormAct,
    DropPath,
    Flatten,
    GlobalPool,
    Identity,
    InvertedResidual,
    LayerNorm,
    Linear,
    MaxPool,
    Multiply,
    ReLU,
    Residual,
    Sequential,
    SqueezeExcite,
    Zero,
)
from nasengine.graph import Graph
from nasengine.graph.module import build
from nasengine.space import Spec


@block("export_two_towers")
class TwoTowers(Composite):
    """Two inputs, two outputs, a shared MLP, and namespaces that are no place of their own."""

    output_names: ClassVar[tuple[str, ...]] = ("logits", "distance")

    def wire(self, net: Wiring, *inputs: Value) -> tuple[Value, ...]:
        image, features = inputs
        pooled = net(GlobalPool(), net(ConvNormAct(8), image, name="stem"), name="pool")
        shared = net.module(MLP((16, 8)), name="shared")
        own = net(Linear(8), features, name="towers.0")
        a, b = shared(pooled), shared(own)
        both = net(Concat(), a, b, own, name="both")
        return net(Linear(10), both, name="towers.1"), net(Linear(2), b, name="distance")


@block("export_halves")
class Halves(Composite):
    """Two outputs of one value."""

    def wire(self, net: Wiring, *inputs: Value) -> tuple[Value, ...]:
        (x,) = inputs
        hidden = net(Linear(6), x, name="trunk")
        return net(Linear(6), hidden, name="left"), net(Linear(6), hidden, name="right")


@block("export_uneven_sharing")
class UnevenSharing(Composite):
    """A shared block of whose first application only one output is used."""

    def wire(self, net: Wiring, *inputs: Value) -> Value:
        (x,) = inputs
        halves = net.module(Halves(), name="halves")
        first, _ = halves(x)
        left, right = halves(first)
        return net(Add(), left, right, name="sum")  # type: ignore[no-any-return]


@block("export_awkward_names")
class AwkwardNames(Composite):
    """Names that are no attributes: numbers, those of a dictionary's methods, several levels deep."""

    def wire(self, net: Wiring, *inputs: Value) -> Value:
        (x,) = inputs
        keys, values = net(Linear(4), x, name="attention.keys"), net(Linear(4), x, name="attention.values")
        a, b = net(Linear(4), x, name="deep.0.inner"), net(Linear(4), x, name="deep.1.outer")
        c, d = net(Linear(4), x, name="plain"), net(Linear(4), x, name="7")
        e, f = net(Linear(4), x, name="named.left"), net(Linear(4), x, name="named.right")
        return net(Add(), keys, values, a, b, c, d, e, f, name="sum")  # type: ignore[no-any-return]


@block("export_gate")
class Gate(Composite):
    """A product that is also kept, and an input that is handed on."""

    output_names: ClassVar[tuple[str, ...]] = ("z", "same", "a")

    def wire(self, net: Wiring, *inputs: Value) -> tuple[Value, ...]:
        x, gate = inputs
        y = net(Multiply(), x, gate, name="product")
        return net(ReLU(), y, name="act"), x, y


CELL = Cell.of(4, lambda i, j: (ConvNormAct(8), Zero(), Identity(), AvgPool(3, 1, padding=1))[(i + 2 * j) % 4])

NETWORKS: dict[str, tuple[dict[str, Spec], Spec]] = {
    "cnn": (
        {"image": Image(3, 16)},
        Sequential(
            stem=ConvNormAct(8, stride=2),
            body=Sequential(
                InvertedResidual(8, attention=SqueezeExcite()),
                InvertedResidual(8, attention=SqueezeExcite(), drop_path=0.1),
                Identity(),
                InvertedResidual(12, stride=2, kernel=5),
                Bottleneck(12),
                Residual(Sequential(Conv(12), LayerNorm())),
                Branches(Conv(4), Conv(8), pool=MaxPool(3, 1, padding=1)),
            ),
            head=Sequential(GlobalPool(), DropPath(0.1), Linear(10)),
        ),
    ),
    "mlp": ({"features": Features(16)}, MLP((32, 32, 32), features=3)),
    "two_towers": ({"image": Image(3, 8), "features": Features(8)}, TwoTowers()),
    "uneven_sharing": ({"input": Features(6)}, UnevenSharing()),
    "zeros": (
        {"input": Image(3, 8)},
        Sequential(
            stem=ConvNorm(8),
            body=Sequential(Zero(), BatchNorm(), Residual(Sequential(Conv(8), Zero()))),
            head=Sequential(GlobalPool(), Linear(10)),
        ),
    ),
    "cells": (
        {"input": Image(3, 8)},
        Sequential(stem=ConvNorm(8), cells=Sequential(CELL, CELL, CELL), head=Sequential(Flatten(), Linear(4))),
    ),
    "awkward_names": ({"input": Features(4)}, AwkwardNames()),
    "gate": ({"value": Features(4), "gate": Features(4)}, Gate()),
    "one_layer": ({"input": Features(4)}, Linear(3)),
    "nothing": ({"input": Features(4)}, Identity()),
}
EXPORTED = ("cnn", "mlp", "two_towers", "uneven_sharing", "zeros")
"""Those that are written in every format; the others are printed as source only."""


def architecture(name: str) -> Architecture:
    """The only member of a space that holds one of the networks."""
    inputs, network = NETWORKS[name]
    return Space(name, inputs=inputs, network=network).sample(random.Random(0))


def graph(name: str) -> Graph:
    """The simplified graph of one of the networks."""
    return architecture(name).graph().simplify()


def trained(graph: Graph, seed: int = 0) -> fx.GraphModule:
    """The network as if it had been trained: every weight and statistic is random."""
    module = build(graph)
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                spread = torch.rand(tensor.shape, generator=rng)
                tensor.copy_(0.5 + spread if name.endswith("running_var") else spread - 0.5)
    return module


__all__ = ["EXPORTED", "NETWORKS", "architecture", "graph", "trained"]
