"""Every format is the trained network, and is proven so."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from export_networks import EXPORTED, architecture, graph, trained
from source_modules import SwishBlock, WithNumPyBlock

from nasengine import Features, Space
from nasengine.blocks import Linear, Sequential
from nasengine.export import FORMATS, Exported, export, load
from nasengine.export.parity import compare
from nasengine.graph.module import example_inputs

FILES = {
    "onnx": "network.onnx",
    "pt2": "network.pt2",
    "safetensors": "network.safetensors",
    "source": "network.py",
}


def check(made: Exported, name: str) -> None:
    assert list(made.files) == list(FORMATS)
    for format, file in made.files.items():
        assert file.path == made.folder / FILES[format]
        assert file.path.stat().st_size == file.nbytes
        assert hashlib.sha256(file.path.read_bytes()).hexdigest() == file.sha256
        assert file.parity.format == format
        assert file.parity.batches == (1, 2, 5)
        assert file.parity.agrees
        assert file.parity.max_abs_error <= 1e-5 <= file.parity.tolerance
    assert made["source"].parity.runtime.startswith("fresh interpreter with torch only")
    assert made["onnx"].parity.runtime.startswith("ONNX Runtime")
    assert sorted(f.name for f in made.folder.iterdir()) == sorted(
        [*FILES.values(), "architecture.json", "export.json"]
    )
    assert made.id == graph(name).id


@pytest.mark.parametrize("name", EXPORTED)
def test_every_format_agrees_with_the_trained_module(name: str, tmp_path: Path) -> None:
    one, module = architecture(name), trained(graph(name)).train()
    state = {key: value.clone() for key, value in module.state_dict().items()}
    check(export(one, module, tmp_path / "out"), name)
    assert module.training, "the module is left as it was"
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())
    back, inputs = load(tmp_path / "out"), example_inputs(graph(name), batch=4, seed=9)
    assert not back.training
    found, wanted = back(*inputs), module.eval()(*inputs)
    for mine, reference in zip(*(o.values() if isinstance(o, dict) else [o] for o in (found, wanted)), strict=True):
        torch.testing.assert_close(mine, reference, rtol=0, atol=0)


def test_the_onnx_model_has_the_names_and_a_free_batch_axis(tmp_path: Path) -> None:
    import onnx

    export(architecture("two_towers"), trained(graph("two_towers")), tmp_path, formats=("onnx",))
    model = onnx.load(tmp_path / "network.onnx").graph
    shapes = {
        v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
        for v in (*model.input, *model.output)
    }
    assert shapes == {
        "image": ["batch", 3, 8, 8], "features": ["batch", 8], "logits": ["batch", 10], "distance": ["batch", 2],
    }  # fmt: skip


def test_chosen_formats_given_inputs_and_what_is_recorded(tmp_path: Path) -> None:
    one, module = architecture("mlp"), trained(graph("mlp"))
    data = (torch.rand(3, 16, generator=torch.Generator().manual_seed(0)) * 100,)
    known: dict[str, Any] = {"metrics": {"accuracy": 0.98}, "origin": {"trial": 3}}

    def card(exported: Exported) -> str:
        return f"# {exported.id}\n{exported.parity_rows()[0]['file']}"

    made = export(one, module, tmp_path, formats=["source"], inputs=data, card=card, **known)
    assert made["source"].parity.batches == (1, 2, 3)
    assert made["source"].parity.tolerance > 1e-4, "it is relative to the outputs of the data that was given"
    record = json.loads((tmp_path / "export.json").read_text())
    assert record["metrics"] == {"accuracy": 0.98}
    assert record["origin"] == {"trial": 3}
    assert record["id"] == graph("mlp").id
    assert record["files"]["source"]["parity"]["agrees"] is True
    assert (tmp_path / "MODEL_CARD.md").read_text() == f"# {made.id}\nnetwork.py"
    assert (tmp_path / "network.safetensors").exists(), "the source is of no use without its weights"
    assert load(tmp_path).state_dict().keys() == module.state_dict().keys()


def test_exporting_again_replaces_the_files(tmp_path: Path) -> None:
    one = architecture("mlp")
    for seed in (0, 1):
        export(one, trained(graph("mlp"), seed), tmp_path, formats=("safetensors",))
    wanted = trained(graph("mlp"), 1).state_dict()
    assert all(torch.equal(value, wanted[key]) for key, value in load(tmp_path).state_dict().items())


def test_a_users_modules_are_exported(tmp_path: Path) -> None:
    space = Space("own", inputs=Features(4), network=Sequential(Linear(4), SwishBlock()))
    made = export(space[0], trained(space[0].graph().simplify()), tmp_path / "copied")
    assert made["source"].parity.runtime.startswith("fresh interpreter with torch only")
    space = Space("own", inputs=Features(4), network=Sequential(Linear(4), WithNumPyBlock()))
    made = export(space[0], trained(space[0].graph().simplify()), tmp_path / "by_name")
    assert made["source"].parity.runtime.startswith(
        "fresh interpreter with torch and the modules that it imports by name"
    )


def test_one_of_several_networks(tmp_path: Path) -> None:
    networks = {"small": Linear(2), "large": Sequential(Linear(8), Linear(2))}
    one = Space("pair", inputs=Features(4), networks=networks)[0]
    module = trained(one.graph("large").simplify())
    made = export(one, module, tmp_path, formats=("safetensors", "source"), network="large")
    assert made.network == "large"
    assert load(tmp_path).state_dict().keys() == module.state_dict().keys()


def test_a_comparison_finds_the_worst_output() -> None:
    b = [{"x": torch.tensor([1.0, -200.0]), "y": torch.tensor([torch.nan, torch.inf])}]
    near = [{"x": torch.tensor([1.0, -200.0011]), "y": torch.tensor([torch.nan, torch.inf])}]
    parity = compare("pt2", "here", near, b, [2])
    assert (parity.output, parity.agrees) == ("x", True)
    assert parity.tolerance == pytest.approx(2e-3)
    far = [{"x": torch.tensor([1.0, -200.0]), "y": torch.tensor([torch.nan, 1.0])}]
    assert not compare("pt2", "here", far, b, [2]).agrees
    assert not compare("pt2", "here", [{"x": torch.tensor([torch.nan, -200.0]), "y": b[0]["y"]}], b, [2]).agrees
