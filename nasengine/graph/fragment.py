"""Fragment: a block lowered on given input types, with everything that is known of it without torch.

Fragments are cached per (block, input types), so that a candidate is a join of fragments it shares with others. A
primitive's fragment is a leaf; a composite's holds calls to smaller fragments over numbered values: the inputs first,
then each call's outputs in order.
"""

from __future__ import annotations

from functools import cached_property
from hashlib import blake2b
from typing import Any, NamedTuple, cast

from nasengine.graph.cost import POINT, Reach, compose
from nasengine.graph.tensor import BYTES, TensorType
from nasengine.graph.vocabulary import Block, Call, Parameter, Primitive

NOTHING = (0, 0)
LABEL = 16
"""Bytes of a label. The first is 1 where the operation is pure (no state, not random), so equal uses may be merged."""


class FragmentCall(NamedTuple):
    """One application inside a composite. Calls of one ``module`` name share their weights."""

    fragment: Fragment
    module: str
    name: str
    args: tuple[int, ...]
    first: int
    """Number of its first output value."""

    @property
    def outs(self) -> range:
        """Numbers of its output values."""
        return range(self.first, self.first + len(self.fragment.outputs))


class Fragment:
    """A lowered block. Immutable; costs are for one sample."""

    def __init__(
        self,
        block: Block,
        inputs: tuple[TensorType, ...],
        outputs: tuple[TensorType, ...],
        *,
        calls: tuple[FragmentCall, ...] = (),
        refs: tuple[int, ...] = (),
        call: Call | None = None,
    ) -> None:
        self.block, self.inputs, self.outputs = block, inputs, outputs
        self.calls, self.refs, self.call = calls, refs, call
        self.passes_through = call is None and not calls
        """Does it only hand its inputs on?"""
        self.size: int = 1 if call is not None else sum([c.fragment.size for c in calls])
        """Number of primitives."""
        self._peaks: dict[Any, int] = {}

    @staticmethod
    def row(block: Block, inputs: tuple[TensorType, ...], parts: list[tuple[str, Fragment]]) -> Fragment:
        """Fragments one after another: every reading of a row is a join of its parts' readings."""
        params = macs = param_bytes = state_bytes = idle_params = idle_macs = 0
        peak = inputs[0].nbytes
        reach: Reach | None = POINT
        clean = True
        calls = []
        for k, (name, part) in enumerate(parts):
            calls.append(FragmentCall(part, name, name, (k,), k + 1))
            own = part.sizes
            params, param_bytes, state_bytes = params + own[0], param_bytes + own[1], state_bytes + own[2]
            macs += part.macs
            if part.idle != NOTHING:
                idle_params, idle_macs = idle_params + part.idle[0], idle_macs + part.idle[1]
            peak = max(peak, part.peak())
            clean = clean and part.is_clean and not part.is_ragged
            step = part.reach[0][0]
            reach = None if reach is None or step is None else compose(reach, step)
        outputs = parts[-1][1].outputs if parts else inputs
        made = Fragment(block, inputs, outputs, calls=tuple(calls), refs=(len(calls),))
        made._peaks[0] = peak
        made.__dict__.update(
            is_row=True,
            shares=False,
            sizes=(params, param_bytes, state_bytes),
            macs=macs,
            idle=(idle_params, idle_macs),
            reach=((reach,),),
            is_clean=clean,
            is_ragged=reach is None,
        )
        return made

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """State of a primitive; a composite's is in its parts."""
        return self.block.parameters(*self.inputs) if isinstance(self.block, Primitive) else ()

    @cached_property
    def distinct(self) -> tuple[FragmentCall, ...]:
        """Calls with each shared module once."""
        return tuple({call.module: call for call in self.calls}.values())

    @cached_property
    def shares(self) -> bool:
        """Is one module applied more than once here?"""
        return len({call.module for call in self.calls}) < len(self.calls)

    @cached_property
    def is_row(self) -> bool:
        """Is it calls in a row, each taking what the one before made?"""
        value = 0
        for call in self.calls:
            if call.args != (value,) or len(call.fragment.outputs) != 1:
                return False
            value = call.first
        return self.call is None and self.refs == (value,) and len(self.inputs) == 1 and not self.shares

    @cached_property
    def sizes(self) -> tuple[int, int, int]:
        """(trainable numbers, their bytes, bytes of parameters and buffers)."""
        params = param_bytes = state_bytes = 0
        if self.call is not None:
            for parameter in self.parameters:
                count = parameter.numel
                taken = count * BYTES[parameter.dtype]
                state_bytes += taken
                if parameter.trainable:
                    params, param_bytes = params + count, param_bytes + taken
            return params, param_bytes, state_bytes
        for call in self.distinct if self.shares else self.calls:
            part = call.fragment.sizes
            params, param_bytes, state_bytes = params + part[0], param_bytes + part[1], state_bytes + part[2]
        return params, param_bytes, state_bytes

    @property
    def params(self) -> int:
        """Trainable numbers."""
        return self.sizes[0]

    @property
    def param_bytes(self) -> int:
        """Bytes of the trainable numbers."""
        return self.sizes[1]

    @property
    def state_bytes(self) -> int:
        """Bytes of parameters and buffers."""
        return self.sizes[2]

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of one sample."""
        if self.call is not None:
            return cast(Primitive, self.block).macs(self.inputs, self.outputs)
        return sum(c.fragment.macs for c in self.calls)

    @cached_property
    def idle(self) -> tuple[int, int]:
        """(parameters, MACs) that one sample leaves unused."""
        if self.call is not None:
            return cast(Primitive, self.block).idle(self.inputs, self.outputs)
        params = sum([c.fragment.idle[0] for c in (self.distinct if self.shares else self.calls)])
        return params, sum([c.fragment.idle[1] for c in self.calls])

    @cached_property
    def reach(self) -> tuple[tuple[Reach | None, ...], ...]:
        """For each output and input, the local window between them; None where they are not connected."""
        if self.call is not None:
            op = cast(Primitive, self.block)
            one = None if op.on_zero() == "source" else op.reach(*self.inputs)
            return tuple(tuple(one for _ in self.inputs) for _ in self.outputs)
        known = [tuple([POINT if i == j else None for j in range(len(self.inputs))]) for i in range(len(self.inputs))]
        for call in self.calls:
            before = [known[a] for a in call.args]
            known.extend([_reach_through(one, before) for one in call.fragment.reach])
        return tuple([known[r] for r in self.refs])

    @cached_property
    def extent(self) -> float:
        """The deepest local window of any output on the first input."""
        return max((reach[0][0] for reach in self.reach if reach and reach[0] is not None), default=0.0)

    @cached_property
    def is_ragged(self) -> bool:
        """Does an output depend on no input, or an input reach no output?"""
        reach = self.reach
        if len(reach) == 1:
            return not reach[0] or None in reach[0]
        outputs = any(all(r is None for r in out) for out in reach)
        return outputs or any(all(out[i] is None for out in reach) for i in range(len(self.inputs)))

    @cached_property
    def is_clean(self) -> bool:
        """Is there no dead and no zero part in it?"""
        if self.call is not None:
            return cast(Primitive, self.block).on_zero() != "source"
        for part in {c.fragment for c in self.calls}:
            if not part.is_clean or part.is_ragged:
                return False
        return self.is_row or len(self.needed) == len(self.calls)

    @cached_property
    def needed(self) -> tuple[FragmentCall, ...]:
        """Calls that an output depends on."""
        wanted = set(self.refs)
        kept: list[FragmentCall] = []
        for call in reversed(self.calls):
            single = len(call.fragment.outputs) == 1
            if call.first in wanted if single else not wanted.isdisjoint(call.outs):
                wanted.update(call.args)
                kept.append(call)
        return tuple(kept[::-1])

    @cached_property
    def views(self) -> tuple[int | None, ...]:
        """For each output, the input whose memory it shares; None for memory of its own."""
        if self.call is not None:
            return tuple(0 if cast(Primitive, self.block).view else None for _ in self.outputs)
        inputs = len(self.inputs)
        memory = self._memory(tuple(range(inputs)))
        return tuple(memory[r] if memory[r] < inputs else None for r in self.refs)

    def _memory(self, same: tuple[int, ...]) -> list[int]:
        """For each value, the first value that lies in the same memory."""
        memory = list(same)
        for call in self.calls:
            for out, view in enumerate(call.fragment.views, call.first):
                memory.append(out if view is None else memory[call.args[view]])
        return memory

    def peak(self, kept: int = 0, same: tuple[int, ...] | None = None) -> int:
        """Most bytes alive at once while it runs.

        Args:
            kept: bit mask of inputs that something later still needs.
            same: for each input, the first input in the same memory; None where each has its own.
        """
        key = kept if same is None else (kept, same)
        found = self._peaks.get(key)
        if found is None:
            given = same or tuple(range(len(self.inputs)))
            found = self._leaf_peak(given) if self.call is not None else self._composite_peak(kept, given)
            self._peaks[key] = found
        return found

    def _leaf_peak(self, same: tuple[int, ...]) -> int:
        taken = 0 if cast(Primitive, self.block).view else sum(t.nbytes for t in self.outputs)
        return sum(self.inputs[i].nbytes for i in set(same)) + taken

    def _composite_peak(self, kept: int, same: tuple[int, ...]) -> int:
        memory = self._memory(same)
        sizes, last = self._lifetimes(kept, memory)
        alive = peak = sum(sizes[i] for i in set(same))
        alive -= sum(sizes[i] for i in set(same) if last[i] < 0)
        for step, call in enumerate(self.calls):
            fragment, args, first = call.fragment, call.args, call.first
            if len(args) == 1:
                place = memory[args[0]]
                inside, held = fragment.peak(last[place] > step), sizes[place]
                freed = held if last[place] == step else 0
            else:
                places = [memory[a] for a in args]
                distinct = set(places)
                later = sum([1 << k for k, m in enumerate(places) if last[m] > step])
                shared = None if len(distinct) == len(places) else tuple([places.index(m) for m in places])
                inside, held = fragment.peak(later, shared), sum([sizes[m] for m in distinct])
                freed = sum([sizes[m] for m in distinct if last[m] == step])
            if alive - held + inside > peak:
                peak = alive - held + inside
            for out in range(first, first + len(fragment.outputs)):
                if last[out] > step and memory[out] == out:
                    alive += sizes[out]
            alive -= freed
        return peak

    def _lifetimes(self, kept: int, memory: list[int]) -> tuple[list[int], list[int]]:
        """Size of each value, and the step of its memory's last use (-1: none; beyond the end: still needed)."""
        sizes = [t.nbytes for t in self.inputs]
        last = [-1] * len(memory)
        for step, call in enumerate(self.calls):
            for a in call.args:
                last[memory[a]] = step
            sizes.extend([t.nbytes for t in call.fragment.outputs])
        for i in range(len(self.inputs)):
            if kept >> i & 1:
                last[memory[i]] = len(self.calls)
        for ref in self.refs:
            last[memory[ref]] = len(self.calls)
        return sizes, last

    @cached_property
    def label(self) -> bytes:
        """Label of a primitive: a hash of the torch call and the output types, with the pure flag in front."""
        assert self.call is not None
        pure = (
            not self.parameters and not cast(Primitive, self.block).stochastic and self.call.target.startswith(_KNOWN)
        )
        text = f"{self.call.signature}|{[(t.shape, t.dtype) for t in self.outputs]!r}"
        return bytes([pure]) + blake2b(text.encode(), digest_size=LABEL - 1).digest()


_KNOWN = ("torch.", "operator.", "nasengine.")


def _reach_through(one: tuple[Reach | None, ...], before: list[tuple[Reach | None, ...]]) -> tuple[Reach | None, ...]:
    """Reaches of one output on the composite's inputs, through a call's arguments."""
    if len(before) == 1:
        (step,), (row,) = one, before
        if step is None:
            return (None,) * len(row)
        return row if step == POINT else tuple([None if reach is None else compose(reach, step) for reach in row])
    found: list[Reach | None] = [None] * (len(before[0]) if before else 0)
    for step, reaches in zip(one, before, strict=True):
        for j, reach in enumerate(reaches):
            if reach is None or step is None:
                continue
            through = compose(reach, step)
            old = found[j]
            found[j] = through if old is None else (max(old[0], through[0]), max(old[1], through[1]))
    return tuple(found)
