"""Modules for tests that users' own blocks are made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasengine.blocks import block_from_module


class Eigen(nn.Module):
    """Eigenvalues: an operation that no runtime but torch itself has."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.eigvalsh(x @ x.transpose(-1, -2))


EigenValues = block_from_module(Eigen, stochastic=False)
