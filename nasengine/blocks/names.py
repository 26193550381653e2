"""Names of parts: places for positional ones, keywords for the others."""

from __future__ import annotations

from nasengine.errors import SpaceError
from nasengine.graph.block import Block

# fmt: off
TAKEN = frozenset((
    "T_destination", "add_module", "add_submodule", "apply", "bfloat16", "buffers", "call_super_init",
    "children", "code", "compile", "cpu", "cuda", "delete_all_unused_submodules", "delete_submodule", "double",
    "dump_patches", "eval", "extra_repr", "float", "forward", "get_buffer", "get_extra_state", "get_parameter",
    "get_submodule", "graph", "half", "ipu", "load_state_dict", "meta", "modules", "mtia", "named_buffers",
    "named_children", "named_modules", "named_parameters", "parameters", "print_readable", "recompile",
    "register_backward_hook", "register_buffer", "register_forward_hook", "register_forward_pre_hook",
    "register_full_backward_hook", "register_full_backward_pre_hook", "register_load_state_dict_post_hook",
    "register_load_state_dict_pre_hook", "register_module", "register_parameter",
    "register_state_dict_post_hook", "register_state_dict_pre_hook", "requires_grad_", "set_extra_state",
    "set_submodule", "share_memory", "state_dict", "to", "to_empty", "to_folder", "train", "training", "type",
    "xpu", "zero_grad",
))
# fmt: on
"""Names that a torch module's own attributes have; a part cannot be called so."""


def named_parts(blocks: tuple[Block, ...], named: dict[str, Block], place: str) -> tuple[str, ...]:
    """Names of parts: places for the positional ones, then the keywords.

    Raises:
        SpaceError: a name that is not a Python identifier, or that torch modules already have.
    """
    for name in named:
        if not name.isidentifier() or name in TAKEN:
            raise SpaceError(
                f"{place}.{name}: a part's name is an identifier that torch modules do not use themselves; "
                f"got {name!r}; write {name + '_' if name.isidentifier() else 'stem'}=... instead"
            )
    return (*(str(i) for i in range(len(blocks))), *named)


def check_names(blocks: tuple[Block, ...], names: tuple[str, ...], place: str) -> None:
    """Refuse a record whose names and blocks do not match."""
    if len(names) != len(blocks) or len(set(names)) != len(names):
        raise SpaceError(
            f"{place}.names: one name a block, all distinct; got {len(blocks)} blocks and the names {names}"
        )
