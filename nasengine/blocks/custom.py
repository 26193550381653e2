"""A user's own ``torch.nn.Module`` class as a block."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, cast

from nasengine.errors import ShapeError, SpaceError, TagError
from nasengine.graph.tensor import BYTES, TensorType
from nasengine.graph.vocabulary import Axis, Call, Parameter, Primitive, block, module
from nasengine.space.spec import field_names, spec_class

if TYPE_CHECKING:
    from torch import Tensor, nn

Facts = tuple[tuple[TensorType, ...], tuple[Parameter, ...], int]
"""(output types, state, MACs)"""
GUESS = {0: "", 1: "F", 2: "TF", 3: "CHW", 4: "CDHW"}
SCALARS = (str, int, float, bool, type(None))


class ModuleBlock(Primitive):
    """Base of the blocks that :func:`block_from_module` makes: fields are the module's constructor arguments.

    Output types, state and MACs are found by running the module on the meta device (no memory, no arithmetic) when a
    graph is first lowered, and remembered for these arguments and input types.
    """

    module_class: ClassVar[Any]
    output_axes: ClassVar[tuple[str, ...]] = ()
    stochastic: ClassVar[bool] = True

    if TYPE_CHECKING:

        def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def infer(self, *inputs: TensorType) -> TensorType | tuple[TensorType, ...]:
        outputs = _facts(self, inputs)[0]
        return outputs if len(outputs) > 1 else outputs[0]

    def parameters(self, *inputs: TensorType) -> tuple[Parameter, ...]:
        return _facts(self, inputs)[1]

    def macs(self, inputs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> int:
        return _facts(self, inputs)[2]

    def call(self, *inputs: TensorType) -> Call:
        cls = self.module_class
        return module(f"{cls.__module__}.{cls.__qualname__}", **self.arguments())

    def arguments(self) -> dict[str, Any]:
        """Constructor arguments that differ from the module's own defaults."""
        signature = inspect.signature(self.module_class).parameters
        given = {name: getattr(self, name) for name in field_names(type(self))}
        return {name: value for name, value in given.items() if not _same(value, signature[name].default)}


def block_from_module(
    cls: type[nn.Module], *, tag: str | None = None, axes: str | tuple[str, ...] = (), stochastic: bool = True
) -> type[ModuleBlock]:
    """A block class that stands for a module class; its fields are the module's constructor arguments.

    Each argument is plain data (a number, a string, None, tuples of them) and may be an open position. The records of
    an architecture hold the tag, ``package.module:Class``, so a process that reads them first imports the module that
    calls this function; a study needs that call at the top level of a module, not in the script that runs. A block so
    made is taken to give something on zeros, and its twins are never merged.

    Args:
        cls: a ``torch.nn.Module`` class importable by name; its ``forward`` takes tensors and gives one or a tuple.
        tag: name in records; ``package.module:Class`` if None.
        axes: letters of the output's axes, without the batch (a tuple of them for several outputs). Left out: the first
            input's letters where the rank is the same, else ``F``, ``TF``, ``CHW`` or ``CDHW`` by rank.
        stochastic: may it draw random numbers, or change state, when it runs? On, unless you know better.

    Raises:
        SpaceError: the class cannot be imported by name, or its constructor takes what a record cannot hold.

    Example:
        >>> from torch import nn
        >>> Hardtanh = block_from_module(nn.Hardtanh, stochastic=False)
        >>> Hardtanh(min_val=0.0).to_json()["min_val"]
        0.0
    """
    _check_importable(cls)
    name = tag or f"{cls.__module__}:{cls.__qualname__}"
    known = _known(name, cls)
    letters = (axes,) if isinstance(axes, str) else tuple(axes)
    home = _importing()
    if known is not None and (known.output_axes, known.stochastic) == (letters, stochastic):
        if known.__module__ == "__main__":  # made in a notebook first, then moved to a module as advised
            known.__module__ = home
        return known
    body: dict[str, Any] = {
        "__doc__": inspect.getdoc(cls), "__module__": home, "__qualname__": f"{cls.__qualname__}Block",
        "__annotations__": {}, "module_class": cls, "output_axes": letters, "stochastic": stochastic,
    }  # fmt: skip
    for argument in _arguments(cls):
        body["__annotations__"][argument.name] = Any
        default = {} if argument.default is argument.empty else {"default": argument.default}
        body[argument.name] = field(kw_only=argument.kind is argument.KEYWORD_ONLY, **default)
    return block(name)(type(f"{cls.__name__}Block", (ModuleBlock,), body))


def _importing() -> str:
    """The module that runs its top level now: importing it makes the block again, importing the class does not."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    return "__main__" if frame is None else str(frame.f_globals.get("__name__", "__main__"))


def _check_importable(cls: Any) -> None:
    from torch import nn

    if not (isinstance(cls, type) and issubclass(cls, nn.Module)):
        raise SpaceError(
            f"block_from_module: it takes a torch.nn.Module class; got {cls!r}; pass the class, not an instance"
        )
    place = f"{cls.__module__}.{cls.__qualname__}"
    if cls.__module__ == "__main__" or "<locals>" in cls.__qualname__:
        raise SpaceError(
            f"{place}: a block is rebuilt by importing its module's class by name, in worker processes too; "
            "this one is defined in a script, a notebook or a function; "
            "move it to the top level of a .py file and import it"
        )
    found: Any = sys.modules.get(cls.__module__) or importlib.import_module(cls.__module__)
    for part in cls.__qualname__.split("."):
        found = getattr(found, part, None)
    if found is not cls:
        raise SpaceError(
            f"{place}: this name stands for {found!r}, not for the class; leave the class its name and write "
            f"{cls.__name__}Block = block_from_module({cls.__name__}) after it, not as a decorator"
        )


def _known(tag: str, cls: Any) -> type[ModuleBlock] | None:
    """The block class already registered for this module class."""
    try:
        known = spec_class(tag)
    except TagError:
        return None
    return cast("type[ModuleBlock]", known) if getattr(known, "module_class", None) is cls else None


def _arguments(cls: Any) -> Iterator[inspect.Parameter]:
    """Constructor arguments that become fields; one with a default that a record cannot hold stays at that default."""
    from torch import nn

    if cls.__init__ is nn.Module.__init__:  # it takes *args and **kwargs, and none of them
        return
    for argument in inspect.signature(cls).parameters.values():
        place = f"{cls.__module__}:{cls.__qualname__}.{argument.name}"
        if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD, argument.POSITIONAL_ONLY):
            raise SpaceError(
                f"{place}: a block's fields are the constructor's arguments, each with a name; got {argument}; "
                "derive a class whose __init__ names them"
            )
        if argument.name in ("device", "dtype") or not (
            argument.default is argument.empty or _is_plain(argument.default)
        ):
            continue
        if argument.name == "type" or hasattr(ModuleBlock, argument.name):
            raise SpaceError(
                f"{place}: blocks use the name {argument.name!r} themselves; "
                "derive a class whose __init__ calls this argument otherwise"
            )
        yield argument


def _is_plain(value: Any) -> bool:
    return isinstance(value, SCALARS) or (isinstance(value, tuple) and all(_is_plain(v) for v in value))


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


@lru_cache(maxsize=4_096)
def _facts(spec: ModuleBlock, inputs: tuple[TensorType, ...]) -> Facts:
    """What the module does, found on the meta device."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    try:
        with torch.device("meta"):
            made = spec.module_class(**spec.arguments()).eval()
    except Exception as error:
        raise ShapeError(
            f"{spec.tag}: the constructor failed with {type(error).__name__}: {error}; got {spec.arguments()}"
        ) from error
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            made(*_tensors(inputs, batch=1))
        with torch.no_grad():
            found = made(*_tensors(inputs, batch=2))
    except Exception as error:
        raise ShapeError(
            f"{spec.tag}: forward failed on the meta device with {type(error).__name__}: {error}; got "
            f"{', '.join(map(repr, inputs))}; change what comes before it, or write forward with torch operations "
            "whose shapes do not depend on values"
        ) from error
    return _outputs(spec, inputs, found), _state(spec, made), counter.get_total_flops() // 2


def _tensors(inputs: tuple[TensorType, ...], batch: int) -> list[Tensor]:
    import torch

    return [
        torch.empty((batch, *x.shape) if x.batched else x.shape, dtype=getattr(torch, x.dtype), device="meta")
        for x in inputs
    ]


def _outputs(spec: ModuleBlock, inputs: tuple[TensorType, ...], found: Any) -> tuple[TensorType, ...]:
    from torch import Tensor

    made = tuple(found) if isinstance(found, (tuple, list)) else (found,)
    if not made or not all(isinstance(t, Tensor) for t in made):
        raise ShapeError(f"{spec.tag}: forward gives a tensor, or a tuple of them; got {type(found).__name__}")
    if spec.output_axes and len(spec.output_axes) != len(made):
        raise ShapeError(f"{spec.tag}.axes: letters for each output; got {spec.output_axes} for {len(made)} outputs")
    letters = spec.output_axes or (None,) * len(made)
    return tuple(_output(spec, inputs, t, axes) for t, axes in zip(made, letters, strict=True))


def _output(spec: ModuleBlock, inputs: tuple[TensorType, ...], tensor: Tensor, axes: str | None) -> TensorType:
    batched = any(x.batched for x in inputs)
    if batched and (tensor.ndim < 1 or tensor.shape[0] != 2):
        raise ShapeError(
            f"{spec.tag}: the first axis of what forward gives is the batch; got the shape {tuple(tensor.shape)} for a "
            "batch of 2; keep the batch first"
        )
    shape = tuple(tensor.shape[1:] if batched else tensor.shape)
    if axes is None:
        axes = inputs[0].axes if len(inputs[0].axes) == len(shape) else GUESS.get(len(shape))
    if axes is None or len(axes) != len(shape):
        raise ShapeError(
            f"{spec.tag}.axes: one letter for each axis but the batch; got {axes!r} for the shape {shape}; "
            "pass axes=... to block_from_module"
        )
    return TensorType(shape, axes, str(tensor.dtype).removeprefix("torch."), batched=batched)


def _state(spec: ModuleBlock, made: nn.Module) -> tuple[Parameter, ...]:
    trained = {name for name, p in made.named_parameters(remove_duplicate=False) if p.requires_grad}
    found: list[Parameter] = []
    for name, tensor in made.state_dict().items():
        dtype = str(tensor.dtype).removeprefix("torch.")
        if dtype not in BYTES:
            raise ShapeError(f"{spec.tag}.{name}: its state has one of the dtypes {', '.join(BYTES)}; got {dtype}")
        axes = tuple(Axis(f"axis_{i}", (n,)) for i, n in enumerate(tensor.shape))
        found.append(Parameter(name, axes, name in trained, dtype))
    return tuple(found)
