"""PatchTST against plain torch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from reference.forecast import PatchTST

from peers import Peer, State, Twin, by_rules
from peers.transformer import member
from search_spaces import forecast

PEERS = [
    Peer("forecast", "patchtst_42", lambda: PatchTST(7, 336, 16, 8, 128, 3, 16, 256, 96)),
    Peer("forecast", "patchtst_64", lambda: PatchTST(7, 512, 16, 8, 128, 3, 16, 256, 96)),
]


def rename(ours: Mapping[str, torch.Size], theirs: State) -> State:
    made: State = dict(theirs)
    for name, tensor in theirs.items():
        if "in_proj_" in name:
            kind = name.rpartition("in_proj_")[2]
            for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                made[name.replace(f"self_attn.in_proj_{kind}", f"attention.inner.{part}.{kind}")] = piece
    return by_rules(
        (r"^gain", "normalise.weight"), (r"^shift", "normalise.bias"), (r"^place", "positions.weight"),
        (r"^layers\.", "layers.blocks."), (r"self_attn\.out_proj", "attention.inner.out"), (r"norm1", "attention.norm"),
        (r"norm2", "feed_forward.norm"), (r"linear1", "feed_forward.inner.up"), (r"linear2", "feed_forward.inner.down"),
    )(ours, made)  # fmt: skip


TWINS = [
    Twin(
        "patchtst, 2 layers of 32",
        member(forecast.small, patch=16, stride=8, features=32, depth=2, heads=4, hidden=64, pre_norm=False,
               activation="gelu", dropout=0.2, horizon=12, **{"inputs.length": 96}),
        lambda: PatchTST(3, 96, 16, 8, 32, 2, 4, 64, 12),
        rename,
    ),
]  # fmt: skip
