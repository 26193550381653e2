"""A peer's process as a sampler: its space is ours with the tree flattened to parameters, conditions kept where they
are of one parent.

What a peer cannot say is decided at random: a position whose condition it was not given. It is told the parameters of
what was trained, which on a pool is a row near to its proposal.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from nasengine.search import Objective, Proposal, TrialView, View
from nasengine.space import Choice, Domain, Integer, Label, Space, Uniform
from nasengine.space.variation import draw

SCRIPT = Path(__file__).with_name("search_peers.py")
SAMPLES = 500
LIMIT_S = 300.0
PENDING = ("running", "waiting")


class PeerError(Exception):
    """A peer's process ended, or did not answer in time."""


@dataclass(frozen=True)
class Parameter:
    """An open position as peers know them: ``when`` is a parent and its labels with which the position is reached, None
    where it always is."""

    path: str
    domain: Domain
    when: tuple[str, tuple[Label, ...]] | None

    def to_json(self) -> dict[str, Any]:
        """As in :mod:`search_peers`."""
        found: dict[str, Any] = {"name": self.path, "when": None if self.when is None else [*self.when]}
        if isinstance(self.domain, Choice):
            numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in self.domain.labels)
            return {**found, "kind": "ordinal" if numbers else "categorical", "labels": list(self.domain.labels)}
        if isinstance(self.domain, Integer) and (self.domain.step > 1 or len(self.domain.labels) <= 16):
            return {**found, "kind": "ordinal", "labels": list(self.domain.labels)}
        assert isinstance(self.domain, (Integer, Uniform))
        kind = "integer" if isinstance(self.domain, Integer) else "real"
        return {**found, "kind": kind, "low": self.domain.low, "high": self.domain.high, "log": self.domain.log}


def flatten(space: Space, *, seed: int = 0) -> list[Parameter]:
    """Positions of a space that 500 random members reach, in the order of the walk, with their conditions."""
    rng = random.Random(seed)
    domains: dict[str, Domain] = {}
    members: list[Mapping[str, Label]] = []

    def choose(path: str, domain: Domain) -> Label:
        domains.setdefault(path, domain)
        return draw(rng, domain)

    members = [space.resolve(choose).decisions for _ in range(SAMPLES)]
    order = _walk_order(members)
    return [Parameter(path, domains[path], _condition(path, order, members)) for path in order]


def _walk_order(members: Sequence[Mapping[str, Label]]) -> list[str]:
    """Every path after those that stand before it in some member."""
    order: list[str] = []
    for member in members:
        place = 0
        for path in member:
            if path in order:
                place = order.index(path) + 1
            else:
                order.insert(place, path)
                place += 1
    return order


def _condition(
    path: str, order: Sequence[str], members: Sequence[Mapping[str, Label]]
) -> tuple[str, tuple[Label, ...]] | None:
    """The nearest earlier position that says by its label alone whether a path is reached."""
    if all(path in member for member in members):
        return None
    for parent in reversed(order[: order.index(path)]):
        labels = tuple(dict.fromkeys(m[parent] for m in members if path in m and parent in m))
        if all((path in m) == (parent in m and m[parent] in labels) for m in members):
            return parent, labels
    return None


class Remote:
    """A sampler in another process.

    Args:
        peer: a name of :data:`search_peers.PEERS`.
        python: the interpreter that has the peer.
        space: what is searched.
        objectives: of the study.
        seed, trials: of the study.

    Raises:
        PeerError: the process ended or did not answer within five minutes; shows the end of what it wrote.
    """

    deterministic = False

    def __init__(
        self, peer: str, python: str, *, space: Space, objectives: Sequence[Objective], seed: int, trials: int
    ) -> None:
        self._space, self._objectives, self._rng = space, tuple(objectives), random.Random(seed)
        self._open: set[int] = set()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
        self._process = subprocess.Popen(
            [python, str(SCRIPT), "--peer", peer],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
        )
        parameters = [p.to_json() for p in flatten(self._space)]
        setup = {"peer": peer, "parameters": parameters, "objectives": len(objectives), "seed": seed, "trials": trials}
        self.versions: dict[str, str] = self._call({"setup": setup})["versions"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.kill()
        self._process.communicate()
        self._log.close()

    @property
    def peak_mb(self) -> float:
        """The most memory that the process held."""
        return float(self._call({"end": True})["peak_mb"])

    # --- a sampler -----------------------------------------------------------------------------------------------

    def ask(self, n: int, view: View) -> list[Proposal]:
        """See :class:`nasengine.search.Sampler`."""
        return [self._propose(number) for number in range(view.next_number, view.next_number + n)]

    def tell(self, trial: TrialView) -> None:
        """See :class:`nasengine.search.Sampler`; peers learn of a trial when it is finished."""
        if trial.number not in self._open or trial.status in PENDING:
            return
        self._open.discard(trial.number)
        known = all(o.name in trial.values for o in self._objectives)
        trained = trial.status in ("complete", "pruned") and known
        values = [o.loss(trial.values[o.name]) for o in self._objectives] if trained else None
        violation = 0.0 if trained else sum(trial.violations.values()) or 1.0
        decisions = dict(trial.decisions)
        self._call({"tell": trial.number, "parameters": decisions, "values": values, "violation": violation})

    def _propose(self, number: int) -> Proposal:
        chosen = self._call({"ask": number})["parameters"]
        self._open.add(number)

        def choose(path: str, domain: Domain) -> Label:
            label: Label = chosen[path] if path in chosen else draw(self._rng, domain)
            return label

        found = self._space.resolve(choose).decisions
        return Proposal(dict(found))

    def _call(self, message: Mapping[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        late = threading.Timer(LIMIT_S, self._process.kill)
        late.start()
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            late.cancel()
        if not line:
            raise PeerError(f"the peer ended; it wrote: {self._tail()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _tail(self) -> str:
        self._log.seek(0)
        return self._log.read()[-2_000:].strip() or "nothing"
