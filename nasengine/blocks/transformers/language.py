"""Language models: a stack of layers between ids and scores of ids, alone or as encoder and decoder."""

from __future__ import annotations

from typing import ClassVar

from nasengine.blocks.basic.embedding import Embedding, Lookup, Project, TiedEmbedding
from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.merge import Add
from nasengine.blocks.basic.norm import LayerNorm
from nasengine.blocks.basic.regularise import Dropout
from nasengine.blocks.basic.scale import Scale
from nasengine.blocks.compose import Identity
from nasengine.blocks.transformers.tokens import Take
from nasengine.errors import ShapeError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("stack")
class Stack(Composite):
    """Layers in a row that all see the further inputs too, and one bias of attention. (T, F)[, more] → (T, F).

    Where layers give a loss each, as a mixture of experts its balance, their sum () is a second output.

    Args:
        layers: a row of blocks, as ``repeat(TransformerLayer(...), 12)``.
        position_bias: made once from the first input, for every layer (T5; Raffel et al., 2020, section 2.1).
        norm: after the last layer.
    """

    layers: Block
    position_bias: Block = Identity()
    norm: Block = Identity()

    def wire(self, net: Wiring, x: Value, *more: Value) -> Value | tuple[Value, Value]:
        row = getattr(self.layers, "row", None)
        if row is None:
            raise ShapeError(
                f"stack.layers: a row of blocks; got {type(self.layers).__name__}; "
                "write repeat(layer, n) or Sequential(layer, ...)"
            )
        if not isinstance(self.position_bias, Identity):
            more = (*more, net(self.position_bias, x, x, name="position_bias"))
        losses: list[Value] = []
        for name, layer in row():
            made = net(layer, x, *more, name=f"layers.{name}")
            x, *given = made if isinstance(made, tuple) else (made,)
            losses.extend(given)
        out: Value = net(self.norm, x, name="norm")
        return (out, net(Add(), *losses, name="losses")) if losses else out


@block("text_encoder")
class TextEncoder(Composite):
    """Ids to a vector a position (BERT; Devlin et al., 2019, fig. 2).

    (T) ids[, (T) segment ids] → (T, features), and (features) with a pooler.

    Args:
        vocabulary, features: of the embedding.
        layers: the stack.
        positions: added to the embedded ids.
        segments: kinds of segments, embedded and added; 0 for none.
        norm: of the embedded ids.
        pooler: also give a map of the first position, with ``activation``, as BERT's next-sentence head takes it.
        activation: of the pooler.
        dropout: of the embedded ids.
    """

    output_names: ClassVar[tuple[str, ...]] = ("hidden", "pooled")
    vocabulary: int
    features: int
    layers: Block
    positions: Block = Identity()
    segments: int = 0
    norm: Block = LayerNorm()
    pooler: bool = False
    activation: Block = Identity()
    dropout: float = 0.0

    def wire(self, net: Wiring, ids: Value, *more: Value) -> Value | tuple[Value, ...]:
        x = net(Embedding(self.vocabulary, self.features), ids, name="embedding")
        if self.segments:
            if not more:
                raise ShapeError("text_encoder.segments: the second input holds segment ids; got one input; give two")
            x = net(Add(), x, net(Embedding(self.segments, self.features), more[0], name="segments"), name="add")
        x = net(self.norm, net(self.positions, x, name="positions"), name="norm")
        hidden: Value = net(self.layers, net(Dropout(self.dropout), x, name="drop"), name="encoder")
        if not self.pooler:
            return hidden
        pooled = net(Linear(self.features), net(Take(), hidden, name="first"), name="pooler")
        return hidden, net(self.activation, pooled, name="act")


@block("language_model")
class LanguageModel(Composite):
    """Ids to scores of the next id (GPT-2, Radford et al., 2019; Llama, Touvron et al., 2023). (T) → (T, vocabulary).

    Where the stack gives a loss of its own, it is a second output, ``loss``.

    Args:
        vocabulary, features: of the embedding.
        layers: the stack; causal attention makes it autoregressive.
        positions: added to the embedded ids.
        norm: after the stack.
        tied: scores are products with the embedding's own table; off, with a linear map of their own.
        scale: embedded ids are multiplied by it; 1 for none.
        dropout: of the embedded ids.
    """

    output_names: ClassVar[tuple[str, ...]] = ("scores", "loss")
    vocabulary: int
    features: int
    layers: Block
    positions: Block = Identity()
    norm: Block = LayerNorm()
    tied: bool = True
    scale: float = 1.0
    dropout: float = 0.0

    def wire(self, net: Wiring, ids: Value) -> Value | tuple[Value, ...]:
        if self.tied:
            x, table = net(TiedEmbedding(self.vocabulary, self.features), ids, name="embedding")
        else:
            x = net(Embedding(self.vocabulary, self.features), ids, name="embedding")
        x = net(self.positions, net(Scale(self.scale), x, name="scale"), name="positions")
        given = net(self.layers, net(Dropout(self.dropout), x, name="drop"), name="decoder")
        x, *losses = given if isinstance(given, tuple) else (given,)
        x = net(self.norm, x, name="norm")
        made: Value = (
            net(Project(), x, table, name="head")
            if self.tied
            else net(Linear(self.vocabulary, bias=False), x, name="head")
        )
        return (made, *losses) if losses else made


@block("encoder_decoder")
class EncoderDecoder(Composite):
    """Ids of a source and of a target to scores of the target's next ids (Vaswani et al., 2017, fig. 1).

    (S) ids, (T) ids → (T, vocabulary). Both sides read one embedding.

    Args:
        vocabulary, features: of the embedding.
        encoder, decoder: the stacks; the decoder's layers attend to what the encoder gives.
        positions: added to the embedded ids of both.
        tied: scores are products with the embedding's table; off, with a linear map of their own.
        scale: embedded ids are multiplied by it, √features in the paper.
        scaled_head: what the decoder gives is divided by √features before the scores, as in T5.
        dropout: of the embedded ids.
    """

    vocabulary: int
    features: int
    encoder: Block
    decoder: Block
    positions: Block = Identity()
    tied: bool = True
    scale: float = 1.0
    scaled_head: bool = False
    dropout: float = 0.0

    def wire(self, net: Wiring, source: Value, target: Value) -> Value:
        x, table = net(TiedEmbedding(self.vocabulary, self.features), source, name="embedding")
        y = net(Lookup(), target, table, name="target")
        x, y = (
            net(
                Dropout(self.dropout),
                net(self.positions, net(Scale(self.scale), v, name=f"{n}_scale"), name=f"{n}_positions"),
                name=f"{n}_drop",
            )
            for v, n in ((x, "source"), (y, "target"))
        )
        memory = net(self.encoder, x, name="encoder")
        out = net(self.decoder, y, memory, name="decoder")
        if self.scaled_head:
            out = net(Scale(self.features**-0.5), out, name="head_scale")
        made: Value = (
            net(Project(), out, table, name="head")
            if self.tied
            else net(Linear(self.vocabulary, bias=False), out, name="head")
        )
        return made
