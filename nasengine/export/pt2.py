"""``torch.export``: the graph of ATen operations and the weights in one ``.pt2`` archive."""

from __future__ import annotations

import torch

from nasengine.export.job import Job, Written
from nasengine.export.parity import run

FILE = "network.pt2"


def write(job: Job) -> Written:
    """Write the program with a free batch axis, load it back and run it."""
    path = job.folder / FILE
    torch.export.save(job.program, path)
    loaded = torch.export.load(path).module()
    return Written(FILE, run(loaded, job.batches, job.outputs), f"torch.export, torch {torch.__version__}")
