"""What a style does to an image (Huang and Belongie, 2017; Karras et al., 2019 and 2020)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LearnedConstant(nn.Module):
    """The same learned image for every sample; of the input only the batch size is read."""

    def __init__(self, shape: tuple[int, ...], bias: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(shape[0])) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        image: Tensor = self.weight
        if self.bias is not None:
            image = image + self.bias.reshape(-1, *(1 for _ in image.shape[1:]))
        return image.unsqueeze(0).repeat(x.shape[0], *(1 for _ in image.shape))


class Modulate(nn.Module):
    """``x * (offset + scale) + shift``: a scale and a shift a channel, the two halves of ``style`` (B, 2 C).

    Channels come first, (B, C, *S), or ``last``, (B, T, C).
    """

    def __init__(self, offset: float = 1.0, last: bool = False) -> None:
        super().__init__()
        self.offset, self.last = offset, last

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        scale, shift = style.chunk(2, dim=1)
        if self.last:
            return x * (self.offset + scale).unsqueeze(1) + shift.unsqueeze(1)
        each = (x.shape[0], x.shape[1], *(1 for _ in x.shape[2:]))
        return x * (self.offset + scale).reshape(each) + shift.reshape(each)


class ChannelStatistics(nn.Module):
    """Standard deviation and mean of each channel over its positions. (B, C, *S) → (B, 2 C)."""

    def __init__(self, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        mean = flat.mean(2)
        variance = (flat - mean.unsqueeze(2)).square().mean(2)
        return torch.cat(((variance + self.eps).sqrt(), mean), 1)


class ModulatedConv(nn.Module):
    """Convolution whose weights a style scales for each sample (Karras et al., 2020, eq. 1 to 3).

    ``style`` (B, C) scales the input's channels, which is scaling the weights; demodulation then divides each output
    channel by the norm of its scaled weights.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, demodulate: bool = True, equalised: bool = True
    ) -> None:
        super().__init__()
        self.demodulate = demodulate
        self.scale = (in_channels * kernel**2) ** -0.5 if equalised else 1.0
        self.std = 1.0 if equalised else (in_channels * kernel**2) ** -0.5
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(out_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=self.std)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        weight = self.weight * self.scale
        y = F.conv2d(x * style[:, :, None, None], weight, padding=weight.shape[-1] // 2)
        if self.demodulate:
            norm = style.square() @ weight.square().sum((2, 3)).T
            y = y * (norm + 1e-8).rsqrt()[:, :, None, None]
        return y + self.bias[:, None, None]
