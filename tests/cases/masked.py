"""Masked autoencoders and SegFormer."""

from __future__ import annotations

from block_types import IMAGE, SEQUENCE, Case, each

from nasengine.blocks import (
    Attention,
    KeepTokens,
    MaskedAutoencoder,
    MixFeedForward,
    MixStage,
    ReducedAttention,
    RestoreTokens,
    SegFormer,
    Sequential,
    TransformerLayer,
)
from nasengine.graph import TensorType

GRID = TensorType((24, 12), "TF")
NOISE, FEWER = TensorType((5,), "F"), TensorType((4,), "F")
PLACES = TensorType((5,), "T", "int64")
LAYERS = Sequential(TransformerLayer(Attention(2)))
PATCHES = TensorType((12,), "F")

PRIMITIVES: list[Case] = [
    (KeepTokens(0.5), (SEQUENCE, NOISE)),
    (KeepTokens(0.5, 1), (SEQUENCE, FEWER)),
    (RestoreTokens(), (TensorType((2, 12), "TF"), PLACES)),
    (RestoreTokens(1), (TensorType((3, 12), "TF"), PLACES)),
]

COMPOSITES: list[Case] = [
    (MaskedAutoencoder(2, 12, LAYERS, 8, LAYERS, 0.5), (IMAGE, PATCHES)),
    *each((GRID,), ReducedAttention(4, 6), ReducedAttention(4, 4, 2), MixFeedForward(4, 1.5)),
    *each(
        (IMAGE,),
        MixStage(8, 1, 4, reduction=1),
        MixStage(8, 2, 8, 7, 2, 1, drop_path=0.1),
        SegFormer(Sequential(MixStage(4, 1, 4, stride=1, reduction=2), MixStage(8, 1, 4)), 3, 6),
    ),
]
