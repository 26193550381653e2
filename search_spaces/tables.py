"""Rows of tables: feature-token transformers, DeepFM, DLRM.

Three spaces. ``space`` generalises the FT-Transformer: every column is a token, and a class token reads the row; open
are width, depth, heads, hidden size and gate of the feed-forward network. ``deep_fm`` adds linear, pairwise and deep
scores of categorical fields; ``dlrm`` multiplies the vectors of all fields with each other. Open are the size of a
field's vector and the depth and widths of the networks.

Papers: Gorishniy et al. (2021), "Revisiting deep learning models for tabular data"; Guo et al. (2017), "DeepFM"; Naumov
et al. (2019), "Deep learning recommendation model"; Rendle (2010), "Factorization machines".
Input: a row of numbers and a row of category ids.
Task: classification, regression, click prediction.
Counts: with n numbers, K columns of V categories and vectors of d. The FT-Transformer has 2 n d + K (V + 1) d + d for
its tokens, and a layer 4 d^2 + 4 d for attention, 3 d h + 2 h + d for ReGLU with h hidden features and 4 d for two
norms (the published code leaves the very first norm out); the head 2 d + (d + 1) c. ``ft_transformer`` (n = 6, K = 8,
V = 42, d = 192, three layers, h = 256, c = 2): 68,544 + 3 x 297,152 + 770 = 960,770. DeepFM has K V (d + 1) and its
network: ``deepfm`` (K = 39, V = 1,000, d = 10, three layers of 400): 429,000 + 477,601 = 906,601. DLRM has K V d and
two networks: ``dlrm_kaggle`` (13 numbers, K = 26, V = 10,000, d = 16, 13-512-256-64-16 and 367-512-256-1): 4,160,000 +
155,984 + 320,001 = 4,635,985.
"""

from __future__ import annotations

from nasengine import Block, Categories, Features, Space, choice, repeat
from nasengine.blocks import (
    DLRM,
    GELU,
    MLP,
    Attention,
    DeepFM,
    FeatureTokens,
    FeedForward,
    ReLU,
    TransformerLayer,
)
from nasengine.space.spec import Label

Options = tuple[int, ...]
References = dict[str, dict[str, Label]]


def ft_transformer(
    *, cardinality: int, features: Options, depth: Options, heads: Options, hidden: Options, outputs: int
) -> Block:
    """The FT-Transformer."""
    forward = FeedForward(
        hidden=choice(*hidden, name="hidden"),
        activation=choice(ReLU(), GELU(), name="activation"),
        gated=choice(True, False, name="gated"),
        dropout=choice(0.0, 0.1, name="dropout"),
    )
    layer = TransformerLayer(Attention(choice(*heads, name="heads")), forward)
    layers = repeat(layer, choice(*depth, name="depth"))
    return FeatureTokens(choice(*features, name="features"), cardinality, layers, outputs)


def widths(options: Options, depth: Options) -> tuple[int, ...]:
    """Hidden widths, each open."""
    return repeat(choice(*options), choice(*depth))


references: References = {
    "ft_transformer": {
        "features": 192, "depth": 3, "heads": 8, "hidden": 256, "activation": "relu", "gated": True, "dropout": 0.1,
    }
}  # fmt: skip
space = Space(
    "tables",
    inputs={"numbers": Features(6), "categories": Categories(8, 42)},
    network=ft_transformer(
        cardinality=42,
        features=(64, 128, 192, 256, 512),
        depth=(1, 2, 3, 4, 6),
        heads=(4, 8),
        hidden=(64, 128, 256, 512),
        outputs=2,
    ),
    references=references,
)
small = Space(
    "tables-small",
    inputs={"numbers": Features(6), "categories": Categories(8, 42)},
    network=ft_transformer(cardinality=42, features=(16, 32), depth=(1, 2), heads=(2, 4), hidden=(16, 32), outputs=2),
)

deep_fm_references: References = {"deepfm": {"features": 10, "deep.hidden.times": 3, "deep.hidden.*": 400}}
deep_fm = Space(
    "deep_fm",
    inputs={"fields": Categories(39, 1_000)},
    network=DeepFM(1_000, choice(4, 8, 10, 16, 32), MLP(widths((100, 200, 400, 800), (1, 2, 3, 4)), 1)),
    references=deep_fm_references,
)
deep_fm_small = Space(
    "deep_fm-small",
    inputs={"fields": Categories(8, 42)},
    network=DeepFM(42, choice(4, 8), MLP(widths((16, 32), (1, 2)), 1)),
)

dlrm_references: References = {
    "dlrm_kaggle": {
        "features": 16, "bottom.times": 3, "bottom.0": 512, "bottom.1": 256, "bottom.2": 64, "top.times": 2,
        "top.0": 512, "top.1": 256,
    }
}  # fmt: skip
dlrm = Space(
    "dlrm",
    inputs={"numbers": Features(13), "fields": Categories(26, 10_000)},
    network=DLRM(
        10_000,
        choice(8, 16, 32, 64),
        widths((64, 128, 256, 512), (1, 2, 3)),
        widths((128, 256, 512, 1024), (1, 2, 3)),
    ),
    references=dlrm_references,
)
dlrm_small = Space(
    "dlrm-small",
    inputs={"numbers": Features(6), "fields": Categories(8, 42)},
    network=DLRM(42, choice(4, 8), widths((16, 32), (1, 2)), widths((16, 32), (1, 2))),
)
