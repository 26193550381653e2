"""Mixture of experts: a router sends each token to a few of many feed-forward networks."""

from __future__ import annotations

from typing import Any, ClassVar

from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.merge import Add
from nasengine.blocks.compose import Identity
from nasengine.blocks.transformers.position import sequence
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Block, Call, Composite, Parameter, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring


@block("experts")
class Experts(Primitive):
    """Gated feed-forward networks, each token through the best scored few (Mixtral; Jiang et al., 2024, eq. 1).

    (T, F), scores (T, E) → (T, F). ``macs`` counts every expert on every token, as a compiled or exported network runs;
    ``active_macs`` and ``active_params`` count the chosen ones, as it runs eagerly.

    Args:
        chosen: experts a token is sent to.
        hidden: hidden features of an expert.
        activation: of the gate, ``"silu"`` or ``"gelu"``.
    """

    chosen: int
    hidden: int
    activation: str = "silu"

    def validate(self) -> None:
        if self.chosen < 1 or self.hidden < 1 or self.activation not in ("silu", "gelu"):
            raise SpaceError(
                "experts: chosen and hidden >= 1, activation 'silu' or 'gelu'; "
                f"got {self.chosen}, {self.hidden} and {self.activation!r}"
            )

    def on_zero(self) -> str:
        return "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        x, scores = sequence(inputs[0], self.tag), sequence(inputs[1], self.tag)
        if x.shape[0] != scores.shape[0] or scores.channels < self.chosen:
            raise ShapeError(
                f"experts: a score a token and expert, at least {self.chosen} experts; got {scores!r} for {x!r}; "
                "make them with Linear(experts)"
            )
        return x

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        experts, features = Axis("experts", (inputs[1].channels,)), Axis("features", (inputs[0].channels,))
        both = Axis("gate_and_value", (self.hidden, self.hidden))
        return (
            Parameter("gate_up", (experts, both, features)),
            Parameter("down", (experts, features, Axis("hidden", (self.hidden,)))),
        )

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        return 3 * inputs[0].numel * self.hidden * inputs[1].channels

    def idle(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> tuple[int, int]:
        left = inputs[1].channels - self.chosen
        return 3 * inputs[0].channels * self.hidden * left, 3 * inputs[0].numel * self.hidden * left

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {} if self.activation == "silu" else {"activation": self.activation}
        sizes = (inputs[1].channels, self.chosen, inputs[0].channels, self.hidden)
        return module("nasengine.modules.experts.Experts", *sizes, **extra)


@block("balance_loss")
class BalanceLoss(Primitive):
    """How unevenly a router uses its experts (Fedus et al., 2022, eq. 4). Scores (T, E) → (), 1 where it is even."""

    chosen: int

    def infer(self, *inputs: TensorType) -> TensorType:
        sequence(inputs[0], self.tag)
        return TensorType((), "", batched=False)

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.experts.BalanceLoss", self.chosen)


@block("mixture_of_experts")
class MixtureOfExperts(Composite):
    """A router, its experts, and what shared experts add (Shazeer et al., 2017; Jiang et al., 2024; Dai et al., 2024).

    (T, F) → (T, F), and a balance loss () where asked for: a training loss adds a small multiple of it.

    Args:
        count: number of experts.
        chosen: experts a token is sent to.
        hidden: hidden features of an expert.
        activation: of the gates, ``"silu"`` or ``"gelu"``.
        shared: a feed-forward network that every token goes through as well.
        balance: also give the balance loss.
    """

    count: int
    chosen: int
    hidden: int
    activation: str = "silu"
    shared: Block = Identity()
    balance: bool = False

    output_names: ClassVar[tuple[str, ...]] = ("output", "balance")

    def validate(self) -> None:
        if not 1 <= self.chosen <= self.count:
            raise SpaceError(
                f"mixture_of_experts.chosen: from 1 to count; got {self.chosen} of {self.count}; choose fewer"
            )

    def wire(self, net: Wiring, x: Value) -> Value | tuple[Value, ...]:
        scores = net(Linear(self.count, bias=False), x, name="router")
        y = net(Experts(self.chosen, self.hidden, self.activation), x, scores, name="experts")
        if not isinstance(self.shared, Identity):
            y = net(Add(), y, net(self.shared, x, name="shared"), name="add")
        if not self.balance:
            return y  # type: ignore[no-any-return]
        return y, net(BalanceLoss(self.chosen), scores, name="balance")
