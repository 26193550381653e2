"""The model card: what a network taken home is, where it came from, what it measures, how each file was
proven and is run.

In the spirit of Mitchell et al. (2019, "Model Cards for Model Reporting"), restricted to what the record
knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from nasengine.report import style
from nasengine.report.record import COST_UNITS
from nasengine.report.tables import METHODS, latency_summary, prediction_summary

Json = Mapping[str, Any]
DTYPES = {"float32": "float32", "int64": "int64", "bool": "bool"}


def model_card(
    member: Json,
    parity: Sequence[Json],
    *,
    study: Json,
    inputs: Mapping[str, Json],
    outputs: Mapping[str, Json],
    latency: Mapping[str, Json] | None = None,
) -> str:
    """The card as Markdown.

    Args:
        member: trial (number), graph_id, values (name → value: costs, latency, validation metrics), test
            (name → value on the test split), decisions, and, where known, preparation (how raw data becomes the
            network's input) and validation_epoch.
        parity: one mapping a file, in the order to be shown: format, file, and what it was compared with:
            max_abs_error, max_rel_error, tolerance, samples, runtime, agrees; `usage` (Python) overrides
            the shipped example.
        study: the study's record: name, space, task, recipe, seed, objectives, budgets, versions, units,
            methods.
        inputs, outputs: name → type as JSON (shape without the batch axis, axes, dtype, batched).
        latency: when it was measured ("during the search", "on the exported network") → `LatencyProfile` as
            JSON, or a prediction of it (`median_ms`, `low_ms`, `high_ms`).
    """
    parts = [
        _what(member, study),
        _interface(inputs, outputs),
        _preparation(member),
        _metrics(member, study),
        _costs(member, study),
        _latency(latency or {}),
        _parity(parity),
        _running(parity, inputs),
        _origin(member, study),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def md(value: Any) -> str:
    """Recorded text inside Markdown: no markup, no HTML, no line breaks, no table borders."""
    text = " ".join(str(value).split())
    for mark in ("\\", "`", "*", "_", "[", "]", "|", "#", "~", "!", "$"):
        text = text.replace(mark, f"\\{mark}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _code(text: str, language: str = "") -> str:
    """A fenced block that its content cannot close."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}{language}\n{text}\n{fence}"


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(md(style.number(v)) for v in row) + " |" for row in rows])


def _named(value: Any) -> str:
    """A space, a task or a recipe by its name or tag."""
    return str(value.get("name") or value.get("type") or "") if isinstance(value, Mapping) else str(value or "")


def _what(member: Json, study: Json) -> str:
    space, task = _named(study.get("space")), _named(study.get("task"))
    params = member.get("values", {}).get("params")
    said = f"A network of {style.number(params)} parameters" if params is not None else "A network"
    said += (
        f" found by neural architecture search in the space “{md(space)}”"
        if space
        else " found by neural architecture search"
    )
    said += f", trained on the task “{md(task)}”" if task else ""
    name = md(study.get("name") or space or "network")
    head = f"# {name}, trial {md(member.get('trial', '?'))}"
    return f"{head}\n\n{said}. Graph id `{_plain_id(member.get('graph_id', ''))}`."


def _plain_id(text: Any) -> str:
    return "".join(c for c in str(text) if c.isalnum()) or "unknown"


def _interface(inputs: Mapping[str, Json], outputs: Mapping[str, Json]) -> str:
    rows = [
        ("input", name, _shape(kind), kind.get("dtype", "float32"), kind.get("axes", ""))
        for name, kind in inputs.items()
    ]
    rows += [
        ("output", name, _shape(kind), kind.get("dtype", "float32"), kind.get("axes", ""))
        for name, kind in outputs.items()
    ]
    note = (
        "\n\nB is the batch. Axes: C channels, D depth, H height, W width, L length, "
        "T position in a sequence, F feature, N node, E edge."
    )
    return "## Inputs and outputs\n\n" + _table(["", "name", "shape", "dtype", "axes after the batch"], rows) + note


def _shape(kind: Json) -> str:
    sizes = [str(n) for n in kind.get("shape", ())]
    return "(" + ", ".join(["B", *sizes] if kind.get("batched", True) else sizes) + ")"


def _unit(study: Json, name: str) -> str:
    return str({**COST_UNITS, **study.get("units", {})}.get(name, "")) or "–"


def _preparation(member: Json) -> str:
    """How raw data becomes the network's input; without it a network gives nonsense on the user's own data."""
    told = member.get("preparation")
    if not told:
        return ""
    text = json.dumps(told, indent=2, ensure_ascii=False, default=str)
    return (
        f"## Preparation\n\nThe network was trained on data prepared so; prepare yours alike.\n\n{_code(text, 'json')}"
    )


def _metrics(member: Json, study: Json) -> str:
    stated = study.get("methods", {})
    epoch = member.get("validation_epoch")
    when = f"at the end of training (epoch {epoch})" if epoch is not None else "at the end of training"
    rows = [
        (
            name,
            "test",
            value,
            _unit(study, name),
            stated.get(name, "once, after the search; nothing was chosen by it"),
        )
        for name, value in member.get("test", {}).items()
    ]
    for name, value in member.get("values", {}).items():
        if name not in COST_UNITS:
            how = stated.get(name, f"{when}; the search chose by it, so it is optimistic")
            rows.append((name, "validation", value, _unit(study, name), how))
    return "## Metrics\n\n" + _table(["metric", "split", "value", "unit", "how it was measured"], rows) if rows else ""


def _costs(member: Json, study: Json) -> str:
    known = [name for name in METHODS if name in member.get("values", {})]
    bounds = {b["name"]: b for b in study.get("budgets", ())}
    rows = []
    for name in known:
        bound = bounds.get(name)
        sign = "at most" if bound and bound.get("sense", "at_most") == "at_most" else "at least"
        limit = f"{sign} {style.number(bound['limit'])}" if bound else "–"
        rows.append((style.words(name), member["values"][name], _unit(study, name), limit, METHODS[name]))
    return "## Cost\n\n" + _table(["cost", "value", "unit", "budget", "counter"], rows) if rows else ""


def _latency(latency: Mapping[str, Json]) -> str:
    if not latency:
        return ""
    lines = [
        f"* {md(when)}: **{style.number(p.get('median_ms'))} ms**, {md(_how_known(p))}." for when, p in latency.items()
    ]
    methods = dict.fromkeys(str(p["method"]) for p in latency.values() if p.get("method"))
    return "## Latency\n\n" + "\n".join(lines) + "".join(f"\n\n{md(method)}" for method in methods)


def _how_known(latency: Json) -> str:
    return prediction_summary(latency) if "low_ms" in latency else latency_summary(latency)


PARITY = ("max_abs_error", "max_rel_error", "tolerance", "samples", "runtime")


def _parity(parity: Sequence[Json]) -> str:
    """Every file against the trained module; a figure that no file has gets no column."""
    if not parity:
        return ""
    shown = [name for name in PARITY if any(row.get(name) is not None for row in parity)]
    rows = []
    for row in parity:
        agrees = {True: "yes", False: "NO", None: "–"}[row.get("agrees")]
        figures = [_error(row.get(name)) for name in shown]
        rows.append((row.get("format", ""), row.get("file", ""), *figures, agrees))
    head = ["format", "file", *(name.replace("_", " ") for name in shown), "agrees"]
    return "## Parity\n\nEach file was run against the trained module on the same inputs.\n\n" + _table(head, rows)


def _error(value: Any) -> Any:
    return f"{value:.2e}" if isinstance(value, float) and value else value


def _running(parity: Sequence[Json], inputs: Mapping[str, Json]) -> str:
    parts = []
    for row in parity:
        usage = row.get("usage") or _example(str(row.get("format", "")), str(row.get("file", "")), inputs)
        if usage:
            parts.append(f"### {md(row.get('file') or row.get('format'))}\n\n{_code(str(usage).strip(), 'python')}")
    return "## How to run it\n\n" + "\n\n".join(parts) if parts else ""


def _example(kind: str, file: str, inputs: Mapping[str, Json]) -> str:
    """Example code for the formats whose reading is the same for every network; "" for others."""
    if kind == "onnx":
        feed = ", ".join(f"{name!r}: {_zeros('np', spec)}" for name, spec in inputs.items())
        return (
            f"import numpy as np\nimport onnxruntime\n\nsession = onnxruntime.InferenceSession({file!r})\n"
            f"outputs = session.run(None, {{{feed}}})"
        )
    if kind == "pt2":
        feed = ", ".join(_zeros("torch", spec) for spec in inputs.values())
        return f"import torch\n\nnetwork = torch.export.load({file!r}).module()\noutput = network({feed})"
    if kind == "source":
        feed = ", ".join(_zeros("torch", spec) for spec in inputs.values())
        name = file.removesuffix(".py")
        return (
            f"import torch\n\nfrom {name} import Network, load_weights\n\nnetwork = Network().eval()\n"
            f"network.load_state_dict(load_weights({name + '.safetensors'!r}))\noutput = network({feed})"
        )
    if kind == "safetensors":
        return f"from safetensors.torch import load_file\n\nweights = load_file({file!r})  # by module path"
    return ""


def _zeros(library: str, kind: Json) -> str:
    shape = [1, *kind.get("shape", ())] if kind.get("batched", True) else list(kind.get("shape", ()))
    dtype = DTYPES.get(str(kind.get("dtype", "float32")), "float32")
    return f"{library}.zeros({tuple(shape)}, dtype={library}.{dtype})"


def _origin(member: Json, study: Json) -> str:
    """Where it came from: enough to find the trial again, and to train it again."""
    goals = ", ".join(f"{goal['direction']} {goal['name']}" for goal in study.get("objectives", ()))
    budgets = ", ".join(
        f"{b['name']} {'≤' if b.get('sense', 'at_most') == 'at_most' else '≥'} {style.number(b['limit'])}"
        for b in study.get("budgets", ())
    )
    facts = {
        "study": study.get("name"), "trial": member.get("trial"), "space": _named(study.get("space")),
        "task": _named(study.get("task")), "objectives": goals, "budgets": budgets,
        "sampler": _named(study.get("sampler")), "seed": study.get("seed"),
    }  # fmt: skip
    lines = [f"* {name}: {md(value)}" for name, value in facts.items() if value not in (None, "")]
    lines += [f"* version of {md(name)}: {md(value)}" for name, value in (study.get("versions") or {}).items()]
    parts = ["## Where it came from\n\n" + "\n".join(lines)]
    for title, value in (("Recipe", study.get("recipe")), ("Decisions", member.get("decisions"))):
        if value:
            text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
            parts.append(f"### {title}\n\n{_code(text, 'json')}")
    return "\n\n".join(parts)
