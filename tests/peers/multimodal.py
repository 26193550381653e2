"""CLIP against Hugging Face's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from peers import Peer, State, Twin, by_rules
from peers.transformer import member
from search_spaces import multimodal


def clip(text: dict[str, Any], vision: dict[str, Any], features: int) -> Callable[[], nn.Module]:
    """A model of these sizes."""

    def make() -> nn.Module:
        import transformers

        config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=features)
        return transformers.CLIPModel(config)

    return make


def published(name: str) -> Callable[[], nn.Module]:
    patch, image, depth, text, features = multimodal.SIZES[name]
    return clip(
        {"hidden_size": text, "intermediate_size": 4 * text, "num_attention_heads": text // 64},
        {"hidden_size": image, "intermediate_size": 4 * image, "num_hidden_layers": depth,
         "num_attention_heads": image // 64, "patch_size": patch},
        features,
    )  # fmt: skip


PEERS = [Peer("multimodal", name, published(name)) for name in multimodal.SIZES]

RULES = by_rules(
    (r"^logit_scale", "temperature.weight"), (r"^visual_projection", "image_map"), (r"^text_projection", "text_map"),
    (r"^vision_model\.embeddings\.class_embedding", "image.tokens.weight"),
    (r"^vision_model\.embeddings\.patch_embedding", "image.patches.project"),
    (r"^vision_model\.embeddings\.position_embedding", "image.positions"),
    (r"^vision_model\.pre_layrnorm", "image.first_norm"), (r"^vision_model\.post_layernorm", "image.norm"),
    (r"^vision_model\.encoder\.layers\.", "image.layers.blocks."),
    (r"^text_model\.embeddings\.token_embedding", "text.embedding"),
    (r"^text_model\.embeddings\.position_embedding", "text.positions"),
    (r"^text_model\.final_layer_norm", "text.encoder.norm"),
    (r"^text_model\.encoder\.layers\.", "text.encoder.layers.blocks."),
    (r"layer_norm1", "attention.norm"), (r"layer_norm2", "feed_forward.norm"), (r"self_attn\.", "attention.inner."),
    (r"q_proj", "query"), (r"k_proj", "key"), (r"v_proj", "value"), (r"out_proj", "out"),
    (r"mlp\.fc1", "feed_forward.inner.up"), (r"mlp\.fc2", "feed_forward.inner.down"),
)  # fmt: skip


def rename(ours: Mapping[str, torch.Size], theirs: State) -> State:
    made = RULES(ours, theirs)
    return {name: tensor.reshape(ours[name]) for name, tensor in made.items()}


def vectors(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    made = module(pixel_values=inputs[0], input_ids=inputs[1])
    return made.image_embeds * module.logit_scale.exp(), made.text_embeds


TWINS = [
    Twin(
        "clip, 2 layers of 48",
        member(multimodal.small, patch=8, image_features=48, image_depth=2, text_features=32, text_depth=2,
               head_features=16, features=16, ratio=4.0, activation="quick_gelu", **{"*height": 32}),
        clip({"vocab_size": 65, "hidden_size": 32, "intermediate_size": 128, "num_attention_heads": 2,
              "num_hidden_layers": 2, "max_position_embeddings": 12, "eos_token_id": 2},
             {"hidden_size": 48, "intermediate_size": 192, "num_attention_heads": 3, "num_hidden_layers": 2,
              "patch_size": 8, "image_size": 32}, 16),
        rename,
        vectors,
    ),
]  # fmt: skip
