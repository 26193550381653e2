"""Recurrent layers: Elman, Jordan, LSTM, GRU; stacked, in one direction or both."""

from __future__ import annotations

from typing import Any

from nasengine.blocks.basic.conv import needs_batch
from nasengine.blocks.basic.linear import numbers
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, module

GATES = {"elman": 1, "elman_relu": 1, "jordan": 1, "gru": 3, "lstm": 4}
"""Kind → maps of the input, each of the size of the state."""
READS = ("sequence", "last", "states")
TARGETS = {
    "elman": "nasengine.modules.recurrent.Elman",
    "elman_relu": "nasengine.modules.recurrent.Elman",
    "jordan": "nasengine.modules.jordan.Jordan",
    "gru": "nasengine.modules.recurrent.GRU",
    "lstm": "nasengine.modules.recurrent.LSTM",
}


def vectors(x: TensorType, place: str) -> TensorType:
    """The input, if it is a batch of sequences of vectors.

    Raises:
        ShapeError: it is something else.
    """
    if x.axes != "TF":
        raise ShapeError(f"{place}: it takes a sequence, (T, F); got {x!r}; put Embedding or ToSequence before it")
    needs_batch(x, place)
    return numbers(x, place)


def check_states(given: tuple[TensorType, ...], count: int, size: int, place: str) -> None:
    """Refuse first states of another number or size.

    Raises:
        ShapeError: they do not fit.
    """
    if given and (len(given) != count or any(t != TensorType((size,), "F") for t in given)):
        raise ShapeError(
            f"{place}: {count} first states of {size} features, or none; got {', '.join(map(repr, given))}; "
            "map them to that size with Linear"
        )


@block("recurrent")
class Recurrent(Primitive):
    """Recurrent layers over a sequence. (T, F)[, first states] → what ``reads`` says.

    ``elman``: tanh(W x + U h + b + b') (Elman, 1990); ``elman_relu``: the same with ReLU (Le et al., 2015). ``gru``:
    Cho et al. (2014, eq. 5 to 8), as torch.nn.GRU. ``lstm``: Hochreiter and Schmidhuber (1997) with forget gates (Gers
    et al., 2000), as torch.nn.LSTM. ``jordan``: the output comes back, not the hidden state (Jordan, 1986).

    A direction of a layer of H features on inputs of F has g H (F + H + 2) parameters, with g = 1, 3, 4 for Elman, GRU
    and LSTM; H (F + 2 H + 2) for Jordan. MACs grow linearly with T.

    Args:
        features: of each direction's state.
        kind: one of those above.
        layers: how many, each on the one before.
        bidirectional: another set of weights reads backwards; both states are joined (Schuster and Paliwal, 1997).
        dropout: between the layers, in training.
        bias: learned constants.
        reads: ``"sequence"``, (T, features * directions); ``"last"``, the top layer's last states, (features *
            directions); ``"states"``, the sequence, then each layer's and direction's last state and, for LSTM, cell,
            (features) each, in the order in which first states are taken.
    """

    features: int
    kind: str = "lstm"
    layers: int = 1
    bidirectional: bool = False
    dropout: float = 0.0
    bias: bool = True
    reads: str = "sequence"

    def validate(self) -> None:
        if self.features < 1 or self.layers < 1 or not 0 <= self.dropout < 1:
            raise SpaceError(
                f"recurrent: features and layers >= 1, dropout in [0, 1); got {self.features}, {self.layers} and "
                f"{self.dropout}"
            )
        if self.kind not in GATES:
            raise SpaceError(f"recurrent.kind: one of {', '.join(GATES)}; got {self.kind!r}")
        if self.reads not in READS:
            raise SpaceError(f"recurrent.reads: one of {', '.join(READS)}; got {self.reads!r}")

    @property
    def directions(self) -> int:
        """1, or 2 where it also reads backwards."""
        return 1 + self.bidirectional

    @property
    def hidden_states(self) -> int:
        """How many hidden states there are, cells not counted."""
        return self.layers * self.directions

    @property
    def states(self) -> int:
        """How many states it takes and gives, cells counted."""
        return self.hidden_states * (2 if self.kind == "lstm" else 1)

    @property
    def stochastic(self) -> bool:  # type: ignore[override]
        """Dropout draws random numbers; it stands between layers."""
        return self.dropout > 0 and self.layers > 1

    def on_zero(self) -> str:
        return "value" if self.bias else "kept"

    def infer(self, *inputs: TensorType) -> TensorType | tuple[TensorType, ...]:
        x = vectors(inputs[0], self.tag)
        check_states(inputs[1:], self.states, self.features, self.tag)
        joined = (self.features,) * self.directions
        if self.reads == "last":
            return TensorType((sum(joined),), "F", segments=joined)
        sequence = TensorType((x.shape[0], sum(joined)), "TF", segments=joined)
        if self.reads == "sequence":
            return sequence
        return (sequence, *(TensorType((self.features,), "F") for _ in range(self.states)))

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        made: list[Parameter] = []
        for layer in range(self.layers):
            into = Axis("in_features", (self.features,) * self.directions if layer else inputs[0].parts)
            for way in range(self.directions):
                end = f"_l{layer}{'_reverse' if way else ''}"
                made += self._jordan(into, end) if self.kind == "jordan" else self._gated(into, end)
        return tuple(made)

    def _gated(self, into: Axis, end: str) -> list[Parameter]:
        gates = Axis("gates", (self.features,) * GATES[self.kind])
        state = Axis("state", (self.features,))
        made = [Parameter(f"weight_ih{end}", (gates, into)), Parameter(f"weight_hh{end}", (gates, state))]
        return made + [Parameter(f"bias_{part}{end}", (gates,)) for part in ("ih", "hh") if self.bias]

    def _jordan(self, into: Axis, end: str) -> list[Parameter]:
        hidden, out = Axis("state", (self.features,)), Axis("out_features", (self.features,))
        shapes = {"weight_ih": (hidden, into), "weight_oh": (hidden, out), "weight_ho": (out, hidden)}
        made = [Parameter(f"{part}{end}", axes) for part, axes in shapes.items()]
        biases = [Parameter(f"bias_h{end}", (hidden,)), Parameter(f"bias_o{end}", (out,))]
        return made + biases if self.bias else made

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        length, features = inputs[0].shape
        size, back = self.features, self.features * (2 if self.kind == "jordan" else 1)
        read = features + (self.layers - 1) * size * self.directions + self.layers * back
        return length * self.directions * GATES[self.kind] * size * read

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {"layers": self.layers} if self.layers > 1 else {}
        if self.reads != "sequence":
            extra["reads"] = self.reads
        if self.kind == "elman_relu":
            extra["nonlinearity"] = "relu"
        if self.bidirectional:
            extra["bidirectional"] = True
        if not self.bias:
            extra["bias"] = False
        if self.stochastic:
            extra["dropout"] = self.dropout
        return module(TARGETS[self.kind], inputs[0].channels, self.features, **extra)
