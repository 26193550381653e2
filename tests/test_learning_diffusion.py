"""Diffusion models learn: they tell the noise in a digit better than anything that looks at one pixel alone could."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from nasengine.graph.module import build
from search_spaces.diffusion import small

STEPS = 1_000


def digits() -> Tensor:
    """1,797 digits as 1 x 8 x 8 images of mean 0 and variance 1, shuffled."""
    x = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1)
    x = (x - x.mean()) / x.std()
    return x[torch.randperm(len(x), generator=torch.Generator().manual_seed(0))]


def kept() -> Tensor:
    """The share of the image's variance that is left after each step (Ho et al., 2020, section 4)."""
    return (1 - torch.linspace(1e-4, 0.02, STEPS)).cumprod(0)


def noisy(x: Tensor, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Noisy images, their steps, the noise, and what was kept (Ho et al., 2020, eq. 4)."""
    rng = torch.Generator().manual_seed(seed)
    time = torch.randint(0, STEPS, (len(x),), generator=rng)
    noise = torch.randn(x.shape, generator=rng)
    share = kept()[time].reshape(-1, 1, 1, 1)
    return share.sqrt() * x + (1 - share).sqrt() * noise, time.float(), noise, share


@pytest.mark.slow
@pytest.mark.representative
def test_a_small_unet_tells_the_noise() -> None:
    """Predicting no noise errs by 1; the best linear guess from a pixel and the time step, √(1 - ᾱ) x, by 0.27. Seeds 0
    and 1 of the weights erred by 0.12; the test asks for two thirds of the linear guess, 0.18.
    """
    torch.manual_seed(0)
    member = small.select(
        {"levels": 2, "width1": 12, "width2": 16, "kernel*": 3, "depth*": 1, "attention1": "none",
         "attention2": "one_head", "middle": "one_head", "activation": "silu", "modulation": "shift", "dropout": 0.0,
         "pad_after": True, "resolution": 8}
    )  # fmt: skip
    network = build(member.graph()).train()
    x, split, steps = digits(), 1_500, 500
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for step in range(steps):
        image, time, noise, _ = noisy(x[torch.randint(0, split, (64,))], step)
        loss = (network(image, time) - noise).square().mean()  # eq. 14
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    image, time, noise, share = noisy(x[split:].repeat(4, 1, 1, 1), steps)
    with torch.no_grad():
        error = (network.eval()(image, time) - noise).square().mean().item()
    linear = ((1 - share).sqrt() * image - noise).square().mean().item()
    assert linear < 0.5
    assert error < 2 / 3 * linear
