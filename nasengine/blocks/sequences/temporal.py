"""Temporal convolutional networks: causal convolutions with growing dilation and residuals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.conv import Conv, needs_batch
from nasengine.blocks.basic.linear import numbers
from nasengine.blocks.basic.merge import Add
from nasengine.blocks.basic.regularise import Dropout
from nasengine.blocks.compose import Identity
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.cost import Reach
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Block, Call, Composite, Parameter, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring
from nasengine.space.spec import Spec


@block("causal_conv")
class CausalConv(Primitive):
    """Convolution of a signal that sees no later position (van den Oord et al., 2016, fig. 3). (C, L) → (channels, L).

    Args:
        channels: output channels.
        kernel, dilation: of the window, which ends at the position itself.
        bias: a learned constant per output channel.
        normed: each output channel's weight has a learned length (weight normalisation; Salimans and Kingma, 2016).
        groups: input and output channels are both multiples of it; 0 means one group a channel (depthwise).
    """

    channels: int
    kernel: int = 2
    dilation: int = 1
    bias: bool = True
    normed: bool = False
    groups: int = 1

    def validate(self) -> None:
        if min(self.channels, self.kernel, self.dilation) < 1 or self.groups < 0:
            raise SpaceError(
                f"causal_conv: channels, kernel and dilation >= 1, groups >= 0; got {self.channels}, {self.kernel}, "
                f"{self.dilation} and {self.groups}"
            )

    def on_zero(self) -> str:
        return "value" if self.bias else "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.axes != "CL":
            raise ShapeError(
                f"causal_conv: it takes a signal, (C, L); got {x!r}; put Permute((1, 0), 'CL') before it for a sequence"
            )
        needs_batch(x, self.tag)
        self.plain().split(x)
        return numbers(x, self.tag).with_channels(self.channels)

    def plain(self) -> Conv:
        """The convolution without the zeros in front."""
        return Conv(self.channels, self.kernel, 1, 0, self.dilation, self.groups, self.bias)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        made = self.plain().parameters(*inputs)
        one = Axis("one", (1,))
        return (*made, Parameter("gain", (made[0].axes[0], one, one))) if self.normed else made

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        return self.plain().macs(inputs, outputs)

    def reach(self, *inputs: TensorType) -> Reach:
        return self.dilation * (self.kernel - 1), 1

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {} if self.dilation == 1 else {"dilation": self.dilation}
        groups = self.plain().split(inputs[0])
        if groups != 1:
            extra["groups"] = groups
        if not self.bias:
            extra["bias"] = False
        name = "CausalConvNormed" if self.normed else "CausalConv"
        target = f"nasengine.modules.causal_conv.{name}"
        return module(target, inputs[0].channels, self.channels, self.kernel, **extra)


@block("temporal_block")
class TemporalBlock(Composite):
    """Two causal convolutions around a shortcut (Bai et al., 2018, fig. 1b). (C, L) → (channels, L).

    Args:
        channels, kernel, dilation, normed: of both convolutions; the shortcut is a 1 × 1 convolution where C changes.
        activation: after each convolution, and after the sum.
        norm: between each convolution and its activation.
        dropout: of each convolution's output, in training.
    """

    channels: int
    kernel: int = 2
    dilation: int = 1
    normed: bool = True
    activation: Block = ReLU()
    norm: Block = Identity()
    dropout: float = 0.0

    def wire(self, net: Wiring, x: Value) -> Value:
        y = x
        for name in ("first", "second"):
            conv = CausalConv(self.channels, self.kernel, self.dilation, isinstance(self.norm, Identity), self.normed)
            y = net(self.norm, net(conv, y, name=f"{name}.conv"), name=f"{name}.norm")
            y = net(Dropout(self.dropout), net(self.activation, y, name=f"{name}.act"), name=f"{name}.drop")
        skip = x if x.channels == self.channels else net(Conv(self.channels, 1), x, name="shortcut")
        made: Value = net(self.activation, net(Add(), skip, y, name="add"), name="act")
        return made


@block("temporal_net")
class TemporalNet(Composite):
    """Temporal blocks whose dilation grows with depth (Bai et al., 2018, section 3.2). (C, L) → (C', L).

    Args:
        blocks: a row of :class:`TemporalBlock`, as ``repeat(TemporalBlock(...), 8)``.
        growth: each block's dilation is the one before times it.
    """

    blocks: Block
    growth: int = 2

    def validate(self) -> None:
        if self.growth < 1:
            raise SpaceError(f"temporal_net.growth: at least 1; got {self.growth}")

    def wire(self, net: Wiring, x: Value) -> Value:
        parts = flat(self.blocks)
        if not parts or not all(isinstance(part, TemporalBlock) for part in parts):
            raise ShapeError(
                "temporal_net.blocks: a row of TemporalBlock; got "
                f"{', '.join(type(part).__name__ for part in parts) or 'none'}; write repeat(TemporalBlock(...), n)"
            )
        for i, part in enumerate(parts):
            x = net(replace(part, dilation=part.dilation * self.growth**i), x, name=f"blocks.{i}")
        return x


def flat(block: Spec) -> list[Any]:
    """The blocks of a row, and of rows in it, in order; a block that is no row is the only one."""
    row = getattr(block, "row", None)
    return [block] if row is None else [part for _, inner in row() for part in flat(inner)]
