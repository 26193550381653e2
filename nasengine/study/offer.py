"""What a space offers in quantities that are measured, found before anything is trained, in bounded time.

Without a predictor a few members that should be the fastest and the slowest are measured. With one, the latency of the
many members that were looked at is predicted, the search goes on from the best of them, and the ends are measured.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nasengine.errors import BudgetError, DeviceError, NasError
from nasengine.search import LATENCY, MEASURED, Budget
from nasengine.space import Architecture, Space
from nasengine.study import gates
from nasengine.study.foresight import Foresight
from nasengine.study.gates import Member, Ranges

if TYPE_CHECKING:
    from nasengine.hardware.predictor import Prediction

PROBES_S = 5.0
"""No further member is measured after this long; one that is being measured is finished."""
PREDICT_S = 3.0
ROUNDS, NEIGHBOURS = 12, 16
_RANDOM = 8
MOST = 8
_SIZES = 60  # members whose operations are counted, to find those of the fewest and the most
_ORDERS = ("macs", "params", "peak_activation_bytes")

Measure = Callable[[Architecture], "Mapping[str, Any] | str"]
"""The JSON of a measured profile, or the reason why there is none."""


@dataclass
class Offer:
    """Ranges of the measured quantities, and in words how they were found."""

    ranges: dict[str, list[float]] = field(default_factory=dict)
    how: dict[str, str] = field(default_factory=dict)


@dataclass
class _Forecast:
    """Predictions by graph id."""

    members: dict[str, Architecture] = field(default_factory=dict)
    found: dict[str, Prediction] = field(default_factory=dict)

    def end(self, sign: int) -> Architecture:
        """The member predicted fastest (1) or slowest (-1)."""
        return self.members[min(self.found, key=lambda id: sign * self.found[id].median_ms)]


def find_offer(
    space: Space, budgets: tuple[Budget, ...], wanted: tuple[str, ...], *, ranges: Ranges, measure: Measure,
    foresight: Foresight | None, seed: int,
) -> Offer:  # fmt: skip
    """The least and the most of each wanted quantity.

    Args:
        wanted: names among ``MEASURED``.
        ranges: members looked at on closed-form cost.
        measure: measures one member.

    Raises:
        BudgetError: a budget that no member was found to meet, or no member could be measured at all.
        DeviceError: the device cannot read a wanted quantity.
    """
    forecast = _Forecast() if foresight is None else _forecast(space, ranges, foresight, random.Random(seed))
    ends = [forecast.end(1), forecast.end(-1)] if forecast.found else []
    profiles = _measured(space, [*ends, *([] if ends and wanted == (LATENCY,) else informative(ranges))], measure)
    offer, bounds, seen = Offer(), {}, {}
    for name in wanted:
        values = [values_of(profile, (name,))[name] for profile in profiles.values()]
        offer.ranges[name] = bounds[name] = [min(values), max(values)]
        offer.how[name], seen[name] = f"measured on {_members(len(values))}", f"{_members(len(values))}, measured,"
        if name == LATENCY and forecast.found:
            rest = [p for id, p in forecast.found.items() if id not in profiles]
            offer.ranges[name] = _spread(values, [p.median_ms for p in rest], [p.median_ms for p in rest])
            bounds[name] = _spread(values, [p.low_ms for p in rest], [p.high_ms for p in rest])
            offer.how[name] = f"predicted for {_members(len(forecast.found))}, {len(values)} of them measured"
            seen[name] = (
                f"{_members(len(forecast.found))} ({len(values)} measured; ends of 95 % intervals of the others)"
            )
    for budget in budgets:
        if budget.name in bounds:
            gates.check_budgets([budget], bounds, space.name, seen[budget.name])
    return offer


def values_of(profile: Mapping[str, Any], wanted: tuple[str, ...]) -> dict[str, float]:
    """Measured quantities by name, out of a profile's JSON.

    Raises:
        DeviceError: the device has no meter for one of them.
    """
    for name in wanted:
        if profile.get(MEASURED[name]) is None:
            place = profile.get("device") or {}
            where = place.get("gpu") or place.get("cpu") or place.get("name") or "the device"
            raise DeviceError(
                f"{name}: the study measures it on the device; {where} has no meter for it that can be read; got none; "
                f"drop {name} from objectives and budgets, or use a device with a meter (energy: NVML on a GPU, RAPL "
                "where it is readable)"
            )
    return {name: float(profile[MEASURED[name]]) for name in wanted}


def informative(ranges: Ranges) -> list[Architecture]:
    """At most eight members that should be the fastest and the slowest: by number of operations, work and size."""
    looked_at = [*ranges.least.values(), *ranges.most.values(), *ranges.members[:_SIZES]]
    orders: list[list[Member]] = [sorted(looked_at, key=lambda m: _operations(m.architecture))]
    orders += [sorted(looked_at, key=lambda m, n=name: m.known[n]) for name in _ORDERS]  # type: ignore[misc]
    ends = [order[place] for place in (0, -1) for order in orders]
    seconds = [next((m for m in order if m.architecture.id != order[0].architecture.id), order[0]) for order in orders]
    chosen = {member.architecture.id: member.architecture for member in [*ends, *seconds]}
    return list(chosen.values())[:MOST]


# --- inside ----------------------------------------------------------------------------------------------------------


def _operations(architecture: Architecture) -> int:
    return sum(
        architecture.graph(n).simplify().fragment.size for n, net in architecture.networks.items() if net.deployed
    )


def _measured(space: Space, members: list[Architecture], measure: Measure) -> dict[str, Mapping[str, Any]]:
    """Profiles by graph id; a member that cannot be measured is left out, and all of them are an error."""
    found: dict[str, Mapping[str, Any]] = {}
    reason, started = "", time.monotonic()
    for architecture in _while_none(space, members, found):
        if len(found) >= 2 and time.monotonic() - started > PROBES_S:
            break
        if architecture.id in found:
            continue
        profile = measure(architecture)
        if isinstance(profile, str):
            reason = profile
        else:
            found[architecture.id] = profile
    if not found:
        raise BudgetError(
            f"latency: none of the extreme members of {space.name!r} could be measured ({reason}); mend that, or drop "
            f"what is measured ({', '.join(MEASURED)}) from objectives and budgets"
        )
    return found


def _while_none(
    space: Space, members: list[Architecture], found: Mapping[str, Mapping[str, Any]]
) -> Iterator[Architecture]:
    """The members; and some at random while none could be measured: a runtime may refuse all extremes, not all."""
    yield from members
    rng = random.Random(0)
    for _ in range(_RANDOM):
        if found:
            return
        yield space.sample(rng)


def _forecast(space: Space, ranges: Ranges, foresight: Foresight, rng: random.Random) -> _Forecast:
    """Predict what was looked at, then walk from the fastest and the slowest by changing decisions."""
    forecast, deadline = _Forecast(), time.monotonic() + PREDICT_S
    looked_at = [m.architecture for m in [*ranges.least.values(), *ranges.most.values(), *ranges.members]]
    for start in range(0, len(looked_at), NEIGHBOURS):
        _predict(forecast, looked_at[start : start + NEIGHBOURS], foresight)
        if time.monotonic() > deadline:
            break
    for sign in (1, -1):
        deadline = time.monotonic() + PREDICT_S / 2
        for _ in range(ROUNDS):
            before = forecast.end(sign)
            _predict(forecast, list(_neighbours(space, before, rng)), foresight)
            if forecast.end(sign) is before or time.monotonic() > deadline:
                break
    return forecast


def _predict(forecast: _Forecast, members: list[Architecture], foresight: Foresight) -> None:
    new = {member.id: member for member in members if member.id not in forecast.found}
    for (id, member), prediction in zip(new.items(), foresight.predict(list(new.values())), strict=True):
        forecast.members[id], forecast.found[id] = member, prediction


def _neighbours(space: Space, start: Architecture, rng: random.Random) -> Iterator[Architecture]:
    for _ in range(NEIGHBOURS):
        with contextlib.suppress(NasError):  # types that cannot meet
            member = space.mutate(start, rng, changes=rng.choice((1, 1, 2, 3)))
            if member.id:
                yield member


def _spread(values: list[float], lows: list[float], highs: list[float]) -> list[float]:
    return [min([*values, *lows]), max([*values, *highs])]


def _members(count: int) -> str:
    return f"{count:,} member{'' if count == 1 else 's'}"
