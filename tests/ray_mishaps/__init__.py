"""Modules that do something to the process that imports them, for the tests of devices of a Ray cluster."""
