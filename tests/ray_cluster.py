"""A Ray cluster on this machine's loopback: a head, and a node of its own that carries ``device:test``.

Prints the cluster's address; takes a word a line: "remove" kills the node, "end" or the end of stdin the cluster.
"""

from __future__ import annotations

import os
import sys

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

from ray.cluster_utils import Cluster

SMALL = {
    "num_cpus": 1,
    "object_store_memory": 80_000_000,
    "node_ip_address": "127.0.0.2",
}  # 127.0.0.1 Ray would replace by another


def main() -> None:
    """Until stdin ends."""
    cluster = Cluster(initialize_head=True, head_node_args={**SMALL, "include_dashboard": False})
    try:
        node = cluster.add_node(**SMALL, resources={"device:test": 1})
        print(cluster.address, flush=True)
        for line in sys.stdin:
            if line.strip() == "remove":
                cluster.remove_node(node, allow_graceful=False)
                print("removed", flush=True)
            elif line.strip() == "end":
                break
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
