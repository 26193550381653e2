"""Noise that is drawn anew in each training step; evaluation is deterministic."""

import torch
from torch import Tensor, nn


class GaussianNoise(nn.Module):
    """Adds normal noise of standard deviation ``std`` in training (Vincent et al., 2010, section 3.3)."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        return x + self.std * torch.randn_like(x) if self.training else x

    def extra_repr(self) -> str:
        return f"std={self.std}"


class Reparameterise(nn.Module):
    """``mean + exp(log_variance / 2) * e``, e normal in training and 0 in evaluation (Kingma and Welling, 2014)."""

    def forward(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        drawn = torch.randn_like(mean) if self.training else torch.zeros_like(mean)
        return mean + (0.5 * log_variance).exp() * drawn


class NoiseInput(nn.Module):
    """Adds one noise image to all channels of ``(B, C, *S)``, times a learned number each (Karras et al., 2019).

    ``shared``: times the same number. The image is drawn for each sample in training; in evaluation it is ``noise``,
    drawn once, when the module is made.
    """

    def __init__(self, channels: int, *size: int, shared: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1 if shared else channels))
        self.noise: Tensor
        self.register_buffer("noise", torch.empty(size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.weight)
        nn.init.normal_(self.noise)

    def forward(self, x: Tensor) -> Tensor:
        shape = (x.shape[0], 1, *x.shape[2:])
        drawn = torch.randn(shape, dtype=x.dtype, device=x.device) if self.training else self.noise
        return x + self.weight.reshape(-1, *(1 for _ in x.shape[2:])) * drawn
