"""Fusion: from a graph to the kernels that a runtime would execute.

The rules are those that exporters and compilers share (ONNX Runtime's and TensorFlow Lite's graph optimisers,
TorchInductor): what follows a convolution or a linear map number by number (a norm that is folded in evaluation, a
bias, an activation) runs in its kernel; chains of element-wise operations run as one; views and dropout run nothing. A
sum of n inputs is n - 1 launches, a recurrent layer one launch a step. Costs are for one sample.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

from nasengine.blocks.basic.activation import Activation, Softmax
from nasengine.blocks.sequences.recurrent import Recurrent
from nasengine.graph.flat import Node
from nasengine.graph.fragment import Fragment
from nasengine.graph.graph import Graph

FREE = frozenset({"dropout", "drop_path"})
"""Operations that do nothing in evaluation; views are free too."""
POINTWISE = frozenset(
    {"batch_norm", "frozen_batch_norm", "bias", "scale", "shift", "layer_scale", "add", "multiply", "add_to_all"}
)
"""Operations that act on each number alone in evaluation, beside the activations."""
CONVOLUTIONS = frozenset({"conv", "causal_conv", "equalised_conv", "modulated_conv", "conv_transpose"})


class Kernel(NamedTuple):
    """One kernel of a runtime; equal kernels are equal work.

    Args:
        family: what kind of work: ``conv``, ``linear``, ``pointwise``, or the primitive's own tag.
        kind: the family with what decides its speed: window, groups, stride.
        shapes: sizes of the inputs and of the outputs.
        macs: multiply-accumulates.
        param_bytes, read_bytes, write_bytes: of weights, of inputs, of outputs.
        launches: how many times a runtime starts something, one after another.
    """

    family: str
    kind: str
    shapes: tuple[tuple[int, ...], ...]
    macs: int
    param_bytes: int
    read_bytes: int
    write_bytes: int
    launches: int

    @property
    def bytes(self) -> int:
        """All bytes that it moves at least."""
        return self.param_bytes + self.read_bytes + self.write_bytes


class Program(NamedTuple):
    """What a runtime executes for a graph: kernels, what each reads, and how they hang together.

    Args:
        kernels: in order.
        reads: for each, the kernels whose results it takes (-1: an input of the network).
    """

    kernels: tuple[Kernel, ...]
    reads: tuple[tuple[int, ...], ...]

    @property
    def counts(self) -> Counter[Kernel]:
        """How many there are of each."""
        return Counter(self.kernels)

    @property
    def edges(self) -> Counter[tuple[str, str]]:
        """How many results of one kind are read by another."""
        kinds = [kernel.kind for kernel in self.kernels]
        return Counter(
            [(kinds[s] if s >= 0 else "input", kind) for kind, rs in zip(kinds, self.reads, strict=True) for s in rs]
        )

    @property
    def depth(self) -> int:
        """Kernels on the longest path."""
        deepest: list[int] = []
        for sources in self.reads:
            deepest.append(1 + max([deepest[s] for s in sources if s >= 0], default=0))
        return max(deepest, default=0)


PRUNINGS = ("eager", "declared", "live", "merged", "folded", "optimised")
"""What a runtime leaves out. ``eager``: nothing, and it fuses nothing: every operation is a call, views too. The others
fuse. ``declared``: all is run. ``live``: but what no output needs, as an exporter does. ``merged``: as ``live``, and of
equal operations on equal inputs but one, as a compiler. ``folded``: as ``live``, without zeros and what depends on no
input. ``optimised``: all of these."""


def program(graph: Graph, pruning: str = "live") -> Program:
    """The kernels of a graph under one of :data:`PRUNINGS`."""
    if pruning == "eager":
        return _unfused(graph)
    if pruning in ("folded", "optimised"):
        graph = graph.simplify()
    nodes, refs = _pruned(graph, pruning)
    uses = Counter([i for node in nodes for i in node.inputs] + refs)
    fuser = _Fuser(len(graph.inputs), uses)
    for node in nodes:
        fuser.visit(node)
    return Program(tuple([_joined(parts) for parts in fuser.parts]), tuple([tuple(r) for r in fuser.reads]))


def _unfused(graph: Graph) -> Program:
    """A kernel for each node."""
    maker = dict.fromkeys(graph.inputs.values(), -1)
    for place, node in enumerate(graph.nodes):
        maker.update(dict.fromkeys(node.outputs, place))
    units = [unit_of(node.fragment) for node in graph.nodes]
    kernels = tuple([_called(node.op.tag, unit) for node, unit in zip(graph.nodes, units, strict=True)])
    return Program(kernels, tuple([tuple([maker[i] for i in node.inputs]) for node in graph.nodes]))


def _called(tag: str, unit: _Unit) -> Kernel:
    """The kernel of an operation that is called alone; a view or dropout is a call that moves nothing."""
    if unit.role in ("free", "turn"):
        return unit.kernel._replace(family="view", kind=tag, read_bytes=0, write_bytes=0)
    return unit.kernel if unit.kernel.family != "pointwise" else unit.kernel._replace(kind=tag)


def programs(graph: Graph, prunings: Sequence[str] = PRUNINGS) -> dict[str, Program]:
    """The kernels under each pruning; computed once where prunings cannot differ."""
    nodes = list(graph.nodes)
    bare = is_bare(graph)
    single = bare and len(_merged(nodes, [])[0]) == len(nodes)
    made: dict[str, Program] = {}
    found: dict[str, Program] = {}
    for pruning in prunings:
        same = "declared" if single else "merged" if pruning in ("merged", "optimised") else "declared"
        key = same if bare and pruning != "eager" else pruning
        if key not in made:
            made[key] = program(graph, key)
        found[pruning] = made[key]
    return found


def is_bare(graph: Graph) -> bool:
    """Is there no dead and no zero part in it?"""
    return graph.simplify() is graph and not any(node.op.on_zero() == "source" for node in graph.nodes)


def _pruned(graph: Graph, pruning: str) -> tuple[list[Node], list[int]]:
    """The nodes that are run, and the values given out.

    Zeros ask their input for a batch size only, so they need none of what made it.
    """
    nodes, refs = list(graph.nodes), list(graph.flat.refs)
    if pruning == "declared":
        return nodes, refs
    if pruning in ("folded", "optimised"):
        nodes = _varying(graph, nodes)
    if pruning in ("merged", "optimised"):
        nodes, refs = _merged(nodes, refs)
    wanted = set(refs)
    kept: list[Node] = []
    for node in reversed(nodes):
        if not wanted.isdisjoint(node.outputs):
            kept.append(node)
            wanted.update(() if node.op.on_zero() == "source" else node.inputs)
    return kept[::-1], refs


def _merged(nodes: list[Node], refs: list[int]) -> tuple[list[Node], list[int]]:
    """Operations without state that do the same with the same inputs, once."""
    same: dict[int, int] = {}
    seen: dict[tuple[bytes, tuple[int, ...]], Node] = {}
    kept: list[Node] = []
    for node in nodes:
        inputs = tuple([same.get(i, i) for i in node.inputs])
        if node.fragment.label[0]:
            first = seen.setdefault((node.fragment.label, inputs), node)
            if first is not node:
                same.update(zip(node.outputs, first.outputs, strict=True))
                continue
        kept.append(node if inputs == node.inputs else node._replace(inputs=inputs))
    return kept, [same.get(r, r) for r in refs]


def _varying(graph: Graph, nodes: list[Node]) -> list[Node]:
    """The nodes whose results depend on the network's inputs."""
    varying = set(graph.inputs.values())
    kept: list[Node] = []
    for node in nodes:
        if node.op.on_zero() != "source" and not varying.isdisjoint(node.inputs):
            varying.update(node.outputs)
            kept.append(node)
    return kept


class _Unit(NamedTuple):
    """What is known of one primitive on its input types."""

    role: str  # "free", "turn", "pointwise", "anchor" (takes what follows into its kernel) or "other"
    kernel: Kernel


class _Fuser:
    """Assigns each node to a kernel, in topological order."""

    def __init__(self, inputs: int, uses: Counter[int]) -> None:
        self.uses = uses
        self.maker: defaultdict[int, int] = defaultdict(lambda: -1, dict.fromkeys(range(inputs), -1))
        self.parts: list[list[_Unit]] = []
        self.reads: list[list[int]] = []
        self.turned: set[int] = set()

    def visit(self, node: Node) -> None:
        unit = unit_of(node.fragment)
        if unit.role in ("free", "turn"):
            self._free(node, unit)
            return
        host = self._host(node) if unit.role == "pointwise" else None
        if host is None:
            host = len(self.parts)
            self.parts.append([])
            self.reads.append([])
        self.parts[host].append(unit)
        self.reads[host] += [self.maker[i] for i in node.inputs if self.maker[i] != host]
        self.maker.update(dict.fromkeys(node.outputs, host))

    def _free(self, node: Node, unit: _Unit) -> None:
        """A view has its input's maker; a reshape of turned axes cannot be a view, and copies."""
        source = node.inputs[0]
        if unit.role == "free" and source in self.turned:
            self.parts.append([_Unit("other", unit.kernel._replace(family="copy", kind="copy"))])
            self.reads.append([self.maker[source]])
            self.maker.update(dict.fromkeys(node.outputs, len(self.parts) - 1))
            return
        for out in node.outputs:
            self.maker[out] = self.maker[source]
            if unit.role == "turn":
                self.turned.add(out)
            if self.uses[source] > 1:
                self.uses[out] += 1  # the memory has other readers: what reads the view cannot join its maker

    def _host(self, node: Node) -> int | None:
        """The kernel that a pointwise node joins: one that only it reads, and that takes pointwise work."""
        unary = len(node.inputs) == 1
        for value in node.inputs:
            host = self.maker[value]
            if host >= 0 and self.uses[value] == 1:
                role = self.parts[host][0].role
                if role == "pointwise" or (role == "anchor" and unary):
                    return host if self._ready(host, node) else None
        return None

    def _ready(self, host: int, node: Node) -> bool:
        """Does nothing it reads come after the host?"""
        return all(self.maker[i] <= host for i in node.inputs)


def _joined(parts: list[_Unit]) -> Kernel:
    """One kernel of fused ones: intermediate results stay in registers."""
    first = parts[0].kernel
    if len(parts) == 1:
        return first
    return _join(tuple([part.kernel for part in parts]))


@lru_cache(maxsize=20_000)
def _join(kernels: tuple[Kernel, ...]) -> Kernel:
    first, last = kernels[0], kernels[-1]
    extra = sum(k.read_bytes - first.write_bytes for k in kernels[1:])  # what a sum reads beside the chain
    kind = first.kind if first.family != "pointwise" else _pointwise_kind(kernels)
    return first._replace(
        kind=kind,
        shapes=(*first.shapes[:-1], last.shapes[-1]),
        param_bytes=sum(k.param_bytes for k in kernels),
        read_bytes=first.read_bytes + max(0, extra),
        write_bytes=last.write_bytes,
        launches=max(k.launches for k in kernels),
    )


def _pointwise_kind(kernels: tuple[Kernel, ...]) -> str:
    """Sums and products decide how much is read; what else is in the chain hardly matters."""
    kinds = {k.kind for k in kernels}
    return "add" if "add" in kinds else "multiply" if "multiply" in kinds else kernels[0].kind


@lru_cache(maxsize=20_000)
def unit_of(fragment: Fragment) -> _Unit:
    """Role and kernel of a lowered primitive."""
    op = fragment.block
    tag = op.tag
    if tag == "permute":
        return _Unit("turn", _kernel(fragment, "copy", "copy"))
    if tag in FREE or getattr(op, "view", False):
        return _Unit("free", _kernel(fragment, "copy", "copy"))
    if isinstance(op, Activation) and not isinstance(op, Softmax):
        return _Unit("pointwise", _kernel(fragment, "pointwise", "activation"))
    if tag in POINTWISE:
        kind = tag if tag in ("add", "multiply") else "activation"
        return _Unit("pointwise", _kernel(fragment, "pointwise", kind, max(1, len(fragment.inputs) - 1)))
    if tag in CONVOLUTIONS:
        return _Unit("anchor", _convolution(fragment))
    if isinstance(op, Recurrent):
        return _Unit("other", _kernel(fragment, "recurrent", op.kind, fragment.inputs[0].shape[0] * op.hidden_states))
    role = "anchor" if fragment.macs and tag in ("linear", "zero_linear", "equalised_linear") else "other"
    window = getattr(op, "kernel", None)
    return _Unit(role, _kernel(fragment, tag, tag if window is None else f"{tag} {_plain(window)}"))


def _convolution(fragment: Fragment) -> Kernel:
    """Dense, grouped and depthwise ones differ in speed, as do windows."""
    op = fragment.block
    groups = getattr(op, "groups", 1) or fragment.inputs[0].channels
    channels = fragment.inputs[0].channels
    how = "dense" if groups == 1 else "depthwise" if groups == channels else "grouped"
    strided = "" if _plain(getattr(op, "stride", 1)) == "1" else f" /{_plain(getattr(op, 'stride', 1))}"
    window = _plain(getattr(op, "kernel", 1))
    return _kernel(fragment, f"{op.tag} {how}", f"{op.tag} {how} {window}{strided}")


def _kernel(fragment: Fragment, family: str, kind: str, launches: int = 1) -> Kernel:
    shapes = (*[t.shape for t in fragment.inputs], fragment.outputs[0].shape)
    read = sum(t.nbytes for t in fragment.inputs)
    write = sum(t.nbytes for t in fragment.outputs)
    if family == "embedding" or family == "lookup":
        # of a table only the rows asked for are read
        return Kernel(family, kind, shapes, 0, 0, read + write, write, launches)
    if launches > 1 and family == "pointwise":
        read, write = read + write * (launches - 1), write * launches  # a chain of binary operations
    return Kernel(family, kind, shapes, fragment.macs, fragment.param_bytes, read, write, launches)


def _plain(value: int | tuple[int, ...]) -> str:
    sizes: Iterable[int] = (value,) if isinstance(value, int) else value
    found = tuple(sizes)
    return str(found[0]) if len(set(found)) == 1 else "x".join(map(str, found)) if prod(found) else "0"
