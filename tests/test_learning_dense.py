"""Networks of dense prediction learn a small task: to tell lying bars from standing ones, pixel by pixel."""

from __future__ import annotations

import importlib

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nasengine import Space
from nasengine.graph.module import build

CHANCE = 1 / 2
"""Of telling the pixel of a lying bar from that of a standing one."""


def bars(count: int, channels: int, height: int, width: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noisy images of one bar of 11 x 5 pixels, lying (class 1) or standing (class 2), and their masks."""
    rng = torch.Generator().manual_seed(seed)
    images, masks = torch.randn(count, channels, height, width, generator=rng) * 0.3, []
    for k in range(count):
        tall, wide = (5, 11) if k % 2 else (11, 5)
        top = int(torch.randint(0, height - tall, (), generator=rng))
        left = int(torch.randint(0, width - wide, (), generator=rng))
        mask = torch.zeros(height, width, dtype=torch.long)
        mask[top : top + tall, left : left + wide] = 1 if k % 2 else 2
        masks.append(mask)
        images[k] += (mask > 0) * 1.0
    return images, torch.stack(masks)


MEMBERS: dict[str, dict[str, object]] = {
    "unet": {
        "padding": "same", "halvings_same": 2, "*.times": 2, "*.blocks.*": "conv_norm_act", "*.kernel": 3,
        "norm": "batch_norm", "activation": "relu", "upsample": "transpose", "merge": "concat",
        "width1": 8, "width2": 12, "width3": 16, "resolution": 48,
    },
    "segnet": {
        "*.times": 1, "*.kernel": 3, "activation": "relu", "decoder_activation": "same",
        "width1": 12, "width2": 16, "width3": 24,
    },
}  # fmt: skip


@pytest.mark.parametrize("family", MEMBERS)
def test_it_learns_which_bar_a_pixel_belongs_to(family: str) -> None:
    """At least three in four pixels of the bars right on new images (of four seeds the worst had 83 %)."""
    torch.manual_seed(0)
    space: Space = importlib.import_module(f"search_spaces.{family}").small
    graph = space.select(MEMBERS[family]).graph()  # type: ignore[arg-type]
    network = build(graph)
    size = graph.types[0].shape
    images, masks = bars(256, *size, seed=1)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in range(120):
        batch = slice(16 * (step % 16), 16 * (step % 16) + 16)
        optimizer.zero_grad()
        F.cross_entropy(network(images[batch]), masks[batch]).backward()
        optimizer.step()
    fresh, wanted = bars(64, *size, seed=2)
    with torch.no_grad():
        found = network.eval()(fresh)[:, 1:].argmax(1) + 1
    right = (found == wanted)[wanted > 0].float().mean().item()
    assert right > 0.75 > CHANCE
