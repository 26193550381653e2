"""Residual networks for small images with early exits or skipped layers, from the papers' equations.

He et al. (2016), section 4.2, with projections; Teerapittayanon et al. (2016), figure 2; Wang et al. (2018), equation
1; Srivastava et al. (2015), equation 3; Bachlechner et al. (2021), equation 1.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn


class Basic(nn.Module):
    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        if before != channels:
            self.project = nn.Sequential(nn.Conv2d(before, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (self.project(x) if hasattr(self, "project") else x))


class Skip(nn.Module):
    """``g F(x) + (1 - g) x``, g = 1 where a linear map of the pooled input is positive."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.f = Basic(channels, channels, 1)
        self.gate = nn.Linear(channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        g = (self.gate(x.mean((2, 3))) > 0).float()[:, :, None, None]
        return g * self.f(x) + (1 - g) * x


class ConvUnit(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn(self.conv(x)))


class HighwayUnit(nn.Module):
    """``T H(x) + (1 - T) x``; the gate's bias begins at -2."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.h = ConvUnit(channels)
        self.t = nn.Conv2d(channels, channels, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        t = torch.sigmoid(self.t(x) - 2.0)
        return t * self.h(x) + (1 - t) * x


class ReZero(nn.Module):
    """``x + a F(x)``, with one a per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.f = ConvUnit(channels)
        self.a = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.a[:, None, None] * self.f(x)


KINDS = {"plain": lambda c: Basic(c, c, 1), "skippable": Skip, "highway": HighwayUnit, "gated": ReZero}


class ConditionalResNet(nn.Module):
    """Three stages; with ``early`` a head after each, else one at the end."""

    def __init__(self, kind: str, layers: int, early: bool, width: int = 16, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        widths = (width, width, 2 * width, 4 * width)
        self.stages = nn.ModuleList(
            nn.Sequential(Basic(a, b, 1 if a == b else 2), *(KINDS[kind](b) for _ in range(layers)))
            for a, b in itertools.pairwise(widths)
        )
        self.heads = nn.ModuleDict({str(i): nn.Linear(widths[i + 1], classes) for i in range(3) if early or i == 2})

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.stem(x)
        made = []
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if str(i) in self.heads:
                made.append(self.heads[str(i)](x.mean((2, 3))))
        return tuple(made)
