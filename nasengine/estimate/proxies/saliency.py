"""Proxies from the gradient of the loss on one batch, as Abdelfattah et al. (2021) use them (section 3.2).

Sums run over the weights: trained tensors of two or more axes (biases, norms' scales and the like are left out).
"""

from __future__ import annotations

import torch

from nasengine.estimate.proxies.passes import Passes, Undefined


def snip(passes: Passes) -> float:
    """Σ |θ · ∂L/∂θ|: how much the loss would change if each weight were taken out, to first order.

    Lee, Ajanthan and Torr (2019), "SNIP: single-shot network pruning based on connection sensitivity", section 4.1.
    """
    weights = passes.untrained.weights
    terms = [(weights[name] * g).detach().abs().sum() for name, g in passes.gradients.items()]
    return _total(terms)


def grad_norm(passes: Passes) -> float:
    """Σ ‖∂L/∂θ‖₂, one term a weight tensor. Abdelfattah et al. (2021), section 3.2."""
    return _total([g.detach().norm() for g in passes.gradients.values()])


def grasp(passes: Passes) -> float:
    """-Σ θ · (H ∂L/∂θ), H the Hessian of the loss: whether taking weights out would keep the gradient's flow.

    Wang, Zhang and Grosse (2020), "Picking winning tickets before training by preserving gradient flow", section 4;
    with the sign of Abdelfattah et al. (2021), section 3.2.
    """
    return -passes.curvature


def fisher(passes: Passes) -> float:
    """Σ ½ mean_n (Σ a · ∂L/∂a)² over channels of linear layers and convolutions, a channel counted once a weight.

    Turner et al. (2020), "BlockSwap: Fisher-guided block substitution for network compression on a budget", after
    Theis et al. (2018); counted by weights as Abdelfattah et al. (2021) do.
    """
    _ = passes.gradients  # its backward pass takes the notes
    watch = passes.forward.watch
    if not watch.layers:
        raise Undefined("no linear layer or convolution of it takes part in the loss")
    return watch.saliency


def _total(terms: list[torch.Tensor]) -> float:
    return float(torch.stack([term.double() for term in terms]).sum()) if terms else 0.0
