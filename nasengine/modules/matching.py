"""Matching networks: a label by attention over labelled examples."""

import torch
from torch import Tensor, nn


def closeness(queries: Tensor, examples: Tensor, metric: str) -> Tensor:
    """How alike ``(B, Q, F)`` and ``(B, S, F)`` are, ``(B, Q, S)``: the cosine, or minus the squared distance."""
    products = queries @ examples.transpose(-1, -2)
    mine, theirs = queries.square().sum(-1).unsqueeze(-1), examples.square().sum(-1).unsqueeze(-2)
    if metric == "cosine":
        return products * ((mine + 1e-6) * (theirs + 1e-6)).rsqrt()
    return 2 * products - mine - theirs


class Match(nn.Module):
    """Log-probabilities ``(B, Q, classes)``: attention over examples, summed over those of a class.

    Vinyals et al. (2016), eq. 1 and section 2.1.1. Takes queries, examples and the examples' labels ``(B, S)``.
    """

    def __init__(self, classes: int, metric: str = "cosine", scale: float = 1.0) -> None:
        super().__init__()
        self.classes, self.metric, self.scale = classes, metric, scale

    def forward(self, queries: Tensor, examples: Tensor, labels: Tensor) -> Tensor:
        weights = torch.softmax(self.scale * closeness(queries, examples, self.metric), -1)
        told = labels.unsqueeze(-1) == torch.arange(self.classes, device=labels.device)
        return (weights @ told.to(weights.dtype)).clamp(min=1e-6).log()

    def extra_repr(self) -> str:
        return f"classes={self.classes}, metric={self.metric}, scale={self.scale}"


class AttentiveLSTM(nn.Module):
    """Queries read the examples ``steps`` times before they are compared (Vinyals et al., 2016, appendix A.1).

    ``(B, Q, F)`` and ``(B, S, F)`` → ``(B, Q, F)``.
    """

    def __init__(self, features: int, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.cell = nn.LSTMCell(2 * features, features)

    def forward(self, queries: Tensor, examples: Tensor) -> Tensor:
        state = cell = torch.zeros_like(queries).flatten(0, 1)
        x = queries.flatten(0, 1)
        for _ in range(self.steps):
            looks = torch.softmax(state.unflatten(0, queries.shape[:2]) @ examples.transpose(-1, -2), -1)
            read = (looks @ examples).flatten(0, 1)
            state, cell = self.cell(torch.cat((x, read), -1), (state, cell))
            state = state + x
        out: Tensor = state.unflatten(0, queries.shape[:2])
        return out

    def extra_repr(self) -> str:
        return f"steps={self.steps}"
