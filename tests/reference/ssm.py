"""S4D in plain torch, step by step with complex numbers (Gu et al., 2022, "On the parameterization ...", section 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class S4DLayer(nn.Module):
    """``x[k] = Ā x[k-1] + B̄ u[k]``, ``y[k] = 2 Re(C x[k]) + D u[k]``, GELU, then a gated linear unit."""

    def __init__(self, features: int, state: int, rule: str) -> None:
        super().__init__()
        self.rule = rule
        self.log_step = nn.Parameter(torch.empty(features))
        self.log_decay = nn.Parameter(torch.empty(features, state // 2))
        self.frequency = nn.Parameter(torch.empty(features, state // 2))
        self.out = nn.Parameter(torch.empty(features, state // 2, 2))
        self.skip = nn.Parameter(torch.empty(features))
        self.mix = nn.Conv1d(features, 2 * features, 1)

    def forward(self, u: Tensor) -> Tensor:
        a = torch.complex(-self.log_decay.double().exp(), self.frequency.double())
        c = torch.view_as_complex(self.out.double())
        step = self.log_step.double().exp().unsqueeze(-1)
        if self.rule == "zoh":
            turn = torch.exp(step * a)
            into = (turn - 1) / a
        else:
            turn, into = (1 + step * a / 2) / (1 - step * a / 2), step / (1 - step * a / 2)
        state = torch.zeros(len(u), *a.shape, dtype=a.dtype)
        made = []
        for k in range(u.shape[1]):
            state = turn * state + into * u[:, k, :, None]
            made.append(2 * (c * state).sum(-1).real.float() + self.skip * u[:, k])
        y = F.gelu(torch.stack(made, -1))
        return F.glu(self.mix(y), dim=1).transpose(1, 2)


class S4DClassifier(nn.Module):
    """Map in, layers around shortcuts with layer norm before or after, mean over time, map out."""

    def __init__(
        self, inputs: int, features: int, depth: int, state: int, *, rule: str = "zoh", pre_norm: bool = False
    ) -> None:
        super().__init__()
        self.pre_norm = pre_norm
        self.encoder = nn.Linear(inputs, features)
        self.layers = nn.ModuleList(S4DLayer(features, state, rule) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(features) for _ in range(depth))
        self.decoder = nn.Linear(features, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.encoder(x)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = x + layer(norm(x)) if self.pre_norm else norm(x + layer(x))
        return self.decoder(x.mean(1))
