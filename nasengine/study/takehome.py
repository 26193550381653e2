"""A front member as a folder that needs no study: its formats, each run against the trained module, and its card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasengine.errors import StoreError
from nasengine.graph import Graph, lower
from nasengine.study.artifacts import WEIGHTS, sha256_of

if TYPE_CHECKING:
    from torch import nn

    from nasengine.export import Exported
    from nasengine.study.front import Member


def take_home(member: Member, path: str | Path, formats: Sequence[str]) -> Path:
    """Write a member's network to a folder. See :meth:`nasengine.study.Member.export`."""
    from nasengine.export import export

    graph = lower(member.architecture).simplify()
    made = export(
        member.architecture,
        trained(member, graph),
        path,
        formats=formats,
        metrics={"validation": dict(member.metrics), "test": dict(member.test_metrics)},
        origin=_origin(member),
        card=lambda exported: _card(member, graph, exported),
    )
    return made.folder


def trained(member: Member, graph: Graph) -> nn.Module:
    """The member's network with its trained weights, in eval mode, on the CPU.

    Raises:
        StoreError: the weights are absent, or not those that were recorded.
    """
    from nasengine.export.weights import read_weights
    from nasengine.graph.module import build

    file = member.folder / WEIGHTS
    recorded = member.artifacts.get(WEIGHTS)
    if recorded is None:
        raise StoreError(
            f"{member.folder}: the weights of trial {member.number} are not written yet; a study writes them when it "
            "ends: run its command again"
        )
    found = sha256_of(file) if file.is_file() else "no file"
    if found != recorded:
        raise StoreError(
            f"{file}: expected the weights with SHA-256 {recorded[:16]}; got {found[:16]}; they were changed or "
            "removed since they were recorded: put them back, or train in another store"
        )
    module = build(graph)
    module.load_state_dict(read_weights(file))
    return module.eval()


def _origin(member: Member) -> dict[str, Any]:
    names = ("name", "space", "task", "recipe", "objectives", "budgets", "seed", "sampler", "versions", "started_at")
    study = {name: member.study[name] for name in names if name in member.study}
    about = {"trial": member.number, "graph_id": member.graph_id, "decisions": dict(member.decisions)}
    return {**about, "study": study, "preparation": dict(member.preparation), "latency": _latency(member)}


def _latency(member: Member) -> dict[str, Any]:
    measured = {"during the search": member.profile, "when the search was over": member.final_profile}
    predicted = {} if member.prediction is None else {"as predicted": dict(member.prediction)}
    return predicted | {when: profile.to_json() for when, profile in measured.items() if profile is not None}


def _card(member: Member, graph: Graph, exported: Exported) -> str:
    from nasengine.report import model_card

    about = {
        "trial": member.number,
        "graph_id": member.graph_id,
        "values": member.values,
        "test": dict(member.test_metrics),
        "decisions": dict(member.decisions),
        "preparation": dict(member.preparation),
    }
    inputs = {name: graph.types[value].to_json() for name, value in graph.inputs.items()}
    outputs = {name: graph.types[value].to_json() for name, value in graph.outputs.items()}
    rows = exported.parity_rows()
    return model_card(about, rows, study=member.study, inputs=inputs, outputs=outputs, latency=_latency(member))
