"""The forward pass of one use of a place, as lines of Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nasengine.graph.source.places import Step, Use
from nasengine.graph.source.text import INDENT, Layout, is_name, lines, literal, prefixed, to_name, unique
from nasengine.graph.vocabulary import Call

INFIX = {"add": "+", "mul": "*", "sub": "-", "truediv": "/", "matmul": "@"}
BUSY = 3
"""With more values than this alive at once they are named after what made them."""
AVOID = ("self", "torch", "nn", "F", "operator", "math", "json", "super")


@dataclass(frozen=True)
class Method:
    """One forward method: what it takes and what it does."""

    takes: tuple[str, ...]
    gives: str
    body: tuple[str, ...]

    def text(self, name: str) -> list[str]:
        """Its lines, inside a class."""
        takes = "".join(f", {name}: Tensor" for name in self.takes)
        return [f"{INDENT}def {name}(self{takes}) -> {self.gives}:", *self.body]


class Writer:
    """Writes a use.

    Args:
        use: what is written.
        access: how a member is called, ``self.depthwise`` or ``self.depthwise.forward_2``.
        function: how a function's dotted name is written.
    """

    def __init__(self, use: Use, access: Callable[[Step], str], function: Callable[[str], str]) -> None:
        self.use, self.access, self.function = use, access, function
        self.names: dict[int, str] = {}
        self.last: dict[int, int] = {}
        for i, step in enumerate(use.steps):
            self.last.update(dict.fromkeys(step.inputs, i))
        self.last.update(dict.fromkeys(use.outputs, len(use.steps)))
        self.busy = self._most_alive() > BUSY
        self.fixed: set[str] = set()

    def write(self, inputs: tuple[str, ...] = (), outputs: Mapping[str, int] | None = None) -> Method:
        """The method.

        Args:
            inputs: names of the inputs; x, y, z unless given.
            outputs: value of each output of a network with several; they are returned as a dict.
        """
        self.fixed = set(inputs)
        given = inputs or _letters(len(self.use.inputs))
        self.names = dict(zip(self.use.inputs, given, strict=True))
        made: list[str] = []
        for i, step in enumerate(self.use.steps):
            call = self._call(step)
            if outputs is None and i == len(self.use.steps) - 1 and step.outputs == self.use.outputs:
                return Method(given, self._gives(), (*made, *lines(prefixed("return ", call), INDENT * 2)))
            made += lines(prefixed(f"{', '.join(self._targets(step, i))} = ", call), INDENT * 2)
        return Method(given, "dict[str, Tensor]" if outputs else self._gives(), (*made, *self._return(outputs)))

    def _gives(self) -> str:
        count = len(self.use.outputs)
        return "Tensor" if count == 1 else f"tuple[{', '.join(['Tensor'] * count)}]"

    def _return(self, outputs: Mapping[str, int] | None) -> list[str]:
        if outputs is not None:
            parts = tuple(f"{literal(name, 'output')}: {self.names[v]}" for name, v in outputs.items())
            return lines(Layout("return {", parts, "}"), INDENT * 2)
        return [f"{INDENT * 2}return {', '.join(self.names[v] for v in self.use.outputs)}"]

    def _most_alive(self) -> int:
        alive, most = set(self.use.inputs), 0
        for i, step in enumerate(self.use.steps):
            alive |= set(step.outputs)
            most = max(most, len(alive))
            alive = {v for v in alive if self.last.get(v, -1) > i}
        return most

    def _targets(self, step: Step, i: int) -> list[str]:
        """Names for what a step makes: that of an input which nothing reads any more, or a new one."""
        alive = {name for value, name in self.names.items() if self.last.get(value, -1) > i}
        dead = [self.names[v] for v in step.inputs if self.last[v] == i and self.names[v] not in self.fixed]
        named: list[str] = []
        for value in step.outputs:
            if value not in self.last:
                named.append("_")
                continue
            name = self._name(step, dead, alive)
            self.names[value] = name
            alive.add(name)
            named.append(name)
        return named

    def _name(self, step: Step, dead: list[str], alive: set[str]) -> str:
        """After what made it where many values are alive; else that of an input nobody reads any more, or a letter."""
        taken = alive | self.fixed | set(AVOID)
        if self.busy and is_name(step.name[-1]):
            return to_name(step.name[-1], taken)
        for name in dead:
            if name not in alive and len(step.outputs) == 1:
                return name
        if self.busy and len(step.name) > 1:
            return to_name("_".join(step.name), taken)
        return next((letter for letter in "xyz" if letter not in taken), None) or unique("x2", taken)

    def _call(self, step: Step) -> Layout | str:
        args = tuple(self.names[v] for v in step.inputs)
        if step.is_module:
            return Layout(f"{self.access(step)}(", args)
        assert step.node is not None
        assert step.node.fragment.call is not None
        return self._function(step.node.fragment.call, args, step.node.path)

    def _function(self, call: Call, args: tuple[str, ...], place: str) -> Layout | str:
        rest = (
            *(literal(value, place) for value in call.args),
            *(f"{key}={literal(value, place)}" for key, value in call.kwargs),
        )
        room, _, name = call.target.rpartition(".")
        if call.style == "list":
            return Layout(f"{self.function(call.target)}(", (f"[{', '.join(args)}]", *rest))
        if call.style == "chain":
            if room == "operator" and name in INFIX:
                return f" {INFIX[name]} ".join(args)
            return self._folded(self.function(call.target), args, rest)
        if room == "operator" and name in INFIX and len(args) == 2:
            return f"{args[0]} {INFIX[name]} {args[1]}"
        if room == "torch.Tensor":
            return Layout(f"{args[0]}.{name}(", (*args[1:], *rest))
        return Layout(f"{self.function(call.target)}(", (*args, *rest))

    def _folded(self, function: str, args: tuple[str, ...], rest: tuple[str, ...]) -> Layout:
        made = Layout(f"{function}(", (args[0], args[1], *rest))
        for arg in args[2:]:
            made = Layout(f"{function}(", (made, arg, *rest))
        return made


def _letters(count: int) -> tuple[str, ...]:
    return tuple("xyz"[:count]) if count <= 3 else tuple(f"x{i + 1}" for i in range(count))
