"""Wiring: what is refused, and what the refusal says: the block's path, the types, the remedy."""

# ruff: noqa: E501 - tables of cases, a case a line

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from graph_programs import Wired, graph_of

from nasengine import Features, Image, Network, Sequence, Space, TensorType, Value, Wiring, block, choice, lower
from nasengine.blocks import (
    Add,
    Concat,
    Conv,
    Flatten,
    LayerNorm,
    Linear,
    Multiply,
    ReLU,
    Residual,
    Sequential,
    Softmax,
)
from nasengine.errors import NasError, ShapeError, SpaceError
from nasengine.graph import Block, Composite, Graph, Primitive
from nasengine.space import Architecture


def on(body: Any, *inputs: Any) -> Graph:
    named = tuple((f"x{i}", kind) for i, kind in enumerate(inputs))
    return lower(Architecture("t", {"network": Network(body, named)}))


Script = Callable[[Wiring, Any], Any]
SCRIPTS: dict[str, Script] = {}


@block("test_scripted")
class Scripted(Composite):
    """Wires what the script of that name does."""

    script: str

    def wire(self, net: Wiring, *inputs: Value) -> Any:
        return SCRIPTS[self.script](net, *inputs)


def scripted(script: Script, *inputs: Any) -> Graph:
    SCRIPTS["now"] = script
    from nasengine.graph.wiring import clear_cache

    clear_cache()
    return on(Scripted("now"), *(inputs or (Features(4),)))


def twice(net: Wiring, x: Value) -> Any:
    net(Linear(4), x, name="fc")
    return net(Linear(4), x, name="fc")


def shared_name(net: Wiring, x: Value) -> Any:
    m = net.module(Linear(4), name="fc")
    return net(Linear(4), m(x), name="fc")


def inside(net: Wiring, x: Value) -> Any:
    y = net(Sequential(fc=Linear(4)), x, name="part")
    return net(Linear(4), y, name="part.fc")


def around(net: Wiring, x: Value) -> Any:
    y = net(Linear(4), x, name="part.fc")
    return net(Sequential(fc=Linear(4)), y, name="part")


KEPT: list[Value] = []


def stranger(net: Wiring, x: Value) -> Any:
    KEPT.append(x)
    return net(Linear(4), KEPT[0], name="fc") if len(KEPT) > 1 else x


def reused(net: Wiring, x: Value) -> Any:
    m = net.module(Linear(4), name="fc")
    return m(m(net(Linear(8), x, name="wide")))


def retyped(net: Wiring, x: Value) -> Any:
    m = net.module(LayerNorm(affine=False), name="norm")
    return m(net(Linear(8), m(x), name="wide"))


def redirected(net: Wiring, x: Value) -> Any:
    m = net.module(Softmax(), name="soft")
    return m(net(Flatten(), m(x), name="flat"))


TAKEN = "a name stands for one module; two blocks have it; rename one, or share the module: m = net.module(block, name="
ERRORS: dict[str, tuple[Callable[[], Any], type[NasError], str]] = {
    "a name twice": (lambda: scripted(twice), SpaceError, f"fc: {TAKEN}'fc'), then m(x), m(y)"),
    "a shared module's name": (lambda: scripted(shared_name), SpaceError, f"fc: {TAKEN}'fc')"),
    "a name inside another": (lambda: scripted(inside), SpaceError, f"part.fc: {TAKEN}'part.fc')"),
    "a name around another": (lambda: scripted(around), SpaceError, f"part: {TAKEN}'part')"),
    "a name that torch uses": (
        lambda: scripted(lambda net, x: net(Linear(4), x, name="training")), SpaceError,
        "training: a module's name is an identifier or a number, no keyword and none that torch modules use themselves; "
        "got 'training'; write 'training_' instead",
    ),
    "a name that is a keyword": (lambda: scripted(lambda net, x: net(Linear(4), x, name="a.in")), SpaceError, "got 'in'; write 'in_'"),
    "a name that is none": (lambda: scripted(lambda net, x: net(Linear(4), x, name="my conv")), SpaceError, "got 'my conv'; write 'stem'"),
    "an empty name": (lambda: scripted(lambda net, x: net(Linear(4), x, name="")), SpaceError, "got ''; write 'stem' instead"),
    "a keyword in a row": (lambda: Sequential(**{"in": Linear(4)}), SpaceError, "sequential.in: a part's name is an identifier"),
    "a value of another wiring": (
        lambda: (scripted(stranger), scripted(stranger)), ShapeError, "fc: a block takes values of its own wiring; got Value(4 feature)",
    ),
    "no value": (lambda: scripted(lambda net, x: net(Linear(4), 3, name="fc")), ShapeError, "fc: a block takes values of its own wiring; got 3"),
    "no value given back": (
        lambda: scripted(lambda net, x: None), ShapeError, "test_scripted: wire() returns values of its own wiring; got None",
    ),
    "sharing no block": (lambda: scripted(lambda net, x: net.module(3, name="m")), ShapeError, "m: only a block can be shared; got 3"),
    "a shared module of other shapes": (
        lambda: scripted(reused), ShapeError,
        "fc: a shared module is made once, for the types it is first applied to; (4 feature) needs another one; feed it "
        "values of one type, or make a second module",
    ),
    "a shared module without weights, of other settings": (
        lambda: scripted(retyped), ShapeError, "norm: a shared module is made once, for the types it is first applied to; (8 feature)",
    ),
    "a shared module along another axis": (
        lambda: scripted(redirected, Sequence(3, 4)), ShapeError, "soft: a shared module is made once",
    ),
    "no block": (lambda: on(Features(3), Features(4)), ShapeError, "Features is not a block; a network is made of composites and primitives"),
    "types that cannot meet": (
        lambda: on(Sequential(stem=Conv(8, 3), body=Residual(Conv(16, 3))), Image(3, 8)), ShapeError,
        "body: residual: inner and shortcut give one type; got (16 channels × 8 height × 8 width) and (8 channels × 8 height "
        "× 8 width); keep inner's output like its input",
    ),
    "types that cannot be added, deep down": (
        lambda: on(Sequential(Sequential(head=Wired(((Linear(3), (0,), "a", None), (Add(), (0, 1), "sum", None)), (2,)))), Features(4)),
        ShapeError,
        "0.head.sum: add: all inputs have one type; got (4 feature) and (3 feature); project one of them first (a 1 × 1 "
        "convolution or a Linear), or leave the shortcut out",
    ),
    "types that cannot be multiplied": (
        lambda: on(Multiply(), Features(4), Features(3)), ShapeError, "multiply: each axis is equal or 1; got (4 feature) and (3 feature)",
    ),
    "types that cannot be joined": (
        lambda: on(Concat(), Image(3, 4), Image(3, 5)), ShapeError,
        "concat: all axes but the channels agree; got (3 channels × 4 height × 4 width) and (3 channels × 5 height × 5 width)",
    ),
    "a shape that is none": (lambda: TensorType((3,), "CH"), ShapeError, "type: one letter an axis; got shape (3,) with axes 'CH'"),
    "a type without elements": (lambda: TensorType((0,), "F"), ShapeError, "type: every axis has at least one element; got shape (0,)"),
    "an unknown element type": (lambda: TensorType((3,), "F", "complex64"), ShapeError, "type: dtype is one of float32, "),
    "no channels": (lambda: TensorType((3,), "T").channels, ShapeError, "(3 position) has neither channels nor features"),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_refusals(name: str) -> None:
    make, kind, message = ERRORS[name]
    KEPT.clear()
    with pytest.raises(kind) as caught:
        make()
    assert message in str(caught.value)


def test_a_mismatch_in_a_space_is_found_by_screening_with_its_path() -> None:
    space = Space("s", inputs=Image(3, 8), network=Sequential(Conv(choice(4, 8)), Residual(Conv(8))))
    assert space.decode({"0.channels": 8}).cost().params > 0
    with pytest.raises(ShapeError, match=r"^1: residual: inner and shortcut give one type"):
        space.decode({"0.channels": 4}).cost()


def test_errors_of_a_second_network_name_it() -> None:
    made = Architecture("t", {n: Network(Sequential(Residual(Linear(3))), (("x", Features(4)),)) for n in ("a", "b")})
    with pytest.raises(ShapeError, match=r"^b\.0: residual"):
        lower(made, "b")


def test_lower_names_the_networks_there_are() -> None:
    x = (("x", Features(4)),)
    made = Architecture("t", {"a": Network(Linear(2), x), "b": Network(Linear(2), x)})
    with pytest.raises(SpaceError, match=r"'c': no such network; the architecture holds a, b"):
        lower(made, "c")
    with pytest.raises(SpaceError, match=r"network: several are deployed \(a, b\); say which, network='a'"):
        lower(made)
    hidden = Architecture("t", {"a": Network(Linear(2), x, deployed=False)})
    with pytest.raises(SpaceError, match="network: none is deployed; mark one deployed=True"):
        lower(hidden)


def test_names_left_out_are_numbered_by_place() -> None:
    def script(net: Wiring, x: Value) -> Any:
        y = net(Linear(3), x)
        z = net(Linear(3), y, name="named")
        return net(Linear(3), net(ReLU(), z))

    assert [node.path for node in scripted(script).nodes] == ["0", "named", "2", "3"]


def test_values_say_their_type() -> None:
    seen: list[Value] = []

    def script(net: Wiring, x: Value) -> Any:
        seen.append(x)
        return x

    scripted(script, Image(3, 4, 5))
    assert (seen[0].channels, seen[0].spatial, repr(seen[0])) == (3, (4, 5), "Value(3 channels × 4 height × 5 width)")
    assert repr(TensorType((), "", "int64")) == "(scalar) int64"
    assert TensorType((2, 3), "TF") != TensorType((2, 3), "NF")
    assert TensorType((6,), "F", segments=(2, 4)) == TensorType((6,), "F")
    assert TensorType((6,), "F", segments=(2, 4)).parts == (2, 4)


def test_segments_follow_concatenations_into_parameters() -> None:
    body = Wired(((Linear(3), (0,), "a", None), (Concat(), (0, 1), "cat", None), (Linear(2), (2,), "out", None)), (3,))
    (weight, _) = graph_of(body).nodes[-1].fragment.parameters
    assert [(axis.meaning, axis.segments) for axis in weight.axes] == [("out_features", (2,)), ("in_features", (4, 3))]
    assert weight.shape == (2, 7)


def test_the_abstract_parts_say_what_is_missing() -> None:
    class NoRule(Primitive):
        tag = "no_rule"

    with pytest.raises(NotImplementedError, match="a primitive states its output type"):
        Primitive.infer(NoRule.__new__(NoRule))
    with pytest.raises(NotImplementedError, match="a primitive states the torch call it stands for"):
        Primitive.call(NoRule.__new__(NoRule))
    with pytest.raises(NotImplementedError, match="a composite wires its parts"):
        Composite.wire(Composite.__new__(Composite), Wiring(0))
    assert issubclass(Primitive, Block)


def test_a_sequence_keeps_its_axes() -> None:
    assert on(Linear(7), Sequence(5, 3)).types[-1] == TensorType((5, 7), "TF")
