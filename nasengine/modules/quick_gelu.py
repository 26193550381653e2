"""GELU by a sigmoid."""

import torch
from torch import Tensor, nn


class QuickGELU(nn.Module):
    """``x σ(1.702 x)`` (Hendrycks and Gimpel, 2016, section 2)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)
