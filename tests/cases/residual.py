"""Residual networks: pre-activation, gates, shortcuts, stages and their scaling, ConvNeXt."""

from __future__ import annotations

from block_types import ALL, FEATURES, IMAGE, JOINED, SEQUENCE, SIGNAL, SPATIAL, Case, each

from nasengine.blocks import (
    BasicBlock,
    BatchNorm,
    Bottleneck,
    CompoundScaling,
    Conv,
    ConvNeXtBlock,
    ConvNormAct,
    GlobalResponseNorm,
    Highway,
    HighwayGate,
    Identity,
    InvertedResidual,
    InvertedStage,
    LayerScale,
    Linear,
    Multipliers,
    PreActBasic,
    PreActBottleneck,
    ReLU,
    Sequential,
    Shift,
    Shortcut,
    SqueezeExcite,
    Stage,
    Stages,
)

OF_BLOCK = SqueezeExcite(0.5, of_block=True)

PRIMITIVES: list[Case] = [
    *each(ALL, Shift(0.5)),
    *each((*ALL, JOINED), LayerScale(), LayerScale(0.1)),
    *each(SPATIAL, GlobalResponseNorm(), GlobalResponseNorm(1e-5)),
]

COMPOSITES: list[Case] = [
    *each(
        SPATIAL,
        Shortcut(6),
        Shortcut(6, 2, "pool"),
        Shortcut(6, 2, "pad"),
        Shortcut(4, 2, "pad"),
        Shortcut(2, 2, "pad"),
    ),
    *each(SPATIAL, BasicBlock(6, 2, kernel=5, shortcut="pad", merge=HighwayGate(1))),
    *each(SPATIAL, Bottleneck(8, 2, 2, kernel=5, shortcut="pool", merge=HighwayGate(3, 0.0))),
    *each(
        SPATIAL,
        PreActBasic(4),
        PreActBasic(6, 2, attention=SqueezeExcite(), drop_path=0.1, shortcut="pool"),
        PreActBasic(4, merge=HighwayGate()),
        PreActBottleneck(4),
        PreActBottleneck(8, 2, 2, 2, kernel=5, shortcut="pad"),
    ),
    *each(SPATIAL, Highway(Sequential(Conv(4), ReLU())), Highway(BatchNorm(), HighwayGate(1, -1.0))),
    *each((FEATURES, SEQUENCE), Highway(Sequential(Linear(12), ReLU()))),
    *each(
        SPATIAL,
        Stage(BasicBlock(6), 2, 2),
        Stage(ConvNeXtBlock(3), 2),
        InvertedStage(InvertedResidual(8, 5, attention=OF_BLOCK, divisor=8), (1, 2.5, 3), 2),
        Stages(
            stem=ConvNormAct(6),
            a=Stage(BasicBlock(8), 2, 2),
            b=InvertedStage(InvertedResidual(12, divisor=8), (2, 3)),
            c=Identity(),
            scaling=CompoundScaling(2.0),
            drop_path=0.2,
        ),
        Stages(Conv(12), scaling=Multipliers(0.5)),
    ),
    *each(
        (IMAGE, SIGNAL),
        ConvNeXtBlock(),
        ConvNeXtBlock(3, 2.5, BatchNorm(), ReLU(), response_norm=True, layer_scale=0.0, drop_path=0.1),
    ),
]
