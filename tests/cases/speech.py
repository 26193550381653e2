"""Speech."""

from __future__ import annotations

from block_types import Case

from nasengine.blocks import Attention, DotProduct, LogMel, Sequential, Stack, Transcriber, TransformerLayer
from nasengine.graph import TensorType

SOUND = TensorType((1, 800), "CL")
IDS = TensorType((5,), "T", "int64")
HEARS = Stack(Sequential(TransformerLayer(Attention(2))))
WRITES = Stack(Sequential(TransformerLayer(Attention(2, core=DotProduct(causal=True)), cross=Attention(2))))

PRIMITIVES: list[Case] = [(LogMel(20), (SOUND,)), (LogMel(8, 8_000, 64, 32), (SOUND,))]

COMPOSITES: list[Case] = [(Transcriber(9, 12, HEARS, WRITES, 5, 8, 20), (SOUND, IDS))]
