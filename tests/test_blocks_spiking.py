"""Spiking neurons: when they fire, what their gradient is, encodings, margins, messages."""

from __future__ import annotations

import math

import pytest
import torch
from block_types import FEATURES, IMAGE, SEQUENCE, SIGNAL, VOLUME
from blocks_cases import graph_of

from nasengine.blocks import (
    LIF,
    ConvNormAct,
    DirectEncoding,
    FlattenSlices,
    Identity,
    LeakyIntegrator,
    Linear,
    RateEncoding,
    VoteReadout,
)
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph.module import build
from nasengine.modules import spiking


@pytest.mark.parametrize(
    ("reset", "wanted"),
    [("subtract", [0, 1, 0, 1, 0, 1]), ("zero", [0, 1, 0, 1, 0, 1])],
)
def test_a_neuron_fires_when_its_potential_reaches_the_threshold(reset: str, wanted: list[int]) -> None:
    """0.6 a step at a decay of 0.9: 0.6, 1.14 (fires), then 0.726 or 0.6, ..."""
    neurons = spiking.LIF(1, reset=reset)
    assert neurons(torch.full((1, 6, 1), 0.6)).flatten().tolist() == wanted


def test_a_spike_takes_the_threshold_or_everything() -> None:
    drive = torch.tensor([2.5, 0.0, 0.0]).reshape(1, 3, 1)
    assert spiking.LIF(1, decay=0.9)(drive).flatten().tolist() == [1, 1, 0]  # 2.5, 1.35, 0.315
    assert spiking.LIF(1, decay=0.9, reset="zero")(drive).flatten().tolist() == [1, 0, 0]


def test_a_scaled_neuron_settles_at_its_input() -> None:
    """u = d u + (1 - d) x goes to x: below the threshold it never fires, above it does."""
    low, high = (spiking.LIF(1, decay=0.5, scaled=True)(torch.full((1, 30, 1), x)).sum() for x in (0.99, 1.2))
    assert low == 0
    assert high > 0


@pytest.mark.parametrize(
    ("surrogate", "slope", "wanted"),
    [
        ("fast_sigmoid", 5.0, lambda x: 1 / (1 + 5 * abs(x)) ** 2),
        ("arctan", 2.0, lambda x: 1 / (1 + (math.pi * x) ** 2)),
    ],
)
def test_the_gradient_is_the_surrogates(surrogate: str, slope: float, wanted: object) -> None:
    x = torch.tensor([-2.0, -0.3, 0.0, 0.4, 3.0], dtype=torch.float64, requires_grad=True)
    out = spiking.spike(x, surrogate, slope)
    assert out.tolist() == [0, 0, 1, 1, 1]  # exactly, whatever the smooth part is
    (grad,) = torch.autograd.grad(out.sum(), x)
    torch.testing.assert_close(grad, torch.tensor([wanted(v) for v in x.tolist()], dtype=torch.float64))  # type: ignore[operator]
    with torch.no_grad():
        assert spiking.spike(x, surrogate, slope).tolist() == [0, 0, 1, 1, 1]


def test_a_learned_decay_starts_where_it_is_told_and_is_trained() -> None:
    neurons = spiking.LIF(1, decay=0.8, learned=True)
    assert neurons.decay is not None
    assert torch.sigmoid(neurons.decay).item() == pytest.approx(0.8)
    x = torch.full((1, 5, 1), 0.3)
    assert neurons(x).tolist() == spiking.LIF(1, decay=0.8)(x).tolist()
    neurons(x).sum().backward()
    assert neurons.decay.grad is not None
    assert neurons.decay.grad.abs() > 0


def test_the_margin_is_the_least_distance_to_the_threshold() -> None:
    neurons = spiking.LIF(1, decay=0.5)
    x = torch.tensor([[0.5, 0.7, 0.2], [0.1, 0.1, 0.1]]).unsqueeze(-1)  # 0.5, 0.95, 0.675; less
    assert neurons.margin(x).item() == pytest.approx(0.05)
    rate = spiking.RateEncoding(4, 1)
    assert rate.margin(torch.tensor([[0.26, -3.0]])).item() == pytest.approx(0.04)
    assert rate.margin(torch.tensor([[0.9, 1.5]])).item() == pytest.approx(0.1)


def test_a_rate_is_spread_evenly_in_evaluation_and_drawn_in_training() -> None:
    torch.manual_seed(0)
    rate = spiking.RateEncoding(1_000, 1)
    x = torch.tensor([[-1.0, 0.0, 0.25, 0.5, 1.0, 7.0]])
    even = rate.eval()(x)
    assert even.sum(1).tolist() == [[0, 0, 250, 500, 1_000, 1_000]]
    assert even[0, :8, 2].tolist() == [0, 0, 0, 1, 0, 0, 0, 1]
    drawn = rate.train()(x)
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    shares = drawn.mean(1)[0]  # of 1,000 draws: within 0.08 but with odds below 1 in a million
    assert (shares - x.clamp(0, 1)[0]).abs().max() < 0.08


def test_every_step_is_the_same_layer() -> None:
    """A convolution with a kernel of 1 along time, step by step, is the plain one."""
    torch.manual_seed(0)
    block = ConvNormAct(3, (1, 3, 3), norm=Identity(), activation=Identity())
    module = build(graph_of(block, (VOLUME,)))
    conv = module.get_submodule("conv")
    x = torch.randn(2, 4, 5, 6, 5)
    plain = [torch.nn.functional.conv2d(s, conv.weight.squeeze(2), conv.bias, padding=1) for s in x.unbind(2)]
    torch.testing.assert_close(module(x), torch.stack(plain, 2))


def test_an_integrator_adds_up_with_a_leak() -> None:
    module = build(graph_of(LeakyIntegrator(0.5), (SEQUENCE,)))
    found = module(torch.ones(1, 5, 12))[0, :, 0]
    torch.testing.assert_close(found, torch.tensor([1.0, 1.5, 1.75, 1.875, 1.9375]))


def test_votes_are_the_mean_of_spikes() -> None:
    torch.manual_seed(0)
    graph = graph_of(VoteReadout(3, 4), (SEQUENCE,))
    module = build(graph)
    x = 5 * torch.randn(2, 5, 12)
    spikes = module.get_submodule("neuron")(module.get_submodule("linear")(x))
    torch.testing.assert_close(module(x), spikes.mean(1).reshape(2, 3, 4).mean(2))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (lambda: LIF(decay=1.0), r"lif.decay: above 0 and below 1; got 1.0"),
        (lambda: LIF(threshold=0.0), r"lif: threshold and slope above 0; got 0.0 and 5.0"),
        (
            lambda: LIF(reset="none"),
            r"reset is one of subtract, zero and surrogate one of fast_sigmoid, arctan; got 'none'",
        ),
        (lambda: LeakyIntegrator(0.0), r"leaky_integrator.decay: above 0 and below 1; got 0.0"),
        (lambda: DirectEncoding(0), r"direct_encoding.steps: at least 1; got 0"),
        (lambda: RateEncoding(0), r"rate_encoding.steps: at least 1; got 0"),
    ],
)
def test_fields_that_mean_nothing_are_refused(block: object, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        block()  # type: ignore[operator]


def test_types_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"lif: it takes steps, \(C, T, H, W\) or \(T, F\); got .*put DirectEncoding"):
        graph_of(LIF(), (IMAGE,))
    with pytest.raises(
        ShapeError, match=r"direct_encoding: it takes an image or features; got .*put Flatten before it"
    ):
        graph_of(DirectEncoding(), (SIGNAL,))
    with pytest.raises(ShapeError, match=r"flatten_slices: it takes a volume, \(C, D, H, W\); got .*leave it out"):
        graph_of(FlattenSlices(), (SEQUENCE,))
    assert graph_of(Linear(2), (FEATURES,)).cost.params == 26
