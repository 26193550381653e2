"""What networks with an addressable memory share: a controller, and addressing by content."""

import torch
from torch import Tensor, nn


def controller(kind: str, features: int, hidden: int) -> nn.Module:
    """What sees the input and the last reads: an LSTM cell, or one layer without a state."""
    return nn.LSTMCell(features, hidden) if kind == "lstm" else nn.Linear(features, hidden)


def control(cell: nn.Module, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The controller's next state; its first tensor is its output, ``(B, hidden)``."""
    if isinstance(cell, nn.LSTMCell):
        made: tuple[Tensor, ...] = cell(x, state or None)
        return made
    return (torch.tanh(cell(x)),)


def resemblance(keys: Tensor, memory: Tensor) -> Tensor:
    """Cosine of each key ``(B, K, W)`` with each slot ``(B, N, W)``: ``(B, K, N)``; of an empty slot it is 0."""
    sizes = (keys.square().sum(-1).unsqueeze(-1) + 1e-6) * (memory.square().sum(-1).unsqueeze(-2) + 1e-6)
    return keys @ memory.transpose(-1, -2) * sizes.rsqrt()
