"""State spaces: the scan against the recurrence it stands for, growth with the length, causality, messages."""

from __future__ import annotations

import pytest
import torch
from blocks_cases import FEATURES, IMAGE, SEQUENCE, graph_of
from torch import Tensor

from nasengine import Sequence, Tokens
from nasengine.blocks import S4D, DiagonalStateSpace, Mamba, SelectiveScan, Sequential
from nasengine.errors import ShapeError, SpaceError
from nasengine.graph import TensorType
from nasengine.graph.module import build
from nasengine.modules.diagonal_state_space import DiagonalStateSpace as LongConvolution
from nasengine.modules.linear_scan import linear_scan
from search_spaces import ssm


def one_by_one(decay: Tensor, drive: Tensor) -> Tensor:
    state, made = torch.zeros_like(drive[:, 0]), []
    for t in range(drive.shape[1]):
        state = decay[:, t] * state + drive[:, t]
        made.append(state)
    return torch.stack(made, 1)


@pytest.mark.parametrize("length", [1, 2, 3, 5, 8, 31, 1_000, 4_097])
def test_a_scan_is_its_recurrence(length: int) -> None:
    """At any length, with decays from 0 to 1: the difference is rounding, some 1e-7 of the largest state."""
    rng = torch.Generator().manual_seed(length)
    decay = torch.rand(2, length, 3, generator=rng).sqrt()
    drive = torch.randn(2, length, 3, generator=rng)
    found, wanted = linear_scan(decay, drive), one_by_one(decay, drive)
    assert (found - wanted).abs().max() <= 1e-6 * max(1.0, wanted.abs().max().item())


def test_gradients_of_a_scan_are_those_of_its_recurrence() -> None:
    rng = torch.Generator().manual_seed(0)
    decay = torch.rand(2, 37, 3, generator=rng, dtype=torch.float64).requires_grad_()
    drive = torch.randn(2, 37, 3, generator=rng, dtype=torch.float64).requires_grad_()
    weight = torch.randn(2, 37, 3, generator=rng, dtype=torch.float64)
    found = torch.autograd.grad((linear_scan(decay, drive) * weight).sum(), (decay, drive))
    wanted = torch.autograd.grad((one_by_one(decay, drive) * weight).sum(), (decay, drive))
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_cost_grows_linearly_with_the_length() -> None:
    """MACs per token are the same at 512 and at 1,048,576 tokens; so is the growth of activations."""
    mamba = ssm.space.decode(ssm.space.references["mamba_130m"])
    s4d = ssm.s4d.decode(ssm.s4d.references["s4d_4x256"])
    for member, inputs in (
        (mamba, lambda n: {"tokens": Tokens(n, 50_280)}),
        (s4d, lambda n: {"input": Sequence(n, 3)}),
    ):
        costs = {n: member.with_inputs(**inputs(n)).cost() for n in (512, 1024, 1 << 20)}
        fixed = 0 if member is mamba else 2560  # S4D's head works on the mean over time
        assert {(c.macs - fixed) / n for n, c in costs.items()} == {(costs[512].macs - fixed) / 512}
        assert costs[1024].peak_activation_bytes < 2.01 * costs[512].peak_activation_bytes
        assert {c.params for c in costs.values()} == {member.cost().params}


def test_attention_in_the_same_place_grows_faster() -> None:
    chosen = {**ssm.references["mamba_130m"], "mixer": "attention"}
    for gone in ("expand", "kernel", "state", "bias", "activation"):
        chosen.pop(gone)
    member = ssm.space.select(chosen)
    short, long = (member.with_inputs(tokens=Tokens(n, 50_280)).cost().macs for n in (1024, 16_384))
    assert long > 20 * short


@pytest.mark.parametrize("block", [Mamba(), S4D(8)], ids=["mamba", "s4d"])
def test_no_position_sees_a_later_one(block: Mamba | S4D) -> None:
    torch.manual_seed(0)
    module = build(graph_of(block, (SEQUENCE,))).eval()
    x = torch.randn(2, 5, 12)
    changed = x.clone()
    changed[:, 3:] += 1
    a, b = module(x), module(changed)
    torch.testing.assert_close(a[:, :3], b[:, :3])
    assert (a[:, 3:] - b[:, 3:]).abs().max() > 1e-3


@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
@pytest.mark.parametrize("start", ["lin", "inv"])
def test_the_kernel_is_the_recurrence_of_complex_numbers(rule: str, start: str) -> None:
    """Gu et al. (2022), eq. 3 and 4, for 300 steps in double precision."""
    torch.manual_seed(0)
    module = LongConvolution(3, 8, rule, start).double()
    a = torch.complex(-module.log_decay.exp(), module.frequency)
    c, step = torch.view_as_complex(module.out.detach()), module.log_step.exp().unsqueeze(-1)
    if rule == "zoh":
        turn = torch.exp(step * a)
        state = (turn - 1) / a
    else:
        turn, state = (1 + step * a / 2) / (1 - step * a / 2), step / (1 - step * a / 2)
    for found in module.kernel(300).unbind(-1):
        torch.testing.assert_close(found, 2 * (c * state).sum(-1).real)
        state = turn * state


def test_rates_and_steps_start_where_the_paper_says() -> None:
    torch.manual_seed(0)
    scan = build(graph_of(SelectiveScan(), (SEQUENCE, SEQUENCE, TensorType((5, 4), "TF"), TensorType((5, 4), "TF"))))
    (module,) = scan.children()
    torch.testing.assert_close(module.log_rate.exp()[0], torch.tensor([1.0, 2.0, 3.0, 4.0]))
    steps = torch.nn.functional.softplus(module.step_bias)
    assert ((steps > 0.00099) & (steps < 0.101)).all()


def test_messages() -> None:
    state = TensorType((5, 4), "TF")
    with pytest.raises(ShapeError, match=r"selective_scan: values and steps are alike.*map them to these sizes first"):
        graph_of(SelectiveScan(), (SEQUENCE, SEQUENCE, state, SEQUENCE))
    with pytest.raises(
        ShapeError, match=r"mamba: it takes a sequence, \(T, F\); got .*put Embedding or ToSequence before it"
    ):
        graph_of(Mamba(), (FEATURES,))
    with pytest.raises(
        ShapeError, match=r"space.diagonal_state_space: it takes a sequence|space: diagonal_state_space"
    ):
        graph_of(S4D(), (IMAGE,))
    with pytest.raises(SpaceError, match=r"mamba: expand > 0, state >= 1, rank >= 0; got 0, 16 and 0"):
        Mamba(expand=0)
    with pytest.raises(SpaceError, match=r"diagonal_state_space.state: an even number of at least 2; got 5"):
        DiagonalStateSpace(5)
    with pytest.raises(
        SpaceError, match=r"rule is one of zoh, bilinear and start one of lin, inv; got 'euler' and 'lin'"
    ):
        DiagonalStateSpace(4, "euler")
    assert graph_of(Sequential(Mamba()), (SEQUENCE,)).cost.params > 0
