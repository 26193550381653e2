"""Blocks and stages of convolutional networks."""
