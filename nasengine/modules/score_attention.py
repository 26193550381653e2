"""Attention by the score of a query against each position of a memory."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ScoreAttention(nn.Module):
    """The memory's mean, weighted by a softmax of scores (Luong et al., 2015, eq. 7 and 8).

    ``dot``: ``qᵀ m``; ``general``: ``qᵀ W m``; ``concat``: ``vᵀ tanh(W q + U m)``, as
    Bahdanau et al. (2015, A.1.2). Takes queries ``(B, T, Q)`` and a
    memory ``(B, S, M)``, gives ``(B, T, M)``.
    """

    def __init__(self, query: int, memory: int, score: str = "dot", hidden: int = 0) -> None:
        super().__init__()
        self.score = score
        shapes: dict[str, tuple[int, ...]] = {}
        if score == "general":
            shapes = {"weight": (query, memory)}
        elif score == "concat":
            shapes = {"weight_query": (hidden, query), "weight_memory": (hidden, memory), "vector": (hidden,)}
        for name, shape in shapes.items():
            bound = 1 / math.sqrt(shape[-1])
            self.register_parameter(name, nn.Parameter(torch.empty(shape).uniform_(-bound, bound)))

    def keys(self, memory: Tensor) -> Tensor:
        """What queries are compared with; the same for all of them."""
        if self.score == "general":
            return F.linear(memory, self.weight)  # type: ignore[arg-type]
        return memory if self.score == "dot" else F.linear(memory, self.weight_memory)  # type: ignore[arg-type]

    def attend(self, query: Tensor, keys: Tensor, memory: Tensor) -> Tensor:
        """The memory's weighted mean for each query."""
        if self.score == "concat":
            asked = F.linear(query, self.weight_query).unsqueeze(2)  # type: ignore[arg-type]
            vector: Tensor = self.vector  # type: ignore[assignment]
            scores = F.linear(torch.tanh(asked + keys.unsqueeze(1)), vector.unsqueeze(0)).squeeze(-1)
        else:
            scores = torch.matmul(query, keys.transpose(1, 2))
        return torch.matmul(torch.softmax(scores, -1), memory)

    def forward(self, query: Tensor, memory: Tensor) -> Tensor:
        return self.attend(query, self.keys(memory), memory)
