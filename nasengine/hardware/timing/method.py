"""How a latency was measured, in words that go with the figure."""

from __future__ import annotations

from nasengine.hardware.devices.device import Device
from nasengine.hardware.timing.sampling import BLOCK_MS, STEADY, WINDOW_MS, WINDOW_RUNS
from nasengine.hardware.timing.selection import NEAR, NEAR_PASSES, SLOW, WAITED


def method(device: Device, *, pinned: bool, first: bool) -> str:
    """Some sentences; `pinned`: to cores, `first`: ahead of other processes."""
    timer = "CUDA events around, and a wait after," if device.is_cuda else "time.perf_counter_ns around"
    caches = "the L2 cache as the call before left it" if device.is_cuda else "caches warm"
    absent = "not pinned to cores, which this system does not offer"
    place = "pinned to the least busy of the fast cores" if pinned else absent
    turn = "ahead of other processes" if first else "at ordinary priority"
    return (
        f"One run is one call of the whole network, however short: {timer} it, in inference and eval mode, inputs "
        f"already on the device, {caches}, Python's garbage collector paused. Fresh processes one after the other, "
        f"{place}, {turn}; each warms up until the medians of two successive windows of at least {WINDOW_RUNS} runs "
        f"and {WINDOW_MS:.0f} ms agree within {STEADY:.0%}, and times blocks of {BLOCK_MS:.0f} ms with a reference "
        f"kernel between them, waiting while that is more than {SLOW:.0%} slower than at rest, for a bounded time. The "
        f"median is that of the processes within {NEAR_PASSES:.0%} of the fastest; each one's is over its least "
        f"disturbed blocks (within {NEAR:.0%} of the fastest tenth, a quarter at least), without calls that waited for "
        f"a core for {WAITED:.0%} of their time or more. The 95 % interval is Student's over the processes, widened by "
        "how far blocks and reference kernel moved. Percentiles by nearest rank over all timed calls of these "
        "processes, disturbed ones too."
    )
