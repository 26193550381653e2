"""Matching networks: classes of which only a few examples are given."""

from __future__ import annotations

from typing import Any

from nasengine.blocks.basic.merge import Add
from nasengine.blocks.basic.shape import Permute
from nasengine.blocks.compose import Identity
from nasengine.blocks.sequences.recurrent import Recurrent, vectors
from nasengine.blocks.transformers.tokens import Span
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Block, Call, Composite, Parameter, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring

METRICS = ("cosine", "euclidean")


def comparable(queries: TensorType, examples: TensorType, place: str) -> tuple[int, int, int]:
    """(queries, examples, features).

    Raises:
        ShapeError: they are no sequences of vectors of one size.
    """
    sizes = vectors(queries, place).shape, vectors(examples, place).shape
    if sizes[0][1] != sizes[1][1]:
        raise ShapeError(
            f"{place}: queries and examples have one size; got {queries!r} and {examples!r}; embed both by one module"
        )
    return sizes[0][0], sizes[1][0], sizes[0][1]


@block("match")
class Match(Primitive):
    """Labels by attention over labelled examples (Vinyals et al., 2016, eq. 1).

    (Q, F) queries, (S, F) examples, (S) labels → (Q, classes) log-probabilities.

    Args:
        classes: labels are below it.
        metric: ``"cosine"``, as in the paper, or ``"euclidean"``: minus the squared distance (Snell et al., 2017).
        scale: the attention is the softmax of the metric times it; 1 in the paper.
    """

    classes: int
    metric: str = "cosine"
    scale: float = 1.0

    def validate(self) -> None:
        if self.classes < 2 or self.scale <= 0:
            raise SpaceError(f"match: classes >= 2 and scale > 0; got {self.classes} and {self.scale}")
        if self.metric not in METRICS:
            raise SpaceError(f"match.metric: one of {', '.join(METRICS)}; got {self.metric!r}")

    @property
    def ids(self) -> int:
        """How many labels there are."""
        return self.classes

    def infer(self, *inputs: TensorType) -> TensorType:
        queries, examples, labels = inputs
        count, size, _ = comparable(queries, examples, self.tag)
        if labels.dtype != "int64" or labels.shape != (size,):
            raise ShapeError(
                f"match: one label an example, int64; got {labels!r} for {examples!r}; give Tokens({size})"
            )
        return TensorType((count, self.classes), "TF")

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        count, size, features = comparable(inputs[0], inputs[1], self.tag)
        return count * size * (features + self.classes)

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {} if self.metric == "cosine" else {"metric": self.metric}
        if self.scale != 1:
            extra["scale"] = self.scale
        return module("nasengine.modules.matching.Match", self.classes, **extra)


@block("attentive_lstm")
class AttentiveLSTM(Primitive):
    """Queries that read the examples some times (Vinyals et al., 2016, eq. 3 to 6). (Q, F), (S, F) → (Q, F).

    Args:
        steps: how many times, K in the paper.
    """

    steps: int = 5

    def validate(self) -> None:
        if self.steps < 1:
            raise SpaceError(f"attentive_lstm.steps: at least 1; got {self.steps}")

    def infer(self, *inputs: TensorType) -> TensorType:
        count, _, features = comparable(inputs[0], inputs[1], self.tag)
        return TensorType((count, features), "TF")

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        features = inputs[0].channels
        gates, parts = Axis("gates", (features,) * 4), (features,)
        weights = {"weight_ih": Axis("in_features", parts * 2), "weight_hh": Axis("state", parts)}
        made = tuple(Parameter(f"cell.{name}", (gates, axis)) for name, axis in weights.items())
        return (*made, *(Parameter(f"cell.bias_{part}", (gates,)) for part in ("ih", "hh")))

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        count, size, features = comparable(inputs[0], inputs[1], self.tag)
        return self.steps * count * features * (12 * features + 2 * size)

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.matching.AttentiveLSTM", inputs[0].channels, self.steps)


@block("matching_network")
class MatchingNetwork(Composite):
    """One-shot learning by matching (Vinyals et al., 2016, fig. 1).

    Queries, examples, (S) labels → (Q, classes) log-probabilities. Both are embedded by one encoder.

    Args:
        classes, metric, scale: as of :class:`Match`.
        encoder: from a set of queries or examples to a sequence of vectors, (Q, F) or (S, F).
        steps: of the full context embeddings: examples are read by an LSTM in both directions, queries read the
            examples so many times; 0 for none.
    """

    classes: int
    encoder: Block = Identity()
    metric: str = "cosine"
    scale: float = 1.0
    steps: int = 0

    def wire(self, net: Wiring, queries: Value, examples: Value, labels: Value) -> Value:
        encoder = net.module(self.encoder, name="encoder")
        x, known = encoder(queries), encoder(examples)
        if self.steps:
            size = vectors(known.type, self.tag).channels
            both = net(Recurrent(size, bidirectional=True), known, name="context")
            turned = net(Permute((1, 0), "TF"), both, name="turned")  # the two directions one below the other
            ways = (net(Span(0, size), turned, name="ahead"), net(Span(size), turned, name="behind"))
            back = [net(Permute((1, 0), "TF"), way, name=f"turned_{i}") for i, way in enumerate(ways)]
            known = net(Add(), known, *back, name="add")
            x = net(AttentiveLSTM(self.steps), x, known, name="reader")
        made: Value = net(Match(self.classes, self.metric, self.scale), x, known, labels, name="match")
        return made
