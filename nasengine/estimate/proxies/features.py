"""Proxies from feature maps at the ends of blocks, for random inputs (Lee and Ham, 2024, AZ-NAS).

A block is a child of the root block, or a child of one, that ends where all that is computed passes through one value.
The weights are drawn from N(0, 2 / fan-in), the inputs are 16 normal examples.
"""

from __future__ import annotations

import torch

from nasengine.estimate.proxies.passes import Passes, Undefined

_STABLE = 1e-8
_STABLE_NORM = 1e-6


def expressivity(passes: Passes) -> float:
    """Σ over feature maps of the entropy of their principal components' shares. Lee and Ham (2024), section 3.2."""
    return sum(_entropies(passes))


def progressivity(passes: Passes) -> float:
    """The least growth of that entropy from a feature map to the next. Lee and Ham (2024), section 3.2."""
    entropies = _entropies(passes)
    return min(after - before for before, after in zip(entropies[:-1], entropies[1:], strict=True))


def trainability(passes: Passes) -> float:
    """Mean over blocks of 2 - s - 1/s, s the spectral norm of how a block passes gradients back.

    Lee and Ham (2024), section 3.2: the gradient that comes in is ±1 at random. Blocks are taken whose input and output
    have the same positions. It is highest, 0, where gradients neither vanish nor explode.
    """
    maps, axes = passes.features, passes.untrained.axes
    rng = torch.Generator().manual_seed(passes.seed)
    scores = [
        _stability(maps[k - 1], maps[k], (axes[k - 1], axes[k]), rng)
        for k in range(1, len(maps))
        if _positions(maps[k - 1], axes[k - 1]) == _positions(maps[k], axes[k])
    ]
    if not scores:
        raise Undefined("every block of it changes the positions of its feature map")
    return sum(scores) / len(scores)


def _entropies(passes: Passes) -> list[float]:
    maps = zip(passes.features, passes.untrained.axes, strict=True)
    return [_entropy(_rows(x.detach(), axis)) for x, axis in maps]


def _entropy(rows: torch.Tensor) -> float:
    """Entropy of the shares of variance along the principal components of (N, C)."""
    centred = (rows - rows.mean(0)).double()
    smaller = centred.T @ centred if centred.shape[0] >= centred.shape[1] else centred @ centred.T
    if not bool(torch.isfinite(smaller).all()):
        raise Undefined("a feature map of it is not finite with random weights")
    shares = torch.linalg.eigvalsh(smaller).clamp(min=0)
    shares = shares / shares.sum().clamp(min=torch.finfo(torch.float64).tiny)
    return float(-(shares * (shares + _STABLE).log()).sum())


def _stability(before: torch.Tensor, after: torch.Tensor, axes: tuple[int, int], rng: torch.Generator) -> float:
    signs = (torch.randint(0, 2, after.shape, generator=rng) * 2 - 1).to(after)
    (back,) = torch.autograd.grad(after, before, signs, retain_graph=True)
    came, went = _rows(back, axes[0]), _rows(signs, axes[1])
    norm = float(torch.linalg.matrix_norm(came.T @ went / len(went), 2))
    return 2 - norm - 1 / (norm + _STABLE_NORM)


def _rows(x: torch.Tensor, axis: int) -> torch.Tensor:
    """(B, ..., C, ...) → (B · positions, C)."""
    return x.movedim(axis, -1).flatten(0, -2)


def _positions(x: torch.Tensor, axis: int) -> tuple[int, ...]:
    return tuple(n for i, n in enumerate(x.shape) if i != axis)
