"""The source export in an environment that holds torch and nothing else of ours."""

from __future__ import annotations

import json
import subprocess
import venv
from pathlib import Path

import pytest
import torch
from export_networks import EXPORTED, architecture, graph, trained
from safetensors.torch import save_file

from nasengine.export import export
from nasengine.graph.module import example_inputs

ROOT = Path(__file__).parent.parent
RUNNER = """
import importlib.util, json, sys, warnings
warnings.simplefilter("ignore")
for folder in sys.argv[1:]:
    spec = importlib.util.spec_from_file_location("network", folder + "/network.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    import torch
    network = made.Network().eval()
    network.load_state_dict(made.load_weights(folder + "/network.safetensors"))
    inputs = made.load_weights(folder + "/inputs.safetensors")
    with torch.no_grad():
        out = network(*[inputs[str(i)] for i in range(len(inputs))])
    torch.save(list(out.values()) if isinstance(out, dict) else [out], folder + "/outputs.pt")
"""


def only_torch(folder: Path) -> str:
    """A new environment with torch, at the repository's versions; gives its interpreter."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt"), "torch"]
    subprocess.run(install, check=True, capture_output=True)
    return python


@pytest.mark.slow
@pytest.mark.representative
@pytest.mark.timeout(900)
def test_the_source_runs_where_only_torch_is_installed(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in EXPORTED}
    for name, folder in folders.items():
        export(architecture(name), trained(graph(name)), folder, formats=("source",))
        inputs = example_inputs(graph(name), batch=3, seed=5)
        save_file({str(i): t for i, t in enumerate(inputs)}, folder / "inputs.safetensors")
    python = only_torch(tmp_path / "venv")
    found = subprocess.run(
        [python, "-m", "pip", "list", "--format", "json"], check=True, capture_output=True, text=True
    )
    names = {row["name"].lower() for row in json.loads(found.stdout)}
    assert "torch" in names
    assert not names & {"nasengine", "numpy", "safetensors"}
    subprocess.run([python, "-I", "-c", RUNNER, *map(str, folders.values())], check=True)
    for name, folder in folders.items():
        with torch.no_grad():
            wanted = trained(graph(name)).eval()(*example_inputs(graph(name), batch=3, seed=5))
        outputs = list(wanted.values()) if isinstance(wanted, dict) else [wanted]
        for mine, reference in zip(torch.load(folder / "outputs.pt", weights_only=True), outputs, strict=True):
            bound = 1e-5 * max(1.0, reference.abs().max().item())
            assert (mine - reference).abs().max().item() <= bound
    program = subprocess.run(
        [python, "-I", folders["two_towers"] / "network.py"], check=True, capture_output=True, text=True
    )
    assert program.stdout == "logits (1, 10)\ndistance (1, 2)\n"
