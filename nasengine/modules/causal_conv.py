"""Convolution of a signal that sees no later position, with or without weight normalisation."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CausalConv(nn.Conv1d):
    """A dilated convolution of ``(B, C, L)`` padded on the left alone (van den Oord et al., 2016, fig. 3)."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(F.pad(input, (self.dilation[0] * (self.kernel_size[0] - 1), 0)))


class CausalConvNormed(nn.Conv1d):
    """The same with a weight of a learned length: ``gain * weight / |weight|`` (Salimans and Kingma, 2016, eq. 2)."""

    def __init__(self, channels: int, out: int, kernel: int, **more: Any) -> None:
        super().__init__(channels, out, kernel, **more)
        self.gain = nn.Parameter(torch.linalg.vector_norm(self.weight.detach(), dim=(1, 2), keepdim=True))

    def forward(self, input: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(self.weight, dim=(1, 2), keepdim=True)
        padded = F.pad(input, (self.dilation[0] * (self.kernel_size[0] - 1), 0))
        weight = self.weight * (self.gain / length)
        return F.conv1d(padded, weight, self.bias, dilation=self.dilation, groups=self.groups)
