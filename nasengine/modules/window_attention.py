"""Attention inside windows of an image."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WindowDotProduct(nn.Module):
    """Attention inside windows, with a learned bias for each offset of two positions (Liu et al., 2021, eq. 4).

    Takes ``(B, height * width, F)`` three times and gives the same. A shift moves the windows cyclically; what was not
    together before, and padding, is masked (figure 4).
    """

    def __init__(self, heads: int, height: int, width: int, window: int, shift: int = 0) -> None:
        super().__init__()
        self.heads, self.height, self.width, self.window, self.shift = heads, height, width, window, shift
        self.bias = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.bias, std=0.02)
        self.down, self.right = -height % window, -width % window
        places = torch.cartesian_prod(torch.arange(window), torch.arange(window))
        offsets = places.unsqueeze(1) - places + window - 1
        self.register_buffer("offset", offsets[..., 0] * (2 * window - 1) + offsets[..., 1], persistent=False)
        self.register_buffer("mask", self.region_mask(), persistent=False)

    def region_mask(self) -> Tensor:
        """0 where query and key of a window may meet, minus infinity where not: ``(windows, 1, M, M)``."""
        region = torch.zeros(self.height + self.down, self.width + self.right)
        if self.shift:
            region[-self.window :] += 1
            region[-self.shift :] += 1
            region[:, -self.window :] += 3
            region[:, -self.shift :] += 3
        if self.down or self.right:
            held = torch.zeros_like(region)
            held[: self.height, : self.width] = 1
            region = torch.where(torch.roll(held, (-self.shift, -self.shift), (0, 1)) > 0, region, -1)
        flat = self.split(region.reshape(1, *region.shape, 1, 1)).reshape(-1, 1, self.window**2)
        return torch.where(flat.unsqueeze(-1) == flat.unsqueeze(-2), 0.0, float("-inf"))

    def split(self, x: Tensor) -> Tensor:
        """``(B, rows, columns, heads, D)`` → ``(B, windows, heads, M, D)``."""
        w = self.window
        x = x.unflatten(2, (-1, w)).unflatten(1, (-1, w))
        return x.permute(0, 1, 3, 5, 2, 4, 6).flatten(4, 5).flatten(1, 2)

    def windows(self, x: Tensor) -> Tensor:
        """``(B, T, F)`` → ``(B, windows * heads, M, D)``."""
        y = F.pad(x.unflatten(1, (self.height, self.width)), (0, 0, 0, self.right, 0, self.down))
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        return self.split(y.unflatten(3, (self.heads, -1))).flatten(1, 2)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        offset: Tensor = self.offset  # type: ignore[assignment]
        mask: Tensor = self.mask  # type: ignore[assignment]
        bias = self.bias[offset].permute(2, 0, 1)
        q, k, v = (self.windows(x) for x in (query, key, value))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=(bias + mask.to(bias.dtype)).flatten(0, 1))
        rows, w = (self.height + self.down) // self.window, self.window
        y = y.unflatten(1, (rows, -1, self.heads)).unflatten(4, (w, w))
        y = y.permute(0, 1, 4, 2, 5, 3, 6).flatten(5, 6).flatten(3, 4).flatten(1, 2)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        return y[:, : self.height, : self.width].flatten(1, 2)


class SpaceToDepth(nn.Module):
    """Squares of neighbours as channels: ``(B, C, H, W)`` → ``(B, 4 C, H/2, W/2)`` (Liu et al., 2021, section 3.1)."""

    def forward(self, x: Tensor) -> Tensor:
        parts = (x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2])
        return torch.cat(parts, 1)
