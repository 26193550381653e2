"""Rows of tables."""

from __future__ import annotations

from block_types import FEATURES, NODES, SEQUENCE, Case, each

from nasengine.blocks import (
    DLRM,
    MLP,
    Attention,
    CategoryTokens,
    DeepFM,
    FactorisationMachine,
    FeatureTokens,
    JoinTokens,
    NumericTokens,
    PairwiseDots,
    Sequential,
    SumFeatures,
    TransformerLayer,
)
from nasengine.graph import TensorType

IDS = TensorType((4,), "K", "int64")
LAYERS = Sequential(TransformerLayer(Attention(2)))

PRIMITIVES: list[Case] = [
    *each((FEATURES,), NumericTokens(6)),
    *each((IDS,), CategoryTokens(5, 6), CategoryTokens(5, 6, bias=True)),
    *each((SEQUENCE,), PairwiseDots(), FactorisationMachine()),
    *each((FEATURES, SEQUENCE, NODES), SumFeatures()),
    *[(JoinTokens(), (t, t)) for t in (SEQUENCE, NODES)],
]

COMPOSITES: list[Case] = [
    (FeatureTokens(12, 5, LAYERS, 2), (FEATURES, IDS)),
    (DeepFM(5, 6, MLP((8,), 1)), (IDS,)),
    (DLRM(5, 6, (8, 7), (5,)), (FEATURES, IDS)),
]
