"""Attention, positions and embeddings: what they refuse, and that they are what the papers write."""

from __future__ import annotations

import math

import pytest
import torch
from block_types import FEATURES, IMAGE, NODES, SEQUENCE, SIGNAL
from blocks_cases import Block, graph_of

from nasengine.blocks import (
    Alibi,
    Attention,
    DotProduct,
    Embedding,
    FeedForward,
    LearnedPositions,
    Lookup,
    PrependTokens,
    Project,
    RelativeBias,
    Rotary,
    SinusoidalPositions,
    Span,
    Take,
)
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph import TensorType
from nasengine.graph.module import build

IDS = TensorType((6,), "T", "int64")
SIX = TensorType((5, 6), "TF")
SEVEN = TensorType((7, 12), "TF")
TABLE = TensorType((9, 12), "KF", batched=False)


@pytest.mark.parametrize(
    ("block", "types", "message"),
    [
        (Embedding(9, 4), (FEATURES,), r"embedding: it takes ids, int64; got .*; use Linear on real numbers"),
        (Lookup(), (IDS, SEQUENCE), r"lookup: its last input is a table, \(kinds, features\); got"),
        (Project(), (SIX, TABLE), "project: features on the last axis, as many as the table's; got"),
        (LearnedPositions(3), (SEQUENCE,), "learned_positions.length: the sequence is no longer; got .* for 3 pos"),
        (LearnedPositions(), (SIGNAL,), r"learned_positions: it takes a sequence, \(T, F\); got"),
        (Rotary(heads=5), (SEQUENCE,), "rotary: an even number of each head's features is turned; got"),
        (Alibi(), (SEQUENCE, SEQUENCE), "alibi.heads: at least 1; got 0; give heads, or let an Attention hold it"),
        (PrependTokens(), (NODES,), "prepend_tokens: it takes a batch; got"),
        (Take(5), (SEQUENCE,), "take.position: one of the 5 positions; got 5"),
        (Span(3, 2), (SEQUENCE,), "span: 0 <= start < stop <= 5; got 3 and 2"),
        (DotProduct(), (SEQUENCE,) * 3, "dot_product.heads: at least 1 and a multiple of kv_heads; got 0 and 0"),
        (DotProduct(2), (IMAGE,) * 3, "dot_product: it takes sequences; got .*; put ToSequence before the attention"),
        (DotProduct(5), (SEQUENCE,) * 3, "dot_product.heads: features are a multiple of heads; got 12, 12 and 12"),
        (DotProduct(2), (SEQUENCE, SIX, SIX), "dot_product: queries and keys have one size a head"),
        (DotProduct(2, causal=True), (SEQUENCE, SEVEN, SEVEN), "dot_product.causal: queries and keys are one sequence"),
        (
            DotProduct(2),
            (SEQUENCE, SEQUENCE, SEQUENCE, TensorType((2, 5, 4), "ATS", batched=False)),
            r"dot_product: a bias is \(heads, T, S\) = \(2, 5, 5\); got",
        ),
        (Attention(5), (SEQUENCE,), "attention.heads: they divide the features; got 5 heads for"),
        (Attention(head_features=5), (SEQUENCE,), "attention.heads: they divide the features; got 5 features a head"),
        (Attention(4, kv_heads=3), (SEQUENCE,), "attention.kv_heads: they divide the heads; got 3 for 4 heads"),
    ],
    ids=lambda p: repr(p)[:40],
)
def test_types_that_do_not_fit(block: Block, types: tuple[TensorType, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        graph_of(block, types)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Embedding(0, 4), "embedding: vocabulary >= 1 and features >= 1; got 0 and 4"),
        (lambda: LearnedPositions(-1), "learned_positions.length: at least 1, or 0 for the input's; got -1"),
        (lambda: Rotary(share=0.0), r"rotary: base > 1 and share in \(0, 1\]; got"),
        (lambda: RelativeBias(2), "relative_bias: at least 4 buckets, and farthest beyond half of them; got 2"),
        (lambda: PrependTokens(0), "prepend_tokens.count: at least 1; got 0"),
        (lambda: DotProduct(dropout=1.0), r"dot_product: heads, kv_heads and scale >= 0, dropout in \[0, 1\)"),
        (lambda: Attention(), "attention: give heads, head_features or both; kv_heads >= 0"),
        (lambda: FeedForward(0), "feed_forward: ratio > 0, hidden and features >= 0; got 0"),
    ],
)
def test_fields_that_cannot_be(make: object, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()  # type: ignore[operator]


def run(block: Block, *inputs: torch.Tensor) -> torch.Tensor:
    types = tuple(TensorType(tuple(t.shape[1:]), "TF") for t in inputs)
    torch.manual_seed(0)
    out: torch.Tensor = build(graph_of(block, types)).eval()(*inputs)
    return out


def test_rotary_turns_pairs_so_that_products_depend_on_distance_alone() -> None:
    """Su et al., 2021, eq. 16: the product of a query and a key depends on their places only through the distance."""
    for neighbours in (False, True):
        q, k = (run(Rotary(heads=1, neighbours=neighbours), torch.randn(1, 1, 8).expand(1, 9, 8)) for _ in range(2))
        products = (q @ k.transpose(1, 2))[0]
        for apart in range(-4, 5):
            diagonal = torch.diagonal(products, apart)
            torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=1e-4, atol=1e-4)


def test_sines_and_cosines_are_the_papers() -> None:
    waves = run(SinusoidalPositions(), torch.zeros(1, 7, 10))[0]
    for position in range(7):
        for i in range(5):
            angle = position / 10_000 ** (2 * i / 10)
            assert waves[position, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-5)
            assert waves[position, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-5)


def test_alibi_slopes_are_the_papers() -> None:
    """Press et al., 2022, section 3: for 8 heads 1/2, 1/4, ..., 1/256."""
    bias = run(Alibi(heads=8), torch.zeros(1, 4, 2), torch.zeros(1, 4, 2))
    assert [-bias[h, 1, 0].item() for h in range(8)] == [2.0**-n for n in range(1, 9)]
    assert bias[0, 3, 0].item() == -1.5


def test_grouped_heads_are_repeated_heads() -> None:
    q, k, v = torch.randn(2, 5, 12), torch.randn(2, 5, 6), torch.randn(2, 5, 6)

    def wide(x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(-1, (2, 3)).repeat_interleave(2, dim=2).flatten(2)

    torch.testing.assert_close(run(DotProduct(4, 2), q, k, v), run(DotProduct(4), q, wide(k), wide(v)))


def test_a_causal_attention_does_not_see_what_comes_later() -> None:
    x = torch.randn(1, 6, 12)
    y = torch.cat((x[:, :4], torch.randn(1, 2, 12)), 1)
    for bias in (Alibi(), RelativeBias(both=False)):
        block = Attention(2, core=DotProduct(causal=True), position_bias=bias)
        torch.testing.assert_close(run(block, x)[:, :4], run(block, y)[:, :4])
        assert not torch.equal(run(block, x)[:, 4:], run(block, y)[:, 4:])
