"""Modules as a user would write them, for the tests of ``block_from_module``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nasengine.blocks import block_from_module


class Gate(nn.Module):
    """(B, F) → (B, features): a linear map, gated by another, with a running mean."""

    def __init__(
        self, features: int, inner: int = 4, *, scales: tuple[float, ...] = (1.0,), act: Any = torch.tanh
    ) -> None:
        super().__init__()
        self.value = nn.LazyLinear(features) if inner < 0 else nn.Linear(inner, features)
        self.gate = nn.Linear(inner, features, bias=False)
        self.frozen = nn.Parameter(torch.ones(features), requires_grad=False)
        self.register_buffer("seen", torch.zeros(features, dtype=torch.int64))
        self.scales, self.act = scales, act

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.value(x) * torch.sigmoid(self.gate(x)) * sum(self.scales)
        return out


class Split(nn.Module):
    """(B, C, L) → (B, C/2, L) and (B, L, C): two outputs."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.chunk(2, dim=1)[0], x.transpose(1, 2)


class Pairwise(nn.Module):
    """(B, F), (B, F) → (B, F, F): an outer product."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.einsum("bi,bj->bij", a, b)


class Reads(nn.Module):
    """Looks at values, which the meta device has none of."""

    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum().item() > 0 else -x


class Forgets(nn.Module):
    """Loses the batch."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(dim=0)


class Texts(nn.Module):
    """Gives what is no tensor."""

    def forward(self, x: Tensor) -> str:
        return "none"


class Wide(nn.Module):
    """Holds a state of an element type that no network here has."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return x


class Deep(nn.Module):
    """(B, F) → (B, 1, 1, 1, 1, F): more axes than any kind of tensor has."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, None, None, None, None, :]


class Rest(nn.Module):
    """Its constructor does not name its arguments."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()


class Named(nn.Module):
    """One of its arguments has a name that blocks use."""

    def __init__(self, macs: int) -> None:
        super().__init__()


class Shadowed(nn.Module):
    """Its name stands for something else in the end."""


ShadowedClass, Shadowed = Shadowed, nn.Identity  # type: ignore[misc]

GateBlock = block_from_module(Gate)
SplitBlock = block_from_module(Split, axes=("CL", "TF"))
PairwiseBlock = block_from_module(Pairwise)
