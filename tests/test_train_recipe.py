"""Recipes: every optimizer, schedule, initialisation and augmentation, and the refusals."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from nasengine.errors import SpaceError, TrainingError
from nasengine.space import choice, uniform
from nasengine.space.spec import is_open, spec_from_json
from nasengine.train import SGD, Adam, AdamW, Augment, Constant, Cosine, OneCycle, Recipe, Step, initialise
from nasengine.train.augment import augmented, flipped, shifted
from nasengine.train.initialise import NAMES, SCHEMES


def test_a_recipe_is_plain_json() -> None:
    recipe = Recipe(optimizer=SGD(lr=0.2), schedule=OneCycle(), augment=Augment(shift=2), init="he_normal")
    again = spec_from_json(json.loads(json.dumps(recipe.to_json())))
    assert again == recipe
    assert again.fingerprint == recipe.fingerprint
    assert Recipe(seed=1).fingerprint != Recipe().fingerprint


def test_a_recipe_may_hold_choices() -> None:
    adam = AdamW(lr=uniform(1e-4, 1e-2, log=True))
    recipe = Recipe(optimizer=choice(adam, SGD()), schedule=choice(Cosine(), OneCycle()), batch_size=choice(32, 64))
    assert is_open(recipe)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Recipe(epochs=0), "recipe.epochs: must be 1 or more; got 0"),
        (lambda: Recipe(batch_size=0), "recipe.batch_size: must be 1 or more; got 0"),
        (
            lambda: Recipe(loss="hinge"),
            "recipe.loss: 'hinge' is not an option; expected one of auto, cross_entropy",
        ),
        (
            lambda: Recipe(precision="fp8"),
            "recipe.precision: 'fp8' is not an option; expected one of fp32, bf16",
        ),
        (
            lambda: Recipe(init="zeros"),
            "recipe.init: 'zeros' is not an option; expected one of default, xavier_uniform",
        ),
        (lambda: Recipe(label_smoothing=1.0), "recipe.label_smoothing: must be from 0 to below 1; got 1.0"),
        (lambda: Recipe(clip_norm=-1.0), "recipe.clip_norm: must be 0 or more; got -1.0; 0 turns it off"),
        (
            lambda: Recipe(optimizer="adam"),
            r"recipe.optimizer: expected SGD\(\), Adam\(\) or AdamW\(\); got 'adam'",
        ),
        (lambda: Recipe(schedule="cosine"), r"recipe.schedule: expected Constant\(\), Cosine\(\)"),
        (lambda: Recipe(augment=1), r"recipe.augment: expected Augment\(shift=1\); got 1"),
        (lambda: Augment(shift=-1), "augment.shift: must be 0 or more pixels; got -1"),
        (lambda: AdamW(lr=0.0), "adamw.lr: must be above 0; got 0.0; 1e-3 is usual"),
        (lambda: Adam(weight_decay=-1.0), "adam.weight_decay: must be 0 or more; got -1.0; 0 turns it off"),
        (lambda: Adam(betas=(0.9, 1.0)), "adam.betas: must be at least 0 and below 1; got 1.0"),
        (lambda: Adam(betas=(0.9,)), r"adam.betas: two numbers are needed, as \(0.9, 0.999\)"),
        (lambda: Adam(eps=0.0), "adam.eps: must be above 0; got 0.0"),
        (lambda: SGD(momentum=1.0), "sgd.momentum: must be at least 0 and below 1; got 1.0"),
        (lambda: Cosine(warmup_epochs=-1.0), "cosine.warmup_epochs: must be 0 or more epochs; got -1.0"),
        (lambda: Cosine(final=2.0), "cosine.final: must be from 0 to 1; got 2.0"),
        (lambda: Step(every_epochs=0), "step.every_epochs: must be 1 or more; got 0"),
        (lambda: Step(gamma=0.0), "step.gamma: must be above 0 and at most 1; got 0.0"),
        (lambda: OneCycle(rise=1.0), "one_cycle.rise: must be between 0 and 1; got 1.0"),
        (lambda: OneCycle(start=0.0), "one_cycle.start: must be above 0, at most 1; got 0.0"),
        (lambda: OneCycle(final=-1.0), "one_cycle.final: must be from 0 to 1; got -1.0"),
    ],
)
def test_refusals(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


@pytest.mark.parametrize(
    "optimizer", [SGD(), SGD(momentum=0.0), SGD(nesterov=False), Adam(), AdamW(), AdamW(decay_all=True)]
)
def test_every_optimizer_steps_downhill(optimizer: Any) -> None:
    torch.manual_seed(0)
    module, x = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 1)), torch.randn(32, 4)
    made = optimizer.make(optimizer.groups(module.parameters()))
    losses = []
    for _ in range(20):
        loss = (module(x) - x.sum(1, keepdim=True)).square().mean()
        made.zero_grad()
        loss.backward()
        made.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


def test_norms_and_biases_are_spared_from_decay() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
    module[2].bias.requires_grad_(False)
    large, small = AdamW(weight_decay=0.1).groups(module.parameters())
    assert [p.ndim for p in large["params"]] == [4, 2]
    assert {p.ndim for p in small["params"]} == {1}
    assert len(small["params"]) == 3  # the frozen bias is not trained
    assert (large["weight_decay"], small["weight_decay"]) == (0.1, 0.0)
    assert [g["weight_decay"] for g in AdamW(weight_decay=0.1, decay_all=True).groups(module.parameters())] == [
        0.1,
        0.1,
    ]


def test_schedules_follow_their_formulae() -> None:
    assert Constant().factor(3, 10, 0.1) == 1
    assert Cosine().factor(0, 10, 0.1) == 1
    assert Cosine(final=0.2).factor(5, 10, 0.1) == pytest.approx(0.6)
    assert Cosine().factor(10, 10, 0.1) == pytest.approx(0, abs=1e-12)
    assert Step(every_epochs=3, gamma=0.5).factor(7.9, 10, 0.1) == 0.25
    cycle = OneCycle(rise=0.3, start=0.04, final=0.0)
    assert cycle.factor(0, 10, 0.1) == pytest.approx(0.04)
    assert cycle.factor(3, 10, 0.1) == pytest.approx(1)
    assert cycle.factor(1.5, 10, 0.1) == pytest.approx(0.52)
    assert Constant(warmup_epochs=2.0).factor(0, 10, 0.1) == pytest.approx(0.05)
    assert Constant(warmup_epochs=2.0).factor(1.9, 10, 0.1) == pytest.approx(1)


@pytest.mark.parametrize("schedule", [Cosine(final=0.1), OneCycle(final=0.001)])
def test_schedules_agree_with_torch(schedule: Any) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    steps = 101
    if isinstance(schedule, Cosine):
        theirs: Any = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, eta_min=0.1)
    else:
        theirs = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            1.0,
            total_steps=steps,
            pct_start=0.3,
            div_factor=25,
            final_div_factor=40,
            cycle_momentum=False,
        )
    for step in range(0, steps - 1):
        ours = schedule.factor(step, steps, 1.0)
        # torch's one-cycle counts its phases over steps - 1; a step's width is the tolerance
        assert ours == pytest.approx(
            optimizer.param_groups[0]["lr"], abs=1e-9 if isinstance(schedule, Cosine) else 0.06
        )
        optimizer.step()
        theirs.step()


@pytest.mark.parametrize("name", NAMES)
def test_every_initialisation_is_seeded_and_scaled(name: str) -> None:
    def made(seed: int) -> nn.Module:
        module = nn.ModuleList(
            [
                nn.Linear(256, 256),
                nn.Conv2d(32, 64, 3),
                nn.ConvTranspose2d(32, 64, 3),
                nn.BatchNorm2d(4),
                nn.LSTM(32, 32, proj_size=8),
                nn.GRU(32, 32),
                nn.MultiheadAttention(64, 4),
                nn.MultiheadAttention(64, 4, kdim=32, vdim=32),
                nn.Embedding(10, 64),
            ]
        )
        initialise(module, name, seed)
        return module

    a, b, c = made(0), made(0), made(1)
    for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True):
        assert torch.equal(x, y)
    assert not torch.equal(a[0].weight, c[0].weight)  # type: ignore[index]
    linear = a[0]  # type: ignore[index]
    wanted = {
        "he": math.sqrt(2 / 256),
        "xavier": math.sqrt(2 / 512),
        "orthogonal": 1 / 16,
        "default": 1 / 16 / math.sqrt(3),
    }
    # 65,536 draws: the deviation's own relative error is below 0.3 %, six of which are 2 %
    assert float(linear.weight.detach().std()) == pytest.approx(wanted[name.partition("_")[0]], rel=0.02)
    if name != "default":
        assert not linear.bias.any()


def test_he_counts_the_fan_in_of_a_transposed_convolution_by_its_inputs() -> None:
    layer = nn.ConvTranspose2d(64, 16, 3)
    torch.manual_seed(0)
    initialise(layer, "he_normal", 0)
    assert float(layer.weight.detach().std()) == pytest.approx(math.sqrt(2 / (64 * 9)), rel=0.05)


def test_gates_are_orthogonal_one_by_one() -> None:
    layer = nn.LSTM(16, 16)
    initialise(layer, "orthogonal", 0)
    for gate in layer.weight_hh_l0.chunk(4):
        assert torch.allclose(gate @ gate.T, torch.eye(16), atol=1e-5)
    assert set(NAMES) == {"default", *SCHEMES}


def test_shift_moves_whole_images() -> None:
    torch.manual_seed(0)
    image = torch.zeros(200, 2, 7, 7)
    image[:, :, 3, 3] = torch.tensor([1.0, 2.0])
    moved = shifted(image, 2)
    assert moved.shape == image.shape
    assert torch.equal(moved.sum(dim=(2, 3)), image.sum(dim=(2, 3)))
    spots = {tuple(where.tolist()) for where in moved[:, 0].nonzero()[:, 1:]}
    # each of the 25 places is missed by 200 images with odds 25 (24/25)^200 = 0.7 %; the seed is fixed
    assert spots == {(r, c) for r in range(1, 6) for c in range(1, 6)}
    assert torch.equal(moved[:, 0] * 2, moved[:, 1])


def test_flip_mirrors_half_of_them() -> None:
    torch.manual_seed(0)
    images = torch.arange(4.0).expand(400, 1, 2, 4)
    mirrored = (flipped(images)[:, 0, 0, 0] == 3).sum()
    assert 140 < int(mirrored) < 260  # six sigma of Binomial(400, 1/2)


def test_augmentation_is_for_images() -> None:
    table = torch.ones(4, 3)
    assert augmented(table, Augment()) is table
    with pytest.raises(
        TrainingError, match=r"shift and flip are for images \(B, C, H, W\); got an input of shape \(4, 3\)"
    ):
        augmented(table, Augment(flip=True))
