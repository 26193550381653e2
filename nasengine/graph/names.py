"""Names of modules: what a part of a network may be called."""

from __future__ import annotations

import keyword

from nasengine.errors import SpaceError

# fmt: off
TAKEN = frozenset((
    "T_destination", "add_module", "add_submodule", "apply", "bfloat16", "buffers", "call_super_init",
    "children", "code", "compile", "cpu", "cuda", "delete_all_unused_submodules", "delete_submodule",
    "double", "dump_patches", "eval", "extra_repr", "float", "forward", "get_buffer", "get_extra_state",
    "get_parameter", "get_submodule", "graph", "half", "ipu", "load_state_dict", "meta", "modules",
    "mtia", "named_buffers", "named_children", "named_modules", "named_parameters", "parameters",
    "print_readable", "recompile", "register_backward_hook", "register_buffer", "register_forward_hook",
    "register_forward_pre_hook", "register_full_backward_hook", "register_full_backward_pre_hook",
    "register_load_state_dict_post_hook", "register_load_state_dict_pre_hook", "register_module",
    "register_parameter", "register_state_dict_post_hook", "register_state_dict_pre_hook",
    "requires_grad_", "set_extra_state", "set_submodule", "share_memory", "state_dict", "to", "to_empty",
    "to_folder", "train", "training", "type", "xpu", "zero_grad",
))
# fmt: on
"""Names that a torch module's own attributes have; a part cannot be called so."""

_fine: set[str] = set()


def is_name(part: str) -> bool:
    """May a module be called so? An identifier or a number; no keyword, no attribute of torch's modules."""
    if part.isascii() and part.isdigit():
        return True
    return part.isidentifier() and not keyword.iskeyword(part) and part not in TAKEN


def check_name(name: str) -> None:
    """Refuse a module path with a part that cannot be a name.

    Raises:
        SpaceError: says which part.
    """
    if name in _fine:
        return
    for part in name.split("."):
        if not is_name(part):
            raise SpaceError(
                f"{name}: a module's name is an identifier or a number, no keyword and none that torch modules use "
                f"themselves; got {part!r}; write {part + '_' if part.isidentifier() else 'stem'!r} instead"
            )
    if len(_fine) < 65_536:
        _fine.add(name)
