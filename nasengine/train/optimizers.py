"""Optimizers as specs. Weight decay spares norms and biases unless asked otherwise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import torch

from nasengine.errors import SpaceError
from nasengine.space.spec import Spec, tagged

Groups = list[dict[str, Any]]


class Optimizer(Spec, ABC):
    """Base of all optimizer specs: a learning rate, a weight decay, and what builds the torch optimizer."""

    lr: float
    weight_decay: float
    decay_all: bool

    @abstractmethod
    def make(self, groups: Groups) -> torch.optim.Optimizer:
        """The torch optimizer of these parameter groups."""

    def groups(self, parameters: Iterable[torch.nn.Parameter]) -> Groups:
        """Matrices and kernels, which decay; vectors (norms, biases), which decay if ``decay_all``."""
        trained = [p for p in parameters if p.requires_grad]
        large = [p for p in trained if p.ndim > 1]
        small = [p for p in trained if p.ndim <= 1]
        spared = self.weight_decay if self.decay_all else 0.0
        groups = [
            {"params": large, "weight_decay": self.weight_decay},
            {"params": small, "weight_decay": spared},
        ]
        return [group for group in groups if group["params"]]

    def validate(self) -> None:
        require(
            self.lr > 0,
            f"{self.tag}.lr: must be above 0; got {self.lr}; 1e-3 is usual",
        )
        require(
            self.weight_decay >= 0,
            f"{self.tag}.weight_decay: must be 0 or more; got {self.weight_decay}; 0 turns it off",
        )


@tagged("sgd")
class SGD(Optimizer):
    """Gradient descent with momentum (Polyak, 1964), Nesterov's form by default (Sutskever et al., 2013)."""

    lr: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    decay_all: bool = False

    def validate(self) -> None:
        super().validate()
        _require_unit("sgd.momentum", self.momentum)

    def make(self, groups: Groups) -> torch.optim.Optimizer:
        nesterov = self.nesterov and self.momentum > 0  # Nesterov's form of no momentum is plain descent
        return torch.optim.SGD(groups, self.lr, self.momentum, nesterov=nesterov, fused=True)


@tagged("adam")
class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015, algorithm 1); its decay is an L2 penalty on the gradient."""

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    decay_all: bool = False

    def validate(self) -> None:
        super().validate()
        _validate_adam(self)

    def make(self, groups: Groups) -> torch.optim.Optimizer:
        return torch.optim.Adam(groups, self.lr, self.betas, self.eps, fused=True)


@tagged("adamw")
class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019, algorithm 2)."""

    lr: float = 2e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.01
    decay_all: bool = False

    def validate(self) -> None:
        super().validate()
        _validate_adam(self)

    def make(self, groups: Groups) -> torch.optim.Optimizer:
        return torch.optim.AdamW(groups, self.lr, self.betas, self.eps, fused=True)


def require(condition: bool, message: str) -> None:
    """Raises SpaceError with the message unless the condition holds."""
    if not condition:
        raise SpaceError(message)


def _require_unit(place: str, value: float) -> None:
    require(0 <= value < 1, f"{place}: must be at least 0 and below 1; got {value}; 0.9 is usual")


def _validate_adam(spec: Adam | AdamW) -> None:
    require(
        isinstance(spec.betas, tuple) and len(spec.betas) == 2,
        f"{spec.tag}.betas: two numbers are needed, as (0.9, 0.999); got {spec.betas!r}",
    )
    for beta in spec.betas:
        _require_unit(f"{spec.tag}.betas", beta)
    require(spec.eps > 0, f"{spec.tag}.eps: must be above 0; got {spec.eps}; 1e-8 is usual")
