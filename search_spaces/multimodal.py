"""Images and texts: two towers in one space of vectors, and latents that read both at once.

Generalises CLIP: a vision transformer and a causal text transformer, each mapped to unit vectors; a pair that belongs
together has a high product. Open are patch, width and depth of both towers, heads, activation and the common size.

Generalises Perceiver IO, in two further spaces. In ``perceiver`` the patches of an image and the bytes of a text are
one array, which a fixed number of latents reads; layers of self-attention, applied several times with the same weights,
work on the latents, and a query reads the answer from them. ``perceiver_text`` is the masked language model of bytes,
with a query a position. Open are patch and input width, number, width, depth and repeats of the latents, heads and
their sizes, the feed-forward networks' width and activation, and whether a shortcut keeps the query.

Papers: Radford et al. (2021), "Learning transferable visual models from natural language supervision", table 20;
Jaegle et al. (2022), "Perceiver IO: a general architecture for structured inputs & outputs".
Input: images of 3 x 224 x 224 and texts of 77 token ids; for the Perceivers texts of 256 to 2,048 bytes.
Task: contrastive pre-training; classification by texts without further training. Perceivers: classification of images
with texts, masked language modelling.
Counts: perceiver_language is published (201,108,230). perceiver_joint is derived, 50,882,280 parameters, with F = 768
input and query features, 512 latents of D = 1,024, and attention of D in all its maps. A linear map of a to
b has L(a, b) = a b + b. Inputs: L(3 16^2, F) + 196 F + 262 F + 256 F = 1,138,944. Latents: 512 D = 524,288.
Reading: 2 F + 2 D + L(D, D) + 2 L(F, D) + L(D, D) + 2 D + 2 L(D, D) = 5,778,944. One of the six layers, shared by
the eight repeats: 4 D + 6 L(D, D) = 6,301,696. Query: F. Answer: 2 D + 2 F + L(F, D) + 2 L(D, D) + L(D, F) + 2 F +
2 L(F, F) = 4,860,160. Head: L(F, 1,000) = 769,000.
"""

from __future__ import annotations

from nasengine import Block, Image, Space, Tokens, choice, repeat
from nasengine.blocks import (
    GELU,
    Attention,
    Bias,
    CrossLayer,
    DotProduct,
    Embedding,
    FeedForward,
    Identity,
    JoinModalities,
    LanguageModel,
    LayerNorm,
    LearnedPositions,
    Linear,
    Patchify,
    PerceiverDecoder,
    PerceiverEncoder,
    QuickGELU,
    ReLU,
    Sequential,
    Stack,
    Take,
    TextEncoder,
    TransformerLayer,
    TwoTowers,
    VisionTransformer,
)
from nasengine.space.spec import Label

Options = tuple[int, ...]


def clip(
    *,
    patch: Options,
    image: Options,
    image_depth: Options,
    vocabulary: int,
    length: int,
    text: Options,
    text_depth: Options,
    each: Options,
    features: Options,
) -> Block:
    """The two towers."""
    forward = FeedForward(choice(2.0, 4.0, name="ratio"), activation=choice(QuickGELU(), GELU(), name="activation"))
    size = choice(*each, name="head_features")
    sees = TransformerLayer(Attention(head_features=size), forward)
    reads = TransformerLayer(Attention(head_features=size, core=DotProduct(causal=True)), forward)
    vision = VisionTransformer(
        choice(*patch, name="patch"),
        choice(*image, name="image_features"),
        repeat(sees, choice(*image_depth, name="image_depth")),
        classes=0,
        norm=LayerNorm(),
        first_norm=LayerNorm(),
        patch_bias=False,
    )
    words = TextEncoder(
        vocabulary,
        choice(*text, name="text_features"),
        Stack(repeat(reads, choice(*text_depth, name="text_depth")), norm=LayerNorm()),
        positions=LearnedPositions(length),
        norm=Identity(),
    )
    return TwoTowers(vision, words, choice(*features, name="features"))


SIZES = {
    "clip_vit_b32": (32, 768, 12, 512, 512),
    "clip_vit_b16": (16, 768, 12, 512, 512),
    "clip_vit_l14": (14, 1024, 24, 768, 768),
}
"""Patch, features and depth of the image's tower, features of the text's, common features."""

references: dict[str, dict[str, Label]] = {
    name: {
        "patch": patch, "image_features": image, "image_depth": depth, "text_features": text, "text_depth": 12,
        "head_features": 64, "features": features, "ratio": 4.0, "activation": "quick_gelu", "*height": 224,
    }
    for name, (patch, image, depth, text, features) in SIZES.items()
}  # fmt: skip

space = Space(
    "multimodal",
    inputs={"image": Image(3, choice(224)), "text": Tokens(77, 49_408)},
    network=clip(
        patch=(14, 16, 32),
        image=(384, 512, 768, 1024),
        image_depth=(6, 12, 24),
        vocabulary=49_408,
        length=77,
        text=(256, 512, 768),
        text_depth=(4, 8, 12),
        each=(32, 64),
        features=(256, 512, 768),
    ),
    references=references,
)
small = Space(
    "multimodal-small",
    inputs={"image": Image(3, choice(16, 32)), "text": Tokens(12, 65)},
    network=clip(
        patch=(4, 8),
        image=(32, 48),
        image_depth=(1, 2),
        vocabulary=65,
        length=12,
        text=(32, 48),
        text_depth=(1, 2),
        each=(8, 16),
        features=(16, 32),
    ),
)


def through_latents(
    *, latents: Options, latent_features: Options, each: Options, depth: Options, blocks: Options
) -> tuple[Block, Block]:
    """The encoder of a Perceiver IO, and how its outputs are read."""
    forward = FeedForward(choice(1.0, 2.0, 4.0, name="ratio"), activation=choice(GELU(), ReLU(), name="activation"))
    query = choice(*each, name="head_features")
    value = choice(*each, name="value_features")
    reads = Attention(choice(1, 8, name="read_heads"), head_features=query, value_features=value)
    mixes = Attention(choice(4, 8, name="heads"), head_features=query, value_features=value)
    answers = Attention(
        choice(1, 8, name="answer_heads"),
        head_features=choice(*each, name="answer_features"),
        value_features=choice(*each, name="answer_value_features"),
    )
    encoder = PerceiverEncoder(
        choice(*latents, name="latents"),
        choice(*latent_features, name="latent_features"),
        CrossLayer(reads, forward),
        repeat(TransformerLayer(mixes, forward), choice(*depth, name="depth")),
        choice(*blocks, name="blocks"),
    )
    return encoder, CrossLayer(answers, forward, residual=choice(True, False, name="residual"))


def joint(*, patch: Options, vocabulary: int, features: Options, classes: int, **sizes: Options) -> Block:
    """Patches and bytes in one array, a class out of one query."""
    size = choice(*features, name="features")
    encoder, answer = through_latents(**sizes)
    return Sequential(
        inputs=JoinModalities(
            image=Sequential(patches=Patchify(choice(*patch, name="patch"), size), positions=LearnedPositions()),
            text=Sequential(embedding=Embedding(vocabulary, size), positions=LearnedPositions()),
        ),
        encoder=encoder,
        decoder=PerceiverDecoder(1, choice(*features, name="query_features"), answer),
        answer=Take(0),
        head=Linear(classes),
    )


def masked_bytes(*, vocabulary: int, length: int, features: Options, **sizes: Options) -> Block:
    """Masked bytes in, scores of bytes out: a query a position, scores by the table of the embedding."""
    size = choice(*features, name="features")
    encoder, answer = through_latents(**sizes)
    layers = Sequential(encoder=encoder, decoder=PerceiverDecoder(length, size, answer))
    model = LanguageModel(vocabulary, size, layers, positions=LearnedPositions(length), norm=Identity())
    return Sequential(model=model, bias=Bias())


BASE: dict[str, Options] = {
    "latents": (128, 256, 512),
    "latent_features": (512, 768, 1024, 1280),
    "each": (32, 64, 96, 128, 160),
}
TINY: dict[str, Options] = {
    "latents": (4, 8),
    "latent_features": (16, 24),
    "each": (4, 6),
    "depth": (1, 2),
    "blocks": (1, 2),
    "features": (16, 24),
}
COMMON: dict[str, Label] = {"ratio": 1.0, "activation": "gelu", "heads": 8, "read_heads": 8, "answer_heads": 8}
perceiver = Space(
    "perceiver",
    inputs={"image": Image(3, choice(224)), "text": Tokens(choice(256, 512, 2048), 262)},
    network=joint(
        patch=(14, 16, 32),
        vocabulary=262,
        features=(256, 512, 768),
        classes=1000,
        depth=(2, 4, 6),
        blocks=(1, 2, 4, 8),
        **BASE,
    ),
    references={
        "perceiver_joint": {
            **COMMON, "patch": 16, "features": 768, "query_features": 768, "latents": 512, "latent_features": 1024,
            "head_features": 128, "value_features": 128, "answer_features": 128, "answer_value_features": 128,
            "depth": 6, "blocks": 8, "residual": True, "*height": 224, "*length": 256,
        }
    },
)  # fmt: skip
perceiver_small = Space(
    "perceiver-small",
    inputs={"image": Image(3, choice(16, 32)), "text": Tokens(choice(8, 12), 65)},
    network=joint(patch=(4, 8), vocabulary=65, classes=10, **TINY),
)
perceiver_text = Space(
    "perceiver-text",
    inputs=Tokens(2048, 262),
    network=masked_bytes(
        vocabulary=262, length=2048, features=(256, 512, 768), depth=(6, 12, 18, 26), blocks=(1, 2), **BASE
    ),
    references={
        "perceiver_language": {
            **COMMON, "features": 768, "latents": 256, "latent_features": 1280, "head_features": 32,
            "value_features": 160, "answer_features": 32, "answer_value_features": 96, "depth": 26, "blocks": 1,
            "residual": False,
        }
    },
)  # fmt: skip
perceiver_text_small = Space(
    "perceiver-text-small",
    inputs=Tokens(12, 65),
    network=masked_bytes(vocabulary=65, length=12, **TINY),
)
