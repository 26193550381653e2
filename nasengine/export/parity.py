"""Parity: how far what was written is from the trained module, on the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from nasengine.errors import ExportError

Inputs = tuple[Tensor, ...]
Outputs = Mapping[str, Tensor]
RELATIVE = 1e-5
"""The tolerance is this times max(1, max |b|), b being an output of the trained module."""


@dataclass(frozen=True)
class Parity:
    """The output that comes nearest to its tolerance, over all batches.

    Args:
        format: what was run.
        runtime: what ran it.
        batches: batch sizes.
        output: name of the output.
        max_abs_error: max |a - b|, a from what was written and b from the trained module.
        tolerance: 1e-5 max(1, max |b|).
    """

    format: str
    runtime: str
    batches: tuple[int, ...]
    output: str
    max_abs_error: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Is the difference within the tolerance?"""
        return self.max_abs_error <= self.tolerance

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {**asdict(self), "batches": list(self.batches), "samples": sum(self.batches), "agrees": self.agrees}


def compare(
    format: str, runtime: str, found: Sequence[Outputs], wanted: Sequence[Outputs], batches: Sequence[int]
) -> Parity:
    """Compare outputs, one mapping of name to tensor a batch.

    Raises:
        ExportError: other outputs, or other shapes.
    """
    made: list[Parity] = []
    for mine, reference in zip(found, wanted, strict=True):
        if list(mine) != list(reference):
            raise ExportError(
                f"{format}: its outputs are {', '.join(reference)}; got {', '.join(mine)}; report this as a bug"
            )
        for name, b in reference.items():
            diff, bound = _difference(format, name, mine[name], b)
            made.append(Parity(format, runtime, tuple(batches), name, diff, bound))
    return max(made, key=lambda parity: parity.max_abs_error / parity.tolerance)


def _difference(format: str, name: str, a: Tensor, b: Tensor) -> tuple[float, float]:
    if a.shape != b.shape:
        raise ExportError(
            f"{format}: output {name} has the shape {tuple(b.shape)}; got {tuple(a.shape)}; report this as a bug"
        )
    a, b = a.detach().cpu().double(), b.detach().cpu().double()
    same = (a == b) | (a.isnan() & b.isnan())
    apart = torch.where(same, 0.0, (a - b).abs()).nan_to_num(nan=torch.inf)
    size = b[b.isfinite()].abs()
    return apart.max().item() if apart.numel() else 0.0, RELATIVE * max(1.0, size.max().item() if size.numel() else 0.0)


def run(module: Callable[..., Any], batches: Sequence[Inputs], names: Sequence[str]) -> list[Outputs]:
    """Outputs by name for each batch, without gradients."""
    made: list[Outputs] = []
    with torch.no_grad():
        for inputs in batches:
            out = module(*inputs)
            made.append(dict(out) if isinstance(out, dict) else {names[0]: out})
    return made
