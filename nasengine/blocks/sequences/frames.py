"""Sequences of images: convolutional LSTM, blocks on every frame, and networks that forecast frames."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nasengine.blocks.basic.conv import Conv, needs_batch
from nasengine.blocks.basic.linear import numbers
from nasengine.blocks.basic.merge import Concat
from nasengine.blocks.basic.shape import Permute, Reshape
from nasengine.blocks.sequences.temporal import flat
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.cost import Reach
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Block, Call, Composite, Parameter, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring


def frames(x: TensorType, place: str) -> TensorType:
    """The input, if it is a batch of sequences of images.

    Raises:
        ShapeError: it is something else.
    """
    if x.axes != "TCHW":
        raise ShapeError(
            f"{place}: it takes a sequence of images, (T, C, H, W); got {x!r}; Frames(...) is such an input"
        )
    needs_batch(x, place)
    return numbers(x, place)


@block("conv_lstm")
class ConvLSTM(Primitive):
    """Convolutional LSTM (Shi et al., 2015, eq. 3). (T, C, H, W)[, hidden, cell] → what ``reads`` says.

    With a first hidden state and cell, (F, H, W) each, and no frames it runs ``steps`` steps without input. On frames
    of one pixel it is an LSTM with peepholes (Graves, 2013). With k and s the kernels, it has
    4 F (C k² + F s² + 1) parameters and 3 F peepholes; C is 0 without input. MACs grow with T H W.

    Args:
        features: channels of the state.
        kernel, state_kernel: odd sides of the windows on the input and on the hidden state.
        peephole: gates see the cell, each channel through a weight.
        reads: ``"sequence"``, (T, F, H, W); ``"last"``, (F, H, W); ``"states"``, the sequence, the last hidden state
            and the last cell.
        steps: how many, where there is no input; 0 elsewhere.
    """

    features: int
    kernel: int = 3
    state_kernel: int = 3
    peephole: bool = True
    reads: str = "sequence"
    steps: int = 0

    def validate(self) -> None:
        if self.features < 1 or self.steps < 0:
            raise SpaceError(f"conv_lstm: features >= 1 and steps >= 0; got {self.features} and {self.steps}")
        if not (self.kernel % 2 and self.state_kernel % 2) or min(self.kernel, self.state_kernel) < 1:
            raise SpaceError(f"conv_lstm: kernels are odd; got {self.kernel} and {self.state_kernel}")
        if self.reads not in ("sequence", "last", "states"):
            raise SpaceError(f"conv_lstm.reads: one of sequence, last, states; got {self.reads!r}")

    def geometry(self, *inputs: TensorType) -> tuple[int, int, tuple[int, ...]]:
        """(steps, input channels, size of a frame).

        Raises:
            ShapeError: the inputs are not frames, frames and two states, or two states.
        """
        given = inputs[1:] if len(inputs) % 2 else inputs
        x = frames(inputs[0], self.tag) if len(inputs) % 2 else None
        size = (x or inputs[0]).shape[-2:]
        if given and (len(given) != 2 or any(t != TensorType((self.features, *size), "CHW") for t in given)):
            raise ShapeError(
                f"conv_lstm: a first hidden state and cell of {(self.features, *size)}, or none; got "
                f"{', '.join(map(repr, given))}; another ConvLSTM with reads='states' gives them"
            )
        if (x is None) != bool(self.steps):
            raise ShapeError(
                f"conv_lstm.steps: given where there is no input and only there; got steps={self.steps} with "
                f"{len(inputs)} inputs; frames say themselves how many steps there are"
            )
        return (self.steps, 0, size) if x is None else (x.shape[0], x.channels, size)

    def infer(self, *inputs: TensorType) -> TensorType | tuple[TensorType, ...]:
        steps, _, size = self.geometry(*inputs)
        state = TensorType((self.features, *size), "CHW")
        if self.reads == "last":
            return state
        sequence = TensorType((steps, self.features, *size), "TCHW")
        return sequence if self.reads == "sequence" else (sequence, state, state)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        gates, state, one = Axis("gates", (self.features,) * 4), Axis("state", (self.features,)), Axis("one", (1,))
        made = []
        if self.geometry(*inputs)[1]:
            side = Axis("kernel", (self.kernel,))
            made.append(Parameter("weight_ih", (gates, Axis("in_channels", inputs[0].parts), side, side)))
        side = Axis("kernel", (self.state_kernel,))
        made += [Parameter("weight_hh", (gates, state, side, side)), Parameter("bias", (gates,))]
        if self.peephole:
            made.append(Parameter("peephole", (Axis("gate", (1, 1, 1)), state, one, one)))
        return tuple(made)

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        steps, channels, (height, width) = self.geometry(*inputs)
        each = channels * self.kernel**2 + self.features * self.state_kernel**2
        return steps * height * width * 4 * self.features * each

    def reach(self, *inputs: TensorType) -> Reach:
        steps, channels, _ = self.geometry(*inputs)
        return (self.kernel - 1) * bool(channels) + (steps - 1) * (self.state_kernel - 1), 1

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {}
        for name, default in (("peephole", True), ("reads", "sequence"), ("steps", 0)):
            if getattr(self, name) != default:
                extra[name] = getattr(self, name)
        channels = self.geometry(*inputs)[1]
        sides = (self.kernel if channels else 1, self.state_kernel)
        return module("nasengine.modules.conv_lstm.ConvLSTM", channels, self.features, *sides, **extra)


@block("on_volume")
class OnVolume(Composite):
    """A block for volumes on frames, whose time is its depth. (T, C, H, W) → (T', C', H', W').

    Convolutions of kernel (1, k, k) act on each frame alone.
    """

    inner: Block

    def wire(self, net: Wiring, x: Value) -> Value:
        frames(x.type, self.tag)
        y = net(self.inner, net(Permute((1, 0, 2, 3), "CDHW"), x, name="volume"), name="inner")
        if y.type.axes != "CDHW":
            raise ShapeError(
                f"on_volume.inner: it gives a volume; got {y.type!r}; put OnVolume around less of the network"
            )
        made: Value = net(Permute((1, 0, 2, 3), "TCHW"), y, name="frames")
        return made


@block("frame_patches")
class FramePatches(Composite):
    """Patches of each frame as its channels (Shi et al., 2015, section 4.1).

    (T, C, H, W) → (T, C patch², H / patch, W / patch).

    Args:
        patch: side of a patch; it divides the sides.
    """

    patch: int

    def wire(self, net: Wiring, x: Value) -> Value:
        p, (t, c, h, w) = self.patch, frames(x.type, self.tag).shape
        if p < 1 or h % p or w % p:
            raise ShapeError(f"frame_patches.patch: it divides the sides; got {p} for {x.type!r}; use another patch")
        if p == 1:
            return x
        cut = net(Reshape((t, c, h // p, p, w // p, p), "TCHPWP"), x, name="cut")
        turned = net(Permute((0, 1, 3, 5, 2, 4), "TCPPHW"), cut, name="turn")
        made: Value = net(Reshape((t, c * p * p, h // p, w // p), "TCHW"), turned, name="join")
        return made


@block("frame_pixels")
class FramePixels(Composite):
    """Channels of each frame as patches of it: the inverse of :class:`FramePatches`.

    (T, C, H, W) → (T, C / patch², H * patch, W * patch).

    Args:
        patch: side of a patch; its square divides the channels.
    """

    patch: int

    def wire(self, net: Wiring, x: Value) -> Value:
        p, (t, c, h, w) = self.patch, frames(x.type, self.tag).shape
        if p < 1 or c % (p * p):
            raise ShapeError(
                f"frame_pixels.patch: its square divides the channels; got {p} for {x.type!r}; use another patch"
            )
        if p == 1:
            return x
        cut = net(Reshape((t, c // (p * p), p, p, h, w), "TCPPHW"), x, name="cut")
        turned = net(Permute((0, 1, 4, 2, 5, 3), "TCHPWP"), cut, name="turn")
        made: Value = net(Reshape((t, c // (p * p), h * p, w * p), "TCHW"), turned, name="join")
        return made


@block("encoding_forecasting")
class EncodingForecasting(Composite):
    """Frames to the frames that follow (Shi et al., 2015, fig. 3). (T, C, H, W) → (steps, C, H, W).

    One stack of convolutional LSTMs reads the frames; another one of the same sizes starts from its states and runs
    without input; a 1 × 1 convolution of all its hidden states gives the frames.

    Args:
        layers: a row of :class:`ConvLSTM`, as ``repeat(ConvLSTM(...), 2)``.
        steps: frames to forecast.
        patch: side of the patches that are laid into channels before, and out of them after.
        joined: the convolution sees the states of all layers; off, the top layer's alone.
    """

    layers: Block
    steps: int = 10
    patch: int = 1
    joined: bool = True

    def wire(self, net: Wiring, x: Value) -> Value:
        parts = flat(self.layers)
        if not parts or not all(isinstance(part, ConvLSTM) for part in parts):
            raise ShapeError(
                "encoding_forecasting.layers: a row of ConvLSTM; got "
                f"{', '.join(type(part).__name__ for part in parts) or 'none'}; write repeat(ConvLSTM(...), n)"
            )
        x = y = net(FramePatches(self.patch), x, name="patches")
        states = []
        for i, part in enumerate(parts):
            y, *state = net(replace(part, reads="states"), y, name=f"encoder.{i}")
            states.append(state)
        made: list[Value] = []
        for i, (part, state) in enumerate(zip(parts, states, strict=True)):
            plain = replace(part, reads="sequence", steps=0 if made else self.steps)
            made.append(net(plain, *made[-1:], *state, name=f"forecaster.{i}"))
        top = net(Concat(), *made, name="concat") if self.joined else made[-1]
        y = net(OnVolume(Conv(x.channels, 1)), top, name="out")
        out: Value = net(FramePixels(self.patch), y, name="pixels")
        return out
