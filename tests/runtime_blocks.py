"""Blocks of a user whose operations some runtimes cannot take: importable by name, as the profiler's processes need."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasengine import Features, Space
from nasengine.blocks import Linear, Sequential, block_from_module


class Bessel(nn.Module):
    """An operation that torch's ONNX exporter has no function for."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.special.modified_bessel_k0(x.abs() + 1.0)


class Solve(nn.Module):
    """An operation that torch has for 32 and 64 bits only."""

    def forward(self, x: Tensor) -> Tensor:
        square = torch.diag_embed(x.abs() + 1.0)
        return torch.linalg.inv(square).diagonal(dim1=-2, dim2=-1)


class Branching(nn.Module):
    """Control flow that depends on values: ``torch.export`` refuses it."""

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "meta" and float(x.sum()) > 0:
            return x + 1.0
        return x - 1.0


BesselBlock = block_from_module(Bessel, stochastic=False)
SolveBlock = block_from_module(Solve, stochastic=False)
BranchingBlock = block_from_module(Branching, stochastic=False)

bessel = Space("bessel", inputs=Features(8), network=Sequential(Linear(8), odd=BesselBlock(), head=Linear(2)))
solve = Space("solve", inputs=Features(8), network=Sequential(Linear(8), odd=SolveBlock(), head=Linear(2)))
branching = Space("branching", inputs=Features(8), network=Sequential(Linear(8), odd=BranchingBlock(), head=Linear(2)))
