"""Spiking networks."""

from __future__ import annotations

from block_types import FEATURES, IMAGE, JOINED, SEQUENCE, VOLUME, Case, each

from nasengine.blocks import (
    LIF,
    ConvNormAct,
    DirectEncoding,
    FlattenSlices,
    LeakyIntegrator,
    MembraneReadout,
    RateEncoding,
    Sequential,
    VoteReadout,
)

PRIMITIVES: list[Case] = [
    *each((IMAGE, FEATURES, JOINED), DirectEncoding(), DirectEncoding(3), RateEncoding(), RateEncoding(5)),
    *each(
        (VOLUME, SEQUENCE),
        LIF(),
        LIF(0.5, 0.7, "zero", "arctan", 2.0),
        LIF(learned=True),
        LIF(learned=True, scaled=True),
        LIF(0.8, reset="zero", scaled=True),
    ),
    *each((SEQUENCE,), LeakyIntegrator(), LeakyIntegrator(0.5)),
]

COMPOSITES: list[Case] = [
    (FlattenSlices(), (VOLUME,)),
    *each((SEQUENCE,), MembraneReadout(3), MembraneReadout(3, 0.8), VoteReadout(3), VoteReadout(2, 5, LIF(0.5), True)),
    *each((IMAGE,), Sequential(DirectEncoding(3), ConvNormAct(5, (1, 3, 3), activation=LIF()), FlattenSlices())),
]
