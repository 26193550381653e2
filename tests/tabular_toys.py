"""A space of twelve members and a table of them, for tests of tables and of simulated studies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from nasengine import Features, Space, choice
from nasengine.blocks import Identity, Linear, ReLU, Sequential
from nasengine.search import Proposal, TrialView, View, maximize, minimize
from nasengine.space import Label
from nasengine.tasks.tabular import TabularTask

GOALS = (maximize("accuracy"), minimize("params"))
WIDTHS, AGAIN = (8, 16, 32), (4, 6)
PATHS = ("0.features", "1", "2.features")


def space() -> Space:
    """Widths, and two ways to write the same nothing: of the twelve members each two of a width are one network."""
    nothing = choice(Identity(), Sequential(Identity(), Identity()), labels=("bare", "wrapped"))
    body = Sequential(Linear(choice(*WIDTHS)), nothing, Linear(choice(*AGAIN)), ReLU(), Linear(2))
    return Space("toy", inputs=Features(4), network=body)


def frame() -> pd.DataFrame:
    """All members; the wider the better, and the slower."""
    rows: list[dict[str, Any]] = []
    for wide in WIDTHS:
        for way in ("bare", "wrapped"):
            for again in AGAIN:
                score = wide + again / 10 + 0.01 * (way == "bare")
                early = {"acc3": score / 4, "acc9": score / 3, "acc27": score / 2}
                rows.append({**dict(zip(PATHS, (wide, way, again), strict=True)), **early, "ms": wide / 8, "s": 2.0})
    return pd.DataFrame(rows)


def task(rows: pd.DataFrame | None = None, **settings: Any) -> TabularTask:
    """The table with three rungs and a latency that is measured in 5 s."""
    columns = {"accuracy": {3: "acc3", 9: "acc9", 27: "acc27"}}
    given: dict[str, Any] = {"decisions": PATHS, "metrics": columns, "measured": {"latency_ms": "ms"}, "epoch_s": "s"}
    table = frame() if rows is None else rows
    return TabularTask.from_frame("toys", table, **{**given, "profiling_s": 5.0, **settings})


class Told:
    """A sampler that proposes what it was given, in turn, and keeps what it is told."""

    deterministic = True

    def __init__(self, members: Sequence[dict[str, Label]], *, again: bool = False) -> None:
        self.members, self.again = list(members), again
        self.told: list[TrialView] = []

    def ask(self, n: int, view: View) -> list[Proposal]:
        """See ``Sampler``."""
        number = view.next_number % len(self.members) if self.again else view.next_number
        return [Proposal(found) for found in self.members[number : number + n]]

    def tell(self, trial: TrialView) -> None:
        """See ``Sampler``."""
        self.told.append(trial)


def member(wide: int, way: str = "bare", again: int = 4) -> dict[str, Label]:
    """Decisions of a member."""
    return {"0.features": wide, "1": way, "2.features": again}
