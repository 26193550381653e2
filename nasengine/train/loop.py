"""The training loop: one rung of one network, from a checkpoint to the next."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nasengine.errors import Diverged, TaskError, TrainingError
from nasengine.tasks.base import Data, Split, Task
from nasengine.train.augment import augmented
from nasengine.train.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from nasengine.train.initialise import initialise
from nasengine.train.recipe import Recipe

Row = dict[str, Any]
Report = Callable[[Row], object]

_CHECK_STEPS = 200  # how many losses wait on the device before one synchronisation looks at them
_EVALUATION_BYTES = 1 << 22  # of inputs in one batch when no gradient is kept: large, yet within the cache,
_EVALUATION_ROWS = 64  # and at least so many of them


@dataclass(frozen=True)
class RungResult:
    """A finished rung. ``metrics`` are those of the validation split at ``epoch``; ``curve`` has a row for
    each epoch since the first: epoch, train_loss, lr, elapsed_s and every validation metric."""

    epoch: int
    metrics: dict[str, float]
    train_loss: float
    elapsed_s: float
    curve: list[Row]


def run_rung(
    module: nn.Module,
    task: Task,
    data: Data,
    recipe: Recipe,
    *,
    from_epoch: int = 0,
    to_epoch: int,
    checkpoint_in: Path | None = None,
    checkpoint_out: Path | None = None,
    device: torch.device | str = "cpu",
    report: Report | None = None,
) -> RungResult:
    """Train ``module`` in place from the end of ``from_epoch`` to that of ``to_epoch``; validate every epoch.

    From epoch 0 the weights are drawn anew by the recipe; otherwise everything comes from ``checkpoint_in``,
    and the result equals that of a run without the break (bit for bit on a CPU with as many threads).
    Shuffling, augmentation and dropout depend on (seed, epoch) alone. A last batch of one example is left out
    of its epoch, since batch norm finds no variance in it. The checkpoint is on disk before this returns. The
    caller's random state is left as it was.

    Args:
        report: called with each epoch's row; what it raises ends the rung.

    Raises:
        Diverged: the loss, a weight or a validation metric is not finite; names the epoch and the step.
        TrainingError: rung, checkpoint and recipe do not agree, or the network has nothing to train.
        StoreError: a checkpoint cannot be read or written.
    """
    device = torch.device(device)
    _check_rung(recipe, from_epoch, to_epoch, checkpoint_in)
    started = time.perf_counter()
    with _own_random_state(device):
        module.to(device)
        optimizer, curve = _start(module, recipe, checkpoint_in if from_epoch else None, from_epoch, device)
        for epoch in range(from_epoch, to_epoch):
            row = _epoch(module, task, data, recipe, optimizer, epoch, device)
            curve.append(row)
            if report is not None:
                report(row)
    if checkpoint_out is not None:
        state = Checkpoint(to_epoch, recipe.fingerprint, module.state_dict(), optimizer.state_dict(), curve)
        write_checkpoint(Path(checkpoint_out), state)
    last = curve[-1]
    metrics = {metric.name: last[metric.name] for metric in task.metrics()}
    return RungResult(to_epoch, metrics, last["train_loss"], time.perf_counter() - started, curve)


def test(module: nn.Module, task: Task, data: Data) -> dict[str, float]:
    """Every metric on the test split, which nothing else reads; the module is left in evaluation mode."""
    return evaluate(module, task, data.test)


test.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it by its name


def evaluate(module: nn.Module, task: Task, split: Split) -> dict[str, float]:
    """Every metric of the task over one split, in float32, in evaluation mode, without gradients."""
    device = _device_of(module)
    rows = max(_EVALUATION_ROWS, _EVALUATION_BYTES // max(1, split.nbytes // max(1, len(split))))
    module.eval()
    with torch.inference_mode():
        outputs = [
            _forward(module, tuple(t[start : start + rows].to(device) for t in split.inputs))
            for start in range(0, len(split), rows)
        ]
        return task.evaluate(torch.cat(outputs), split.targets.to(device))


def _epoch(
    module: nn.Module,
    task: Task,
    data: Data,
    recipe: Recipe,
    optimizer: torch.optim.Optimizer,
    epoch: int,
    device: torch.device,
) -> Row:
    started = time.perf_counter()
    torch.manual_seed(_seed_of(recipe.seed, epoch))  # dropout and augmentation draw from the global generators
    module.train()
    batches = _batches(len(data.train), recipe.batch_size, data.train.targets.device)
    losses, sizes, checked = [], [], 0
    for step, rows in enumerate(batches):
        _set_lr(optimizer, recipe, epoch, step, len(batches))
        losses.append(_step(module, task, _take(data.train, rows, device), recipe, optimizer))
        sizes.append(len(rows))
        if len(losses) - checked == _CHECK_STEPS:
            _check_losses(losses, checked, epoch)
            checked = len(losses)
    _check_losses(losses, checked, epoch)
    _check_weights(module, epoch)
    mean = torch.stack(losses).double() @ torch.tensor(sizes, dtype=torch.float64, device=device) / sum(sizes)
    metrics = evaluate(module, task, data.validation)
    _check_metrics(metrics, epoch)
    lr = optimizer.param_groups[0]["lr"]
    elapsed_s = time.perf_counter() - started
    return {"epoch": epoch + 1, "train_loss": float(mean), "lr": lr, "elapsed_s": elapsed_s, **metrics}


def _step(
    module: nn.Module, task: Task, batch: Split, recipe: Recipe, optimizer: torch.optim.Optimizer
) -> torch.Tensor:
    """One update; the loss stays on the device, so that nothing waits for it."""
    inputs = tuple(augmented(x, recipe.augment) for x in batch.inputs)
    with torch.autocast(batch.targets.device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
        loss = task.loss(_forward(module, inputs), batch.targets, recipe)
    optimizer.zero_grad()
    loss.backward()
    if recipe.clip_norm:
        nn.utils.clip_grad_norm_(module.parameters(), recipe.clip_norm)
    optimizer.step()
    return loss.detach()


def _forward(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The network's one output, float32; a module may return it as the only entry of a dict."""
    output = module(*inputs)
    if isinstance(output, dict):
        if len(output) != 1:
            raise TaskError(f"the network must have one output; it returns {', '.join(output) or 'none'}")
        output = next(iter(output.values()))
    tensor: torch.Tensor = output
    return tensor.float()


def _batches(rows: int, batch_size: int, held: torch.device | str = "cpu") -> Sequence[torch.Tensor]:
    """A fresh permutation cut into batches, where the data are held; a last batch of one example is left out.

    It is drawn on the CPU, so that every device sees the same order, and moved once.
    """
    batches = torch.split(torch.randperm(rows).to(held), batch_size)
    return batches[:-1] if len(batches) > 1 and len(batches[-1]) == 1 else batches


def _take(split: Split, rows: torch.Tensor, device: torch.device) -> Split:
    """The rows as one batch on the device: picked there, or picked in host memory, pinned and moved."""
    if split.targets.device.type == device.type:
        return split.map(lambda t: t.index_select(0, rows))
    return split.map(lambda t: t.index_select(0, rows).pin_memory().to(device, non_blocking=True))


def _set_lr(optimizer: torch.optim.Optimizer, recipe: Recipe, epoch: int, step: int, steps: int) -> None:
    factor = recipe.schedule.factor(epoch + step / steps, recipe.epochs, 1 / steps)
    for group in optimizer.param_groups:
        group["lr"] = recipe.optimizer.lr * factor


def _start(
    module: nn.Module, recipe: Recipe, checkpoint: Path | None, from_epoch: int, device: torch.device
) -> tuple[torch.optim.Optimizer, list[Row]]:
    groups = recipe.optimizer.groups(module.parameters())
    if not groups:
        raise TrainingError("the network has no parameter to train; give its space a layer with weights")
    optimizer = recipe.optimizer.make(groups)
    if checkpoint is None:
        initialise(module, recipe.init, recipe.seed)
        return optimizer, []
    state = read_checkpoint(checkpoint, device)
    if (state.epoch, state.recipe) != (from_epoch, recipe.fingerprint):
        raise TrainingError(
            f"{checkpoint}: expected epoch {from_epoch} of recipe {recipe.fingerprint[:12]}; got epoch "
            f"{state.epoch} of recipe {state.recipe[:12]}; continue from what that rung and recipe wrote"
        )
    try:
        module.load_state_dict(state.module)
        optimizer.load_state_dict(state.optimizer)
    except (RuntimeError, ValueError, KeyError) as problem:
        raise TrainingError(f"{checkpoint}: its weights are those of another network; {problem}") from problem
    return optimizer, list(state.curve)


def _check_rung(recipe: Recipe, from_epoch: int, to_epoch: int, checkpoint_in: Path | None) -> None:
    if not 0 <= from_epoch < to_epoch <= recipe.epochs:
        raise TrainingError(
            f"a rung must lie within the recipe's {recipe.epochs} epochs, its end after its start; "
            f"got {from_epoch} to {to_epoch}"
        )
    if from_epoch and checkpoint_in is None:
        raise TrainingError(f"to continue from epoch {from_epoch}, pass checkpoint_in, what that rung wrote")


def _check_losses(losses: list[torch.Tensor], start: int, epoch: int) -> None:
    finite = torch.isfinite(torch.stack(losses[start:]))
    if not finite.all():
        step = start + int((~finite).int().argmax())
        raise Diverged(_diverged(f"the loss became {float(losses[step])}", f"epoch {epoch + 1}, step {step + 1}"))


def _check_weights(module: nn.Module, epoch: int) -> None:
    """One number tells: a norm is finite only if every weight is."""
    norm = nn.utils.get_total_norm([p.detach() for p in module.parameters()])
    if not torch.isfinite(norm):
        raise Diverged(_diverged("a weight is no longer finite", f"epoch {epoch + 1}"))


def _check_metrics(metrics: dict[str, float], epoch: int) -> None:
    for name, value in metrics.items():
        if value != value or abs(value) == float("inf"):
            raise Diverged(_diverged(f"the validation {name} became {value}", f"epoch {epoch + 1}"))


def _diverged(what: str, where: str) -> str:
    return f"diverged in {where}: {what}; try a smaller learning rate, warm-up, or clip_norm"


def _seed_of(seed: int, epoch: int) -> int:
    """Epochs and neighbouring seeds get unrelated streams."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{epoch}".encode()).digest()[:7], "big")


def _device_of(module: nn.Module) -> torch.device:
    tensor = next(module.parameters(), None)
    return torch.device("cpu") if tensor is None else tensor.device


@contextmanager
def _own_random_state(device: torch.device) -> Iterator[None]:
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield
