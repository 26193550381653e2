"""Modules of a user, for the tests of source: some can be copied, some cannot."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from nasengine.blocks import block_from_module

# How steep the swish is.
STEEPNESS = 1.5
TABLE: dict[str, float] = {}
TABLE["half"] = 0.5


@dataclass
class Unused:
    """Never needed, never copied."""

    array: np.ndarray | None = None


def swish(x: Tensor) -> Tensor:
    """A steep swish."""
    return x * torch.sigmoid(STEEPNESS * x)


# Comments right above a definition go with it.
class Swish(nn.Module):
    """Copied, with the function and the constant that it needs."""

    def __init__(self, scale: float = math.pi) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * swish(x)


class Outer:
    """Holds a module class."""

    class Inner(nn.Module):
        """Copied as a part of what holds it."""

        def forward(self, x: Tensor) -> Tensor:
            return 2 * x


class WithNumPy(nn.Module):
    """Needs more than torch: imported by name."""

    def forward(self, x: Tensor) -> Tensor:
        return x * float(np.float32(2.0))


class WithTable(nn.Module):
    """Needs what other top-level code sets up: imported by name."""

    def forward(self, x: Tensor) -> Tensor:
        return x * TABLE["half"]


class Network(nn.Module):
    """Has the name of the generated file's own class: imported by name."""

    def forward(self, x: Tensor) -> Tensor:
        return x - 1


class Linear(nn.Module):
    """Takes what has no literal form."""

    def __init__(self, table: tuple[float, ...] = ()) -> None:
        super().__init__()
        self.table = table

    def forward(self, x: Tensor) -> Tensor:
        return x + sum(self.table)


SwishBlock = block_from_module(Swish)
InnerBlock = block_from_module(Outer.Inner)
WithNumPyBlock = block_from_module(WithNumPy)
WithTableBlock = block_from_module(WithTable)
NetworkBlock = block_from_module(Network)
LinearBlock = block_from_module(Linear)
