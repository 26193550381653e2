"""Detection as set prediction: positions of pixels, attention told where its sequences are, DETR."""

from __future__ import annotations

from block_types import IMAGE, SEQUENCE, Case, each

from nasengine.blocks import (
    DETR,
    Attention,
    Conv,
    Identity,
    LayerNorm,
    ReLU,
    Rotary,
    Sequential,
    SinePositions,
    Stack,
    TransformerLayer,
)
from nasengine.graph import TensorType

OTHER = TensorType((7, 8), "TF")
BIAS = TensorType((2, 5, 5), "ATS", batched=False)
TOLD = Attention(2, places=True)
ENCODER = Stack(Sequential(*[TransformerLayer(TOLD, pre_norm=False)] * 2))
DECODER = Stack(Sequential(*[TransformerLayer(TOLD, cross=TOLD, pre_norm=False)] * 2), norm=LayerNorm())

PRIMITIVES: list[Case] = [
    *each((IMAGE,), SinePositions(), SinePositions(False), SinePositions(base=20.0)),
    (SinePositions(), (TensorType((8, 1, 3), "CHW"),)),
]

COMPOSITES: list[Case] = [
    (TOLD, (SEQUENCE, SEQUENCE)),
    (TOLD, (SEQUENCE, SEQUENCE, BIAS)),
    (TOLD, (SEQUENCE, OTHER, SEQUENCE, OTHER)),
    (Attention(3, 1, positions=Rotary(), places=True), (SEQUENCE, SEQUENCE)),
    (TransformerLayer(TOLD, pre_norm=False), (SEQUENCE, SEQUENCE)),
    (TransformerLayer(TOLD, cross=TOLD), (SEQUENCE, OTHER, SEQUENCE, OTHER)),
    *each(
        (IMAGE,),
        DETR(Conv(4, 3, 2), ENCODER, DECODER, 3, 8, 5),
        DETR(Sequential(Conv(4, 3, 2), ReLU()), ENCODER, DECODER, 1, 12, 1, SinePositions(False), 1),
        DETR(Identity(), ENCODER, DECODER, 2, 4, 3, box_layers=2),
    ),
]
