"""Tasks: splits, standardising, storing, and the checks of a network."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import IterableDataset, TensorDataset

from nasengine.errors import StoreError, TaskError
from nasengine.graph import TensorType as Type
from nasengine.space.spec import spec_from_json
from nasengine.tasks import Arrays, Digits, StoredArrays, metric_named
from nasengine.tasks.digits import _digits

CPU = torch.device("cpu")


class Net:
    """What a task sees of a graph: inputs, outputs, types."""

    def __init__(self, outputs: dict[str, int] | int, **inputs: Type) -> None:
        sizes = {"output": outputs} if isinstance(outputs, int) else outputs
        self.types = (*inputs.values(), *(Type((size,), "F") for size in sizes.values()))
        self.inputs = {name: i for i, name in enumerate(inputs)}
        self.outputs = {name: len(inputs) + i for i, name in enumerate(sizes)}


def image(channels: int = 1, size: int = 8, outputs: int = 10) -> Any:
    return Net(outputs, input=Type((channels, size, size), "CHW"))


def table(features: int, outputs: int) -> Any:
    return Net(outputs, input=Type((features,), "F"))


def blobs(rows: int = 90, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(rows) % classes
    return rng.normal(size=(rows, 4)) * [1, 10, 100, 1] + y[:, None], y


def test_digits_split_is_fixed_stratified_and_disjoint() -> None:
    _, labels, codes = _digits()
    assert torch.bincount(codes.long()).tolist() == [1079, 359, 359]
    for code in (1, 2):
        share = torch.bincount(labels[codes == code], minlength=10) / torch.bincount(labels)
        assert float((share - 0.2).abs().max()) < 0.005
    golden = "15d823cc"
    assert hashlib.sha256(codes.numpy().tobytes()).hexdigest()[:8] == golden


def test_digits_load_standardises_by_train() -> None:
    data = Digits().load(image(), CPU)
    pixels = data.train.inputs[0]
    assert pixels.shape == (1079, 1, 8, 8)
    assert pixels.dtype == torch.float32
    assert float(pixels.mean()) == pytest.approx(0, abs=1e-5)
    assert float(pixels.std(correction=0)) == pytest.approx(1, abs=1e-5)
    assert abs(float(data.validation.inputs[0].mean())) > 1e-4  # by train's statistics, not its own


def test_digits_resizes_to_the_networks_input() -> None:
    data = Digits().load(image(size=12), CPU)
    assert data.test.inputs[0].shape == (359, 1, 12, 12)
    small = Digits().load(image(size=4), CPU)
    assert small.train.inputs[0].shape == (1079, 1, 4, 4)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (
            image(3),
            r"Digits: an image has 1 channel; the network's input 'input' has 3; declare Image\(1, 8\)",
        ),
        (
            image(outputs=5),
            r"must have shape \(10,\), one logit a digit; the network's has \(5,\); end it in Linear\(10\)",
        ),
        (table(64, 10), r"the input 'input' must be an image; got axes 'F'; declare Image\(1, 8\)"),
        (
            Net({"a": 10, "b": 1}, input=Type((1, 8, 8), "CHW")),
            r"must have one output of shape \(10,\); it has a, b",
        ),
        (Net(10, a=Type((1, 8, 8), "CHW"), b=Type((4,), "F")), "must have one image input; it has a, b"),
    ],
)
def test_digits_refuses_networks_that_do_not_fit(net: Any, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        Digits().check(net)


def test_feature_maps_are_told_to_pool() -> None:
    net = image()
    net.types = (net.types[0], Type((10, 2, 2), "CHW"))
    with pytest.raises(
        TaskError, match=r"has \(10, 2, 2\); end it in GlobalPool\(\) or Flatten\(\), then Linear\(10\)"
    ):
        Digits().check(net)


def test_preparation_states_the_scaling() -> None:
    told = Digits().preparation(image(size=12))
    assert told["inputs"]["input"]["resize"] == [12, 12]
    assert told["inputs"]["input"]["mean"] == [pytest.approx(4.895, abs=1e-3)]
    x, y = blobs()
    assert len(Arrays(x, y, kind="classification").preparation(table(4, 3))["inputs"]["input"]["mean"]) == 4


def test_metric_named() -> None:
    assert metric_named(Digits(), "accuracy").direction == "maximize"
    with pytest.raises(TaskError, match="Digits does not report 'auc'; it reports accuracy, loss, macro_f1"):
        metric_named(Digits(), "auc")


def test_arrays_standardise_each_feature_by_train() -> None:
    x, y = blobs()
    data = Arrays(x, y, kind="classification").load(table(4, 3), CPU)
    assert (len(data.train), len(data.validation), len(data.test)) == (54, 18, 18)
    assert data.train.inputs[0].mean(dim=0).numpy() == pytest.approx(np.zeros(4), abs=1e-5)
    assert data.train.inputs[0].std(dim=0, correction=0).numpy() == pytest.approx(np.ones(4), abs=1e-5)
    assert torch.bincount(data.test.targets).tolist() == [6, 6, 6]


def test_splits_hold_every_row_once() -> None:
    x = np.arange(100.0)
    task = Arrays(x, x, kind="regression", standardize=False)
    data = task.load(table(1, 1), CPU)
    seen = torch.cat([data.train.inputs[0], data.validation.inputs[0], data.test.inputs[0]]).flatten().sort().values
    assert torch.equal(seen, torch.arange(100.0))


def test_constant_features_do_not_divide_by_zero() -> None:
    x, y = blobs()
    x[:, 1] = 3.0
    data = Arrays(x, y, kind="classification").load(table(4, 3), CPU)
    assert torch.equal(data.train.inputs[0][:, 1], torch.zeros(54))


def test_images_get_one_scale_a_channel_and_are_resized() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, size=(60, 3, 6, 6), dtype=np.uint8)
    task = Arrays(x, np.arange(60) % 2, kind="classification")
    data = task.load(image(3, 9, outputs=2), CPU)
    assert data.train.inputs[0].shape == (36, 3, 9, 9)
    assert len(task.preparation(image(3, 9, outputs=2))["inputs"]["input"]["mean"]) == 3


def test_integer_inputs_are_left_alone() -> None:
    tokens = np.arange(120).reshape(30, 4)
    task = Arrays(tokens, np.arange(30) % 2, kind="classification")
    data = task.load(Net(2, tokens=Type((4,), "T", "int64")), CPU)
    assert data.train.inputs[0].dtype == torch.int64
    assert set(data.train.inputs[0].flatten().tolist()) <= set(range(120))
    floats = Arrays(tokens / 2, np.arange(30) % 2, kind="classification")
    with pytest.raises(TaskError, match="input 'tokens' wants whole numbers \\(int64\\); x holds float64"):
        floats.check(Net(2, tokens=Type((4,), "T", "int64")))  # type: ignore[arg-type]


def test_a_column_is_a_scalar_input() -> None:
    x, y = blobs()
    task, net = (
        Arrays({"x": x, "t": y / 2}, y, kind="classification"),
        Net(3, x=Type((4,), "F"), t=Type((), "")),
    )
    task.check(net)
    t = task.load(net, CPU).train.inputs[1]
    assert t.shape == (54,)
    assert float(t.std(correction=0)) == pytest.approx(1)


def test_several_inputs_by_name() -> None:
    x, y = blobs()
    task = Arrays({"b": x[:, :1], "a": x[:, 1:]}, y, kind="classification")
    net: Any = Net(3, a=Type((3,), "F"), b=Type((1,), "F"))
    task.check(net)
    assert [t.shape[1] for t in task.load(net, CPU).train.inputs] == [3, 1]  # the network's order
    with pytest.raises(TaskError, match="the network's inputs are input; x has b, a; pass x="):
        task.check(table(4, 3))


def test_frames_series_tensors_lists_and_datasets_are_the_same_task() -> None:
    x, y = blobs()
    frame = pd.DataFrame(x, columns=list("abcd"))
    tensors = TensorDataset(torch.from_numpy(x), torch.from_numpy(y))

    class Stream(IterableDataset[Any]):
        def __iter__(self) -> Any:
            return iter(zip(x, y, strict=True))

    ways = [
        (x, y),
        (frame, pd.Series(y)),
        (torch.from_numpy(x), torch.from_numpy(y)),
        (x.tolist(), y.tolist()),
    ]
    tasks = [Arrays(a, b, kind="classification") for a, b in ways]
    tasks += [Arrays(tensors, kind="classification"), Arrays(Stream(), kind="classification")]
    assert len({task.fingerprint for task in tasks}) == 1


def test_text_labels_are_numbered_in_sorted_order() -> None:
    x, y = blobs()
    names = np.array(["pear", "apple", "fig"])[y]
    for labels in (names, pd.Series(names), pd.Series(names).astype("category"), names.tolist()):
        task = Arrays(x, labels, kind="classification")
        assert task.spec.class_names == ("apple", "fig", "pear")
        assert task.spec.output_size == 3


def test_nullable_pandas_numbers_are_read() -> None:
    x, y = blobs()
    frame = pd.DataFrame({"a": pd.array(range(90), dtype="Int64"), "b": x[:, 0], "c": x[:, 1] > 0})
    data = Arrays(frame, pd.Series(y, dtype="Int64"), kind="classification").load(table(3, 3), CPU)
    assert data.train.inputs[0].shape == (54, 3)


def test_explicit_validation_and_test() -> None:
    x, y = blobs()
    task = Arrays(x[:60], y[:60], kind="classification", validation=(x[60:75], y[60:75]), test=(x[75:], y[75:]))
    assert task.spec.counts == (60, 15, 15)
    held = TensorDataset(torch.from_numpy(x[75:]), torch.from_numpy(y[75:]))
    assert Arrays(x[:75], y[:75], kind="classification", test=held).spec.counts == (60, 15, 15)


def test_regression_metrics_are_in_the_targets_unit() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 2))
    y = 1000 + 50 * x[:, 0]
    task = Arrays(x, y, kind="regression", unit="K")
    assert [(m.name, m.unit) for m in task.metrics()] == [("rmse", "K"), ("mae", "K"), ("r2", "fraction")]
    split = task.load(table(2, 1), CPU).validation
    off = task.evaluate(split.targets + 1 / task.spec.target_std[0], split.targets)
    assert off["rmse"] == pytest.approx(1, rel=1e-4)
    assert off["mae"] == pytest.approx(1, rel=1e-4)
    assert task.evaluate(split.targets, split.targets)["r2"] == pytest.approx(1)


def test_figures_agree_with_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, f1_score, log_loss, r2_score

    x, y = blobs()
    torch.manual_seed(0)
    logits, labels = torch.randn(90, 3), torch.from_numpy(y)
    got = Arrays(x, y, kind="classification").evaluate(logits, labels)
    guess = logits.argmax(1)
    assert got["accuracy"] == pytest.approx(accuracy_score(y, guess))
    assert got["macro_f1"] == pytest.approx(f1_score(y, guess, average="macro"))
    assert got["loss"] == pytest.approx(log_loss(y, logits.double().softmax(1).numpy()), rel=1e-5)
    outputs, targets = torch.randn(40, 2), torch.randn(40, 2)
    task = Arrays(np.ones((40, 1)), targets, kind="regression")
    assert task.evaluate(outputs, targets)["r2"] == pytest.approx(r2_score(targets, outputs), rel=1e-5)


def test_r2_of_a_constant_target_is_zero() -> None:
    task = Arrays(np.ones((10, 1)), np.ones(10), kind="regression")
    assert task.evaluate(torch.zeros(4, 1), torch.zeros(4, 1)) == {"rmse": 0.0, "mae": 0.0, "r2": 0.0}


def test_store_is_plain_json_and_loads_the_same_data(tmp_path: Path) -> None:
    x, y = blobs()
    task = Arrays(x, y, kind="classification")
    stored = task.store(tmp_path / "data")
    again = spec_from_json(json.loads(json.dumps(stored.to_json())))
    assert isinstance(again, StoredArrays)
    assert again == stored
    assert again.fingerprint == task.fingerprint
    net = table(4, 3)
    for a, b in zip(
        (task.load(net, CPU).train, task.load(net, CPU).test),
        (again.load(net, CPU).train, again.load(net, CPU).test),
        strict=True,
    ):
        assert torch.equal(a.inputs[0], b.inputs[0])
        assert torch.equal(a.targets, b.targets)


def test_store_writes_once_repairs_damage_and_may_move(tmp_path: Path) -> None:
    x, y = blobs()
    task = Arrays(x, y, kind="classification")
    stored = task.store(tmp_path / "a")
    files = sorted((tmp_path / "a").iterdir())
    assert len(files) == 2  # no temporary file is left
    times = [f.stat().st_mtime_ns for f in files]
    task.store(tmp_path / "a")
    assert [f.stat().st_mtime_ns for f in files] == times
    files[0].write_bytes(files[0].read_bytes()[:50])
    with pytest.raises(StoreError, match="expected an array that the study stored; it cannot be read"):
        stored.load(table(4, 3), CPU)
    task.store(tmp_path / "a").load(table(4, 3), CPU)
    moved = stored.store(tmp_path / "b")
    assert moved.fingerprint == stored.fingerprint
    assert len(moved.load(table(4, 3), CPU).test) == 18


def test_a_stored_file_of_another_shape_is_refused(tmp_path: Path) -> None:
    x, y = blobs()
    stored = Arrays(x, y, kind="classification").store(tmp_path)
    np.save(tmp_path / stored.inputs[0].file, x[:5])
    with pytest.raises(StoreError, match=r"expected float64 \(90, 4\); got float64 \(5, 4\); run the study again"):
        stored.load(table(4, 3), CPU)


def test_unwritable_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    x, y = blobs()
    with pytest.raises(StoreError, match=r"cannot be written \(Not a directory\); choose a folder that you may write"):
        Arrays(x, y, kind="classification").store(tmp_path / "file" / "data")


def test_loading_before_storing_says_so() -> None:
    x, y = blobs()
    spec = spec_from_json(Arrays(x, y, kind="classification").to_json())
    with pytest.raises(TaskError, match=r"the arrays were not written yet; call task.store\(folder\)"):
        spec.load(table(4, 3), CPU)  # type: ignore[attr-defined]


def test_fingerprint_follows_values_seed_and_split() -> None:
    x, y = blobs()
    changed = x.copy()
    changed[0, 0] += 1
    tasks = [
        Arrays(x, y, kind="classification"),
        Arrays(changed, y, kind="classification"),
        Arrays(x, y, kind="classification", seed=1),
        Arrays(x, y, kind="classification", validation=0.3),
        Arrays(x, y, kind="regression"),
        Arrays(x, y, kind="classification", standardize=False),
    ]
    assert len({task.fingerprint for task in tasks}) == len(tasks)


def test_networks_that_do_not_fit_arrays() -> None:
    x, y = blobs()
    task = Arrays(x, y, kind="classification")
    wanted = r"shape \(4,\); the network's input 'input' has \(5,\); declare inputs=Features\(4\)"
    with pytest.raises(TaskError, match=wanted):
        task.check(table(5, 3))
    with pytest.raises(TaskError, match=r"must have shape \(3,\), one logit a class; the network's has \(4,\)"):
        task.check(table(4, 4))
    grey = Arrays(np.zeros((30, 8, 8)), np.arange(30) % 10, kind="classification", validation=0.34, test=0.33)
    with pytest.raises(TaskError, match=r"give the data a channel axis: x\[:, None\]"):
        grey.check(image())
    with pytest.raises(TaskError, match="must be float32 or int64; the network declares bool"):
        task.check(Net(3, input=Type((4,), "F", "bool")))  # type: ignore[arg-type]
