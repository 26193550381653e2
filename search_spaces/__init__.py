"""Search spaces, one file a family; each exports ``space``, and its published members as ``space.references``."""
