"""Attention by scores of a recurrent state against a memory, outside a recurrence and inside one."""

from __future__ import annotations

from typing import Any

from nasengine.blocks.sequences.recurrent import GATES, check_states, vectors
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, module

SCORES = ("dot", "general", "concat")
CELLS = ("elman", "gru", "lstm")
ORDERS = ("before", "after")


class Scored(Primitive):
    """Base of what compares queries with a memory: the score's parameters and MACs."""

    score: str
    hidden: int

    def check_score(self) -> None:
        """Refuse an unknown score."""
        if self.score not in SCORES or self.hidden < 0:
            raise SpaceError(
                f"{self.tag}.score: one of {', '.join(SCORES)}, with hidden >= 0; got {self.score!r} and {self.hidden}"
            )

    def check_sizes(self, query: int, memory: TensorType) -> None:
        """Refuse a product of vectors of two sizes.

        Raises:
            ShapeError: queries and memory differ where they are multiplied.
        """
        if self.score == "dot" and query != memory.channels:
            raise ShapeError(
                f"{self.tag}.score: 'dot' takes queries and a memory of one size; got {query} features for {memory!r}; "
                "use 'general', or map one of them with Linear"
            )

    def compared(self, query: int) -> int:
        """Size in which queries and memory are added for ``concat``."""
        return self.hidden or query

    def score_parameters(self, query: int, memory: TensorType, place: str = "") -> tuple[Parameter, ...]:
        """Of the score alone; names start with ``place``."""
        asks, tells = Axis("query", (query,)), Axis("memory", memory.parts)
        if self.score == "dot":
            return ()
        if self.score == "general":
            return (Parameter(f"{place}weight", (asks, tells)),)
        size = Axis("compared", (self.compared(query),))
        named = {"weight_query": (size, asks), "weight_memory": (size, tells), "vector": (size,)}
        return tuple(Parameter(f"{place}{name}", axes) for name, axes in named.items())

    def attention_macs(self, queries: int, query: int, memory: TensorType) -> int:
        """The memory's part once, then each query's: scores, and the weighted mean."""
        sources, features = memory.shape
        pairs = queries * sources
        if self.score == "concat":
            size = self.compared(query)
            return sources * features * size + queries * query * size + pairs * (size + features)
        once = sources * features * query if self.score == "general" else 0
        return once + pairs * (query + features)


@block("score_attention")
class ScoreAttention(Scored):
    """Mean of a memory weighted by a softmax of scores (Luong et al., 2015, eq. 7 and 8). (T, Q), (S, M) → (T, M).

    ``dot``: qᵀ m; ``general``: qᵀ W m; ``concat``: vᵀ tanh(W q + U m), which is Bahdanau et al.'s (2015, A.1.2) too.
    They have 0, Q M and A (Q + M + 1) parameters. MACs grow with T S.

    Args:
        score: one of those.
        hidden: A, the size of ``concat``; 0 means Q.
    """

    score: str = "general"
    hidden: int = 0

    def validate(self) -> None:
        self.check_score()

    def on_zero(self) -> str:
        return "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        query, memory = (vectors(x, self.tag) for x in inputs)
        self.check_sizes(query.channels, memory)
        return TensorType((query.shape[0], memory.channels), "TF", segments=memory.segments)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return self.score_parameters(inputs[0].channels, inputs[1])

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        query, memory = inputs
        return self.attention_macs(query.shape[0], query.channels, memory)

    def call(self, *inputs: TensorType) -> Call:
        query, memory = (x.channels for x in inputs)
        extra: dict[str, Any] = {} if self.score == "dot" else {"score": self.score}
        if self.score == "concat":
            extra["hidden"] = self.compared(query)
        return module("nasengine.modules.score_attention.ScoreAttention", query, memory, **extra)


@block("attention_decoder")
class AttentionDecoder(Scored):
    """Recurrent layers that look at a memory at every step. (T, E), (S, M), first states (H) each → as ``order`` says.

    ``before`` (Bahdanau et al., 2015, section 3.1): the last state asks, and what it finds is read with the step's
    input; gives the states (T, H) and what they found (T, M). ``after`` (input feeding; Luong et al., 2015, section
    3.3): the new state asks, and tanh(W [found; state]) is read with the next input; gives these vectors, (T, H).

    Args:
        features: H.
        kind: ``"elman"``, ``"gru"`` or ``"lstm"``; the cells are torch's.
        layers: how many; the top one asks.
        score, hidden: as of :class:`ScoreAttention`.
        order: one of those above.
        dropout: between the layers, in training.
    """

    features: int
    kind: str = "gru"
    layers: int = 1
    score: str = "concat"
    hidden: int = 0
    order: str = "before"
    dropout: float = 0.0

    def validate(self) -> None:
        self.check_score()
        if self.features < 1 or self.layers < 1 or not 0 <= self.dropout < 1:
            raise SpaceError(
                f"attention_decoder: features and layers >= 1, dropout in [0, 1); got {self.features}, {self.layers} "
                f"and {self.dropout}"
            )
        if self.kind not in CELLS or self.order not in ORDERS:
            raise SpaceError(
                f"attention_decoder: kind is one of {', '.join(CELLS)}, order one of {', '.join(ORDERS)}; got "
                f"{self.kind!r} and {self.order!r}"
            )

    @property
    def stochastic(self) -> bool:  # type: ignore[override]
        """Dropout draws random numbers; it stands between layers."""
        return self.dropout > 0 and self.layers > 1

    def infer(self, *inputs: TensorType) -> TensorType | tuple[TensorType, ...]:
        x, memory = (vectors(t, self.tag) for t in inputs[:2])
        self.check_sizes(self.features, memory)
        count = self.layers * (2 if self.kind == "lstm" else 1)
        if len(inputs) == 2:
            raise ShapeError(
                f"attention_decoder: {count} first states of {self.features} features; got none; map them "
                "from the encoder's last state with Linear"
            )
        check_states(inputs[2:], count, self.features, self.tag)
        out = TensorType((x.shape[0], self.features), "TF")
        return out if self.order == "after" else (out, TensorType((x.shape[0], memory.channels), "TF"))

    def sizes(self, x: TensorType, memory: TensorType) -> list[tuple[int, ...]]:
        """Parts of each layer's input."""
        fed = (self.features,) if self.order == "after" else memory.parts
        return [(*x.parts, *fed), *[(self.features,)] * (self.layers - 1)]

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        x, memory = inputs[:2]
        gates, state = Axis("gates", (self.features,) * GATES[self.kind]), Axis("state", (self.features,))
        made: list[Parameter] = []
        for i, parts in enumerate(self.sizes(x, memory)):
            weights = {"weight_ih": (gates, Axis("in_features", parts)), "weight_hh": (gates, state)}
            named = {**weights, "bias_ih": (gates,), "bias_hh": (gates,)}
            made += [Parameter(f"cells.{i}.{name}", axes) for name, axes in named.items()]
        made += self.score_parameters(self.features, memory, "attention.")
        if self.order == "after":
            made.append(Parameter("combine.weight", (state, Axis("in_features", (*memory.parts, self.features)))))
        return tuple(made)

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        x, memory = inputs[:2]
        steps, size = x.shape[0], self.features
        cells = sum(GATES[self.kind] * size * (sum(parts) + size) for parts in self.sizes(x, memory))
        combine = size * (memory.channels + size) if self.order == "after" else 0
        return steps * (cells + combine) + self.attention_macs(steps, size, memory)

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {}
        for name, default in (("kind", "gru"), ("layers", 1), ("score", "concat"), ("order", "before")):
            if getattr(self, name) != default:
                extra[name] = getattr(self, name)
        if self.score == "concat":
            extra["score_hidden"] = self.compared(self.features)
        if self.stochastic:
            extra["dropout"] = self.dropout
        x, memory = (t.channels for t in inputs[:2])
        return module("nasengine.modules.attention_decoder.AttentionDecoder", x, memory, self.features, **extra)
