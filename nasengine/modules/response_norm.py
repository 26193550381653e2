"""Global response normalisation."""

import torch
from torch import Tensor, nn


class GlobalResponseNorm(nn.Module):
    """Channels of ``(B, C, *S)`` compete by their norms over all positions (Woo et al., 2023, eq. 1 to 3).

    ``gamma * x * n + beta + x``, n the channel's Euclidean norm over the mean of all channels' norms.
    """

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.gamma = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        shape = (-1, *(1 for _ in x.shape[2:]))
        norms = x.flatten(2).norm(dim=2)
        share = norms / (norms.mean(dim=1, keepdim=True) + self.eps)
        gamma, beta = self.gamma.reshape(shape), self.beta.reshape(shape)
        made: Tensor = gamma * (x * share.reshape(*share.shape, *shape[1:])) + beta + x
        return made
