"""A recurrent decoder that looks at a memory at every step."""

import torch
from torch import Tensor, nn

from nasengine.modules.score_attention import ScoreAttention

CELLS = {"elman": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


class AttentionDecoder(nn.Module):
    """Recurrent layers over ``(B, T, E)`` with attention to ``(B, S, M)``, from first states ``(B, H)``.

    ``order="before"``: the last state asks, and what it finds is read with the step's input (Bahdanau et al., 2015,
    section 3); gives the states and what they found. ``order="after"``: the new state asks, and
    ``tanh(W [found; state])`` is read with the next input (Luong et al., 2015, section 3.3); gives these vectors.
    """

    def __init__(
        self,
        features: int,
        memory: int,
        hidden: int,
        kind: str = "gru",
        layers: int = 1,
        score: str = "concat",
        score_hidden: int = 0,
        order: str = "before",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.lstm, self.after = kind == "lstm", order == "after"
        fed = hidden if self.after else memory
        sizes = [features + fed, *[hidden] * (layers - 1)]
        self.cells = nn.ModuleList(CELLS[kind](size, hidden) for size in sizes)
        self.attention = ScoreAttention(hidden, memory, score, score_hidden)
        self.combine = nn.Linear(memory + hidden, hidden, bias=False) if self.after else None
        self.drop = nn.Dropout(dropout)

    def step(self, x: Tensor, hidden: list[Tensor], cells: list[Tensor]) -> None:
        """All layers once; the lists hold the next states."""
        for i, layer in enumerate(self.cells):
            x = self.drop(x) if i else x
            if self.lstm:
                hidden[i], cells[i] = layer(x, (hidden[i], cells[i]))
            else:
                hidden[i] = layer(x, hidden[i])
            x = hidden[i]

    def forward(self, x: Tensor, memory: Tensor, *states: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        hidden, cells = list(states[: len(self.cells)]), list(states[len(self.cells) :])
        keys = self.attention.keys(memory)
        fed = torch.zeros_like(hidden[-1])
        tops, found = [], []
        for step in x.unbind(1):
            if self.combine is None:
                fed = self.attention.attend(hidden[-1].unsqueeze(1), keys, memory).squeeze(1)
            self.step(torch.cat((step, fed), -1), hidden, cells)
            if self.combine is not None:
                context = self.attention.attend(hidden[-1].unsqueeze(1), keys, memory).squeeze(1)
                fed = torch.tanh(self.combine(torch.cat((context, hidden[-1]), -1)))
            tops.append(hidden[-1])
            found.append(fed)
        last = torch.stack(found, 1)
        return last if self.combine is not None else (torch.stack(tops, 1), last)
