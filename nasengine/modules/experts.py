"""Mixture of experts: a few of many feed-forward networks for each token."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Experts(nn.Module):
    """Gated feed-forward networks, each token through the ``chosen`` that score highest (Jiang et al., 2024, eq. 1).

    Takes ``(B, T, F)`` and router scores ``(B, T, E)``; gives ``(B, T, F)``. The weights are the softmax over the
    chosen scores. Run eagerly, an expert computes its own tokens only; exported or traced, where sizes may not depend
    on data, every expert computes every token and the weights of the others are zero.
    """

    def __init__(self, count: int, chosen: int, features: int, hidden: int, activation: str = "silu") -> None:
        super().__init__()
        self.count, self.chosen, self.activation = count, chosen, activation
        self.gate_up = nn.Parameter(torch.empty(count, 2 * hidden, features))
        self.down = nn.Parameter(torch.empty(count, features, hidden))
        nn.init.normal_(self.gate_up, std=features**-0.5)
        nn.init.normal_(self.down, std=hidden**-0.5)

    def margin(self, x: Tensor, scores: Tensor) -> Tensor:
        """Least distance of the last chosen score to the first one left out."""
        if self.chosen == self.count:
            return torch.tensor(float("inf"))
        ranked = scores.sort(-1, descending=True).values
        return (ranked[..., self.chosen - 1] - ranked[..., self.chosen]).min()

    def expert(self, x: Tensor, up: Tensor, down: Tensor) -> Tensor:
        """One expert on tokens ``(N, F)``, or all on all with a leading axis of experts."""
        gate, value = (x @ up.transpose(-1, -2)).chunk(2, -1)
        act = F.silu(gate) if self.activation == "silu" else F.gelu(gate)
        return (act * value) @ down.transpose(-1, -2)

    def forward(self, x: Tensor, scores: Tensor) -> Tensor:
        best, places = scores.topk(self.chosen, -1)
        weights = torch.zeros_like(scores).scatter(-1, places, best.softmax(-1))
        tokens, weights = x.flatten(0, -2), weights.flatten(0, -2)
        if x.is_meta or torch.compiler.is_compiling():
            every = self.expert(tokens.unsqueeze(0), self.gate_up, self.down)
            return (every * weights.T.unsqueeze(-1)).sum(0).reshape(x.shape)
        out = torch.zeros_like(tokens)
        for e in range(self.count):
            (mine,) = torch.where(weights[:, e] > 0)
            made = self.expert(tokens[mine], self.gate_up[e], self.down[e])
            out = out.index_add(0, mine, made * weights[mine, e : e + 1])
        return out.reshape(x.shape)


class BalanceLoss(nn.Module):
    """``E Σ f p`` of router scores ``(B, T, E)`` (Fedus et al., 2022, eq. 4): 1 where experts are used evenly.

    ``f`` is the share of tokens that an expert is among the ``chosen`` of, ``p`` its mean probability.
    """

    def __init__(self, chosen: int) -> None:
        super().__init__()
        self.chosen = chosen

    def forward(self, scores: Tensor) -> Tensor:
        flat = scores.flatten(0, -2)
        places = flat.topk(self.chosen, -1).indices
        used = torch.zeros_like(flat).scatter(-1, places, 1.0).mean(0) / self.chosen
        return flat.shape[-1] * (used * flat.softmax(-1).mean(0)).sum()

    def margin(self, scores: Tensor) -> Tensor:
        """Least distance of the last chosen score to the first one left out."""
        if self.chosen == scores.shape[-1]:
            return torch.tensor(float("inf"))
        ranked = scores.sort(-1, descending=True).values
        return (ranked[..., self.chosen - 1] - ranked[..., self.chosen]).min()
