"""Every refusal of bad data, with the message a person reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import TensorDataset

from nasengine.errors import TaskError
from nasengine.tasks import Arrays, Digits, require_importable

X = np.random.default_rng(0).normal(size=(30, 2))
Y = np.arange(30) % 3


def hole(value: float) -> np.ndarray:
    x = X.copy()
    x[7, 1] = value
    return x


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"a": X[:, 0], **columns})


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (X, Y, {"kind": "ranking"}, "kind must be one of classification, regression; got 'ranking'"),
        (X[:0], Y[:0], {}, r"x: at least one example is needed; got an array of shape \(0, 2\)"),
        (
            TensorDataset(torch.empty(0, 2), torch.empty(0)),
            None,
            {},
            "at least one example is needed; the Dataset is empty",
        ),
        (
            hole(np.nan),
            Y,
            {},
            r"x: values must be finite float32 numbers; got nan in row 7 \(1 such in all\)",
        ),
        (hole(-np.inf), Y, {}, "x: values must be finite float32 numbers; got -inf in row 7"),
        (hole(1e300), Y, {}, "x: values must be finite float32 numbers; got 1e.300 in row 7"),
        (X, Y[:29], {}, "x and y must have one row an example; got 30 and 29 rows"),
        (X, Y + 0.5, {}, 'y: labels must be whole numbers; got 0.5 in row 0; say kind="regression"'),
        (X, Y - 1, {}, "y: labels must be 0 to 1 for 2 classes; got -1; number them from 0"),
        (X, Y, {"classes": 2}, "y: labels must be 0 to 1 for 2 classes; got 2"),
        (X, Y * 10_000, {}, "the largest label, 20000, means 20001 classes for 30 examples"),
        (
            X,
            Y + 1,
            {},
            "every class needs an example in each split; train has none of class 0; number the classes",
        ),
        (X, [0] * 28 + [1, 1], {}, "validation has none of class 1; .*or pass allow_missing=True"),
        (
            X,
            np.eye(3)[Y],
            {},
            r"one label an example, shape \(N,\); got shape \(30, 3\); from one-hot rows take y.argmax",
        ),
        (X, Y.astype(complex), {}, "labels must be whole numbers or text; got dtype complex128"),
        (X, ["a"] * 29 + [None], {}, "y: every example needs a label; row 29 has none"),
        (X, list("abc") * 10, {"classes": 4}, "classes=4, but y holds 3 different labels"),
        (X, np.where(Y == 1, np.nan, Y), {}, "y: values must be finite float32 numbers; got nan in row 1"),
        (
            X,
            hole(np.nan),
            {"kind": "regression"},
            "y: values must be finite float32 numbers; got nan in row 7",
        ),
        (
            X,
            list("abc") * 10,
            {"kind": "regression"},
            'regression wants numbers; got dtype <U1; say kind="classif',
        ),
        (X, X[:, :, None], {"kind": "regression"}, r"targets of shape \(N,\) or \(N, K\); got \(30, 2, 1\)"),
        (X, None, {}, r"^y: no targets are given; pass Arrays\(x, y, ...\) or a Dataset"),
        (X, 3, {}, "one target an example is needed; got a single value 3"),
        (
            X.astype(complex),
            Y,
            {},
            r"features must be numbers \(float, integer or bool\); got dtype complex128",
        ),
        (X.astype(str), Y, {}, "features must be numbers .*; got dtype <U"),
        (
            frame(b="red"),
            Y,
            {},
            "x: every column must hold numbers; 'b' does not; encode them, as pandas.get_dummies",
        ),
        (frame(b="red", c=pd.Timestamp(0)), Y, {}, "'b', 'c' do not; encode them"),
        (frame(b=np.where(Y == 1, np.nan, 1)), Y, {}, "x: values must be finite; NaN in 'b'; fill them"),
        ([[1, 2], [3]], [0, 1], {}, "x: rows must all have one shape"),
        (
            {"left": X, "right": X[:20]},
            Y,
            {},
            r"x\['right'\] and y must have one row an example; got 20 and 30 rows",
        ),
        ({"y": X}, Y, {}, "an input cannot be named 'y'"),
        (
            X,
            Y,
            {"validation": 0.0},
            r"validation must be a fraction between 0 and 1, or examples \(x, y\); got 0.0",
        ),
        (X, Y, {"test": 2}, "test must be a fraction between 0 and 1"),
        (
            X,
            Y,
            {"validation": 0.5, "test": 0.5},
            r"validation \+ test must leave examples to train; got 0.5 \+ 0.5",
        ),
        (X, Y, {"test": [1, 2]}, r"test must be a fraction, a pair \(x, y\) or a Dataset; got list"),
        (
            X,
            Y,
            {"test": (X[:, :1], Y)},
            r"test x: examples must have the shape of those to train, \{'x': \(2,\)\}",
        ),
        (X, Y, {"test": (X, Y[:3])}, "test x and test y must have one row an example; got 30 and 3 rows"),
        (X[:2], Y[:2], {"kind": "regression"}, "every split needs an example; validation has none of the 2"),
        ([X[0], 1], [1], {}, "rows must all have one shape"),
    ],
)
def test_refusals(x: Any, y: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        Arrays(x, y, **{"kind": "classification", **options})


def test_allow_missing() -> None:
    task = Arrays(X, [0] * 28 + [1, 1], kind="classification", allow_missing=True)
    assert task.spec.output_size == 2


def test_dataset_items_must_be_pairs() -> None:
    with pytest.raises(TaskError, match=r"a Dataset must yield \(x, y\) pairs; item 0 is tuple"):
        Arrays(TensorDataset(torch.ones(3, 2)), kind="classification")
    with pytest.raises(TaskError, match=r"a Dataset yields .* itself; pass it alone, without y"):
        Arrays(TensorDataset(torch.ones(3, 2), torch.ones(3)), Y, kind="classification")


def test_dataset_rows_of_different_shapes() -> None:
    class Ragged(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> Any:
            return np.zeros(index + 1), 0

    with pytest.raises(TaskError, match=r"rows must all have one shape; got \(1,\) and \(2,\); pad or crop them"):
        Arrays(Ragged(), kind="classification")


def test_importable_classes_pass() -> None:
    require_importable(Digits, "task")
    require_importable(Digits(), "task")
    require_importable(torch.nn.Linear, "block")


def test_a_class_inside_a_function_is_refused() -> None:
    class Local(Digits):
        pass

    with pytest.raises(TaskError, match=r"block .*Local: .*defined inside a function; move it to the top level"):
        require_importable(Local, "block")


def test_a_module_that_is_not_on_the_path_is_refused(tmp_path: Path) -> None:
    made = type("Mine", (), {"__module__": "nowhere_at_all.mine", "__qualname__": "Mine"})
    with pytest.raises(
        TaskError, match=r"finds no module 'nowhere_at_all\.mine' on its path; install it, put its folder"
    ):
        require_importable(made, "dataset")


def test_a_file_loaded_under_a_made_up_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    file = tmp_path / "study_file.py"
    file.write_text("class Mine: pass\n")
    spec = importlib.util.spec_from_file_location("study_file", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "study_file", module)
    with pytest.raises(TaskError, match="finds no module 'study_file'"):
        require_importable(module.Mine, "task")
    monkeypatch.syspath_prepend(tmp_path)
    require_importable(module.Mine, "task")


def test_a_class_in_main_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from nasengine.space.spec import tagged\n"
        "from nasengine.tasks import Digits, require_importable\n"
        "@tagged('mine')\n"
        "class Mine(Digits): pass\n"
        "require_importable(Mine(), 'task')\n"
    )
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)
    assert "task Mine: worker processes import a task by name; it is defined in __main__" in done.stderr
    assert (
        "move it to a module, say my_parts.py beside the program, and write: from my_parts import Mine" in done.stderr
    )


DATASET_IN_MAIN = """
import torch
from torch.utils.data import Dataset
from nasengine.tasks import Arrays

class Mine(Dataset):
    def __len__(self): return 30
    def __getitem__(self, i): return torch.ones(3), i % 2

Arrays(Mine(), kind="classification")
"""


def test_a_dataset_in_the_main_program_is_refused() -> None:
    done = subprocess.run([sys.executable, "-c", DATASET_IN_MAIN], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "dataset Mine: worker processes import a dataset by name; it is defined in __main__" in done.stderr
    assert "move it to a module" in done.stderr
