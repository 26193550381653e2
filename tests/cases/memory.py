"""Addressable memory, matching networks, neural modules."""

from __future__ import annotations

from block_types import IMAGE, SEQUENCE, VOLUME, Case, each

from nasengine.blocks import (
    AttentiveLSTM,
    Combine,
    Conv,
    Describe,
    DifferentiableComputer,
    Find,
    Linear,
    Match,
    MatchingNetwork,
    Measure,
    Permute,
    ReLU,
    Reshape,
    Sequential,
    Transform,
    TuringMachine,
)
from nasengine.graph import TensorType

JOINED = TensorType((5, 12), "TF", segments=(8, 4))
EXAMPLES = TensorType((7, 12), "TF")
LABELS = TensorType((7,), "T", "int64")
DEPTHS = TensorType((5,), "T", "int64")
ENCODER = Sequential(Conv(3, (1, 6, 5), padding=0), Reshape((3, 5), "CL"), Permute((1, 0), "TF"))

PRIMITIVES: list[Case] = [
    *each((SEQUENCE, JOINED), TuringMachine(6, 5, 4), TuringMachine(6, 7, 3, 2, 2, 2, "mlp")),
    *each((SEQUENCE,), TuringMachine(6, 5, 4, shift=0), TuringMachine(6, 5, 4, controller="mlp", writes=3)),
    *each((SEQUENCE, JOINED), DifferentiableComputer(6, 5, 4), DifferentiableComputer(6, 4, 3, 1, "mlp")),
    *[(Match(3, *more), (SEQUENCE, EXAMPLES, LABELS)) for more in ((), ("cosine", 10.0), ("euclidean",))],
    *[(AttentiveLSTM(steps), (SEQUENCE, EXAMPLES)) for steps in (1, 3)],
]

COMPOSITES: list[Case] = [
    *[(b, (SEQUENCE, EXAMPLES, LABELS)) for b in (MatchingNetwork(3, Linear(8)), MatchingNetwork(3, steps=2))],
    (MatchingNetwork(3, ENCODER, "euclidean", 0.5, 2), (VOLUME, VOLUME, DEPTHS)),
    *each(
        (IMAGE,),
        Find(),
        Find(ReLU()),
        Transform(hidden=5),
        Combine(),
        Combine(Find(), Transform(Find(), 4), product=True),
        Describe(3),
        Measure(2, Combine(Find(), Transform()), 5),
    ),
]
