"""Graph to source: one readable Python file that needs only torch.

Composites become classes, alike ones the same class with parameters; a module applied twice is one attribute called
twice; modules that torch lacks are copied verbatim, so the code that trained is the code that ships. Keys of the
network's ``state_dict`` are those of :func:`nasengine.graph.module.build`.
"""

from __future__ import annotations

from nasengine.graph.graph import Graph
from nasengine.graph.source.classes import Classes
from nasengine.graph.source.copied import Copies
from nasengine.graph.source.file import assemble
from nasengine.graph.source.places import places_of
from nasengine.graph.source.text import to_name

__all__ = ["source"]

OWN_NAMES = {
    "Network": "the network", "load_weights": "the reader of weights", "example_inputs": "the example inputs",
    "DTYPES": "the reader's table", "annotations": "__future__.annotations", "json": "json", "Path": "pathlib.Path",
    "torch": "torch", "nn": "torch.nn", "F": "torch.nn.functional", "Tensor": "torch.Tensor",
    "OrderedDict": "collections.OrderedDict", "operator": "operator",
}  # fmt: skip


def source(graph: Graph) -> str:
    """The network of a graph as one Python file; the same graph always gives the same text.

    Run as a program it builds the network, loads the weights beside it (``network.safetensors`` beside
    ``network.py``), runs random inputs and prints the shapes of the outputs. It defines ``Network``,
    ``load_weights(path)`` and ``example_inputs(batch)``.

    A user's module that needs more than torch and the standard library is imported by name; a comment says so.

    Raises:
        ExportError: a module's argument cannot be written as source.
    """
    copies = Copies(dict(OWN_NAMES))
    for node in graph.nodes:  # first, so that generated classes avoid the names of copied ones
        call = node.fragment.call
        if call is not None and not call.target.startswith("operator."):
            copies.expression(call.target)
    names: list[str] = []
    for name in graph.inputs:
        names.append(to_name(name, {*names, "self", "torch", "nn", "F", "operator"}))
    outputs = graph.outputs if len(graph.outputs) > 1 else None
    classes = Classes(copies.expression, tuple(names), outputs)
    definitions = classes.define(places_of(graph), set(copies.taken) - {"Network"})
    return assemble(graph, copies, [classes.text(definition) for definition in definitions])
