"""Speech recognition: Whisper.

Generalises Whisper: a log-mel spectrogram, two convolutions, an encoder of sound, a decoder of text whose output layer
is its embedding. Open are width, size of a head, depth of encoder and decoder, hidden size, bands of the spectrogram.
The encoder's positions are learned here; the published code keeps them at fixed sines, as parameters without a gradient
(they count among its parameters).

Papers: Radford et al. (2023), "Robust speech recognition via large-scale weak supervision", table 1.
Input: 30 s of sound at 16 kHz, and token ids.
Task: transcription and translation (next token).
"""

from __future__ import annotations

from nasengine import Block, Signal, Space, Tokens, choice, repeat
from nasengine.blocks import Attention, DotProduct, FeedForward, LayerNorm, Stack, Transcriber, TransformerLayer
from nasengine.space.spec import Label

Options = tuple[int, ...]


def whisper(
    *, vocabulary: Options, mels: Options, features: Options, each: Options, depth: Options, frames: int, length: int
) -> Block:
    """The network."""
    size, forward = choice(*each, name="head_features"), FeedForward(choice(2.0, 4.0, name="ratio"))

    def attention(causal: bool = False) -> Block:
        return Attention(head_features=size, key_bias=False, core=DotProduct(causal=causal))

    hears = repeat(TransformerLayer(attention(), forward), choice(*depth, name="encoder_depth"))
    writes = repeat(TransformerLayer(attention(True), forward, attention()), choice(*depth, name="decoder_depth"))
    return Transcriber(
        choice(*vocabulary, name="vocabulary"),
        choice(*features, name="features"),
        Stack(hears, norm=LayerNorm()),
        Stack(writes, norm=LayerNorm()),
        frames,
        length,
        choice(*mels, name="mels"),
    )


SIZES = {
    "whisper_tiny": (384, 4, 80, 51_865),
    "whisper_base": (512, 6, 80, 51_865),
    "whisper_small": (768, 12, 80, 51_865),
    "whisper_medium": (1024, 24, 80, 51_865),
    "whisper_large": (1280, 32, 80, 51_865),
    "whisper_large_v3": (1280, 32, 128, 51_866),
}
"""Features, depth, mel bands, vocabulary."""

references: dict[str, dict[str, Label]] = {
    name: {
        "features": features, "encoder_depth": depth, "decoder_depth": depth, "head_features": 64, "ratio": 4.0,
        "mels": mels, "vocabulary": vocabulary,
    }
    for name, (features, depth, mels, vocabulary) in SIZES.items()
}  # fmt: skip

space = Space(
    "speech",
    inputs={"sound": Signal(1, 480_000), "text": Tokens(448, choice(51_865, 51_866, name="vocabulary"))},
    network=whisper(
        vocabulary=(51_865, 51_866),
        mels=(80, 128),
        features=(384, 512, 768, 1024, 1280),
        each=(32, 64),
        depth=(2, 4, 6, 12, 24, 32),
        frames=1500,
        length=448,
    ),
    references=references,
)
small = Space(
    "speech-small",
    inputs={"sound": Signal(1, 16_000), "text": Tokens(12, choice(65, name="vocabulary"))},
    network=whisper(
        vocabulary=(65,), mels=(20, 40), features=(32, 48), each=(8, 16), depth=(1, 2), frames=50, length=12
    ),
)
