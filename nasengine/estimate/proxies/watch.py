"""What is noted while a network runs: the codes of its rectifiers, and how much its channels matter to the loss."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch.utils.hooks import RemovableHandle

from nasengine.modules.quick_gelu import QuickGELU

RECTIFIERS = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish,
    nn.Hardswish, nn.Softplus, QuickGELU,
)  # fmt: skip
"""Activations with a kink, or a bend, at zero: their code is the sign of what comes in."""


class Watch:
    """Notes taken during one forward pass and the backward passes through it.

    Attributes:
        kernel: (B, B) float64: in how many rectified units two examples have the same code, summed over applications.
        tensors: how many different values the rectifiers read.
        embedded: outputs of embeddings, in order.
        saliency: Σ over weighted layers of the channels' Fisher information, each counted once a weight.
    """

    def __init__(self, examples: int) -> None:
        self.kernel = torch.zeros(examples, examples, dtype=torch.float64)
        self.tensors = 0
        self.embedded: list[torch.Tensor] = []
        self.saliency = 0.0
        self.layers = 0
        self._examples = examples
        self._seen: dict[int, tuple[weakref.ref[torch.Tensor], torch.Tensor]] = {}
        self._of_loss = False

    @contextmanager
    def on(self, network: nn.Module, *, codes: bool, saliency: bool) -> Iterator[None]:
        """Watch the network's modules for a while."""
        handles: list[RemovableHandle] = []
        for module in network.modules():
            if isinstance(module, RECTIFIERS) and codes:
                handles.append(module.register_forward_pre_hook(self._rectified))
            elif isinstance(module, (nn.Linear, _ConvNd)) and saliency:
                handles.append(module.register_forward_hook(self._weighted))
            elif isinstance(module, nn.Embedding):
                handles.append(module.register_forward_hook(self._embedding))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self._seen.clear()

    @contextmanager
    def of_loss(self) -> Iterator[None]:
        """The backward pass inside is the loss's: gradients of activations are noted."""
        self._of_loss = True
        try:
            yield
        finally:
            self._of_loss = False

    def _embedding(self, _: nn.Module, __: tuple[Any, ...], out: Any) -> None:
        self.embedded.append(out if isinstance(out, torch.Tensor) else out[0])  # a tied one gives its table too

    # --- codes -----------------------------------------------------------------------------------------------------

    def _rectified(self, _: nn.Module, inputs: tuple[Any, ...]) -> None:
        x = inputs[0]
        if x.shape[0] != self._examples or x.ndim < 2:
            return
        known = self._seen.get(id(x))
        if known is None or known[0]() is not x:  # several rectifiers may read one value
            with torch.no_grad():
                gram = _agreements(x.flatten(1) > 0).cpu()
            known = self._seen[id(x)] = (weakref.ref(x), gram)
            self.tensors += 1
        self.kernel += known[1]

    # --- saliency ----------------------------------------------------------------------------------------------------

    def _weighted(self, module: nn.Module, inputs: tuple[Any, ...], out: Any) -> None:
        if not (isinstance(out, torch.Tensor) and out.requires_grad and out.ndim >= 2):
            return
        activation = out.detach()
        axis = 1 if isinstance(module, _ConvNd) else out.ndim - 1
        weights = module.weight.numel() // out.shape[axis]  # type: ignore[operator]

        def note(gradient: torch.Tensor) -> None:
            if self._of_loss:
                self.layers += 1
                self.saliency += weights * _fisher(activation, gradient.detach(), axis)

        out.register_hook(note)


def _agreements(positive: torch.Tensor) -> torch.Tensor:
    """(B, units) truth values → (B, B) float64: in how many units two examples agree. Exact below 2^24 units."""
    signs = positive.to(torch.float32).mul_(2).sub_(1)
    return (signs.shape[1] + (signs @ signs.T).double()) / 2


def _fisher(activation: torch.Tensor, gradient: torch.Tensor, axis: int) -> float:
    """Σ_k ½ mean_n (Σ over positions of activation · gradient)², over the channels k (Theis et al., 2018)."""
    product = activation * gradient
    positions = [i for i in range(1, product.ndim) if i != axis]
    by_channel = product.sum(positions) if positions else product
    return float(by_channel.double().square().mean(0).sum() / 2)
