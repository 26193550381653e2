"""Weight initialisation, the same for the same seed however the module was made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

Fan = Literal["fan_in", "fan_out"]
Scheme = Callable[[torch.Tensor, Fan], object]

SCHEMES: dict[str, Scheme] = {
    # Glorot and Bengio (2010), equation 16 and its normal form
    "xavier_uniform": lambda weight, fan: nn.init.xavier_uniform_(weight),
    "xavier_normal": lambda weight, fan: nn.init.xavier_normal_(weight),
    # He et al. (2015), equation 10, for ReLU
    "he_uniform": lambda weight, fan: nn.init.kaiming_uniform_(weight, mode=fan, nonlinearity="relu"),
    "he_normal": lambda weight, fan: nn.init.kaiming_normal_(weight, mode=fan, nonlinearity="relu"),
    # Saxe et al. (2014), section 3
    "orthogonal": lambda weight, fan: nn.init.orthogonal_(weight),
}
NAMES = ("default", *SCHEMES)


def initialise(module: nn.Module, name: str, seed: int) -> None:
    """Draw every weight anew, in place.

    All modules first take their own default (torch's ``reset_parameters``); then the scheme is applied to the
    weights of linear, convolution, recurrent and attention layers, one gate or projection at a time, and the
    biases of linear and convolution layers become zero. Norms and embeddings keep their default. A parameter
    whose module has no ``reset_parameters`` keeps the value it was built with.

    Uses torch's global generator, seeded with ``seed``.
    """
    torch.manual_seed(seed)
    modules = list(module.modules())
    for part in modules:
        reset = getattr(part, "reset_parameters", None) or getattr(part, "_reset_parameters", None)
        if callable(reset):
            reset()
    if name == "default":
        return
    with torch.no_grad():
        for part in modules:
            for weight, fan in _weights(part):
                SCHEMES[name](weight, fan)
            if isinstance(part, (nn.Linear, _ConvNd)) and part.bias is not None:
                part.bias.zero_()


def _weights(part: nn.Module) -> Iterator[tuple[torch.Tensor, Fan]]:
    """The matrices and kernels of a layer, each with the side its fan is counted on."""
    if isinstance(part, (nn.Linear, _ConvNd)):
        # a transposed convolution stores (in, out, ...): what torch calls its fan out is what a unit receives
        yield part.weight, "fan_out" if isinstance(part, _ConvTransposeNd) else "fan_in"
    elif isinstance(part, nn.RNNBase):
        gates = {"LSTM": 4, "GRU": 3}.get(part.mode, 1)
        for name, parameter in part.named_parameters(recurse=False):
            if parameter.ndim == 2:
                yield from ((gate, "fan_in") for gate in parameter.chunk(1 if "weight_hr" in name else gates))
    elif isinstance(part, nn.MultiheadAttention):
        if part.in_proj_weight is not None:
            yield from ((projection, "fan_in") for projection in part.in_proj_weight.chunk(3))
        for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
            if getattr(part, name, None) is not None:
                yield getattr(part, name), "fan_in"
