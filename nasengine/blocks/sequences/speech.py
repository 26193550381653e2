"""Speech: a spectrogram, a convolutional stem, an encoder and a decoder of text."""

from __future__ import annotations

from typing import Any

from nasengine.blocks.basic.activation import GELU
from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.embedding import Project, TiedEmbedding
from nasengine.blocks.basic.shape import ToSequence
from nasengine.blocks.transformers.position import LearnedPositions
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Block, Call, Composite, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring


@block("log_mel")
class LogMel(Primitive):
    """Log power in mel bands, as Whisper hears it (Radford et al., 2023, section 2.2). (1, L) → (mels, L / hop).

    Args:
        mels: number of bands.
        rate: samples a second.
        window, hop: samples of a frame, and from one frame to the next.
    """

    mels: int = 80
    rate: int = 16_000
    window: int = 400
    hop: int = 160

    def validate(self) -> None:
        if self.mels < 1 or self.rate < 1 or self.window < 2 or self.window % 2 or not 1 <= self.hop <= self.window:
            raise SpaceError(
                "log_mel: mels and rate >= 1, an even window, hop from 1 to window; "
                f"got {self.mels}, {self.rate}, {self.window} and {self.hop}"
            )

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.axes != "CL" or x.channels != 1 or x.shape[1] <= self.window or x.shape[1] % self.hop:
            raise ShapeError(
                f"log_mel: one channel of a whole number of hops ({self.hop} samples), longer than a window "
                f"({self.window}); got {x!r}; give Signal(1, samples)"
            )
        return TensorType((self.mels, x.shape[1] // self.hop), "CL")

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        frames, bins = outputs[0].shape[1], self.window // 2 + 1
        return (frames + 1) * 2 * bins * self.window + frames * bins * self.mels

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {}
        for name, default in (("rate", 16_000), ("window", 400), ("hop", 160)):
            if getattr(self, name) != default:
                extra[name] = getattr(self, name)
        return module("nasengine.modules.log_mel.LogMel", self.mels, **extra)


@block("transcriber")
class Transcriber(Composite):
    """Sound and the text so far to scores of the next ids (Whisper; Radford et al., 2023, fig. 1).

    (1, samples), (T) ids → (T, vocabulary).

    Args:
        vocabulary, features: of the embedding, which is the output layer too.
        encoder, decoder: the stacks; the decoder's layers attend to what the encoder gives.
        frames, length: most positions of sound (after the stem, which halves the frames) and of text.
        mels: bands of the spectrogram.
    """

    vocabulary: int
    features: int
    encoder: Block
    decoder: Block
    frames: int = 1500
    length: int = 448
    mels: int = 80

    def wire(self, net: Wiring, sound: Value, ids: Value) -> Value:
        x = net(LogMel(self.mels), sound, name="spectrogram")
        for i, stride in enumerate((1, 2)):
            x = net(GELU(), net(Conv(self.features, 3, stride), x, name=f"stem.{i}"), name=f"act.{i}")
        x = net(LearnedPositions(self.frames), net(ToSequence(), x, name="sequence"), name="positions")
        memory = net(self.encoder, x, name="encoder")
        y, table = net(TiedEmbedding(self.vocabulary, self.features), ids, name="embedding")
        y = net(LearnedPositions(self.length), y, name="text_positions")
        made: Value = net(Project(), net(self.decoder, y, memory, name="decoder"), table, name="head")
        return made
