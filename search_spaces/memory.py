"""Networks with an addressable memory: neural Turing machines and differentiable neural computers.

Generalises the two the way their papers do: a controller (an LSTM or one layer without a state) writes to and reads
from a memory, through heads that point by content and by moving (NTM) or by content, allocation and the order of
writing (DNC); a linear map of the controller's output and of what was read gives the output at each step. Open are the
kind of memory, the controller and its size, the slots and their width, the heads, how far a head moves, the length.

Papers: Graves, Wayne and Danihelka (2014), "Neural Turing machines"; Graves et al. (2016), "Hybrid computing using a
neural network with dynamic external memory".
Input: sequences of vectors: 8 random bits and 2 flags (NTM's copy), 4 bits and 2 flags (DNC's repeat copy).
Task: say what was shown: copying sequences of random bits, once or several times.
Counts: let X be the inputs, Y the outputs, H the controller's size, N slots of width W, R heads that read, and V that
write (1 for DNC). An LSTM controller has 4 H (X + R W + H + 2), one layer H (X + R W + 1); the output map has
Y (H + R W + 1). What the controller tells an NTM's heads is K = (R + V) (W + 6) + 2 V W numbers at moves of one slot, a
DNC's K = R W + 3 W + 5 R + 3, from K (H + 1) parameters. The memory's first state is fixed and has none. So
ntm_copy (X 10, Y 8, H 100, W 20) has 52,800 + 9,292 + 968 = 63,060, ntm_copy_mlp 3,100 + 9,292 + 968 = 13,360 (the
paper's totals also hold parts that its text leaves open, as a learned first state), and dnc_repeat_copy (X 6, Y 5,
H 64, W 16, R 4) 34,816 + 8,775 + 645 = 44,236.
"""

from __future__ import annotations

from collections.abc import Mapping

from nasengine import Sequence, Space, choice
from nasengine.blocks import DifferentiableComputer, Linear, Sequential, TuringMachine
from nasengine.space.spec import Label

Options = tuple[int, ...]


def memory(
    *,
    features: Options,
    outputs: Options,
    lengths: Options,
    hidden: Options,
    slots: Options,
    widths: Options,
    heads: Options,
    name: str,
    references: Mapping[str, Mapping[str, Label]] | None = None,
) -> Space:
    """The space for these sizes."""
    controller = choice("lstm", "mlp", name="controller")
    sizes = {
        "hidden": choice(*hidden, name="hidden"),
        "slots": choice(*slots, name="slots"),
        "width": choice(*widths, name="width"),
        "reads": choice(*heads, name="reads"),
    }
    turing = TuringMachine(
        **sizes, writes=choice(*heads, name="writes"), shift=choice(1, 2, name="shift"), controller=controller
    )
    computer = DifferentiableComputer(**sizes, controller=controller)
    network = Sequential(memory=choice(turing, computer, labels=("ntm", "dnc")), output=Linear(choice(*outputs)))
    return Space(name, inputs=Sequence(choice(*lengths), choice(*features)), network=network, references=references)


def published(kind: str, length: int, bits: int, outputs: int, *sizes: int, controller: str) -> dict[str, Label]:
    """Decisions of a published member; the sizes are hidden, slots, width and reads."""
    found: dict[str, Label] = {
        "memory": kind, "inputs.length": length, "inputs.features": bits, "output.features": outputs,
        "controller": controller, **dict(zip(("hidden", "slots", "width", "reads"), sizes, strict=True)),
    }  # fmt: skip
    return found | ({"writes": 1, "shift": 1} if kind == "ntm" else {})


REFERENCES = {
    "ntm_copy": published("ntm", 41, 10, 8, 100, 128, 20, 1, controller="lstm"),
    "ntm_copy_mlp": published("ntm", 41, 10, 8, 100, 128, 20, 1, controller="mlp"),
    "dnc_repeat_copy": published("dnc", 41, 6, 5, 64, 16, 16, 4, controller="lstm"),
}

space = memory(
    features=(6, 10),
    outputs=(5, 8),
    lengths=(21, 41),
    hidden=(64, 100, 256),
    slots=(16, 32, 64, 128),
    widths=(8, 16, 20, 32),
    heads=(1, 2, 4),
    name="memory",
    references=REFERENCES,
)
small = memory(
    features=(5,),
    outputs=(4,),
    lengths=(3, 5),
    hidden=(16, 32),
    slots=(6, 8),
    widths=(6, 8),
    heads=(1, 2),
    name="memory-small",
)
