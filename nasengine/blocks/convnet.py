"""Composites of convolutional networks: convolution with norm and activation, separable, ResNet's blocks."""

from __future__ import annotations

from nasengine.blocks.activation import ReLU
from nasengine.blocks.compose import Identity
from nasengine.blocks.conv import Conv
from nasengine.blocks.merge import Add
from nasengine.blocks.norm import BatchNorm
from nasengine.blocks.regularise import DropPath
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


@block("conv_norm")
class ConvNorm(Composite):
    """Convolution, then a norm. (C, *S) → (channels, *S').

    Args:
        channels, kernel, stride, padding, dilation, groups: as of :class:`Conv`.
        norm: the norm; the convolution has a bias only where this is :class:`Identity`.
    """

    channels: int
    kernel: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] = 1
    padding: int | tuple[int, ...] | str = "same"
    dilation: int | tuple[int, ...] = 1
    groups: int = 1
    norm: Block = BatchNorm()

    def wire(self, net: Wiring, x: Value) -> Value:
        return _conv_norm(self, net, x)


@block("conv_norm_act")
class ConvNormAct(Composite):
    """Convolution, norm, activation. (C, *S) → (channels, *S').

    Args:
        channels, kernel, stride, padding, dilation, groups, norm: as of :class:`ConvNorm`.
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

    def wire(self, net: Wiring, x: Value) -> Value:
        y: Value = net(self.activation, _conv_norm(self, net, x), name="act")
        return y


def _conv_norm(spec: ConvNorm | ConvNormAct, net: Wiring, x: Value) -> Value:
    bias = isinstance(spec.norm, Identity)
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


def _shortcut(net: Wiring, x: Value, like: Value, *, stride: int, norm: Block) -> Value:
    """The input itself, or its projection where the type changes (option B of He et al., 2016)."""
    if x.type == like.type and stride == 1:
        return x
    made: Value = net(ConvNorm(like.channels, 1, stride, norm=norm), x, name="shortcut")
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
    """

    channels: int
    stride: int = 1
    norm: Block = BatchNorm()
    activation: Block = ReLU()
    attention: Block = Identity()
    drop_path: float = 0.0

    def wire(self, net: Wiring, x: Value) -> Value:
        y = net(ConvNormAct(self.channels, 3, self.stride, norm=self.norm, activation=self.activation), x, name="first")
        y = net(self.attention, net(ConvNorm(self.channels, 3, norm=self.norm), y, name="second"), name="attention")
        skip = _shortcut(net, x, y, stride=self.stride, norm=self.norm)
        y = net(Add(), skip, net(DropPath(self.drop_path), y, name="drop_path"), name="add")
        made: Value = net(self.activation, y, name="act")
        return made


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

    def validate(self) -> None:
        if self.expansion < 1 or self.channels < 1 or self.channels % self.expansion:
            raise SpaceError(
                f"bottleneck.channels: output channels, a multiple of expansion; got {self.channels} channels for "
                f"expansion {self.expansion}; make one divide the other"
            )

    def wire(self, net: Wiring, x: Value) -> Value:
        width, ends = self.channels // self.expansion, (self.norm, self.activation)
        y = net(ConvNormAct(width, 1, 1, "same", 1, 1, *ends), x, name="reduce")
        y = net(ConvNormAct(width, 3, self.stride, "same", self.dilation, self.groups, *ends), y, name="spatial")
        y = net(ConvNorm(self.channels, 1, norm=self.norm), y, name="expand")
        y = net(self.attention, y, name="attention")
        skip = _shortcut(net, x, y, stride=self.stride, norm=self.norm)
        y = net(Add(), skip, net(DropPath(self.drop_path), y, name="drop_path"), name="add")
        made: Value = net(self.activation, y, name="act")
        return made
