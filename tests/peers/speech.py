"""Whisper against Hugging Face's, sound to scores."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasengine.graph import Graph
from peers import Peer, Twin, by_rules
from peers.transformer import hugging, member
from search_spaces import speech

PEERS = [
    Peer("speech", name, hugging("WhisperForConditionalGeneration", "WhisperConfig", d_model=features,
         encoder_layers=depth, decoder_layers=depth, encoder_attention_heads=features // 64,
         decoder_attention_heads=features // 64, encoder_ffn_dim=4 * features, decoder_ffn_dim=4 * features,
         num_mel_bins=mels, vocab_size=vocabulary))
    for name, (features, depth, mels, vocabulary) in speech.SIZES.items()
]  # fmt: skip

RULES = by_rules(
    (r"^proj_out", "head"), (r"^model\.", ""), (r"^encoder\.conv1", "stem.0"), (r"^encoder\.conv2", "stem.1"),
    (r"^encoder\.embed_positions", "positions"), (r"^decoder\.embed_positions", "text_positions"),
    (r"^decoder\.embed_tokens", "embedding"), (r"^(encoder|decoder)\.layer_norm", r"\1.norm"),
    (r"\.layers\.", ".layers.blocks."), (r"self_attn_layer_norm", "attention.norm"),
    (r"encoder_attn_layer_norm", "cross.norm"), (r"final_layer_norm", "feed_forward.norm"),
    (r"self_attn\.", "attention.inner."), (r"encoder_attn\.", "cross.inner."), (r"q_proj", "query"), (r"k_proj", "key"),
    (r"v_proj", "value"), (r"out_proj", "out"), (r"\.fc1", ".feed_forward.inner.up"),
    (r"\.fc2", ".feed_forward.inner.down"),
)  # fmt: skip


def sound(graph: Graph) -> tuple[Tensor, Tensor]:
    """A chord with noise, at a level of speech, and ids."""
    rng = torch.Generator().manual_seed(0)
    time = torch.arange(16_000) / 16_000
    tones = torch.stack([torch.sin(2 * torch.pi * f * time) for f in (220.0, 1_000.0, 3_700.0)])
    wave = 0.1 * tones.sum(0) + 0.02 * torch.randn(2, 16_000, generator=rng)
    return wave.unsqueeze(1), torch.randint(0, 65, (2, 12), generator=rng)


def transcribed(module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
    from transformers import WhisperFeatureExtractor

    hears = WhisperFeatureExtractor(feature_size=40, chunk_length=1)
    features = hears(list(inputs[0][:, 0].numpy()), sampling_rate=16_000, return_tensors="pt").input_features
    made: Tensor = module(input_features=features, decoder_input_ids=inputs[1]).logits
    return made


TWINS = [
    Twin(
        "whisper, 2 layers of 48",
        member(speech.small, features=48, encoder_depth=2, decoder_depth=2, head_features=16, ratio=4.0, mels=40,
               vocabulary=65),
        hugging("WhisperForConditionalGeneration", "WhisperConfig", d_model=48, encoder_layers=2, decoder_layers=2,
                encoder_attention_heads=3, decoder_attention_heads=3, encoder_ffn_dim=192, decoder_ffn_dim=192,
                num_mel_bins=40, vocab_size=65, max_source_positions=50, max_target_positions=12, pad_token_id=0,
                bos_token_id=1, eos_token_id=2, decoder_start_token_id=1),
        RULES,
        transcribed,
        sound,
    ),
]  # fmt: skip
