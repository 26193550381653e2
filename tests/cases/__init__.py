"""Cases of blocks, one file a family: the lists ``PRIMITIVES`` and ``COMPOSITES`` of (block, input types)."""
