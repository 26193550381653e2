"""Plain torch implementations, written from the papers' equations alone, that our blocks are held against."""
