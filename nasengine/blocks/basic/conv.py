"""Convolutions of one, two and three dimensions, and transposed ones."""

from __future__ import annotations

from math import prod

from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.cost import Reach
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, module

NAMES = {1: "1d", 2: "2d", 3: "3d"}


def sizes(value: int | tuple[int, ...], dims: int, place: str) -> tuple[int, ...]:
    """One number for each spatial axis.

    Raises:
        ShapeError: a tuple of another length.
    """
    found = (value,) * dims if isinstance(value, int) else tuple(value)
    if len(found) != dims:
        raise ShapeError(f"{place}: one number an axis; got {found} for {dims} axes; give a number or {dims} of them")
    return found


def plain(value: tuple[int, ...]) -> int | tuple[int, ...]:
    """A tuple of equal numbers as one number, as a person would write it."""
    return value[0] if len(set(value)) == 1 else value


def needs_batch(x: TensorType, place: str) -> None:
    """Refuse a value without a batch axis, where torch would take its first axis for one.

    Raises:
        ShapeError: there is none.
    """
    if not x.batched:
        raise ShapeError(f"{place}: it takes a batch; got {x!r} without one; use it on values that have a batch axis")


def needs_spatial(x: TensorType, place: str) -> int:
    """Number of spatial axes.

    Raises:
        ShapeError: the input has no channels, or no spatial axes.
    """
    dims = len(x.spatial)
    if not 1 <= dims <= 3 or x.axes[0] != "C":
        raise ShapeError(
            f"{place}: it takes channels and one to three spatial axes; got {x!r}; "
            "reshape to an image before it, or use Linear on features"
        )
    needs_batch(x, place)
    return dims


@block("conv")
class Conv(Primitive):
    """Convolution over one, two or three spatial axes; the input says which. (C, *S) → (channels, *S').

    Args:
        channels: output channels.
        kernel: side of the window, or one number an axis.
        stride, dilation: as in torch.
        padding: on both sides; "same" keeps ⌈S/stride⌉ for odd kernels (``dilation * (kernel - 1) // 2``).
        groups: input and output channels are both multiples of it; 0 means one group a channel (depthwise).
        bias: a learned constant per output channel.
    """

    channels: int
    kernel: int | tuple[int, ...] = 3
    stride: int | tuple[int, ...] = 1
    padding: int | tuple[int, ...] | str = "same"
    dilation: int | tuple[int, ...] = 1
    groups: int = 1
    bias: bool = True

    def validate(self) -> None:
        if self.channels < 1 or self.groups < 0:
            raise SpaceError(f"conv: channels >= 1 and groups >= 0; got channels={self.channels}, groups={self.groups}")
        if isinstance(self.padding, str) and self.padding != "same":
            raise SpaceError(f"conv.padding: a number, one an axis, or 'same'; got {self.padding!r}")

    def on_zero(self) -> str:
        return "value" if self.bias else "kept"

    def geometry(self, x: TensorType) -> tuple[tuple[int, ...], ...]:
        """(kernel, stride, padding, dilation), one number an axis each."""
        dims = needs_spatial(x, "conv")
        kernel, stride = sizes(self.kernel, dims, "conv.kernel"), sizes(self.stride, dims, "conv.stride")
        dilation = sizes(self.dilation, dims, "conv.dilation")
        if isinstance(self.padding, str):
            padding = tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True))
        else:
            padding = sizes(self.padding, dims, "conv.padding")
        return kernel, stride, padding, dilation

    def split(self, x: TensorType) -> int:
        """Number of groups."""
        groups = self.groups or x.channels
        if x.channels % groups or self.channels % groups:
            raise ShapeError(
                f"conv.groups: input and output channels are multiples of groups; got {x.channels} and "
                f"{self.channels} channels for {groups} groups; make both divisible"
            )
        return groups

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        kernel, stride, padding, dilation = self.geometry(x)
        self.split(x)
        out = tuple(
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(x.spatial, kernel, stride, padding, dilation, strict=True)
        )
        if min(out) < 1:
            raise ShapeError(
                f"conv: the window fits into the padded input; got kernel {plain(kernel)} with dilation "
                f"{plain(dilation)} on {x!r}; pad more, use a smaller kernel, or downsample less before it"
            )
        return x.with_channels(self.channels, out)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        (x,) = inputs
        kernel = self.geometry(x)[0]
        groups = self.split(x)
        out = Axis("out_channels", (self.channels // groups,) * groups)
        into = Axis("in_channels", x.parts if groups == 1 else (x.channels // groups,))
        weight = Parameter("weight", (out, into, *(Axis("kernel", (k,)) for k in kernel)))
        return (weight, Parameter("bias", (out,))) if self.bias else (weight,)

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        kernel = self.geometry(inputs[0])[0]
        return outputs[0].numel * (inputs[0].channels // self.split(inputs[0])) * prod(kernel)

    def reach(self, *inputs: TensorType) -> Reach:
        kernel, stride, _, dilation = self.geometry(inputs[0])
        return max(d * (k - 1) for k, d in zip(kernel, dilation, strict=True)), max(stride)

    def call(self, *inputs: TensorType) -> Call:
        (x,) = inputs
        kernel, stride, padding, dilation = self.geometry(x)
        extra: dict[str, object] = {}
        for name, value, default in (("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1)):
            if plain(value) != default:
                extra[name] = plain(value)
        if self.split(x) != 1:
            extra["groups"] = self.split(x)
        if not self.bias:
            extra["bias"] = False
        return module(f"torch.nn.Conv{NAMES[len(kernel)]}", x.channels, self.channels, plain(kernel), **extra)


@block("conv_transpose")
class ConvTranspose(Primitive):
    """Transposed convolution (Zeiler et al., 2010).

    (C, *S) → (channels, *(S - 1) * stride - 2 * padding + kernel + output_padding).
    """

    channels: int
    kernel: int | tuple[int, ...] = 2
    stride: int | tuple[int, ...] = 2
    padding: int | tuple[int, ...] = 0
    output_padding: int | tuple[int, ...] = 0
    groups: int = 1
    bias: bool = True

    def validate(self) -> None:
        if self.channels < 1 or self.groups < 1:
            raise SpaceError(f"conv_transpose: channels and groups >= 1; got {self.channels} and {self.groups}")

    def on_zero(self) -> str:
        return "value" if self.bias else "kept"

    def geometry(self, x: TensorType) -> tuple[tuple[int, ...], ...]:
        """(kernel, stride, padding, output padding), one number an axis each."""
        dims = needs_spatial(x, "conv_transpose")
        named = (
            ("kernel", self.kernel),
            ("stride", self.stride),
            ("padding", self.padding),
            ("output_padding", self.output_padding),
        )
        return tuple(sizes(value, dims, f"conv_transpose.{name}") for name, value in named)

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        geometry = self.geometry(x)
        if x.channels % self.groups or self.channels % self.groups:
            raise ShapeError(
                f"conv_transpose.groups: input and output channels are multiples of groups; got {x.channels} and "
                f"{self.channels} channels for {self.groups} groups; make both divisible"
            )
        if any(o >= s for o, s in zip(geometry[3], geometry[1], strict=True)):
            raise ShapeError(
                f"conv_transpose.output_padding: smaller than the stride; got {geometry[3]} for stride {geometry[1]}"
            )
        out = tuple((n - 1) * s - 2 * p + k + o for n, k, s, p, o in zip(x.spatial, *geometry, strict=True))
        if min(out) < 1:
            raise ShapeError(f"conv_transpose: the output has at least one position; got {out} from {x!r}; pad less")
        return x.with_channels(self.channels, out)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        (x,) = inputs
        kernel = self.geometry(x)[0]
        into = Axis("in_channels", x.parts if self.groups == 1 else (x.channels // self.groups,) * self.groups)
        out = Axis("out_channels", (self.channels // self.groups,))
        weight = Parameter("weight", (into, out, *(Axis("kernel", (k,)) for k in kernel)))
        whole = Axis("out_channels", (self.channels // self.groups,) * self.groups)
        return (weight, Parameter("bias", (whole,))) if self.bias else (weight,)

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        return inputs[0].numel * (self.channels // self.groups) * prod(self.geometry(inputs[0])[0])

    def reach(self, *inputs: TensorType) -> Reach:
        kernel, stride, *_ = self.geometry(inputs[0])
        side = max((k - 1) // s for k, s in zip(kernel, stride, strict=True))
        return side, 1 / max(stride)

    def call(self, *inputs: TensorType) -> Call:
        (x,) = inputs
        kernel, *rest = self.geometry(x)
        extra: dict[str, object] = {}
        for name, value, default in zip(("stride", "padding", "output_padding"), rest, (1, 0, 0), strict=True):
            if plain(value) != default:
                extra[name] = plain(value)
        if self.groups != 1:
            extra["groups"] = self.groups
        if not self.bias:
            extra["bias"] = False
        return module(f"torch.nn.ConvTranspose{NAMES[len(kernel)]}", x.channels, self.channels, plain(kernel), **extra)
