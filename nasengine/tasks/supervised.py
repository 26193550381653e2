"""Classification and regression: losses, metrics, and the checks of a network's inputs and output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from nasengine.errors import TaskError
from nasengine.tasks.base import LossOptions, Metric

if TYPE_CHECKING:
    from nasengine.graph import Graph, TensorType

CLASSIFICATION_METRICS = (
    Metric("accuracy", "maximize", "fraction"),
    Metric("loss", "minimize", "nats"),
    Metric("macro_f1", "maximize", "fraction"),
)


def regression_metrics(unit: str) -> tuple[Metric, ...]:
    """RMSE and MAE in the target's unit, and the coefficient of determination."""
    return (
        Metric("rmse", "minimize", unit),
        Metric("mae", "minimize", unit),
        Metric("r2", "maximize", "fraction"),
    )


def classification_loss(logits: torch.Tensor, labels: torch.Tensor, recipe: LossOptions) -> torch.Tensor:
    """Mean cross-entropy in nats of ``logits`` (B, classes) against ``labels`` (B,) int64.

    Raises:
        TaskError: the recipe names a loss for another kind of task.
    """
    if recipe.loss not in ("auto", "cross_entropy"):
        raise TaskError(_wrong_loss(recipe.loss, "classification", "auto, cross_entropy"))
    return F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)


def regression_loss(outputs: torch.Tensor, targets: torch.Tensor, recipe: LossOptions) -> torch.Tensor:
    """Mean loss of ``outputs`` (B, targets) against standardised ``targets`` (B, targets).

    "auto" and "mse" are the squared error, "mae" the absolute one, "huber" Huber's (1964) with threshold 1.

    Raises:
        TaskError: the recipe names a loss for another kind of task.
    """
    match recipe.loss:
        case "auto" | "mse":
            return F.mse_loss(outputs, targets)
        case "mae":
            return F.l1_loss(outputs, targets)
        case "huber":
            return F.huber_loss(outputs, targets)
    raise TaskError(_wrong_loss(recipe.loss, "regression", "auto, mse, mae, huber"))


def _wrong_loss(loss: object, kind: str, allowed: str) -> str:
    return f"recipe.loss: a {kind} task is trained with one of {allowed}; got {loss!r}"


def classification_figures(logits: torch.Tensor, labels: torch.Tensor) -> dict[str, float]:
    """Accuracy, cross-entropy (nats) and macro F1 (mean over the classes that occur) of a whole split."""
    classes = logits.shape[1]
    predicted = logits.argmax(dim=1)
    pairs = torch.bincount(labels * classes + predicted, minlength=classes * classes)
    confusion = pairs.reshape(classes, classes).double()  # rows are labels, columns predictions
    hits, actual = confusion.diagonal(), confusion.sum(dim=1)
    f1 = 2 * hits / (actual + confusion.sum(dim=0)).clamp(min=1)
    occurs = actual > 0
    loss = F.cross_entropy(logits, labels).double()
    figures = torch.stack((hits.sum() / actual.sum(), loss, f1[occurs].mean())).tolist()
    return dict(zip(("accuracy", "loss", "macro_f1"), figures, strict=True))


def regression_figures(outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
    """RMSE, MAE and R² of a whole split, both (N, targets) in the target's unit; R² is the mean over targets.

    A target that never varies in the split has R² 0: no model explains a variance that is not there.
    """
    error = outputs.double() - targets.double()
    spread = (targets.double() - targets.double().mean(dim=0)).square().sum(dim=0)
    explained = 1 - error.square().sum(dim=0) / spread
    r2 = torch.where(spread > 0, explained, torch.zeros_like(spread)).mean()
    figures = torch.stack((error.square().mean().sqrt(), error.abs().mean(), r2)).tolist()
    return dict(zip(("rmse", "mae", "r2"), figures, strict=True))


def check_input(place: str, name: str, got: TensorType, shape: tuple[int, ...]) -> None:
    """An input must have the shape of one example; an image (C, H, W) may have any resolution.

    Raises:
        TaskError: the network's input has another shape or dtype.
    """
    if got.dtype == "bool":
        raise TaskError(f"{place}: input {name!r} must be float32 or int64; the network declares bool")
    if got.axes == "CHW" and len(shape) == 3 and len(got.shape) == 3:
        if got.shape[0] != shape[0]:
            raise TaskError(
                f"{place}: an image has {shape[0]} {_plural('channel', shape[0])}; the network's input "
                f"{name!r} has {got.shape[0]}; declare Image({shape[0]}, {got.shape[1]})"
            )
        return
    if tuple(got.shape) != shape and (got.axes, shape) != ("", (1,)):  # a column is a scalar input
        raise TaskError(
            f"{place}: one example has shape {shape}; the network's input {name!r} has {tuple(got.shape)}; "
            f"{_input_remedy(shape, tuple(got.shape))}"
        )


def _input_remedy(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    if wanted == (1, *shape):
        return "give the data a channel axis: x[:, None]"
    declaration = {1: "Features({0})", 3: "Image({0}, {1}, {2})"}.get(len(shape))
    if declaration is None:
        return "reshape the data or declare an input of that shape"
    return f"declare inputs={declaration.format(*shape)} or reshape the data"


def check_output(place: str, graph: Graph, size: int, meaning: str) -> None:
    """The network must have one output of shape (size,).

    Raises:
        TaskError: another number of outputs, or another shape.
    """
    if len(graph.outputs) != 1:
        names = ", ".join(graph.outputs) or "none"
        raise TaskError(f"{place}: the network must have one output of shape ({size},); it has {names}")
    got = tuple(graph.types[next(iter(graph.outputs.values()))].shape)
    if got != (size,):
        hint = (
            f"end it in Linear({size})" if len(got) < 2 else f"end it in GlobalPool() or Flatten(), then Linear({size})"
        )
        raise TaskError(f"{place}: the output must have shape ({size},), {meaning}; the network's has {got}; {hint}")


def _plural(word: str, count: int) -> str:
    return word if count == 1 else word + "s"


def resize_images(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(N, C, H, W) → (N, C, *size), bilinear; antialiased, so that shrinking skips no pixel."""
    if tuple(images.shape[2:]) == size:
        return images
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False, antialias=True)
