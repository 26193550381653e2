"""Rotary position embedding."""

import torch
from torch import Tensor, nn


class Rotary(nn.Module):
    """Turns pairs of features of each head by an angle that grows with the position (Su et al., 2021, eq. 34).

    Takes and gives ``(B, T, F)`` or ``(T, F)``. The pairs are the two halves of a head, or neighbours.
    """

    def __init__(
        self, heads: int, length: int, each: int, base: float = 10_000.0, turned: int = 0, neighbours: bool = False
    ) -> None:
        super().__init__()
        self.heads, self.turned, self.neighbours = heads, turned or each, neighbours
        rates = base ** -(torch.arange(0, self.turned, 2) / self.turned)
        angles = torch.outer(torch.arange(length).float(), rates)
        both = angles.repeat_interleave(2, -1) if neighbours else torch.cat((angles, angles), -1)
        self.register_buffer("cosine", both.cos().unsqueeze(1), persistent=False)
        self.register_buffer("sine", both.sin().unsqueeze(1), persistent=False)

    def turn(self, x: Tensor) -> Tensor:
        """A quarter turn of each pair."""
        if self.neighbours:
            return torch.stack((-x[..., 1::2], x[..., ::2]), -1).flatten(-2)
        first, second = x.chunk(2, -1)
        return torch.cat((-second, first), -1)

    def forward(self, x: Tensor) -> Tensor:
        cosine: Tensor = self.cosine  # type: ignore[assignment]
        sine: Tensor = self.sine  # type: ignore[assignment]
        y = x.unflatten(-1, (self.heads, -1))
        part, rest = y[..., : self.turned], y[..., self.turned :]
        part = part * cosine.to(x.dtype) + self.turn(part) * sine.to(x.dtype)
        return (part if rest.shape[-1] == 0 else torch.cat((part, rest), -1)).flatten(-2)
