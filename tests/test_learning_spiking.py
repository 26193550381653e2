"""Spiking networks learn handwritten digits through their surrogate gradients."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

from nasengine import Features, Image, Space
from nasengine.blocks import (
    LIF,
    ConvNormAct,
    DirectEncoding,
    FlattenSlices,
    Linear,
    MaxPool,
    MembraneReadout,
    RateEncoding,
    Sequential,
    VoteReadout,
)
from nasengine.graph import Block, Input
from nasengine.graph.module import build

FAST, ARCTAN = LIF(0.9), LIF(0.9, surrogate="arctan", slope=2.0)


def conv(neuron: LIF) -> Block:
    return Sequential(ConvNormAct(16, (1, 3, 3), activation=neuron), MaxPool((1, 2, 2)))


NETWORKS: dict[str, tuple[Input, Block, int]] = {
    "dense, rate, potential": (
        Features(64), Sequential(RateEncoding(8), Linear(64), FAST, MembraneReadout(10)), 10,
    ),
    "dense, direct, votes": (
        Features(64), Sequential(DirectEncoding(4), Linear(64), ARCTAN, VoteReadout(10, 5, ARCTAN)), 12,
    ),
    "convolutions, direct, potential": (
        Image(1, 8), Sequential(DirectEncoding(4), conv(FAST), conv(FAST), FlattenSlices(), MembraneReadout(10)), 5,
    ),
}  # fmt: skip
"""Input, network, epochs. Seeds 0 and 1 give 0.94 to 0.97 with either surrogate."""


def digits() -> tuple[Tensor, Tensor]:
    """Images from 0 to 1 in a fixed random order; the first 1,200 are to learn from, 597 to test."""
    found = load_digits()
    order = torch.randperm(1_797, generator=torch.Generator().manual_seed(0))
    return torch.tensor(found.images, dtype=torch.float32)[order] / 16, torch.tensor(found.target)[order]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_spiking_network_learns_digits(name: str) -> None:
    """90 % of 597 unseen digits; guessing gets 10 %."""
    inputs, root, epochs = NETWORKS[name]
    torch.manual_seed(0)
    module = build(Space("one", inputs=inputs, network=root).sample(0).graph().simplify())
    images, labels = digits()
    images = images.flatten(1) if isinstance(inputs, Features) else images.unsqueeze(1)
    optimizer = torch.optim.Adam(module.parameters(), lr=5e-3)
    for _ in range(epochs):
        for rows in torch.randperm(1_200).split(64):
            loss = F.cross_entropy(module.train()(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        right = module.eval()(images[1_200:]).argmax(1) == labels[1_200:]
    assert right.float().mean() >= 0.90
