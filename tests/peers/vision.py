"""Vision transformers against timm and torchvision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from nasengine import Graph, Image, Space
from nasengine.space import Architecture
from peers import Peer, State, Twin, by_rules
from search_spaces import swin, vit

TIMM = {
    "vit_t_16": "vit_tiny_patch16_224", "vit_s_16": "vit_small_patch16_224", "vit_s_32": "vit_small_patch32_224",
    "vit_b_16": "vit_base_patch16_224", "vit_b_32": "vit_base_patch32_224", "vit_l_16": "vit_large_patch16_224",
    "vit_h_14": "vit_huge_patch14_224", "deit_t": "deit_tiny_patch16_224", "deit_s": "deit_small_patch16_224",
    "deit_b": "deit_base_patch16_224", "deit_t_distilled": "deit_tiny_distilled_patch16_224",
    "deit_s_distilled": "deit_small_distilled_patch16_224", "deit_b_distilled": "deit_base_distilled_patch16_224",
}  # fmt: skip


def timm(name: str, **sizes: Any) -> Callable[[], nn.Module]:
    """A model of timm."""

    def make() -> nn.Module:
        import timm

        made: nn.Module = timm.create_model(name, **sizes)
        return made

    return make


def torchvision(name: str, **sizes: Any) -> Callable[[], nn.Module]:
    """A model of torchvision."""

    def make() -> nn.Module:
        import torchvision

        made: nn.Module = getattr(torchvision.models, name)(**sizes)
        return made

    return make


PEERS = [
    *[Peer("vit", ours, timm(theirs, num_classes=1000)) for ours, theirs in TIMM.items()],
    *[Peer("vit", name, torchvision(name)) for name in ("vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32")],
    *[Peer("swin", name, torchvision(name)) for name in ("swin_t", "swin_s", "swin_b")],
    Peer("swin", "swin_l", timm("swin_large_patch4_window7_224")),
]


def member(space: Space, decisions: Mapping[str, Any], *, size: int = 0) -> Callable[[], Graph]:
    """The graph of a member, on images of another size where one is given."""

    def make() -> Graph:
        found: Architecture = space.select(decisions)
        return (found.with_inputs(input=Image(3, size)) if size else found).graph()

    return make


def split_maps(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """timm and torchvision hold one map for queries, keys and values."""
    made: State = {}
    for name, tensor in theirs.items():
        if ".qkv." in name:
            for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                made[name.replace("attn.qkv", f"attention.inner.{part}")] = piece
        elif name.endswith(("cls_token", "dist_token", "pos_embed")):
            made[name] = tensor[0]
        else:
            made[name] = tensor
    if "dist_token" in made:
        made["cls_token"] = torch.cat((made["cls_token"], made.pop("dist_token")))
    return by_rules(
        (r"^patch_embed\.proj", "patches.project"), (r"^cls_token", "tokens.weight"),
        (r"^pos_embed", "positions.weight"),
        (r"^blocks\.", "layers.blocks."), (r"^head_dist", "second_head"), (r"norm1", "attention.norm"),
        (r"norm2", "feed_forward.norm"), (r"attn\.proj", "attention.inner.out"), (r"mlp\.fc1", "feed_forward.inner.up"),
        (r"mlp\.fc2", "feed_forward.inner.down"),
        (r"^features\.0\.0", "patches.0.project"), (r"^features\.0\.2", "patches.0.norm"),
        (r"^features\.([246])\.reduction", lambda m: f"stage{int(m[1]) // 2 + 1}.merge"),
        (r"^features\.([246])\.norm", lambda m: f"stage{int(m[1]) // 2 + 1}.merge_norm"),
        (r"^features\.([1357])\.(\d+)", lambda m: f"stage{(int(m[1]) + 1) // 2}.layers.{m[2]}"),
        (r"attn\.relative_position_bias_table", "attention.inner.core.bias"),
        (r"mlp\.0", "feed_forward.inner.up"), (r"mlp\.3", "feed_forward.inner.down"), (r"^head\.", "head."),
    )(ours, made)  # fmt: skip


def swin_maps(ours: Mapping[str, torch.Size], theirs: State) -> State:
    made = split_maps({name: shape for name, shape in ours.items() if not name.startswith("head.")}, theirs)
    return made | {"head.1.weight": theirs["head.weight"], "head.1.bias": theirs["head.bias"]}


def swin_small(**sizes: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        from torchvision.models import SwinTransformer

        return SwinTransformer([4, 4], **sizes)

    return make


TWINS = [
    Twin("deit_t", member(vit.space, vit.references["deit_t"]), timm("deit_tiny_patch16_224"), split_maps),
    Twin(
        "deit_t_distilled",
        member(vit.space, vit.references["deit_t_distilled"]),
        timm("deit_tiny_distilled_patch16_224"),
        split_maps,
    ),
    Twin("swin_t", member(swin.space, swin.references["swin_t"]), torchvision("swin_t"), swin_maps),
    Twin(
        "swin, 2 stages, shifted windows of 4",
        member(swin.small, {"network": 16, "*stage1.depth": 2, "*stage2.depth": 2, "head_features_16": 8, "window": 4,
                            "ratio": 4.0, "drop_path": 0.0, "inputs.height": 64}),
        swin_small(embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=[4, 4], num_classes=10),
        swin_maps,
    ),
]  # fmt: skip
