"""Spiking networks in plain torch, one step at a time through all layers (Neftci et al., 2019; Fang et al., 2021)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Neurons(nn.Module):
    """Leaky integrate-and-fire neurons that keep their potential between steps."""

    def __init__(self, decay: float, *, hard: bool, learned: bool, scaled: bool) -> None:
        super().__init__()
        self.fixed, self.hard, self.scaled = decay, hard, scaled
        self.logit = nn.Parameter(torch.empty(1)) if learned else None
        self.potential: Tensor | float = 0.0

    def forward(self, x: Tensor) -> Tensor:
        keep = self.fixed if self.logit is None else self.logit.sigmoid()
        # Fang et al., eq. 2: H = V + (X - V) / τ with 1 / τ = 1 - keep; or u = keep u + x
        u = keep * self.potential + (1 - keep) * x if self.scaled else keep * self.potential + x
        fires = u >= 1.0
        self.potential = torch.where(fires, 0.0 if self.hard else u - 1.0, u)
        return fires.float()


class SpikingNetwork(nn.Module):
    """Convolutions and hidden layers of neurons; direct or even rate encoding; potential or votes as the output."""

    def __init__(
        self, colours: int, side: int, channels: int, stages: tuple[int, ...], hidden: tuple[int, ...], *, steps: int,
        votes: int = 0, decay: float, hard: bool, learned: bool, scaled: bool, rate: bool = False, norm: bool = True,
        bias: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.steps, self.rate, self.votes, self.decay, self.stages = steps, rate, votes, decay, stages

        def neurons() -> Neurons:
            return Neurons(decay, hard=hard, learned=learned, scaled=scaled)

        self.convs, self.norms, self.fires = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for i in range(sum(stages)):
            self.convs.append(nn.Conv2d(channels if i else colours, channels, 3, padding=1, bias=not norm))
            self.norms.append(nn.BatchNorm2d(channels) if norm else nn.Identity())
            self.fires.append(neurons())
        size = channels * (side >> len(stages)) ** 2 if stages else colours
        self.linears, self.linear_fires = nn.ModuleList(), nn.ModuleList()
        for features in hidden:
            self.linears.append(nn.Linear(size, features, bias=bias))
            self.linear_fires.append(neurons())
            size = features
        self.output = nn.Linear(size, 10 * max(1, votes), bias=not votes)
        self.vote = neurons() if votes else None

    def step(self, x: Tensor) -> Tensor:
        layers = iter(zip(self.convs, self.norms, self.fires, strict=True))
        for depth in self.stages:
            for _ in range(depth):
                conv, norm, fire = next(layers)
                x = fire(norm(conv(x)))
            x = F.max_pool2d(x, 2)
        x = x.flatten(1)
        for linear, fire in zip(self.linears, self.linear_fires, strict=True):
            x = fire(linear(x))
        out: Tensor = self.output(x)
        return out if self.vote is None else self.vote(out)

    def forward(self, x: Tensor) -> Tensor:
        for module in self.modules():
            if isinstance(module, Neurons):
                module.potential = 0.0
        total, potential, owed = 0.0, 0.0, torch.zeros_like(x)
        for _ in range(self.steps):
            given = x
            if self.rate:  # a spike whenever what is owed reaches one
                owed = owed + x.clamp(0, 1)
                given = (owed >= 1 - 1e-5).float()
                owed = owed - given
            out = self.step(given)
            potential = self.decay * potential + out
            total = total + (potential if self.vote is None else out)
        mean = total / self.steps
        return mean if self.vote is None else mean.view(len(x), 10, self.votes).mean(2)
