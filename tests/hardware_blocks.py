"""Blocks whose latency, memory or misdeeds are known, for the tests of the profiler.

They act on real tensors only: the meta device, on which shapes are found, is left alone.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import time
from typing import Any

import torch
from torch import Tensor, nn

from nasengine import Architecture, Features, Space
from nasengine.blocks import Linear, Sequential, block_from_module
from nasengine.hardware import Device, LatencyProfile, Limits, Profiler

CPU = Device("cpu", threads=1, batch=1, runtime="eager")
QUICK = Limits(target_s=0.01, patience_s=0.05, warmup_limit_s=0.3, most_processes=3, limit_s=5.0)


class Sleeper(nn.Module):
    """Sleeps `sleep_s` a call, `first_s` in each of the first `slow_calls`, and `more_s` longer each time."""

    def __init__(self, sleep_s: float, first_s: float = 0.0, slow_calls: int = 0, more_s: float = 0.0) -> None:
        super().__init__()
        self.sleep_s, self.first_s, self.slow_calls, self.more_s = sleep_s, first_s, slow_calls, more_s
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_meta:
            self.calls += 1
            first = self.calls <= self.slow_calls
            time.sleep(self.first_s if first else self.sleep_s + self.more_s * min(self.calls, 60))
        return x


class Witness(nn.Module):
    """Writes the state of the process in which it is called to a file, a line a call."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path, self.drop = path, nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_meta:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(self.state(x)) + "\n")
        out: Tensor = self.drop(x)
        return out

    def state(self, x: Tensor) -> dict[str, Any]:
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        return {
            "pid": os.getpid(),
            "group": os.getpgid(0),
            "parent": os.getppid(),
            "cores": cores,
            "training": self.training,
            "grad": torch.is_grad_enabled(),
            "inference": torch.is_inference_mode_enabled(),
            "gc": gc.isenabled(),
            "threads": torch.get_num_threads(),
            "dtype": str(x.dtype),
            "batch": x.shape[0],
        }


class Deed(nn.Module):
    """Does something to its process."""

    def __init__(self, deed: str) -> None:
        super().__init__()
        self.deed = deed

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_meta:
            DEEDS[self.deed]()
        return x


class Wide(nn.Module):
    """Needs `mib` MiB for a moment."""

    def __init__(self, mib: int) -> None:
        super().__init__()
        self.mib = mib

    def forward(self, x: Tensor) -> Tensor:
        return x if x.is_meta else x + torch.ones(self.mib * 2**18).sum() * 0


def _raise() -> None:
    raise RuntimeError("no kernel for\nthis")


def _print() -> None:
    print('{"value": 1}', flush=True)


DEEDS = {
    "raise": _raise,
    "exit": lambda: os._exit(7),
    "abort": os.abort,
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda: time.sleep(600),
    "kill server": lambda: os.kill(int(os.environ["NASENGINE_TEST_SERVER"]), signal.SIGKILL),
    "print": _print,
}

SleeperBlock = block_from_module(Sleeper)
WitnessBlock = block_from_module(Witness)
DeedBlock = block_from_module(Deed)
WideBlock = block_from_module(Wide)


def network(*blocks: Any, features: int = 4) -> Architecture:
    """The only member of a space: these blocks, then a small linear map."""
    body = Sequential(*blocks, Linear(features))
    return Space("one", inputs=Features(features), network=body).smallest()


def sleeper(sleep_s: float, first_s: float = 0.0, slow_calls: int = 0, more_s: float = 0.0) -> Architecture:
    """A network of known latency: a call never takes less than its sleep."""
    return network(SleeperBlock(sleep_s, first_s, slow_calls, more_s))


def quick(profiler: Profiler, architecture: Architecture, device: Device = CPU, **limits: Any) -> LatencyProfile:
    """A profile with narrow limits."""
    return profiler.profile(architecture, device, limits=Limits(**QUICK.to_json() | limits))
