"""MLP-Mixer: perceptrons across patches and across features.

Generalises MLP-Mixer: an image becomes a sequence of patches, each mapped linearly; then layers mix the patches of
each feature and the features of each patch by perceptrons of one hidden layer. Patch, features and number of layers
are open for the whole network, the two hidden widths (over the features: D_S / C and D_C / C of the paper) and the
activation layer by layer. Names are the paper's: `mixer_b16` is Mixer-B/16.

Papers: Tolstikhin et al. (2021), "MLP-Mixer: an all-MLP architecture for vision", table 1.
Input: images of 3 x 224 x 224.
Task: classification into 1,000 classes.
Counts: with S patches of P pixels a side, C features and L layers, D_S = C / 2 and D_C = 4 C: the patches take C (3 P
P + 1), a layer 4 C + (2 S + 1) D_S + S + (2 C + 1) D_C + C, the last norm 2 C and the classifier 1000 (C + 1).
Mixer-B/16 (S = 196, C = 768, L = 12): 590,592 + 12 * 4,876,612 + 1,536 + 769,000 = 59,880,472.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Image, Space, choice, repeat
from nasengine.blocks import GELU, GlobalPool, LayerNorm, Linear, MixerLayer, Patchify, Sequential, SiLU
from nasengine.space import Label

SIZES = {
    "s32": (32, 512, 8),
    "s16": (16, 512, 8),
    "b32": (32, 768, 12),
    "b16": (16, 768, 12),
    "l32": (32, 1024, 24),
    "l16": (16, 1024, 24),
    "h14": (14, 1280, 32),
}
"""Patch, features and layers of table 1."""


def published(patch: int, features: int, layers: int) -> dict[str, Label]:
    """Decisions of a network of the paper."""
    widths: dict[str, Label] = {"*.tokens": 0.5, "*.channels": 4, "*.activation": "gelu"}
    return {"patches.patch": patch, "patches.features": features, "layers.times": layers, **widths}


def mixer(
    outputs: int = 10,
    *,
    image: tuple[int, int] = (1, 16),
    patches: tuple[int, ...] = (2, 4),
    features: tuple[int, ...] = (16, 24, 32),
    layers: tuple[int, ...] = (1, 2, 3),
    name: str = "mixer-small",
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for a number of outputs.

    Args:
        image: channels and resolution.
        patches: sides of a patch to choose from; each divides the resolution.
        features: sizes of a patch's vector.
        layers: numbers of layers.
    """
    layer = MixerLayer(choice(0.25, 0.5, 1.0), choice(2.0, 3.0, 4.0), activation=choice(GELU(), SiLU()))
    network = Sequential(
        patches=Patchify(choice(*patches), choice(*features)),
        layers=repeat(layer, choice(*layers)),
        head=Sequential(norm=LayerNorm(eps=1e-6), pool=GlobalPool(), classify=Linear(outputs)),
    )
    return Space(name, inputs=Image(*image), network=network, references=references)


space = mixer(
    1000,
    image=(3, 224),
    patches=(8, 14, 16, 32),
    features=(256, 384, 512, 768, 1024, 1280),
    layers=(4, 8, 12, 16, 24, 32),
    name="mixer",
    references={f"mixer_{name}": published(*size) for name, size in SIZES.items()},
)
small = mixer()
