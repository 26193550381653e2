"""How a figure comes about: fresh processes, warm-up, timed blocks, a reference between them, the interval."""
