"""The numbers behind the pictures, computed once for plotly, matplotlib and the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from nasengine.report.record import StudyRecord, Trial
from nasengine.search import pareto

Point = tuple[float, float]
GATES = (
    "types",
    "cost",
    "duplicate",
    "task",
    "latency",
    "rung",
    "training",
    "worker",
)  # as a candidate meets them


@dataclass(frozen=True)
class FrontView:
    """One pair of values: `marks` maps a kind of mark to its trials; `step` is the pair's front as a
    staircase.

    `rug` holds trials of which only one of the two values is known (refused before training).
    """

    x: str
    y: str
    marks: dict[str, list[Trial]]
    step: list[Point]
    rug_x: list[Trial]
    rug_y: list[Trial]
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    beyond: int  # how many trials lie outside these ranges


def kind_of(record: StudyRecord, trial: Trial, front: frozenset[int]) -> str:
    """Which mark a trial gets: see `style.MARKS`; empty when it has nothing to show."""
    if trial.same_as is not None:
        return "duplicate"
    if trial.number in front:
        return "front"
    if trial.status == "pruned":
        return "pruned"
    if trial.status == "infeasible" or (trial.status == "complete" and not record.feasible(trial)):
        return "over"
    return "dominated" if trial.status == "complete" else ""


def front_view(record: StudyRecord, x: str, y: str) -> FrontView:
    """Sorts the trials of a record into the marks of one pair of values."""
    front = frozenset(trial.number for trial in record.front)
    marks: dict[str, list[Trial]] = {}
    rug_x: list[Trial] = []
    rug_y: list[Trial] = []
    for trial in record.trials:
        kind = kind_of(record, trial, front)
        known = (trial.value(x) is not None, trial.value(y) is not None)
        if kind and all(known):
            marks.setdefault(kind, []).append(trial)
        elif kind == "over" and any(known):
            (rug_x if known[0] else rug_y).append(trial)
    x_range, y_range = _range(record, marks, rug_x, x), _range(record, marks, rug_y, y)
    pairs = [(trial.values[x], trial.values[y]) for trial in marks.get("front", [])]
    directions = (record.direction(x), record.direction(y))
    return FrontView(
        x=x,
        y=y,
        marks=marks,
        step=staircase(pairs, directions, (_allowed(record, x, x_range), _allowed(record, y, y_range))),
        rug_x=rug_x,
        rug_y=rug_y,
        x_range=x_range,
        y_range=y_range,
        beyond=sum(
            not (x_range[0] <= t.values[x] <= x_range[1] and y_range[0] <= t.values[y] <= y_range[1])
            for trials in marks.values()
            for t in trials
        ),
    )


def _values(trials: Sequence[Trial], name: str) -> list[float]:
    return [float(trial.values[name]) for trial in trials]


def _range(record: StudyRecord, marks: dict[str, list[Trial]], rug: list[Trial], name: str) -> tuple[float, float]:
    """The range of an axis: every finished trial, and others up to half that range further out.

    So scores of trials stopped after an epoch, or costs of refused giants, do not press the front into a
    corner.
    """
    close = [t.values[name] for kind in ("front", "dominated") for t in marks.get(kind, [])]
    far = [t.values[name] for trials in marks.values() for t in trials] + [t.values[name] for t in rug]
    far += [budget.limit for budget in record.budgets if budget.name == name]
    if not far:
        return (0.0, 1.0)
    low, high = min(close or far), max(close or far)
    if room := 0.5 * (high - low):
        low, high = max(min(far), low - room), min(max(far), high + room)
    pad = (high - low) * 0.06 or abs(high) * 0.05 or 0.5
    return (low - pad, high + pad)


def _allowed(record: StudyRecord, name: str, span: tuple[float, float]) -> tuple[float, float]:
    """The part of an axis that the budgets allow: a front is drawn no further."""
    caps = [b for b in record.budgets if b.name == name]
    high = min([span[1], *(b.limit for b in caps if b.sense == "at_most")])
    low = max([span[0], *(b.limit for b in caps if b.sense == "at_least")])
    return (low, high)


def staircase(points: list[Point], directions: Sequence[str], ranges: tuple[Point, Point]) -> list[Point]:
    """The edge of what a pair's front dominates, from axis end to axis end; empty without points."""
    if not points:
        return []
    kept = pareto.non_dominated(points, directions)
    edge = sorted({point for point, keep in zip(points, kept.tolist(), strict=True) if keep})
    low_x, low_y = (0 if d == "minimize" else 1 for d in directions)  # index of the better end of each range
    worse_x, worse_y = ranges[0][1 - low_x], ranges[1][1 - low_y]
    if directions[0] == "maximize":
        edge.reverse()  # from the best x to the worst
    steps: list[Point] = [(edge[0][0], worse_y)]
    for (x, y), (next_x, _) in zip(edge, [*edge[1:], (worse_x, 0.0)], strict=True):
        steps += [(x, y), (next_x, y)]
    return steps


def pairs(record: StudyRecord) -> list[tuple[str, str]]:
    """Every pair of objectives as (x, y): the cost on x and the score on y where a pair has one of each."""
    ordered = []
    for one, two in combinations(record.objectives, 2):
        flip = one.direction == "maximize" or two.direction == "minimize"
        ordered.append((two.name, one.name) if flip else (one.name, two.name))
    return ordered


def reference(record: StudyRecord) -> tuple[tuple[float, ...], str]:
    """The hypervolume's reference point and where it comes from; ((), "") while nothing is complete."""
    stated = record.meta.get("reference") or {}
    names = [goal.name for goal in record.objectives]
    if names and all(name in stated for name in names):
        return tuple(float(stated[name]) for name in names), "stated by the study"
    points = [p for t in record.trials if record.feasible(t) and (p := record.point(t))]
    if not points:
        return (), ""
    return tuple(pareto.reference_point(points, record.directions)), "taken from the feasible trials"


def hypervolume_trace(record: StudyRecord) -> list[tuple[int, float]]:
    """(trial number, hypervolume of the feasible front so far) for every trial that trained to the end.

    Exact hypervolume (`search.pareto`), computed again only when a trial enters the front.
    """
    point, _ = reference(record)
    if not point:
        return []
    trace: list[tuple[int, float]] = []
    front: list[tuple[float, ...]] = []
    volume = 0.0
    for trial in sorted(record.trials, key=lambda t: t.number):
        place = record.point(trial)
        if place is None or not record.feasible(trial):
            continue
        grown = [*front, place]
        mask = pareto.non_dominated(grown, record.directions)
        if mask[-1]:
            front = [member for member, keep in zip(grown, mask.tolist(), strict=True) if keep]
            volume = pareto.hypervolume(front, record.directions, point)
        trace.append((trial.number, volume))
    return trace


def knee(record: StudyRecord) -> Trial | None:
    """The front's knee: the member that gives up least of every objective (`search.pareto.knee`)."""
    points = [p for trial in record.front if (p := record.point(trial))]
    return record.front[pareto.knee(points, record.directions)] if points else None


def refusals(record: StudyRecord) -> list[tuple[str, str, int]]:
    """(gate, reason, how many trials), gates in the order a candidate meets them, most frequent reason first.

    Reasons that differ only in their figures are counted as one, told by the first of them.
    """
    said: dict[tuple[str, str], str] = {}
    count: Counter[tuple[str, str]] = Counter()
    for trial in record.trials:
        if trial.status not in ("infeasible", "failed", "pruned", "lost") and trial.same_as is None:
            continue
        gate = trial.gate or ("duplicate" if trial.same_as is not None else trial.status)
        reason = trial.reason or (
            "same network as an earlier trial" if trial.same_as is not None else "no reason recorded"
        )
        key = (gate, "".join("#" if c.isdigit() else c for c in reason))
        said.setdefault(key, reason)
        count[key] += 1
    gates = list(dict.fromkeys([*GATES, *(gate for gate, _ in said)]))
    rows = [(gate, said[gate, shape], n) for (gate, shape), n in count.items()]
    return sorted(rows, key=lambda row: (gates.index(row[0]), -row[2], row[1]))
