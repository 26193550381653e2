"""Noise drawn in training: corruption of inputs, samples of a latent code, detail of images."""

from __future__ import annotations

from math import isfinite
from typing import ClassVar

from nasengine.blocks.basic.conv import needs_spatial
from nasengine.blocks.basic.linear import numbers
from nasengine.blocks.basic.merge import alike
from nasengine.errors import SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, module


@block("gaussian_noise")
class GaussianNoise(Primitive):
    """Normal noise added in training, nothing in evaluation (Vincent et al., 2010, section 3.3). (...) → (...).

    What a denoising autoencoder's input goes through; :class:`Dropout` is that paper's masking noise, scaled.

    Args:
        std: standard deviation.
    """

    std: float = 0.1

    stochastic: ClassVar[bool] = True

    def validate(self) -> None:
        if not isfinite(self.std) or self.std < 0:
            raise SpaceError(f"gaussian_noise.std: a finite number of at least 0; got {self.std}")

    def infer(self, *inputs: TensorType) -> TensorType:
        return numbers(inputs[0], self.tag)

    def is_identity(self, *inputs: TensorType) -> bool:
        return self.std == 0

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.noise.GaussianNoise", self.std)


@block("reparameterise")
class Reparameterise(Primitive):
    """A sample of a normal distribution, differentiable in its mean and variance (Kingma and Welling, 2014, eq. 10).

    (...) mean and (...) log variance → (...): ``mean + exp(log_variance / 2) * e``, e normal, 0 in evaluation.
    """

    stochastic: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> TensorType:
        mean, log_variance = inputs
        return numbers(alike((mean, log_variance), self.tag), self.tag)

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.noise.Reparameterise")


@block("noise_input")
class NoiseInput(Primitive):
    """One noise image added to all channels, times a learned number each (Karras et al., 2019, fig. 1, B).

    (C, *S) → (C, *S). Drawn for each sample in training; evaluation adds one fixed image, part of the state.

    Args:
        shared: one learned number for all channels (Karras et al., 2020, section 2.1).
    """

    shared: bool = False

    stochastic: ClassVar[bool] = True

    def infer(self, *inputs: TensorType) -> TensorType:
        needs_spatial(inputs[0], self.tag)
        return numbers(inputs[0], self.tag)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        (x,) = inputs
        size = tuple(Axis("position", (n,)) for n in x.spatial)
        each = Axis("strength", (1,)) if self.shared else Axis("channels", x.parts)
        return Parameter("weight", (each,)), Parameter("noise", size, trainable=False)

    def call(self, *inputs: TensorType) -> Call:
        extra = {"shared": True} if self.shared else {}
        return module("nasengine.modules.noise.NoiseInput", inputs[0].channels, *inputs[0].spatial, **extra)
