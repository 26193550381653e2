"""What nearly every network is made of: maps, norms, activations, pooling, shapes, merges."""
