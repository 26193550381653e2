"""Jordan's recurrent layers: the output of the step before comes back, not the hidden state."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PARTS = ("weight_ih", "weight_oh", "weight_ho", "bias_h", "bias_o")


class Jordan(nn.Module):
    """``h = tanh(W x + U y' + b)``, ``y = tanh(V h + c)`` with the last output ``y'`` (Jordan, 1986).

    On ``(B, T, F)``, from given outputs ``(B, H)`` or from zero. Gives the outputs of every position, the top layer's
    last ones joined, or the outputs and every layer's and direction's last ones.
    """

    def __init__(
        self,
        features: int,
        hidden: int,
        layers: int = 1,
        reads: str = "sequence",
        bias: bool = True,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.hidden, self.layers, self.reads, self.bias, self.dropout = hidden, layers, reads, bias, dropout
        self.directions = 2 if bidirectional else 1
        for layer in range(layers):
            into = hidden * self.directions if layer else features
            for way in range(self.directions):
                shapes = ((hidden, into), (hidden, hidden), (hidden, hidden), (hidden,), (hidden,))
                for part, shape in zip(PARTS[: 5 if bias else 3], shapes, strict=False):
                    made = nn.Parameter(torch.empty(shape))
                    nn.init.uniform_(made, -1 / math.sqrt(hidden), 1 / math.sqrt(hidden))
                    self.register_parameter(self.name(part, layer, way), made)

    def name(self, part: str, layer: int, way: int) -> str:
        """Name of a weight, as torch's recurrent layers have it."""
        return f"{part}_l{layer}{'_reverse' if way else ''}"

    def run(self, x: Tensor, y: Tensor, layer: int, way: int) -> tuple[Tensor, Tensor]:
        """One direction of one layer: the outputs of all positions, and the last one."""
        weights = [getattr(self, self.name(part, layer, way), None) for part in PARTS]
        into, back, out, b, c = weights
        steps = F.linear(x, into, b).unbind(1)  # type: ignore[arg-type]
        made = []
        for step in reversed(steps) if way else steps:
            h = torch.tanh(step + F.linear(y, back))  # type: ignore[arg-type]
            y = torch.tanh(F.linear(h, out, c))  # type: ignore[arg-type]
            made.append(y)
        return torch.stack(made[::-1] if way else made, 1), y

    def forward(self, x: Tensor, *states: Tensor) -> Any:
        zero = x.new_zeros(x.shape[0], self.hidden)
        last: list[Tensor] = []
        for layer in range(self.layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            sides = []
            for way in range(self.directions):
                first = states[len(last)] if states else zero
                side, end = self.run(x, first, layer, way)
                sides.append(side)
                last.append(end)
            x = torch.cat(sides, -1)
        if self.reads == "sequence":
            return x
        return torch.cat(last[-self.directions :], -1) if self.reads == "last" else (x, *last)
