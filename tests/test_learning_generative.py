"""Generative networks learn: autoencoders give digits back, samples of a Wasserstein GAN approach a distribution."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from nasengine import Architecture
from nasengine.space.spec import Label
from search_spaces import autoencoder, gan

SIGMOID: dict[str, Label] = {"latent": 8, "output": "sigmoid", "encoder_activation": "relu", "corrupt": "none"}
DENSE = SIGMOID | {"*.encoder": "dense", "*.decoder": "dense", "*.hidden.times": 1, "*.hidden.0": 64}
DENSE |= {"decoder_activation": "relu"}
CONV = SIGMOID | {"*.encoder": "conv", "*.decoder": "conv", "*.convs.times": 2, "*.channels": 16, "encoder_kernel": 3}
CONV |= {"encoder_norm": "identity", "*.norm": "identity", "*.hidden.times": 0, "*.widths.*": 16, "*.widths.times": 2}
CONV |= {"*.kernel": 3, "*.upsample": "transpose", "decoder_activation": "relu"}
CODE: dict[str, Label] = {"bottleneck": "code", "latent_activation": "identity"}
VARIATIONAL: dict[str, Label] = {"bottleneck": "variational"}


def digits() -> tuple[Tensor, Tensor]:
    """Images in [0, 1], to train on and to test with."""
    images = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16
    return images[:1400], images[1400:]


def negative_elbo(made: Mapping[str, Tensor], target: Tensor, beta: float) -> Tensor:
    """Kingma and Welling (2014), eq. 10; beta weighs the divergence (Higgins et al., 2017, eq. 4)."""
    mean, log_variance = made["mean"], made["log_variance"]
    divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1).mean()
    error = F.binary_cross_entropy(made["reconstruction"], target, reduction="none").sum((1, 2, 3)).mean()
    return error + beta * divergence


def fitted(member: Architecture, train: Tensor, *, steps: int = 400, beta: float = 1.0, seed: int = 0) -> nn.Module:
    """The member after so many steps of Adam on batches of 64, in evaluation."""
    torch.manual_seed(seed)
    network = member.build().train()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(steps):
        batch = train[torch.randint(0, len(train), (64,))]
        made = network(batch)
        variational = isinstance(made, dict)
        loss = negative_elbo(made, batch, beta) if variational else F.binary_cross_entropy(made, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def share(made: Tensor, train: Tensor, test: Tensor) -> float:
    """Squared error of a reconstruction as a share of the mean image's."""
    return float((made - test).square().mean() / (test - train.mean(0)).square().mean())


@pytest.mark.parametrize("layers", [DENSE, CONV], ids=["dense", "conv"])
def test_an_autoencoder_gives_digits_back(layers: dict[str, Label]) -> None:
    """Eight numbers a digit: 0.28 to 0.32 (dense), 0.33 to 0.37 (conv) of the mean image's error over five seeds."""
    train, test = digits()
    network = fitted(autoencoder.small.select(layers | CODE), train)
    with torch.no_grad():
        assert share(network(test), train, test) < 0.5


def test_a_denoising_autoencoder_takes_noise_away() -> None:
    """Noise of deviation 0.3 on unseen digits: 0.34 to 0.36 of its square is left over five seeds."""
    train, test = digits()
    network = fitted(autoencoder.small.select(DENSE | CODE | {"corrupt": "noise_0.3"}), train)
    noisy = test + 0.3 * torch.randn(test.shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        left = (network(noisy) - test).square().mean() / (noisy - test).square().mean()
    assert left < 0.5


def test_a_vae_gives_digits_back_and_its_decoder_draws_them() -> None:
    """0.49 to 0.51 of the mean image's error over five seeds; drawn digits have the mean of real ones."""
    train, test = digits()
    member = autoencoder.small.select(DENSE | VARIATIONAL)
    network = fitted(member, train)
    decoder = autoencoder.decoder_of(member).build().eval()
    decoder.load_state_dict({k.removeprefix("decoder."): v for k, v in network.state_dict().items() if "decoder." in k})
    with torch.no_grad():
        assert share(network(test)["reconstruction"], train, test) < 0.75
        drawn = decoder(torch.randn(1_000, 8, generator=torch.Generator().manual_seed(1)))
    assert (drawn.mean(0) - train.mean(0)).abs().mean() < 0.5 * (train.mean(0) - train.mean()).abs().mean()
    assert drawn.std(0).mean() > 0.3 * train.std(0).mean()  # and they differ from one another; real ones do more


def test_a_small_beta_buys_reconstruction() -> None:
    """The weight of the divergence is the loss's: 0.33 to 0.37 of the mean image's error at 0.2, 0.49 to 0.51 at 1."""
    train, test = digits()
    member = autoencoder.small.select(DENSE | VARIATIONAL)
    low, high = (fitted(member, train, beta=beta) for beta in (0.2, 1.0))
    with torch.no_grad():
        shares = [share(network(test)["reconstruction"], train, test) for network in (low, high)]
    assert shares[0] < shares[1] - 0.05


def squares(count: int) -> Tensor:
    """Dark images of 16 × 16 with a bright block on the left or on the right, of one brightness or another."""
    images = -torch.ones(count, 1, 16, 16)
    left, level = torch.rand(count) < 0.5, 0.5 + 0.1 * torch.randn(count, 1, 1, 1)
    images[left, :, 4:12, 1:7] = level[left]
    images[~left, :, 4:12, 9:15] = level[~left]
    return images


CRITIC: dict[str, Label] = {
    "generator.inputs.features": 8, "generator.*": "transpose_4", "generator.start": "conv",
    "generator.start.*.channels": 16, "generator_8": 16, "generator_norm": "batch_norm", "generator_activation": "relu",
    "discriminator.*": "conv", "discriminator.*.kernel": 4, "discriminator.more.times": 0, "discriminator_0": 12,
    "discriminator_1": 16, "discriminator_norm": "layer_norm", "discriminator_activation": "leaky_relu",
    "output": "critic",
}  # fmt: skip


def judged(critic: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The critic's distance, and its loss with a gradient penalty (Gulrajani et al., 2017, eq. 3)."""
    mixed = (real + torch.rand(len(real), 1, 1, 1) * (fake - real)).requires_grad_()
    (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
    distance = critic(real).mean() - critic(fake).mean()
    return distance, 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean() - distance


@pytest.mark.slow
@pytest.mark.representative
def test_a_wasserstein_gan_with_gradient_penalty_learns_both_modes() -> None:
    """150 steps: over three seeds the distance fell below 0.15 of its peak; each mode had 41 to 45 % of samples."""
    torch.manual_seed(0)
    member = gan.small.select(CRITIC)
    generator, critic = (member.build(name).train() for name in ("generator", "discriminator"))
    one, other = (torch.optim.Adam(m.parameters(), 1e-3, betas=(0.0, 0.9)) for m in (generator, critic))
    distances: list[float] = []
    for _ in range(150):
        for _ in range(5):
            distance, loss = judged(critic, squares(32), generator(torch.randn(32, 8)).detach())
            other.zero_grad()
            loss.backward()
            other.step()
        distances.append(distance.item())
        one.zero_grad()
        (-critic(generator(torch.randn(32, 8))).mean()).backward()
        one.step()
    with torch.no_grad():
        drawn = generator(torch.randn(1_000, 8))
    assert sum(distances[-20:]) / 20 < 0.4 * max(distances)
    left, right = drawn[:, 0, 4:12, 1:7].mean((1, 2)), drawn[:, 0, 4:12, 9:15].mean((1, 2))
    assert ((left > 0) & (right < -0.5)).float().mean() > 0.25
    assert ((right > 0) & (left < -0.5)).float().mean() > 0.25
