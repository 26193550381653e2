"""Perceptrons, LeNet and the AlexNet of 2012 in plain torch, from the papers."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Perceptrons(nn.Module):
    """Layers of units that sum what the layer before gives, and squash it (Rumelhart et al., 1986)."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.weights = nn.ParameterList(nn.Parameter(torch.empty(n, m)) for m, n in pairwise(widths))
        self.biases = nn.ParameterList(nn.Parameter(torch.empty(n)) for n in widths[1:])

    def forward(self, x: Tensor) -> Tensor:
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.einsum("bm,nm->bn", x, weight) + bias
            if i + 1 < len(self.weights):
                x = (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())
        return x


class LeNet5(nn.Module):
    """C1, S2, C3, S4, C5, F6 and the outputs of LeCun et al. (1998), fig. 2; C3 reads all of S2."""

    def __init__(self, *, rectified: bool = False) -> None:
        super().__init__()
        self.rectified = rectified
        self.c1 = nn.Conv2d(1, 6, 5)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, 10)

    def squash(self, x: Tensor) -> Tensor:
        return x.clamp(min=0) if self.rectified else torch.tanh(x)

    def subsample(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        windows = x.reshape(b, c, h // 2, 2, w // 2, 2)
        return windows.amax((3, 5)) if self.rectified else windows.mean((3, 5))

    def forward(self, x: Tensor) -> Tensor:
        s2 = self.subsample(self.squash(self.c1(x)))
        s4 = self.subsample(self.squash(self.c3(s2)))
        c5 = self.squash(self.c5(s4)).flatten(1)  # 120 maps of 1 × 1
        return self.output(self.squash(self.f6(c5)))


class LeNet1(nn.Module):
    """LeCun et al. (1990): two layers of features, each subsampled, and ten outputs; H3 reads all of H2."""

    def __init__(self) -> None:
        super().__init__()
        self.h1 = nn.Conv2d(1, 4, 5)
        self.h3 = nn.Conv2d(4, 12, 5)
        self.output = nn.Linear(12 * 4 * 4, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool2d(torch.tanh(self.h1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.h3(x)), 2)
        return self.output(x.flatten(1))


class AlexNet2012(nn.Module):
    """Krizhevsky et al. (2012), section 3: two columns that meet in the third convolution and the linear layers."""

    def __init__(self, hidden: int = 4096, outputs: int = 1000) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 96, 11, stride=4, padding=2)
        self.second = nn.ModuleList(nn.Conv2d(48, 128, 5, padding=2) for _ in range(2))
        self.third = nn.Conv2d(256, 384, 3, padding=1)
        self.fourth = nn.ModuleList(nn.Conv2d(192, 192, 3, padding=1) for _ in range(2))
        self.fifth = nn.ModuleList(nn.Conv2d(192, 128, 3, padding=1) for _ in range(2))
        widths = (256 * 6 * 6, hidden, hidden, outputs)
        self.dense = nn.ModuleList(nn.Linear(m, n) for m, n in pairwise(widths))

    @staticmethod
    def columns(column: nn.ModuleList, x: Tensor) -> Tensor:
        return torch.cat([f(half) for f, half in zip(column, x.chunk(2, dim=1), strict=True)], dim=1)

    @staticmethod
    def respond(a: Tensor, n: int = 5, k: float = 2.0, alpha: float = 1e-4, beta: float = 0.75) -> Tensor:
        """Section 3.3: over the n adjacent kernel maps at the same position."""
        squares = F.pad(a * a, (0, 0, 0, 0, n // 2, n // 2))
        total = sum(squares[:, i : i + a.shape[1]] for i in range(n))
        return a / (k + alpha * total) ** beta

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.respond(F.relu(self.first(x))), 3, 2)
        x = F.max_pool2d(self.respond(F.relu(self.columns(self.second, x))), 3, 2)
        x = F.relu(self.third(x))
        x = F.relu(self.columns(self.fourth, x))
        x = F.max_pool2d(F.relu(self.columns(self.fifth, x)), 3, 2).flatten(1)
        for layer in self.dense[:-1]:
            x = F.relu(layer(x))
        return self.dense[-1](x)
