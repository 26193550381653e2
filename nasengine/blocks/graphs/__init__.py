"""Graphs, sets and points."""
