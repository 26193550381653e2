"""Sparse and linear attention equal full attention under a mask, and cost what grows with the length alone."""

from __future__ import annotations

import pytest
import torch
from blocks_cases import graph_of
from torch.nn import functional as F

from nasengine.blocks import Attention, BlockSparse, GlobalWindow, LinearAttention, SlidingWindow
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph import Block, TensorType
from nasengine.graph.module import build

T, HEADS = 23, 2
PLACE = torch.arange(T)
APART = PLACE.unsqueeze(1) - PLACE


def run(core: Block, *inputs: torch.Tensor) -> torch.Tensor:
    types = tuple(TensorType(tuple(x.shape[1:]), "TF") for x in inputs)
    out: torch.Tensor = build(graph_of(core, types)).eval()(*inputs)
    return out


def masked(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    q, k, v = (x.unflatten(2, (HEADS, -1)).transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).flatten(2)


@pytest.mark.parametrize(
    ("core", "seen"),
    [
        (SlidingWindow(4, heads=HEADS), APART.abs() <= 4),
        (SlidingWindow(5, causal=True, heads=HEADS), (APART >= 0) & (APART <= 5)),
        (GlobalWindow(3, 2, heads=HEADS), (APART.abs() <= 3) | (PLACE < 2) | (PLACE < 2).unsqueeze(1)),
        (BlockSparse(4, 2, heads=HEADS), ((PLACE // 4).unsqueeze(1) == PLACE // 4) | (PLACE // 4 % 2 == 0)),
        (
            BlockSparse(4, 3, causal=True, heads=HEADS),
            (((PLACE // 4).unsqueeze(1) == PLACE // 4) | (PLACE // 4 % 3 == 0)) & (APART >= 0),
        ),
    ],
    ids=lambda p: repr(p)[:40] if isinstance(p, Block) else "",
)
def test_a_pattern_is_full_attention_under_its_mask(core: Block, seen: torch.Tensor) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, T, 12) for _ in range(3))
    torch.testing.assert_close(run(core, q, k, v), masked(q, k, v, seen), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_linear_attention_is_its_definition(causal: bool) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, T, 12) for _ in range(3))
    phi_q, phi_k = (F.elu(x.unflatten(2, (HEADS, -1)).transpose(1, 2)) + 1 for x in (q, k))
    weights = phi_q @ phi_k.transpose(2, 3)
    weights = weights.tril() if causal else weights
    wanted = (weights / weights.sum(-1, keepdim=True)) @ v.unflatten(2, (HEADS, -1)).transpose(1, 2)
    found = run(LinearAttention(causal=causal, chunk=5, heads=HEADS), q, k, v)
    torch.testing.assert_close(found, wanted.transpose(1, 2).flatten(2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("core", [SlidingWindow(16), GlobalWindow(16), LinearAttention(), LinearAttention(causal=True)])
def test_cost_grows_linearly_where_full_attention_grows_with_the_square(core: Block) -> None:
    def products(block: Block, length: int) -> int:
        whole = graph_of(block, (TensorType((length, 32), "TF"),)).cost.macs
        return whole - 4 * length * 32 * 32  # less the maps

    assert products(Attention(4, core=core), 4096) == pytest.approx(
        4 * products(Attention(4, core=core), 1024), rel=0.01
    )
    assert products(Attention(4), 4096) == 16 * products(Attention(4), 1024)


SHORT, LONG = TensorType((5, 12), "TF"), TensorType((7, 12), "TF")


@pytest.mark.parametrize(
    ("core", "types", "message"),
    [
        (SlidingWindow(2, heads=2), (SHORT, LONG, LONG), "sliding_window: one sequence attends to itself, without a b"),
        (GlobalWindow(2, 6, heads=2), (SHORT,) * 3, "global_window.tokens: no more than positions; got 6"),
        (LinearAttention(causal=True, heads=2), (SHORT, LONG, LONG), "linear_attention: sequences without a bias, one"),
    ],
)
def test_types_that_do_not_fit(core: Block, types: tuple[TensorType, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        graph_of(core, types)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SlidingWindow(0), "sliding_window.window: at least 1; got 0"),
        (lambda: GlobalWindow(2, 0), "global_window: window and tokens >= 1; got 2 and 0"),
        (lambda: BlockSparse(0), "block_sparse: block and stride >= 1; got 0 and 4"),
        (lambda: LinearAttention(chunk=0), "linear_attention.chunk: at least 1; got 0"),
    ],
)
def test_fields_that_cannot_be(make: object, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()  # type: ignore[operator]
