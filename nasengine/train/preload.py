"""What a worker needs in memory before its first trial; import it in a fork server.

torch's optimizers import ``torch._dynamo`` when the first one is made, which takes about a second. Here that
second is paid once, by the parent of all workers. No thread is started.
"""

from __future__ import annotations

import torch._dynamo as dynamo

import nasengine.train.loop as loop

__all__ = ["dynamo", "loop"]
