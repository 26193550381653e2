"""Composites of mobile networks: inverted residual, squeeze-excite."""

from __future__ import annotations

from dataclasses import replace

from nasengine.blocks.basic.activation import ReLU, ReLU6, Sigmoid
from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.merge import Add, Multiply
from nasengine.blocks.basic.norm import BatchNorm
from nasengine.blocks.basic.pool import GlobalPool
from nasengine.blocks.basic.regularise import DropPath
from nasengine.blocks.compose import Identity
from nasengine.blocks.convnets.convnet import ConvNorm, ConvNormAct
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


def divisible(channels: float, divisor: int = 8) -> int:
    """The nearest multiple of ``divisor`` that is not 10 % below ``channels``, as MobileNets round widths."""
    found = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return found + divisor if found < 0.9 * channels else found


@block("squeeze_excite")
class SqueezeExcite(Composite):
    """Channels weighted by what all positions say together (Hu et al., 2018, fig. 2). (C, *S) → (C, *S).

    Args:
        ratio: squeezed channels over C.
        channels: squeezed channels; overrides ``ratio``.
        activation, gate: after the first and after the second 1 × 1 convolution.
        divisor: squeezed channels are rounded to a multiple of it (MobileNetV3: 8); 1 rounds down.
        of_block: inside an :class:`InvertedResidual`, C of ``ratio`` is the channels of that block's input, before they
            are expanded (MnasNet and EfficientNet).
    """

    ratio: float = 0.25
    channels: int | None = None
    activation: Block = ReLU()
    gate: Block = Sigmoid()
    divisor: int = 1
    of_block: bool = False

    def validate(self) -> None:
        if self.ratio <= 0 or self.divisor < 1 or (self.channels is not None and self.channels < 1):
            raise SpaceError(
                f"squeeze_excite: ratio > 0, divisor >= 1, channels >= 1 or None; got ratio={self.ratio}, "
                f"divisor={self.divisor}, channels={self.channels}; Identity() stands for no squeeze-excite"
            )

    def squeezed(self, channels: int) -> int:
        """Channels between the two convolutions."""
        if self.channels is not None:
            return self.channels
        wanted = channels * self.ratio
        return max(1, int(wanted)) if self.divisor == 1 else divisible(wanted, self.divisor)

    def wire(self, net: Wiring, x: Value) -> Value:
        y = net(GlobalPool(keep=True), x, name="pool")
        y = net(self.activation, net(Conv(self.squeezed(x.channels), 1), y, name="squeeze"), name="act")
        y = net(self.gate, net(Conv(x.channels, 1), y, name="excite"), name="gate")
        made: Value = net(Multiply(), x, y, name="scale")
        return made


@block("inverted_residual")
class InvertedResidual(Composite):
    """MobileNetV2's inverted residual with a linear bottleneck (Sandler et al., 2018, fig. 3b).

    (C, *S) → (channels, *⌈S/stride⌉). With ``attention=SqueezeExcite(...)`` it is the block of MnasNet (Tan et al.,
    2019, fig. 7), MobileNetV3 (Howard et al., 2019, fig. 4) and EfficientNet (Tan and Le, 2019).

    Args:
        channels: output channels.
        kernel, stride: of the depthwise convolution.
        expand: inner channels over C, rounded to a whole number; at 1 there is no expanding convolution.
        norm: after each convolution.
        activation: after the expanding and the depthwise convolution; none after the last.
        attention: applied after the depthwise convolution.
        drop_path: probability that the residual branch of a sample is dropped in training (only where there is a sum).
        divisor: inner channels are rounded to a multiple of it, as MobileNets round widths.
    """

    channels: int
    kernel: int | tuple[int, ...] = 3
    expand: float = 6
    stride: int = 1
    norm: Block = BatchNorm()
    activation: Block = ReLU6()
    attention: Block = Identity()
    drop_path: float = 0.0
    divisor: int = 1

    def validate(self) -> None:
        if self.channels < 1 or self.expand <= 0:
            raise SpaceError(
                f"inverted_residual: channels >= 1 and expand > 0; got channels={self.channels}, expand={self.expand}"
            )
        if self.divisor < 1:
            raise SpaceError(f"inverted_residual.divisor: at least 1, which rounds nothing; got {self.divisor}")

    def hidden(self, channels: int) -> int:
        """Channels between the expanding and the last convolution."""
        wanted = channels * self.expand
        return max(1, round(wanted)) if self.divisor == 1 or self.expand == 1 else divisible(wanted, self.divisor)

    def excite(self, channels: int) -> Block:
        """The attention, with as many squeezed channels as it wants of the block's input."""
        attention = self.attention
        if not (isinstance(attention, SqueezeExcite) and attention.of_block):
            return attention
        return replace(attention, channels=attention.squeezed(channels))

    def wire(self, net: Wiring, x: Value) -> Value:
        hidden = self.hidden(x.channels)
        y = x
        if hidden != x.channels:
            y = net(ConvNormAct(hidden, 1, norm=self.norm, activation=self.activation), y, name="expand")
        depthwise = ConvNormAct(hidden, self.kernel, self.stride, groups=0, norm=self.norm, activation=self.activation)
        y = net(self.excite(x.channels), net(depthwise, y, name="depthwise"), name="attention")
        out: Value = net(ConvNorm(self.channels, 1, norm=self.norm), y, name="project")
        if self.stride != 1 or out.type != x.type:
            return out
        made: Value = net(Add(), x, net(DropPath(self.drop_path), out, name="drop_path"), name="add")
        return made
