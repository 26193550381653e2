"""Autoencoders, adversarial networks, styles, image to image."""

from __future__ import annotations

from block_types import ALL, FEATURES, IMAGE, LAST, SEQUENCE, SIGNAL, SPATIAL, VOLUME, Case, each

from nasengine.blocks import (
    MLP,
    AdaIN,
    Autoencoder,
    BatchNorm,
    BorderPad,
    ChannelStatistics,
    Conv,
    ConvDecoder,
    ConvTranspose,
    Dropout,
    EqualisedConv,
    EqualisedLinear,
    Flatten,
    GaussianNoise,
    LearnedConstant,
    MappingNetwork,
    Modulate,
    ModulatedConv,
    NoiseInput,
    ReLU,
    Reparameterise,
    ResampledResidual,
    Reshape,
    Sequential,
    Sigmoid,
    SkipUNet,
    StyleGenerator,
    StyleLayer,
    StyleTransfer,
    Tanh,
    VariationalAutoencoder,
)
from nasengine.graph import TensorType

JOINED_IMAGE = TensorType((4, 8, 6), "CHW", segments=(3, 1))
RESAMPLED = ("none", "up", "down")
STYLE = TensorType((4,), "F")
PAIRS = TensorType((8,), "F")
EVEN = TensorType((4, 8, 8), "CHW")

PRIMITIVES: list[Case] = [
    *each(ALL, GaussianNoise(), GaussianNoise(0.5)),
    *[(Reparameterise(), (t, t)) for t in ALL],
    *each(
        SPATIAL,
        BorderPad(),
        BorderPad(2, "replicate"),
        NoiseInput(),
        NoiseInput(shared=True),
        ChannelStatistics(),
        ChannelStatistics(1e-3),
    ),
    *each((JOINED_IMAGE,), BorderPad((2, 1)), NoiseInput(), ChannelStatistics()),
    *each(LAST, EqualisedLinear(7), EqualisedLinear(7, bias=False, rate=0.01)),
    *each(SPATIAL, EqualisedConv(8), EqualisedConv(5, 4, 2, 1, bias=False)),
    *each((IMAGE,), EqualisedConv(8, (3, 1), (2, 1))),
    *each((FEATURES, SEQUENCE, IMAGE), LearnedConstant(6), LearnedConstant(3, (2, 4), bias=True)),
    *each((FEATURES,), LearnedConstant(3, (5,)), LearnedConstant(3, (2, 3, 2), bias=True)),
    *[(b, (t, PAIRS)) for b in (Modulate(), Modulate(0.0)) for t in (*SPATIAL, JOINED_IMAGE)],
    *[
        (b, (t, STYLE))
        for b in (ModulatedConv(6), ModulatedConv(3, 1, demodulate=False), ModulatedConv(5, 5, equalised=False))
        for t in (IMAGE, JOINED_IMAGE)
    ],
]

DENSE = Sequential(mlp=MLP((9,), 8 * 6 * 4, activation=Tanh()), reshape=Reshape((4, 8, 6), "CHW"))
ENCODE = Sequential(flatten=Flatten(), mlp=MLP((9,)))
CONV = Sequential(Conv(6, 4, 2, 1), ReLU())
NARROW = MappingNetwork(6, 2)

COMPOSITES: list[Case] = [
    *each((IMAGE,), Autoencoder(ENCODE, DENSE, 3), Autoencoder(ENCODE, DENSE, 3, Sigmoid(), GaussianNoise(0.3))),
    *each((IMAGE,), VariationalAutoencoder(ENCODE, DENSE, 3), VariationalAutoencoder(ENCODE, DENSE, 3, Dropout(0.2))),
    *[(Autoencoder(CONV, ConvDecoder(t.shape, (6,), kernel=3), 5), (t,)) for t in (IMAGE, SIGNAL)],
    *[(VariationalAutoencoder(CONV, ConvDecoder(t.shape, (6,)), 5), (t,)) for t in SPATIAL],
    *[
        (ConvDecoder(shape, (6, 5), (7,), kernel, mode, BatchNorm(), output=Sigmoid()), (FEATURES,))
        for shape in ((2, 9), (1, 11, 7), (2, 5, 6, 5))
        for kernel in (3, 4, 5)
        for mode in ("transpose", "resize")
    ],
    (SkipUNet((Conv(6, 4, 2, 1), Conv(8, 4, 2, 1)), (ConvTranspose(5), ConvTranspose(3))), (EVEN,)),
    (SkipUNet((Conv(6, 4, 2, 1),), (ConvTranspose(3),)), (IMAGE,)),
    *[(ResampledResidual(n, how, norm=BatchNorm()), (t,)) for n in (4, 6) for how in RESAMPLED for t in SPATIAL],
    *each((IMAGE,), ResampledResidual(6, "down", 5, first=True), ResampledResidual(4, activation=Tanh())),
    *[(AdaIN(), (t, PAIRS)) for t in SPATIAL],
    (AdaIN(), (IMAGE, TensorType((4, 3, 3), "CHW"))),
    (AdaIN(), (VOLUME, VOLUME)),
    (StyleTransfer(CONV, ConvTranspose(3)), (EVEN, TensorType((4, 6, 10), "CHW"))),
    *each((FEATURES,), MappingNetwork(6, 2), MappingNetwork(6, 3, equalised=False)),
    *[
        (StyleLayer(6, kernel, upsample, modulation, noise, equalised=equalised), (IMAGE, FEATURES))
        for kernel, upsample, noise, equalised in ((3, "none", True, True), (5, "linear", False, False))
        for modulation in ("adain", "weight")
    ],
    (StyleLayer(6, 1, "nearest"), (IMAGE, FEATURES)),
    *[
        (StyleGenerator((6, 4), 2, NARROW, modulation=modulation, skips=skips), (FEATURES,))
        for modulation in ("adain", "weight")
        for skips in (False, True)
    ],
    (StyleGenerator((6, 5, 4), 1, NARROW, (3, 5, 1), "weight", False, Tanh(), False, "nearest"), (FEATURES,)),
    (StyleGenerator((6,), 1, NARROW, noise=False, equalised=False), (FEATURES,)),
]
