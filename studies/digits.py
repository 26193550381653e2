"""Digits: find small, fast convolutional networks for handwritten digits, in about three minutes on two cores.

    nasengine run studies/digits.py           # the same command resumes
    nasengine report studies/digits
    nasengine export studies/digits --out out/digits

The space holds more than 10^8 networks; the data are scikit-learn's bundled digits (1,797 images of 8 x 8, real,
nothing to download). No network over 20,000 parameters or 1 ms a forward pass on this machine's CPU is ever trained.
"""

from __future__ import annotations

from nasengine import Device, Recipe, Study, SuccessiveHalving, at_most, maximize, minimize, tasks
from nasengine.train import AdamW, Augment, Cosine
from search_spaces.cnn import cnn

study = Study(
    cnn(name="digits-cnn"),
    task=tasks.Digits(),
    recipe=Recipe(
        epochs=36,
        batch_size=64,
        optimizer=AdamW(lr=4e-3, weight_decay=0.02),
        schedule=Cosine(warmup_epochs=1),
        label_smoothing=0.05,
        augment=Augment(shift=1),
    ),
    objectives=(maximize("accuracy"), minimize("latency_ms"), minimize("params")),
    budgets=(at_most("params", 20_000), at_most("latency_ms", 1.0)),
    device=Device("cpu", threads=1, batch=1, runtime="eager"),
    sampler="nsga2",
    rungs=SuccessiveHalving(eta=3, min_epochs=4),
    store="studies/digits",
    seed=0,
    trials=100,
    workers=2,
)

if __name__ == "__main__":
    front = study.run()
    print(front.table())
