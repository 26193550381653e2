"""Perceivers: a fixed number of latents reads an input of any length, and queries read the latents."""

from __future__ import annotations

from typing import ClassVar

from nasengine.blocks.basic.norm import LayerNorm
from nasengine.blocks.names import check_names, named_parts
from nasengine.blocks.transformers.latents import Latents
from nasengine.blocks.transformers.tokens import JoinTokens
from nasengine.blocks.transformers.transformer import FeedForward, Sublayer
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("join_modalities")
class JoinModalities(Composite):
    """Modalities as one sequence, each by an embedding of its own (Perceiver IO; Jaegle et al., 2022, section 3.2).

    One input an embedding → (sum of their positions, F).

    Args:
        blocks, named: one embedding a modality, in the order of the inputs, each to (T, F); named as in
            :class:`Sequential`.
    """

    inline: ClassVar[str] = "blocks"
    blocks: tuple[Block, ...] = ()
    names: tuple[str, ...] = ()

    def __init__(self, *blocks: Block, **named: Block) -> None:
        object.__setattr__(self, "names", named_parts(blocks, named, "join_modalities"))
        object.__setattr__(self, "blocks", (*blocks, *named.values()))
        self.__post_init__()

    def validate(self) -> None:
        check_names(self.blocks, self.names, "join_modalities")
        if not self.blocks:
            raise SpaceError("join_modalities: at least one modality; got none; give an embedding for each input")

    def child_names(self) -> tuple[str, ...]:
        return self.names

    def wire(self, net: Wiring, *inputs: Value) -> Value:
        if len(inputs) != len(self.blocks):
            raise ShapeError(
                f"join_modalities: one input a modality; got {len(inputs)} inputs for {len(self.blocks)} embeddings; "
                "give as many of both"
            )
        made = [net(part, x, name=name) for part, x, name in zip(self.blocks, inputs, self.names, strict=True)]
        joined: Value = net(JoinTokens(), *made, name="join")
        return joined


@block("cross_layer")
class CrossLayer(Composite):
    """One sequence reads another: cross-attention, then a feed-forward network (Jaegle et al., 2022, section 3.1).

    (T, F), (S, G) → (T, F). Both sequences are normalised before the attention.

    Args:
        attention: from the first to the second.
        feed_forward: what follows.
        norm: before each part.
        residual: a shortcut leads around the attention; off where queries mean something else than the output, as
            positions of a text (appendix E of the paper).
    """

    attention: Block
    feed_forward: Block = FeedForward(1.0)
    norm: Block = LayerNorm()
    residual: bool = True

    def wire(self, net: Wiring, x: Value, source: Value) -> Value:
        source = net(self.norm, source, name="source_norm")
        if self.residual:
            x = net(Sublayer(self.attention, self.norm), x, source, name="attention")
        else:
            asked = net(self.norm, x, name="attention.norm")
            x = net(self.attention, asked, source, name="attention.inner")
        made: Value = net(Sublayer(self.feed_forward, self.norm), x, name="feed_forward")
        return made


@block("perceiver_encoder")
class PerceiverEncoder(Composite):
    """Learned latents read the input, then attend to each other (Perceiver IO; Jaegle et al., 2022, figure 2).

    (T, F) → (latents, features). MACs grow with T only in the reading.

    Args:
        latents, features: how many latents, and their size.
        cross: how they read, as :class:`CrossLayer`.
        layers: of self-attention, as ``repeat(TransformerLayer(...), 6)``.
        blocks: how often the layers are applied in a row, each time with the same weights.
    """

    latents: int
    features: int
    cross: Block
    layers: Block
    blocks: int = 1

    def validate(self) -> None:
        if self.blocks < 1:
            raise SpaceError(f"perceiver_encoder.blocks: at least 1; got {self.blocks}")

    def wire(self, net: Wiring, x: Value) -> Value:
        z: Value = net(Latents(self.latents, self.features), x, name="latents")
        z = net(self.cross, z, x, name="cross")
        layers = net.module(self.layers, name="layers")
        for _ in range(self.blocks):
            z = layers(z)
        return z


@block("perceiver_decoder")
class PerceiverDecoder(Composite):
    """Learned output queries read the latents (Perceiver IO; Jaegle et al., 2022, section 3.2). (N, D) → (queries, F).

    Args:
        queries, features: how many outputs there are, and the size of a query.
        cross: how they read, as :class:`CrossLayer`.
    """

    queries: int
    features: int
    cross: Block

    def wire(self, net: Wiring, z: Value) -> Value:
        queries = net(Latents(self.queries, self.features), z, name="queries")
        made: Value = net(self.cross, queries, z, name="cross")
        return made
