"""ConvNeXt's block, and what it needs: layer scale, global response normalisation."""

from __future__ import annotations

from typing import Any, ClassVar

from nasengine.blocks.basic.activation import GELU
from nasengine.blocks.basic.conv import Conv, needs_spatial
from nasengine.blocks.basic.linear import numbers
from nasengine.blocks.basic.merge import Add
from nasengine.blocks.basic.norm import LayerNorm, check_eps, scale_and_shift, with_features
from nasengine.blocks.basic.regularise import DropPath
from nasengine.blocks.compose import Identity
from nasengine.blocks.convnets.convnet import check_odd
from nasengine.errors import SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Block, Call, Composite, Parameter, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring


@block("layer_scale")
class LayerScale(Primitive):
    """A learned factor per channel or feature, small at first (Touvron et al., 2021, eq. 12). (...) → (...).

    Args:
        init: where every factor begins.
    """

    init: float = 1e-6

    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        return numbers(with_features(inputs[0], self.tag), self.tag)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return (Parameter("gamma", (Axis("channels", inputs[0].parts),)),)

    def call(self, *inputs: TensorType) -> Call:
        (x,) = inputs
        extra: dict[str, Any] = {} if self.init == 1e-6 else {"init": self.init}
        after = len(x.axes) - 1 - x.feature_axis
        if after:
            extra["after"] = after
        return module("nasengine.modules.layer_scale.LayerScale", x.channels, **extra)


@block("global_response_norm")
class GlobalResponseNorm(Primitive):
    """Channels compete by their norms over all positions (GRN; Woo et al., 2023, eq. 1 to 3). (C, *S) → (C, *S).

    Args:
        eps: added to the mean of the norms.
    """

    eps: float = 1e-6

    def validate(self) -> None:
        check_eps(self.eps, self.tag)

    def infer(self, *inputs: TensorType) -> TensorType:
        needs_spatial(inputs[0], self.tag)
        return numbers(inputs[0], self.tag)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        gamma, beta = scale_and_shift(inputs[0], True, True)
        return Parameter("gamma", gamma.axes), Parameter("beta", beta.axes)

    def call(self, *inputs: TensorType) -> Call:
        extra: dict[str, Any] = {} if self.eps == 1e-6 else {"eps": self.eps}
        return module("nasengine.modules.response_norm.GlobalResponseNorm", inputs[0].channels, **extra)


@block("convnext_block")
class ConvNeXtBlock(Composite):
    """ConvNeXt's block (Liu et al., 2022, fig. 4), or that of ConvNeXt V2 (Woo et al., 2023, fig. 5).

    (C, *S) → (C, *S): depthwise convolution, norm, ``expansion`` times as many channels, activation, C channels again.

    Args:
        kernel: of the depthwise convolution.
        expansion: inner channels over C.
        norm: after the depthwise convolution.
        activation: between the two 1 × 1 convolutions.
        response_norm: global response normalisation after the activation (V2).
        layer_scale: where the learned factors of the branch begin; 0 leaves them out (V2).
        drop_path: probability that the branch of a sample is dropped in training.
    """

    kernel: int = 7
    expansion: float = 4
    norm: Block = LayerNorm(eps=1e-6)
    activation: Block = GELU()
    response_norm: bool = False
    layer_scale: float = 1e-6
    drop_path: float = 0.0

    def validate(self) -> None:
        check_odd(self.kernel, self.tag)
        if self.expansion <= 0:
            raise SpaceError(f"convnext_block.expansion: above 0; got {self.expansion}")

    def wire(self, net: Wiring, x: Value) -> Value:
        hidden = max(1, round(x.channels * self.expansion))
        y = net(self.norm, net(Conv(x.channels, self.kernel, groups=0), x, name="depthwise"), name="norm")
        y = net(self.activation, net(Conv(hidden, 1), y, name="expand"), name="act")
        y = net(GlobalResponseNorm() if self.response_norm else Identity(), y, name="response_norm")
        y = net(Conv(x.channels, 1), y, name="project")
        y = net(LayerScale(self.layer_scale) if self.layer_scale else Identity(), y, name="scale")
        made: Value = net(Add(), x, net(DropPath(self.drop_path), y, name="drop_path"), name="add")
        return made
