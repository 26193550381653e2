"""What is built: names, keys, inputs by place and by keyword, one tensor or a dict of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from graph_programs import Wired, graph_of

from nasengine import (
    EdgeIndex,
    Features,
    Image,
    Network,
    Nodes,
    Scalar,
    Space,
    Tokens,
    Value,
    Wiring,
    block,
    choice,
    repeat,
)
from nasengine.blocks import (
    Add,
    BatchNorm,
    Concat,
    Conv,
    Flatten,
    GlobalPool,
    Identity,
    Linear,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Zero,
)
from nasengine.errors import ShapeError
from nasengine.graph import Block, Call, Composite, Graph, Primitive, TensorType, lower
from nasengine.graph.module import build, example_inputs
from nasengine.space import Architecture


def on(body: Block, **inputs: Any) -> Graph:
    return lower(Architecture("t", {"network": Network(body, tuple(inputs.items()))}))


@block("test_two_towers")
class TwoTowers(Composite):
    """Two inputs, two named outputs."""

    output_names = ("score", "features")

    def wire(self, net: Wiring, image: Value, table: Value) -> tuple[Value, ...]:
        seen = net(Sequential(conv=Conv(4, 3), pool=GlobalPool()), image, name="image")
        known = net(Linear(4), table, name="table")
        both = net(Concat(), seen, known, name="both")
        return net(Linear(1), both, name="score"), both


def test_names_are_the_paths_of_the_spec() -> None:
    inner = Residual(Sequential(Linear(4), BatchNorm()))
    space = Space(
        "s", inputs=Features(4), network=Sequential(stem=Linear(4), body=repeat(inner, choice(1, 3)), head=Linear(2))
    )
    module = space.decode({"body.times": 3}).build()
    stems = ["stem", *(f"body.blocks.{i}.inner.{k}" for i in range(3) for k in (0, 1)), "head"]
    assert list(dict.fromkeys(key.rpartition(".")[0] for key in module.state_dict())) == stems
    short = space.decode({"body.times": 1}).build()
    assert short.state_dict().keys() < module.state_dict().keys(), "a weight keeps its name when depth changes"
    assert type(module).__name__ == "Network"
    assert isinstance(module.get_submodule("body.blocks.1.inner.0"), torch.nn.Linear)


def test_inputs_by_place_and_by_keyword() -> None:
    graph = on(TwoTowers(), image=Image(3, 8), table=Features(5))
    module = build(graph)
    image, table = example_inputs(graph, batch=2)
    assert image.shape == (2, 3, 8, 8)
    by_place, by_name = module(image, table), module(table=table, image=image)
    assert isinstance(by_place, dict)
    assert list(by_place) == ["score", "features"]
    assert by_place["score"].shape == (2, 1)
    assert by_place["features"].shape == (2, 8)
    assert all(torch.equal(by_place[k], by_name[k]) for k in by_place)
    assert list(graph.outputs) == ["score", "features"]
    assert [graph.types[i].shape for i in graph.outputs.values()] == [(1,), (8,)]


def test_outputs_without_names_are_numbered() -> None:
    graph = graph_of(Wired(((ReLU(), (0,), "a", None), (Sigmoid(), (0,), "b", None)), (1, 2)))
    assert list(graph.outputs) == ["output_0", "output_1"]
    assert list(build(graph)(*example_inputs(graph))) == ["output_0", "output_1"]
    assert list(graph_of(Linear(2)).outputs) == ["output"]


def test_an_output_may_be_an_input() -> None:
    graph = graph_of(Sequential(Identity()))
    x = example_inputs(graph)
    assert build(graph)(*x) is x[0]


def test_shared_modules_are_one_module() -> None:
    part = Sequential(Linear(4), ReLU())
    graph = graph_of(Wired(((part, (0,), "m", "m"), (part, (1,), "m", "m"), (Add(), (1, 2), "add", None)), (3,)))
    module = build(graph)
    assert sorted(module.state_dict()) == ["m.0.bias", "m.0.weight"]
    assert [(n.path, n.call) for n in graph.nodes if n.op == Linear(4)] == [("m.0", "m.0"), ("m.0", "m#2.0")]
    (x,) = example_inputs(graph, batch=3)
    once = (
        torch.relu(module.m[0](x))
        if isinstance(module.m, torch.nn.Sequential)
        else torch.relu(module.get_submodule("m.0")(x))
    )
    assert torch.equal(module(x), once + torch.relu(module.get_submodule("m.0")(once)))


def test_zeros_take_the_batch_of_a_batched_input() -> None:
    """The first input has no batch axis: zeros of a batched type look at another one."""
    body = Wired(((Zero(), (1,), "z", None), (Linear(3), (2,), "l", None)), (3,))
    graph = on(body, edges=EdgeIndex(7), table=Features(4)).simplify()
    inputs = example_inputs(graph, batch=5)
    assert build(graph)(*inputs).shape == (5, 3)


def test_networks_that_ignore_their_input_still_take_it() -> None:
    graph = graph_of(Sequential(Zero(), Linear(2))).simplify()
    (x,) = example_inputs(graph, batch=6)
    module = build(graph)
    assert torch.equal(module(x), module(x + 1))
    assert module(x).shape == (6, 2)


def test_unbatched_inputs_keep_their_shape() -> None:
    graph = on(Linear(3), nodes=Nodes(10, 4))
    (x,) = example_inputs(graph, batch=99)
    assert x.shape == (10, 4)
    assert build(graph)(x).shape == (10, 3)


def test_example_inputs_are_repeatable_and_in_range() -> None:
    graph = on(Identity(), a=Tokens(6, 10), b=Scalar(), c=Features(3))
    first, again = example_inputs(graph, batch=4, seed=1), example_inputs(graph, batch=4, seed=1)
    assert all(torch.equal(x, y) for x, y in zip(first, again, strict=True))
    assert first[0].dtype == torch.int64
    assert int(first[0].min()) >= 0
    assert first[1].shape == (4,)


def test_forward_and_backward() -> None:
    space = Space(
        "s", inputs=Image(1, 8), network=Sequential(Conv(choice(2, 4)), BatchNorm(), ReLU(), Flatten(), Linear(3))
    )
    for member in space:
        module = member.build()
        (x,) = example_inputs(member.graph(), batch=2)
        module(x).sum().backward()
        assert all(p.grad is not None for p in module.parameters())
        assert sum(p.numel() for p in module.parameters()) == member.cost().params


def test_types_of_the_graph_are_the_shapes_of_the_module() -> None:
    graph = on(TwoTowers(), image=Image(3, 8), table=Features(5))
    found: Mapping[str, torch.Tensor] = build(graph)(*example_inputs(graph, batch=2))
    for name, value in graph.outputs.items():
        assert tuple(found[name].shape[1:]) == graph.types[value].shape


@block("test_missing_target")
class Missing(Primitive):
    """A primitive whose torch call is nowhere."""

    target: str = "no_such_package.Thing"

    def infer(self, *inputs: TensorType) -> TensorType:
        return inputs[0]

    def call(self, *inputs: TensorType) -> Call:
        return Call(self.target)


def test_calls_that_cannot_be_made_are_explained() -> None:
    with pytest.raises(
        ShapeError, match=r"no_such_package.Thing: no module of this name can be imported; import the module"
    ):
        build(graph_of(Missing()))
    with pytest.raises(ShapeError, match=r"collections.OrderedDict makes a torch.nn.Module; got OrderedDict"):
        build(graph_of(Missing("collections.OrderedDict")))
