"""A learned factor per channel."""

import torch
from torch import Tensor, nn


class LayerScale(nn.Module):
    """Multiplies each channel by a learned factor that begins at ``init`` (Touvron et al., 2021, eq. 12).

    ``after`` axes come after the channels: 2 in ``(B, C, H, W)``, 0 in ``(B, T, F)``.
    """

    def __init__(self, channels: int, init: float = 1e-6, after: int = 0) -> None:
        super().__init__()
        self.after = after
        self.gamma = nn.Parameter(torch.full((channels,), init))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma.reshape(-1, *[1] * self.after)

    def extra_repr(self) -> str:
        return f"{len(self.gamma)}, after={self.after}"
