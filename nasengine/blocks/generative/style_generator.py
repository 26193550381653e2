"""StyleGAN: a mapping network, and an image that styles shape resolution by resolution."""

from __future__ import annotations

from nasengine.blocks.basic.activation import LeakyReLU
from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.equalised import EqualisedConv, EqualisedLinear
from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.merge import Add
from nasengine.blocks.basic.noise import NoiseInput
from nasengine.blocks.basic.norm import RMSNorm
from nasengine.blocks.basic.shape import Upsample
from nasengine.blocks.compose import Identity
from nasengine.blocks.generative.style import AdaIN, LearnedConstant, ModulatedConv
from nasengine.errors import SpaceError
from nasengine.graph.vocabulary import Block, Composite, block
from nasengine.graph.wiring import Value, Wiring

MODULATIONS = ("adain", "weight")


def linear(features: int, equalised: bool, rate: float = 1.0) -> Block:
    """A linear map, its learning rate equalised or not."""
    return EqualisedLinear(features, rate=rate) if equalised else Linear(features)


@block("mapping_network")
class MappingNetwork(Composite):
    """Latent code to style vector (Karras et al., 2019, fig. 1, left). (F) → (features).

    Args:
        features: of every layer.
        depth: number of layers.
        activation: after each.
        norm: of the code, first of all; by default each code is scaled to a mean square of 1 ("pixel norm" of
            Karras et al., 2018, section 4.2).
        equalised, rate: equalised learning rate, lower by this factor.
    """

    features: int = 512
    depth: int = 8
    activation: Block = LeakyReLU(0.2)
    norm: Block = RMSNorm(1e-8, affine=False)
    equalised: bool = True
    rate: float = 0.01

    def validate(self) -> None:
        if self.features < 1 or self.depth < 1:
            raise SpaceError(f"mapping_network: features and depth of at least 1; got {self.features}, {self.depth}")

    def wire(self, net: Wiring, x: Value) -> Value:
        x = net(self.norm, x, name="norm")
        for i in range(self.depth):
            x = net(linear(self.features, self.equalised, self.rate), x, name=f"layers.{i}.linear")
            x = net(self.activation, x, name=f"layers.{i}.act")
        return x


@block("style_layer")
class StyleLayer(Composite):
    """A convolution under a style. (C, H, W) and (F) → (channels, H, W), or twice the sides.

    ``"adain"``: convolution, noise, activation, adaptive instance norm (Karras et al., 2019, fig. 1, right).
    ``"weight"``: modulated convolution, noise, activation (Karras et al., 2020, fig. 2c).

    Args:
        channels: output channels.
        kernel: an odd side.
        upsample: "none", "nearest" or "linear": double the sides before.
        modulation: which of the two.
        noise: noise images are added.
        activation: after them.
        equalised: equalised learning rate.
    """

    channels: int
    kernel: int = 3
    upsample: str = "none"
    modulation: str = "adain"
    noise: bool = True
    activation: Block = LeakyReLU(0.2)
    equalised: bool = True

    def validate(self) -> None:
        if self.upsample not in ("none", "nearest", "linear"):
            raise SpaceError(f"style_layer.upsample: 'none', 'nearest' or 'linear'; got {self.upsample!r}")
        if self.modulation not in MODULATIONS:
            raise SpaceError(f"style_layer.modulation: one of {', '.join(MODULATIONS)}; got {self.modulation!r}")

    def wire(self, net: Wiring, x: Value, style: Value) -> Value:
        if self.upsample != "none":
            x = net(Upsample(2, mode=self.upsample), x, name="upsample")
        if self.modulation == "weight":
            scales = net(linear(x.channels, self.equalised), style, name="affine")
            conv = ModulatedConv(self.channels, self.kernel, equalised=self.equalised)
            return self._finish(net, net(conv, x, scales, name="conv"))
        plain = EqualisedConv if self.equalised else Conv
        y = self._finish(net, net(plain(self.channels, self.kernel), x, name="conv"))
        pairs = net(linear(2 * self.channels, self.equalised), style, name="affine")
        made: Value = net(AdaIN(), y, pairs, name="adain")
        return made

    def _finish(self, net: Wiring, y: Value) -> Value:
        noise = NoiseInput(shared=self.modulation == "weight") if self.noise else Identity()
        y = net(noise, y, name="noise")
        made: Value = net(self.activation, y, name="act")
        return made


@block("style_generator")
class StyleGenerator(Composite):
    """StyleGAN's generator (Karras et al., 2019, fig. 1; 2020, fig. 7b). Latent code (F) → (channels, H, W).

    A learned constant of 4 × 4; a style layer; then at each twice finer resolution two layers, the first of which
    doubles the sides. All styles are maps of one vector, the mapping network's.

    Args:
        widths: channels at 4 × 4, 8 × 8, 16 × 16, ...
        channels: of the image.
        mapping: code to style vector.
        kernels: of the layers at each resolution.
        modulation, noise, activation, equalised: as of :class:`StyleLayer`.
        upsample: "nearest" or "linear".
        skips: each resolution gives an image, and they are added up ("output skips" of the 2020 paper); off, only the
            last one does.
    """

    widths: tuple[int, ...]
    channels: int = 3
    mapping: Block = MappingNetwork()
    kernels: tuple[int, ...] = ()
    modulation: str = "adain"
    noise: bool = True
    activation: Block = LeakyReLU(0.2)
    equalised: bool = True
    upsample: str = "linear"
    skips: bool = False

    def validate(self) -> None:
        if not self.widths or min((*self.widths, self.channels)) < 1:
            raise SpaceError(
                f"style_generator.widths: one resolution at least, every width at least 1; got {self.widths}"
            )
        if self.kernels and len(self.kernels) != len(self.widths):
            raise SpaceError(
                f"style_generator.kernels: one a resolution, or none for 3; got {len(self.kernels)} for "
                f"{len(self.widths)} widths"
            )
        if self.upsample not in ("nearest", "linear"):
            raise SpaceError(f"style_generator.upsample: 'nearest' or 'linear'; got {self.upsample!r}")

    def wire(self, net: Wiring, z: Value) -> Value:
        style = net(self.mapping, z, name="mapping")
        x = self._start(net, style)
        x = net(self._layer(0, "none"), x, style, name="layers.0")
        image = self._image(net, x, style, 0) if self.skips else None
        for i in range(1, len(self.widths)):
            x = net(self._layer(i, self.upsample), x, style, name=f"layers.{2 * i - 1}")
            x = net(self._layer(i, "none"), x, style, name=f"layers.{2 * i}")
            if image is not None:
                wide = net(Upsample(2, mode=self.upsample), image, name=f"widen.{i}")
                image = net(Add(), wide, self._image(net, x, style, i), name=f"sum.{i}")
        return image if image is not None else self._image(net, x, style, len(self.widths) - 1)

    def _layer(self, step: int, upsample: str) -> StyleLayer:
        kernel = self.kernels[step] if self.kernels else 3
        width, activation = self.widths[step], self.activation
        return StyleLayer(width, kernel, upsample, self.modulation, self.noise, activation, self.equalised)

    def _start(self, net: Wiring, style: Value) -> Value:
        """The constant; where styles act through AdaIN it is noised, activated and styled like a convolution's."""
        width, adain = self.widths[0], self.modulation == "adain"
        x: Value = net(LearnedConstant(width, bias=adain), style, name="constant")
        if adain:
            x = net(NoiseInput() if self.noise else Identity(), x, name="noise")
            x = net(self.activation, x, name="act")
            pairs = net(linear(2 * width, self.equalised), style, name="affine")
            x = net(AdaIN(), x, pairs, name="adain")
        return x

    def _image(self, net: Wiring, x: Value, style: Value, step: int) -> Value:
        """A 1 × 1 convolution to the image's channels; modulated as the layers are, never demodulated."""
        place = f".{step}" if self.skips else ""
        if self.modulation == "adain":
            plain = EqualisedConv if self.equalised else Conv
            made: Value = net(plain(self.channels, 1), x, name=f"image{place}")
            return made
        scales = net(linear(x.channels, self.equalised), style, name=f"image_affine{place}")
        conv = ModulatedConv(self.channels, 1, demodulate=False, equalised=self.equalised)
        made = net(conv, x, scales, name=f"image{place}")
        return made
