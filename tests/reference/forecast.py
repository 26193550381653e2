"""PatchTST, from the paper's section 3.1 and appendix, with layer norms. Nie et al. (2023); Kim et al. (2022)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PatchTST(nn.Module):
    def __init__(
        self,
        series: int,
        length: int,
        patch: int,
        stride: int,
        d: int,
        depth: int,
        heads: int,
        hidden: int,
        horizon: int,
    ) -> None:
        super().__init__()
        self.gain, self.shift = nn.Parameter(torch.ones(series)), nn.Parameter(torch.zeros(series))
        self.patch, self.stride = patch, stride
        count = (length - patch) // stride + 2
        self.embed, self.place = nn.Linear(patch, d), nn.Parameter(torch.zeros(count, d))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(d, heads, hidden, activation="gelu", batch_first=True) for _ in range(depth)
        )
        self.head = nn.Linear(count * d, horizon)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(2, keepdim=True)
        deviation = torch.sqrt(((x - mean) ** 2).mean(2, keepdim=True) + 1e-5)
        y = (x - mean) / deviation * self.gain[:, None] + self.shift[:, None]
        padded = torch.nn.functional.pad(y, (0, self.stride), mode="replicate")
        tokens = self.embed(padded.unfold(2, self.patch, self.stride)) + self.place
        batch, series = tokens.shape[:2]
        tokens = tokens.reshape(batch * series, *tokens.shape[2:])
        for layer in self.layers:
            tokens = layer(tokens)
        return self.head(tokens.reshape(batch, series, -1)) * deviation + mean
