"""Random changes of training images, on the device, from torch's global generator."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from nasengine.errors import TrainingError
from nasengine.train.recipe import Augment


def augmented(batch: torch.Tensor, change: Augment) -> torch.Tensor:
    """Images (B, C, H, W) changed as the recipe says, the same shape.

    Raises:
        TrainingError: the input is no batch of images.
    """
    if not (change.shift or change.flip):
        return batch
    if batch.ndim != 4 or not batch.is_floating_point():
        raise TrainingError(
            f"recipe.augment: shift and flip are for images (B, C, H, W); got an input of shape "
            f"{tuple(batch.shape)}; use Augment() for this task"
        )
    moved = shifted(batch, change.shift) if change.shift else batch
    return flipped(moved) if change.flip else moved


def shifted(images: torch.Tensor, pixels: int) -> torch.Tensor:
    """Each image moved by a whole number of pixels, uniform in ±pixels, in both directions; zeros come in."""
    count, _, height, width = images.shape
    padded = F.pad(images, (pixels,) * 4)
    offsets = torch.randint(0, 2 * pixels + 1, (2, count, 1), device=images.device)
    rows = offsets[0] + torch.arange(height, device=images.device)  # (B, H)
    columns = offsets[1] + torch.arange(width, device=images.device)  # (B, W)
    image = torch.arange(count, device=images.device)[:, None, None]
    picked = padded.movedim(1, -1)[image, rows[:, :, None], columns[:, None, :]]  # (B, H, W, C)
    return picked.movedim(-1, 1).contiguous()


def flipped(images: torch.Tensor) -> torch.Tensor:
    """Each image mirrored left to right with probability one half."""
    mirror = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return torch.where(mirror, images.flip(-1), images)
