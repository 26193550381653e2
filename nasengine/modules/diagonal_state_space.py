"""Diagonal state space, as in S4D."""

import math

import torch
from torch import Tensor, nn


class DiagonalStateSpace(nn.Module):
    """A time-invariant state space a feature of ``(B, T, F)``, applied as a long convolution (Gu et al., 2022, S4D).

    ``state`` complex numbers come in conjugate pairs, of which one half is held: eigenvalues ``-exp(log_decay) + i
    frequency``, ways in of 1, ways out ``out``. The kernel ``K[l] = 2 Re Σ C B̄ Ā^l`` (eq. 4) is made by zero-order hold
    or by the bilinear transform (eq. 3); everything is computed in real numbers, so that any runtime can.
    """

    def __init__(self, features: int, state: int, rule: str = "zoh", start: str = "lin") -> None:
        super().__init__()
        self.rule, self.start = rule, start
        self.log_step = nn.Parameter(torch.empty(features))
        self.log_decay = nn.Parameter(torch.empty(features, state // 2))
        self.frequency = nn.Parameter(torch.empty(features, state // 2))
        self.out = nn.Parameter(torch.empty(features, state // 2, 2))
        self.skip = nn.Parameter(torch.empty(features))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """S4D-Lin or S4D-Inv (eq. 8 and 9); steps log-uniform between 0.001 and 0.1; random ways out (section 4)."""
        half = self.frequency.shape[1]
        n = torch.arange(half)
        with torch.no_grad():
            self.log_step.uniform_(math.log(0.001), math.log(0.1))
            self.log_decay.fill_(math.log(0.5))
            self.frequency.copy_(
                math.pi * n if self.start == "lin" else 2 * half / math.pi * (2 * half / (2 * n + 1) - 1)
            )
            self.out.normal_(std=0.5**0.5)
            self.skip.normal_()

    def kernel(self, length: int) -> Tensor:
        """``(F, length)``."""
        step = torch.exp(self.log_step).unsqueeze(-1)
        real, imaginary = -torch.exp(self.log_decay), self.frequency
        a, b = real * step, imaginary * step
        if self.rule == "zoh":  # Ā = exp(Δ A), B̄ = (Ā - 1) / A
            log_size, angle = a, b
            up_real, up_imaginary = torch.exp(a) * torch.cos(b) - 1, torch.exp(a) * torch.sin(b)
            norm = real * real + imaginary * imaginary
            in_real = (up_real * real + up_imaginary * imaginary) / norm
            in_imaginary = (up_imaginary * real - up_real * imaginary) / norm
        else:  # Ā = (1 + Δ A / 2) / (1 - Δ A / 2), B̄ = Δ / (1 - Δ A / 2)
            low, high = (1 - a / 2) ** 2 + b * b / 4, (1 + a / 2) ** 2 + b * b / 4
            log_size = 0.5 * torch.log(high / low)
            angle = torch.atan2(b, 1 - (a * a + b * b) / 4)
            in_real, in_imaginary = step * (1 - a / 2) / low, step * (b / 2) / low
        c, d = self.out[..., 0], self.out[..., 1]
        left, right = c * in_real - d * in_imaginary, c * in_imaginary + d * in_real
        place = torch.arange(length, device=a.device, dtype=a.dtype)
        wave = angle.unsqueeze(-1) * place
        size = torch.exp(log_size.unsqueeze(-1) * place)
        each = size * (left.unsqueeze(-1) * torch.cos(wave) - right.unsqueeze(-1) * torch.sin(wave))
        return 2 * each.sum(1)

    def forward(self, x: Tensor) -> Tensor:
        length = x.shape[1]
        u = x.transpose(1, 2)
        whole = torch.fft.rfft(u, n=2 * length) * torch.fft.rfft(self.kernel(length), n=2 * length)
        y: Tensor = torch.fft.irfft(whole, n=2 * length)[..., :length]
        out: Tensor = (y + self.skip.unsqueeze(-1) * u).transpose(1, 2)
        return out

    def extra_repr(self) -> str:
        return f"features={self.out.shape[0]}, state={2 * self.out.shape[1]}, rule={self.rule}"
