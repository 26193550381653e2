"""Recurrent layers that give what a network reads of them: every position, the last state, or the states as well."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


def arguments(layers: nn.RNNBase) -> tuple[list[Tensor], bool, int, float, bool, bool, bool]:
    """What torch's recurrent functions take after the states.

    The weights are looked up by name: ``torch.export`` follows those, and not the list that the layers keep of them.
    """
    weights = [getattr(layers, name) for name in layers._flat_weights_names]
    return weights, layers.bias, layers.num_layers, layers.dropout, layers.training, layers.bidirectional, True


def states_of(layers: nn.RNNBase, x: Tensor, given: Sequence[Tensor]) -> Tensor:
    """The first states, (layers * directions, B, H): those given, or zero."""
    if given:
        return torch.stack(tuple(given))
    count = layers.num_layers * (2 if layers.bidirectional else 1)
    return x.new_zeros(count, x.shape[0], layers.hidden_size)


def read(reads: str, directions: int, sequence: Tensor, *states: Tensor) -> Tensor | tuple[Tensor, ...]:
    """The sequence, the top layer's last states joined, or the sequence and every last state."""
    if reads == "sequence":
        return sequence
    if reads == "last":
        return torch.cat(states[0].unbind(0)[-directions:], -1)
    return (sequence, *(each for state in states for each in state.unbind(0)))


class Elman(nn.RNN):
    """Elman's layers on ``(B, T, F)``, from given states ``(B, H)`` or from zero; gives what ``reads`` says."""

    def __init__(self, features: int, hidden: int, layers: int = 1, reads: str = "sequence", **more: Any) -> None:
        super().__init__(features, hidden, layers, batch_first=True, **more)
        self.reads = reads

    def forward(self, x: Tensor, *states: Tensor) -> Any:  # type: ignore[override]
        step = torch.rnn_relu if self.mode == "RNN_RELU" else torch.rnn_tanh
        out = step(x, states_of(self, x, states), *arguments(self))
        return read(self.reads, 2 if self.bidirectional else 1, *out)


class GRU(nn.GRU):
    """Gated recurrent layers on ``(B, T, F)``, from given states ``(B, H)`` or from zero; gives what ``reads`` says."""

    def __init__(self, features: int, hidden: int, layers: int = 1, reads: str = "sequence", **more: Any) -> None:
        super().__init__(features, hidden, layers, batch_first=True, **more)
        self.reads = reads

    def forward(self, x: Tensor, *states: Tensor) -> Any:  # type: ignore[override]
        out = torch.gru(x, states_of(self, x, states), *arguments(self))
        return read(self.reads, 2 if self.bidirectional else 1, *out)


class LSTM(nn.LSTM):
    """LSTM layers on ``(B, T, F)``, from given hidden states and cells ``(B, H)`` or from zero."""

    def __init__(self, features: int, hidden: int, layers: int = 1, reads: str = "sequence", **more: Any) -> None:
        super().__init__(features, hidden, layers, batch_first=True, **more)
        self.reads = reads

    def forward(self, x: Tensor, *states: Tensor) -> Any:  # type: ignore[override]
        half = len(states) // 2
        first = [states_of(self, x, states[:half]), states_of(self, x, states[half:])]
        out = torch.lstm(x, first, *arguments(self))
        return read(self.reads, 2 if self.bidirectional else 1, *out)
