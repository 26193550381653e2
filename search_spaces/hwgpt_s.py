"""HW-GPT-Bench, small: sub-networks of a GPT-2-small with tabulated perplexity, latency and energy.

A decoder of 10 to 12 layers whose width and biases are one decision each, and whose heads and hidden size are decided
layer by layer. A head has 64 features whatever the width; the feed-forward network is gated (three maps); the embedding
and the output layer have tables of their own.

Papers: Sukthanker et al. (2024), "HW-GPT-Bench: hardware-aware architecture benchmark for language models".
Input: 1,024 token ids.
Task: language modelling (next token); the table's perplexity is on OpenWebText.
Counts: with width E, H heads and a sum of ratios M over all of L layers, 2 x 50,254 E + 2 E (embedding, output, last
norm) + 4 E L (norms) + 256 E H + 3 E^2 M, and with biases 192 H + 2 E M + 2 E L more. This equals the column ``params``
of all 10,000 rows. The column ``macs`` is for a batch of 8 and leaves out the attention's products, which ours counts:
macs / 8 + 1,024^2 x 128 H = ours, for all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nasengine import Block, Space, Tokens, choice, repeat
from nasengine.blocks import (
    Attention,
    DotProduct,
    FeedForward,
    LanguageModel,
    LayerNorm,
    Rotary,
    SiLU,
    Stack,
    TransformerLayer,
)
from nasengine.errors import SpaceError
from nasengine.space.spec import Label

Options = tuple[int, ...]


def hwgpt(
    *, vocabulary: int, embed_dim: Options, n_layer: Options, n_head: Options, mlp_ratio: Options, each: int
) -> Block:
    """The network."""
    bias = choice(False, True, name="bias")
    attention = Attention(
        choice(*n_head),
        head_features=each,
        bias=bias,
        out_bias=bias,
        core=DotProduct(causal=True),
        positions=Rotary(),
    )
    forward = FeedForward(choice(*mlp_ratio), activation=SiLU(), gated=True, bias=bias)
    stack = Stack(repeat(TransformerLayer(attention, forward), choice(*n_layer, name="n_layer")))
    return LanguageModel(vocabulary, choice(*embed_dim, name="embed_dim"), stack, norm=LayerNorm(), tied=False)


def decisions(
    embed_dim: int, n_layer: int, n_head: Sequence[int], mlp_ratio: Sequence[int], bias: bool
) -> dict[str, Label]:
    """Decisions of a row of the table.

    Raises:
        SpaceError: not one number of heads and one ratio a layer.
    """
    if len(n_head) != n_layer or len(mlp_ratio) != n_layer:
        raise SpaceError(
            f"hwgpt_s: n_head and mlp_ratio hold one number a layer; got {len(n_head)} and {len(mlp_ratio)} for "
            f"{n_layer} layers"
        )
    found: dict[str, Label] = {"embed_dim": int(embed_dim), "n_layer": int(n_layer), "bias": bool(bias)}
    for i, (heads, ratio) in enumerate(zip(n_head, mlp_ratio, strict=True)):
        found[f"layers.layers.blocks.{i}.attention.heads"] = int(heads)
        found[f"layers.layers.blocks.{i}.feed_forward.ratio"] = int(ratio)
    return found


references: dict[str, dict[str, Label]] = {
    "largest": decisions(768, 12, [12] * 12, [4] * 12, True),
    "smallest": decisions(192, 10, [4] * 10, [2] * 10, False),
}
SIZES: dict[str, Any] = {"n_head": (4, 8, 12), "mlp_ratio": (2, 3, 4)}
space = Space(
    "hwgpt_s",
    inputs={"tokens": Tokens(1024, 50_254)},
    network=hwgpt(vocabulary=50_254, embed_dim=(192, 384, 768), n_layer=(10, 11, 12), each=64, **SIZES),
    references=references,
)
small = Space(
    "hwgpt_s-small",
    inputs={"tokens": Tokens(16, 65)},
    network=hwgpt(vocabulary=65, embed_dim=(24, 48), n_layer=(1, 2), n_head=(2, 4), mlp_ratio=(2, 3), each=8),
)
