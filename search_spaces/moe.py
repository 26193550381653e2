"""Mixtures of experts: decoders whose feed-forward networks are chosen token by token.

Generalises Mixtral: Llama's layers, with a router that sends each token to a few of many gated feed-forward networks.
Open are the number of experts, how many a token goes to, their hidden size, an expert that all tokens share, depth,
width, heads, and whether the balance loss of the routers is given as a second output. ``active_params`` and
``active_macs`` of the cost are those that one token uses.

Papers: Shazeer et al. (2017), "Outrageously large neural networks"; Fedus et al. (2022), "Switch transformers"; Jiang
et al. (2024), "Mixtral of experts"; Dai et al. (2024), "DeepSeekMoE".
Input: token ids.
Task: language modelling (next token).
"""

from __future__ import annotations

from nasengine import Block, Space, Tokens, choice, repeat
from nasengine.blocks import (
    Attention,
    DotProduct,
    FeedForward,
    Identity,
    LanguageModel,
    MixtureOfExperts,
    RMSNorm,
    Rotary,
    SiLU,
    Stack,
    TransformerLayer,
)
from nasengine.space.spec import Label

Options = tuple[int, ...]


def mixtral(
    *,
    vocabulary: int,
    features: Options,
    depth: Options,
    each: Options,
    kv: Options,
    experts: Options,
    chosen: Options,
    hidden: Options,
) -> Block:
    """The network; every layer alike."""
    norm, inner = RMSNorm(eps=1e-5), choice(*hidden, name="hidden")
    attention = Attention(
        head_features=choice(*each, name="head_features"),
        kv_heads=choice(*kv, labels=tuple(n or "all" for n in kv), name="kv_heads"),
        bias=False,
        out_bias=False,
        core=DotProduct(causal=True),
        positions=Rotary(1_000_000.0),
    )
    mixture = MixtureOfExperts(
        choice(*experts, name="experts"),
        choice(*chosen, name="chosen"),
        inner,
        shared=choice(
            Identity(),
            FeedForward(hidden=inner, activation=SiLU(), gated=True, bias=False),
            labels=("none", "one"),
            name="shared",
        ),
        balance=choice(False, True, name="balance"),
    )
    stack = Stack(repeat(TransformerLayer(attention, mixture, norm=norm), choice(*depth, name="depth")))
    return LanguageModel(vocabulary, choice(*features, name="features"), stack, norm=norm, tied=False)


references: dict[str, dict[str, Label]] = {
    name: {
        "features": features, "depth": depth, "head_features": 128, "kv_heads": 8, "experts": 8, "chosen": 2,
        "hidden": hidden, "shared": "none", "balance": False, "inputs.length": 2048,
    }
    for name, features, depth, hidden in (("mixtral_8x7b", 4096, 32, 14_336), ("mixtral_8x22b", 6144, 56, 16_384))
}  # fmt: skip

space = Space(
    "moe",
    inputs={"tokens": Tokens(choice(512, 2048, 8192), 32_000)},
    network=mixtral(
        vocabulary=32_000,
        features=(1024, 2048, 4096, 6144),
        depth=(8, 16, 24, 32, 56),
        each=(64, 128),
        kv=(0, 1, 4, 8),
        experts=(4, 8, 16, 32, 64),
        chosen=(1, 2, 4),
        hidden=(1024, 3584, 7168, 14_336, 16_384),
    ),
    references=references,
)
small = Space(
    "moe-small",
    inputs={"tokens": Tokens(choice(8, 16), 65)},
    network=mixtral(
        vocabulary=65,
        features=(32, 48),
        depth=(1, 2),
        each=(8, 16),
        kv=(0, 1),
        experts=(2, 4),
        chosen=(1, 2),
        hidden=(32, 64),
    ),
)
