"""Neural Turing machine."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasengine.modules.memory import control, controller, resemblance


class TuringMachine(nn.Module):
    """A controller that writes to and reads from ``slots`` vectors by content and by place (Graves et al., 2014).

    ``(B, T, F)`` → ``(B, T, hidden + reads * width)``: at each step what the controller gives and what was read. All
    heads point to the first slot of an empty memory at first. At each step the controller sees the input and what was
    read last; the heads that write come first, then those that read.
    """

    def __init__(
        self,
        features: int,
        hidden: int,
        slots: int,
        width: int,
        reads: int = 1,
        writes: int = 1,
        shift: int = 1,
        kind: str = "lstm",
    ) -> None:
        super().__init__()
        self.slots, self.width, self.reads, self.writes, self.shift = slots, width, reads, writes, shift
        self.sizes = (width, 1, 1, 2 * shift + 1, 1)  # key, strength, gate, shift, sharpness
        self.controller = controller(kind, features + reads * width, hidden)
        self.interface = nn.Linear(hidden, (reads + writes) * sum(self.sizes) + writes * 2 * width)

    def point(self, told: Tensor, memory: Tensor, last: Tensor) -> Tensor:
        """Where heads ``(B, K, sizes)`` point, ``(B, K, slots)``: figure 2, equations 5 to 9."""
        key, strength, gate, shift, sharpness = told.split(self.sizes, -1)
        content = torch.softmax(F.softplus(strength) * resemblance(key, memory), -1)
        gate = torch.sigmoid(gate)
        mixed = gate * content + (1 - gate) * last
        moves = torch.softmax(shift, -1)
        moved = torch.zeros_like(mixed)
        for place in range(2 * self.shift + 1):
            moved = moved + moves[..., place : place + 1] * mixed.roll(place - self.shift, -1)
        sharp = moved ** (1 + F.softplus(sharpness))
        return sharp / (sharp.sum(-1, keepdim=True) + 1e-12)

    def forward(self, x: Tensor) -> Tensor:
        batch, heads = x.shape[0], self.reads + self.writes
        memory = x.new_zeros(batch, self.slots, self.width)
        first = F.one_hot(torch.zeros(heads, dtype=torch.long, device=x.device), self.slots)
        places = first.to(x.dtype).expand(batch, -1, -1)
        write, look = places[:, : self.writes], places[:, self.writes :]
        read = x.new_zeros(batch, self.reads * self.width)
        state: tuple[Tensor, ...] = ()
        made = []
        for given in x.unbind(1):
            state = control(self.controller, torch.cat((given, read), -1), state)
            told, change = self.interface(state[0]).split((heads * sum(self.sizes), 2 * self.writes * self.width), -1)
            told = told.unflatten(-1, (heads, -1))
            write = self.point(told[:, : self.writes], memory, write)
            erase, add = change.unflatten(-1, (self.writes, -1)).chunk(2, -1)
            kept = (1 - write.unsqueeze(-1) * torch.sigmoid(erase).unsqueeze(-2)).prod(1)  # equation 3
            memory = memory * kept + write.transpose(1, 2) @ add  # equation 4
            look = self.point(told[:, self.writes :], memory, look)
            read = (look @ memory).flatten(1)  # equation 2
            made.append(torch.cat((state[0], read), -1))
        return torch.stack(made, 1)

    def extra_repr(self) -> str:
        return f"slots={self.slots}, width={self.width}, reads={self.reads}, writes={self.writes}, shift={self.shift}"
