"""Conditional networks."""

from __future__ import annotations

from block_types import ALL, FEATURES, IMAGE, SIGNAL, Case, each

from nasengine.blocks import Conv, EarlyExits, Flatten, GlobalPool, Linear, ReLU, Sequential, Skippable, Step, Tanh

HEAD = Sequential(GlobalPool(), Linear(3))
STAGES = Sequential(Conv(4), second=Conv(6, stride=2))

PRIMITIVES: list[Case] = [*each(ALL, Step())]

COMPOSITES: list[Case] = [
    *each((IMAGE, SIGNAL), Skippable(Sequential(Conv(4), Tanh()))),
    *each((FEATURES,), Skippable(Sequential(Linear(12), ReLU()))),
    *each((IMAGE,), EarlyExits(STAGES, HEAD), EarlyExits(STAGES, HEAD, early=False)),
    *each((IMAGE,), EarlyExits(STAGES, HEAD, Sequential(Flatten(), Linear(3)))),
]
