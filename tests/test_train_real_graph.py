"""A network that was lowered and built by nasengine itself, trained on its task."""

from __future__ import annotations

import torch

from nasengine.blocks import Conv, Flatten
from nasengine.graph import Composite, Image, Value, Wiring, block, lower
from nasengine.graph.module import build
from nasengine.space import Space, choice
from nasengine.tasks import Digits
from nasengine.train import AdamW, Recipe, run_rung, test


@block("test_train_linear_classifier")
class LinearClassifier(Composite):
    """One kernel as large as the image: a linear classifier of (1, H, W)."""

    classes: int

    def wire(self, net: Wiring, x: Value) -> Value:
        kernel = x.type.shape[1]
        return net(Flatten(), net(Conv(self.classes, kernel=kernel, padding=0), x, name="conv"))


def test_a_lowered_network_trains_on_its_task() -> None:
    space = Space("linear", inputs=Image(1, choice(8, 12, name="resolution")), network=LinearClassifier(10))
    for index in range(2):
        graph = lower(space[index]).simplify()
        task, module = Digits(), build(graph)
        task.check(graph)
        data = task.load(graph, torch.device("cpu"))
        recipe = Recipe(epochs=8, optimizer=AdamW(lr=0.02))
        result = run_rung(module, task, data, recipe, to_epoch=8)
        assert result.metrics["accuracy"] > 0.9  # a linear classifier reaches about 0.96
        assert test(module, task, data)["accuracy"] > 0.9
