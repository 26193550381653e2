"""Neural module networks in plain torch (Andreas et al., 2016, section 4); a layout is a nested tuple of names."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attend(nn.Module):
    """find, transform or combine: features (B, C, H, W) → attention (B, H, W)."""

    def __init__(self, tree: Any, channels: int, side: int, hidden: int) -> None:
        super().__init__()
        self.kind, *parts = (tree,) if isinstance(tree, str) else tree
        self.parts = nn.ModuleList(Attend(part, channels, side, hidden) for part in parts)
        self.side = side
        if self.kind == "find":
            self.vector, self.bias = nn.Parameter(torch.empty(channels)), nn.Parameter(torch.empty(1))
        elif self.kind == "transform":
            self.first, self.second = nn.Linear(side * side, hidden), nn.Linear(hidden, side * side)
        else:
            self.weights, self.bias = nn.Parameter(torch.empty(2)), nn.Parameter(torch.empty(1))

    def forward(self, x: Tensor) -> Tensor:
        below = [part(x) for part in self.parts]
        if self.kind == "find":
            return torch.einsum("bchw,c->bhw", x, self.vector) + self.bias
        if self.kind == "transform":
            return F.relu(self.second(F.relu(self.first(below[0].flatten(1))))).view(-1, self.side, self.side)
        return F.relu(self.weights[0] * below[0] + self.weights[1] * below[1] + self.bias)


class Answer(nn.Module):
    """describe or measure: features → answers."""

    def __init__(self, tree: Any, channels: int, side: int, hidden: int, answers: int) -> None:
        super().__init__()
        self.kind, inner = tree
        self.attend = Attend(inner, channels, side, hidden)
        if self.kind == "describe":
            self.last = nn.Linear(channels, answers)
        else:
            self.first, self.last = nn.Linear(side * side, hidden), nn.Linear(hidden, answers)

    def forward(self, x: Tensor) -> Tensor:
        attention = self.attend(x)
        if self.kind == "describe":
            return self.last(torch.einsum("bchw,bhw->bc", x, attention) / attention[0].numel())
        return self.last(F.relu(self.first(attention.flatten(1))))


class WithEncoder(nn.Module):
    """Convolutions of 3 x 3, ReLU and pooling before the modules."""

    def __init__(self, colours: int, channels: tuple[int, ...], answer: Answer) -> None:
        super().__init__()
        sizes = (colours, *channels)
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(sizes, channels, strict=False))
        self.answer = answer

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = F.max_pool2d(F.relu(conv(x)), 2)
        return self.answer(x)
