"""A user's own module as a block."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import blocks_modules as mine
import pytest
import torch
from blocks_cases import FEATURES, IMAGE, NODES, SIGNAL, check_forward, check_state, counted_macs, graph_of, round_trip
from torch import nn

from nasengine import Features, Space, choice, lower
from nasengine.blocks import Branches, Concat, Linear, Sequential, block_from_module
from nasengine.errors import NasError, ShapeError, SpaceError
from nasengine.graph import Block, Composite, TensorType, Value, Wiring, block
from nasengine.graph.module import build


def test_fields_are_the_constructors_arguments_that_a_record_can_hold() -> None:
    gate = mine.GateBlock(6, 12)
    assert gate.tag == "blocks_modules:Gate"
    assert gate.to_json() == {"type": "blocks_modules:Gate", "features": 6, "inner": 12, "scales": [1.0]}
    assert round_trip(gate) == gate


def test_type_state_and_macs_are_found_on_the_meta_device() -> None:
    graph = graph_of(Sequential(mine.GateBlock(6, 12, scales=(0.5, 2.0)), Linear(2)), (FEATURES,))
    module = build(graph)
    check_state(graph, module)
    assert graph.cost.macs == counted_macs(graph) == 2 * 12 * 6 + 6 * 2
    states = {p.name: (p.trainable, p.dtype) for p in graph.nodes[0].fragment.parameters}
    assert states["frozen"] == (False, "float32")
    assert states["seen"] == (False, "int64")
    assert graph.nodes[0].fragment.call.kwargs == (("features", 6), ("inner", 12), ("scales", (0.5, 2.0)))  # type: ignore[union-attr]


def test_several_inputs_and_outputs() -> None:
    graph = graph_of(mine.SplitBlock(), (SIGNAL,))
    assert [graph.types[v] for v in graph.outputs.values()] == [TensorType((2, 9), "CL"), TensorType((9, 4), "TF")]
    check_forward(graph, build(graph))
    pair = graph_of(mine.PairwiseBlock(), (FEATURES, FEATURES))
    assert pair.types[-1] == TensorType((12, 12), "TF")
    assert pair.cost.macs == counted_macs(pair)


def test_modules_of_torch_are_blocks_too() -> None:
    hardtanh = block_from_module(nn.Hardtanh, stochastic=False)
    graph = graph_of(hardtanh(min_val=0.0), (IMAGE,))
    assert graph.types[-1] == IMAGE
    torch.testing.assert_close(build(graph)(torch.ones(1, 4, 8, 6) * 3), torch.ones(1, 4, 8, 6))
    nodes = graph_of(block_from_module(nn.Softplus)(), (NODES,))
    assert nodes.types[-1] == NODES


@block("test_once")
class Once(Composite):
    """One use of an operation, joined with itself."""

    op: Block

    def wire(self, net: Wiring, x: Value) -> Any:
        y = net(self.op, x, name="op")
        return net(Concat(), y, y, name="join")


@pytest.mark.parametrize("stochastic", [True, False])
def test_twins_are_merged_only_where_the_user_says_they_may(stochastic: bool) -> None:
    op = block_from_module(nn.Hardshrink, stochastic=stochastic)()
    twice = graph_of(Branches(op, op), (IMAGE,))
    assert (twice.id == graph_of(Once(op), (IMAGE,)).id) == (not stochastic)
    assert block_from_module(nn.Hardshrink, stochastic=stochastic) is type(op)


def test_arguments_may_be_open() -> None:
    gate = mine.GateBlock(choice(4, 8), 12, scales=choice((1.0,), (0.5, 0.5)))
    space = Space("own", inputs=Features(12), network=Sequential(gate=gate, head=Linear(2)))
    assert space.size == 4
    architecture = space.sample(random.Random(0))
    assert set(architecture.decisions) == {"gate.features", "gate.scales"}
    build(lower(architecture))(torch.randn(3, 12))


def test_a_record_is_read_where_the_users_module_is_imported(tmp_path: Path) -> None:
    record = tmp_path / "gate.json"
    record.write_text(json.dumps(mine.GateBlock(6, 12).to_json()))
    read = f"import json, nasengine.space as s; print(s.spec_from_json(json.load(open({str(record)!r}))).features)"
    env = {"PYTHONPATH": f"{Path(mine.__file__).parent}:{Path(__file__).parents[1]}"}
    run = [sys.executable, "-c"]
    without = subprocess.run([*run, read], env=env, capture_output=True, text=True, check=False)
    assert "blocks_modules:Gate" in without.stderr
    assert "import the module that defines it first" in without.stderr
    done = subprocess.run(
        [*run, f"import blocks_modules; {read}"], env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "6", done.stderr


def local_class() -> type[nn.Module]:
    class Inner(nn.Module):
        pass

    return Inner


REFUSED: list[tuple[Any, str]] = [
    (
        local_class(),
        r"local_class\.<locals>\.Inner: a block is rebuilt by importing .* move it to the top level of a \.py file",
    ),
    (nn.ReLU(), r"it takes a torch\.nn\.Module class; got ReLU\(\); pass the class, not an instance"),
    (int, r"it takes a torch\.nn\.Module class; got <class 'int'>"),
    (
        mine.ShadowedClass,
        r"blocks_modules\.Shadowed: this name stands for .*ShadowedBlock = block_from_module\(Shadowed\)",
    ),
    (
        mine.Rest,
        r"blocks_modules:Rest\.sizes: a block's fields are .* got \*sizes.*derive a class whose __init__ names them",
    ),
    (mine.Named, r"blocks_modules:Named\.macs: blocks use the name 'macs' themselves; derive a class"),
]


@pytest.mark.parametrize(("cls", "message"), REFUSED, ids=lambda v: getattr(v, "__name__", ""))
def test_what_cannot_be_rebuilt_is_refused_with_the_remedy(cls: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        block_from_module(cls)


def test_a_class_of_a_script_is_refused(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from torch import nn\nfrom nasengine.blocks import block_from_module\n"
        "class Mine(nn.Module):\n    pass\nblock_from_module(Mine)\n"
    )
    env = {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, str(script)], env=env, capture_output=True, text=True, check=False)
    assert "__main__.Mine: a block is rebuilt by importing its module's class by name" in done.stderr
    assert "move it to the top level of a .py file and import it" in done.stderr


def test_a_block_lives_where_it_is_made_not_where_its_module_is(tmp_path: Path) -> None:
    (tmp_path / "my_parts.py").write_text(
        "from torch import nn\nfrom nasengine.blocks import block_from_module\nSoft = block_from_module(nn.Softsign)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(
        "from torch import nn\nfrom nasengine import *\nfrom nasengine.blocks import block_from_module\n"
        "from nasengine.study.parts import Importable\n"
        "made = block_from_module(nn.Softsign)\n"
        "try:\n    Importable().modules([('block', made())])\nexcept NasError as error:\n    print(error)\n"
        "import my_parts\n"
        "print(Importable().modules([('block', my_parts.Soft())]))\n"
    )
    env = {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, str(script)], env=env, capture_output=True, text=True, check=True)
    refused, found = done.stdout.splitlines()
    assert "block SoftsignBlock: worker processes import a block by name; it is defined in __main__" in refused
    assert found == "['my_parts']"  # what a worker must import for the tag to be known, not torch's module


def test_a_tag_names_one_class() -> None:
    block_from_module(nn.Softsign, tag="test_softsign")
    with pytest.raises(SpaceError, match=r"tag 'test_softsign': a tag names one class; it is already .*SoftsignBlock"):
        block_from_module(nn.Tanhshrink, tag="test_softsign")


FAILS: list[tuple[Any, TensorType, str]] = [
    (
        mine.GateBlock(6, 5),
        FEATURES,
        r"blocks_modules:Gate: forward failed on the meta device .*\(12 feature\); change what",
    ),
    (mine.GateBlock("six", 12), FEATURES, r"blocks_modules:Gate: the constructor failed with .*'features': 'six'"),
    (block_from_module(mine.Reads)(), FEATURES, r"Reads: forward failed on the meta device .*do not depend on values"),
    (
        block_from_module(mine.Forgets)(),
        FEATURES,
        r"Forgets: the first axis .* the shape \(12,\) for a batch of 2; keep the",
    ),
    (block_from_module(mine.Texts)(), FEATURES, r"Texts: forward gives a tensor, or a tuple of them; got str"),
    (block_from_module(mine.Wide)(), FEATURES, r"Wide\.weight: its state has one of the dtypes float32.* got float64"),
    (
        block_from_module(mine.Deep)(),
        FEATURES,
        r"Deep\.axes: one letter for each axis but the batch; got None .*pass axes=",
    ),
    (
        block_from_module(nn.Softmin, axes="CHW")(dim=1),
        FEATURES,
        r"Softmin\.axes: one letter .* got 'CHW' for the shape \(12,\)",
    ),
    (
        block_from_module(nn.Softmax2d, axes=("C", "F"))(),
        IMAGE,
        r"Softmax2d\.axes: letters for each output; .* for 1 outputs",
    ),
]


@pytest.mark.parametrize(("op", "given", "message"), FAILS, ids=lambda v: getattr(v, "tag", ""))
def test_what_does_not_fit_says_so(op: Any, given: TensorType, message: str) -> None:
    with pytest.raises(NasError, match=message) as caught:
        graph_of(Sequential(own=op), (given,)).cost  # noqa: B018 - asked for what it raises
    assert isinstance(caught.value, ShapeError)
