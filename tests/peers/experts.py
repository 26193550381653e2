"""Mixtures of experts against Hugging Face's Mixtral."""

from __future__ import annotations

from peers import Peer, Twin, by_rules
from peers.transformer import hugging, logits, member
from search_spaces import moe

SIZES = {"mixtral_8x7b": (4096, 32, 14_336, 32), "mixtral_8x22b": (6144, 56, 16_384, 48)}

PEERS = [
    Peer("moe", name, hugging("MixtralForCausalLM", "MixtralConfig", vocab_size=32_000, hidden_size=features,
         num_hidden_layers=depth, intermediate_size=hidden, num_attention_heads=heads, num_key_value_heads=8,
         tie_word_embeddings=False))
    for name, (features, depth, hidden, heads) in SIZES.items()
]  # fmt: skip

RULES = by_rules(
    (r"^model\.", ""), (r"^embed_tokens", "embedding"), (r"^lm_head", "head"),
    (r"^layers\.", "decoder.layers.blocks."), (r"input_layernorm", "attention.norm"),
    (r"post_attention_layernorm", "feed_forward.norm"), (r"self_attn\.", "attention.inner."), (r"q_proj", "query"),
    (r"k_proj", "key"), (r"v_proj", "value"), (r"o_proj", "out"), (r"mlp\.gate\.", "feed_forward.inner.router."),
    (r"mlp\.experts\.gate_up_proj", "feed_forward.inner.experts.gate_up"),
    (r"mlp\.experts\.down_proj", "feed_forward.inner.experts.down"),
)  # fmt: skip

TWINS = [
    Twin(
        "mixtral, 2 layers of 48, 2 of 4 experts",
        member(moe.small, features=48, depth=2, head_features=16, kv_heads=1, experts=4, chosen=2, hidden=64,
               shared="none", balance=False, **{"inputs.length": 16}),
        hugging("MixtralForCausalLM", "MixtralConfig", vocab_size=65, hidden_size=48, num_hidden_layers=2,
                intermediate_size=64, num_attention_heads=3, num_key_value_heads=1, num_local_experts=4,
                rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
                tie_word_embeddings=False),
        RULES,
        logits,
    ),
]  # fmt: skip
