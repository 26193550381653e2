"""Early exits learn: fewer multiply-accumulates at equal accuracy."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

from nasengine import Image
from nasengine.graph.module import build
from search_spaces.conditional import small


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """1,797 digits as 3 x 16 x 16 images, shuffled."""
    images, labels = load_digits(return_X_y=True)
    x = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return F.interpolate(x.expand(-1, 3, -1, -1), scale_factor=2)[order], torch.tensor(labels)[order]


@pytest.mark.slow
@pytest.mark.representative
def test_early_exits_take_fewer_macs_at_equal_accuracy() -> None:
    """Inputs leave where the exit is 90 % sure. Seeds 0 to 3 took 72 to 74 % of the MACs at the accuracy of the whole;
    the test asks for 90 % of the MACs and allows one point, which no seed came near.
    """
    torch.manual_seed(0)
    member = small.select({"network": 8, "early": True, "*.times": 1, "*.more.blocks.*": "plain"})
    graph = member.with_inputs(input=Image(3, 16)).graph()
    network = build(graph).train()
    (x, y), split = digits(), 1_300
    steps = 240
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 8e-3, total_steps=steps)
    for _ in range(steps):
        rows = torch.randint(0, split, (64,))
        outputs = network(x[rows])
        loss = sum(F.cross_entropy(scores, y[rows]) for scores in outputs.values())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[union-attr]
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        outputs = network.eval()(x[split:])
    macs = {name: graph.only(name).cost.macs for name in outputs}
    assert list(macs) == ["exit_0", "exit_1", "output"]
    assert macs["exit_0"] < macs["exit_1"] < macs["output"] <= graph.cost.macs
    taken = torch.zeros(len(x) - split)
    answer = outputs["output"].argmax(1)
    spent = torch.full_like(taken, float(macs["output"]))
    for name in ("exit_1", "exit_0"):
        sure = outputs[name].softmax(1).max(1).values > 0.9
        answer = torch.where(sure, outputs[name].argmax(1), answer)
        spent = torch.where(sure, float(macs[name]), spent)
    full = (outputs["output"].argmax(1) == y[split:]).float().mean().item()
    early = (answer == y[split:]).float().mean().item()
    assert full > 0.93
    assert early >= full - 0.01
    assert spent.mean().item() < 0.9 * macs["output"]
