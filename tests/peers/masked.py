"""MAE and SegFormer against Hugging Face's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nasengine import Image
from peers import Peer, State, Twin, by_rules
from peers.transformer import hugging, logits, member
from search_spaces import mae, segformer


def vit_mae(features: int, depth: int, each: int, patch: int, **more: Any) -> Any:
    return hugging(
        "ViTMAEForPreTraining", "ViTMAEConfig", hidden_size=features, num_hidden_layers=depth, patch_size=patch,
        num_attention_heads=features // each, intermediate_size=4 * features, layer_norm_eps=1e-6, **more,
    )  # fmt: skip


def mix(name: str, classes: int = 150, **more: Any) -> Any:
    base, head = 32 if name == "b0" else 64, 256 if name in ("b0", "b1") else 768
    sizes = {
        "depths": list(segformer.DEPTHS[name]), "hidden_sizes": [base * n for n in (1, 2, 5, 8)],
        "num_attention_heads": [1, 2, 5, 8], "decoder_hidden_size": head, "num_labels": classes,
    } | more  # fmt: skip
    return hugging("SegformerForSemanticSegmentation", "SegformerConfig", **sizes)


PEERS = [
    Peer("mae", "mae_base", vit_mae(768, 12, 64, 16)),
    Peer("mae", "mae_large", vit_mae(1024, 24, 64, 16)),
    Peer("mae", "mae_huge", vit_mae(1280, 32, 80, 14), "huge"),
    *[Peer("segformer", f"segformer_{name}", mix(name)) for name in segformer.DEPTHS],
]

LAYER = (
    (r"layernorm_before", "attention.norm"), (r"layernorm_after", "feed_forward.norm"), (r"q_proj", "query"),
    (r"k_proj", "key"), (r"v_proj", "value"), (r"o_proj", "out"), (r"mlp\.fc1", "feed_forward.inner.up"),
    (r"mlp\.fc2", "feed_forward.inner.down"),
)  # fmt: skip

MAE_RULES = by_rules(
    *LAYER, (r"^vit\.embeddings\.patch_embeddings\.projection", "patches.project"),
    (r"^vit\.embeddings\.cls_token", "token.weight"), (r"^vit\.embeddings\.position_embeddings", "positions.weight"),
    (r"^vit\.layers\.", "encoder.blocks."), (r"^vit\.layernorm", "norm"), (r"^decoder\.mask_token", "restore.weight"),
    (r"^decoder\.decoder_pos_embed", "decoder_positions.weight"), (r"^decoder\.decoder_embed", "decoder_map"),
    (r"^decoder\.decoder_layers\.", "decoder.blocks."), (r"^decoder\.decoder_norm", "decoder_norm"),
    (r"^decoder\.decoder_pred", "head"), (r"\.attention\.(query|key|value|out)\.", r".attention.inner.\1."),
)  # fmt: skip

MIX_RULES = by_rules(
    *LAYER, (r"^segformer\.stages\.(\d)", lambda m: f"stages.stage{int(m[1]) + 1}"),
    (r"patch_embeddings\.proj", "patches"), (r"patch_embeddings\.layer_norm", "patch_norm"),
    (r"(stage\d)\.layer_norm", r"\1.norm"), (r"\.blocks\.", ".layers."),
    (r"attention\.sequence_reduction\.sequence_reduction", "attention.inner.reduce"),
    (r"attention\.sequence_reduction\.layer_norm", "attention.inner.norm"),
    (r"\.attention\.(query|key|value|out)\.", r".attention.inner.attention.\1."),
    (r"mlp\.dwconv\.dwconv", "feed_forward.inner.mix"), (r"^decode_head\.linear_\w+\.(\d)\.proj", r"maps.\1"),
    (r"^decode_head\.linear_fuse", "fuse.conv"), (r"^decode_head\.batch_norm", "fuse.norm"),
    (r"^decode_head\.classifier", "classify"),
)  # fmt: skip


def shaped(rules: Any) -> Any:
    """Rename, and give a tensor with axes of size 1 more or less our shape."""

    def rename(ours: Mapping[str, torch.Size], theirs: State) -> State:
        return {name: tensor.reshape(ours[name]) for name, tensor in rules(ours, theirs).items()}

    return rename


def reconstruction(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    made = module(inputs[0], noise=inputs[1])
    return made.logits, made.mask


def of_member(space: Any, name: str, side: int) -> Any:
    """A published member on smaller images."""
    return lambda: space.decode(space.references[name]).with_inputs(input=Image(3, side)).graph()


TWINS = [
    Twin(
        "mae, 2 layers of 48 and 2 of 32",
        member(mae.small, encoder_features=48, encoder_depth=2, encoder_head_features=16, decoder_features=32,
               decoder_depth=2, decoder_head_features=16, share=0.25),
        vit_mae(48, 2, 16, 4, image_size=16, decoder_hidden_size=32, decoder_num_hidden_layers=2,
                decoder_num_attention_heads=2, decoder_intermediate_size=128),
        shaped(MAE_RULES),
        reconstruction,
    ),
    Twin("segformer_b0, 128 px", of_member(segformer.space, "segformer_b0", 128), mix("b0"), shaped(MIX_RULES), logits),
]  # fmt: skip
