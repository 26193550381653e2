"""Embeddings, positions, attention, transformer layers."""

from __future__ import annotations

from block_types import JOINED, NODES, SEQUENCE, Case, each

from nasengine.blocks import (
    Alibi,
    Attention,
    DotProduct,
    Embedding,
    EncoderDecoder,
    FeedForward,
    LanguageModel,
    LayerNorm,
    LearnedPositions,
    Linear,
    Lookup,
    PrependTokens,
    Project,
    RelativeBias,
    RMSNorm,
    Rotary,
    Scale,
    Sequential,
    SiLU,
    SinusoidalPositions,
    Span,
    Stack,
    Sublayer,
    Take,
    TextEncoder,
    TiedEmbedding,
    TransformerLayer,
)
from nasengine.graph import TensorType

IDS = TensorType((6,), "T", "int64")
TABLE = TensorType((9, 12), "KF", batched=False)
OTHER = TensorType((7, 8), "TF")
VALUES = TensorType((7, 16), "TF")
BIAS = TensorType((2, 5, 5), "ATS", batched=False)
CAUSAL = DotProduct(causal=True)
LAYER = TransformerLayer(Attention(2))
DECODES = TransformerLayer(Attention(2, core=CAUSAL), cross=Attention(3))

PRIMITIVES: list[Case] = [
    *each((IDS,), Embedding(9, 12), TiedEmbedding(9, 12)),
    (Lookup(), (IDS, TABLE)),
    *[(Project(), (t, TABLE)) for t in (SEQUENCE, NODES, JOINED)],
    *each((SEQUENCE, NODES), LearnedPositions(), LearnedPositions(9), SinusoidalPositions()),
    *each((SEQUENCE,), SinusoidalPositions(100.0, halves=True), Rotary(heads=2), Rotary(50.0, 0.5, True, heads=3)),
    *[(Alibi(heads=n), (SEQUENCE, OTHER)) for n in (1, 2, 3, 12)],
    (RelativeBias(heads=2), (SEQUENCE, OTHER)),
    (RelativeBias(8, 16, both=False, heads=3), (SEQUENCE, SEQUENCE)),
    *[(b, (SEQUENCE,) * 3) for b in (DotProduct(2), DotProduct(3, causal=True), DotProduct(4, scale=1.0, dropout=0.1))],
    *[(DotProduct(2, causal=c), (SEQUENCE, SEQUENCE, SEQUENCE, BIAS)) for c in (False, True)],
    (DotProduct(3, 1), (SEQUENCE, TensorType((7, 4), "TF"), TensorType((7, 2), "TF"))),
    (DotProduct(4, 2), (SEQUENCE, TensorType((7, 6), "TF"), VALUES)),
    (DotProduct(3), (NODES, NODES, NODES)),
    *each((SEQUENCE,), PrependTokens(), PrependTokens(3), Take(), Take(-1), Span(1), Span(0, 2)),
    *each((NODES,), Take(3), Span(2, 5)),
    *each((SEQUENCE, NODES), Scale(0.5)),
]

COMPOSITES: list[Case] = [
    *each(
        (SEQUENCE,),
        Attention(3),
        Attention(2, kv_heads=1, bias=False, out_bias=False, core=CAUSAL, positions=Rotary(), head_norm=RMSNorm()),
        Attention(2, head_features=4, features=8, key_bias=False, position_bias=Alibi()),
        Attention(4, kv_heads=1, position_bias=RelativeBias()),
        FeedForward(),
        FeedForward(2.5, features=5, dropout=0.1, norm=LayerNorm()),
        FeedForward(hidden=7, activation=SiLU(), gated=True, bias=False),
        Sublayer(Linear(12), pre_norm=False, dropout=0.1, drop_path=0.1),
        TransformerLayer(Attention(2)),
        TransformerLayer(Attention(2, core=CAUSAL), FeedForward(gated=True), norm=RMSNorm(), pre_norm=False),
    ),
    *each((NODES,), Attention(3), TransformerLayer(Attention(3))),
    (Attention(2), (SEQUENCE, OTHER)),
    (Attention(2), (SEQUENCE, BIAS)),
    (Attention(2), (SEQUENCE, SEQUENCE, BIAS)),
    (TransformerLayer(Attention(2)), (SEQUENCE, BIAS)),
    (TransformerLayer(Attention(2, core=CAUSAL), cross=Attention(3)), (SEQUENCE, OTHER)),
    (TransformerLayer(Attention(2, core=CAUSAL), cross=Attention(3)), (SEQUENCE, OTHER, BIAS)),
    *each(
        (SEQUENCE,),
        Stack(Sequential(LAYER, LAYER)),
        Stack(Sequential(LAYER, LAYER), RelativeBias(heads=2), LayerNorm()),
    ),
    (TextEncoder(9, 12, Stack(Sequential(LAYER, LAYER)), LearnedPositions(), 2, pooler=True), (IDS, IDS)),
    (TextEncoder(9, 12, Stack(Sequential(LAYER)), dropout=0.1), (IDS,)),
    *each((IDS,), LanguageModel(9, 12, LAYER), LanguageModel(9, 12, LAYER, tied=False, scale=2.0)),
    (EncoderDecoder(9, 12, LAYER, DECODES, SinusoidalPositions(), scaled_head=True), (IDS, IDS)),
    (EncoderDecoder(9, 12, LAYER, DECODES, tied=False, scale=3.0, dropout=0.1), (IDS, IDS)),
]
