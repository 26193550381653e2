"""Operations on the edges of searched cells, each with a stride that the cell sets; and what they are made of."""

from __future__ import annotations

from typing import ClassVar

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.conv import Conv, needs_spatial
from nasengine.blocks.basic.linear import numbers
from nasengine.blocks.basic.merge import Concat
from nasengine.blocks.basic.norm import BatchNorm
from nasengine.blocks.basic.pool import resized
from nasengine.blocks.compose import Identity
from nasengine.blocks.convnets.convnet import ConvNorm, SeparableConv
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Block, Call, Composite, Primitive, block, function
from nasengine.graph.wiring import Value, Wiring


@block("pad")
class Pad(Primitive):
    """Zeros before and after each spatial axis; negative numbers cut. (C, *S) → (C, *S + before + after)."""

    before: int = 0
    after: int = 0

    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        needs_spatial(numbers(x, self.tag), self.tag)
        size = tuple(n + self.before + self.after for n in x.spatial)
        if min(size) < 1 or any(-side > n for side in (self.before, self.after) for n in x.spatial):
            raise ShapeError(
                f"pad: at least one position is left; got before={self.before}, after={self.after} for {x!r}; cut less"
            )
        return resized(x, size)

    def is_identity(self, *inputs: TensorType) -> bool:
        return self.before == self.after == 0

    def call(self, *inputs: TensorType) -> Call:
        return function("torch.nn.functional.pad", (self.before, self.after) * len(inputs[0].spatial))


@block("act_conv_norm")
class ActConvNorm(Composite):
    """Activation, convolution, norm: the order of NASNet's cells (Zoph et al., 2018, appendix A.4).

    (C, *S) → (channels or C, *S').

    Args:
        channels: output channels; 0 keeps the input's.
        kernel, stride, dilation, groups, norm: as of :class:`ConvNorm`.
        activation: what comes first.
    """

    channels: int = 0
    kernel: int | tuple[int, ...] = 1
    stride: int | tuple[int, ...] = 1
    dilation: int | tuple[int, ...] = 1
    groups: int = 1
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def wire(self, net: Wiring, x: Value) -> Value:
        conv = ConvNorm(
            self.channels or x.channels, self.kernel, self.stride, "same", self.dilation, self.groups, self.norm
        )
        y: Value = net(conv, net(self.activation, x, name="act"), name="body")
        return y


@block("factorized_reduce")
class FactorizedReduce(Composite):
    """Halves the resolution by two strided 1 × 1 convolutions, the second one pixel further right and down.

    (C, *S) → (channels, *⌈S/2⌉). So every pixel is read by one of them (Zoph et al., 2018; "factorized reduction" in
    ENAS, Pham et al., 2018, section 2.3).

    Args:
        channels: output channels; 0 keeps the input's. Odd ones give the first convolution one fewer.
        norm: after the concatenation.
        activation: before both.
    """

    channels: int = 0
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def wire(self, net: Wiring, x: Value) -> Value:
        channels = self.channels or x.channels
        if channels < 2:
            raise ShapeError(
                f"factorized_reduce.channels: at least 2, one for each of its convolutions; got {channels}; "
                "use more channels, or a strided ConvNorm"
            )
        needs_spatial(x.type, self.tag)
        y = net(self.activation, x, name="act")
        bias = isinstance(self.norm, Identity)
        first = net(Conv(channels // 2, 1, 2, 0, bias=bias), y, name="first")
        ragged = any(n % 2 for n in x.spatial)
        shifted = net(Pad(-1, 1 if ragged else 0), y, name="shift")
        second = net(Conv(channels - channels // 2, 1, 2, 0, bias=bias), shifted, name="second")
        made: Value = net(self.norm, net(Concat(), first, second, name="join"), name="norm")
        return made


@block("skip_connect")
class SkipConnect(Composite):
    """The input itself; with stride 2, its :class:`FactorizedReduce`. (C, *S) → (C, *⌈S/stride⌉).

    Args:
        stride: 1 or 2.
        norm, activation: of the reduction.
    """

    stride: int = 1
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def validate(self) -> None:
        if self.stride not in (1, 2):
            raise SpaceError(f"skip_connect.stride: 1 or 2; got {self.stride}; use a pooling for more")

    def wire(self, net: Wiring, x: Value) -> Value:
        if self.stride == 1:
            return x
        y: Value = net(FactorizedReduce(0, self.norm, self.activation), x, name="reduce")
        return y


@block("separable_stack")
class SeparableStack(Composite):
    """Activation, depthwise and pointwise convolution, norm, ``depth`` times. (C, *S) → (C, *⌈S/stride⌉).

    Two of them are the "separable convolution" of NASNet, ENAS and DARTS; one, dilated, is DARTS' "dilated separable
    convolution" (Liu et al., 2019, section 3.1).

    Args:
        kernel, dilation: of each depthwise convolution.
        stride: of the first.
        depth: how many.
        norm, activation: after each pointwise and before each depthwise convolution.
    """

    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    depth: int = 2
    norm: Block = BatchNorm()
    activation: Block = ReLU()

    def validate(self) -> None:
        if self.depth < 1:
            raise SpaceError(f"separable_stack.depth: at least 1; got {self.depth}; SkipConnect() does nothing")

    def wire(self, net: Wiring, x: Value) -> Value:
        y = x
        for i in range(self.depth):
            stride = self.stride if i == 0 else 1
            conv = SeparableConv(x.channels, self.kernel, stride, self.dilation, self.norm, Identity(), middle=False)
            y = net(conv, net(self.activation, y, name=f"{i}.act"), name=f"{i}.conv")
        return y
