"""Autoencoders in plain torch, from the papers' equations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


def layers(*widths: int, activation: type[nn.Module], last: type[nn.Module] | None = None) -> nn.Sequential:
    """Linear layers of these widths, an activation between them and ``last`` after the last one."""
    made: list[nn.Module] = []
    for m, n in pairwise(widths):
        made += [nn.Linear(m, n), activation()]
    if made:
        made[-1:] = [] if last is None else [last()]
    return nn.Sequential(*made)


class DenseAutoencoder(nn.Module):
    """Hinton and Salakhutdinov (2006), fig. 1; with one layer, Vincent et al. (2008), eq. 1 and 2."""

    def __init__(
        self, down: Sequence[int], up: Sequence[int], activation: type[nn.Module], code: type[nn.Module] | None = None
    ) -> None:
        super().__init__()
        self.encoder = layers(*down, activation=activation, last=code)
        self.decoder = layers(*up, activation=activation, last=nn.Sigmoid)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.decoder(self.encoder(x.flatten(1))).reshape(x.shape)
        return made


class DenseVAE(nn.Module):
    """Kingma and Welling (2014), appendix C.1 and C.2: hidden layers, then mean and log variance; evaluation's mean."""

    def __init__(
        self,
        down: Sequence[int],
        latent: int,
        up: Sequence[int],
        activations: tuple[type[nn.Module], type[nn.Module]] = (nn.Tanh, nn.Tanh),
    ) -> None:
        super().__init__()
        self.encoder = layers(*down, activation=activations[0], last=activations[0])
        self.mean, self.log_variance = nn.Linear(down[-1], latent), nn.Linear(down[-1], latent)
        self.decoder = layers(latent, *up, activation=activations[1], last=nn.Sigmoid)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.encoder(x.flatten(1))
        mean, log_variance = self.mean(h), self.log_variance(h)
        return self.decoder(mean).reshape(x.shape), mean, log_variance


class ConvVAE(nn.Module):
    """Higgins et al. (2017), appendix A.1, table 1: 4 × 4 convolutions of stride 2, linear layers, and all in reverse.

    Burgess et al. (2018), appendix A.1, is the same with other widths and one linear layer more.
    """

    def __init__(self, side: int, widths: Sequence[int], hidden: Sequence[int], latent: int) -> None:
        super().__init__()
        convs: list[nn.Module] = []
        for m, n in pairwise(widths):
            convs += [nn.Conv2d(m, n, 4, stride=2, padding=1), nn.ReLU()]
        self.convs, self.side = nn.Sequential(*convs), side // 2 ** (len(widths) - 1)
        flat = widths[-1] * self.side**2
        self.encoder = layers(flat, *hidden, activation=nn.ReLU, last=nn.ReLU)
        self.mean, self.log_variance = nn.Linear(hidden[-1], latent), nn.Linear(hidden[-1], latent)
        self.decoder = layers(latent, *reversed(hidden), flat, activation=nn.ReLU, last=nn.ReLU)
        back: list[nn.Module] = []
        for m, n in pairwise(widths[::-1]):
            back += [nn.ConvTranspose2d(m, n, 4, stride=2, padding=1), nn.ReLU()]
        self.back = nn.Sequential(*back[:-1], nn.Sigmoid())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.encoder(self.convs(x).flatten(1))
        mean, log_variance = self.mean(h), self.log_variance(h)
        image = self.decoder(mean).reshape(len(x), -1, self.side, self.side)
        return self.back(image), mean, log_variance
