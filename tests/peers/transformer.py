"""Transformers over tokens against Hugging Face's: BERT, RoBERTa, GPT-2, Llama, Mistral, T5."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nasengine import Graph, Space
from peers import Peer, State, Twin, by_rules
from search_spaces import transformer as spaces


def hugging(model: str, config: str, **sizes: Any) -> Callable[[], nn.Module]:
    """A model of a configuration."""

    def make() -> nn.Module:
        import transformers

        made: nn.Module = getattr(transformers, model)(getattr(transformers, config)(**sizes))
        return made

    return make


def bert(name: str) -> Callable[[], nn.Module]:
    vocabulary, features, depth, each, places, segments = spaces.BERT[name]
    kind = "Roberta" if name.startswith("roberta") else "Bert"
    return hugging(
        f"{kind}Model", f"{kind}Config", vocab_size=vocabulary, hidden_size=features, num_hidden_layers=depth,
        num_attention_heads=features // each, intermediate_size=4 * features, max_position_embeddings=places,
        type_vocab_size=segments,
    )  # fmt: skip


def gpt2(name: str) -> Callable[[], nn.Module]:
    features, depth = spaces.GPT2[name]
    return hugging("GPT2LMHeadModel", "GPT2Config", n_embd=features, n_layer=depth, n_head=features // 64)


def llama(name: str) -> Callable[[], nn.Module]:
    vocabulary, features, depth, each, hidden, kv, _, tied = spaces.LLAMA[name]
    kind, heads = ("Mistral" if name.startswith("mistral") else "Llama"), features // each
    return hugging(
        f"{kind}ForCausalLM", f"{kind}Config", vocab_size=vocabulary, hidden_size=features, num_hidden_layers=depth,
        num_attention_heads=heads, num_key_value_heads=heads if kv == "all" else kv, intermediate_size=hidden,
        tie_word_embeddings=tied, head_dim=each,
    )  # fmt: skip


def t5(name: str, **more: Any) -> Callable[[], nn.Module]:
    features, heads, each, depth, hidden = spaces.T5[name]
    return hugging(
        "T5ForConditionalGeneration", "T5Config", d_model=features, num_heads=heads, d_kv=each, num_layers=depth,
        d_ff=hidden, **more,
    )  # fmt: skip


PEERS = [
    *[Peer("transformer", name, bert(name), "encoder") for name in spaces.BERT],
    *[Peer("transformer", name, gpt2(name), "decoder") for name in spaces.GPT2],
    *[Peer("transformer", name, llama(name), "llama_space") for name in spaces.LLAMA],
    *[Peer("transformer", name, t5(name), "encoder_decoder") for name in ("t5_small", "t5_base", "t5_large", "t5_3b")],
]


def member(space: Space, **decisions: Any) -> Callable[[], Graph]:
    """The graph of a member of a small space."""
    return lambda: space.select(decisions).graph()


def split_maps(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """GPT-2 holds one map for queries, keys and values, and all maps transposed."""
    made: State = {}
    for name, tensor in theirs.items():
        tensor = tensor.T if name.endswith("weight") and tensor.dim() == 2 and ".c_" in f".{name}" else tensor
        if ".attn.c_attn." in name:
            for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                made[name.replace("attn.c_attn", f"attention.inner.{part}")] = piece
        else:
            made[name] = tensor
    return by_rules(
        (r"^transformer\.", ""), (r"^wte", "embedding"), (r"^wpe", "positions"), (r"^ln_f", "norm"),
        (r"^h\.", "decoder.layers.blocks."), (r"ln_1", "attention.norm"), (r"ln_2", "feed_forward.norm"),
        (r"attn\.c_proj", "attention.inner.out"), (r"mlp\.c_fc", "feed_forward.inner.up"),
        (r"mlp\.c_proj", "feed_forward.inner.down"),
    )(ours, made)  # fmt: skip


LLAMA_RULES = by_rules(
    (r"^model\.", ""), (r"^embed_tokens", "embedding"), (r"^lm_head", "head"),
    (r"^layers\.", "decoder.layers.blocks."), (r"input_layernorm", "attention.norm"),
    (r"post_attention_layernorm", "feed_forward.norm"), (r"self_attn\.", "attention.inner."), (r"q_proj", "query"),
    (r"k_proj", "key"), (r"v_proj", "value"), (r"o_proj", "out"), (r"mlp\.gate_proj", "feed_forward.inner.gate"),
    (r"mlp\.up_proj", "feed_forward.inner.up"), (r"mlp\.down_proj", "feed_forward.inner.down"),
)  # fmt: skip

BERT_RULES = by_rules(
    (r"^embeddings\.word_embeddings", "embedding"), (r"^embeddings\.position_embeddings", "positions"),
    (r"^embeddings\.token_type_embeddings", "segments"), (r"^embeddings\.LayerNorm", "norm"),
    (r"^pooler\.dense", "pooler"), (r"^encoder\.layer\.", "encoder.layers.blocks."),
    (r"attention\.self\.", "attention.inner."), (r"attention\.output\.dense", "attention.inner.out"),
    (r"attention\.output\.LayerNorm", "attention.norm"), (r"intermediate\.dense", "feed_forward.inner.up"),
    (r"(blocks\.\d+)\.output\.dense", r"\1.feed_forward.inner.down"),
    (r"(blocks\.\d+)\.output\.LayerNorm", r"\1.feed_forward.norm"),
)  # fmt: skip

T5_RULES = by_rules(
    (r"^shared", "embedding"), (r"^lm_head", "head"), (r"^(encoder|decoder)\.final_layer_norm", r"\1.norm"),
    (r"block\.0\.layer\.0\.SelfAttention\.relative_attention_bias", "position_bias"),
    (r"block\.", "layers.blocks."), (r"layer\.0\.SelfAttention", "attention.inner"),
    (r"layer\.0\.layer_norm", "attention.norm"), (r"layer\.1\.EncDecAttention", "cross.inner"),
    (r"(decoder.*)layer\.1\.layer_norm", r"\1cross.norm"), (r"(encoder.*)layer\.1", r"\1layer.2"),
    (r"layer\.2\.DenseReluDense", "feed_forward.inner"), (r"layer\.2\.layer_norm", "feed_forward.norm"),
    (r"\.q\.", ".query."), (r"\.k\.", ".key."), (r"\.v\.", ".value."), (r"\.o\.", ".out."), (r"wi_0", "gate"),
    (r"wi_1", "up"), (r"\.wi\.", ".up."), (r"\.wo\.", ".down."),
)  # fmt: skip


def logits(module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    made: Tensor = module(inputs[0]).logits
    return made


def pooled(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    made = module(inputs[0], token_type_ids=inputs[1])
    return made.last_hidden_state, made.pooler_output


def sequence(module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    made: Tensor = module(input_ids=inputs[0], decoder_input_ids=inputs[1]).logits
    return made


GPT = {
    "kv_heads": "all",
    "attention": "full",
    "position_bias": "identity",
    "activation": "gelu",
    "dropout": 0.1,
    "ratio": 4,
}
TEXT = {
    "pre_norm": False,
    "layers.norm": "identity",
    "attention": "full",
    "position_bias": "identity",
    "activation": "gelu",
    "ratio": 4,
}
PAIR = {"norm": "rms_norm", "pre_norm": True, "biases": False, "product_scale": "one", "dropout": 0.1,
        "position_bias": "relative_bias", "target_bias": "relative_bias", "positions": "identity"}  # fmt: skip

TWINS = [
    Twin(
        "gpt2, 2 layers of 48",
        member(spaces.small, **GPT, features=48, depth=2, head_features=16, positions="learned_positions",
               **{"inputs.length": 32}),
        hugging("GPT2LMHeadModel", "GPT2Config", vocab_size=65, n_positions=32, n_embd=48, n_layer=2, n_head=3),
        split_maps,
        logits,
    ),
    Twin(
        "llama, 2 layers of 64, 2 key-value heads",
        member(spaces.llama_small, vocabulary=65, features=64, depth=2, head_features=16, hidden=96, kv_heads=2,
               rotary_base=500_000.0, gate="swiglu", eps=1e-5, tied=False, **{"inputs.length": 32}),
        hugging("LlamaForCausalLM", "LlamaConfig", vocab_size=65, hidden_size=64, num_hidden_layers=2,
                num_attention_heads=4, num_key_value_heads=2, intermediate_size=96, rms_norm_eps=1e-5, head_dim=16,
                rope_parameters={"rope_type": "default", "rope_theta": 500_000.0}, tie_word_embeddings=False),
        LLAMA_RULES,
        logits,
    ),
    Twin(
        "bert, 2 layers of 48",
        member(spaces.encoder_small, **TEXT, vocabulary=65, features=48, depth=2, head_features=16, places=32,
               segments=2, positions="learned_positions", pooler=True, dropout=0.1, length=32),
        hugging("BertModel", "BertConfig", vocab_size=65, hidden_size=48, num_hidden_layers=2, num_attention_heads=3,
                intermediate_size=192, max_position_embeddings=32),
        BERT_RULES,
        pooled,
    ),
    Twin(
        "t5, 2 layers of 48",
        member(spaces.encoder_decoder_small, **PAIR, features=48, depth=2, heads=4, head_features=16, hidden=64,
               activation="relu", gated=False, tied=True, scaled_head=True, **{"*.length": 16}),
        hugging("T5ForConditionalGeneration", "T5Config", vocab_size=65, d_model=48, num_heads=4, d_kv=16, num_layers=2,
                d_ff=64),
        T5_RULES,
        sequence,
    ),
]  # fmt: skip
