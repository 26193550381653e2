"""Searched cells, their operations, the networks that stack them; FBNet's block."""

from __future__ import annotations

from block_types import IMAGE, SIGNAL, SPATIAL, Case, each

from nasengine.blocks import (
    ActConvNorm,
    AvgPool,
    CellNetwork,
    ChannelShuffle,
    FactorizedReduce,
    FBNetBlock,
    GlobalPool,
    Identity,
    Linear,
    MaxPool,
    Pad,
    PairCell,
    SeparableStack,
    Sequential,
    SkipConnect,
    SkipNetwork,
)
from nasengine.graph import TensorType

ODD = TensorType((4, 7, 9), "CHW")
COLOUR = TensorType((3, 16, 16), "CHW")
OPERATIONS = (SeparableStack(), SkipConnect(), MaxPool(3, 1, 1), SkipConnect())
NORMAL = PairCell(OPERATIONS, ((0, 1), (0, 2)))
REDUCTION = PairCell(OPERATIONS, ((0, 1), (1, 2)), 2)
LOOSE = PairCell((AvgPool(3, 1, 1), SeparableStack(5)), ((1, 1),), 2, "loose", 0.1)
HEAD = Sequential(pool=GlobalPool(), classify=Linear(5))

PRIMITIVES: list[Case] = [
    *each(SPATIAL, Pad(-1, 1), Pad(2, 0)),
    *each((IMAGE,), Pad(-1, 0), Pad(1, 1), Pad(-2, -3)),
]

COMPOSITES: list[Case] = [
    *each(SPATIAL, ActConvNorm(), FactorizedReduce(6), SkipConnect(2), SeparableStack(dilation=2, depth=1)),
    *each((IMAGE, ODD), FactorizedReduce(), FactorizedReduce(5, activation=Identity()), SeparableStack(5, 2)),
    *each((IMAGE, SIGNAL), ActConvNorm(6, 3, 2), ChannelShuffle(), ChannelShuffle(4)),
    *each((IMAGE,), FBNetBlock(4), FBNetBlock(6, 5, 2, 1, 2), FBNetBlock(4, 3, 1, 3)),
    *[(cell, (IMAGE, IMAGE)) for cell in (NORMAL, REDUCTION, LOOSE)],
    *each(
        (COLOUR,),
        CellNetwork(NORMAL, REDUCTION, HEAD, cells=4, channels=4),
        CellNetwork(NORMAL, REDUCTION, HEAD, "strided", 3, 4, aux_head=HEAD, aux=True),
        CellNetwork(NORMAL, LOOSE, HEAD, cells=3, channels=4, entry="changed"),
        SkipNetwork((SeparableStack(),) * 3, ((), (True,), (False, True)), HEAD, 4),
    ),
]
