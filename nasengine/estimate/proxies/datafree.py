"""Proxies that read no data: from the weights, from inputs of ones or noise, or from the graph alone."""

from __future__ import annotations

import math

from nasengine.estimate.proxies.passes import Passes, Undefined


def synflow(passes: Passes) -> float:
    """log Σ |θ · ∂R/∂θ|, R the sum of outputs for inputs of ones, all parameters positive and norms left out.

    Tanaka et al. (2020), "Pruning neural networks without any data by iteratively conserving synaptic flow",
    algorithm 1; summed as Abdelfattah et al. (2021), section 3.2. The logarithm, since the sum grows exponentially with
    depth.
    """
    flow = passes.flow
    if not flow > 0:
        raise Undefined("no path of positive numbers leads from its inputs to its outputs")
    return math.log(flow)


def zen(passes: Passes) -> float:
    """log E‖f(x) - f(x + 0.01 x')‖₁ + Σ log σ: how expressive a network of random weights is, with norms undone.

    Lin et al. (2021), "Zen-NAS: a zero-shot NAS for high-performance image recognition", algorithm 1. f is the last
    feature map before positions are pooled (an output where none is); x and x' are 16 normal inputs and the weights are
    drawn from N(0, 1). σ² is the mean running variance of each batch norm after the two passes, as in the published
    code: nine tenths of what it was built with remain after each pass.
    """
    return passes.zen


def l2_norm(passes: Passes) -> float:
    """Σ ‖θ‖₂, one term a weight tensor. A baseline of Abdelfattah et al. (2021), in their published code."""
    return sum(float(w.detach().double().norm()) for w in passes.untrained.weights.values())


def params(passes: Passes) -> float:
    """Trainable numbers, from the graph: what every proxy has to be better than (Ning et al., 2021, section 4)."""
    return float(passes.graph.cost.params)


def macs(passes: Passes) -> float:
    """Multiply-accumulates of one example, from the graph (Ning et al., 2021, section 4)."""
    return float(passes.graph.cost.macs)
