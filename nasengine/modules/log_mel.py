"""Spectrograms of sound on the mel scale."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LogMel(nn.Module):
    """Log power of ``(B, 1, samples)`` in mel bands: ``(B, mels, samples / hop)`` (Radford et al., 2023, section 2.2).

    A Hann window of ``window`` samples every ``hop``; triangular bands of unit area, evenly spaced on the mel scale;
    log10 of the power, at most 8 below the loudest of the sample, then ``(x + 4) / 4``. The Fourier transform is a
    convolution with fixed sines and cosines, so that every runtime has it.
    """

    def __init__(self, mels: int, rate: int = 16_000, window: int = 400, hop: int = 160) -> None:
        super().__init__()
        self.window, self.hop = window, hop
        time = torch.arange(window, dtype=torch.float64)
        hann = 0.5 - 0.5 * torch.cos(2 * math.pi * time / window)
        bins = torch.arange(window // 2 + 1, dtype=torch.float64)
        angle = 2 * math.pi * bins.unsqueeze(1) * time / window
        waves = torch.cat((torch.cos(angle), -torch.sin(angle))) * hann
        self.register_buffer("waves", waves.float().unsqueeze(1), persistent=False)
        self.register_buffer("bands", mel_bands(mels, rate, window).float(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        waves: Tensor = self.waves  # type: ignore[assignment]
        bands: Tensor = self.bands  # type: ignore[assignment]
        parts = F.conv1d(F.pad(x, (self.window // 2, self.window // 2), mode="reflect"), waves, stride=self.hop)
        real, imaginary = parts[..., :-1].chunk(2, 1)
        power = torch.matmul(bands, real**2 + imaginary**2)
        level = power.clamp(min=1e-10).log10()
        loudest = level.amax((1, 2), keepdim=True)
        return (torch.maximum(level, loudest - 8.0) + 4.0) / 4.0


def mel_bands(mels: int, rate: int, window: int) -> Tensor:
    """Triangular bands over the bins of a Fourier transform: ``(mels, window / 2 + 1)`` (Slaney, 1998)."""
    top = hertz_to_mel(rate / 2)
    edges = [mel_to_hertz(top * i / (mels + 1)) for i in range(mels + 2)]
    hertz = torch.arange(window // 2 + 1, dtype=torch.float64) * rate / window
    rows = []
    for low, peak, high in zip(edges, edges[1:], edges[2:], strict=False):
        slopes = torch.minimum((hertz - low) / (peak - low), (high - hertz) / (high - peak))
        rows.append(slopes.clamp(min=0.0) * 2.0 / (high - low))
    return torch.stack(rows)


def hertz_to_mel(hertz: float) -> float:
    """Linear below 1,000 Hz, logarithmic above."""
    return hertz * 3 / 200 if hertz < 1000 else 15 + math.log(hertz / 1000) * 27 / math.log(6.4)


def mel_to_hertz(mel: float) -> float:
    """The inverse of :func:`hertz_to_mel`."""
    return mel * 200 / 3 if mel < 15 else 1000 * math.exp((mel - 15) * math.log(6.4) / 27)
