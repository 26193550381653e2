"""Fixed positions of an image, apart from what is there."""

import math

import torch
from torch import Tensor, nn


class SinePositions(nn.Module):
    """Sines and cosines of the row, then of the column, of every pixel of ``(B, C, H, W)``: ``(B, H W, C)``.

    Half of the features each; a sine and a cosine of one wave are neighbours. Rows and columns count from 1, and where
    they are ``normalised`` the last one is at 2π. Of the input only the batch size is read.
    """

    def __init__(self, height: int, width: int, features: int, normalised: bool = True, base: float = 10_000.0) -> None:
        super().__init__()
        half = features // 2
        rates = base ** (-torch.arange(0, half, 2, dtype=torch.float64) / half)
        rows, columns = (
            self.waves_of(
                torch.arange(1, n + 1, dtype=torch.float64) * (2 * math.pi / (n + 1e-6) if normalised else 1.0), rates
            )
            for n in (height, width)
        )
        both = rows.unsqueeze(1).expand(-1, width, -1), columns.unsqueeze(0).expand(height, -1, -1)
        waves = torch.cat(both, -1).reshape(height * width, features)
        self.register_buffer("waves", waves.float(), persistent=False)

    @staticmethod
    def waves_of(places: Tensor, rates: Tensor) -> Tensor:
        """(n), (f / 2) → (n, f)."""
        angles = places.unsqueeze(1) * rates
        return torch.stack((angles.sin(), angles.cos()), -1).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        waves: Tensor = self.waves  # type: ignore[assignment]
        return waves.to(x.dtype).expand(x.shape[0], -1, -1)
