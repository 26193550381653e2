"""Fixed positions of an image's patches, added to their vectors."""

import math

import torch
from torch import Tensor, nn


class GridPositions(nn.Module):
    """Adds sines and cosines of the column, then of the row, to ``(B, T, F)``, patches row by row.

    A quarter of the features each: sines of the column, its cosines, sines of the row, its cosines, with waves as of a
    sequence (Vaswani et al., 2017, section 3.5).
    """

    def __init__(self, height: int, width: int, features: int, base: float = 10_000.0) -> None:
        super().__init__()
        quarter = features // 4
        rates = torch.exp(torch.arange(quarter, dtype=torch.float64) * (-math.log(base) / quarter))
        rows = (torch.arange(height).unsqueeze(1) * rates).unsqueeze(1).expand(height, width, quarter)
        columns = (torch.arange(width).unsqueeze(1) * rates).unsqueeze(0).expand(height, width, quarter)
        waves = torch.cat((columns.sin(), columns.cos(), rows.sin(), rows.cos()), -1)
        self.register_buffer("waves", waves.reshape(height * width, features).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        waves: Tensor = self.waves  # type: ignore[assignment]
        return x + waves.to(x.dtype)
