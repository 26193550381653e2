"""Plain torch, step by step from the papers' equations: recurrent layers, temporal convolutions, convolutional LSTM."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class JordanCell(nn.Module):
    """Jordan (1986): the context is the output of the step before."""

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        self.w = nn.Linear(inputs, size)
        self.u = nn.Linear(size, size, bias=False)
        self.v = nn.Linear(size, size)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.zeros(x.shape[0], self.v.out_features)
        outputs = []
        for t in range(x.shape[1]):
            y = torch.tanh(self.v(torch.tanh(self.w(x[:, t]) + self.u(y))))
            outputs.append(y)
        return torch.stack(outputs, 1)


class JordanLabeller(nn.Module):
    """Layers in both directions and a label for every position."""

    def __init__(self, inputs: int, size: int, layers: int, outputs: int) -> None:
        super().__init__()
        sizes = [inputs, *[2 * size] * (layers - 1)]
        self.forwards = nn.ModuleList(JordanCell(n, size) for n in sizes)
        self.backwards = nn.ModuleList(JordanCell(n, size) for n in sizes)
        self.head = nn.Linear(2 * size, outputs)

    def forward(self, x: Tensor) -> Tensor:
        for ahead, back in zip(self.forwards, self.backwards, strict=True):
            x = torch.cat((ahead(x), back(x.flip(1)).flip(1)), 2)
        return self.head(x)


class RecurrentLabeller(nn.Module):
    """torch's own recurrent layers and a label for every position."""

    def __init__(self, inputs: int, layers: nn.RNNBase, outputs: int) -> None:
        super().__init__()
        self.rnn = layers
        self.head = nn.Linear(layers.hidden_size * (2 if layers.bidirectional else 1), outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rnn(x)[0])


class WordModel(nn.Module):
    """A language model of torch's own layers; its output layer may share the embedding's table."""

    def __init__(self, vocabulary: int, embedding: int, widths: tuple[int, ...], *, tied: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        sizes = (embedding, *widths)
        self.layers = nn.ModuleList(nn.LSTM(a, b, batch_first=True) for a, b in zip(sizes, widths, strict=False))
        self.head = nn.Linear(widths[-1], vocabulary)
        if tied:
            self.head.weight = self.embedding.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embedding(ids)
        for layer in self.layers:
            x = layer(x)[0]
        return self.head(x)


class NormedConv(nn.Module):
    """Salimans and Kingma (2016, eq. 2): w = g v / |v|, each output channel apart; no later position is seen."""

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.v = nn.Parameter(torch.randn(outputs, inputs, kernel))
        self.b = nn.Parameter(torch.zeros(outputs))
        self.g = nn.Parameter(torch.ones(outputs, 1, 1))
        self.dilation = dilation

    def forward(self, x: Tensor) -> Tensor:
        """Bai et al. (2018, section 3.2): F(s) = sum over i of f(i) x(s - d i)."""
        w = self.g * self.v / self.v.square().sum((1, 2), keepdim=True).sqrt()
        out = self.b.reshape(1, -1, 1)
        for i in range(w.shape[2]):  # the last weight acts on the position itself
            back = self.dilation * (w.shape[2] - 1 - i)
            seen = F.pad(x, (back, 0))[:, :, : x.shape[2]]
            out = out + torch.einsum("oc,bcl->bol", w[:, :, i], seen)
        return out


class TemporalConvNet(nn.Module):
    """Bai et al. (2018, fig. 1b): relu(x + relu(conv(relu(conv(x))))), dilation 1, 2, 4, ..."""

    def __init__(self, inputs: int, widths: tuple[int, ...], kernel: int, outputs: int, *, every: bool) -> None:
        super().__init__()
        self.parts = nn.ModuleList()
        for i, width in enumerate(widths):
            before = widths[i - 1] if i else inputs
            self.parts.append(NormedConv(before, width, kernel, 2**i))
            self.parts.append(NormedConv(width, width, kernel, 2**i))
            self.parts.append(nn.Identity() if before == width else nn.Conv1d(before, width, 1))
        self.head, self.every = nn.Linear(widths[-1], outputs), every

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.parts)
        for first, second, skip in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            x = torch.relu(skip(x) + torch.relu(second(torch.relu(first(x)))))
        return self.head(x.transpose(1, 2) if self.every else x[:, :, -1])


class ConvLSTMCell(nn.Module):
    """Shi et al. (2015, eq. 3), with weights on the cell that are one a channel."""

    def __init__(self, inputs: int, size: int, kernel: int, state_kernel: int) -> None:
        super().__init__()
        self.size = size
        self.x = nn.ModuleList(
            nn.Conv2d(inputs, size, kernel, padding=kernel // 2, bias=False) for _ in range(4 if inputs else 0)
        )
        self.h = nn.ModuleList(nn.Conv2d(size, size, state_kernel, padding=state_kernel // 2) for _ in range(4))
        self.c = nn.Parameter(torch.zeros(3, size, 1, 1))

    def forward(self, x: Tensor | None, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        i, f, g, o = (conv(h) for conv in self.h)
        if x is not None:
            i, f, g, o = (a + conv(x) for a, conv in zip((i, f, g, o), self.x, strict=True))
        i, f = torch.sigmoid(i + self.c[0] * c), torch.sigmoid(f + self.c[1] * c)
        c = f * c + i * torch.tanh(g)
        return torch.sigmoid(o + self.c[2] * c) * torch.tanh(c), c


class Forecaster(nn.Module):
    """Shi et al. (2015, fig. 3): a stack that reads, a stack that goes on from its states, a 1 x 1 convolution."""

    def __init__(
        self, patch: int, widths: tuple[int, ...], kernel: int, state_kernel: int, steps: int, *, joined: bool = True
    ) -> None:
        super().__init__()
        self.patch, self.steps, self.joined = patch, steps, joined
        channels = patch * patch
        below = (channels, *widths[:-1])
        self.encoder = nn.ModuleList(
            ConvLSTMCell(a, b, kernel, state_kernel) for a, b in zip(below, widths, strict=True)
        )
        below = (0, *widths[:-1])
        self.forecaster = nn.ModuleList(
            ConvLSTMCell(a, b, kernel, state_kernel) for a, b in zip(below, widths, strict=True)
        )
        self.out = nn.Conv2d(sum(widths) if joined else widths[-1], channels, 1)

    def forward(self, frames: Tensor) -> Tensor:
        x = F.pixel_unshuffle(frames, self.patch)
        size = (x.shape[0], *x.shape[-2:])
        states = [(torch.zeros(size[0], cell.size, *size[1:]),) * 2 for cell in self.encoder]
        for t in range(x.shape[1]):
            below: Tensor | None = x[:, t]
            for i, cell in enumerate(self.encoder):
                states[i] = cell(below, *states[i])
                below = states[i][0]
        made = []
        for _ in range(self.steps):
            below = None
            for i, cell in enumerate(self.forecaster):
                states[i] = cell(below, *states[i])
                below = states[i][0]
            seen = torch.cat([h for h, _ in states], 1) if self.joined else states[-1][0]
            made.append(F.pixel_shuffle(self.out(seen), self.patch))
        return torch.stack(made, 1)
