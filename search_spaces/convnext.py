"""ConvNeXt: a convolutional network with the proportions of a vision transformer.

Generalises ConvNeXt V1 and V2: a stem that cuts patches, then stages of blocks with one depthwise window, a norm over
channels, and two 1 x 1 convolutions, the branch scaled by a learned factor per channel (V1) or its channels held in
competition by global response normalisation (V2). Width, depth, window and expansion are open stage by stage; for the
whole network the norm, the activation, and either, both or neither of the two devices. `convnext(drop_path=...)` adds
stochastic depth, which rises from block to block.

Papers: Liu et al. (2022), "A ConvNet for the 2020s", section 3; Woo et al. (2023), "ConvNeXt V2", table 13.
Input: images of 3 x 224 x 224 (also 160 and 192).
Task: classification into 1,000 classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nasengine import Image, Space, choice
from nasengine.blocks import (
    GELU,
    BatchNorm,
    Conv,
    ConvNeXtBlock,
    GlobalPool,
    LayerNorm,
    Linear,
    ReLU,
    Sequential,
    Stage,
    Stages,
)
from nasengine.space import Label

SIZES = {
    "atto": ((2, 2, 6, 2), 40),
    "femto": ((2, 2, 6, 2), 48),
    "pico": ((2, 2, 6, 2), 64),
    "nano": ((2, 2, 8, 2), 80),
    "tiny": ((3, 3, 9, 3), 96),
    "small": ((3, 3, 27, 3), 96),
    "base": ((3, 3, 27, 3), 128),
    "large": ((3, 3, 27, 3), 192),
    "xlarge": ((3, 3, 27, 3), 256),
    "huge": ((3, 3, 27, 3), 352),
}
"""Blocks of each stage, and width of the first; each stage has twice the width of the one before."""
WIDTHS = sorted({width for _, width in SIZES.values()})


def published(size: str, version: int) -> dict[str, Label]:
    """Decisions of a network of the papers."""
    depths, width = SIZES[size]
    found: dict[str, Label] = {f"width{i + 1}": width << i for i in range(len(depths))}
    found |= {f"depth{i + 1}": depth for i, depth in enumerate(depths)}
    found |= {"kernel*": 7, "expansion*": 4, "norm": "layer_norm", "activation": "gelu"}
    return {**found, "response_norm": version == 2, "layer_scale": 1e-6 if version == 1 else 0.0, "resolution": 224}


REFERENCES = {f"convnext_{size}": published(size, 1) for size in SIZES if size != "huge"} | {
    f"convnextv2_{size}": published(size, 2) for size in SIZES if size not in ("small", "xlarge")
}


def convnext(
    outputs: int = 10,
    *,
    image: tuple[int, tuple[int, ...]] = (1, (16, 24)),
    patch: int = 2,
    widths: tuple[tuple[int, ...], ...] = ((8, 12), (12, 16), (16, 24)),
    depths: tuple[tuple[int, ...], ...] = ((1, 2), (1, 2), (1, 2)),
    kernels: tuple[int, ...] = (3, 5, 7),
    expansions: tuple[int, ...] = (2, 4),
    drop_path: float = 0.0,
    name: str = "convnext-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for a number of outputs.

    Args:
        image: channels, and resolutions to choose from.
        patch: side and stride of the stem's window.
        widths, depths: channels and blocks of each stage, options.
        kernels, expansions: of a stage's blocks, options.
        drop_path: as of :class:`Stages`; the paper takes 0.1 for ConvNeXt-T, 0.4 and 0.5 for larger ones.
    """
    norm = choice(LayerNorm(eps=1e-6), BatchNorm(), name="norm")
    activation = choice(GELU(), ReLU(), name="activation")
    response_norm, layer_scale = choice(False, True, name="response_norm"), choice(0.0, 1e-6, name="layer_scale")
    parts: dict[str, Any] = {}
    for i, (channels, counts) in enumerate(zip(widths, depths, strict=True), start=1):
        width = choice(*channels, name=f"width{i}")
        if i == 1:
            parts["stem"] = Sequential(conv=Conv(width, patch, patch, padding=0), norm=norm)
        else:
            parts[f"down{i}"] = Sequential(norm=norm, conv=Conv(width, 2, 2, padding=0))
        kernel, expansion = choice(*kernels, name=f"kernel{i}"), choice(*expansions, name=f"expansion{i}")
        unit = ConvNeXtBlock(kernel, expansion, norm, activation, response_norm, layer_scale)
        parts[f"stage{i}"] = Stage(unit, choice(*counts, name=f"depth{i}"))
    body = Stages(**parts, drop_path=drop_path)
    head = Sequential(pool=GlobalPool(), norm=LayerNorm(eps=1e-6), classify=Linear(outputs))
    inputs = Image(image[0], choice(*image[1], name="resolution"))
    return Space(name, inputs=inputs, network=Sequential(body=body, head=head), references=references)


space = convnext(
    1000,
    image=(3, (160, 192, 224)),
    patch=4,
    widths=tuple(tuple(width << i for width in WIDTHS) for i in range(4)),
    depths=((2, 3, 4), (2, 3, 4), (4, 6, 8, 9, 18, 27), (2, 3, 4)),
    kernels=(3, 5, 7, 9),
    expansions=(2, 3, 4),
    name="convnext",
    references=REFERENCES,
)
small = convnext()
