"""The passes that proxies share: each is run once, when the first proxy asks for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from nasengine.errors import NasError, StudyError
from nasengine.estimate.proxies.batch import Batch, batch_for, examples_of, loss_of
from nasengine.estimate.proxies.norms import fresh_norms, skipping_norms
from nasengine.estimate.proxies.untrained import Untrained, untrained
from nasengine.estimate.proxies.watch import Watch
from nasengine.graph import Graph, lower
from nasengine.graph.module import example_inputs
from nasengine.space import Architecture

NOISE_EXAMPLES = 16
"""Random examples of the passes that read no data, as in the published code of Zen-NAS."""
MIXUP = 0.01
"""How much of a second random input is added to the first (Lin et al., 2021, algorithm 1)."""
NOTES = ("codes", "saliency", "curvature")
"""What can be wanted of the pass of the batch beside the loss and its gradients."""


class Undefined(NasError):  # noqa: N818 - it is the field's word, and no mishap
    """A proxy is not defined for a network; the message says why."""


@dataclass(frozen=True)
class Forward:
    """One forward pass of the batch. ``wanted`` are the float inputs, or the embeddings of ids, with gradients."""

    outputs: Mapping[str, torch.Tensor]
    watch: Watch
    wanted: tuple[torch.Tensor, ...]


class Passes:
    """An untrained network, a batch, and what passes through it have told so far.

    All passes are in training mode, norms by the batch's own statistics, and with dropout off; the same seed gives the
    same weights, targets and noise.

    Args:
        what: an architecture, or a graph; dead parts of it are left out, as in training.
        batch: examples, or a number of random ones.
        network: which network of the architecture; the only deployed one when None.
        notes: what else is wanted of the pass of the batch: ``"codes"`` and ``"saliency"`` are taken down
            on the way, and for ``"curvature"`` the gradients get a graph of their own; each takes time.

    Raises:
        StudyError: the batch does not fit the network, or there is no such device.
        ShapeError: types that cannot meet.
    """

    def __init__(
        self,
        what: Architecture | Graph,
        batch: Batch | int = 64,
        *,
        seed: int = 0,
        device: str | torch.device = "cpu",
        network: str | None = None,
        notes: Sequence[str] = NOTES,
    ) -> None:
        self.graph = (what if isinstance(what, Graph) else lower(what, network)).simplify()
        self.device = device_of(device)
        self.seed, self._notes = seed, frozenset(notes)
        self.batch = batch_for(self.graph, batch, seed).to(self.device)
        self.examples = examples_of(self.graph, self.batch)

    @cached_property
    def untrained(self) -> Untrained:
        """The network; built when it is first needed."""
        return untrained(self.graph, self.seed, self.device)

    @property
    def _weights(self) -> dict[str, torch.nn.Parameter]:
        if not self.untrained.weights:
            raise Undefined("it has no weights: no trained tensor of two or more axes")
        return self.untrained.weights

    # --- passes of the batch -----------------------------------------------------------------------------------------

    @cached_property
    def forward(self) -> Forward:
        """The batch through the network, with what is noted on the way."""
        return self._run(self._notes)

    def _run(self, notes: Collection[str]) -> Forward:
        watch = Watch(self.examples)
        inputs = tuple(x.detach().clone().requires_grad_(x.is_floating_point()) for x in self.batch.inputs)
        taken = {name: name in notes for name in NOTES[:2]}
        with self._drawing(), watch.on(self.untrained.network, **taken):
            _, outputs = self.untrained.run(inputs)
        batched = [self.graph.types[i].batched for i in self.graph.inputs.values()]
        wanted = tuple(x for x, is_batched in zip(inputs, batched, strict=True) if x.requires_grad and is_batched)
        return Forward(outputs, watch, wanted or tuple(watch.embedded))

    @cached_property
    def gradients(self) -> dict[str, torch.Tensor]:
        """∂ loss / ∂ weight by name; weights that the loss does not depend on are left out.

        They have a graph of their own where ``"curvature"`` is noted.
        """
        forward, weights = self.forward, self._weights
        loss = loss_of(self.graph, forward.outputs, self.batch, self.seed)
        again = "curvature" in self._notes
        with forward.watch.of_loss():
            found = torch.autograd.grad(
                loss, list(weights.values()), retain_graph=True, create_graph=again, allow_unused=True
            )
        return {name: g for name, g in zip(weights, found, strict=True) if g is not None}

    @cached_property
    def jacobian(self) -> torch.Tensor:
        """(B, D): ∂ Σ outputs / ∂ inputs, an example a row; of ids, by what they are embedded as."""
        forward = self.forward if self.forward.outputs else self._run(())  # its graph was let go: once more
        if not forward.wanted:
            raise Undefined("it has no input with a batch axis whose numbers have a gradient")
        total = torch.stack([out.sum() for out in forward.outputs.values() if out.is_floating_point()]).sum()
        found = torch.autograd.grad(total, forward.wanted, retain_graph=True, allow_unused=True)
        rows = [g.detach().reshape(self.examples, -1) for g in found if g is not None and g.shape[0] == self.examples]
        if not rows:
            raise Undefined("its outputs do not depend on an input with a batch axis")
        return torch.cat(rows, dim=1)

    @cached_property
    def curvature(self) -> float:
        """θᵀ H g: the loss's Hessian H between the weights θ and their gradient g.

        By a pass back through the pass that made the gradients (Pearlmutter, 1994). The graphs of both are let go with
        it.
        """
        gradients = self.gradients
        weights = {name: self.untrained.weights[name] for name in gradients}
        squares = torch.stack([(g.detach() * g).sum() for g in gradients.values()]).sum()
        if not squares.requires_grad:
            raise Undefined("the gradient of its loss does not depend on its weights")
        found = torch.autograd.grad(squares, list(weights.values()), allow_unused=True)
        self.__dict__["gradients"] = {name: g.detach() for name, g in gradients.items()}
        self.__dict__["forward"] = replace(self.forward, outputs={}, wanted=())
        terms = [(w.detach() * h).double().sum() for w, h in zip(weights.values(), found, strict=True) if h is not None]
        return float(torch.stack(terms).sum()) if terms else 0.0

    # --- passes that read no data ------------------------------------------------------------------------------------

    @cached_property
    def flow(self) -> float:
        """Σ |θ · ∂R/∂θ|, where R is the sum of the outputs on inputs of ones with all parameters |θ|, in float64.

        Norms are skipped; ids are those of the first example.
        """
        network = self.untrained.network
        moved = {n: p.detach().double().abs().requires_grad_() for n, p in network.named_parameters()}
        fixed = {n: b.double() if b.is_floating_point() else b for n, b in network.named_buffers()}
        weights = [moved[name] for name in self._weights]
        with self._drawing(), self.untrained.evaluating(), skipping_norms(network):
            _, outputs = self.untrained.run(self._ones(), {**moved, **fixed})
            total = torch.stack([out.sum() for out in outputs.values() if out.is_floating_point()]).sum()
            found = torch.autograd.grad(total, weights, allow_unused=True)
        terms = [(w.detach() * g).abs().sum() for w, g in zip(weights, found, strict=True) if g is not None]
        if not terms:
            raise Undefined("its outputs depend on no weight")
        return float(torch.stack(terms).sum())

    def _ones(self) -> tuple[torch.Tensor, ...]:
        kinds = [self.graph.types[i] for i in self.graph.inputs.values()]
        first = [x[:1] if kind.batched else x for x, kind in zip(self.batch.inputs, kinds, strict=True)]
        return tuple(torch.ones_like(x, dtype=torch.float64) if x.is_floating_point() else x for x in first)

    def noise(self, seed: int) -> tuple[torch.Tensor, ...]:
        """Random inputs: normal numbers, and ids in range."""
        return example_inputs(self.graph, NOISE_EXAMPLES, self.device, seed=seed)

    def gaussian(self, *, scaled: bool) -> dict[str, torch.Tensor]:
        """Weights drawn from N(0, 1), or N(0, 2 / fan-in) when scaled; biases are zero, norms as they are built."""
        rng = torch.Generator().manual_seed(self.seed + 1)
        made: dict[str, torch.Tensor] = {}
        for name, parameter in self.untrained.network.named_parameters():
            if name in self.untrained.weights:
                drawn = torch.randn(parameter.shape, generator=rng)
                std = (2 / drawn[0].numel()) ** 0.5 if scaled else 1.0
                made[name] = (drawn * std).to(self.device).requires_grad_()
            elif name.rpartition(".")[2].startswith("bias"):
                made[name] = torch.zeros_like(parameter)
        return made

    @cached_property
    def zen(self) -> float:
        """Log of how much the last feature map moves with the input, plus the logs of what batch norms divide by."""
        if not any(x.is_floating_point() for x in self.noise(0)):
            raise Undefined("its inputs are ids: they cannot be moved a little")
        norms = fresh_norms(self.untrained.network)
        tensors = {**self.gaussian(scaled=False), **norms}
        first, second = self.noise(self.seed + 2), self.noise(self.seed + 3)
        moved = tuple(a + MIXUP * b if a.is_floating_point() else a for a, b in zip(first, second, strict=True))
        maps = []
        for inputs in (first, moved):
            with torch.no_grad(), self._drawing():
                maps.append(self._last(inputs, tensors))
        move = (maps[0] - maps[1]).double().abs().flatten(1).sum(1).mean().log()
        variances = [v.double().mean() for name, v in norms.items() if name.endswith("running_var")]
        return float(move) + sum(float(v.log()) / 2 for v in variances)

    def _last(self, inputs: Sequence[torch.Tensor], tensors: Mapping[str, torch.Tensor]) -> torch.Tensor:
        maps, _ = self.untrained.run(inputs, tensors)
        if not maps or maps[-1].ndim < 2:
            raise Undefined("it has no feature map: its first output is not one of numbers with a batch axis")
        return maps[-1]

    @cached_property
    def features(self) -> list[torch.Tensor]:
        """Feature maps at the ends of blocks for random inputs, (B, ...) each, which gradients can go back through."""
        if len(self.untrained.axes) < 2:
            raise Undefined("it has fewer than two blocks in a row that everything passes through")
        inputs = tuple(x.requires_grad_(x.is_floating_point()) for x in self.noise(self.seed + 2))
        with self._drawing():
            maps, _ = self.untrained.run(inputs, self.gaussian(scaled=True))
        return maps[: len(self.untrained.axes)]

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """What draws random numbers inside draws the same in every pass; the caller's random state is left alone."""
        cuda = [self.device] if self.device.type == "cuda" else []
        recurrent = any(isinstance(module, nn.RNNBase) for module in self.untrained.network.modules())
        with ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng(devices=cuda))
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))  # fused attention has no second derivative
            if cuda and recurrent:  # nor have cuDNN's recurrent layers, and no first one in evaluation mode
                stack.enter_context(torch.backends.cudnn.flags(enabled=False))
            torch.manual_seed(self.seed)
            yield


def device_of(device: str | torch.device) -> torch.device:
    """The device.

    Raises:
        StudyError: it is not on this machine.
    """
    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise StudyError(f"proxies: device is 'cpu' or 'cuda'; got {device!r}; name one of them") from error
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        raise StudyError(f"proxies: the device {device!s} is not on this machine; got no such GPU; use device='cpu'")
    return found
