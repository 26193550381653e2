"""What cannot be exported or read back says so, with a remedy."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
import torch
from export_networks import architecture, graph, trained
from torch import nn

import nasengine.export.onnx
import nasengine.export.source
from nasengine import Architecture, Features, Image, Space
from nasengine.blocks import AdaptivePool, BatchNorm, Linear, block_from_module
from nasengine.errors import ExportError, SpaceError, TagError
from nasengine.export import export, load
from nasengine.export.parity import compare
from nasengine.export.weights import read_metadata


class Reading(nn.Module):
    """Its shape follows its values while it is traced, which no exporter can hold."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if torch.compiler.is_exporting() is False else x[: int(x.sum().item())]


ReadingBlock = block_from_module(Reading)


def mlp() -> tuple[Architecture, nn.Module]:
    return architecture("mlp"), trained(graph("mlp"))


@pytest.mark.parametrize(
    ("formats", "got"),
    [(("onnx", "tflite"), "'tflite'"), ((), r"\(\)"), ("onnx", "'onnx'"), (("safetensor",), "'safetensor'")],
)
def test_unknown_formats(formats: tuple[str, ...], got: str, tmp_path: Path) -> None:
    with pytest.raises(
        ExportError, match=rf"formats: some of onnx, pt2, safetensors, source, as a sequence; got {got}; write"
    ):
        export(*mlp(), tmp_path / "out", formats=formats)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_cannot_be_written(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ExportError, match=r"file.*: cannot be written \(.*\); choose a folder that you may write"):
        export(*mlp(), tmp_path / place, formats=("safetensors",))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ExportError, match=r"cannot be written \(Permission denied\)"):
        export(*mlp(), tmp_path, formats=("safetensors",))


def test_a_file_name_that_is_taken_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "network.safetensors" / "inside").mkdir(parents=True)
    with pytest.raises(ExportError, match=r"cannot be written \(Is a directory\)"):
        export(*mlp(), tmp_path, formats=("safetensors",))
    assert not list(tmp_path.glob(".export-*"))


def test_onnx_without_its_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nasengine.export.onnx, "PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(
        ExportError, match=r"absent here: no_such_package; install them with: pip install 'nasengine\[onnx\]'"
    ):
        export(*mlp(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_module_of_another_architecture(tmp_path: Path) -> None:
    said = r"hidden\.0\.linear\.weight: the module's state is that of the .*; got nothing for \(32, 16\) \(\d+ such\)"
    with pytest.raises(ExportError, match=said):
        export(architecture("mlp"), trained(graph("cnn")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_format_that_does_not_agree_is_rejected_and_kept(tmp_path: Path) -> None:
    module = trained(graph("cnn"))
    norm = module.get_submodule("stem.norm")
    assert isinstance(norm, nn.BatchNorm2d)
    norm.eps = 0.5
    said = (
        r"source: outputs agree with the trained module within .*; got max \|a-b\| = .* at output \(fresh .*\); "
        r"kept as network\.py\.rejected, network\.safetensors\.rejected in .*; pass the module that was built from this"
    )
    with pytest.raises(ExportError, match=said):
        export(architecture("cnn"), module, tmp_path, formats=("source",))
    assert sorted(f.name for f in tmp_path.iterdir()) == ["network.py.rejected", "network.safetensors.rejected"]


def test_a_network_that_a_format_cannot_hold(tmp_path: Path) -> None:
    one = Space("reads", inputs=Features(4), network=ReadingBlock())[0]
    said = r"pt2: this format cannot hold the network: \w+: .*; leave 'pt2' out of formats"
    with pytest.raises(ExportError, match=said):
        export(one, one.build(), tmp_path, formats=("pt2",))
    assert not list(tmp_path.iterdir())


def test_the_error_below_an_exporters_own_is_told(tmp_path: Path) -> None:
    one = Space("pool", inputs=Image(2, 8), network=AdaptivePool(3, "max"))[0]
    said = r"onnx: this format cannot hold the network: \w+: [^\x1b]*; leave 'onnx' out of formats"
    with pytest.raises(ExportError, match=said):
        export(one, one.build(), tmp_path, formats=("onnx",))


def test_a_module_that_cannot_run_on_one_sample(tmp_path: Path) -> None:
    one = Space("norm", inputs=Features(4), network=BatchNorm(track=False))[0]
    said = r"module: in eval mode it runs on batches of 1, 2, 5; it failed with ValueError: .*; give inputs=\.\.\. that"
    with pytest.raises(ExportError, match=said):
        export(one, one.build(), tmp_path, formats=("safetensors",))


def test_source_that_fails_in_a_fresh_interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nasengine.export.source, "source", lambda graph: "import no_such_package\n")
    said = r"source: network\.py runs in a fresh interpreter; it failed with ModuleNotFoundError: .*'no_such_package'"
    with pytest.raises(ExportError, match=said):
        export(*mlp(), tmp_path, formats=("source",))


def test_source_that_never_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nasengine.export.source, "source", lambda graph: "while True: pass\n")
    monkeypatch.setattr(nasengine.export.source, "LIMIT_S", 1)
    with pytest.raises(
        ExportError, match=r"source: network\.py ran for more than 1 s in a fresh interpreter; give smaller"
    ):
        export(*mlp(), tmp_path, formats=("source",))


def test_other_outputs_and_other_shapes() -> None:
    a, b = {"x": torch.zeros(2)}, {"y": torch.zeros(2)}
    with pytest.raises(ExportError, match=r"pt2: its outputs are y; got x; report this as a bug"):
        compare("pt2", "here", [a], [b], [1])
    with pytest.raises(ExportError, match=r"pt2: output x has the shape \(3,\); got \(2,\); report this as a bug"):
        compare("pt2", "here", [a], [{"x": torch.zeros(3)}], [1])


def test_reading_back_what_is_not_there_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(
        ExportError, match=r"architecture\.json: expected an architecture as JSON; it cannot be read .* pass the folder"
    ):
        load(tmp_path)
    export(*mlp(), tmp_path, formats=("safetensors",))
    weights = tmp_path / "network.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:100])
    with pytest.raises(
        ExportError, match=r"network\.safetensors: expected weights in the safetensors format; .* export again"
    ):
        load(tmp_path)
    weights.unlink()
    with pytest.raises(ExportError, match=r"network\.safetensors: expected weights .*No such file"):
        read_metadata(weights)
    weights.write_bytes(whole)
    (tmp_path / "architecture.json").write_text(json.dumps(architecture("one_layer").to_json()))
    with pytest.raises(
        ExportError, match=r"these are not the weights of the architecture beside them \(.*\); export both again"
    ):
        load(tmp_path)
    (tmp_path / "architecture.json").write_text("{")
    with pytest.raises(ExportError, match=r"architecture\.json: expected an architecture as JSON"):
        load(tmp_path)


def test_reading_back_a_block_that_is_not_imported(tmp_path: Path) -> None:
    export(*mlp(), tmp_path, formats=("safetensors",))
    file = tmp_path / "architecture.json"
    file.write_text(re.sub(r'"type": "mlp"', '"type": "their_own_block"', file.read_text()))
    with pytest.raises(TagError, match="their_own_block"):
        load(tmp_path)


def test_several_networks_without_saying_which(tmp_path: Path) -> None:
    one = Space("pair", inputs=Features(4), networks={"a": Linear(2), "b": Linear(3)})[0]
    with pytest.raises(SpaceError, match=r"several are deployed \(a, b\); say which"):
        export(one, one.build("a"), tmp_path)
