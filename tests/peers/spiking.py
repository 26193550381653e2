"""Spiking networks against plain torch that walks through the layers step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from reference.spiking import SpikingNetwork
from torch import Tensor, nn

from nasengine import Graph, Space
from nasengine.graph.module import example_inputs
from peers import Peer, State, Twin, by_rules
from search_spaces import spiking

PLIF: dict[str, Any] = {
    "hidden": (2048,), "steps": 8, "votes": 10, "decay": 0.5, "hard": True, "learned": True, "scaled": True
}  # fmt: skip
PLAIN: dict[str, Any] = {"decay": 0.95, "hard": False, "learned": False, "scaled": False}


def network(*sizes: Any, **more: Any) -> Callable[[], nn.Module]:
    return lambda: SpikingNetwork(*sizes, **more)


PEERS = [
    Peer("spiking", "plif_mnist", network(1, 28, 128, (1, 1), **PLIF)),
    Peer("spiking", "plif_cifar10", network(3, 32, 256, (3, 3), **PLIF)),
    Peer("spiking", "dense_1000", network(784, 1, 0, (), (1000,), steps=25, bias=True, **PLAIN), "dense"),
]


def slices(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """Steps are slices of a volume: kernels have one more axis. One convolution a stage."""
    made = {name: t.unsqueeze(2) if t.dim() == 4 else t for name, t in theirs.items()}
    return by_rules(
        (r"^convs\.(\d+)", r"stages.blocks.\1.layers.blocks.0.conv"),
        (r"^norms\.(\d+)", r"stages.blocks.\1.layers.blocks.0.norm"),
        (r"^fires\.(\d+)\.logit", r"stages.blocks.\1.layers.blocks.0.act.decay"),
        (r"^linears\.(\d+)", r"hidden.blocks.\1.linear"),
        (r"^linear_fires\.(\d+)\.logit", r"hidden.blocks.\1.neuron.decay"),
        (r"^output", "readout.linear"), (r"^vote\.logit", "readout.neuron.decay"),
    )(ours, made)  # fmt: skip


def strong(graph: Graph) -> tuple[Tensor, ...]:
    """Inputs at which neurons of every layer fire."""
    return tuple(8 * x for x in example_inputs(graph, batch=4))


def twin(name: str, space: Space, decisions: dict[str, Any], theirs: Callable[[], nn.Module]) -> Twin:
    return Twin(name, lambda: space.select(decisions).graph(), theirs, slices, inputs=strong)


NEURON = {"reset": "subtract", "surrogate": "arctan", "slope": 2.0, "learned": False, "scaled": False}

TWINS = [
    twin(
        "spiking convolutions, votes",
        spiking.small,
        {
            "encoding": "direct", "steps": 4, "stages.times": 2, "norm": "batch_norm", "channels": 8, "pool": "max",
            "hidden.times": 1, "dropout": "0.5", "hidden.*.features": 32, "bias": False, "readout": "votes",
            "*.votes": 2, **NEURON, "decay": 0.5, "reset": "zero", "learned": True,
        },
        network(1, 8, 8, (1, 1), **{**PLIF, "hidden": (32,), "steps": 4, "votes": 2, "scaled": False}),
    ),
    twin(
        "spiking dense, rate and potential",
        spiking.dense_small,
        {
            "encoding": "rate", "steps": 4, "hidden.times": 2, "hidden.*.features": 32, "bias": True,
            "dropout": "none", "readout": "membrane", "decay": 0.95, **NEURON,
        },
        network(16, 1, 0, (), (32, 32), steps=4, rate=True, bias=True, **PLAIN),
    ),
    twin(
        "spiking dense, learned decay",
        spiking.dense_small,
        {
            "encoding": "direct", "steps": 4, "hidden.times": 1, "hidden.*.features": 32, "bias": False,
            "dropout": "none", "readout": "membrane", **NEURON, "decay": 0.8, "learned": True, "scaled": True,
        },
        network(16, 1, 0, (), (32,), steps=4, decay=0.8, hard=False, learned=True, scaled=True),
    ),
]  # fmt: skip
