"""Networks with a memory that they address: the neural Turing machine and the differentiable neural computer."""

from __future__ import annotations

from typing import Any

from nasengine.blocks.sequences.recurrent import vectors
from nasengine.errors import SpaceError
from nasengine.graph.tensor import TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, module

CONTROLLERS = ("lstm", "mlp")


class Memory(Primitive):
    """Base of a controller with a memory of ``slots`` vectors of ``width`` numbers.

    (T, F) → (T, hidden + reads * width): at each step what the controller gives and what was read; a Linear after it is
    the output map of the papers.
    """

    hidden: int
    slots: int
    width: int
    reads: int
    controller: str

    def validate(self) -> None:
        counts = {name: getattr(self, name) for name in ("hidden", "slots", "width", "reads")}
        if min(counts.values()) < 1:
            raise SpaceError(f"{self.tag}: hidden, slots, width and reads >= 1; got {counts}")
        if self.controller not in CONTROLLERS:
            raise SpaceError(f"{self.tag}.controller: one of {', '.join(CONTROLLERS)}; got {self.controller!r}")

    def told(self) -> tuple[int, ...]:
        """Sizes of what the controller tells its heads, part by part."""
        raise NotImplementedError(f"{self.tag}: a memory states its interface")

    def addressing(self) -> int:
        """MACs of one step that are not the controller's."""
        raise NotImplementedError(f"{self.tag}: a memory states the cost of its heads")

    def infer(self, *inputs: TensorType) -> TensorType:
        x = vectors(inputs[0], self.tag)
        parts = (self.hidden,) + (self.width,) * self.reads
        return TensorType((x.shape[0], sum(parts)), "TF", segments=parts)

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        into = Axis("in_features", inputs[0].parts + (self.width,) * self.reads)
        hidden, told = Axis("state", (self.hidden,)), Axis("interface", self.told())
        if self.controller == "lstm":
            gates = Axis("gates", (self.hidden,) * 4)
            made = [
                Parameter("controller.weight_ih", (gates, into)),
                Parameter("controller.weight_hh", (gates, hidden)),
            ]
            made += [Parameter(f"controller.bias_{part}", (gates,)) for part in ("ih", "hh")]
        else:
            made = [Parameter("controller.weight", (hidden, into)), Parameter("controller.bias", (hidden,))]
        return (*made, Parameter("interface.weight", (told, hidden)), Parameter("interface.bias", (told,)))

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        length, features = inputs[0].shape
        seen = features + self.reads * self.width
        control = 4 * self.hidden * (seen + self.hidden) if self.controller == "lstm" else self.hidden * seen
        return length * (control + self.hidden * sum(self.told()) + self.addressing())

    def options(self) -> dict[str, Any]:
        """Keywords that differ from the module's defaults."""
        return {name: getattr(self, name) for name in ("reads", "writes", "shift") if getattr(self, name, 1) != 1} | (
            {} if self.controller == "lstm" else {"kind": self.controller}
        )


@block("turing_machine")
class TuringMachine(Memory):
    """Neural Turing machine: heads point by content, by staying and by moving (Graves et al., 2014, fig. 2).

    (T, F) → (T, hidden + reads * width). MACs grow linearly with T and with the slots.

    Args:
        hidden: of the controller.
        slots, width: the memory, N × M in the paper.
        reads, writes: heads that read, and that write.
        shift: a head moves by up to so many slots, either way.
        controller: ``"lstm"``, or ``"mlp"``: one layer without a state, the paper's feed-forward controller.
    """

    hidden: int = 100
    slots: int = 128
    width: int = 20
    reads: int = 1
    writes: int = 1
    shift: int = 1
    controller: str = "lstm"

    def validate(self) -> None:
        super().validate()
        if self.writes < 1 or not 0 <= 2 * self.shift < self.slots:
            raise SpaceError(
                "turing_machine: writes >= 1 and 0 <= 2 shift < slots, so that no two moves are one; got "
                f"writes={self.writes}, shift={self.shift} and {self.slots} slots"
            )

    def told(self) -> tuple[int, ...]:
        head = (self.width, 1, 1, 2 * self.shift + 1, 1)
        return head * (self.reads + self.writes) + (self.width, self.width) * self.writes

    def addressing(self) -> int:
        return 2 * (self.reads + self.writes) * self.slots * self.width

    def call(self, *inputs: TensorType) -> Call:
        sizes = inputs[0].channels, self.hidden, self.slots, self.width
        return module("nasengine.modules.turing_machine.TuringMachine", *sizes, **self.options())


@block("differentiable_computer")
class DifferentiableComputer(Memory):
    """Differentiable neural computer: memory that is allocated, freed and read in order (Graves et al., 2016, methods).

    (T, F) → (T, hidden + reads * width). MACs grow linearly with T, and with the square of the slots: links between all
    pairs say what was written after what.

    Args:
        hidden: of the controller.
        slots, width: the memory, N × W in the paper.
        reads: heads that read; one writes.
        controller: ``"lstm"``, or ``"mlp"``: one layer without a state.
    """

    hidden: int = 64
    slots: int = 16
    width: int = 16
    reads: int = 4
    controller: str = "lstm"

    def told(self) -> tuple[int, ...]:
        w, r = self.width, self.reads
        return (*(w,) * r, r, w, 1, w, w, r, 1, 1, *(3,) * r)

    def addressing(self) -> int:
        content, links = (1 + 2 * self.reads) * self.width, 2 * self.reads * self.slots
        return self.slots * (content + links)

    def call(self, *inputs: TensorType) -> Call:
        sizes = inputs[0].channels, self.hidden, self.slots, self.width
        return module("nasengine.modules.differentiable_computer.DifferentiableComputer", *sizes, **self.options())
