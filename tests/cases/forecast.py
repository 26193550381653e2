"""Forecasting."""

from __future__ import annotations

from block_types import SIGNAL, Case, each

from nasengine.blocks import (
    Attention,
    LayerNorm,
    LearnedPositions,
    PatchTST,
    Sequential,
    SeriesNorm,
    SeriesPatches,
    SeriesRestore,
    TransformerLayer,
)
from nasengine.graph import TensorType

ONE = TensorType((4, 1), "CL")
SIDE_BY_SIDE = TensorType((3, 5, 12), "KTF")
LAYERS = Sequential(TransformerLayer(Attention(2)))

PRIMITIVES: list[Case] = [
    *each((SIGNAL,), SeriesNorm(), SeriesNorm(affine=False), SeriesPatches(3, 2), SeriesPatches(4, 4)),
    (SeriesRestore(), (SIGNAL, ONE, ONE)),
    *each((SIDE_BY_SIDE,), LearnedPositions(), LayerNorm()),
]

COMPOSITES: list[Case] = [
    *each((SIDE_BY_SIDE,), TransformerLayer(Attention(2))),
    *each((SIGNAL,), PatchTST(4, 2, 12, LAYERS, 3), PatchTST(3, 3, 8, LAYERS, 2, False, LayerNorm(), 0.1)),
]
