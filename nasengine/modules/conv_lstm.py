"""A convolutional LSTM layer."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvLSTM(nn.Module):
    """Shi et al. (2015, eq. 3) on ``(B, T, C, H, W)``: gates are convolutions of the input and of the hidden state.

    Takes the frames, the first hidden state and cell ``(B, F, H, W)`` (zero where left out), or the two states alone,
    when it runs ``steps`` steps without input. Gives the hidden states ``(B, T, F, H, W)``, the last one, or the hidden
    states and the last state and cell.
    """

    def __init__(
        self,
        channels: int,
        features: int,
        kernel: int = 3,
        state_kernel: int = 3,
        peephole: bool = True,
        reads: str = "sequence",
        steps: int = 0,
    ) -> None:
        super().__init__()
        self.features, self.reads, self.steps = features, reads, steps
        if channels:
            self.weight_ih = nn.Parameter(torch.empty(4 * features, channels, kernel, kernel))
        self.weight_hh = nn.Parameter(torch.empty(4 * features, features, state_kernel, state_kernel))
        self.bias = nn.Parameter(torch.zeros(4 * features))
        self.peephole = nn.Parameter(torch.zeros(3, features, 1, 1)) if peephole else None
        for name, weight in self.named_parameters():
            if name.startswith("weight"):
                bound = 1 / math.sqrt(weight[0].numel())
                nn.init.uniform_(weight, -bound, bound)

    def gates(self, frames: Tensor) -> tuple[Tensor, ...]:
        """What the input gives to the gates of each step."""
        every = F.conv2d(frames.flatten(0, 1), self.weight_ih, self.bias, padding=self.weight_ih.shape[-1] // 2)
        steps: tuple[Tensor, ...] = every.unflatten(0, (-1, frames.shape[1])).unbind(1)
        return steps

    def step(self, into: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """One step: the next hidden state and cell."""
        gates = into + F.conv2d(hidden, self.weight_hh, padding=self.weight_hh.shape[-1] // 2)
        i, f, g, o = gates.chunk(4, 1)
        if self.peephole is not None:
            i, f = i + self.peephole[0] * cell, f + self.peephole[1] * cell
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        if self.peephole is not None:
            o = o + self.peephole[2] * cell
        return torch.sigmoid(o) * torch.tanh(cell), cell

    def forward(self, *given: Tensor) -> Any:
        into = (self.bias.reshape(-1, 1, 1),) * self.steps if self.steps else self.gates(given[0])
        zero = given[0].new_zeros(given[0].shape[0], self.features, *given[0].shape[-2:])
        hidden, cell = given[-2:] if len(given) > 1 else (zero, zero)
        made = []
        for step in into:
            hidden, cell = self.step(step, hidden, cell)
            made.append(hidden)
        if self.reads == "last":
            return hidden
        sequence = torch.stack(made, 1)
        return sequence if self.reads == "sequence" else (sequence, hidden, cell)
