"""Selective state space, as in Mamba."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasengine.modules.linear_scan import linear_scan


class SelectiveScan(nn.Module):
    """A diagonal state space whose step and whose ways in and out depend on the input (Gu and Dao, 2023, algorithm 2).

    Takes ``u`` and ``step`` of ``(B, T, F)``, ``into`` and ``out`` of ``(B, T, N)``; gives ``(B, T, F)``. For each of F
    features: ``h[t] = exp(Δ A) h[t-1] + Δ into[t] u[t]`` with ``Δ = softplus(step + bias)``, and
    ``y[t] = out[t] · h[t] + D u[t]``.
    """

    def __init__(self, features: int, state: int) -> None:
        super().__init__()
        self.log_rate = nn.Parameter(torch.empty(features, state))
        self.skip = nn.Parameter(torch.empty(features))
        self.step_bias = nn.Parameter(torch.empty(features))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Rates 1 to N (S4D-Real); steps log-uniform between 0.001 and 0.1 (section 3.6)."""
        features, state = self.log_rate.shape
        with torch.no_grad():
            self.log_rate.copy_(torch.arange(1, state + 1).log().expand(features, -1))
            self.skip.fill_(1.0)
            step = torch.exp(torch.empty(features).uniform_(math.log(0.001), math.log(0.1)))
            self.step_bias.copy_(step + torch.log(-torch.expm1(-step)))  # softplus gives the step back

    def forward(self, u: Tensor, step: Tensor, into: Tensor, out: Tensor) -> Tensor:
        delta = F.softplus(step + self.step_bias)
        decay = torch.exp(delta.unsqueeze(-1) * -torch.exp(self.log_rate))
        drive = (delta * u).unsqueeze(-1) * into.unsqueeze(-2)
        state = linear_scan(decay, drive)
        return (state @ out.unsqueeze(-1)).squeeze(-1) + self.skip * u

    def extra_repr(self) -> str:
        return f"features={self.log_rate.shape[0]}, state={self.log_rate.shape[1]}"
