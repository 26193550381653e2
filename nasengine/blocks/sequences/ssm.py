"""State spaces: linear recurrences over a sequence, S4D's time-invariant ones and Mamba's selective ones."""

from __future__ import annotations

from math import ceil
from typing import ClassVar

from nasengine.blocks.basic.activation import GELU, Sigmoid, SiLU
from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.merge import Multiply
from nasengine.blocks.basic.regularise import Dropout
from nasengine.blocks.basic.shape import Permute
from nasengine.blocks.sequences.recurrent import vectors
from nasengine.blocks.sequences.temporal import CausalConv
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Block, Call, Composite, Parameter, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring


@block("selective_scan")
class SelectiveScan(Primitive):
    """Mamba's recurrence, whose step and ways in and out depend on the input (Gu and Dao, 2023, algorithm 2).

    (T, F) values, (T, F) steps, (T, N) ways in, (T, N) ways out → (T, F): ``h = exp(Δ A) h + Δ B u, y = C h + D u``
    with ``Δ = softplus(step + bias)``. Work and MACs grow with T, depth with log T.
    """

    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        u, step, into, out = (vectors(x, self.tag) for x in inputs)
        if step.shape != u.shape or into.shape != out.shape or into.shape[0] != u.shape[0]:
            raise ShapeError(
                f"selective_scan: values and steps are alike, so are ways in and out, all of one length; got {u!r}, "
                f"{step!r}, {into!r} and {out!r}; map them to these sizes first"
            )
        return u

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        features, state = Axis("features", inputs[0].parts), Axis("state", (inputs[2].channels,))
        each = tuple(Parameter(name, (features,)) for name in ("skip", "step_bias"))
        return (Parameter("log_rate", (features, state)), *each)

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        return inputs[0].numel * inputs[2].channels

    def call(self, *inputs: TensorType) -> Call:
        sizes = inputs[0].channels, inputs[2].channels
        return module("nasengine.modules.selective_scan.SelectiveScan", *sizes)


@block("mamba")
class Mamba(Composite):
    """Mamba's mixer: a gated path through a causal convolution and a selective scan (Gu and Dao, 2023, fig. 3).

    (T, F) → (T, F).

    Args:
        expand: inner features over F.
        state: size N of each feature's state.
        kernel: positions that the convolution sees.
        rank: features that the steps are mapped through; 0 means ⌈F / 16⌉.
        bias: of the maps in and out.
        conv_bias: of the convolution.
        activation: after the convolution, and of the gate.
    """

    expand: float = 2
    state: int = 16
    kernel: int = 4
    rank: int = 0
    bias: bool = False
    conv_bias: bool = True
    activation: Block = SiLU()

    def validate(self) -> None:
        if self.expand <= 0 or self.state < 1 or self.rank < 0:
            raise SpaceError(
                f"mamba: expand > 0, state >= 1, rank >= 0; got {self.expand}, {self.state} and {self.rank}"
            )

    def wire(self, net: Wiring, x: Value) -> Value:
        inner = max(1, int(vectors(x.type, self.tag).channels * self.expand))
        rank = self.rank or ceil(x.channels / 16)
        gate = net(self.activation, net(Linear(inner, self.bias), x, name="gate"), name="gate_act")
        u = net(Linear(inner, self.bias), x, name="up")
        conv = CausalConv(inner, self.kernel, bias=self.conv_bias, groups=0)
        u = net(conv, net(Permute((1, 0), "CL"), u, name="signal"), name="conv")
        u = net(self.activation, net(Permute((1, 0), "TF"), u, name="sequence"), name="act")
        step = net(Linear(inner, False), net(Linear(rank, False), u, name="rank"), name="step")
        into, out = (net(Linear(self.state, False), u, name=name) for name in ("into", "out"))
        y = net(Multiply(), net(SelectiveScan(), u, step, into, out, name="scan"), gate, name="gated")
        made: Value = net(Linear(x.channels, self.bias), y, name="down")
        return made


RULES = ("zoh", "bilinear")
STARTS = ("lin", "inv")


@block("diagonal_state_space")
class DiagonalStateSpace(Primitive):
    """A time-invariant diagonal state space a feature, as one long convolution (S4D; Gu et al., 2022, section 3).

    (T, F) → (T, F). The kernel is made of ``state / 2`` conjugate pairs and applied by the fast Fourier transform: work
    grows with T log T, and the MACs are 0 because nothing is a matrix product.

    Args:
        state: complex numbers in a feature's state, an even number.
        rule: how time is made discrete: ``"zoh"`` (zero-order hold) or ``"bilinear"`` (eq. 3).
        start: first eigenvalues, ``"lin"`` (S4D-Lin, eq. 9) or ``"inv"`` (S4D-Inv, eq. 8).
    """

    state: int = 64
    rule: str = "zoh"
    start: str = "lin"

    zero: ClassVar = "kept"

    def validate(self) -> None:
        if self.state < 2 or self.state % 2:
            raise SpaceError(f"diagonal_state_space.state: an even number of at least 2; got {self.state}")
        if self.rule not in RULES or self.start not in STARTS:
            raise SpaceError(
                f"diagonal_state_space: rule is one of {', '.join(RULES)} and start one of {', '.join(STARTS)}; "
                f"got {self.rule!r} and {self.start!r}"
            )

    def infer(self, *inputs: TensorType) -> TensorType:
        return vectors(inputs[0], self.tag)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        features, pairs = Axis("features", inputs[0].parts), Axis("state", (self.state // 2,))
        return (
            Parameter("log_step", (features,)),
            Parameter("log_decay", (features, pairs)),
            Parameter("frequency", (features, pairs)),
            Parameter("out", (features, pairs, Axis("parts", (2,)))),
            Parameter("skip", (features,)),
        )

    def call(self, *inputs: TensorType) -> Call:
        extra = {} if self.rule == "zoh" else {"rule": self.rule}
        if self.start != "lin":
            extra["start"] = self.start
        target = "nasengine.modules.diagonal_state_space.DiagonalStateSpace"
        return module(target, inputs[0].channels, self.state, **extra)


@block("s4d")
class S4D(Composite):
    """S4's layer without norm and shortcut: a state space a feature, then a gated map that mixes them.

    (T, F) → (T, F). Gu et al., 2022 (S4), section 3.4; the gate is Dauphin et al., 2017, eq. 1.

    Args:
        state, rule, start: as of :class:`DiagonalStateSpace`.
        activation: after the state space.
        dropout: after the activation.
    """

    state: int = 64
    rule: str = "zoh"
    start: str = "lin"
    activation: Block = GELU()
    dropout: float = 0.0

    def wire(self, net: Wiring, x: Value) -> Value:
        y = net(DiagonalStateSpace(self.state, self.rule, self.start), x, name="space")
        y = net(Dropout(self.dropout), net(self.activation, y, name="act"), name="drop")
        gate = net(Sigmoid(), net(Linear(x.channels), y, name="gate"), name="gate_act")
        made: Value = net(Multiply(), net(Linear(x.channels), y, name="mix"), gate, name="gated")
        return made
