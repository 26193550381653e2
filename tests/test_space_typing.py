"""A type checker catches a wrong option: mypy --strict fails at the marked lines and nowhere else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted((HERE / "typing").glob("*.py"))


def marked(path: Path) -> dict[int, str]:
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    return {n: found[1] for n, line in lines if (found := re.search(r"# E: (\[[a-z-]+\])", line))}


@pytest.mark.slow
@pytest.mark.representative
def test_mypy_fails_at_the_marked_lines() -> None:
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--no-pretty", "--hide-error-context"]
    out = subprocess.run([*command, *map(str, FILES)], capture_output=True, text=True, cwd=HERE.parent, timeout=280)
    for path in FILES:
        pattern = rf"^\S*{re.escape(path.name)}:(\d+): error: .*(\[[a-z-]+\])$"
        found = {int(line): code for line, code in re.findall(pattern, out.stdout, flags=re.MULTILINE)}
        assert found == marked(path), out.stdout
    assert len(FILES) >= 1
