"""Root-mean-square normalisation with the channels first."""

from torch import Tensor, nn


class RMSNormChannels(nn.RMSNorm):
    """The channels of each position of ``(B, C, *S)`` (Zhang and Sennrich, 2019)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
