"""Matching networks in plain torch, one query at a time (Vinyals et al., 2016, section 2 and appendix A)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MatchingNetwork(nn.Module):
    """Takes sets of images, (B, C, Q, H, W) and (B, C, S, H, W), and the labels (B, S)."""

    def __init__(
        self, colours: int, channels: int, depth: int, features: int, *, steps: int = 0, metric: str = "cosine",
        scale: float = 1.0, classes: int = 5,
    ) -> None:  # fmt: skip
        super().__init__()
        self.steps, self.metric, self.scale, self.classes, self.size = steps, metric, scale, classes, features
        self.encoder = nn.ModuleList()
        for i in range(depth):
            conv = nn.Conv2d(channels if i else colours, channels, 3, padding=1)
            self.encoder.append(nn.Sequential(conv, nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(2)))
        self.context = nn.LSTM(features, features, bidirectional=True) if steps else None
        self.reader = nn.LSTMCell(2 * features, features) if steps else None

    def embed(self, images: Tensor) -> Tensor:
        """(C, N, H, W) → (N, F)."""
        x = images.transpose(0, 1)
        for module in self.encoder:
            x = module(x)
        return x.flatten(1)

    def one(self, query: Tensor, known: Tensor, labels: Tensor) -> Tensor:
        if self.reader is not None:
            h = c = torch.zeros(1, self.size)
            for _ in range(self.steps):
                look = (known @ h[0]).softmax(0)  # eq. 6
                read = (look.unsqueeze(1) * known).sum(0)  # eq. 5
                h, c = self.reader(torch.cat((query, read)).unsqueeze(0), (h, c))  # eq. 3
                h = h + query  # eq. 4
            query = h[0]
        if self.metric == "cosine":
            near = F.cosine_similarity(query.unsqueeze(0), known, dim=1)
        else:
            near = -(query - known).pow(2).sum(1)
        weights = (self.scale * near).softmax(0)
        return torch.stack([weights[labels == k].sum() for k in range(self.classes)]).clamp(min=1e-6).log()  # eq. 1

    def forward(self, queries: Tensor, examples: Tensor, labels: Tensor) -> Tensor:
        made = []
        for b in range(len(queries)):
            known = self.embed(examples[b])
            if self.context is not None:
                ahead, behind = self.context(known.unsqueeze(1))[0].squeeze(1).chunk(2, 1)
                known = known + ahead + behind
            made.append(torch.stack([self.one(q, known, labels[b]) for q in self.embed(queries[b])]))
        return torch.stack(made)
