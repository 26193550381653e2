"""Proxies from how a network tells the examples of one batch apart."""

from __future__ import annotations

import numpy as np

from nasengine.estimate.proxies.passes import Passes, Undefined

_STABLE = 1e-5


def nwot(passes: Passes) -> float:
    """log det K, where K counts in how many rectified units two examples have the same binary code.

    Mellor et al. (2021), "Neural architecture search without training", equation 2. A unit's code is whether its input
    is positive, at every ReLU; other activations with a bend at zero (GELU, SiLU, ELU, ...) are taken likewise.
    """
    kernel = passes.forward.watch.kernel
    _require_examples(passes)
    if not float(kernel.sum()):
        raise Undefined("it has no ReLU, or other activation with a bend at zero, over examples")
    sign, value = np.linalg.slogdet(kernel.numpy())
    if sign <= 0:
        raise Undefined("its code tells two examples of the batch apart nowhere: the kernel is singular")
    return float(value)


def jacov(passes: Passes) -> float:
    """-Σ (log(v + k) + 1 / (v + k)) over the eigenvalues v of the correlations between the examples' Jacobians.

    Mellor et al. (2020), "Neural architecture search without training", first version, section 3, with k = 1e-5; as
    Abdelfattah et al. (2021) use it. The Jacobian is that of the sum of all outputs.
    """
    _require_examples(passes)
    rows = passes.jacobian.double().cpu().numpy()
    if not (np.isfinite(rows).all() and (rows.std(axis=1) > 0).all()):
        raise Undefined("an example's Jacobian is constant or not finite: it has no correlation with the others")
    values = np.linalg.eigvalsh(np.corrcoef(rows)).clip(min=0) + _STABLE
    return float(-(np.log(values) + 1 / values).sum())


def _require_examples(passes: Passes) -> None:
    if passes.examples < 2:
        raise Undefined("it compares examples, and its inputs have no batch axis")
