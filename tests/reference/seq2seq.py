"""Plain torch, step by step from the papers' equations: encoder and decoder with and without attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Score(nn.Module):
    """Luong et al. (2015, eq. 8), and Bahdanau et al.'s (2015, A.1.2) alignment, which is ``concat``."""

    def __init__(self, kind: str, query: int, memory: int, hidden: int = 0) -> None:
        super().__init__()
        self.kind = kind
        if kind == "general":
            self.w = nn.Parameter(torch.randn(query, memory))
        if kind == "concat":
            self.w = nn.Parameter(torch.randn(hidden or query, query + memory))
            self.v = nn.Parameter(torch.randn(hidden or query))

    def one(self, query: Tensor, seen: Tensor) -> Tensor:
        """Of one query with one position: ``(B, Q)``, ``(B, M)`` → ``(B,)``."""
        if self.kind == "dot":
            return (query * seen).sum(1)
        if self.kind == "general":
            return ((query @ self.w) * seen).sum(1)
        return torch.tanh(torch.cat((query, seen), 1) @ self.w.T) @ self.v

    def forward(self, query: Tensor, memory: Tensor) -> Tensor:
        """The context (eq. 7): the memory's mean, weighted by a softmax of the scores."""
        scores = torch.stack([self.one(query, memory[:, s]) for s in range(memory.shape[1])], 1)
        weights = scores.exp() / scores.exp().sum(1, keepdim=True)
        return (weights.unsqueeze(2) * memory).sum(1)


class Cells(nn.Module):
    """LSTM or GRU cells on one another, one step at a time."""

    def __init__(self, kind: str, inputs: int, size: int, layers: int) -> None:
        super().__init__()
        cell = {"lstm": nn.LSTMCell, "gru": nn.GRUCell}[kind]
        self.kind = kind
        self.parts = nn.ModuleList(cell(size if i else inputs, size) for i in range(layers))

    def forward(self, x: Tensor, states: list[tuple[Tensor, ...]]) -> Tensor:
        for i, part in enumerate(self.parts):
            states[i] = part(x, states[i]) if self.kind == "lstm" else (part(x, states[i][0]),)
            x = states[i][0]
        return x


class RNNSearch(nn.Module):
    """Bahdanau et al. (2015, sections 3.1, 3.2 and A.2), with torch's cells."""

    def __init__(self, sources: int, targets: int, embedding: int, size: int, hidden: int, maxout: int) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(sources, embedding), nn.Embedding(targets, embedding)
        self.ahead, self.back = nn.GRUCell(embedding, size), nn.GRUCell(embedding, size)
        self.first = nn.Linear(size, size)
        self.cell = nn.GRUCell(embedding + 2 * size, size)
        self.score = Score("concat", size, 2 * size, hidden)
        self.readout = nn.Linear(size + embedding + 2 * size, 2 * maxout)
        self.head = nn.Linear(maxout, targets)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        x, y = self.source(source), self.target(target)
        h = torch.zeros(x.shape[0], self.ahead.hidden_size)
        ahead = [h := self.ahead(x[:, s], h) for s in range(x.shape[1])]
        h = torch.zeros_like(h)
        back = [h := self.back(x[:, s], h) for s in reversed(range(x.shape[1]))][::-1]
        memory = torch.stack([torch.cat(pair, 1) for pair in zip(ahead, back, strict=True)], 1)
        state = torch.tanh(self.first(back[0]))
        logits = []
        for t in range(y.shape[1]):
            context = self.score(state, memory)
            state = self.cell(torch.cat((y[:, t], context), 1), state)
            wide = self.readout(torch.cat((state, y[:, t], context), 1))
            logits.append(self.head(torch.maximum(wide[:, ::2], wide[:, 1::2])))
        return torch.stack(logits, 1)


class Luong(nn.Module):
    """Luong et al. (2015, sections 3, 3.1 and 3.3); Sutskever et al. (2014) where ``score`` is None."""

    def __init__(
        self,
        sources: int,
        targets: int,
        embedding: int,
        size: int,
        layers: int,
        score: str | None = None,
        *,
        feeding: bool = False,
        kind: str = "lstm",
    ) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(sources, embedding), nn.Embedding(targets, embedding)
        self.encoder = Cells(kind, embedding, size, layers)
        self.decoder = Cells(kind, embedding + size * feeding, size, layers)
        self.score = None if score is None else Score(score, size, size)
        self.combine = None if score is None else nn.Linear(2 * size, size, bias=False)
        self.head = nn.Linear(size, targets)
        self.size, self.feeding = size, feeding

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        x, y = self.source(source), self.target(target)
        zero = torch.zeros(x.shape[0], self.size)
        states: list[tuple[Tensor, ...]] = [(zero, zero) for _ in self.encoder.parts]
        memory = torch.stack([self.encoder(x[:, s], states) for s in range(x.shape[1])], 1)
        vector, logits = zero, []
        for t in range(y.shape[1]):
            top = self.decoder(torch.cat((y[:, t], vector), 1) if self.feeding else y[:, t], states)
            vector = top
            if self.score is not None and self.combine is not None:
                vector = torch.tanh(self.combine(torch.cat((self.score(top, memory), top), 1)))
            logits.append(self.head(vector))
        return torch.stack(logits, 1)
