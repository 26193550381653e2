"""Latents: one set for every sample; what reads them; what they cost; what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from blocks_cases import graph_of

from nasengine.blocks import (
    Attention,
    CrossLayer,
    Embedding,
    FeedForward,
    JoinModalities,
    Latents,
    Patchify,
    PerceiverDecoder,
    PerceiverEncoder,
    Sequential,
    TransformerLayer,
)
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph import Block, TensorType
from nasengine.graph.module import build

SEQUENCE = TensorType((5, 12), "TF")
IMAGE = TensorType((4, 8, 6), "CHW")
IDS = TensorType((5,), "T", "int64")


def encoder(blocks: int) -> PerceiverEncoder:
    layer = TransformerLayer(Attention(2), FeedForward(1.0))
    return PerceiverEncoder(3, 8, CrossLayer(Attention(2)), Sequential(layer, layer), blocks)


def test_latents_are_the_same_whatever_the_sample() -> None:
    module = build(graph_of(Latents(3, 8), (SEQUENCE,)))
    made = module(torch.randn(4, 5, 12))
    assert made.shape == (4, 3, 8)
    assert torch.equal(made, module.state_dict().popitem()[1].expand(4, 3, 8))
    assert made.std() > 0


def test_repeats_of_the_block_cost_macs_and_no_parameters() -> None:
    once, twice, thrice = (graph_of(encoder(n), (SEQUENCE,)).cost for n in (1, 2, 3))
    assert once.params == twice.params == thrice.params
    assert thrice.macs - twice.macs == twice.macs - once.macs > 0


def test_only_the_reading_grows_with_the_input() -> None:
    cost = [graph_of(encoder(2), (TensorType((n, 12), "TF"),)).cost for n in (100, 200, 300)]
    assert cost[0].params == cost[1].params
    # keys and values of 8 out of 12 features for each position, then 3 latents by 8 features, twice
    assert cost[2].macs - cost[1].macs == cost[1].macs - cost[0].macs == 100 * (2 * 12 * 8 + 2 * 3 * 8)


def test_an_encoder_does_not_see_the_order_of_its_input() -> None:
    """It has positions only where the input has them: a permuted input gives equal latents."""
    torch.manual_seed(0)
    module = build(graph_of(encoder(2), (SEQUENCE,))).eval()
    x = torch.randn(2, 5, 12)
    torch.testing.assert_close(module(x), module(x[:, torch.tensor([3, 1, 4, 0, 2])]), rtol=1e-5, atol=1e-5)
    assert (module(x) - module(x + torch.randn_like(x))).abs().max() > 1e-4


def test_without_a_shortcut_the_query_itself_is_lost() -> None:
    """Of one source position every query reads the same: only the shortcut tells queries apart."""
    torch.manual_seed(0)
    types = (SEQUENCE, TensorType((1, 8), "TF"))
    inputs = [torch.randn(2, *t.shape) for t in types]
    kept, lost = (
        build(graph_of(CrossLayer(Attention(2), residual=r), types)).eval()(*inputs).std(1).max() for r in (True, False)
    )
    assert lost < 1e-5 < 0.1 < kept


def test_values_may_be_of_a_size_of_their_own() -> None:
    graph = graph_of(Attention(2, head_features=3, value_features=5), (SEQUENCE,))
    assert graph.cost.params == 2 * (12 * 6 + 6) + (12 * 10 + 10) + (10 * 12 + 12)
    same, given = (graph_of(Attention(2, value_features=n), (SEQUENCE,)).cost for n in (0, 6))
    assert same == given


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Latents(0, 8), "latents: count >= 1 and features >= 1; got 0 and 8"),
        (lambda: JoinModalities(), "join_modalities: at least one modality; got none; give an embedding for each"),
        (lambda: PerceiverEncoder(3, 8, CrossLayer(Attention(2)), Sequential(), 0), "perceiver_encoder.blocks: at le"),
        (lambda: Attention(2, value_features=-1), "attention.value_features: at least 1, or 0 for head_features; got"),
    ],
)
def test_sizes_that_make_no_sense(make: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


@pytest.mark.parametrize(
    ("block", "inputs", "message"),
    [
        (Latents(3, 8), (TensorType((7, 12), "NF", batched=False),), "latents: it takes a batch; got"),
        (
            JoinModalities(Patchify(2, 6), Embedding(9, 6)),
            (IMAGE,),
            "join_modalities: one input a modality; got 1 inputs for 2 embeddings; give as many of both",
        ),
        (
            JoinModalities(Patchify(2, 6), Embedding(9, 7)),
            (IMAGE, IDS),
            "join.*: vectors of one size; got .*; map one of them with Linear first",
        ),
        (PerceiverDecoder(2, 7, CrossLayer(Attention(2))), (SEQUENCE,), "attention.heads: they divide the features"),
    ],
)
def test_inputs_that_do_not_fit(block: Block, inputs: tuple[TensorType, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        graph_of(block, inputs)
