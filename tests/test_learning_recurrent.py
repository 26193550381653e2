"""Recurrent, temporal and convolutional-recurrent networks and encoder-decoders learn what they are for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import search_spaces.convlstm
import search_spaces.rnn
import search_spaces.seq2seq
import search_spaces.tcn
from nasengine import Architecture
from nasengine.graph.module import build

Batch = tuple[tuple[Tensor, ...], Tensor]


def train(member: Architecture, draw: Callable[[], Batch], steps: int, rate: float = 1e-2) -> float:
    """Share of right answers on new samples after some steps of Adam; the last axis of the output holds the classes."""
    torch.manual_seed(0)
    module = build(member.graph().simplify()).train()
    adam = torch.optim.Adam(module.parameters(), rate)
    cool = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(steps):
        inputs, target = draw()
        loss = F.cross_entropy(module(*inputs).flatten(0, -2), target.flatten())
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        adam.step()
        cool.step()
    with torch.no_grad():
        inputs, target = draw()
        right = module.eval()(*inputs).argmax(-1) == target
    return right.float().mean().item()


@pytest.mark.parametrize("kind", ["elman", "elman_relu", "jordan", "gru", "lstm"])
def test_recurrent_layers_keep_the_parity_of_bits(kind: str) -> None:
    """Whether the ones so far are an even number, after each of 10 bits; chance is 50 %, a map of one bit no better."""
    space = search_spaces.rnn.labels(10, 1, 2, widths=(24,), depths=(1,))
    member = space.select({"*.kind": kind, "*.bidirectional": False, "drop": "none"})

    def draw() -> Batch:
        bits = torch.randint(0, 2, (128, 10))
        return (2.0 * bits.unsqueeze(-1) - 1,), bits.cumsum(1) % 2

    assert train(member, draw, 400) > 0.9


@pytest.mark.parametrize("network", ["untied", "tied"])
def test_language_models_recall_what_was_said_before(network: str) -> None:
    """Two ids, repeated for ever: after the first two every next one is known; chance is one in 16."""
    chosen = {"network": network, "kind": "lstm", "*.length": 8, "embedding": 16, "dropout": "none"}
    more = {"*.times": 1, "*.features": 16} if network == "untied" else {"*.times": 0}
    member = search_spaces.rnn.small.select({**chosen, **more})

    def draw() -> Batch:
        ids = torch.randint(0, 16, (128, 2)).repeat(1, 5)
        return (ids[:, :8],), ids[:, 1:9]

    assert train(member, draw, 500) > 0.75  # the second id cannot be known: 7 of 8 is the most, but for luck


def test_a_temporal_network_recalls_a_marked_value() -> None:
    """A second channel marks one of 24 values; its quarter is told at the end; chance is one in 4."""
    chosen = {**search_spaces.tcn.PLAIN, "*.length": 24, "*.times": 3, "*.channels": 12, "kernel": 3, "dropout": 0.0}
    member = search_spaces.tcn.small.select({**chosen, "head.read": "last"})

    def draw() -> Batch:
        value, place = torch.rand(128, 24), torch.randint(0, 24, (128,))
        marks = F.one_hot(place, 24).float()
        return (torch.stack((value, marks), 1),), ((value * marks).sum(1) * 4).long()

    assert train(member, draw, 400) > 0.6


def test_a_convolutional_lstm_forecasts_where_a_dot_goes() -> None:
    """A dot moves one pixel a frame, to one of four sides; chance to name its pixel is one in 64."""
    chosen = {"network": "convolutional", "*.patch": 1, "*.times": 1, "*.features": 8, "peephole": True}
    member = search_spaces.convlstm.small.select({**chosen, "kernel": 3, "state_kernel": 3, "*.joined": True})
    graph = member.graph().simplify()

    def draw() -> tuple[Tensor, Tensor]:
        ways = torch.tensor([[0, 1], [0, -1], [1, 0], [-1, 0]])[torch.randint(0, 4, (64,))]
        place = (torch.randint(0, 8, (64, 1, 2)) + torch.arange(5).reshape(1, 5, 1) * ways.unsqueeze(1)) % 8
        pixels = place[..., 0] * 8 + place[..., 1]
        frames = F.one_hot(pixels, 64).float().reshape(64, 5, 1, 8, 8)
        return frames[:, :3], pixels[:, 3:]

    torch.manual_seed(0)
    module = build(graph)
    adam = torch.optim.Adam(module.parameters(), 1e-2)
    for _ in range(250):
        frames, pixels = draw()
        loss = F.cross_entropy(module(frames).flatten(2).flatten(0, 1), pixels.flatten())
        adam.zero_grad()
        loss.backward()
        adam.step()
    frames, pixels = draw()
    assert (module(frames).flatten(2).argmax(-1) == pixels).float().mean() > 0.6


@pytest.mark.parametrize(
    "decoder",
    [
        {"decoder": "bahdanau", "*.score": "concat", "*.hidden": 0, "*.readout.features": 16},
        {"decoder": "luong", "*.score": "dot", "*.feeding": False},
        {"decoder": "luong", "*.score": "general", "*.feeding": True},
        {"decoder": "luong", "*.score": "concat", "*.feeding": True},
    ],
    ids=lambda d: "-".join(str(v) for v in d.values()),
)
def test_attention_turns_a_sequence_round(decoder: dict[str, str | int | bool]) -> None:
    """Eight ids backwards, each told the one before it; chance is one in 8."""
    space = search_spaces.seq2seq.seq2seq(
        (8,), (9,), (8,), embeddings=(16,), widths=(32,), depths=(1,), hiddens=(0,), readouts=(16,)
    )
    member = space.select({"kind": "gru", "encoder.bidirectional": True, "copied": False, "dropout": 0.0, **decoder})

    def draw() -> Batch:
        ids = torch.randint(0, 8, (64, 8))
        turned = ids.flip(1)
        return (ids, torch.cat((torch.full((64, 1), 8), turned[:, :-1]), 1)), turned

    assert train(member, draw, 300) > 0.8
