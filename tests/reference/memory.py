"""NTM and DNC in plain torch, one step and one head at a time, from the papers' equations."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def cosine(key: Tensor, memory: Tensor) -> Tensor:
    """K[k, M(i)] of a key (B, W) for slots (B, N, W); smoothed so that empty slots have 0."""
    product = torch.einsum("bw,bnw->bn", key, memory)
    return product / (((key**2).sum(1, keepdim=True) + 1e-6) * ((memory**2).sum(2) + 1e-6)).sqrt()


class Controller(nn.Module):
    """An LSTM of one layer, or a layer with tanh; called step by step."""

    def __init__(self, kind: str, features: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.lstm = nn.LSTM(features, hidden) if kind == "lstm" else None
        self.layer = nn.Linear(features, hidden) if kind == "mlp" else None
        self.state: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.layer is not None:
            return self.layer(x).tanh()
        assert self.lstm is not None
        out, self.state = self.lstm(x.unsqueeze(0), self.state)
        return out[0]


class NTM(nn.Module):
    """Graves et al. (2014), section 3."""

    def __init__(
        self, inputs: int, outputs: int, hidden: int, slots: int, width: int, *, reads: int, writes: int, shift: int,
        kind: str,
    ) -> None:  # fmt: skip
        super().__init__()
        self.n, self.m, self.reads, self.writes, self.s = slots, width, reads, writes, shift
        self.controller = Controller(kind, inputs + reads * width, hidden)
        self.heads = nn.ModuleList(nn.Linear(hidden, width + 2 * shift + 4) for _ in range(writes + reads))
        self.changes = nn.ModuleList(nn.Linear(hidden, 2 * width) for _ in range(writes))
        self.output = nn.Linear(hidden + reads * width, outputs)

    def address(self, told: Tensor, memory: Tensor, last: Tensor) -> Tensor:
        key, beta, g = told[:, : self.m], F.softplus(told[:, self.m, None]), told[:, self.m + 1, None].sigmoid()
        shift = told[:, self.m + 2 : -1].softmax(1)
        gamma = 1 + F.softplus(told[:, -1:])
        content = (beta * cosine(key, memory)).softmax(1)  # eq. 5
        gated = g * content + (1 - g) * last  # eq. 7
        moved = torch.stack(
            [
                sum(gated[:, (i - j) % self.n] * shift[:, j + self.s] for j in range(-self.s, self.s + 1))
                for i in range(self.n)
            ],
            1,
        )  # eq. 8
        return moved**gamma / (moved**gamma).sum(1, keepdim=True)  # eq. 9

    def forward(self, x: Tensor) -> Tensor:
        self.controller.state = None
        memory = torch.zeros(len(x), self.n, self.m)
        first = torch.eye(self.n)[0].expand(len(x), -1)
        places = [first] * (self.writes + self.reads)
        read = torch.zeros(len(x), self.reads * self.m)
        made = []
        for t in range(x.shape[1]):
            h = self.controller(torch.cat((x[:, t], read), 1))
            before = memory
            for i in range(self.writes):
                places[i] = self.address(self.heads[i](h), before, places[i])
            for i in range(self.writes):
                erase = self.changes[i](h)[:, : self.m].sigmoid()
                memory = memory * (1 - torch.einsum("bn,bm->bnm", places[i], erase))  # eq. 3
            for i in range(self.writes):
                memory = memory + torch.einsum("bn,bm->bnm", places[i], self.changes[i](h)[:, self.m :])  # eq. 4
            for i in range(self.writes, len(places)):
                places[i] = self.address(self.heads[i](h), memory, places[i])
            read = torch.cat([torch.einsum("bn,bnm->bm", w, memory) for w in places[self.writes :]], 1)  # eq. 2
            made.append(self.output(torch.cat((h, read), 1)))
        return torch.stack(made, 1)


class DNC(nn.Module):
    """Graves et al. (2016), methods; free slots are found by sorting."""

    def __init__(
        self, inputs: int, outputs: int, hidden: int, slots: int, width: int, *, reads: int, kind: str
    ) -> None:
        super().__init__()
        self.n, self.w, self.r = slots, width, reads
        self.controller = Controller(kind, inputs + reads * width, hidden)
        self.interface = nn.Linear(hidden, reads * width + 3 * width + 5 * reads + 3)
        self.output = nn.Linear(hidden + reads * width, outputs)

    def allocation(self, usage: Tensor) -> Tensor:
        made = torch.zeros_like(usage)
        for b, row in enumerate(usage):
            left = torch.tensor(1.0)
            for i in row.sort(stable=True).indices:
                made[b, i] = (1 - row[i]) * left
                left = left * row[i]
        return made

    def forward(self, x: Tensor) -> Tensor:
        self.controller.state = None
        batch, n, w, r = len(x), self.n, self.w, self.r
        memory, link = torch.zeros(batch, n, w), torch.zeros(batch, n, n)
        usage, precedence, write = (torch.zeros(batch, n) for _ in range(3))
        looks = [torch.zeros(batch, n) for _ in range(r)]
        read, made = torch.zeros(batch, r * w), []
        for t in range(x.shape[1]):
            h = self.controller(torch.cat((x[:, t], read), 1))
            xi = self.interface(h)
            sizes = [r * w, r, w, 1, w, w, r, 1, 1, 3 * r]
            keys, betas, key, beta, erase, vector, free, ga, gw, modes = xi.split(sizes, 1)
            retention = torch.ones(batch, n)
            for i in range(r):
                retention = retention * (1 - free[:, i : i + 1].sigmoid() * looks[i])
            usage = (usage + write - usage * write) * retention
            content = ((1 + F.softplus(beta)) * cosine(key, memory)).softmax(1)
            write = gw.sigmoid() * (ga.sigmoid() * self.allocation(usage) + (1 - ga.sigmoid()) * content)
            memory = memory * (1 - torch.einsum("bn,bw->bnw", write, erase.sigmoid())) + torch.einsum(
                "bn,bw->bnw", write, vector
            )
            new = torch.zeros_like(link)
            for i in range(n):
                for j in range(n):
                    if i != j:
                        new[:, i, j] = (1 - write[:, i] - write[:, j]) * link[:, i, j] + write[:, i] * precedence[:, j]
            link = new
            precedence = (1 - write.sum(1, keepdim=True)) * precedence + write
            for i in range(r):
                mode = modes[:, 3 * i : 3 * i + 3].softmax(1)
                strength = 1 + F.softplus(betas[:, i : i + 1])
                found = (strength * cosine(keys[:, w * i : w * (i + 1)], memory)).softmax(1)
                ahead, behind = torch.einsum("bij,bj->bi", link, looks[i]), torch.einsum("bji,bj->bi", link, looks[i])
                looks[i] = mode[:, :1] * behind + mode[:, 1:2] * found + mode[:, 2:] * ahead
            read = torch.cat([torch.einsum("bn,bnw->bw", look, memory) for look in looks], 1)
            made.append(self.output(torch.cat((h, read), 1)))
        return torch.stack(made, 1)
