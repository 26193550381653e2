"""Sets of vectors, and points in space."""

from __future__ import annotations

from block_types import IMAGE, SEQUENCE, Case, each

from nasengine.blocks import (
    AddToAll,
    BallGroup,
    EquivariantLayer,
    FarthestPoints,
    GlobalAbstraction,
    GlobalPool,
    GroupPool,
    Identity,
    Linear,
    PointGroup,
    PointNet2,
    Sequential,
    SetAbstraction,
)
from nasengine.graph import TensorType

POINTS = TensorType((3, 14), "CL")
CENTRES = TensorType((3, 5), "CL")
MORE = TensorType((4, 14), "CL")

PRIMITIVES: list[Case] = [
    (AddToAll(), (SEQUENCE, TensorType((12,), "F"))),
    *each((SEQUENCE,), GlobalPool("sum"), GlobalPool("sum", keep=True)),
    *each((IMAGE,), GroupPool(), GroupPool("average")),
    *each((POINTS,), FarthestPoints(1), FarthestPoints(5), FarthestPoints(14)),
    (BallGroup(1.5, 4), (POINTS, CENTRES)),
    (BallGroup(9.0, 14), (POINTS, CENTRES, MORE)),
]

GROUP = PointGroup(1.0, 4, (6, 5))
STAGE = SetAbstraction(6, Sequential(GROUP, PointGroup(2.0, 7, (4,), pool="average")))
COMPOSITES: list[Case] = [
    *each((SEQUENCE,), EquivariantLayer(7), EquivariantLayer(7, "average", shared=True), EquivariantLayer(7, "sum")),
    (GROUP, (POINTS, CENTRES)),
    (PointGroup(1.0, 4, (6,), norm=Identity(), pool="average"), (POINTS, CENTRES, MORE)),
    (STAGE, (POINTS,)),
    (STAGE, (POINTS, MORE)),
    (GlobalAbstraction((6, 8)), (POINTS,)),
    (GlobalAbstraction((6,), pool="sum"), (POINTS, MORE)),
    (PointNet2(Sequential(STAGE, SetAbstraction(3, Sequential(GROUP))), head=Linear(2)), (POINTS,)),
]
