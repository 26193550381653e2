"""Spiking neurons, trained through a smooth stand-in for their threshold."""

import math

import torch
from torch import Tensor, nn

from nasengine.modules.linear_scan import linear_scan


def spike(above: Tensor, surrogate: str, slope: float) -> Tensor:
    """1 where ``above >= 0``, else 0; its gradient is that of a smooth function (Neftci et al., 2019, fig. 3).

    ``fast_sigmoid``: 1 / (1 + slope |x|)² (Zenke and Ganguli, 2018); ``arctan``: slope / 2 / (1 + (π / 2 slope x)²)
    (Fang et al., 2021). The smooth part adds its value and takes it away again: exactly 0, so any exporter can write
    it.
    """
    hard = (above >= 0).to(above.dtype)
    if not torch.is_grad_enabled():
        return hard
    if surrogate == "fast_sigmoid":
        soft = above / (1 + slope * above.abs())
    else:
        soft = torch.atan(above * (math.pi / 2 * slope)) / math.pi
    return hard + (soft - soft.detach())


class LIF(nn.Module):
    """Leaky integrate-and-fire neurons; ``time`` is the axis of the steps (Neftci et al., 2019, eq. 4 and 5).

    ``u[t] = decay u[t-1] + x[t]``; a neuron fires where ``u >= threshold``, and then loses the threshold or all of u.
    """

    def __init__(
        self,
        time: int,
        decay: float = 0.9,
        threshold: float = 1.0,
        reset: str = "subtract",
        surrogate: str = "fast_sigmoid",
        slope: float = 5.0,
        learned: bool = False,
        scaled: bool = False,
    ) -> None:
        super().__init__()
        self.time, self.start, self.threshold, self.reset = time, decay, threshold, reset
        self.surrogate, self.slope, self.scaled = surrogate, slope, scaled
        self.decay = nn.Parameter(torch.empty(1)) if learned else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """A learned decay is the sigmoid of its parameter (Fang et al., 2021, eq. 9)."""
        if self.decay is not None:
            with torch.no_grad():
                self.decay.fill_(math.log(self.start / (1 - self.start)))

    def run(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Spikes, and how far above the threshold each potential was."""
        decay = self.start if self.decay is None else torch.sigmoid(self.decay)
        potential: Tensor | None = None
        fired, margins = [], []
        for drive in x.unbind(self.time):
            drive = drive * (1 - decay) if self.scaled else drive
            potential = drive if potential is None else decay * potential + drive
            above = potential - self.threshold
            out = spike(above, self.surrogate, self.slope)
            past = out.detach()  # what a spike takes away is not differentiated (Zenke and Vogels, 2021)
            potential = potential - self.threshold * past if self.reset == "subtract" else potential * (1 - past)
            fired.append(out)
            margins.append(above)
        return torch.stack(fired, self.time), torch.stack(margins, self.time)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x)[0]

    def margin(self, x: Tensor) -> Tensor:
        """Least distance of a potential to the threshold."""
        return self.run(x)[1].abs().min()

    def extra_repr(self) -> str:
        return f"decay={self.start}, threshold={self.threshold}, reset={self.reset}, surrogate={self.surrogate}"


class LeakyIntegrator(nn.Module):
    """Potentials of neurons that never fire: ``u[t] = decay u[t-1] + x[t]``; ``(B, T, F)`` → ``(B, T, F)``."""

    def __init__(self, decay: float = 0.9) -> None:
        super().__init__()
        self.decay = decay

    def forward(self, x: Tensor) -> Tensor:
        return linear_scan(torch.full_like(x, self.decay), x)

    def extra_repr(self) -> str:
        return f"decay={self.decay}"


class DirectEncoding(nn.Module):
    """The same numbers at each of ``steps`` steps, on a new axis ``time`` (Rueckauer et al., 2017, section 2)."""

    def __init__(self, steps: int, time: int) -> None:
        super().__init__()
        self.steps, self.time = steps, time

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x] * self.steps, self.time)

    def extra_repr(self) -> str:
        return f"steps={self.steps}"


class RateEncoding(nn.Module):
    """Numbers from 0 to 1 as the share of ``steps`` steps with a spike, on a new axis ``time``; others are clipped.

    In training spikes are drawn at random (Diehl and Cook, 2015); in evaluation they are spread evenly, one whenever
    the sum of the number passes a whole one. The gradient is that of the rate.
    """

    def __init__(self, steps: int, time: int) -> None:
        super().__init__()
        self.steps, self.time = steps, time

    def forward(self, x: Tensor) -> Tensor:
        rate = x.clamp(0.0, 1.0)
        if self.training:
            made = [(torch.rand_like(rate) < rate).to(x.dtype) for _ in range(self.steps)]
        else:
            sums = [torch.floor(rate * t) for t in range(self.steps + 1)]
            made = [after - before for before, after in zip(sums[:-1], sums[1:], strict=True)]
        return torch.stack([fired + (rate - rate.detach()) for fired in made], self.time)

    def margin(self, x: Tensor) -> Tensor:
        """Least distance of a sum to the whole number at which a spike comes."""
        sums = torch.stack([x * t for t in range(1, self.steps + 1)], -1)
        most = torch.arange(1, self.steps + 1, device=x.device, dtype=x.dtype)
        return (sums - torch.minimum(sums.round().clamp(min=1), most)).abs().min()

    def extra_repr(self) -> str:
        return f"steps={self.steps}"
