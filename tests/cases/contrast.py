"""Two towers."""

from __future__ import annotations

from block_types import ALL, FEATURES, IMAGE, SEQUENCE, Case, each

from nasengine.blocks import (
    Attention,
    GlobalPool,
    QuickGELU,
    Sequential,
    Stack,
    TakeHighest,
    Temperature,
    TextEncoder,
    TransformerLayer,
    TwoTowers,
    UnitNorm,
)
from nasengine.graph import TensorType

IDS = TensorType((5,), "T", "int64")
TEXT = TextEncoder(9, 12, Stack(Sequential(TransformerLayer(Attention(2)))))

PRIMITIVES: list[Case] = [
    *each(ALL, QuickGELU(), Temperature(), Temperature(0.5)),
    *each((FEATURES, SEQUENCE), UnitNorm()),
    (TakeHighest(), (IDS, SEQUENCE)),
]

COMPOSITES: list[Case] = [(TwoTowers(GlobalPool(), TEXT, 7), (IMAGE, IDS))]
