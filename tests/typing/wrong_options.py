"""Each line marked `# E:` is an error for a type checker, and no other line is. Read by test_space_typing.py."""

from __future__ import annotations

from nasengine import Architecture, Features, Space, Spec, choice, integer, lazy, repeat, tagged, uniform
from nasengine.blocks import Conv, Dropout, Linear, ReLU, Sequential, Sigmoid
from nasengine.graph import Block


@tagged("typing_widths")
class Widths(Spec):
    widths: tuple[int, ...] = ()
    rate: float = 0.0
    act: Block = ReLU()
    name: str = "x"


def grow(depth: int) -> Block:
    return Linear(3) if depth == 0 else choice(Linear(4), lazy(grow, depth - 1))


# right
Linear(choice(8, 16))
Linear(choice(8, 16, name="width"), bias=choice(True, False))
Linear(integer(8, 64, log=True))
Dropout(uniform(0.0, 0.5))
Dropout(choice(0, 0.5))
Conv(8, kernel=choice(3, 5), stride=choice((1, 2), (2, 1)))
Widths(widths=repeat(choice(8, 16), choice(1, 2, 3)), act=choice(ReLU(), Sigmoid()), name=choice("a", "b"))
Sequential(Linear(4), repeat(choice(Linear(4), ReLU()), choice(0, 2)), head=grow(3))
member: Architecture = Space("s", inputs=Features(4), network=Sequential(Linear(2))).sample(0)

# wrong
Linear(choice(8, "16"))  # E: [arg-type]
Linear(choice(8, 1.5))  # E: [arg-type]
Linear(uniform(8, 16))  # E: [arg-type]
Linear("8")  # E: [arg-type]
Linear(features=8, bais=True)  # E: [call-arg]
Linear(8, bias=choice("yes", "no"))  # E: [arg-type]
Dropout(choice("0.1"))  # E: [arg-type]
Conv(choice((8, 8), 4))  # E: [arg-type]
Widths(name=integer(1, 2))  # E: [arg-type]
Widths(widths=repeat("a", 2))  # E: [arg-type]
Widths(act=choice(ReLU(), 3))  # E: [arg-type]
Sequential(Linear(4), choice(ReLU(), "relu"))  # E: [arg-type]
Sequential(repeat(choice(1, 2), 3))  # E: [arg-type]
repeat(Linear(4), "3")  # E: [call-overload]
integer(1, 2.5)  # E: [arg-type]
Space("s", inputs=4, network=Linear(4))  # E: [arg-type]
Linear(8).features = 3  # E: [misc]
wrong: int = Space("s", inputs=Features(4), network=Sequential(Linear(2))).sample(0)  # E: [assignment]
