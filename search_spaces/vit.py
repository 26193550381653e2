"""Vision transformers.

Generalises ViT and DeiT: an image as a sequence of patches, read at a class token, at a class and a distillation token,
or at the mean of the patches. Open are patch, width, depth, size of a head, width of the feed-forward network,
resolution, and dropped paths.

Papers: Dosovitskiy et al. (2021), "An image is worth 16 x 16 words", table 1; Touvron et al. (2021), DeiT, table 1;
Zhai et al. (2022), "Scaling vision transformers".
Input: images of 3 x 224 x 224 (others where the patch divides them).
Task: classification into 1,000 classes.
"""

from __future__ import annotations

from nasengine import Block, Image, Space, choice, repeat
from nasengine.blocks import Attention, FeedForward, LayerNorm, TransformerLayer, VisionTransformer
from nasengine.space.spec import Label

Options = tuple[int, ...]


def read(
    label: str,
    *,
    patch: Options,
    features: Options,
    depth: Options,
    each: Options,
    classes: int = 1000,
) -> Block:
    """The networks whose image is read out in one way; every layer of a network has heads of one size."""
    norm = LayerNorm(eps=1e-6)
    layer = TransformerLayer(
        Attention(head_features=choice(*each, name=f"head_features_{label}")),
        FeedForward(choice(1.0, 2.0, 3.0, 4.0, name="ratio")),
        norm=norm,
        drop_path=choice(0.0, 0.1, name="drop_path"),
    )
    layers = repeat(layer, choice(*depth))
    pool = "mean" if label == "mean" else "token"
    return VisionTransformer(choice(*patch), choice(*features), layers, classes, pool, label == "distilled", norm)


SIZES: dict[str, tuple[Label, ...]] = {
    "vit_t_16": (16, 192, 12, 64, 4.0),
    "vit_s_16": (16, 384, 12, 64, 4.0),
    "vit_s_32": (32, 384, 12, 64, 4.0),
    "vit_b_16": (16, 768, 12, 64, 4.0),
    "vit_b_32": (32, 768, 12, 64, 4.0),
    "vit_l_16": (16, 1024, 24, 64, 4.0),
    "vit_l_32": (32, 1024, 24, 64, 4.0),
    "vit_h_14": (14, 1280, 32, 80, 4.0),
    "deit_t": (16, 192, 12, 64, 4.0),
    "deit_s": (16, 384, 12, 64, 4.0),
    "deit_b": (16, 768, 12, 64, 4.0),
    "deit_t_distilled": (16, 192, 12, 64, 4.0),
    "deit_s_distilled": (16, 384, 12, 64, 4.0),
    "deit_b_distilled": (16, 768, 12, 64, 4.0),
}
"""Patch, features, depth, features of a head, hidden features over features."""

references: dict[str, dict[str, Label]] = {
    name: {
        "network": "distilled" if "distilled" in name else "huge" if each == 80 else "token",
        "*.patch": patch, "*.features": features, "*.times": depth, "head_features_*": each, "ratio": ratio,
        "inputs.height": 224, "drop_path": 0.1 if "deit" in name else 0.0,
    }
    for name, (patch, features, depth, each, ratio) in SIZES.items()
}  # fmt: skip


def vit(*, patch: Options, features: Options, depth: Options, each: Options, classes: int = 1000) -> dict[str, Block]:
    """The networks by the way the image is read out."""
    return {
        label: read(label, patch=patch, features=features, depth=depth, each=each, classes=classes)
        for label in ("token", "distilled", "mean")
    }


NETWORKS = vit(patch=(14, 16, 32), features=(192, 384, 512, 768, 1024), depth=(6, 12, 16, 24), each=(32, 64))
HUGE = read("huge", patch=(14, 16), features=(960, 1280, 1600), depth=(24, 32, 40), each=(80,))
SMALL = vit(patch=(4, 8), features=(32, 48), depth=(1, 2, 3), each=(8, 16), classes=10)

space = Space(
    "vit",
    inputs=Image(3, choice(224, 448)),
    network=choice(*NETWORKS.values(), HUGE, labels=(*NETWORKS, "huge")),
    references=references,
)
small = Space("vit-small", inputs=Image(3, choice(16, 32)), network=choice(*SMALL.values(), labels=tuple(SMALL)))
