"""A tensor of zeros."""

import torch
from torch import Tensor, nn


class Zeros(nn.Module):
    """Zeros of shape ``(B, *shape)`` on the input's device; nothing else of the input is used."""

    def __init__(self, shape: tuple[int, ...], dtype: str = "float32", batched: bool = True) -> None:
        super().__init__()
        self.shape, self.dtype, self.batched = tuple(shape), getattr(torch, dtype), batched

    def forward(self, x: Tensor) -> Tensor:
        size = (x.shape[0], *self.shape) if self.batched else self.shape
        return torch.zeros(size, dtype=self.dtype, device=x.device)
