"""Keeps the process that imports it waiting."""

import os
import time
from pathlib import Path

(Path(os.environ["NASENGINE_TEST_FOLDER"]) / "sleeping").write_text("1")
time.sleep(600)
