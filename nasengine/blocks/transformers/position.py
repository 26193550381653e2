"""Positions: added to a sequence, turned into queries and keys, or as a bias of attention."""

from __future__ import annotations

from typing import Any

from nasengine.blocks.basic.linear import numbers
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, module


def sequence(x: TensorType, place: str) -> TensorType:
    """The input, if it is a sequence of vectors: (T, F), or the (N, F) of a graph's nodes.

    Raises:
        ShapeError: it is something else.
    """
    if len(x.shape) != 2 or x.axes[-1] != "F":
        raise ShapeError(f"{place}: it takes a sequence, (T, F); got {x!r}; put ToSequence before it")
    return numbers(x, place)


@block("learned_positions")
class LearnedPositions(Primitive):
    """A learned vector added to each position (Gehring et al., 2017, section 3.1). (T, F) → (T, F).

    Args:
        length: most positions there can be, each with a vector; 0 means T.
    """

    length: int = 0

    def validate(self) -> None:
        if self.length < 0:
            raise SpaceError(f"learned_positions.length: at least 1, or 0 for the input's; got {self.length}")

    def infer(self, *inputs: TensorType) -> TensorType:
        x = inputs[0]
        if len(x.shape) != 3 or x.axes[-2:] != "TF":  # or sequences side by side, which share the positions
            x = sequence(x, self.tag)
        if self.length and x.shape[-2] > self.length:
            raise ShapeError(
                f"learned_positions.length: the sequence is no longer; got {x!r} for {self.length} positions; "
                "give more positions"
            )
        return x

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        (x,) = inputs
        return (Parameter("weight", (Axis("positions", (self.length or x.shape[-2],)), Axis("features", x.parts))),)

    def call(self, *inputs: TensorType) -> Call:
        length, features = inputs[0].shape[-2:]
        return module("nasengine.modules.positions.LearnedPositions", self.length or length, features)


@block("sinusoidal_positions")
class SinusoidalPositions(Primitive):
    """Sines and cosines of the position, added (Vaswani et al., 2017, section 3.5). (T, F) → (T, F).

    Args:
        base: the longest wave over 2π.
        halves: first all sines, then all cosines; off, they alternate as in the paper.
    """

    base: float = 10_000.0
    halves: bool = False

    def infer(self, *inputs: TensorType) -> TensorType:
        return sequence(inputs[0], self.tag)

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {} if self.base == 10_000.0 else {"base": self.base}
        if self.halves:
            extra["halves"] = True
        return module("nasengine.modules.positions.SinusoidalPositions", *inputs[0].shape, **extra)


@block("rotary")
class Rotary(Primitive):
    """Rotary position embedding of queries or keys (Su et al., 2021, eq. 34). (T, F) → (T, F).

    Args:
        base: the longest wave over 2π.
        share: of each head's features, those that are turned (GPT-NeoX turns a quarter).
        neighbours: the pairs are neighbours, as in the paper; off, they are the two halves of a head (Llama).
        heads: 0 takes those of the attention that holds it.
    """

    base: float = 10_000.0
    share: float = 1.0
    neighbours: bool = False
    heads: int = 0

    def validate(self) -> None:
        if self.base <= 1 or not 0 < self.share <= 1:
            raise SpaceError(f"rotary: base > 1 and share in (0, 1]; got {self.base} and {self.share}")

    def on_zero(self) -> str:
        return "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        x = sequence(inputs[0], self.tag)
        each = x.channels // max(1, self.heads)
        if self.heads < 1 or x.channels % self.heads or int(each * self.share) % 2:
            raise ShapeError(
                f"rotary: an even number of each head's features is turned; got {x!r} for {self.heads} heads and a "
                f"share of {self.share}; use heads of an even size"
            )
        return x

    def call(self, *inputs: TensorType) -> Call:
        length, features = inputs[0].shape
        each = features // self.heads
        extra: dict[str, Any] = {} if self.base == 10_000.0 else {"base": self.base}
        if self.share != 1:
            extra["turned"] = int(each * self.share)
        if self.neighbours:
            extra["neighbours"] = True
        return module("nasengine.modules.rotary.Rotary", self.heads, length, each, **extra)


class PositionBias(Primitive):
    """Base of what makes a bias of attention out of the places of queries and keys: (T, F), (S, G) → (heads, T, S)."""

    heads: int = 0

    def infer(self, *inputs: TensorType) -> TensorType:
        query, key = (sequence(x, self.tag) for x in inputs)
        if self.heads < 1:
            raise ShapeError(f"{self.tag}.heads: at least 1; got {self.heads}; give heads, or let an Attention hold it")
        return TensorType((self.heads, query.shape[0], key.shape[0]), "ATS", batched=False)


@block("alibi")
class Alibi(PositionBias):
    """Minus the distance times a fixed slope a head (Press et al., 2022, section 3). (T, F), (S, G) → (heads, T, S)."""

    heads: int = 0

    def call(self, *inputs: TensorType) -> Call:
        lengths = [x.shape[0] for x in inputs]
        return module("nasengine.modules.position_bias.Alibi", self.heads, *lengths)


@block("relative_bias")
class RelativeBias(PositionBias):
    """A learned number a head for each bucket of distances (T5; Raffel et al., 2020, section 2.1).

    (T, F), (S, G) → (heads, T, S).

    Args:
        buckets: of distances; half of them one distance each, the others of logarithmic width.
        farthest: distance from which all share the last bucket.
        both: positions ahead have buckets of their own; off, for causal attention.
        heads: 0 takes those of the attention that holds it.
    """

    buckets: int = 32
    farthest: int = 128
    both: bool = True
    heads: int = 0

    def validate(self) -> None:
        if self.buckets < 4 or self.farthest <= self.buckets // 2:
            raise SpaceError(
                f"relative_bias: at least 4 buckets, and farthest beyond half of them; got {self.buckets} and "
                f"{self.farthest}"
            )

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return (Parameter("weight", (Axis("buckets", (self.buckets,)), Axis("heads", (self.heads,)))),)

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {}
        for name, default in (("buckets", 32), ("farthest", 128), ("both", True)):
            if getattr(self, name) != default:
                extra[name] = getattr(self, name)
        lengths = [x.shape[0] for x in inputs]
        return module("nasengine.modules.position_bias.RelativeBias", self.heads, *lengths, **extra)
