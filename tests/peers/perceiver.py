"""Perceiver IO against Hugging Face's and against plain torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reference.perceiver import PerceiverIO
from torch import Tensor, nn

from peers import Peer, Twin, by_rules, in_order
from peers.transformer import hugging, member
from search_spaces import multimodal


def language(**sizes: Any) -> Callable[[], nn.Module]:
    """The masked language model; its queries and values have sizes of their own."""
    return hugging("PerceiverForMaskedLM", "PerceiverConfig", attention_probs_dropout_prob=0.0, **sizes)


def joint(**sizes: Any) -> Callable[[], nn.Module]:
    return lambda: PerceiverIO(**sizes)


PEERS = [
    Peer("multimodal", "perceiver_language", language(qk_channels=256, v_channels=1280), "perceiver_text"),
    Peer(
        "multimodal",
        "perceiver_joint",
        joint(image=224, patch=16, length=256, vocabulary=262, features=768, latents=512, size=1024, heads=8,
              cross_heads=8, each=128, depth=6, blocks=8, classes=1000),
        "perceiver",
    ),
]  # fmt: skip

RULES = by_rules(
    (r"^perceiver\.input_preprocessor\.embeddings", "model.embedding"),
    (r"^perceiver\.input_preprocessor\.position_embeddings", "model.positions"),
    (r"^perceiver\.embeddings\.latents", "model.decoder.encoder.latents.weight"),
    (r"^perceiver\.encoder\.cross_attention\.", "model.decoder.encoder.cross."),
    (r"^perceiver\.encoder\.self_attends\.", "model.decoder.encoder.layers.blocks."),
    (r"^perceiver\.decoder\.output_position_encodings\.position_embeddings", "model.decoder.decoder.queries.weight"),
    (r"^perceiver\.decoder\.decoding_cross_attention\.", "model.decoder.decoder.cross."),
    (r"^embedding_decoder\.bias", "bias.bias"), (r"attention\.self\.layernorm1", "attention.norm"),
    (r"attention\.self\.layernorm2", "source_norm"), (r"attention\.self\.", "attention.inner."),
    (r"attention\.output\.dense", "attention.inner.out"), (r"\.layernorm\.", ".feed_forward.norm."),
    (r"mlp\.dense1", "feed_forward.inner.up"), (r"mlp\.dense2", "feed_forward.inner.down"),
)  # fmt: skip


def scores(module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    made: Tensor = module(inputs=inputs[0]).logits
    return made


COMMON: dict[str, Any] = {"ratio": 1.0, "activation": "gelu", "read_heads": 8, "answer_heads": 8}
TWINS = [
    Twin(  # Hugging Face's decoder always has 8 heads of 32 for queries and keys
        "perceiver_language, 2 x 6 layers of 512",
        member(
            multimodal.perceiver_text, **COMMON, heads=8, features=256, latents=128, latent_features=512,
            head_features=32, value_features=64, answer_features=32, answer_value_features=32, depth=6, blocks=2,
            residual=False,
        ),
        language(
            d_model=256, d_latents=512, num_latents=128, qk_channels=256, v_channels=512, num_self_attends_per_block=6,
            num_blocks=2,
        ),
        RULES,
        scores,
    ),
    Twin(
        "perceiver over image and text, 2 x 2 layers",
        member(
            multimodal.perceiver_small, **COMMON, heads=4, patch=4, features=24, query_features=24, latents=8,
            latent_features=16, head_features=6, value_features=6, answer_features=6, answer_value_features=6, depth=2,
            blocks=2, residual=True, **{"*height": 16, "*length": 12},
        ),
        joint(image=16, patch=4, length=12, vocabulary=65, features=24, latents=8, size=16, heads=4, cross_heads=8,
              each=6, depth=2, blocks=2, classes=10),
        in_order,
    ),
]  # fmt: skip
