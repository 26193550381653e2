"""Batch normalisation of sequences with the features last."""

from torch import Tensor, nn


class BatchNormSequence(nn.BatchNorm1d):
    """Each feature of ``(B, T, F)`` over batch and positions (Ioffe and Szegedy, 2015)."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.transpose(1, 2)).transpose(1, 2)
