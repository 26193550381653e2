"""The reference kernel, timed beside the network to see the machine move."""

from __future__ import annotations

from collections.abc import Callable

import torch

_STEPS = 4
_SIZE = 64


def reference_kernel(place: torch.device) -> Callable[[], object]:
    """A fixed small computation, some tens of microseconds on a core: four products of 64 x 64 matrices, each followed
    by an activation and a scaling.

    So it is arithmetic, passes over the first caches, and launches of small kernels, as networks are. It was chosen by
    how well it moved with five kinds of networks on a loaded machine, block by block (correlation 0.5 to 0.7 of the
    logarithms); one that reads a matrix of 1 MiB moved more by itself and less with them (0.4 to 0.5).
    Its values are constants, so every process computes the same.
    """
    matrix = torch.full((_SIZE, _SIZE), 0.5, device=place)

    def run() -> object:
        value = matrix
        for _ in range(_STEPS):
            value = torch.relu(value @ matrix) * 0.001
        return value

    return run
