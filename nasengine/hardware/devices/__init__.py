"""What a latency is of: a device of this machine, one behind a command, one of a cluster; and who may use it."""
