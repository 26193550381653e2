"""Diffusion models: U-Nets and transformers that are told the time step."""

from __future__ import annotations

from block_types import FEATURES, IMAGE, LAST, SEQUENCE, SPATIAL, Case, each

from nasengine.blocks import (
    GELU,
    AdaptiveLayer,
    AdaptiveNorm,
    AdaptiveSublayer,
    AddToAll,
    Attention,
    Condition,
    DenoisingLevel,
    DenoisingUNet,
    DiffusionTransformer,
    FeedForward,
    GridPositions,
    GroupNorm,
    Identity,
    ImageAttention,
    LearnedPositions,
    Linear,
    Modulate,
    RMSNorm,
    Sequential,
    SiLU,
    Stack,
    TimeEmbedding,
    TimeResidual,
    TimeWaves,
    TransformerLayer,
    Unpatchify,
    ZeroLinear,
)
from nasengine.graph import TensorType

TIME = TensorType((), "")
LABEL = TensorType((), "", "int64")
CHANNELS = TensorType((4,), "F")
TEXT = TensorType((3, 6), "TF")
PATCHES = TensorType((6, 12), "TF")
SQUARE = TensorType((4, 8, 8), "CHW")
NORM = GroupNorm(2)

PRIMITIVES: list[Case] = [
    *each((TIME,), TimeWaves(6), TimeWaves(8, 100.0, 1), TimeWaves(2, cosine_first=True)),
    *each(LAST, ZeroLinear(7), ZeroLinear(7, bias=False)),
    *each((PATCHES,), GridPositions(2), GridPositions(3, 100.0)),
    (GridPositions(), (TensorType((9, 8), "TF"),)),
    *[(Modulate(offset), (SEQUENCE, TensorType((24,), "F"))) for offset in (1.0, 0.0)],
    *[(AddToAll(), (t, CHANNELS)) for t in SPATIAL],
]

TOLD = Condition(TimeEmbedding(6))
LEVEL = DenoisingLevel(TimeResidual(4, norm=NORM), 1)
SEES = DenoisingLevel(TimeResidual(6, 5, NORM, GELU(), "scale_shift", 0.1), 2, ImageAttention(Attention(2), NORM))
READS = ImageAttention(Stack(Sequential(TransformerLayer(Attention(2), cross=Attention(2)))), NORM, True)
LAYER = AdaptiveLayer(Attention(2))
COMPOSITES: list[Case] = [
    *each((TIME,), TimeEmbedding(6), TimeEmbedding(8, 5, 100.0, 1, True, GELU()), TOLD),
    (Condition(TimeEmbedding(4, 5), 11, Identity()), (TIME, LABEL)),
    *[
        (TimeResidual(6, norm=NORM, modulation=kind), (t, FEATURES))
        for kind in ("shift", "scale_shift")
        for t in SPATIAL
    ],
    (TimeResidual(4, 5, NORM, GELU(), dropout=0.1), (IMAGE, FEATURES)),
    *each(SPATIAL[:2], ImageAttention(norm=NORM), ImageAttention(Attention(2), NORM, True)),
    (READS, (IMAGE, TEXT)),
    (DenoisingUNet(4, (LEVEL, SEES), TOLD, ImageAttention(norm=NORM), NORM), (IMAGE, TIME)),
    (
        DenoisingUNet(4, (SEES, LEVEL, LEVEL), Condition(TimeEmbedding(4), 5), Identity(), NORM, GELU(), 3, False),
        (SQUARE, TIME, LABEL),
    ),
    (DenoisingUNet(4, (DenoisingLevel(TimeResidual(4, norm=NORM), 1, READS),), TOLD, READS, NORM), (IMAGE, TIME, TEXT)),
    *[(b, (SEQUENCE, FEATURES)) for b in (AdaptiveNorm(), AdaptiveNorm(RMSNorm(affine=False)))],
    *[(b, (SEQUENCE, FEATURES)) for b in (AdaptiveSublayer(Linear(12)), AdaptiveSublayer(Linear(12), gated=False))],
    (AdaptiveSublayer(Linear(12), drop_path=0.1), (SEQUENCE, FEATURES)),
    (LAYER, (SEQUENCE, FEATURES)),
    (AdaptiveLayer(Attention(2), FeedForward(2, activation=SiLU()), gated=False), (SEQUENCE, FEATURES)),
    *each((PATCHES,), Unpatchify(2, 2), Unpatchify(1, 6)),
    (Unpatchify(2), (TensorType((4, 8), "TF"),)),
    (DiffusionTransformer(2, 8, Sequential(LAYER), Condition(TimeEmbedding(4, 6), 5)), (SQUARE, TIME, LABEL)),
    (
        DiffusionTransformer(4, 8, Sequential(LAYER, LAYER), TOLD, 4, LearnedPositions(), RMSNorm(affine=False)),
        (SQUARE, TIME),
    ),
]
