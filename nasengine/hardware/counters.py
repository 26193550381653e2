"""Other tools' counts of single operations: torch's FlopCounterMode on the meta device, and fvcore where installed.

Both are given in multiply-accumulates: torch's FLOPs are halved, and fvcore counts a multiply-accumulate as one FLOP.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from nasengine.hardware.runtimes.silence import silent

FVCORE_ABSENT = "fvcore is not installed; install it with: pip install 'nasengine[breakdown]'"


def fvcore_is_here() -> bool:
    """Is fvcore installed?"""
    return find_spec("fvcore") is not None


@dataclass(frozen=True)
class Count:
    """What a tool counts of one operation.

    Attributes:
        macs: multiply-accumulates; None where the tool cannot run it.
        counted: the tool's own names of what it counts, and how much of it is counted there.
        missed: the tool's names of what it has no rule for.
    """

    macs: int | None
    counted: dict[str, int] = field(default_factory=dict)
    missed: tuple[str, ...] = ()


def by_torch(call: Callable[..., Any], args: Sequence[Tensor]) -> Count:
    """Half of what ``FlopCounterMode`` counts in one call on the meta device, where torch counts attention and LSTM."""
    counter = FlopCounterMode(display=False)
    try:
        with counter, torch.no_grad():
            call(*(value.to("meta") for value in args))
    except Exception:  # noqa: BLE001 - what depends on values fails in many ways without them; it has no count then
        return Count(None)
    found = counter.get_flop_counts().get("Global", {})
    counted = {str(op).rpartition(".")[2]: int(n) // 2 for op, n in found.items()}
    return Count(counter.get_total_flops() // 2, counted)


def by_fvcore(call: Callable[..., Any], args: Sequence[Tensor]) -> Count:
    """What ``fvcore.nn.FlopCountAnalysis`` counts in one call; it traces the call with ``torch.jit``."""
    if not fvcore_is_here():
        return Count(None)
    with silent():
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(_Call(call), tuple(args))
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        try:
            counted = {str(name): int(n) for name, n in analysis.by_operator().items() if n}
            return Count(int(analysis.total()), counted, tuple(sorted(analysis.unsupported_ops())))
        except Exception:  # noqa: BLE001 - the tracer raises whatever the traced code does; it has no count then
            return Count(None)


class _Call(nn.Module):
    """A call as a module, which is what a tracer takes."""

    def __init__(self, call: Callable[..., Any]) -> None:
        super().__init__()
        self.call = call  # registered where it is a module itself

    def forward(self, *values: Tensor) -> Any:
        return self.call(*values)
