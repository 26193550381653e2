"""Stand-alone source: equal to the built network, readable, in need of torch only."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from blocks_cases import COMPOSITES, IDENTITIES, PRIMITIVES, graph_of
from export_networks import NETWORKS, architecture, graph, trained
from source_modules import InnerBlock, LinearBlock, NetworkBlock, SwishBlock, WithNumPyBlock, WithTableBlock

import nasengine.modules
from nasengine import Block, Features, Image, Space
from nasengine.blocks import BatchNorm, Conv, ConvNormAct, GlobalPool, InvertedResidual, Linear, ReLU, Sequential
from nasengine.errors import ExportError
from nasengine.graph import Graph
from nasengine.graph.module import build, example_inputs
from nasengine.graph.source import source
from nasengine.graph.source.copied import Copies, split
from nasengine.graph.source.text import literal
from nasengine.graph.vocabulary import Call
from nasengine.space import Spec
from search_spaces import cnn, mlp, nb201, proxyless


def run(text: str) -> dict[str, Any]:
    """The names that a generated file defines."""
    names: dict[str, Any] = {"__name__": "generated", "__file__": "network.py"}
    exec(compile(text, "generated", "exec"), names)  # noqa: S102 - it is the text under test
    return names


def outputs(made: Any) -> dict[str, torch.Tensor]:
    return dict(made) if isinstance(made, dict) else {"output": made}


def check(graph: Graph) -> str:
    """Same state, same outputs as the built network; gives the text."""
    text = source(graph)
    assert source(graph) == text
    module, names = trained(graph).eval(), run(text)
    network = names["Network"]().eval()
    assert list(network.state_dict()) == list(module.state_dict())
    network.load_state_dict(module.state_dict())
    inputs = example_inputs(graph, batch=3)
    found, wanted = outputs(network(*inputs)), outputs(module(*inputs))
    assert list(found) == list(wanted)
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=0, atol=0)
    assert [t.shape for t in names["example_inputs"](3)] == [t.shape for t in inputs]
    return text


def lowered(inputs: Spec, network: Spec) -> Graph:
    return Space("one", inputs=inputs, network=network).sample(random.Random(0)).graph().simplify()


def classes(text: str) -> list[str]:
    return [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]


def imported(text: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_the_source_is_the_network(name: str) -> None:
    text = check(graph(name))
    assert imported(text) <= {"torch", *sys.stdlib_module_names}
    assert max(len(line) for line in text.splitlines()) <= 120


@pytest.mark.parametrize("space", [cnn, mlp, nb201, proxyless], ids=lambda module: module.__name__)
def test_random_members_of_the_shipped_spaces_are_their_source(space: Any) -> None:
    rng = random.Random(1)
    for _ in range(3):
        text = check(space.space.sample(rng).graph().simplify())
        assert imported(text) <= {"torch", *sys.stdlib_module_names}


def test_every_block_is_its_source() -> None:
    for case in (*PRIMITIVES, *IDENTITIES, *COMPOSITES):
        check(graph_of(*case))


def test_the_declared_graph_has_a_source_too() -> None:
    for name in ("cells", "zeros", "uneven_sharing"):
        check(architecture(name).graph())


def test_it_reads_as_a_person_would_write_it() -> None:
    text = source(lowered(Image(3, 8), Sequential(stem=ConvNormAct(6), body=InvertedResidual(6))))
    assert (
        """
class InvertedResidual(nn.Module):
    \"\"\"At body.\"\"\"

    def __init__(self) -> None:
        super().__init__()
        self.expand = ConvNormAct2(6, 1)
        self.depthwise = ConvNormAct2(36, 3, padding=1, groups=36)
        self.project = ConvNorm()

    def forward(self, x: Tensor) -> Tensor:
        y = self.expand(x)
        y = self.depthwise(y)
        y = self.project(y)
        return x + y
"""
        in text
    )


def test_repeated_blocks_become_one_class() -> None:
    rows = Sequential(*(InvertedResidual(8) for _ in range(9)), InvertedResidual(16, stride=2), ConvNormAct(8))
    text = source(lowered(Image(8, 8), rows))
    assert classes(text).count("InvertedResidual") == 1
    assert [name for name in classes(text) if name.startswith("InvertedResidual")] == [
        "InvertedResidual", "InvertedResidual2",
    ]  # fmt: skip
    assert text.count("InvertedResidual()") == 9


def test_blocks_that_differ_in_numbers_are_one_class_with_parameters() -> None:
    text = source(lowered(Image(3, 8), Sequential(*(ConvNormAct(c, k) for c, k in ((4, 3), (8, 5), (8, 3), (2, 1))))))
    assert classes(text) == ["ConvNormAct", "Network"]
    assert "def __init__(self, in_channels: int, out_channels: int, kernel_size: int, padding: int = 0)" in text
    assert "ConvNormAct(8, 2, 1)" in text


def test_a_class_of_too_many_parameters_is_several_classes() -> None:
    def stage(*widths: int) -> Block:
        return Sequential(**{f"conv{i}": Conv(w, 3 + 2 * (w % 2)) for i, w in enumerate(widths)})

    graph = lowered(Image(3, 8), Sequential(a=stage(3, 4, 5, 6, 7), b=stage(8, 9, 10, 12, 11), c=GlobalPool()))
    assert classes(check(graph)) == ["A", "B", "Network"]


def test_a_module_applied_twice_is_one_attribute_called_twice() -> None:
    text = source(graph("two_towers"))
    assert text.count("self.shared = ") == 1
    assert text.count("self.shared(") == 2


def test_a_shared_block_used_in_two_ways_has_two_methods() -> None:
    text = source(graph("uneven_sharing"))
    assert "def forward_2(self, x: Tensor) -> tuple[Tensor, Tensor]:" in text
    assert "self.halves.forward_2(x)" in text


def test_the_header_says_what_it_is() -> None:
    one = graph("two_towers")
    head = ast.get_docstring(ast.parse(source(one))) or ""
    for part in (one.id, f"{one.cost.params:,}", f"{one.cost.macs:,}", "image: (B, 3, 8, 8) float32",
                 "distance: (B, 2) float32"):  # fmt: skip
        assert part in head


def test_own_modules_are_copied_verbatim_and_their_names_are_distinct() -> None:
    folder = Path(nasengine.modules.__file__).parent
    assert "class Zeros(nn.Module):" + (folder / "zeros.py").read_text().partition("class Zeros(nn.Module):")[
        2
    ].rstrip() in source(graph("zeros"))
    owner: dict[str, str] = {}
    for file in sorted(folder.glob("*.py")):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                assert owner.setdefault(node.name, file.name) == file.name


def test_a_users_module_is_copied_with_what_it_needs() -> None:
    text = check(lowered(Features(4), Sequential(a=Linear(4), b=SwishBlock(scale=2.0), c=InnerBlock(), d=SwishBlock())))
    assert "import math" in text
    assert "# How steep the swish is.\nSTEEPNESS = 1.5" in text
    assert "# Comments right above a definition go with it.\nclass Swish(nn.Module):" in text
    assert "Outer.Inner()" in text
    assert "Unused" not in text
    assert "numpy" not in text


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (WithNumPyBlock, "source_modules imports numpy"),
        (WithTableBlock, "source_modules sets up TABLE in other top-level code"),
        (NetworkBlock, "its name Network already stands for the network"),
    ],
)
def test_a_users_module_that_cannot_be_copied_is_imported_by_name(block: type[Block], reason: str) -> None:
    text = check(lowered(Features(4), Sequential(Linear(4), block())))
    assert f"# source_modules is imported by name, not copied: {reason}; keep it where Python finds it." in text
    assert "import source_modules" in text
    assert "It needs torch, and the modules imported by name below." in text


def test_a_generated_class_avoids_the_names_of_copied_ones() -> None:
    text = check(
        lowered(Features(4), Sequential(linear=Sequential(a=Linear(3), b=Linear(4)), own=LinearBlock(table=(1.0, 2.0))))
    )
    assert classes(text) == ["Linear", "Linear2", "Network"]
    assert "Linear(table=(1.0, 2.0))" in text


def test_operations_that_are_functions() -> None:
    from nasengine.graph.source.forward import Writer
    from nasengine.graph.source.places import Use

    writer = Writer(Use((0,), (0,), []), lambda step: "", Copies({}).expression)

    def written(call: Call) -> str:
        from nasengine.graph.source.text import flat

        return flat(writer._function(call, ("a", "b", "c")[: 2 if call.style == "function" else 3], "place"))

    assert written(Call("operator.add", style="chain")) == "a + b + c"
    assert written(Call("operator.matmul", style="function")) == "a @ b"
    assert written(Call("torch.maximum", style="chain")) == "torch.maximum(torch.maximum(a, b), c)"
    assert written(Call("torch.cat", (), (("dim", 1),), "list")) == "torch.cat([a, b, c], dim=1)"
    assert written(Call("torch.nn.functional.pad", ((1, 1),), (("value", float("inf")),), "function")) == (
        'F.pad(a, b, (1, 1), value=float("inf"))'
    )
    assert written(Call("torch.Tensor.expand_as", style="function")) == "a.expand_as(b)"
    assert written(Call("math.hypot", style="function")) == "math.hypot(a, b)"


def test_literals() -> None:
    values = (None, True, -3, 0.5, "it's", 'a "b"', (1,), [1, (2, 3)], {"a": (1.5,)}, torch.float16)
    for value in values:
        assert eval(literal(value, "place"), {"torch": torch}) == value  # noqa: S307 - it is the text under test
    with pytest.raises(
        ExportError, match=r"body\.0: source holds numbers, strings, None.*got <object.*plain arguments"
    ):
        literal(object(), "body.0")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(
        ExportError, match=r"no_such_room\.Thing: no module of this name can be imported; import the module"
    ):
        split("no_such_room.Thing")
    with pytest.raises(ExportError, match=r"nasengine\.modules\.zeros\.Ones: modules of the package import only torch"):
        Copies({}).expression("nasengine.modules.zeros.Ones")


def test_load_weights_reads_every_type(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    kinds = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
             torch.int8, torch.uint8, torch.bool)  # fmt: skip
    saved = {f"t{i}": (torch.arange(6).reshape(2, 3) % 2).to(kind) for i, kind in enumerate(kinds)}
    saved |= {"scalar": torch.tensor(7), "empty": torch.zeros(0, 3), "odd": torch.ones(3, dtype=torch.bool)}
    save_file(saved, tmp_path / "w.safetensors", metadata={"format": "pt"})
    found = run(source(graph("one_layer")))["load_weights"](tmp_path / "w.safetensors")
    assert found.keys() == saved.keys()
    for name, tensor in saved.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


@pytest.mark.parametrize(
    ("name", "said"), [("mlp", "output (1, 3)\n"), ("two_towers", "logits (1, 10)\ndistance (1, 2)\n")]
)
def test_the_file_runs_as_a_program(name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "network.py").write_text(source(graph(name)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", tmp_path / "network.py"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == said


def test_a_large_network_is_short() -> None:
    stages = (Sequential(*(InvertedResidual(c) for _ in range(12))) for c in (8, 16, 24, 32))
    network = Sequential(ConvNormAct(8), *stages, BatchNorm(), ReLU(), GlobalPool(), Linear(10))
    one = lowered(Image(3, 8), network)
    assert len(one.nodes) > 400
    assert len(source(one).splitlines()) < 250
    assert list(run(source(one))["Network"]().state_dict()) == list(build(one).state_dict())
