"""Networks for rows of tables against plain torch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from reference.tables import DLRM, DeepFM, FTTransformer

from peers import Peer, State, Twin, by_rules
from peers.transformer import member
from search_spaces import tables

PEERS = [
    Peer("tables", "ft_transformer", lambda: FTTransformer(6, 8, 42, 192, 3, 8, 256, 2)),
    Peer("tables", "deepfm", lambda: DeepFM(39, 1_000, 10, (400, 400, 400)), "deep_fm"),
    Peer("tables", "dlrm_kaggle", lambda: DLRM(13, 26, 10_000, 16, (512, 256, 64), (512, 256)), "dlrm"),
]


def joined(theirs: State, prefix: str) -> torch.Tensor:
    """The tables of all columns, one after another."""
    columns = sum(name.startswith(f"{prefix}.") for name in theirs)
    return torch.cat([theirs[f"{prefix}.{k}.weight"] for k in range(columns)])


def tokens(ours: Mapping[str, torch.Size], theirs: State) -> State:
    made = dict(theirs) | {"categories.weight": joined(theirs, "tables"), "categories.bias": theirs["column_bias"]}
    for name in list(theirs):
        if "in_proj_" in name:
            for part, piece in zip(("query", "key", "value"), theirs[name].chunk(3), strict=True):
                kind = name.rpartition("in_proj_")[2]
                made[name.replace(f"attention.in_proj_{kind}", f"attention.inner.{part}.{kind}")] = piece
    return by_rules(
        (r"^number_", "numbers."), (r"^cls", "token.weight"), (r"^layers\.", "layers.blocks."),
        (r"attention\.out_proj", "attention.inner.out"), (r"norm1", "attention.norm"), (r"norm2", "feed_forward.norm"),
        (r"(blocks\.\d)\.(gate|up|down)", r"\1.feed_forward.inner.\2"),
    )(ours, made)  # fmt: skip


def layers(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """Our names of the linear layers of a network, for theirs at 0, 2, 4, ..."""
    made: State = {}
    for name, tensor in theirs.items():
        part, _, rest = name.partition(".")
        number, _, kind = rest.rpartition(".")
        if part in ("bottom", "top", "deep"):
            mine = f"{part}.hidden.{int(number) // 2}.linear.{kind}"
            made[mine if mine in ours else f"{part}.output.{kind}"] = tensor
    return made


def fm(ours: Mapping[str, torch.Size], theirs: State) -> State:
    return layers(ours, theirs) | {"vectors.weight": joined(theirs, "v"), "weights.weight": joined(theirs, "w")}


def recommender(ours: Mapping[str, torch.Size], theirs: State) -> State:
    return layers(ours, theirs) | {"vectors.weight": joined(theirs, "tables")}


TWINS = [
    Twin(
        "ft_transformer, 2 layers of 32",
        member(tables.small, features=32, depth=2, heads=4, hidden=32, activation="relu", gated=True, dropout=0.1),
        lambda: FTTransformer(6, 8, 42, 32, 2, 4, 32, 2),
        tokens,
    ),
    Twin(
        "deepfm, 8 fields",
        member(tables.deep_fm_small, features=8, **{"deep.hidden.times": 2, "deep.hidden.*": 16}),
        lambda: DeepFM(8, 42, 8, (16, 16)),
        fm,
    ),
    Twin(
        "dlrm, 8 fields",
        member(tables.dlrm_small, features=8, **{"*.times": 2, "*.0": 32, "*.1": 16}),
        lambda: DLRM(6, 8, 42, 8, (32, 16), (32, 16)),
        recommender,
    ),
]
