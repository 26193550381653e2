"""Diffusion models.

Generalises the time-conditioned U-Net of DDPM (`space`), its form for latent codes that also looks at a text (`text`,
Stable Diffusion), and the diffusion transformer (`dit`). Of the U-Nets are open: the number of resolutions; at each of
them the channels, the kernel, and whether attention follows the residual blocks; their number; how they are told the
time step (a shift, or a scale and a shift); heads, and with a text the number of transformer layers and their
feed-forward network. Of the transformer: patch, width, depth, heads, positions, feed-forward network, norm, and whether
its layers are gated (adaLN-Zero) or not (adaLN).

Papers: Ho et al. (2020), "Denoising diffusion probabilistic models", appendix B; Nichol and Dhariwal (2021), "Improved
denoising diffusion probabilistic models"; Rombach et al. (2022), "High-resolution image synthesis with latent diffusion
models"; Peebles and Xie (2023), "Scalable diffusion models with transformers", table 1.

Input: images of 3 x 32 x 32 (also 64, 128 and 256) and a time step (`space`); latents of 4 x 64 x 64, a time step and a
text of 77 vectors (`text`); latents of 4 x 32 x 32 (also 64 x 64), a time step and one of 1,000 classes or none
(`dit`).

Task: the noise in an image; `dit` also its variance.

Counts: of the published code for the U-Nets: 35,746,307 for CIFAR-10, 113,673,219 for 256 x 256, 859,520,964 for
`sd_v1_unet`, 865,910,724 for `sd_v2_unet`. Derived for a transformer of N layers, F features and patch p on 4 channels,
with 8 channels out and 1,001 class vectors: patches F (4 p² + 1); time 256 F + F + F² + F; classes 1001 F; a layer 4 F²
+ 4 F for attention, 8 F² + 5 F for the feed-forward network, 6 F² + 6 F for norms and gates; the end 2 F² + 2 F and
8 p² (F + 1). Together N (18 F² + 15 F) + 3 F² + (4 p² + 1262) F + 8 p² (F + 1), and with p = 2 `dit_s_2` 32,865,056,
`dit_b_2` 130,315,808, `dit_l_2` 457,840,672, `dit_xl_2` 674,834,720. These are what is trained. The published code also
holds the fixed positions, (32 / p)² F numbers, as a parameter without a gradient; counted with them, as its log does,
`dit_s_2` has 32,963,360 and `dit_xl_2` 675,129,632 (here they are a constant; learned positions have that count).
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Block, Image, Scalar, Space, choice, repeat
from nasengine import Sequence as Vectors
from nasengine.blocks import (
    GELU,
    AdaptiveLayer,
    Attention,
    Condition,
    DenoisingLevel,
    DenoisingUNet,
    DiffusionTransformer,
    FeedForward,
    GridPositions,
    GroupNorm,
    Identity,
    ImageAttention,
    LayerNorm,
    LearnedPositions,
    RMSNorm,
    SiLU,
    Stack,
    TimeEmbedding,
    TimeResidual,
    TransformerLayer,
)
from nasengine.space.spec import Label

Options = tuple[int, ...]
References = Mapping[str, Mapping[str, Label]]

WIDTHS = ((64, 96, 128, 192), (128, 192, 256), (128, 256, 384), (256, 384, 512), (256, 512), (256, 512))
"""Channels at each resolution, as options."""
TEXT_WIDTHS = ((192, 256, 320, 384), (384, 512, 640, 768), (768, 1024, 1280), (768, 1024, 1280))


def residual(width: int, kernel: int, norm: Block) -> Block:
    """The block of every resolution."""
    return TimeResidual(
        width,
        kernel,
        norm,
        choice(SiLU(), GELU(), name="activation"),
        choice("shift", "scale_shift", name="modulation"),
        choice(0.0, 0.1, name="dropout"),
    )


def pixels(
    name: str,
    *,
    channels: int,
    sizes: Options,
    widths: tuple[Options, ...],
    levels: Options,
    depths: Options,
    kernels: Options,
    each: int,
    groups: int,
    references: References | None = None,
) -> Space:
    """U-Nets on images.

    Args:
        widths: channels to choose from, a resolution each.
        levels, depths, kernels: number of resolutions, residual blocks at each, their windows, as options.
        each: features of a head where there are several.
        groups: of the norms; it divides every width.
    """
    norm = GroupNorm(groups, 1e-6)

    def attention(label: str) -> Block:
        one, several = ImageAttention(Attention(1), norm), ImageAttention(Attention(head_features=each), norm)
        return choice(Identity(), one, several, labels=("none", "one_head", "heads"), name=label)

    def level(i: int) -> DenoisingLevel:
        body = residual(choice(*widths[i], name=f"width{i + 1}"), choice(*kernels, name=f"kernel{i + 1}"), norm)
        return DenoisingLevel(body, choice(*depths, name=f"depth{i + 1}"), attention(f"attention{i + 1}"))

    def network(count: int) -> Block:
        first = choice(*widths[0], name="width1")
        told = Condition(TimeEmbedding(first, shift=1))
        after = choice(True, False, name="pad_after")
        return DenoisingUNet(first, every[:count], told, attention("middle"), norm, pad_after=after)

    every = tuple(level(i) for i in range(max(levels)))
    body = choice(*(network(n) for n in levels), labels=levels, name="levels")
    inputs = {"image": Image(channels, choice(*sizes, name="resolution")), "time": Scalar()}
    return Space(name, inputs=inputs, network=body, references=references)


def latents(
    name: str,
    *,
    sizes: Options,
    text: tuple[int, Options],
    widths: tuple[Options, ...],
    levels: Options,
    depths: Options,
    kernels: Options,
    heads: int,
    each: int,
    groups: int,
    references: References | None = None,
) -> Space:
    """U-Nets on latent codes that look at a text.

    Args:
        text: vectors, and their sizes as options.
        heads, each: number of heads, or features of a head; both divide every width.
        widths, levels, depths, kernels, groups: as of :func:`pixels`.
    """
    norm = GroupNorm(groups)
    attention = choice(
        Attention(heads, bias=False), Attention(head_features=each, bias=False), labels=("fixed", "growing"),
        name="heads",
    )  # fmt: skip
    forward = FeedForward(choice(2.0, 4.0, name="ratio"), gated=choice(False, True, name="gated"))

    def transformer(label: str) -> Block:
        rows = repeat(TransformerLayer(attention, forward, attention), choice(1, 2, name=f"layers_{label}"))
        return ImageAttention(Stack(rows), GroupNorm(groups, 1e-6), project=True)

    def level(i: int) -> DenoisingLevel:
        body = residual(choice(*widths[i], name=f"width{i + 1}"), choice(*kernels, name=f"kernel{i + 1}"), norm)
        looks = choice(Identity(), transformer(str(i + 1)), labels=("none", "text"), name=f"attention{i + 1}")
        return DenoisingLevel(body, choice(*depths, name=f"depth{i + 1}"), looks)

    def network(count: int) -> Block:
        first = choice(*widths[0], name="width1")
        told = Condition(TimeEmbedding(first, cosine_first=True))
        return DenoisingUNet(first, every[:count], told, middle, norm, pad_after=False)

    middle = choice(transformer("middle"), labels=("text",), name="middle")  # named: one decision in every network
    every = tuple(level(i) for i in range(max(levels)))
    body = choice(*(network(n) for n in levels), labels=levels, name="levels")
    inputs = {
        "image": Image(4, choice(*sizes, name="resolution")),
        "time": Scalar(),
        "text": Vectors(text[0], choice(*text[1], name="text_features")),
    }
    return Space(name, inputs=inputs, network=body, references=references)


def transformer(
    label: str, *, patch: Options, features: Options, depth: Options, each: Options, waves: int, classes: int
) -> Block:
    """Diffusion transformers with heads of some sizes; one class vector more stands for no class."""
    norm = choice(
        LayerNorm(1e-6, affine=False), RMSNorm(1e-6, affine=False), labels=("layer_norm", "rms_norm"), name="norm"
    )
    layer = AdaptiveLayer(
        Attention(head_features=choice(*each, name=f"head_features_{label}")),
        FeedForward(choice(2.0, 4.0, name="ratio"), activation=choice(GELU("tanh"), SiLU(), name="activation")),
        norm,
        choice(True, False, name="gated"),
        choice(0.0, 0.1, name="drop_path"),
    )
    width = choice(*features, name=f"features_{label}")
    return DiffusionTransformer(
        choice(*patch, name="patch"),
        width,
        repeat(layer, choice(*depth, name=f"depth_{label}")),
        Condition(TimeEmbedding(waves, width, cosine_first=True), classes + 1),
        choice(0, 4, labels=(True, False), name="variance"),
        choice(GridPositions(), LearnedPositions(), labels=("fixed", "learned"), name="positions"),
        norm,
    )


UNET: dict[str, Label] = {
    "activation": "silu", "modulation": "shift", "depth*": 2, "kernel*": 3, "pad_after": True, "middle": "one_head",
}  # fmt: skip
TEXT: dict[str, Label] = {
    "activation": "silu", "modulation": "shift", "dropout": 0.0, "depth*": 2, "kernel*": 3, "levels": 4, "ratio": 4.0,
    "gated": True, "layers_*": 1, "width1": 320, "width2": 640, "width3": 1280, "width4": 1280, "attention*": "text",
    "attention4": "none",
}  # fmt: skip
REFERENCES: dict[str, dict[str, Label]] = {
    "ddpm_cifar10": UNET | {"levels": 4, "width1": 128, "width*": 256, "attention*": "none", "attention2": "one_head",
                            "resolution": 32, "dropout": 0.1},
    "ddpm_256": UNET | {"levels": 6, "width1": 128, "width2": 128, "width3": 256, "width4": 256, "width5": 512,
                        "width6": 512, "attention*": "none", "attention5": "one_head", "resolution": 256,
                        "dropout": 0.0},
}  # fmt: skip
TEXT_REFERENCES: dict[str, dict[str, Label]] = {
    "sd_v1_unet": TEXT | {"heads": "fixed", "text_features": 768, "resolution": 64},
    "sd_v2_unet": TEXT | {"heads": "growing", "text_features": 1024, "resolution": 96},
}
SIZES = {"s": (384, 12, 64), "b": (768, 12, 64), "l": (1024, 24, 64), "xl": (1152, 28, 72)}
"""Features, depth, features of a head (Peebles and Xie, 2023, table 1)."""


def dit_references() -> dict[str, dict[str, Label]]:
    """Every size with every patch, and the one for images of 512 x 512."""
    made: dict[str, dict[str, Label]] = {}
    for size, (features, depth, each) in SIZES.items():
        for patch in (2, 4, 8):
            made[f"dit_{size}_{patch}"] = {
                "network": "xl" if size == "xl" else "base", "patch": patch, "features_*": features, "depth_*": depth,
                "head_features_*": each, "ratio": 4.0, "activation": "gelu", "norm": "layer_norm", "gated": True,
                "drop_path": 0.0, "variance": True, "positions": "fixed", "resolution": 32,
            }  # fmt: skip
    return made | {"dit_xl_2_512": made["dit_xl_2"] | {"resolution": 64}}


space = pixels(
    "diffusion",
    channels=3,
    sizes=(32, 64, 128, 256),
    widths=WIDTHS,
    levels=(3, 4, 5, 6),
    depths=(1, 2, 3),
    kernels=(3, 5),
    each=32,
    groups=32,
    references=REFERENCES,
)
text = latents(
    "diffusion-text",
    sizes=(32, 64, 96),
    text=(77, (768, 1024)),
    widths=TEXT_WIDTHS,
    levels=(3, 4),
    depths=(1, 2, 3),
    kernels=(3, 5),
    heads=8,
    each=64,
    groups=32,
    references=TEXT_REFERENCES,
)
BASE = transformer(
    "base",
    patch=(2, 4, 8),
    features=(384, 512, 768, 1024),
    depth=(6, 12, 18, 24),
    each=(32, 64),
    waves=256,
    classes=1000,
)
XL = transformer("xl", patch=(2, 4, 8), features=(864, 1152, 1440), depth=(24, 28, 32), each=(72,), waves=256,
                 classes=1000)  # fmt: skip
dit = Space(
    "dit",
    inputs={"image": Image(4, choice(32, 64, name="resolution")), "time": Scalar(), "label": Scalar("int64")},
    network=choice(BASE, XL, labels=("base", "xl")),
    references=dit_references(),
)
small = pixels(
    "diffusion-small",
    channels=1,
    sizes=(8, 16),
    widths=((8, 12), (12, 16), (12, 16)),
    levels=(2, 3),
    depths=(1, 2),
    kernels=(3, 5),
    each=4,
    groups=4,
)
text_small = latents(
    "diffusion-text-small",
    sizes=(8, 16),
    text=(6, (12, 16)),
    widths=((8, 12), (12, 16), (12, 16)),
    levels=(2, 3),
    depths=(1, 2),
    kernels=(3, 5),
    heads=2,
    each=4,
    groups=4,
)
TINY = transformer("small", patch=(2, 4), features=(32, 48), depth=(1, 2, 3), each=(8, 16), waves=16, classes=10)
dit_small = Space(
    "dit-small",
    inputs={"image": Image(4, choice(8, 16, name="resolution")), "time": Scalar(), "label": Scalar("int64")},
    network=TINY,
)
