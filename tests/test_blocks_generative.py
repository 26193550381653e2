"""Blocks of autoencoders, adversarial networks and styles: what their messages say, and what they do beyond types."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from blocks_cases import FEATURES, IMAGE, SIGNAL, graph_of
from torch.nn import functional as F

from nasengine.blocks import (
    MLP,
    AdaIN,
    Autoencoder,
    BorderPad,
    ChannelStatistics,
    Conv,
    ConvDecoder,
    ConvTranspose,
    EqualisedConv,
    EqualisedLinear,
    GaussianNoise,
    Identity,
    LearnedConstant,
    Linear,
    MappingNetwork,
    Modulate,
    ModulatedConv,
    NoiseInput,
    Reparameterise,
    ResampledResidual,
    SkipUNet,
    StyleGenerator,
    StyleLayer,
    VariationalAutoencoder,
)
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph import TensorType
from nasengine.graph.module import build

STYLE = TensorType((4,), "F")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianNoise(-0.1), "gaussian_noise.std: a finite number of at least 0; got -0.1"),
        (lambda: BorderPad(1, "zero"), "border_pad.mode: 'reflect' or 'replicate'; got 'zero'; Pad adds zeros"),
        (lambda: BorderPad(-1), "border_pad.size: at least 0; got -1; Crop takes positions away"),
        (lambda: EqualisedLinear(3, rate=0), "equalised_linear.rate: a finite number above 0; got 0"),
        (lambda: EqualisedLinear(0), "linear.features: at least 1; got 0"),
        (lambda: EqualisedConv(0), "conv: channels >= 1 and groups >= 0; got channels=0, groups=1"),
        (
            lambda: LearnedConstant(0),
            r"learned_constant: channels, and one to three sizes, of at least 1; got 0, \(4, 4",
        ),
        (lambda: ChannelStatistics(0.0), "channel_statistics.eps: above 0"),
        (lambda: ModulatedConv(4, 2), "modulated_conv: channels of at least 1 and an odd kernel; got 4 and 2"),
        (lambda: Autoencoder(Identity(), Identity(), 0), "autoencoder.latent: at least 1 feature; got 0"),
        (
            lambda: VariationalAutoencoder(Identity(), Identity(), 0),
            "variational_autoencoder.latent: at least 1 feature; got 0",
        ),
        (lambda: ConvDecoder((1,), (4,)), r"conv_decoder.shape: channels and one to three sizes, at least 1; got \(1,"),
        (lambda: ConvDecoder((1, 8, 8), ()), "conv_decoder.widths: one map at least, every width at least 1; got"),
        (lambda: ConvDecoder((1, 8, 8), (4,), kernel=2), "conv_decoder.kernel: at least 3, .*; got 2"),
        (
            lambda: ConvDecoder((1, 8, 8), (4,), upsample="up"),
            "conv_decoder.upsample: 'transpose' or 'resize'; got 'up'",
        ),
        (lambda: SkipUNet((Conv(3),), ()), "skip_unet: as many blocks up as down, at least 1; got 1, 0"),
        (lambda: ResampledResidual(4, "over"), "resampled_residual.resample: 'none', 'up' or 'down'; got 'over'"),
        (lambda: ResampledResidual(4, kernel=4), "resampled_residual.kernel: odd, so that sides are kept; got 4"),
        (lambda: MappingNetwork(0), "mapping_network: features and depth of at least 1; got 0, 8"),
        (lambda: StyleLayer(4, upsample="up"), "style_layer.upsample: 'none', 'nearest' or 'linear'; got 'up'"),
        (lambda: StyleLayer(4, modulation="film"), "style_layer.modulation: one of adain, weight; got 'film'"),
        (lambda: StyleGenerator(()), "style_generator.widths: one resolution at least, every width at least 1; got"),
        (
            lambda: StyleGenerator((4, 4), kernels=(3,)),
            "style_generator.kernels: one a resolution, or none for 3; got 1 for 2 widths",
        ),
        (lambda: StyleGenerator((4,), upsample="none"), "style_generator.upsample: 'nearest' or 'linear'; got 'none'"),
    ],
)
def test_a_wrong_field_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


@pytest.mark.parametrize(
    ("block", "types", "message"),
    [
        (BorderPad(6), (IMAGE,), r"border_pad.size: a reflection is shorter than the image; got 6 .* pad less"),
        (Reparameterise(), (FEATURES, STYLE), "reparameterise: all inputs have one type"),
        (Modulate(), (IMAGE, STYLE), r"modulate: the style is 8 features; got \(4 feature\); map it by Linear\(8\)"),
        (ModulatedConv(4), (IMAGE, FEATURES), r"modulated_conv: the style is 4 features; got \(12 feature\)"),
        (ModulatedConv(4), (SIGNAL, STYLE), "modulated_conv: it takes images; got .*; use Conv, then Modulate"),
        (AdaIN(), (IMAGE, FEATURES), "modulate: the style is 8 features"),
        (NoiseInput(), (FEATURES,), "noise_input: it takes channels and one to three spatial axes"),
        (
            Autoencoder(MLP((4,)), Linear(3), 2),
            (FEATURES,),
            r"decoder: it gives back the input's type; got \(3 feature\) for \(12 feature\); end it in that type",
        ),
        (
            ConvDecoder((1, 2, 2), (4, 4, 4)),
            (FEATURES,),
            r"conv_decoder.widths: the image can be halved as often; got 3 for \(1, 2, 2\); give fewer widths",
        ),
        (
            SkipUNet((Conv(4, 3, 2), Conv(4, 3, 2)), (ConvTranspose(4), ConvTranspose(4))),
            (IMAGE,),
            r"up.0: it gives the resolution of the map it meets; .*; double what the block down halves",
        ),
    ],
)
def test_a_wrong_type_is_refused(block: object, types: tuple[TensorType, ...], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        graph_of(block, types)  # type: ignore[arg-type]


def test_reparameterisation_samples_in_training_and_gives_the_mean_in_evaluation() -> None:
    torch.manual_seed(0)
    module = build(graph_of(Reparameterise(), (FEATURES, FEATURES)))
    mean, log_variance = torch.full((4_000, 12), 2.0), torch.full((4_000, 12), 1.4)
    drawn = module.train()(mean, log_variance)
    assert abs(drawn.mean() - 2.0) < 0.05  # the mean of 48,000 draws is off by 0.01 at one standard deviation
    assert abs(drawn.var().log() - 1.4) < 0.05
    assert torch.equal(module.eval()(mean, log_variance), mean)


def test_noise_of_training_leaves_evaluation_alone() -> None:
    torch.manual_seed(0)
    x = torch.randn(500, 12)
    module = build(graph_of(GaussianNoise(0.3), (FEATURES,)))
    assert abs((module.train()(x) - x).std() - 0.3) < 0.02
    assert torch.equal(module.eval()(x), x)
    noisy = build(graph_of(NoiseInput(), (IMAGE,)))
    torch.nn.init.ones_(next(noisy.parameters()))
    zeros = torch.zeros(2, 4, 8, 6)
    assert torch.equal(noisy.eval()(zeros), noisy(zeros))
    assert not torch.equal(noisy.train()(zeros), noisy(zeros))
    drawn = noisy(zeros)
    assert torch.equal(drawn[:, 0], drawn[:, 1])  # one image for all channels of a sample
    assert not torch.equal(drawn[0], drawn[1])


def test_adain_takes_the_statistics_of_the_style() -> None:
    torch.manual_seed(0)
    content, style = torch.randn(2, 4, 8, 6), 3 * torch.rand(2, 4, 5, 5) + 1
    module = build(graph_of(AdaIN(), (IMAGE, TensorType((4, 5, 5), "CHW"))))
    made = module(content, style)
    torch.testing.assert_close(made.mean((2, 3)), style.mean((2, 3)))
    torch.testing.assert_close(made.var((2, 3), unbiased=False), style.var((2, 3), unbiased=False), rtol=1e-3, atol=0)


def test_demodulated_weights_do_not_depend_on_the_size_of_the_style() -> None:
    torch.manual_seed(0)
    module = build(graph_of(ModulatedConv(6), (IMAGE, STYLE)))
    x, style = torch.randn(2, 4, 8, 6), torch.rand(2, 4) + 0.5
    torch.testing.assert_close(module(x, style), module(x, 10 * style), rtol=1e-4, atol=1e-5)


def test_border_pad_is_torchs() -> None:
    x = torch.randn(2, 4, 8, 6)
    module = build(graph_of(BorderPad((2, 1)), (IMAGE,)))
    assert torch.equal(module(x), F.pad(x, (1, 1, 2, 2), mode="reflect"))
