"""Mixture of experts."""

from __future__ import annotations

from block_types import SEQUENCE, Case, each

from nasengine.blocks import (
    Attention,
    BalanceLoss,
    Experts,
    FeedForward,
    LanguageModel,
    MixtureOfExperts,
    Sequential,
    Stack,
    TransformerLayer,
)
from nasengine.graph import TensorType

SCORES = TensorType((5, 4), "TF")
LAYER = TransformerLayer(Attention(2), MixtureOfExperts(4, 2, 6, balance=True))

PRIMITIVES: list[Case] = [
    *[(Experts(n, 6, act), (SEQUENCE, SCORES)) for n, act in ((1, "silu"), (2, "gelu"), (4, "silu"))],
    *each((SCORES,), BalanceLoss(1), BalanceLoss(4)),
]

COMPOSITES: list[Case] = [
    *each(
        (SEQUENCE,),
        MixtureOfExperts(4, 2, 6),
        MixtureOfExperts(3, 1, 6, "gelu", FeedForward(hidden=5), balance=True),
        TransformerLayer(Attention(2), MixtureOfExperts(4, 2, 6)),
        Stack(Sequential(LAYER, LAYER)),
    ),
    *each((TensorType((6,), "T", "int64"),), LanguageModel(9, 12, Stack(Sequential(LAYER, LAYER)))),
]
