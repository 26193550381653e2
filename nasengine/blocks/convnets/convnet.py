"""Composites of convolutional networks: convolution with norm and activation, separable, ResNet's blocks."""

from __future__ import annotations

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.merge import Add
from nasengine.blocks.basic.norm import BatchNorm
from nasengine.blocks.basic.regularise import DropPath
from nasengine.blocks.compose import Identity
from nasengine.blocks.convnets.shortcut import Shortcut
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("conv_norm")
class ConvNorm(Composite):
    """Convolution, then a norm. (C, *S) → (channels, *S').

    Args:
        channels, kernel, stride, padding, dilation, groups: as of :class:`Conv`.
        norm: the norm; where this is :class:`Identity` the convolution has a bias.
        bias: the convolution has one also where a norm follows, as in VGG with batch norm.
    """

    channels: int
    kernel: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] = 1
    padding: int | tuple[int, ...] | str = "same"
    dilation: int | tuple[int, ...] = 1
    groups: int = 1
    norm: Block = BatchNorm()
    bias: bool = False

    def wire(self, net: Wiring, x: Value) -> Value:
        return _conv_norm(self, net, x)


@block("conv_norm_act")
class ConvNormAct(Composite):
    """Convolution, norm, activation. (C, *S) → (channels, *S').

    Args:
        channels, kernel, stride, padding, dilation, groups, norm, bias: as of :class:`ConvNorm`.
        activation: what comes last.
    """

    channels: int
    kernel: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] = 1
    padding: int | tuple[int, ...] | str = "same"
    dilation: int | tuple[int, ...] = 1
    groups: int = 1
    norm: Block = BatchNorm()
    activation: Block = ReLU()
    bias: bool = False

    def wire(self, net: Wiring, x: Value) -> Value:
        y: Value = net(self.activation, _conv_norm(self, net, x), name="act")
        return y


def _conv_norm(spec: ConvNorm | ConvNormAct, net: Wiring, x: Value) -> Value:
    bias = spec.bias or isinstance(spec.norm, Identity)
    conv = Conv(spec.channels, spec.kernel, spec.stride, spec.padding, spec.dilation, spec.groups, bias)
    y: Value = net(spec.norm, net(conv, x, name="conv"), name="norm")
    return y


@block("separable_conv")
class SeparableConv(Composite):
    """Depthwise, then pointwise convolution (MobileNetV1, Howard et al., 2017, fig. 3 right).

    (C, *S) → (channels, *⌈S/stride⌉).

    Args:
        channels: output channels.
        kernel, stride, dilation: of the depthwise convolution.
        norm, activation: after the pointwise convolution, and between the two as well where ``middle`` is set.
        middle: off, nothing stands between the two (Xception, Chollet, 2017, section 3.1).
    """

    channels: int
    kernel: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] = 1
    dilation: int | tuple[int, ...] = 1
    norm: Block = BatchNorm()
    activation: Block = ReLU()
    middle: bool = True

    def wire(self, net: Wiring, x: Value) -> Value:
        geometry = (self.kernel, self.stride, "same", self.dilation)
        if self.middle:
            y = net(ConvNormAct(x.channels, *geometry, 0, self.norm, self.activation), x, name="depthwise")
        else:
            y = net(Conv(x.channels, *geometry, 0, isinstance(self.norm, Identity)), x, name="depthwise")
        pointwise = ConvNormAct(self.channels, kernel=1, norm=self.norm, activation=self.activation)
        made: Value = net(pointwise, y, name="pointwise")
        return made


def check_odd(kernel: int, place: str) -> None:
    """Refuse a window that has no middle: its output would not have the shortcut's size."""
    if kernel < 1 or kernel % 2 == 0:
        raise SpaceError(f"{place}.kernel: odd, so that branch and shortcut have one size; got {kernel}; use 3 or 5")


def _merged(spec: BasicBlock | Bottleneck, net: Wiring, x: Value, y: Value) -> Value:
    """Residual branch and shortcut made one, and the last activation."""
    y = net(DropPath(spec.drop_path), net(spec.attention, y, name="attention"), name="drop_path")
    skip = x
    if x.type != y.type or spec.stride != 1:
        bias = isinstance(spec.norm, Identity)
        skip = net(Shortcut(y.channels, spec.stride, spec.shortcut, spec.norm, bias), x, name="shortcut")
    made: Value = net(spec.activation, net(spec.merge, skip, y, name="add"), name="act")
    return made


@block("basic_block")
class BasicBlock(Composite):
    """ResNet's basic block (He et al., 2016, fig. 5 left). (C, *S) → (channels, *⌈S/stride⌉).

    Args:
        channels: output channels.
        stride: of the first convolution, and of the projecting shortcut.
        norm, activation: after each convolution; the last activation comes after the sum.
        attention: applied to the residual branch before the sum, as :class:`SqueezeExcite`.
        drop_path: probability that the residual branch of a sample is dropped in training.
        dilation, kernel: of both convolutions.
        shortcut: what stands beside a branch that changes the type, ``kind`` of :class:`Shortcut`.
        merge: of shortcut and branch, in this order; a sum, or a :class:`HighwayGate`.
    """

    channels: int
    stride: int = 1
    norm: Block = BatchNorm()
    activation: Block = ReLU()
    attention: Block = Identity()
    drop_path: float = 0.0
    dilation: int = 1
    kernel: int = 3
    shortcut: str = "projection"
    merge: Block = Add()

    def validate(self) -> None:
        check_odd(self.kernel, self.tag)

    def wire(self, net: Wiring, x: Value) -> Value:
        width, kernel, dilation = self.channels, self.kernel, self.dilation
        first = ConvNormAct(width, kernel, self.stride, "same", dilation, 1, self.norm, self.activation)
        second = ConvNorm(width, kernel, dilation=dilation, norm=self.norm)
        return _merged(self, net, x, net(second, net(first, x, name="first"), name="second"))


@block("bottleneck")
class Bottleneck(Composite):
    """ResNet's bottleneck (He et al., 2016, fig. 5 right). (C, *S) → (channels, *⌈S/stride⌉).

    The 1 × 1 convolution reduces to ``channels / expansion``, the 3 × 3 works there (with ``groups``: ResNeXt, Xie et
    al., 2017, fig. 3c), the last 1 × 1 expands. The stride is on the 3 × 3 ("v1.5"), as in torchvision's ResNet-50.

    Args:
        channels: output channels, a multiple of ``expansion``.
        stride: of the middle convolution, and of the projecting shortcut.
        expansion: output channels over inner ones: 4; 2 is ResNeXt-50 32x4d (with 32 groups) and Wide ResNet-50-2.
        groups, dilation: of the middle convolution.
        norm, activation: after each convolution; the last activation comes after the sum.
        attention: applied to the residual branch before the sum, as :class:`SqueezeExcite`.
        drop_path: probability that the residual branch of a sample is dropped in training.
        kernel: of the middle convolution.
        shortcut, merge: as of :class:`BasicBlock`.
    """

    channels: int
    stride: int = 1
    expansion: int = 4
    groups: int = 1
    dilation: int = 1
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
                f"bottleneck.channels: output channels, a multiple of expansion; got {self.channels} channels for "
                f"expansion {self.expansion}; make one divide the other"
            )

    def wire(self, net: Wiring, x: Value) -> Value:
        width, ends = self.channels // self.expansion, (self.norm, self.activation)
        y = net(ConvNormAct(width, 1, 1, "same", 1, 1, *ends), x, name="reduce")
        spatial = ConvNormAct(width, self.kernel, self.stride, "same", self.dilation, self.groups, *ends)
        y = net(spatial, y, name="spatial")
        return _merged(self, net, x, net(ConvNorm(self.channels, 1, norm=self.norm), y, name="expand"))
