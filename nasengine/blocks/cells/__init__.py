"""Searched cells: graphs with an operation on every edge, and the networks that stack them."""
