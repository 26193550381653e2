"""Equalised learning rate: weights of unit variance, scaled where they are used (Karras et al., 2018, section 4.1)."""

from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class EqualisedLinear(nn.Module):
    """``x`` on weights times ``rate / sqrt(in_features)``; ``rate`` below 1 slows down what is learned."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, rate: float = 1.0) -> None:
        super().__init__()
        self.rate = rate
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.bias = nn.Parameter(torch.empty(out_features)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=1 / self.rate)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.rate * self.weight.shape[1] ** -0.5
        return F.linear(x, self.weight * scale, None if self.bias is None else self.bias * self.rate)


class EqualisedConv(nn.Module):
    """Convolution with weights times ``1 / sqrt(in_channels * kernel elements)``; one to three spatial axes."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: tuple[int, ...],
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.stride, self.padding = stride, padding
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, *kernel))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        convolve = (F.conv1d, F.conv2d, F.conv3d)[x.dim() - 3]
        weight = self.weight * prod(self.weight.shape[1:]) ** -0.5
        return convolve(x, weight, self.bias, self.stride, self.padding)
