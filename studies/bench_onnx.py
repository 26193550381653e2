"""Time an ONNX file with ONNX Runtime and print JSON: the command of a CommandDevice, to be copied and changed.

    CommandDevice("python studies/bench_onnx.py {model} {json}", name="this machine")
    CommandDevice("ssh pi python bench_onnx.py ...", name="pi", here=False)   # with a line that copies both files there

It needs numpy and onnxruntime only, so that it runs on a board as it is. Everything that it prints before the last line
is left out. What stands in "device" is the fingerprint: put there what a latency depends on (the chip, its power mode,
the driver, versions), and nothing that changes from run to run.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime

REFUSED = ("NOT_IMPLEMENTED", "INVALID_GRAPH", "No Op registered", "Could not find an implementation")


def main(model: str, request_file: str) -> None:
    """Answer one request. Whatever goes wrong ends it with a traceback on stderr and exit status 1."""
    with open(request_file, encoding="utf-8") as file:
        request = json.load(file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = request["threads"], 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as problem:
        if any(word in str(problem) for word in REFUSED):
            print(json.dumps({"unsupported": str(problem)}))
            return
        raise
    taken = {one.name for one in session.get_inputs()}
    feed = {one["name"]: example(one) for one in request["inputs"] if one["name"] in taken}
    warmup_runs, steady = warm_up(lambda: session.run(None, feed), request["warmup_limit_s"])
    times_ms = timed(lambda: session.run(None, feed), request)
    answer = {"times_ms": times_ms, "warmup_runs": warmup_runs, "steady": steady, "device": device()}
    print(json.dumps(answer | {"facts": {"providers": ", ".join(session.get_providers())}}))


def example(one: dict[str, Any]) -> np.ndarray:
    """Random numbers; for ids zeros, which every table has."""
    if not one["dtype"].startswith("float"):
        return np.zeros(one["shape"], one["dtype"])
    return np.random.default_rng(0).standard_normal(one["shape"]).astype(one["dtype"])


def warm_up(call: Callable[[], object], limit_s: float) -> tuple[int, bool]:
    """Call until two windows of ten calls have medians within 3 %, or time is up: the calls, and whether they do."""
    runs, before, end = 0, float("inf"), time.perf_counter() + limit_s
    while time.perf_counter() < end:
        now = float(np.median([one_call(call) for _ in range(10)]))
        runs += 10
        if abs(now - before) <= 0.03 * now:
            return runs, True
        before = now
    return runs, False


def timed(call: Callable[[], object], request: dict[str, Any]) -> list[float]:
    """Milliseconds of each call, as many as the request wants."""
    times_ms: list[float] = []
    total_s, start = 0.0, time.perf_counter()
    while len(times_ms) < request["max_runs"] and time.perf_counter() - start < request["limit_s"]:
        if len(times_ms) >= request["min_runs"] and total_s >= request["target_s"]:
            break
        times_ms.append(one_call(call))
        total_s += times_ms[-1] / 1e3
    return times_ms


def one_call(call: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    start_ns = time.perf_counter_ns()
    call()
    return (time.perf_counter_ns() - start_ns) / 1e6


def device() -> dict[str, str]:
    """What stands here."""
    return {
        "cpu": processor(),
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
    }


def processor() -> str:
    """The processor's name, on Linux from the kernel."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith(("model name", "Model"))]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


if __name__ == "__main__":
    main(*sys.argv[1:])
