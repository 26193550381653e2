"""State spaces."""

from __future__ import annotations

from block_types import SEQUENCE, Case, each

from nasengine.blocks import GELU, S4D, DiagonalStateSpace, Mamba, SelectiveScan
from nasengine.graph import TensorType

STATE = TensorType((5, 3), "TF")
JOINED_SEQUENCE = TensorType((5, 12), "TF", segments=(8, 4))

PRIMITIVES: list[Case] = [
    (SelectiveScan(), (SEQUENCE, SEQUENCE, STATE, STATE)),
    (SelectiveScan(), (JOINED_SEQUENCE, SEQUENCE, STATE, STATE)),
    *each((SEQUENCE,), DiagonalStateSpace(6), DiagonalStateSpace(4, "bilinear", "inv")),
]

COMPOSITES: list[Case] = [
    *each(
        (SEQUENCE,), Mamba(), Mamba(1.5, 4, 3, 2, True, False, GELU()), S4D(6), S4D(4, "bilinear", "inv", dropout=0.1)
    ),
]
