"""Normalisation. All are ``(...) → (...)``; they act on the channel or feature axis wherever it stands."""

from __future__ import annotations

from math import prod
from typing import Any

from nasengine.blocks.basic.conv import needs_batch
from nasengine.blocks.basic.linear import numbers
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, module


def scale_and_shift(x: TensorType, scale: bool, shift: bool) -> tuple[Parameter, ...]:
    """``weight`` and ``bias``, one number a channel."""
    axis = (Axis("channels", x.parts),)
    return (Parameter("weight", axis),) * scale + (Parameter("bias", axis),) * shift


def check_eps(eps: float, place: str) -> None:
    """Refuse an eps that is not positive."""
    if eps <= 0:
        raise SpaceError(f"{place}.eps: above 0, or a constant input gives no number; got {eps}")


def is_last(x: TensorType) -> bool:
    """Are the features on the last axis?"""
    return x.feature_axis == len(x.shape) - 1


@block("batch_norm")
class BatchNorm(Primitive):
    """Over the batch and all positions, for each channel (Ioffe and Szegedy, 2015, algorithm 1).

    Images, signals, volumes, features, sequences (each feature over batch and positions) and node features.

    Args:
        eps, momentum: as in torch.
        affine: a learned scale and shift per channel.
        track: keep running statistics and use them in evaluation.
    """

    eps: float = 1e-5
    momentum: float = 0.1
    affine: bool = True
    track: bool = True

    def validate(self) -> None:
        check_eps(self.eps, self.tag)
        if not 0 <= self.momentum <= 1:
            raise SpaceError(f"batch_norm.momentum: a share in [0, 1]; got {self.momentum}")

    def on_zero(self) -> str:
        return "value" if self.affine else "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if x.axes not in _BATCH_NORM:
            raise ShapeError(
                f"batch_norm: it takes images, signals, volumes, features, sequences or nodes; got {x!r}; "
                "reshape before it, or use LayerNorm"
            )
        if x.axes != "NF":  # the nodes stand where a batch would
            needs_batch(x, "batch_norm")
        return numbers(x, "batch_norm")

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        learned = scale_and_shift(inputs[0], self.affine, self.affine)
        if not self.track:
            return learned
        axis = (Axis("channels", inputs[0].parts),)
        running = tuple(Parameter(name, axis, trainable=False) for name in ("running_mean", "running_var"))
        return (*learned, *running, Parameter("num_batches_tracked", (), trainable=False, dtype="int64"))

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {}
        if self.eps != 1e-5:
            extra["eps"] = self.eps
        if self.momentum != 0.1:
            extra["momentum"] = self.momentum
        if not self.affine:
            extra["affine"] = False
        if not self.track:
            extra["track_running_stats"] = False
        return module(_BATCH_NORM[inputs[0].axes], inputs[0].channels, **extra)


_BATCH_NORM = {
    "F": "torch.nn.BatchNorm1d",
    "NF": "torch.nn.BatchNorm1d",
    "CL": "torch.nn.BatchNorm1d",
    "CHW": "torch.nn.BatchNorm2d",
    "CDHW": "torch.nn.BatchNorm3d",
    "TF": "nasengine.modules.batch_norm_sequence.BatchNormSequence",
}


@block("layer_norm")
class LayerNorm(Primitive):
    """Over the features of each position (Ba et al., 2016, eq. 3).

    Of images: over the channels of each pixel, as in ConvNeXt (Liu et al., 2022).

    Args:
        eps: as in torch.
        affine: a learned scale per feature; ``bias`` adds a shift to it.
    """

    eps: float = 1e-5
    affine: bool = True
    bias: bool = True

    def validate(self) -> None:
        check_eps(self.eps, self.tag)

    def on_zero(self) -> str:
        return "value" if self.affine and self.bias else "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        return numbers(with_features(x, "layer_norm"), "layer_norm")

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return scale_and_shift(inputs[0], self.affine, self.affine and self.bias)

    def call(self, *inputs: TensorType) -> Call:
        (x,) = inputs
        extra: dict[str, Any] = {} if self.eps == 1e-5 else {"eps": self.eps}
        if not self.affine:
            extra["elementwise_affine"] = False
        elif not self.bias:
            extra["bias"] = False
        target = "torch.nn.LayerNorm" if is_last(x) else "nasengine.modules.layer_norm_channels.LayerNormChannels"
        return module(target, x.channels, **extra)


@block("rms_norm")
class RMSNorm(Primitive):
    """x / √(mean x² + eps), scaled, over the features of each position (Zhang and Sennrich, 2019, eq. 4).

    Args:
        eps: None takes the smallest step of the element type, as torch does.
        affine: a learned scale per feature.
    """

    eps: float | None = None
    affine: bool = True

    def validate(self) -> None:
        if self.eps is not None:
            check_eps(self.eps, self.tag)

    def on_zero(self) -> str:
        return "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        return numbers(with_features(x, "rms_norm"), "rms_norm")

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return scale_and_shift(inputs[0], self.affine, False)

    def call(self, *inputs: TensorType) -> Call:
        (x,) = inputs
        extra: dict[str, Any] = {} if self.eps is None else {"eps": self.eps}
        if not self.affine:
            extra["elementwise_affine"] = False
        target = "torch.nn.RMSNorm" if is_last(x) else "nasengine.modules.rms_norm_channels.RMSNormChannels"
        return module(target, x.channels, **extra)


def with_features(x: TensorType, place: str) -> TensorType:
    """The input, if it has channels or features.

    Raises:
        ShapeError: it has neither.
    """
    if not set(x.axes) & set("CF"):
        raise ShapeError(f"{place}: it takes channels or features; got {x!r}; embed ids, or project, before it")
    if not is_last(x):
        needs_batch(x, place)
    return x


@block("group_norm")
class GroupNorm(Primitive):
    """Over each of ``groups`` groups of channels and all positions (Wu and He, 2018, eq. 7).

    Args:
        groups: the channels are a multiple of it; 1 is layer norm over the whole image.
        eps: as in torch.
        affine: a learned scale and shift per channel.
    """

    groups: int = 32
    eps: float = 1e-5
    affine: bool = True

    def validate(self) -> None:
        if self.groups < 1:
            raise SpaceError(f"group_norm.groups: at least 1; got {self.groups}")
        check_eps(self.eps, self.tag)

    def on_zero(self) -> str:
        return "value" if self.affine else "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if with_features(x, "group_norm").axes == "TF":
            raise ShapeError(f"group_norm: it takes channels first; got {x!r}; use LayerNorm or RMSNorm on sequences")
        if x.axes != "NF":  # the nodes stand where a batch would
            needs_batch(x, "group_norm")
        if x.channels % self.groups:
            raise ShapeError(
                f"group_norm.groups: the channels are a multiple of groups; got {x.channels} channels for "
                f"{self.groups} groups; make one divide the other"
            )
        return numbers(x, "group_norm")

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return scale_and_shift(inputs[0], self.affine, self.affine)

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {} if self.eps == 1e-5 else {"eps": self.eps}
        if not self.affine:
            extra["affine"] = False
        return module("torch.nn.GroupNorm", self.groups, inputs[0].channels, **extra)


@block("instance_norm")
class InstanceNorm(Primitive):
    """Over the positions of each channel of each sample (Ulyanov et al., 2016, eq. 4).

    Args:
        eps: as in torch.
        affine: a learned scale and shift per channel.
    """

    eps: float = 1e-5
    affine: bool = False

    def validate(self) -> None:
        check_eps(self.eps, self.tag)

    def on_zero(self) -> str:
        return "value" if self.affine else "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        (x,) = inputs
        if not 1 <= len(x.spatial) <= 3 or prod(x.spatial) < 2:
            raise ShapeError(
                f"instance_norm: it takes channels and more than one position; got {x!r}; "
                "use LayerNorm, or downsample less before it"
            )
        needs_batch(x, "instance_norm")
        return numbers(x, "instance_norm")

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return scale_and_shift(inputs[0], self.affine, self.affine)

    def call(self, *inputs: TensorType) -> Call:
        (x,) = inputs
        extra: dict[str, Any] = {} if self.eps == 1e-5 else {"eps": self.eps}
        if self.affine:
            extra["affine"] = True
        return module(f"torch.nn.InstanceNorm{len(x.spatial)}d", x.channels, **extra)
