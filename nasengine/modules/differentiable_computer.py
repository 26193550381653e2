"""Differentiable neural computer."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasengine.modules.memory import control, controller, resemblance


def allocation(usage: Tensor) -> Tensor:
    """Where to write anew, ``(B, N)``: the least used slots first (equation 1 of the methods), ties by place.

    A slot gets what the less used ones leave, so the sort is a comparison of all pairs.
    """
    place = torch.arange(usage.shape[-1], device=usage.device)
    mine, other = usage.unsqueeze(-1), usage.unsqueeze(-2)
    before = (other < mine) | ((other == mine) & (place < place.unsqueeze(-1)))
    return (1 - usage) * torch.where(before, other, torch.ones_like(other)).prod(-1)


class DifferentiableComputer(nn.Module):
    """A controller with a memory that knows what is in use and in what order it was written (Graves et al., 2016).

    ``(B, T, F)`` → ``(B, T, hidden + reads * width)``: at each step what the controller gives and what was read.
    """

    def __init__(self, features: int, hidden: int, slots: int, width: int, reads: int = 1, kind: str = "lstm") -> None:
        super().__init__()
        self.slots, self.width, self.reads = slots, width, reads
        self.sizes = (reads * width, reads, width, 1, width, width, reads, 1, 1, 3 * reads)
        self.controller = controller(kind, features + reads * width, hidden)
        self.interface = nn.Linear(hidden, sum(self.sizes))

    def run(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The outputs, and how much each slot was in use when the step's free slot was sought."""
        batch, slots = x.shape[0], self.slots
        memory, link = x.new_zeros(batch, slots, self.width), x.new_zeros(batch, slots, slots)
        usage = precedence = write = x.new_zeros(batch, slots)
        look = x.new_zeros(batch, self.reads, slots)
        read = x.new_zeros(batch, self.reads * self.width)
        others = 1 - torch.eye(slots, dtype=x.dtype, device=x.device)
        state: tuple[Tensor, ...] = ()
        made, used = [], []
        for given in x.unbind(1):
            state = control(self.controller, torch.cat((given, read), -1), state)
            keys, strengths, key, strength, erase, vector, free, allocate, gate, modes = self.interface(state[0]).split(
                self.sizes, -1
            )
            kept = (1 - torch.sigmoid(free).unsqueeze(-1) * look).prod(1)
            usage = (usage + write - usage * write) * kept
            used.append(usage)
            content = (1 + F.softplus(strength)) * resemblance(key.unsqueeze(1), memory).squeeze(1)
            share = torch.sigmoid(allocate)
            write = share * allocation(usage) + (1 - share) * torch.softmax(content, -1)
            write = torch.sigmoid(gate) * write
            column, row = write.unsqueeze(-1), write.unsqueeze(-2)
            memory = memory * (1 - column * torch.sigmoid(erase).unsqueeze(1)) + column * vector.unsqueeze(1)
            link = ((1 - column - row) * link + column * precedence.unsqueeze(-2)) * others
            precedence = (1 - write.sum(-1, keepdim=True)) * precedence + write
            found = resemblance(keys.unflatten(-1, (self.reads, self.width)), memory)
            found = torch.softmax((1 + F.softplus(strengths)).unsqueeze(-1) * found, -1)
            mode = torch.softmax(modes.unflatten(-1, (self.reads, 3)), -1)
            backward, forward = look @ link, look @ link.transpose(1, 2)
            look = mode[..., :1] * backward + mode[..., 1:2] * found + mode[..., 2:] * forward
            read = (look @ memory).flatten(1)
            made.append(torch.cat((state[0], read), -1))
        return torch.stack(made, 1), torch.stack(used, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x)[0]

    def margin(self, x: Tensor) -> Tensor:
        """Least difference of two slots' usage: the order of slots jumps there.

        Slots that were never told apart are in use alike but for rounding, and may trade places: they are left out.
        """
        gaps = self.run(x)[1].sort(-1).values.diff(dim=-1)
        return torch.where(gaps > 1e-6, gaps, torch.inf).min()

    def extra_repr(self) -> str:
        return f"slots={self.slots}, width={self.width}, reads={self.reads}"
