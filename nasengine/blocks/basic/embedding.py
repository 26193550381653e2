"""Embeddings of ids, and output layers that share their table."""

from __future__ import annotations

from typing import ClassVar

from nasengine.blocks.basic.linear import numbers
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, function, module


def embedded(x: TensorType, features: int, place: str) -> TensorType:
    """The type of embedded ids.

    Raises:
        ShapeError: the input holds no ids.
    """
    if x.dtype not in ("int64", "int32"):
        raise ShapeError(f"{place}: it takes ids, int64; got {x!r}; use Linear on real numbers")
    return TensorType((*x.shape, features), x.axes + "F", batched=x.batched)


@block("embedding")
class Embedding(Primitive):
    """A learned vector for each id (Bengio et al., 2003, section 2). (T) ids → (T, features).

    Args:
        vocabulary: number of ids.
        features: size of a vector.
    """

    vocabulary: int
    features: int

    def validate(self) -> None:
        if self.vocabulary < 1 or self.features < 1:
            raise SpaceError(
                f"{self.tag}: vocabulary >= 1 and features >= 1; got {self.vocabulary} and {self.features}"
            )

    @property
    def ids(self) -> int:
        """How many ids there are."""
        return self.vocabulary

    def infer(self, *inputs: TensorType) -> TensorType | tuple[TensorType, ...]:
        return embedded(inputs[0], self.features, self.tag)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return (Parameter("weight", (Axis("vocabulary", (self.vocabulary,)), Axis("features", (self.features,)))),)

    def call(self, *inputs: TensorType) -> Call:
        return module("torch.nn.Embedding", self.vocabulary, self.features)


@block("tied_embedding")
class TiedEmbedding(Embedding):
    """An embedding that hands on its table (Press and Wolf, 2017). (T) ids → (T, features), (vocabulary, features).

    :class:`Project` and :class:`Lookup` take the table: parameters are counted, held and trained once.
    """

    def infer(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        table = TensorType((self.vocabulary, self.features), "KF", batched=False, stored=True)
        return embedded(inputs[0], self.features, self.tag), table

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.tied_embedding.TiedEmbedding", self.vocabulary, self.features)


def is_table(x: TensorType, place: str) -> TensorType:
    """A table of vectors, one for each id.

    Raises:
        ShapeError: it is something else.
    """
    if x.axes != "KF" or x.batched:
        raise ShapeError(f"{place}: its last input is a table, (kinds, features); got {x!r}; TiedEmbedding gives one")
    return x


@block("lookup")
class Lookup(Primitive):
    """Vectors of ids out of a table made elsewhere. (T) ids, (vocabulary, F) → (T, F)."""

    zero: ClassVar = "kept"

    def ids(self, *inputs: TensorType) -> int:
        """How many ids the table has."""
        return inputs[1].shape[0]

    def infer(self, *inputs: TensorType) -> TensorType:
        ids, table = inputs
        return embedded(ids, is_table(table, self.tag).shape[1], self.tag)

    def call(self, *inputs: TensorType) -> Call:
        return function("torch.nn.functional.embedding")


@block("project")
class Project(Primitive):
    """Scores against every row of a table made elsewhere: a tied output layer. (..., F), (K, F) → (..., K)."""

    zero: ClassVar = "any"

    def infer(self, *inputs: TensorType) -> TensorType:
        x, table = inputs
        rows, features = is_table(table, self.tag).shape
        if x.axes[-1:] != "F" or x.channels != features:
            raise ShapeError(
                f"project: features on the last axis, as many as the table's; got {x!r} for {table!r}; "
                "put a Linear before it"
            )
        return numbers(x, self.tag).with_channels(rows)

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        return outputs[0].numel * inputs[0].channels

    def call(self, *inputs: TensorType) -> Call:
        return function("torch.nn.functional.linear")
