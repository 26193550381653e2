"""Residual blocks that begin with norm and activation, and gates between a shortcut and a branch."""

from __future__ import annotations

from nasengine.blocks.basic.activation import ReLU, Sigmoid
from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.merge import Add, Multiply
from nasengine.blocks.basic.norm import BatchNorm
from nasengine.blocks.basic.regularise import DropPath
from nasengine.blocks.basic.scale import Scale, Shift
from nasengine.blocks.compose import Identity
from nasengine.blocks.convnets.convnet import check_odd
from nasengine.blocks.convnets.dense import NormActConv
from nasengine.blocks.convnets.shortcut import Shortcut
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("pre_act_basic")
class PreActBasic(Composite):
    """Basic block with full pre-activation (He et al., 2016b, fig. 4e). (C, *S) → (channels, *⌈S/stride⌉).

    Each convolution comes after a norm and an activation; nothing comes after the sum. Where the type changes, the
    shortcut reads what the first activation gives, and has no norm.

    Args:
        channels: output channels.
        stride: of the first convolution, and of the shortcut.
        norm, activation: before each convolution.
        attention: applied to the residual branch before the sum, as :class:`SqueezeExcite`.
        drop_path: probability that the residual branch of a sample is dropped in training.
        kernel: of both convolutions.
        shortcut, merge: as of :class:`BasicBlock`.
    """

    channels: int
    stride: int = 1
    norm: Block = BatchNorm()
    activation: Block = ReLU()
    attention: Block = Identity()
    drop_path: float = 0.0
    kernel: int = 3
    shortcut: str = "projection"
    merge: Block = Add()

    def validate(self) -> None:
        check_odd(self.kernel, self.tag)

    def wire(self, net: Wiring, x: Value) -> Value:
        ready = _ready(self, net, x)
        y = net(Conv(self.channels, self.kernel, self.stride, bias=False), ready, name="first")
        second = NormActConv(self.channels, self.kernel, norm=self.norm, activation=self.activation)
        return _merged(self, net, (x, ready), net(second, y, name="second"))


@block("pre_act_bottleneck")
class PreActBottleneck(Composite):
    """Bottleneck with full pre-activation (He et al., 2016b, fig. 4e). (C, *S) → (channels, *⌈S/stride⌉).

    As :class:`PreActBasic`, with the three convolutions of :class:`Bottleneck`.

    Args:
        channels: output channels, a multiple of ``expansion``.
        stride: of the middle convolution, and of the shortcut.
        expansion: output channels over inner ones.
        groups, kernel: of the middle convolution.
        norm, activation, attention, drop_path, shortcut, merge: as of :class:`PreActBasic`.
    """

    channels: int
    stride: int = 1
    expansion: int = 4
    groups: int = 1
    norm: Block = BatchNorm()
    activation: Block = ReLU()
    attention: Block = Identity()
    drop_path: float = 0.0
    kernel: int = 3
    shortcut: str = "projection"
    merge: Block = Add()

    def validate(self) -> None:
        check_odd(self.kernel, self.tag)
        if self.expansion < 1 or self.channels < 1 or self.channels % self.expansion:
            raise SpaceError(
                f"pre_act_bottleneck.channels: output channels, a multiple of expansion; got {self.channels} channels "
                f"for expansion {self.expansion}; make one divide the other"
            )

    def wire(self, net: Wiring, x: Value) -> Value:
        width, ready = self.channels // self.expansion, _ready(self, net, x)
        y = net(Conv(width, 1, bias=False), ready, name="reduce")
        spatial = NormActConv(width, self.kernel, self.stride, self.groups, self.norm, self.activation)
        expand = NormActConv(self.channels, 1, norm=self.norm, activation=self.activation)
        y = net(expand, net(spatial, y, name="spatial"), name="expand")
        return _merged(self, net, (x, ready), y)


def _ready(spec: PreActBasic | PreActBottleneck, net: Wiring, x: Value) -> Value:
    made: Value = net(spec.activation, net(spec.norm, x, name="norm"), name="act")
    return made


def _merged(spec: PreActBasic | PreActBottleneck, net: Wiring, before: tuple[Value, Value], y: Value) -> Value:
    """Shortcut and branch made one; ``before`` is the block's input, and that after the first activation."""
    y = net(DropPath(spec.drop_path), net(spec.attention, y, name="attention"), name="drop_path")
    skip, ready = before
    if skip.type != y.type or spec.stride != 1:
        skip = net(Shortcut(y.channels, spec.stride, spec.shortcut, Identity()), ready, name="shortcut")
    made: Value = net(spec.merge, skip, y, name="add")
    return made


@block("highway_gate")
class HighwayGate(Composite):
    """``T y + (1 - T) x`` with the transform gate ``T = σ(W x + b)`` (Srivastava et al., 2015, eq. 3).

    Takes x, the value that may pass unchanged, and y, what was made of it, of one type, and gives that type. W is a
    convolution, or a linear map of features. ``1 - σ(z)`` is ``σ(-z)``.

    Args:
        kernel: of the gate's convolution.
        shift: b begins at about this number, so that a deep stack begins by passing most of x (section 2.2).
    """

    kernel: int = 3
    shift: float = -2.0

    def validate(self) -> None:
        check_odd(self.kernel, self.tag)

    def wire(self, net: Wiring, x: Value, y: Value) -> Value:
        score = Conv(x.channels, self.kernel) if x.spatial else Linear(x.channels)
        z = net(Shift(self.shift), net(score, x, name="score"), name="shift")
        carry = net(Sigmoid(), net(Scale(-1.0), z, name="negative"), name="carry")
        new = net(Multiply(), y, net(Sigmoid(), z, name="transform"), name="new")
        made: Value = net(Add(), new, net(Multiply(), x, carry, name="old"), name="add")
        return made


@block("highway")
class Highway(Composite):
    """A highway layer: what ``inner`` makes of x, and x itself, by a learned gate (Srivastava et al., 2015, eq. 3).

    (...) → (...).

    Args:
        inner: the layer H; it keeps its input's type.
        gate: which joins both.
    """

    inner: Block
    gate: Block = HighwayGate()

    def wire(self, net: Wiring, x: Value) -> Value:
        made: Value = net(self.gate, x, net(self.inner, x, name="inner"), name="gate")
        return made
