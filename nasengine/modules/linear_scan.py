"""First-order linear recurrences, all steps at once."""

import torch
from torch import Tensor


def linear_scan(decay: Tensor, drive: Tensor) -> Tensor:
    """``h[t] = decay[t] h[t-1] + drive[t]`` from ``h[-1] = 0``, along axis 1 of ``(B, T, ...)``.

    Two steps are one step with the product of their decays, so every second state is a recurrence of half the length:
    work grows with T and depth with log T (Blelloch, 1990, section 1.4). Nothing is divided, so long lengths are safe.
    """
    if drive.shape[1] == 1:
        return drive
    pairs = drive.shape[1] // 2
    even, odd = decay[:, ::2], decay[:, 1::2]
    first, second = drive[:, ::2], drive[:, 1::2]
    late = linear_scan(odd * even[:, :pairs], second + odd * first[:, :pairs])
    early = torch.cat((first[:, :1], first[:, 1:] + even[:, 1:] * late[:, : first.shape[1] - 1]), 1)
    both = torch.stack((early[:, :pairs], late), 2).flatten(1, 2)
    return both if early.shape[1] == pairs else torch.cat((both, early[:, pairs:]), 1)
