"""What a runtime needs on this machine beside torch, and in which version it is here. Standard library only."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

ONNX_PACKAGES = ("onnx", "onnxruntime", "onnxscript")
_COMPILER = "clang++" if sys.platform == "darwin" else "g++"  # what torch looks for where CXX is not set
_COMPILED = ("compile", "aot")


def missing(runtime: str, dtype: str, *, is_cuda: bool) -> str | None:
    """What is absent here and how to install it, on one line; None where everything is here."""
    if runtime == "onnxruntime":
        return _no_onnx(is_cuda=is_cuda)
    if dtype == "int8" and find_spec("torchao") is None and not eager_cpu(runtime, is_cuda=is_cuda):
        return "torchao is not installed; install it with: pip install 'nasengine[quant]'"
    if runtime in _COMPILED and _compiler() is None:
        return f"torch compiles with a C++ compiler, and {_named()} is not here; install it, or set CXX to another"
    if runtime in _COMPILED and is_cuda and find_spec("triton") is None:
        return "torch compiles for GPUs with triton, which is not installed; install it with: pip install triton"
    return None


def versions(runtime: str, dtype: str, *, is_cuda: bool) -> dict[str, str | None]:
    """Versions, beside torch's own, that decide what is measured; None for a package that is absent."""
    if runtime == "onnxruntime":
        return {"onnxruntime": _version("onnxruntime") or _version("onnxruntime-gpu")}
    found = {"compiler": _compiler()} if runtime in _COMPILED else {}
    if dtype == "int8" and not eager_cpu(runtime, is_cuda=is_cuda):
        found["torchao"] = _version("torchao")
    return found


def eager_cpu(runtime: str, *, is_cuda: bool) -> bool:
    """Is this eager torch on the CPU, which has int8 operations of its own?"""
    return runtime == "eager" and not is_cuda


def _no_onnx(*, is_cuda: bool) -> str | None:
    absent = [name for name in ONNX_PACKAGES if find_spec(name) is None]
    if absent:
        return f"{', '.join(absent)} not installed; install with: pip install 'nasengine[onnx]'"
    if is_cuda and _version("onnxruntime-gpu") is None:
        return "ONNX Runtime is built without CUDA here; install the other build: pip install onnxruntime-gpu"
    return None


def _named() -> str:
    return os.environ.get("CXX") or _COMPILER


def _compiler() -> str | None:
    """The C++ compiler and its version; None where there is none."""
    path = shutil.which(_named())
    return None if path is None else _compiler_at(path)


@functools.cache
def _compiler_at(path: str) -> str:
    asked = subprocess.run([path, "-dumpfullversion"], capture_output=True, text=True, timeout=20, check=False)
    return f"{os.path.basename(path)} {asked.stdout.strip() or 'of unknown version'}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
