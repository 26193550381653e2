"""Networks for rows of a table: columns as tokens, and their interactions."""

from __future__ import annotations

from typing import Any, ClassVar

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.linear import Linear, numbers
from nasengine.blocks.basic.merge import Add, Concat, Flatten
from nasengine.blocks.basic.mlp import MLP
from nasengine.blocks.basic.norm import LayerNorm
from nasengine.blocks.basic.shape import Reshape
from nasengine.blocks.transformers.position import sequence
from nasengine.blocks.transformers.tokens import JoinTokens, PrependTokens, Take
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Block, Call, Composite, Parameter, Primitive, block, function, module
from nasengine.graph.wiring import Value, Wiring


@block("numeric_tokens")
class NumericTokens(Primitive):
    """A token for each number of a row, x w + b (FT-Transformer; Gorishniy et al., 2021, section 3.3).

    (F) → (F, features).
    """

    features: int

    def infer(self, *inputs: TensorType) -> TensorType:
        x = numbers(inputs[0], self.tag)
        if x.axes != "F":
            raise ShapeError(f"numeric_tokens: it takes a row of numbers; got {x!r}; give Features(n)")
        return TensorType((x.shape[0], self.features), "TF")

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        axes = (Axis("columns", inputs[0].parts), Axis("features", (self.features,)))
        return Parameter("weight", axes), Parameter("bias", axes)

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.tables.NumericTokens", inputs[0].shape[0], self.features)


@block("category_tokens")
class CategoryTokens(Primitive):
    """A learned vector for each category of each column. (K) ids → (K, features).

    Args:
        cardinality: categories a column.
        features: size of a vector.
        bias: also a vector a column (Gorishniy et al., 2021, section 3.3).
    """

    cardinality: int
    features: int
    bias: bool = False

    def validate(self) -> None:
        if self.cardinality < 1 or self.features < 1:
            raise SpaceError(
                f"category_tokens: cardinality and features >= 1; got {self.cardinality} and {self.features}"
            )

    @property
    def ids(self) -> int:
        """How many categories a column has."""
        return self.cardinality

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.axes != "K" or x.dtype != "int64":
            raise ShapeError(f"category_tokens: it takes ids, one a column; got {x!r}; give Categories(columns, n)")
        return TensorType((x.shape[0], self.features), "TF")

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        columns, features = inputs[0].shape[0], Axis("features", (self.features,))
        weight = Parameter("weight", (Axis("categories", (self.cardinality,) * columns), features))
        return (weight, Parameter("bias", (Axis("columns", (columns,)), features))) if self.bias else (weight,)

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {"bias": True} if self.bias else {}
        sizes = (inputs[0].shape[0], self.cardinality, self.features)
        return module("nasengine.modules.tables.CategoryTokens", *sizes, **extra)


@block("pairwise_dots")
class PairwiseDots(Primitive):
    """Products of every two vectors (DLRM; Naumov et al., 2019, section 2.3). (K, F) → (K (K - 1) / 2)."""

    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        x = sequence(inputs[0], self.tag)
        count = x.shape[0]
        if count < 2:
            raise ShapeError(f"pairwise_dots: at least two vectors; got {x!r}; join more fields")
        return TensorType((count * (count - 1) // 2,), "F")

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        return inputs[0].shape[0] * inputs[0].numel

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.tables.PairwiseDots", inputs[0].shape[0])


@block("factorisation_machine")
class FactorisationMachine(Primitive):
    """The sum of products of every two vectors, in linear time (Rendle, 2010, lemma 3.1). (K, F) → (1)."""

    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        sequence(inputs[0], self.tag)
        return TensorType((1,), "F")

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.tables.FactorisationMachine")


@block("sum_features")
class SumFeatures(Primitive):
    """All features added. (..., F) → (..., 1)."""

    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.axes[-1:] != "F":
            raise ShapeError(f"sum_features: features on the last axis; got {x!r}; put Flatten before it")
        return numbers(x, self.tag).with_channels(1)

    def call(self, *inputs: TensorType) -> Call:
        return function("torch.sum", dim=-1, keepdim=True)


@block("feature_tokens")
class FeatureTokens(Composite):
    """Columns as tokens of a transformer (FT-Transformer; Gorishniy et al., 2021, fig. 1).

    Numbers (F), ids (K) → (outputs).

    Args:
        features: of a token.
        cardinality: categories a column.
        layers: a row of layers.
        outputs: of the head.
        norm, activation: before the head's linear map.
    """

    features: int
    cardinality: int
    layers: Block
    outputs: int
    norm: Block = LayerNorm()
    activation: Block = ReLU()

    def wire(self, net: Wiring, row: Value, ids: Value) -> Value:
        x = net(NumericTokens(self.features), row, name="numbers")
        y = net(CategoryTokens(self.cardinality, self.features, bias=True), ids, name="categories")
        x = net(PrependTokens(), net(JoinTokens(), x, y, name="join"), name="token")
        x = net(Take(), net(self.layers, x, name="layers"), name="first")
        x = net(self.activation, net(self.norm, x, name="norm"), name="act")
        made: Value = net(Linear(self.outputs), x, name="head")
        return made


@block("deep_fm")
class DeepFM(Composite):
    """Linear, pairwise and deep scores of the fields of a row, added (DeepFM; Guo et al., 2017, fig. 1, eq. 1 to 4).

    Ids (K) → (1), a logit.

    Args:
        cardinality: categories a column.
        features: of a field's vector, which the pairwise and the deep part share.
        deep: from all vectors in a row to the deep part's score.
    """

    cardinality: int
    features: int
    deep: Block

    def wire(self, net: Wiring, ids: Value) -> Value:
        x = net(CategoryTokens(self.cardinality, self.features), ids, name="vectors")
        first = net(Flatten(), net(CategoryTokens(self.cardinality, 1), ids, name="weights"), name="weight_row")
        linear = net(SumFeatures(), first, name="linear")
        pairs = net(FactorisationMachine(), x, name="pairs")
        deep = net(self.deep, net(Flatten(), x, name="row"), name="deep")
        made: Value = net(Add(), linear, pairs, deep, name="add")
        return made


@block("dlrm")
class DLRM(Composite):
    """Numbers by a network, categories by vectors, their products by another network (DLRM).

    Naumov et al., 2019, fig. 1. Numbers (F), ids (K) → (1), a logit.

    Args:
        cardinality: categories a column.
        features: of a field's vector.
        bottom: hidden sizes of the numbers' network, which ends in ``features``.
        top: hidden sizes of the last network, which ends in 1.
    """

    cardinality: int
    features: int
    bottom: tuple[int, ...]
    top: tuple[int, ...]

    def wire(self, net: Wiring, row: Value, ids: Value) -> Value:
        dense = net(ReLU(), net(MLP(self.bottom, self.features), row, name="bottom"), name="act")
        one = net(Reshape((1, self.features), "TF"), dense, name="dense")
        fields = net(CategoryTokens(self.cardinality, self.features), ids, name="vectors")
        pairs = net(PairwiseDots(), net(JoinTokens(), one, fields, name="join"), name="pairs")
        made: Value = net(MLP(self.top, 1), net(Concat(), dense, pairs, name="concat"), name="top")
        return made
