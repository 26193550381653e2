"""Masked autoencoders: pre-training of vision transformers without labels.

Generalises MAE: most patches of an image are hidden, a vision transformer encodes the others, a light decoder predicts
the hidden ones. Open are patch, share of the patches that is seen, width and depth of encoder and decoder, and heads.
Positions are learned here, beginning at random; the published code keeps them at fixed sines, as parameters without a
gradient, and they count among its parameters.

Papers: He et al. (2022), "Masked autoencoders are scalable vision learners", section 3 and table 1.
Input: images of 3 x 224 x 224, and a number of noise for each patch, which decides what is hidden.
Task: prediction of the hidden patches (mean square error).
"""

from __future__ import annotations

from nasengine import Block, Features, Image, Space, choice, repeat
from nasengine.blocks import Attention, LayerNorm, MaskedAutoencoder, TransformerLayer
from nasengine.space.spec import Label

Options = tuple[int, ...]


def mae(name: str, patch: int, side: int, sizes: dict[str, Options], published: dict[str, Options]) -> Space:
    """The space for patches of a side; ``published`` holds width, depth and size of a head of its references."""
    norm = LayerNorm(eps=1e-6)

    def layers(part: str) -> Block:
        attention = Attention(head_features=choice(*sizes[f"{part}_each"], name=f"{part}_head_features"))
        return repeat(TransformerLayer(attention, norm=norm), choice(*sizes[f"{part}_depth"], name=f"{part}_depth"))

    network = MaskedAutoencoder(
        patch,
        choice(*sizes["encoder"], name="encoder_features"),
        layers("encoder"),
        choice(*sizes["decoder"], name="decoder_features"),
        layers("decoder"),
        choice(0.1, 0.25, 0.5, name="share"),
        norm,
    )
    references: dict[str, dict[str, Label]] = {
        reference: {
            "encoder_features": features, "encoder_depth": depth, "encoder_head_features": each, "share": 0.25,
            "decoder_features": 512, "decoder_depth": 8, "decoder_head_features": 32,
        }
        for reference, (features, depth, each) in published.items()
    }  # fmt: skip
    inputs = {"image": Image(3, side), "noise": Features((side // patch) ** 2)}
    return Space(name, inputs=inputs, network=network, references=references)


DECODER: dict[str, Options] = {"decoder": (256, 512), "decoder_depth": (1, 2, 4, 8), "decoder_each": (32, 64)}
BASE = {"encoder": (384, 768, 1024), "encoder_depth": (6, 12, 24), "encoder_each": (32, 64)} | DECODER
HUGE = {"encoder": (960, 1280), "encoder_depth": (24, 32), "encoder_each": (40, 80)} | DECODER
SMALL: dict[str, Options] = {
    "encoder": (32, 48),
    "encoder_depth": (1, 2),
    "encoder_each": (8, 16),
    "decoder": (16, 32),
    "decoder_depth": (1, 2),
    "decoder_each": (8, 16),
}

space = mae("mae", 16, 224, BASE, {"mae_base": (768, 12, 64), "mae_large": (1024, 24, 64)})
huge = mae("mae-huge", 14, 224, HUGE, {"mae_huge": (1280, 32, 80)})
small = mae("mae-small", 4, 16, SMALL, {})
