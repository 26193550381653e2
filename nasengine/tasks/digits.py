"""Handwritten digits, the real data that scikit-learn carries: nothing to download."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from nasengine.errors import TaskError
from nasengine.space.spec import tagged
from nasengine.tasks.base import Data, LossOptions, Metric, Split, Task
from nasengine.tasks.splits import TEST, TRAIN, VALIDATION, stratified_split
from nasengine.tasks.supervised import (
    CLASSIFICATION_METRICS,
    check_input,
    check_output,
    classification_figures,
    classification_loss,
    resize_images,
)

if TYPE_CHECKING:
    from nasengine.graph import Graph

_SPLIT_SEED = 2  # part of the task's definition: changing it changes every published figure


@tagged("digits")
class Digits(Task):
    """Ten classes, 1,797 images of 8 × 8 pixels: the test part of "Optical Recognition of Handwritten Digits"
    (Alpaydin and Kaynak, 1998, UCI), as bundled with scikit-learn.

    One split, stratified by class with seed 2: 1,079 images to train, 359 to validate, 359 to test. Pixels
    are scaled to zero mean and unit variance by the training images. A network whose image input is not 8 × 8
    gets the images resized bilinearly, once, at loading.
    """

    def metrics(self) -> tuple[Metric, ...]:
        return CLASSIFICATION_METRICS

    def check(self, graph: Graph) -> None:
        name, kind = _image_input(graph)
        if kind.axes != "CHW":
            raise TaskError(f"Digits: the input {name!r} must be an image; got axes {kind.axes!r}; declare Image(1, 8)")
        check_input("Digits", name, kind, (1, 8, 8))
        check_output("Digits", graph, 10, "one logit a digit")

    def load(self, graph: Graph, device: torch.device) -> Data:
        images, labels, codes = _digits()
        mean, std = _statistics()
        shape = _image_input(graph)[1].shape
        pixels = resize_images((images - mean) / std, (shape[1], shape[2]))
        rows = [codes == code for code in (TRAIN, VALIDATION, TEST)]
        return Data(*(Split((pixels[r].contiguous(),), labels[r]) for r in rows)).place(device)

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor, recipe: LossOptions) -> torch.Tensor:
        return classification_loss(outputs, targets, recipe)

    def evaluate(self, outputs: torch.Tensor, targets: torch.Tensor) -> dict[str, float]:
        return classification_figures(outputs, targets)

    def preparation(self, graph: Graph) -> dict[str, Any]:
        name, kind = _image_input(graph)
        mean, std = _statistics()
        scaling = {
            "mean": [mean],
            "std": [std],
            "resize": list(kind.shape[1:]),
            "raw": "0 (paper) to 16 (ink)",
        }
        return {"inputs": {name: scaling}, "classes": [str(digit) for digit in range(10)]}


def _image_input(graph: Graph) -> tuple[str, Any]:
    if len(graph.inputs) != 1:
        raise TaskError(f"Digits: the network must have one image input; it has {', '.join(graph.inputs) or 'none'}")
    name, value = next(iter(graph.inputs.items()))
    return name, graph.types[value]


@cache
def _digits() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images (1797, 1, 8, 8) float32 from 0 to 16, labels (1797,) int64, split codes (1797,)."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    codes = stratified_split(bunch.target, (0.2, 0.2), _SPLIT_SEED)
    images = torch.from_numpy(bunch.images.astype("float32")[:, None])
    return images, torch.from_numpy(bunch.target.astype("int64")), torch.from_numpy(codes)


@cache
def _statistics() -> tuple[float, float]:
    images, _, codes = _digits()
    pixels = images[codes == TRAIN].double()
    return float(pixels.mean()), float(pixels.std(correction=0))
