"""Cores of attention with linear cost."""

from __future__ import annotations

from block_types import SEQUENCE, Case, each

from nasengine.blocks import Attention, BlockSparse, GlobalWindow, LinearAttention, SlidingWindow
from nasengine.graph import TensorType

LONG = TensorType((11, 12), "TF")
FEWER = TensorType((11, 4), "TF")

CORES = [
    SlidingWindow(2, heads=2),
    SlidingWindow(3, causal=True, heads=2),
    SlidingWindow(50, heads=2),
    GlobalWindow(2, 1, heads=2),
    GlobalWindow(2, 3, heads=2),
    BlockSparse(2, 3, heads=2),
    BlockSparse(3, 2, causal=True, heads=2),
    LinearAttention(heads=2),
    LinearAttention(causal=True, heads=2),
    LinearAttention(causal=True, chunk=3, heads=2),
]
PRIMITIVES: list[Case] = [
    *[(core, (LONG,) * 3) for core in CORES],
    (SlidingWindow(2, heads=3, kv_heads=1), (LONG, FEWER, FEWER)),
    (LinearAttention(heads=3, kv_heads=1), (LONG, FEWER, FEWER)),
    (LinearAttention(heads=3), (SEQUENCE, LONG, LONG)),
]

SPARSE = (SlidingWindow(2), BlockSparse(2), LinearAttention())
COMPOSITES: list[Case] = each((LONG,), *(Attention(4, kv_heads=2, core=core) for core in SPARSE))
