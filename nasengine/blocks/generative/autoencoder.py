"""Autoencoders: a network down to a short code and one back."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from nasengine.blocks.basic.activation import ReLU
from nasengine.blocks.basic.conv import Conv, ConvTranspose
from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.merge import Flatten
from nasengine.blocks.basic.mlp import MLP
from nasengine.blocks.basic.noise import Reparameterise
from nasengine.blocks.basic.shape import Reshape, Upsample
from nasengine.blocks.compose import Identity
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring


def decoded(net: Wiring, decoder: Block, code: Value, x: Value) -> Value:
    """What the decoder makes of a code.

    Raises:
        ShapeError: it is not of the input's type.
    """
    y: Value = net(decoder, code, name="decoder")
    if y.type != x.type:
        raise ShapeError(f"decoder: it gives back the input's type; got {y.type!r} for {x.type!r}; end it in that type")
    return y


def check_latent(latent: int, place: str) -> None:
    """Refuse a code of no features."""
    if latent < 1:
        raise SpaceError(f"{place}.latent: at least 1 feature; got {latent}")


@block("autoencoder")
class Autoencoder(Composite):
    """``decoder(code(encoder(x)))`` (Hinton and Salakhutdinov, 2006, fig. 1). x → a reconstruction of x's type.

    Args:
        encoder: its output is laid flat, then mapped to the code.
        decoder: (latent) → x's type; a network of its own as well.
        latent: features of the code.
        activation: after the code; none by default.
        corrupt: what the input goes through in training, :class:`GaussianNoise` or :class:`Dropout`; with it this is a
            denoising autoencoder (Vincent et al., 2008, fig. 1), whose target is the input before.
    """

    encoder: Block
    decoder: Block
    latent: int
    activation: Block = Identity()
    corrupt: Block = Identity()

    def validate(self) -> None:
        check_latent(self.latent, self.tag)

    def wire(self, net: Wiring, x: Value) -> Value:
        y = net(self.encoder, net(self.corrupt, x, name="corrupt"), name="encoder")
        code = net(Linear(self.latent), net(Flatten(), y, name="flatten"), name="latent")
        return decoded(net, self.decoder, net(self.activation, code, name="activation"), x)


@block("variational_autoencoder")
class VariationalAutoencoder(Composite):
    """Encoder to mean and log variance, a sample, decoder (Kingma and Welling, 2014, section 3 and appendix C).

    x → reconstruction of x's type, mean (latent), log variance (latent). Evaluation decodes the mean.

    Args:
        encoder, decoder, latent, corrupt: as of :class:`Autoencoder`.
    """

    output_names: ClassVar[tuple[str, ...]] = ("reconstruction", "mean", "log_variance")

    encoder: Block
    decoder: Block
    latent: int
    corrupt: Block = Identity()

    def validate(self) -> None:
        check_latent(self.latent, self.tag)

    def wire(self, net: Wiring, x: Value) -> tuple[Value, ...]:
        y = net(self.encoder, net(self.corrupt, x, name="corrupt"), name="encoder")
        y = net(Flatten(), y, name="flatten")
        mean, log_variance = (net(Linear(self.latent), y, name=name) for name in ("mean", "log_variance"))
        code = net(Reparameterise(), mean, log_variance, name="sample")
        return decoded(net, self.decoder, code, x), mean, log_variance


@block("conv_decoder")
class ConvDecoder(Composite):
    """Features to an image that doubles its sides step by step (as in Higgins et al., 2017, appendix A.1).

    (F) → (C, H, W). The first, coarsest map is a linear layer, reshaped; its sides are those that convolutions of this
    kernel, a stride of 2 and padding (kernel - 1) // 2 would halve the image to.

    Args:
        shape: of the image, channels first; one to three spatial axes.
        widths: channels of the maps from the coarsest one on; each step after a map doubles the sides.
        hidden: widths of linear layers before.
        kernel: of the steps.
        upsample: ``"transpose"``, a transposed convolution of stride 2, or ``"resize"``, nearest neighbours and a
            convolution (of the next smaller kernel where it is even; Odena et al., 2016).
        norm, activation: after each linear layer (the norm after steps only), but the last step.
        output: last of all.
    """

    shape: tuple[int, ...]
    widths: tuple[int, ...]
    hidden: tuple[int, ...] = ()
    kernel: int = 4
    upsample: str = "transpose"
    norm: Block = Identity()
    activation: Block = ReLU()
    output: Block = Identity()

    def validate(self) -> None:
        if not 2 <= len(self.shape) <= 4 or min(self.shape) < 1:
            raise SpaceError(f"conv_decoder.shape: channels and one to three sizes, at least 1; got {self.shape}")
        if not self.widths or min((*self.widths, *self.hidden)) < 1:
            raise SpaceError(
                f"conv_decoder.widths: one map at least, every width at least 1; got {self.widths}, {self.hidden}"
            )
        if self.kernel < 3:
            raise SpaceError(f"conv_decoder.kernel: at least 3, to reach beyond its own position; got {self.kernel}")
        if self.upsample not in ("transpose", "resize"):
            raise SpaceError(f"conv_decoder.upsample: 'transpose' or 'resize'; got {self.upsample!r}")

    def sides(self) -> list[tuple[int, ...]]:
        """Sizes of the maps, the coarsest first, the image's last.

        Raises:
            ShapeError: the image cannot be halved so often.
        """
        found = [self.shape[1:]]
        for _ in self.widths:
            found.append(tuple((n + 2 * ((self.kernel - 1) // 2) - self.kernel) // 2 + 1 for n in found[-1]))
        if min(found[-1]) < 1:
            raise ShapeError(
                f"conv_decoder.widths: the image can be halved as often; got {len(self.widths)} for {self.shape}; "
                "give fewer widths"
            )
        return found[::-1]

    def wire(self, net: Wiring, x: Value) -> Value:
        sides = self.sides()
        axes = {1: "CL", 2: "CHW", 3: "CDHW"}[len(sides[0])]
        y = net(MLP(self.hidden, activation=self.activation), x, name="mlp")
        y = net(Linear(self.widths[0] * prod(sides[0])), y, name="project")
        y = net(self.activation, y, name="activation")
        y = net(Reshape((self.widths[0], *sides[0]), axes), y, name="reshape")
        for i, (channels, side) in enumerate(zip((*self.widths[1:], self.shape[0]), sides[1:], strict=True)):
            last = i == len(self.widths) - 1
            y = self._double(net, y, channels, side, f"steps.{i}", last or isinstance(self.norm, Identity))
            if not last:
                y = net(self.activation, net(self.norm, y, name=f"steps.{i}.norm"), name=f"steps.{i}.act")
        made: Value = net(self.output, y, name="output")
        return made

    def _double(self, net: Wiring, x: Value, channels: int, side: tuple[int, ...], name: str, bias: bool) -> Value:
        """The map at the next finer sides, which may be odd."""
        kernel, padding = self.kernel, (self.kernel - 1) // 2
        if self.upsample == "resize":
            kernel -= 1 - kernel % 2
            wide = net(Upsample(size=side), x, name=f"{name}.resize")
            made: Value = net(Conv(channels, kernel, bias=bias), wide, name=f"{name}.conv")
            return made
        odd = tuple(m - ((n - 1) * 2 - 2 * padding + kernel) for n, m in zip(x.spatial, side, strict=True))
        made = net(ConvTranspose(channels, kernel, 2, padding, odd, bias=bias), x, name=f"{name}.conv")
        return made
