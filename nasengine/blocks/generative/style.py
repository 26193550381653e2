"""Style: a vector, or the statistics of another image, that scales and shifts the channels of an image."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

from nasengine.blocks.basic.conv import needs_batch, needs_spatial
from nasengine.blocks.basic.linear import numbers
from nasengine.blocks.basic.norm import InstanceNorm, check_eps
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.cost import Reach
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Block, Call, Composite, Parameter, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring


def check_style(style: TensorType, features: int, place: str) -> None:
    """Refuse a style that is not one vector of that many features a sample.

    Raises:
        ShapeError: it is something else.
    """
    if style.axes != "F" or style.channels != features or not style.batched:
        raise ShapeError(f"{place}: the style is {features} features; got {style!r}; map it by Linear({features})")


@block("learned_constant")
class LearnedConstant(Primitive):
    """The same learned image for every sample (Karras et al., 2019, section 2). (...) → (channels, *size).

    Of what it takes only the batch is read.

    Args:
        channels: of the image.
        size: one number an axis.
        bias: one more learned number a channel.
    """

    channels: int
    size: tuple[int, ...] = (4, 4)
    bias: bool = False

    def validate(self) -> None:
        if self.channels < 1 or not 1 <= len(self.size) <= 3 or min(self.size) < 1:
            raise SpaceError(
                f"learned_constant: channels, and one to three sizes, of at least 1; got {self.channels}, {self.size}"
            )

    def infer(self, *inputs: TensorType) -> TensorType:
        needs_batch(inputs[0], self.tag)
        return TensorType((self.channels, *self.size), {1: "CL", 2: "CHW", 3: "CDHW"}[len(self.size)])

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        channels = Axis("channels", (self.channels,))
        weight = Parameter("weight", (channels, *(Axis("position", (n,)) for n in self.size)))
        return (weight, Parameter("bias", (channels,))) if self.bias else (weight,)

    def call(self, *inputs: TensorType) -> Call:
        extra = {"bias": True} if self.bias else {}
        return module("nasengine.modules.style.LearnedConstant", (self.channels, *self.size), **extra)


@block("channel_statistics")
class ChannelStatistics(Primitive):
    """Standard deviation and mean of each channel (Huang and Belongie, 2017, eq. 5 and 6). (C, *S) → (2 C).

    Args:
        eps: added to the variance.
    """

    eps: float = 1e-5

    def validate(self) -> None:
        check_eps(self.eps, self.tag)

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        needs_spatial(numbers(x, self.tag), self.tag)
        return TensorType((2 * x.channels,), "F", x.dtype, segments=(*x.parts, *x.parts))

    def reach(self, *inputs: TensorType) -> Reach:
        return 0.0, 1.0

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.style.ChannelStatistics", **({} if self.eps == 1e-5 else {"eps": self.eps}))


@block("modulate")
class Modulate(Primitive):
    """``x * (offset + scale) + shift`` (Karras et al., 2019, eq. 1). (C, *S) and a style (2 C) → (C, *S).

    Of a sequence: the features of every position, (T, F) and a style (2 F) → (T, F).

    Args:
        offset: what a scale of 0 means: 1 leaves x alone, as a style that is a learned map begins.
    """

    offset: float = 1.0

    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        x, style = inputs
        if numbers(x, self.tag).axes != "TF":
            needs_spatial(x, self.tag)
        check_style(style, 2 * x.channels, self.tag)
        return x

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {} if self.offset == 1 else {"offset": self.offset}
        if inputs[0].axes == "TF":
            extra["last"] = True
        return module("nasengine.modules.style.Modulate", **extra)


@block("adain")
class AdaIN(Composite):
    """Adaptive instance normalisation (Huang and Belongie, 2017, eq. 8). (C, *S) and a style → (C, *S).

    The style is a vector (2 C), scales (less 1) and shifts, as StyleGAN's (Karras et al., 2019, eq. 1); or another
    image (C, *S'), whose standard deviations and means the result takes.
    """

    def wire(self, net: Wiring, x: Value, style: Value) -> Value:
        offset = 1.0
        if "C" in style.type.axes:
            offset, style = 0.0, net(ChannelStatistics(), style, name="statistics")
        y: Value = net(Modulate(offset), net(InstanceNorm(), x, name="norm"), style, name="modulate")
        return y


@block("style_transfer")
class StyleTransfer(Composite):
    """The content of one image in the style of another (Huang and Belongie, 2017, fig. 2). → what ``decoder`` makes.

    Args:
        encoder: of both images, with the same weights; they may differ in size.
        decoder: of the content's features, whose statistics are those of the style's.
    """

    encoder: Block
    decoder: Block

    def wire(self, net: Wiring, content: Value, style: Value) -> Value:
        encode = net.module(self.encoder, name="encoder")
        y = net(AdaIN(), encode(content), encode(style), name="adain")
        made: Value = net(self.decoder, y, name="decoder")
        return made


@block("modulated_conv")
class ModulatedConv(Primitive):
    """Convolution whose weights a style scales, one number an input channel (Karras et al., 2020, eq. 1 to 3).

    (C, H, W) and a style (C) → (channels, H, W).

    Args:
        channels: output channels.
        kernel: an odd side.
        demodulate: divide each output channel by the norm of its scaled weights.
        equalised: weights of unit variance, scaled where they are used.
    """

    channels: int
    kernel: int = 3
    demodulate: bool = True
    equalised: bool = True

    def validate(self) -> None:
        if self.channels < 1 or self.kernel < 1 or self.kernel % 2 == 0:
            raise SpaceError(
                f"modulated_conv: channels of at least 1 and an odd kernel; got {self.channels} and {self.kernel}"
            )

    def infer(self, *inputs: TensorType) -> TensorType:
        x, style = inputs
        if needs_spatial(numbers(x, self.tag), self.tag) != 2:
            raise ShapeError(f"modulated_conv: it takes images; got {x!r}; use Conv, then Modulate")
        check_style(style, x.channels, self.tag)
        return x.with_channels(self.channels)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        out, kernel = Axis("out_channels", (self.channels,)), Axis("kernel", (self.kernel,))
        weight = Parameter("weight", (out, Axis("in_channels", inputs[0].parts), kernel, kernel))
        return weight, Parameter("bias", (out,))

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        each = inputs[0].channels * self.channels
        return each * (self.kernel**2 * prod(inputs[0].spatial) + self.demodulate)

    def reach(self, *inputs: TensorType) -> Reach:
        return float(self.kernel - 1), 1.0

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {} if self.demodulate else {"demodulate": False}
        if not self.equalised:
            extra["equalised"] = False
        return module("nasengine.modules.style.ModulatedConv", inputs[0].channels, self.channels, self.kernel, **extra)
