"""The generated file around the classes: what it is, imports, copied modules, the reader of weights, the program."""

from __future__ import annotations

from nasengine.graph.graph import Graph
from nasengine.graph.module import ids_of
from nasengine.graph.source.copied import Copies
from nasengine.graph.source.text import INDENT, Layout, lines, literal
from nasengine.graph.tensor import TensorType

IMPORTED_BY_NAME = "is imported by name, not copied"
"""Words of the comment that says a file needs more than torch."""

READER = '''
DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64,
    "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}


def load_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a .safetensors file: the tensors by name."""
    data = bytearray(Path(path).read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    weights = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        raw = torch.frombuffer(data[start + first : start + last] or bytearray(8), dtype=torch.uint8)
        weights[name] = raw[: last - first].view(DTYPES[entry["dtype"]]).reshape(entry["shape"])
    return weights
'''

PROGRAM = """
if __name__ == "__main__":
    network = Network().eval()
    weights = Path(__file__).with_suffix(".safetensors")
    if weights.exists():
        network.load_state_dict(load_weights(weights))
    with torch.no_grad():
        output = network(*example_inputs())
"""


def assemble(graph: Graph, copies: Copies, classes: list[list[str]]) -> str:
    """The whole file."""
    body = [*copies.text()]
    for text in classes:
        body += ["", "", *text]
    tail = [*READER.splitlines(), "", "", *_examples(graph), "", *PROGRAM.splitlines(), *_report(graph)]
    head = [*_header(graph, copies), "", "from __future__ import annotations", ""]
    return "\n".join([*head, *_imports(copies, "\n".join(body)), *body, "", *tail]) + "\n"


def _header(graph: Graph, copies: Copies) -> list[str]:
    cost = graph.cost
    needs = (
        "It needs torch and nothing else"
        if not copies.foreign
        else "It needs torch, and the modules imported by name below"
    )
    made = [
        f'"""Network {graph.id[:12]}, a stand-alone PyTorch module. {needs}.',
        "",
        f"id          {graph.id}",
        f"parameters  {cost.params:,}",
        f"MACs        {cost.macs:,} for one sample",
    ]
    for title, values in (("input", graph.inputs), ("output", graph.outputs)):
        made += [f"{title:<12}{name}: {_shape(graph.types[value])}" for name, value in values.items()]
    return [*made, '"""']


def _shape(type: TensorType) -> str:
    sizes = [*(["B"] if type.batched else []), *map(str, type.shape)]
    return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''}) {type.dtype}"


def _imports(copies: Copies, body: str) -> list[str]:
    names = {
        **copies.imports,
        "json": "json",
        "Path": "pathlib.Path",
        "torch": "torch",
        "nn": "torch.nn",
        "Tensor": "torch.Tensor",
    }
    if "OrderedDict(" in body:
        names["OrderedDict"] = "collections.OrderedDict"
    made = [(f"import {name}", name) for name, origin in sorted(names.items()) if "." not in origin]
    parts: dict[str, list[str]] = {}
    for name, (room, _, last) in sorted(
        (name, origin.rpartition(".")) for name, origin in names.items() if "." in origin
    ):
        parts.setdefault(room, []).append(last if last == name else f"{last} as {name}")
    made += [(f"from {room} import {', '.join(found)}", room.split(".")[0]) for room, found in sorted(parts.items())]
    standard = [text for text, root in made if root != "torch"]
    torch = [text for text, root in made if root == "torch"]
    foreign = [
        line
        for module, reason in copies.foreign.items()
        for line in (f"# {module} {IMPORTED_BY_NAME}: {reason}; keep it where Python finds it.", f"import {module}")
    ]
    return [*standard, "", *torch, *(["", *foreign] if foreign else [])]


def _examples(graph: Graph) -> list[str]:
    parts = tuple(_example(graph, value) for value in graph.inputs.values())
    tail = ",)" if len(parts) == 1 else ")"
    return [
        "def example_inputs(batch: int = 1) -> tuple[Tensor, ...]:",
        f'{INDENT}"""Random inputs of the shapes that the network takes."""',
        *lines(Layout("return (", parts, tail), INDENT),
    ]


def _example(graph: Graph, value: int) -> str:
    kind = graph.types[value]
    sizes = [*(["batch"] if kind.batched else []), *map(str, kind.shape)]
    shape = f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
    if kind.dtype in ("int64", "int32", "uint8"):
        return f"torch.randint(0, {ids_of(graph, value)}, {shape}, dtype=torch.{kind.dtype})"
    if kind.dtype == "bool":
        return f"torch.zeros({shape}, dtype=torch.bool)"
    return (
        f"torch.randn({', '.join(sizes)})"
        if kind.dtype == "float32" and sizes
        else f"torch.randn({shape}, dtype=torch.{kind.dtype})"
    )


def _report(graph: Graph) -> list[str]:
    if len(graph.outputs) > 1:
        return [f"{INDENT}for name, tensor in output.items():", f"{INDENT * 2}print(name, tuple(tensor.shape))"]
    return [f"{INDENT}print({literal(next(iter(graph.outputs)), 'output')}, tuple(output.shape))"]
