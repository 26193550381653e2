"""Vision transformers."""

from __future__ import annotations

from block_types import IMAGE, Case, each

from nasengine.blocks import (
    Attention,
    Sequential,
    SpaceToDepth,
    SwinStage,
    TransformerLayer,
    VisionTransformer,
    WindowDotProduct,
)
from nasengine.graph import TensorType

GRID = TensorType((24, 12), "TF")
LAYERS = Sequential(TransformerLayer(Attention(2)))

PRIMITIVES: list[Case] = [
    *[(WindowDotProduct(4, 2, shift, heads=3), (GRID,) * 3) for shift in (0, 1)],
    *[(WindowDotProduct(4, 4, shift, heads=3), (GRID,) * 3) for shift in (0, 2)],
    *each((IMAGE,), SpaceToDepth()),
]

COMPOSITES: list[Case] = [
    *each(
        (IMAGE,),
        VisionTransformer(2, 12, LAYERS, 5),
        VisionTransformer(2, 12, LAYERS, 5, distil=True),
        VisionTransformer(2, 12, LAYERS, 0, pool="mean"),
        SwinStage(8, 2, 4, 2),
        SwinStage(4, 1, 2, 3, merge=False, drop_path=0.1),
    ),
]
