"""Latents and queries."""

from __future__ import annotations

from block_types import FEATURES, IMAGE, SEQUENCE, Case, each

from nasengine.blocks import (
    Attention,
    CrossLayer,
    Embedding,
    JoinModalities,
    Latents,
    Patchify,
    PerceiverDecoder,
    PerceiverEncoder,
    Sequential,
    TransformerLayer,
)
from nasengine.graph import TensorType

IDS = TensorType((5,), "T", "int64")
OTHER = TensorType((3, 8), "TF")
LATENTS = TensorType((3, 10), "TF")
READS = Attention(2, head_features=3, value_features=5)

PRIMITIVES: list[Case] = [
    *each((IMAGE, FEATURES, SEQUENCE), Latents(3, 10)),
    (Latents(3, 10), (IDS,)),
]

COMPOSITES: list[Case] = [
    (READS, (SEQUENCE,)),
    (READS, (SEQUENCE, OTHER)),
    (Attention(4, kv_heads=2, value_features=5), (SEQUENCE,)),
    (CrossLayer(READS), (SEQUENCE, OTHER)),
    (CrossLayer(READS, residual=False), (SEQUENCE, OTHER)),
    (JoinModalities(image=Patchify(2, 6), text=Embedding(9, 6)), (IMAGE, IDS)),
    *[
        (PerceiverEncoder(3, 10, CrossLayer(READS), Sequential(TransformerLayer(READS)), n), (SEQUENCE,))
        for n in (1, 3)
    ],
    (PerceiverDecoder(4, 7, CrossLayer(READS)), (LATENTS,)),
]
