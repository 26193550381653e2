"""Transformers over tokens: encoders, decoders, and both.

Four spaces: ``decoder`` (the main one) generalises GPT-2, ``llama`` Llama and its kin, ``encoder`` BERT, and
``encoder_decoder`` the first transformer and T5. Open are depth, width, heads, heads of keys and values, what a
position attends to (everything, a sliding window, a window and global tokens, blocks; or linear attention), the hidden
size and form of the feed-forward network (plain, SwiGLU, GEGLU), where the norms stand and what they are, and how
positions are known (learned, sinusoidal, rotary, ALiBi, relative).

Papers: Vaswani et al. (2017); Devlin et al. (2019); Radford et al. (2019); Raffel et al. (2020); Touvron et al. (2023);
Grattafiori et al. (2024); Ainslie et al. (2023); Press et al. (2022); Beltagy et al. (2020); Child et al. (2019);
Katharopoulos et al. (2020); Su et al. (2021); Shazeer (2020).
Input: token ids; for an encoder segment ids too, for an encoder and decoder those of the target as well.
Task: language modelling (next token), masked language modelling, sequence to sequence.
"""

from __future__ import annotations

from nasengine import Block, Space, Tokens, choice, repeat
from nasengine.blocks import (
    GELU,
    Alibi,
    Attention,
    BlockSparse,
    DotProduct,
    EncoderDecoder,
    FeedForward,
    GlobalWindow,
    Identity,
    LanguageModel,
    LayerNorm,
    LearnedPositions,
    LinearAttention,
    RelativeBias,
    ReLU,
    RMSNorm,
    Rotary,
    SiLU,
    SinusoidalPositions,
    SlidingWindow,
    Stack,
    Tanh,
    TextEncoder,
    TransformerLayer,
)
from nasengine.space.spec import Label

Options = tuple[int, ...]
Decisions = dict[str, dict[str, Label]]
CAUSAL = DotProduct(causal=True)


def numbered(options: Options, name: str) -> int:
    """One decision of this name for all layers; 0 is called "all"."""
    return choice(*options, labels=tuple(n or "all" for n in options), name=name)


# --- decoders --------------------------------------------------------------------------------------------------------


def gpt(*, vocabulary: int, features: Options, depth: Options, each: Options, length: int) -> Block:
    """GPT-2's form: pre-norm, biased maps, plain feed-forward; positions learned, sinusoidal or by ALiBi."""
    heads, kv = choice(*each, name="head_features"), numbered((0, 1), "kv_heads")
    window = SlidingWindow(choice(length // 8, length // 4, name="window"), causal=True)
    blocks = BlockSparse(choice(length // 32, length // 16, name="block"), causal=True)
    attentions = {
        "full": Attention(0, kv, heads, core=CAUSAL, position_bias=choice(Identity(), Alibi(), name="position_bias")),
        "sliding": Attention(0, kv, heads, core=window),
        "block_sparse": Attention(0, kv, heads, core=blocks),
        "linear": Attention(0, kv, heads, core=LinearAttention(causal=True)),
    }
    attention = choice(*attentions.values(), labels=tuple(attentions), name="attention")
    hidden = FeedForward(choice(2, 3, 4, name="ratio"), activation=choice(GELU("tanh"), ReLU(), name="activation"))
    layer = TransformerLayer(attention, hidden, dropout=choice(0.0, 0.1, name="dropout"))
    positions = choice(LearnedPositions(length), SinusoidalPositions(), Identity())
    stack = Stack(repeat(layer, choice(*depth, name="depth")))
    return LanguageModel(vocabulary, choice(*features, name="features"), stack, positions)


GPT2 = {"gpt2": (768, 12), "gpt2_medium": (1024, 24), "gpt2_large": (1280, 36), "gpt2_xl": (1600, 48)}
"""Features and depth (Radford et al., 2019, table 2)."""

references: Decisions = {
    name: {
        "features": features, "head_features": 64, "depth": depth, "ratio": 4, "positions": "learned_positions",
        "kv_heads": "all", "attention": "full", "position_bias": "identity", "activation": "gelu", "dropout": 0.1,
        "inputs.length": 1024,
    }
    for name, (features, depth) in GPT2.items()
}  # fmt: skip

decoder = space = Space(
    "transformer-decoder",
    inputs={"tokens": Tokens(choice(256, 512, 1024), 50_257)},
    network=gpt(vocabulary=50_257, features=(768, 1024, 1280, 1600), depth=(12, 24, 36, 48), each=(64,), length=1024),
    references=references,
)
small = Space(
    "transformer-decoder-small",
    inputs={"tokens": Tokens(choice(16, 32), 65)},
    network=gpt(vocabulary=65, features=(32, 48, 64), depth=(1, 2), each=(8, 16), length=32),
)


def llama(
    *, vocabulary: Options, features: Options, depth: Options, each: Options, hidden: Options, kv: Options
) -> Block:
    """Llama's form: RMS norm, rotary positions, no biases, a gated feed-forward, grouped heads of keys and values."""
    norm = RMSNorm(eps=choice(1e-5, 1e-6, name="eps"))
    attention = Attention(
        head_features=choice(*each, name="head_features"),
        kv_heads=numbered(kv, "kv_heads"),
        bias=False,
        out_bias=False,
        core=CAUSAL,
        positions=Rotary(choice(10_000.0, 500_000.0, 1_000_000.0, name="rotary_base")),
    )
    gate = choice(SiLU(), GELU(), labels=("swiglu", "geglu"), name="gate")
    wide = FeedForward(hidden=choice(*hidden, name="hidden"), activation=gate, gated=True, bias=False)
    stack = Stack(repeat(TransformerLayer(attention, wide, norm=norm), choice(*depth, name="depth")))
    return LanguageModel(
        choice(*vocabulary, name="vocabulary"), choice(*features), stack, norm=norm, tied=choice(False, True)
    )


LLAMA: dict[str, tuple[Label, ...]] = {
    "tinyllama_1b": (32_000, 2048, 22, 64, 5632, 4, 10_000.0, False),
    "llama2_7b": (32_000, 4096, 32, 128, 11_008, "all", 10_000.0, False),
    "llama2_13b": (32_000, 5120, 40, 128, 13_824, "all", 10_000.0, False),
    "mistral_7b": (32_000, 4096, 32, 128, 14_336, 8, 1_000_000.0, False),
    "llama3_8b": (128_256, 4096, 32, 128, 14_336, 8, 500_000.0, False),
    "llama3_70b": (128_256, 8192, 80, 128, 28_672, 8, 500_000.0, False),
    "llama3_2_1b": (128_256, 2048, 16, 64, 8192, 8, 500_000.0, True),
    "llama3_2_3b": (128_256, 3072, 28, 128, 8192, 8, 500_000.0, True),
}
"""Vocabulary, features, depth, features of a head, hidden features, heads of keys and values, rotary base, tied."""

llama_references: Decisions = {
    name: {
        "vocabulary": vocabulary, "features": features, "depth": depth, "head_features": each, "hidden": hidden,
        "kv_heads": kv, "rotary_base": base, "tied": tied, "eps": 1e-5, "gate": "swiglu", "inputs.length": 2048,
    }
    for name, (vocabulary, features, depth, each, hidden, kv, base, tied) in LLAMA.items()
}  # fmt: skip

llama_space = Space(
    "llama",
    inputs={"tokens": Tokens(choice(512, 2048, 8192), choice(32_000, 128_256, name="vocabulary"))},
    network=llama(
        vocabulary=(32_000, 128_256),
        features=(2048, 3072, 4096, 5120, 8192),
        depth=(16, 22, 28, 32, 40, 80),
        each=(64, 128),
        hidden=(5632, 8192, 11_008, 13_824, 14_336, 28_672),
        kv=(0, 1, 4, 8),
    ),
    references=llama_references,
)
llama_small = Space(
    "llama-small",
    inputs={"tokens": Tokens(choice(16, 32), choice(65, name="vocabulary"))},
    network=llama(vocabulary=(65,), features=(32, 64), depth=(1, 2), each=(8, 16), hidden=(48, 96), kv=(0, 1, 2)),
)

# --- encoders --------------------------------------------------------------------------------------------------------


def bert(*, vocabulary: Options, features: Options, depth: Options, each: Options, places: Options) -> Block:
    """BERT's form: post-norm, learned positions, segments, a pooled first position; or pre-norm, or other positions."""
    norm = LayerNorm(eps=1e-12)
    size, dropout = choice(*each, name="head_features"), choice(0.0, 0.1, name="dropout")
    bias = choice(Identity(), Alibi(), RelativeBias(), name="position_bias")
    attentions = {
        "full": Attention(head_features=size, core=DotProduct(dropout=dropout), position_bias=bias),
        "global_window": Attention(head_features=size, core=GlobalWindow(choice(8, 64, name="window"))),
        "linear": Attention(head_features=size, core=LinearAttention()),
    }
    attention = choice(*attentions.values(), labels=tuple(attentions), name="attention")
    hidden = FeedForward(choice(2, 4, name="ratio"), activation=choice(GELU(), ReLU(), name="activation"))
    pre_norm = choice(False, True, name="pre_norm")
    layer = TransformerLayer(attention, hidden, norm=norm, dropout=dropout, pre_norm=pre_norm)
    learned = LearnedPositions(choice(*places, name="places"))
    return TextEncoder(
        choice(*vocabulary, name="vocabulary"),
        choice(*features, name="features"),
        Stack(repeat(layer, choice(*depth, name="depth")), norm=choice(Identity(), norm)),
        positions=choice(learned, SinusoidalPositions(), Identity()),
        segments=choice(1, 2, name="segments"),
        norm=norm,
        pooler=choice(False, True),
        activation=Tanh(),
        dropout=dropout,
    )


BERT: dict[str, tuple[Label, ...]] = {
    "bert_tiny": (30_522, 128, 2, 64, 512, 2),
    "bert_mini": (30_522, 256, 4, 64, 512, 2),
    "bert_small": (30_522, 512, 4, 64, 512, 2),
    "bert_medium": (30_522, 512, 8, 64, 512, 2),
    "bert_base": (30_522, 768, 12, 64, 512, 2),
    "bert_large": (30_522, 1024, 24, 64, 512, 2),
    "bert_base_cased": (28_996, 768, 12, 64, 512, 2),
    "roberta_base": (50_265, 768, 12, 64, 514, 1),
    "roberta_large": (50_265, 1024, 24, 64, 514, 1),
}
"""Vocabulary, features, depth, features of a head, positions, kinds of segments."""

encoder_references: Decisions = {
    name: {
        "vocabulary": vocabulary, "features": features, "depth": depth, "head_features": each, "ratio": 4,
        "positions": "learned_positions", "places": places, "segments": segments, "pooler": True, "pre_norm": False,
        "layers.norm": "identity", "attention": "full", "position_bias": "identity", "activation": "gelu",
        "dropout": 0.1, "length": 512,
    }
    for name, (vocabulary, features, depth, each, places, segments) in BERT.items()
}  # fmt: skip

encoder = Space(
    "transformer-encoder",
    inputs={
        "tokens": Tokens(choice(128, 512, name="length"), choice(28_996, 30_522, 50_265, name="vocabulary")),
        "segments": Tokens(choice(128, 512, name="length"), choice(1, 2, name="segments")),
    },
    network=bert(
        vocabulary=(28_996, 30_522, 50_265),
        features=(128, 256, 512, 768, 1024),
        depth=(2, 4, 8, 12, 24),
        each=(64,),
        places=(512, 514),
    ),
    references=encoder_references,
)
encoder_small = Space(
    "transformer-encoder-small",
    inputs={
        "tokens": Tokens(choice(16, 32, name="length"), choice(65, name="vocabulary")),
        "segments": Tokens(choice(16, 32, name="length"), choice(1, 2, name="segments")),
    },
    network=bert(vocabulary=(65,), features=(32, 48, 64), depth=(1, 2), each=(8, 16), places=(32,)),
)

# --- encoder and decoder ---------------------------------------------------------------------------------------------


def t5(*, vocabulary: int, features: Options, heads: Options, each: Options, depth: Options, hidden: Options) -> Block:
    """The first transformer's and T5's form: positions added, or one learned bias for each stack."""
    count, norm = choice(*heads, name="heads"), choice(RMSNorm(eps=1e-6), LayerNorm(), name="norm")
    biases, gated = choice(False, True, name="biases"), choice(False, True, name="gated")
    scale = choice(1.0, 0.0, labels=("one", "inverse root"), name="product_scale")
    act, wide = choice(ReLU(), GELU("tanh"), name="activation"), choice(*hidden, name="hidden")
    pre_norm, dropout = choice(True, False, name="pre_norm"), choice(0.1, 0.0, name="dropout")

    def attention(causal: bool) -> Block:
        size = choice(*each, name="head_features")
        core = DotProduct(causal=causal, scale=scale)
        return Attention(count, head_features=size, bias=biases, out_bias=biases, core=core)

    def layer(causal: bool, cross: Block) -> Block:
        forward = FeedForward(hidden=wide, activation=act, gated=gated, bias=biases)
        return TransformerLayer(attention(causal), forward, cross, norm, pre_norm, dropout)

    near = choice(RelativeBias(heads=count), Identity(), name="position_bias")
    behind = choice(RelativeBias(both=False, heads=count), Identity(), name="target_bias")
    times = choice(*depth, name="depth")
    return EncoderDecoder(
        vocabulary,
        choice(*features, name="features"),
        Stack(repeat(layer(False, Identity()), times), near, norm),
        Stack(repeat(layer(True, attention(False)), times), behind, norm),
        positions=choice(Identity(), SinusoidalPositions()),
        tied=choice(True, False),
        scaled_head=choice(True, False),
    )


T5 = {
    "t5_small": (512, 8, 64, 6, 2048),
    "t5_base": (768, 12, 64, 12, 3072),
    "t5_large": (1024, 16, 64, 24, 4096),
    "t5_3b": (1024, 32, 128, 24, 16_384),
    "t5_v1_1_small": (512, 6, 64, 8, 1024),
    "t5_v1_1_base": (768, 12, 64, 12, 2048),
    "t5_v1_1_large": (1024, 16, 64, 24, 2816),
}
"""Features, heads, features of a head, depth of each stack, hidden features."""

encoder_decoder_references: Decisions = {
    name: {
        "features": features, "heads": heads, "head_features": each, "depth": depth, "hidden": hidden,
        "norm": "rms_norm", "pre_norm": True, "biases": False, "product_scale": "one", "dropout": 0.1,
        "position_bias": "relative_bias",
        "target_bias": "relative_bias", "positions": "identity", "gated": "v1_1" in name, "tied": "v1_1" not in name,
        "activation": "gelu" if "v1_1" in name else "relu", "*length": 512,
        "scaled_head": "v1_1" not in name,
    }
    for name, (features, heads, each, depth, hidden) in T5.items()
}  # fmt: skip

encoder_decoder = Space(
    "transformer-encoder-decoder",
    inputs={"source": Tokens(choice(128, 512), 32_128), "target": Tokens(choice(128, 512), 32_128)},
    network=t5(
        vocabulary=32_128,
        features=(512, 768, 1024),
        heads=(6, 8, 12, 16, 32),
        each=(64, 128),
        depth=(6, 8, 12, 24),
        hidden=(1024, 2048, 2816, 3072, 4096, 16_384),
    ),
    references=encoder_decoder_references,
)
encoder_decoder_small = Space(
    "transformer-encoder-decoder-small",
    inputs={"source": Tokens(choice(12, 16), 65), "target": Tokens(choice(12, 16), 65)},
    network=t5(vocabulary=65, features=(32, 48), heads=(2, 4), each=(8, 16), depth=(1, 2), hidden=(48, 64)),
)
