"""Inception, Xception, DenseNet, MLP-Mixer, AlexNet: the blocks that plain and modular image networks add."""

from __future__ import annotations

from block_types import IMAGE, SEQUENCE, SPATIAL, Case, each

from nasengine.blocks import (
    MLP,
    AuxiliaryHeads,
    Conv,
    ConvNorm,
    ConvNormAct,
    DenseBlock,
    DenseLayer,
    DenseTransition,
    FeedForward,
    GlobalPool,
    Identity,
    InceptionExpanded,
    InceptionFactorised,
    InceptionModule,
    InceptionReduction,
    InceptionStacked,
    LayerNorm,
    Linear,
    LocalResponseNorm,
    MixerLayer,
    NormActConv,
    ReLU,
    Sequential,
    SiLU,
    TokenMixing,
    XceptionModule,
)

PRIMITIVES: list[Case] = [
    *each(SPATIAL, LocalResponseNorm(), LocalResponseNorm(3, alpha=5e-4, beta=0.5, k=2.0)),
]

HEAD = Sequential(pool=GlobalPool(), classify=Linear(3))
COMPOSITES: list[Case] = [
    *each(SPATIAL, ConvNorm(4, bias=True), ConvNormAct(4, bias=True)),
    *each(SPATIAL, InceptionModule(4, 2, 3, 2, 5, 2), InceptionModule(4, 2, 3, 2, 5, 2, 3, 0.5, "average")),
    *each(SPATIAL, InceptionModule(4, 2, 3, 2, 5, 2, norm=Identity(), activation=SiLU())),
    *each(SPATIAL, InceptionStacked(2, 3, 2, 4, 2, 3), InceptionStacked(2, 3, 2, 4, 2, 3, kernel=3, width=1.5)),
    *each((IMAGE,), InceptionFactorised(3, 4), InceptionFactorised(3, 4, 3, 0.5)),
    *each((IMAGE,), InceptionExpanded(2, 3, 4, 5), InceptionExpanded(2, 3, 4, 5, kernel=5, width=0.5)),
    *each(SPATIAL, InceptionReduction(3, 4, inner=2), InceptionReduction(3, 4, 2, 2, width=2.0)),
    *each((IMAGE,), InceptionReduction(3, 4, 2, 2, kernel=5)),
    *each(
        SPATIAL, AuxiliaryHeads((Conv(4), ReLU(), HEAD), (HEAD, HEAD)), AuxiliaryHeads((Conv(4), HEAD), (HEAD,), False)
    ),
    *each(
        SPATIAL, XceptionModule(4), XceptionModule(8, 2, 2, act_first=False), XceptionModule(8, 2, 2, 6, aligned=True)
    ),
    *each(SPATIAL, NormActConv(6), NormActConv(6, 1, 2, groups=2, norm=Identity(), activation=SiLU())),
    *each(SPATIAL, DenseLayer(3), DenseLayer(3, 0, 5, activation=SiLU()), DenseLayer(3, 2, dropout=0.2)),
    *each(SPATIAL, DenseBlock(3, 2), DenseBlock(2, 3, 0, 5, 0.1, norm=Identity())),
    *each(SPATIAL, DenseTransition(), DenseTransition(channels=3, activation=SiLU())),
    *each((SEQUENCE,), TokenMixing(FeedForward(hidden=7)), TokenMixing(MLP((7,), 3))),
    *each((SEQUENCE,), MixerLayer(), MixerLayer(1, 2, LayerNorm(), SiLU(), 0.1, 0.2)),
]
