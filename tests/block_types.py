"""Input types that the cases of blocks are made of."""

from __future__ import annotations

from nasengine.graph import Block, TensorType

IMAGE = TensorType((4, 8, 6), "CHW")
SIGNAL = TensorType((4, 9), "CL")
VOLUME = TensorType((4, 5, 6, 5), "CDHW")
FEATURES = TensorType((12,), "F")
SEQUENCE = TensorType((5, 12), "TF")
NODES = TensorType((7, 12), "NF", batched=False)
JOINED = TensorType((12,), "F", segments=(8, 4))
ALL = (IMAGE, SIGNAL, VOLUME, FEATURES, SEQUENCE, NODES)
SPATIAL = (IMAGE, SIGNAL, VOLUME)
LAST = (FEATURES, SEQUENCE, NODES, JOINED)

Case = tuple[Block, tuple[TensorType, ...]]


def each(types: tuple[TensorType, ...], *blocks: Block) -> list[Case]:
    """Every block on every type."""
    return [(b, (t,)) for b in blocks for t in types]
