"""Recurrent encoder and decoder between two sequences of ids, with and without attention."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from nasengine.blocks.basic.activation import Tanh
from nasengine.blocks.basic.embedding import Embedding
from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.merge import Concat
from nasengine.blocks.basic.regularise import Dropout
from nasengine.blocks.sequences.recurrent import Recurrent
from nasengine.blocks.sequences.score_attention import AttentionDecoder, ScoreAttention
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Block, Call, Composite, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring


@block("maxout")
class Maxout(Primitive):
    """The largest of each ``pieces`` neighbouring features (Goodfellow et al., 2013, section 2).

    (..., F) → (..., F / pieces).

    Args:
        pieces: they divide the features.
    """

    pieces: int = 2

    def validate(self) -> None:
        if self.pieces < 1:
            raise SpaceError(f"maxout.pieces: at least 1; got {self.pieces}")

    def on_zero(self) -> str:
        return "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.axes not in ("F", "TF") or x.channels % self.pieces:
            raise ShapeError(
                f"maxout.pieces: they divide the features on the last axis; got {self.pieces} for {x!r}; "
                "put a Linear before it"
            )
        return x.with_channels(x.channels // self.pieces)

    def is_identity(self, *inputs: TensorType) -> bool:
        return self.pieces == 1

    def call(self, *inputs: TensorType) -> Call:
        return module("torch.nn.MaxPool1d", self.pieces)


@block("maxout_readout")
class MaxoutReadout(Composite):
    """Bahdanau et al.'s (2015, A.2.2) output: a maxout over states, embedded ids and what attention found.

    (T, H), (T, E), (T, M) → (T, features).

    Args:
        features: of the output.
        pieces: as of :class:`Maxout`.
    """

    features: int = 500
    pieces: int = 2

    def wire(self, net: Wiring, states: Value, embedded: Value, found: Value) -> Value:
        joined = net(Concat(), states, embedded, found, name="concat")
        wide = net(Linear(self.features * self.pieces), joined, name="linear")
        made: Value = net(Maxout(self.pieces), wide, name="maxout")
        return made


class Decoder(Composite):
    """Base of decoders: (T, E) embedded ids, (S, M) memory, first states (H) each → (T, F)."""

    features: int
    kind: str
    layers: int

    attends: ClassVar[bool] = True
    """Does it take the memory?"""

    @property
    def states(self) -> int:
        """How many first states it takes."""
        return self.layers * (2 if self.kind == "lstm" else 1)


def one_size(net: Wiring, memory: Value, features: int, score: str) -> Value:
    """The memory, mapped to the queries' size where ``dot`` would multiply two sizes."""
    if score != "dot" or memory.channels == features:
        return memory
    made: Value = net(Linear(features, bias=False), memory, name="memory")
    return made


@block("plain_decoder")
class PlainDecoder(Decoder):
    """Recurrent layers that see the source through their first states alone (Sutskever et al., 2014, section 2).

    (T, E), first states (H) each → (T, H).

    Args:
        features, kind, layers, dropout: as of :class:`Recurrent`.
    """

    features: int
    kind: str = "lstm"
    layers: int = 1
    dropout: float = 0.0

    attends: ClassVar[bool] = False

    def wire(self, net: Wiring, x: Value, *states: Value) -> Value:
        part = Recurrent(self.features, self.kind, self.layers, dropout=self.dropout)
        made: Value = net(part, x, *states, name="layers")
        return made


@block("luong_decoder")
class LuongDecoder(Decoder):
    """Attention by the new state, and tanh(W [found; state]) (Luong et al., 2015, section 3.1, eq. 5).

    Args:
        features, kind, layers, dropout: as of :class:`Recurrent`.
        score, hidden: as of :class:`ScoreAttention`; for ``dot`` a memory of another size is mapped first.
        feeding: that vector is read with the next input (section 3.3).
    """

    features: int
    kind: str = "lstm"
    layers: int = 1
    score: str = "general"
    hidden: int = 0
    feeding: bool = True
    dropout: float = 0.0

    def wire(self, net: Wiring, x: Value, memory: Value, *states: Value) -> Value:
        memory = one_size(net, memory, self.features, self.score)
        if self.feeding:
            part = AttentionDecoder(
                self.features, self.kind, self.layers, self.score, self.hidden, "after", self.dropout
            )
            fed: Value = net(part, x, memory, *states, name="layers")
            return fed
        y = net(Recurrent(self.features, self.kind, self.layers, dropout=self.dropout), x, *states, name="layers")
        found = net(ScoreAttention(self.score, self.hidden), y, memory, name="attention")
        joined = net(Concat(), found, y, name="concat")
        made: Value = net(Tanh(), net(Linear(self.features, bias=False), joined, name="combine"), name="act")
        return made


@block("bahdanau_decoder")
class BahdanauDecoder(Decoder):
    """Attention by the state before, read with the step's input (Bahdanau et al., 2015, section 3.1).

    The cell is torch's, whose reset gate acts on the product with the state and not on the state.

    Args:
        features, kind, layers, dropout: as of :class:`AttentionDecoder`.
        score, hidden: as of :class:`ScoreAttention`; for ``dot`` a memory of another size is mapped first.
        readout: takes states, embedded ids and what attention found.
    """

    features: int
    kind: str = "gru"
    layers: int = 1
    score: str = "concat"
    hidden: int = 0
    readout: Block = MaxoutReadout()
    dropout: float = 0.0

    def wire(self, net: Wiring, x: Value, memory: Value, *states: Value) -> Value:
        memory = one_size(net, memory, self.features, self.score)
        part = AttentionDecoder(self.features, self.kind, self.layers, self.score, self.hidden, "before", self.dropout)
        y, found = net(part, x, memory, *states, name="layers")
        made: Value = net(self.readout, y, x, found, name="readout")
        return made


@block("seq2seq")
class Seq2Seq(Composite):
    """Source ids and target ids, shifted by one, to scores of the target's next ids (Sutskever et al., 2014).

    (S) ids, (T) ids → (T, targets). In training the target is the true one (teacher forcing; Williams and Zipser,
    1989); to translate, ids are chosen one by one from the last position's scores and appended.

    Args:
        sources, targets: sizes of the vocabularies.
        embedding: features of an embedded id, on both sides.
        encoder: recurrent layers.
        decoder: a :class:`PlainDecoder`, :class:`LuongDecoder` or :class:`BahdanauDecoder`.
        copied: the decoder starts from the encoder's last states where number and sizes agree. Elsewhere each first
            state is tanh(W h), h the last state of the encoder's top layer, backward where there is one (Bahdanau et
            al., 2015, A.2.2).
        dropout: of embedded ids and of what the decoder gives, in training.
    """

    sources: int
    targets: int
    embedding: int
    encoder: Recurrent
    decoder: Block
    copied: bool = True
    dropout: float = 0.0

    def wire(self, net: Wiring, source: Value, target: Value) -> Value:
        if not isinstance(self.decoder, Decoder):
            raise ShapeError(
                f"seq2seq.decoder: a PlainDecoder, LuongDecoder or BahdanauDecoder; got {type(self.decoder).__name__}"
            )
        drop = Dropout(self.dropout)
        x = net(drop, net(Embedding(self.sources, self.embedding), source, name="source"), name="source_drop")
        y = net(drop, net(Embedding(self.targets, self.embedding), target, name="target"), name="target_drop")
        memory, *states = net(replace(self.encoder, reads="states"), x, name="encoder")
        given = (memory,) if self.decoder.attends else ()
        first = self._first(net, self.decoder, states)
        out = net(drop, net(self.decoder, y, *given, *first, name="decoder"), name="drop")
        made: Value = net(Linear(self.targets), out, name="head")
        return made

    def _first(self, net: Wiring, decoder: Decoder, states: list[Value]) -> list[Value]:
        """The decoder's first states."""
        fits = len(states) == decoder.states and states[0].channels == decoder.features
        if self.copied and fits and not self.encoder.bidirectional:
            return states
        last = states[self.encoder.hidden_states - 1]
        maps: list[Any] = [Linear(decoder.features) for _ in range(decoder.states)]
        return [net(Tanh(), net(m, last, name=f"first.{i}"), name=f"first_act.{i}") for i, m in enumerate(maps)]
