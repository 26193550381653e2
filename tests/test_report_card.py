"""The model card: everything a person needs who has only the folder, and nothing recorded acting as markup."""

from __future__ import annotations

from typing import Any

from report_fakes import HOSTILE, study_meta, study_rows

from nasengine.report import model_card

INPUTS = {"image": {"shape": [1, 8, 8], "axes": "CHW", "dtype": "float32", "batched": True}}
OUTPUTS = {"output": {"shape": [10], "axes": "F", "dtype": "float32", "batched": True}}


def card(text: str = "", **member: Any) -> str:
    profile = study_rows(1, text=text)["profiles"][0]["profile"]
    found = {
        "trial": 12,
        "graph_id": "0a1b",
        "values": {"accuracy": 0.9812, "latency_ms": 0.42, "params": 12345, "macs": 678901},
        "test": {"accuracy": 0.9756},
        "decisions": {f"stem.channels{text}": 16},
        "validation_epoch": 27,
    }
    parity = [
        {"format": "onnx", "file": "model.onnx", "max_abs_error": 2.4e-7, "tolerance": 1e-5, "samples": 64,
         "runtime": f"onnxruntime 1.22{text}", "agrees": True},
        {"format": "pt2", "file": "model.pt2", "max_abs_error": 0.0, "tolerance": 1e-5, "samples": 64, "agrees": False},
        {"format": "source", "file": "network.py", "usage": "from network import Network\nnetwork = Network()"},
    ]  # fmt: skip
    return model_card(
        found | member,
        parity,
        study=study_meta(text),
        inputs=INPUTS,
        outputs=OUTPUTS,
        latency={"during the search": profile},
    )


def test_the_card_says_what_where_from_how_good_and_how_measured() -> None:
    text = card()
    for line in (
        "# digits, trial 12",
        "A network of 12,345 parameters found by neural architecture search in the space “cnn”,",
        "trained on the task “digits”.",
        "| input | image | (B, 1, 8, 8) | float32 | CHW |",
        "| output | output | (B, 10) | float32 | F |",
        "| accuracy | test | 0.9756 | – | once, after the search; nothing was chosen by it |",
        "| accuracy | validation | 0.9812 | – | at the end of training (epoch 27); the search chose by it,",
        "| parameters | 12,345 | – | at most 500,000 | trainable numbers; closed form of the graph, exact |",
        "| multiply-adds | 678,901 |",
        "* during the search: **",
        "Single calls timed one by one.",
        "* seed: 0",
        "* version of torch: 2.6",
        "* objectives: maximize accuracy, minimize latency\\_ms, minimize params",
        "* budgets: params ≤ 500,000, latency\\_ms ≤ 0.9",
    ):
        assert line in text, line


def test_parity_figures_are_shown_and_disagreement_shouts() -> None:
    text = card()
    assert "| format | file | max abs error | tolerance | samples | runtime | agrees |" in text
    assert "| onnx | model.onnx | 2.40e-07 | 1.00e-05 | 64 | onnxruntime 1.22 | yes |" in text
    assert "| pt2 | model.pt2 | 0 | 1.00e-05 | 64 | – | NO |" in text


def test_every_file_says_how_to_run_it() -> None:
    text = card()
    assert "session = onnxruntime.InferenceSession('model.onnx')" in text
    assert "session.run(None, {'image': np.zeros((1, 1, 8, 8), dtype=np.float32)})" in text
    assert "torch.export.load('model.pt2').module()" in text
    assert "network = Network()" in text
    for block in text.split("```python\n")[1:]:
        compile(block.split("\n```")[0], "card", "exec")


def test_recorded_text_stays_text() -> None:
    text = card(HOSTILE)
    outside = "".join(text.split("```")[0::2])
    assert "<script" not in outside
    assert "<img" not in outside
    tables = [line for line in outside.splitlines() if line.startswith("| onnx")]
    assert len(tables) == 1
    assert tables[0].replace("\\|", "").count("|") == 8
    assert text.count("```") % 2 == 0


def test_a_card_of_little_knowledge_is_short_and_whole() -> None:
    text = model_card({"trial": 3}, [], study={"name": "s"}, inputs=INPUTS, outputs=OUTPUTS)
    assert text.startswith("# s, trial 3\n\nA network found by neural architecture search. Graph id `unknown`.")
    for absent in ("## Metrics", "## Cost", "## Latency", "## Parity", "## How to run it"):
        assert absent not in text
    assert "* trial: 3" in text
