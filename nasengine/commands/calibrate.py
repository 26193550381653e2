"""``nasengine calibrate``: measure members of a space on a device, and fit a latency predictor on them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from nasengine.commands.targets import DEVICE, slug, target_of

if TYPE_CHECKING:
    from nasengine.hardware.predictor.calibration import Calibration, Step

console = Console()


def calibrate(
    space: Annotated[
        str, typer.Option(metavar="NAME", help="A shipped family (rnn), one of its spaces (rnn:small), or a file.")
    ],
    device: Annotated[str, typer.Option(help=DEVICE)] = "cpu",
    samples: Annotated[int, typer.Option(min=5, help="Members to measure and fit on.")] = 60,
    held_out: Annotated[int, typer.Option(min=0, help="Further members that only judge the fit.")] = 0,
    runtime: Annotated[str, typer.Option(help="What runs the networks.")] = "eager",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    batch: Annotated[int, typer.Option(min=1, help="Samples in a forward pass.")] = 1,
    dtype: Annotated[str, typer.Option(help="float32, bfloat16, float16 or int8.")] = "float32",
    out: Annotated[
        Path | None, typer.Option(help="The predictor's file; SPACE-DEVICE.predictor.json if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the choice of members.")] = 0,
    imports: Annotated[
        list[str] | None, typer.Option("--import", metavar="MODULE", help="Import a module that defines blocks first.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script to read.")] = False,
) -> None:
    """Calibrate a latency predictor: choose members of a space, measure them, fit, say how good it is, save it.

    The same command goes on where it was interrupted; what is measured is kept beside the predictor's file.
    """
    from nasengine.hardware.predictor.calibration import calibrate as run
    from nasengine.study.files import find_space, import_modules
    from nasengine.study.parts import Importable, pieces

    import_modules(imports or [])
    searched, _ = find_space(space)
    place = target_of(device, threads=threads, batch=batch, runtime=runtime, dtype=dtype)
    modules = [*(imports or []), *Importable().modules(pieces(searched))]
    file = out or Path(f"{searched.name}-{slug(place)}.predictor.json")
    settings: dict[str, Any] = {"samples": samples, "held_out": held_out, "seed": seed, "modules": modules}
    with _Watch(shown=not as_json) as watch:
        try:
            found = run(searched, place, out=file, watch=watch.step, **settings)
        except KeyboardInterrupt:
            console.print("Interrupted. What was measured is kept; the same command goes on.", highlight=False)
            raise
    if as_json:
        print(json.dumps(_as_json(found)))
        return
    for line in _lines(found):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


class _Watch:
    """A bar with the time left on a terminal; in a log, a line now and then."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown
        self._bar: Progress | None = None
        self._said = 0

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, step: Step) -> None:
        """One more member."""
        if not self._shown:
            return
        if console.is_terminal:
            self._move(step)
        elif step.done - self._said >= max(1, step.total // 10):
            self._said = step.done
            console.print(f"  {step.done}/{step.total} members", highlight=False)

    def _move(self, step: Step) -> None:
        if self._bar is None:
            columns = (TextColumn("measuring members"), MofNCompleteColumn(), BarColumn(bar_width=24))
            self._bar = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console)
            self._bar.add_task("calibrate", total=step.total)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=step.done)


def _lines(found: Calibration) -> list[str]:
    reused = f", {found.reused} taken from {found.profiles}" if found.reused else f"; kept in {found.profiles}"
    if found.again:
        reused += f"; {_members(found.again)} measured twice, since the machine was busy"
    lines = [f"Measured {_members(found.measured)}{reused}, in {found.elapsed_s:.0f} s."]
    for what, reasons in (("skipped: the runtime cannot take them", found.skipped), ("not measured", found.failed)):
        if reasons:
            lines.append(f"{_members(len(reasons))} {what}; the first: {next(iter(reasons.values()))}")
    lines.append(f"By cross-validation: {found.predictor.report or 'too few members'}")
    if found.fresh is not None:
        lines.append(f"On members that took no part: {found.fresh}")
    return [*lines, f"wrote {found.path}"]


def _members(count: int) -> str:
    return f"{count} member{'' if count == 1 else 's'}"


def _as_json(found: Calibration) -> dict[str, Any]:
    return {
        "predictor": str(found.path),
        "profiles": str(found.profiles),
        "measured": found.measured,
        "reused": found.reused,
        "again": found.again,
        "skipped": dict(found.skipped),
        "failed": dict(found.failed),
        "elapsed_s": found.elapsed_s,
        "report": found.predictor.report and found.predictor.report.to_json(),
        "fresh": found.fresh and found.fresh.to_json(),
    }
