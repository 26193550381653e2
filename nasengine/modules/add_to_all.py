"""One vector for every position."""

from torch import Tensor, nn


class AddToAll(nn.Module):
    """Adds ``(B, F)`` to each position of ``(B, T, F)``, or with the channels ``first`` of ``(B, F, *S)``."""

    def __init__(self, first: bool = False) -> None:
        super().__init__()
        self.first = first

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        if self.first:
            return x + vector.reshape(*vector.shape, *(1 for _ in x.shape[2:]))
        return x + vector.unsqueeze(-2)
