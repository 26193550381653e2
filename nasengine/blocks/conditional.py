"""Networks that compute only as much as an input needs: early exits, layers that may be skipped."""

from __future__ import annotations

from typing import ClassVar

from nasengine.blocks.basic.conv import Conv
from nasengine.blocks.basic.linear import Linear, numbers
from nasengine.blocks.basic.merge import Add, Multiply
from nasengine.blocks.basic.pool import GlobalPool
from nasengine.blocks.basic.scale import Scale, Shift
from nasengine.blocks.compose import Identity
from nasengine.errors import ShapeError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Block, Call, Composite, Primitive, block, module
from nasengine.graph.wiring import Value, Wiring


@block("binary_step")
class Step(Primitive):
    """1 where positive, else 0; gradients are those of the sigmoid (Bengio et al., 2013, section 4). (...) → (...)."""

    zero: ClassVar = "kept"

    def infer(self, *inputs: TensorType) -> TensorType:
        return numbers(inputs[0], self.tag)

    def call(self, *inputs: TensorType) -> Call:
        return module("nasengine.modules.step.Step")


@block("skippable")
class Skippable(Composite):
    """A layer that a gate leaves out for some inputs: ``g F(x) + (1 - g) x``, g 0 or 1 (SkipNet).

    Wang et al., 2018, eq. 1. (C, *S) → (C, *S), or (F) → (F). The gate is a linear map of the mean over all positions
    (the FFGate-II of the paper has a strided convolution before it). The layer is computed and multiplied; ``macs``
    counts it in full.

    Args:
        inner: the layer; it keeps its input's type.
    """

    inner: Block

    def wire(self, net: Wiring, x: Value) -> Value:
        y = net(self.inner, x, name="inner")
        if y.type != x.type:
            raise ShapeError(
                f"skippable.inner: it keeps its input's type; got {y.type!r} from {x.type!r}; "
                "put what changes the type before it"
            )
        mean = net(GlobalPool(keep=True), x, name="pool")
        score = net(Conv(1, 1) if x.spatial else Linear(1), mean, name="score")
        gate = net(Step(), score, name="gate")
        rest = net(Shift(1.0), net(Scale(-1.0), gate, name="negative"), name="rest")
        taken, kept = net(Multiply(), y, gate, name="taken"), net(Multiply(), x, rest, name="kept")
        made: Value = net(Add(), taken, kept, name="add")
        return made


@block("early_exits")
class EarlyExits(Composite):
    """A head after every stage: an input leaves at the first that is sure (BranchyNet; Teerapittayanon et al., 2016).

    (...) → one output a stage, ``exit_0``, ``exit_1``, ..., the last one ``output``. ``active_params`` and
    ``active_macs`` of its cost are those of the first exit; ``graph.only("exit_1")`` is the network that leaves there.

    Args:
        stages: a row of blocks.
        head: after each stage.
        last: after the last stage; the same as ``head`` where it is :class:`Identity`.
        early: off, there is only the last head.
    """

    stages: Block
    head: Block
    last: Block = Identity()
    early: bool = True

    exits: ClassVar[bool] = True

    @property
    def output_names(self) -> tuple[str, ...]:
        """One name a head."""
        count = len(self._row()) - 1 if self.early else 0
        return (*(f"exit_{i}" for i in range(count)), "output")

    def _row(self) -> tuple[tuple[str, Block], ...]:
        row = getattr(self.stages, "row", None)
        if row is None or not row():
            raise ShapeError(
                f"early_exits.stages: a row of at least one block; got {type(self.stages).__name__}; "
                "write Sequential(stage, ...)"
            )
        return row()  # type: ignore[no-any-return]

    def wire(self, net: Wiring, x: Value) -> Value | tuple[Value, ...]:
        row = self._row()
        outputs: list[Value] = []
        for i, (name, stage) in enumerate(row):
            x = net(stage, x, name=f"stages.{name}")
            if i == len(row) - 1:
                last = self.head if isinstance(self.last, Identity) else self.last
                outputs.append(net(last, x, name="head"))
            elif self.early:
                outputs.append(net(self.head, x, name=f"exits.{i}"))
        return tuple(outputs) if len(outputs) > 1 else outputs[0]
