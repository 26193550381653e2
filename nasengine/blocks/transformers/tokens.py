"""Tokens that stand for a whole sequence: put in front of it, and taken out again."""

from __future__ import annotations

from typing import ClassVar

from nasengine.blocks.basic.conv import needs_batch
from nasengine.blocks.transformers.position import sequence
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, function, module


@block("prepend_tokens")
class PrependTokens(Primitive):
    """Learned tokens in front of a sequence (the class token; Dosovitskiy et al., 2021, eq. 1).

    (T, F) → (count + T, F).

    Args:
        count: number of tokens.
    """

    count: int = 1

    def validate(self) -> None:
        if self.count < 1:
            raise SpaceError(f"prepend_tokens.count: at least 1; got {self.count}; Identity() stands for none")

    def infer(self, *inputs: TensorType) -> TensorType:
        x = sequence(inputs[0], self.tag)
        needs_batch(x, self.tag)
        return TensorType((self.count + x.shape[0], x.shape[1]), x.axes)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return (Parameter("weight", (Axis("tokens", (self.count,)), Axis("features", inputs[0].parts))),)

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.prepend_tokens.PrependTokens", self.count, inputs[0].channels)


@block("take")
class Take(Primitive):
    """One position of a sequence. (T, F) → (F).

    Args:
        position: from 0 at the front; negative counts from the end.
    """

    position: int = 0

    view: ClassVar[bool] = True
    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        x = sequence(inputs[0], self.tag)
        if not -x.shape[0] <= self.position < x.shape[0]:
            raise ShapeError(f"take.position: one of the {x.shape[0]} positions; got {self.position} for {x!r}")
        return TensorType((x.channels,), "F", batched=x.batched)

    def call(self, *inputs: TensorType) -> Call:
        return function("torch.select", 1 if inputs[0].batched else 0, self.position)


@block("join_tokens")
class JoinTokens(Primitive):
    """Sequences one after another. (T, F), (S, F), ... → (T + S + ..., F)."""

    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        first = sequence(inputs[0], self.tag)
        for other in inputs[1:]:
            if sequence(other, self.tag).shape[1] != first.shape[1] or other.batched != first.batched:
                raise ShapeError(
                    f"join_tokens: vectors of one size; got {first!r} and {other!r}; map one of them with Linear first"
                )
        return TensorType((sum(x.shape[0] for x in inputs), first.shape[1]), "TF", batched=first.batched)

    def is_identity(self, *inputs: TensorType) -> bool:
        return len(inputs) == 1

    def call(self, *inputs: TensorType) -> Call:
        return function("torch.cat", style="list", dim=1 if inputs[0].batched else 0)


@block("span")
class Span(Primitive):
    """Some positions of a sequence in a row. (T, F) → (stop - start, F).

    Args:
        start: the first position.
        stop: the one after the last; 0 means to the end.
    """

    start: int = 0
    stop: int = 0

    view: ClassVar[bool] = True
    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        x = sequence(inputs[0], self.tag)
        stop = self.stop or x.shape[0]
        if not 0 <= self.start < stop <= x.shape[0]:
            raise ShapeError(f"span: 0 <= start < stop <= {x.shape[0]}; got {self.start} and {stop} for {x!r}")
        return TensorType((stop - self.start, x.shape[1]), x.axes, batched=x.batched)

    def is_identity(self, *inputs: TensorType) -> bool:
        return self.infer(*inputs) == inputs[0]

    def call(self, *inputs: TensorType) -> Call:
        x = inputs[0]
        length = (self.stop or x.shape[0]) - self.start
        return function("torch.narrow", 1 if x.batched else 0, self.start, length)
