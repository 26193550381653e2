"""Closed-form cost: what a network takes, known before it is built.

The counters, by name:

* ``params``: trainable numbers; a module applied twice counts once; buffers (running statistics) do not count.
* ``macs``: multiply-accumulates of convolutions, linear maps and matrix products for one sample; normalisation,
  activations, pooling and element-wise operations count 0, as in ``torch.utils.flop_counter`` (whose FLOPs are twice
  these).
* ``param_bytes``: bytes of the trainable numbers at their own element type.
* ``model_bytes``: bytes of parameters and buffers at their own element types: the tensors of the safetensors file.
* ``peak_activation_bytes``: the most bytes of tensors alive at once in one forward pass of one sample, when nodes run
  in order, a tensor lives from its making to its last use, views take nothing and nothing is fused or done in place.
* ``receptive_field``: side, in input positions, of the window that one position of the deepest feature map sees
  through local operations (Araujo et al., 2019, eq. 2); operations that see everything, as global pooling, add none.
* ``active_params``, ``active_macs``: of these, what one sample uses. They are less than ``params`` and ``macs`` where a
  router sends each token to a few of many experts, and where a network may leave by an early exit (then they are those
  of its first exit; :meth:`Graph.only` gives the cost of any other).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

Reach = tuple[float, float]
"""(extent, stride) of a local operation: a window of ``1 + extent`` positions, moved by ``stride``."""
POINT: Reach = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Cost:
    """Closed-form cost of one sample's forward pass; the counters are defined above."""

    params: int
    macs: int
    param_bytes: int
    peak_activation_bytes: int
    receptive_field: int
    active_params: int
    active_macs: int
    model_bytes: int

    def to_json(self) -> dict[str, int]:
        """Plain JSON."""
        return asdict(self)

    def __add__(self, other: Cost) -> Cost:
        """Two networks, run one after the other."""
        return Cost(
            self.params + other.params,
            self.macs + other.macs,
            self.param_bytes + other.param_bytes,
            max(self.peak_activation_bytes, other.peak_activation_bytes),
            max(self.receptive_field, other.receptive_field),
            self.active_params + other.active_params,
            self.active_macs + other.active_macs,
            self.model_bytes + other.model_bytes,
        )


def compose(first: Reach, then: Reach) -> Reach:
    """The reach of one local operation after another."""
    return first[0] + then[0] * first[1], first[1] * then[1]
