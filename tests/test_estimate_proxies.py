"""Each zero-cost proxy against its definition, computed the long way; what shared passes share; what bad input says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from nasengine import Architecture, Image, Space
from nasengine.blocks import (
    GELU,
    Add,
    BatchNorm,
    Conv,
    ConvNormAct,
    Dropout,
    Flatten,
    GlobalPool,
    LayerNorm,
    Linear,
    ReLU,
    Sequential,
)
from nasengine.errors import StudyError
from nasengine.estimate import PROXIES, Batch, Passes, ProxyFeatures, measure
from nasengine.estimate.proxies import (
    compute,
    expressivity,
    fisher,
    grad_norm,
    grasp,
    jacov,
    l2_norm,
    nwot,
    proxies,
    snip,
    synflow,
    trainability,
    zen,
)
from nasengine.estimate.proxies.untrained import Untrained
from nasengine.graph.module import build
from search_spaces.nb201 import CELLS, decisions, small

SEED = 3


def member(*blocks: Any, inputs: Any = None, **named: Any) -> Architecture:
    """The one network of a space without choices."""
    return Space("one", inputs=inputs or Image(3, 8), network=Sequential(*blocks, **named)).smallest()


def convnet() -> Architecture:
    head = Sequential(pool=GlobalPool(), classify=Linear(5))
    return member(stem=ConvNormAct(8), body=Sequential(ConvNormAct(8), ConvNormAct(12, stride=2)), head=head)


def examples(count: int = 8, *, classes: int = 5) -> Batch:
    rng = torch.Generator().manual_seed(0)
    return Batch((torch.randn(count, 3, 8, 8, generator=rng),), torch.randint(0, classes, (count,), generator=rng))


def passes(architecture: Architecture | None = None, batch: Batch | int | None = None, **options: Any) -> Passes:
    return Passes(architecture or convnet(), examples() if batch is None else batch, seed=SEED, **options)


def same_network(given: Passes) -> nn.Module:
    """The network built plainly, with the weights that the passes drew."""
    network = build(given.graph).train()
    network.load_state_dict(given.untrained.network.state_dict())
    return network


def loss_of(network: nn.Module, batch: Batch) -> torch.Tensor:
    assert batch.targets is not None
    return F.cross_entropy(network(*batch.inputs), batch.targets)


def kernels(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p for name, p in network.named_parameters() if p.ndim >= 2}


# --- gradients --------------------------------------------------------------------------------------------------------


def test_snip_is_the_derivative_by_a_mask_on_each_weight() -> None:
    given = passes()
    network = same_network(given)
    masks = {name: torch.ones_like(w).requires_grad_() for name, w in kernels(network).items()}
    masked = {name: w.detach() * masks[name] for name, w in kernels(network).items()}
    out = functional_call(network, masked, examples().inputs)
    found = torch.autograd.grad(F.cross_entropy(out, examples().targets), list(masks.values()))
    assert snip(given) == pytest.approx(sum(float(g.detach().abs().sum()) for g in found), rel=1e-4)


def test_grad_norm_adds_up_the_norms_of_the_tensors() -> None:
    given = passes()
    network = same_network(given)
    found = torch.autograd.grad(loss_of(network, examples()), list(kernels(network).values()))
    assert len(found) == 4
    assert grad_norm(given) == pytest.approx(sum(float(g.norm()) for g in found), rel=1e-4)


@pytest.mark.parametrize("norm", ["with batch norm", "without"])
def test_grasp_is_the_product_with_the_hessian(norm: str) -> None:
    plain = member(Conv(8, 3), ReLU(), Conv(8, 3), ReLU(), GlobalPool(), Linear(5))
    given = passes(convnet() if norm == "with batch norm" else plain)
    network = same_network(given)
    weights = list(kernels(network).values())
    gradient = torch.autograd.grad(loss_of(network, examples()), weights, create_graph=True)
    inner = torch.stack([(g.detach() * g).sum() for g in gradient]).sum()
    product = torch.autograd.grad(inner, weights)
    exact = -sum(float((w.detach() * h).sum()) for w, h in zip(weights, product, strict=True))
    assert abs(exact) > 1e-3
    assert grasp(given) == pytest.approx(exact, rel=1e-3)


def test_fisher_is_half_the_mean_square_of_the_derivative_by_a_gate_on_each_channel() -> None:
    """A gate an example and channel, whose derivative is the sum over positions of activation times gradient."""
    given = passes()
    network = same_network(given)
    gates: list[tuple[nn.Module, torch.Tensor]] = []

    def gated(module: nn.Module, _: Any, out: torch.Tensor) -> torch.Tensor:
        gates.append((module, torch.ones(out.shape[:2] + (1,) * (out.ndim - 2), requires_grad=True)))
        return out * gates[-1][1]

    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(gated)
    loss = loss_of(network, examples())
    found = torch.autograd.grad(loss, [gate for _, gate in gates])
    expected = 0.0
    for (module, _), g in zip(gates, found, strict=True):
        by_channel = g.flatten(1).square().mean(0) / 2
        expected += float(by_channel.sum()) * module.weight[0].numel()  # type: ignore[union-attr, index, operator]
    assert expected > 0
    assert fisher(given) == pytest.approx(expected, rel=1e-4)


def test_a_loss_of_ones_own_and_squared_error_for_what_is_no_class() -> None:
    batch = examples()
    doubled = Batch(batch.inputs, batch.targets, lambda out, y: 2 * F.cross_entropy(out, y))
    assert snip(passes(batch=doubled)) == pytest.approx(2 * snip(passes()), rel=1e-5)
    regression = member(Flatten(), Linear(1))
    target = torch.arange(8.0)[:, None]
    given = passes(regression, Batch(batch.inputs, target))
    network = same_network(given)
    (weight,) = kernels(network).values()
    (g,) = torch.autograd.grad(F.mse_loss(network(*batch.inputs), target), [weight])
    assert snip(given) == pytest.approx(float((g * weight).detach().abs().sum()), rel=1e-4)


# --- how examples are told apart --------------------------------------------------------------------------------------


def codes(given: Passes, batch: Batch) -> np.ndarray[Any, Any]:
    """(B, units): is the input of each rectified unit positive?"""
    network, found = same_network(given), []
    for module in network.modules():
        if isinstance(module, (nn.ReLU, nn.GELU)):
            module.register_forward_pre_hook(lambda _, args: found.append((args[0] > 0).flatten(1).numpy()))
    with torch.no_grad():
        network(*batch.inputs)
    return np.concatenate(found, axis=1)


def test_nwot_is_the_determinant_of_a_kernel_of_hamming_distances() -> None:
    given = passes()
    rows = codes(given, examples())
    kernel = np.array([[rows.shape[1] - (a != b).sum() for b in rows] for a in rows], dtype=float)
    assert nwot(given) == pytest.approx(np.linalg.slogdet(kernel)[1], rel=1e-9)


def test_one_value_that_several_rectifiers_read_counts_for_each() -> None:
    """Cells apply a ReLU of their own on every edge; the code is computed once."""
    cell = small.decode(decisions(CELLS["all_conv_3x3"]))
    batch = Batch((torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(1)),))
    given = Passes(cell, batch, seed=SEED)
    rows = codes(given, batch)
    kernel = np.array([[rows.shape[1] - (a != b).sum() for b in rows] for a in rows], dtype=float)
    assert nwot(given) == pytest.approx(np.linalg.slogdet(kernel)[1], rel=1e-9)
    assert given.forward.watch.tensors < sum(isinstance(m, nn.ReLU) for m in given.untrained.network.modules())


def test_a_gelu_has_a_code_too() -> None:
    given = passes(member(Conv(4, 3), GELU(), GlobalPool(), Linear(5)))
    rows = codes(given, examples())
    kernel = np.array([[rows.shape[1] - (a != b).sum() for b in rows] for a in rows], dtype=float)
    assert nwot(given) == pytest.approx(np.linalg.slogdet(kernel)[1], rel=1e-9)


def test_jacov_is_a_function_of_the_correlations_between_jacobians() -> None:
    given = passes()
    x = examples().inputs[0].clone().requires_grad_()
    same_network(given)(x).sum().backward()
    assert x.grad is not None
    values = np.linalg.eigvalsh(np.corrcoef(x.grad.flatten(1).double().numpy())) + 1e-5
    assert jacov(given) == pytest.approx(-(np.log(values) + 1 / values).sum(), rel=1e-3)


# --- without data -----------------------------------------------------------------------------------------------------


def linear_net(*extra: Any) -> Architecture:
    return member(Flatten(), Linear(6, bias=False), *extra, Linear(4, bias=False), ReLU(), Linear(3, bias=False))


def test_synflow_of_layers_in_a_row_is_their_number_times_the_flow() -> None:
    """Σ |θ ∂R/∂θ| is R for each layer, since R is linear in it; R is the product of the absolute matrices."""
    given = passes(linear_net(), batch=4)
    total = torch.ones(192, dtype=torch.float64)
    for weight in given.untrained.weights.values():
        total = weight.detach().double().abs() @ total
    assert synflow(given) == pytest.approx(math.log(3 * float(total.sum())), rel=1e-9)


@pytest.mark.parametrize("norm", [LayerNorm(), BatchNorm()], ids=["layer norm", "batch norm"])
def test_synflow_leaves_norms_out(norm: Any) -> None:
    normed = passes(linear_net(norm), batch=4)
    assert synflow(normed) == pytest.approx(synflow(passes(linear_net(), batch=4)), rel=1e-9)


def test_synflow_does_not_overflow_where_float32_would() -> None:
    deep = [block for _ in range(40) for block in (Conv(64, 3, bias=False), ReLU())]
    assert synflow(passes(member(*deep, GlobalPool(), Linear(2)), batch=4)) > math.log(torch.finfo(torch.float32).max)


def test_zen_is_how_far_the_last_map_moves_times_what_norms_divide_by() -> None:
    """Running variances start at 1 and take in a tenth of each of the two passes' own."""
    given = passes()
    network = same_network(given)
    weights = given.gaussian(scaled=False)
    maps, variances = [], []
    last = [name for name, value in network.named_modules() if isinstance(value, nn.ReLU)][-1]
    network.get_submodule(last).register_forward_hook(lambda _, __, out: maps.append(out))
    for norm in (m for m in network.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.register_forward_pre_hook(lambda _, args: variances.append(args[0].transpose(0, 1).flatten(1).var(1)))
    first, second = (given.noise(SEED + k)[0] for k in (2, 3))
    with torch.no_grad():
        functional_call(network, weights, (first,))
        functional_call(network, weights, (first + 0.01 * second,))
    move = float((maps[0] - maps[1]).abs().flatten(1).sum(1).mean())
    assert len(variances) == 6
    running = [0.81 + 0.09 * a + 0.1 * b for a, b in zip(variances[:3], variances[3:], strict=True)]
    expected = math.log(move) + sum(math.log(float(v.mean())) / 2 for v in running)
    assert zen(given) == pytest.approx(expected, rel=1e-5)


def test_l2_norm_params_and_macs_are_plain_sums() -> None:
    given = passes()
    network = same_network(given)
    assert l2_norm(given) == pytest.approx(sum(float(w.detach().norm()) for w in kernels(network).values()), rel=1e-6)
    found = proxies(convnet(), ("params", "macs"))
    assert found == {"params": sum(p.numel() for p in network.parameters()), "macs": convnet().cost().macs}


# --- feature maps -----------------------------------------------------------------------------------------------------


def test_feature_maps_are_at_the_ends_of_the_root_s_blocks_and_of_theirs() -> None:
    cell = small.decode(decisions(CELLS["resnet"]))
    assert [list(x.shape[1:]) for x in passes(cell, batch=4).features] == [
        [8, 16, 16], [8, 16, 16], [16, 8, 8], [16, 8, 8], [32, 4, 4], [32, 4, 4],
    ]  # fmt: skip


def test_expressivity_is_the_entropy_of_principal_components() -> None:
    given = passes()
    expected = 0.0
    for x in given.features:
        rows = x.detach().movedim(1, -1).flatten(0, -2).double().numpy()
        shares = np.linalg.svd(rows - rows.mean(0), compute_uv=False) ** 2
        shares /= shares.sum()
        expected -= (shares * np.log(shares + 1e-8)).sum()
    assert len(given.features) == 3
    assert expressivity(given) == pytest.approx(expected, rel=1e-5)


def test_trainability_is_highest_where_gradients_keep_their_size() -> None:
    """2 - s - 1/s is 0 for a block that hands gradients on, and -1/2 for one that makes them half or twice as large; of
    1,024 rows of random signs the estimate of s is a few per cent too large."""
    given = passes(batch=4)
    x = given.noise(0)[0].requires_grad_()
    for factor, score in ((1.0, 0.0), (2.0, -0.5), (0.5, -0.5)):
        given.__dict__["features"] = [x, x * factor]
        given.untrained.__dict__["axes"] = (1, 1)
        assert trainability(given) == pytest.approx(score, abs=0.15)


# --- together ---------------------------------------------------------------------------------------------------------


def test_all_together_say_what_each_says_alone() -> None:
    together = proxies(convnet(), batch=examples(), seed=SEED)
    assert list(together) == list(PROXIES)
    assert all(math.isfinite(value) for value in together.values())
    for name in PROXIES:
        assert proxies(convnet(), (name,), batch=examples(), seed=SEED)[name] == pytest.approx(together[name], rel=1e-6)


def test_the_order_in_which_proxies_are_asked_does_not_matter() -> None:
    """grasp lets the graph of the batch go; what comes after it is the same."""
    first, last = passes(), passes()
    before = {name: PROXIES[name](first) for name in ("jacov", "fisher", "nwot", "snip", "grasp")}
    after = {name: PROXIES[name](last) for name in ("grasp", "snip", "nwot", "fisher", "jacov")}
    assert after == pytest.approx(before, rel=1e-6)


def test_all_together_take_five_forward_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch, ones, noise twice for zen and once for the feature maps."""
    counted, run = [], Untrained.run
    monkeypatch.setattr(Untrained, "run", lambda *args, **kwargs: counted.append(args) or run(*args, **kwargs))
    proxies(convnet(), batch=examples())
    assert len(counted) == 5


def test_a_seed_decides_all_and_the_callers_random_state_stays() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second = (proxies(convnet(), batch=6, seed=1) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert first == second
    other = proxies(convnet(), batch=6, seed=2)
    assert {name for name in first if first[name] == other[name]} == {"params", "macs"}


def test_dropout_is_off() -> None:
    with_dropout = member(Conv(4, 3), ReLU(), Dropout(0.5), GlobalPool(), Linear(5))
    without = member(Conv(4, 3), ReLU(), GlobalPool(), Linear(5))
    assert snip(passes(with_dropout)) == pytest.approx(snip(passes(without)), rel=1e-6)


def test_dead_branches_are_left_out_as_in_training() -> None:
    cell = decisions(CELLS["resnet"]) | {"e12": "none", "e02": "nor_conv_1x1"}  # nothing reads what e01 makes
    dead, bare = ({**cell, "e01": op} for op in ("nor_conv_3x3", "none"))
    batch = Batch((torch.randn(4, 3, 16, 16),))
    assert proxies(small.decode(dead), batch=batch) == proxies(small.decode(bare), batch=batch)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_says_what_the_cpu_says() -> None:
    here, there = (proxies(convnet(), batch=examples(), device=device) for device in ("cpu", "cuda"))
    assert there == pytest.approx(here, rel=1e-2)


# --- what is not defined ----------------------------------------------------------------------------------------------

UNDEFINED = {
    "nwot": (member(Flatten(), Linear(4), Linear(5)), "it has no ReLU, or other activation with a bend at zero"),
    "expressivity": (member(Flatten(), Linear(5)), "it has fewer than two blocks in a row"),
    "snip": (member(ReLU(), GlobalPool()), "it has no weights: no trained tensor of two or more axes"),
    "fisher": (member(ReLU(), GlobalPool()), "it has no weights"),
    "synflow": (member(ReLU(), GlobalPool()), "it has no weights"),
}


@pytest.mark.parametrize("name", UNDEFINED)
def test_what_is_not_defined_is_nan_and_says_why(name: str) -> None:
    architecture, reason = UNDEFINED[name]
    found = measure(architecture, (name, "macs"), batch=4)
    assert math.isnan(found.values[name])
    assert reason in found.reasons[name]
    assert math.isfinite(found.values["macs"])
    assert set(found.reasons) == {name}


def test_a_value_that_is_not_finite_and_an_error_of_torch_are_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    def raises(_: Passes) -> float:
        raise NotImplementedError("derivative for aten::thing is not implemented\nmore")

    changed = {**PROXIES, "snip": raises, "zen": lambda _: -math.inf}
    monkeypatch.setattr(compute, "PROXIES", changed)
    found = measure(convnet(), ("snip", "zen"), batch=4)
    assert found.reasons == {
        "snip": "it cannot be computed: NotImplementedError: derivative for aten::thing is not implemented",
        "zen": "it is -inf, which is no finite number",
    }


BAD = {
    "no such proxy": (lambda: proxies(convnet(), ("snap",)), r"'snap' is not a proxy; expected some of params, macs,"),
    "one example": (lambda: proxies(convnet(), batch=1), "a number of random examples from 2 on; got 1"),
    "no batch": (lambda: proxies(convnet(), batch="x"), "batch is a Batch, or a number"),  # type: ignore[arg-type]
    "another shape": (
        lambda: proxies(convnet(), batch=Batch((torch.zeros(4, 1, 8, 8),))),
        r"input has the shape \(3, 8, 8\) of an example; got \(1, 8, 8\)",
    ),
    "two inputs": (lambda: proxies(convnet(), batch=Batch(())), "holds one tensor an input, input; got 0"),
    "no such GPU": (lambda: proxies(convnet(), device="cuda:99"), "the device cuda:99 is not on this machine"),
    "no device": (lambda: proxies(convnet(), device="abacus"), "device is 'cpu' or 'cuda'; got 'abacus'"),
    "features": (lambda: ProxyFeatures(("snap",)), "'snap' is not a proxy"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_says_what_is_expected(case: str) -> None:
    call, message = BAD[case]
    with pytest.raises(StudyError, match=message):
        call()


# --- features of a surrogate ------------------------------------------------------------------------------------------


def test_features_are_finite_logged_and_read_once_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []
    monkeypatch.setattr(compute, "measure", lambda *a, **k: read.append(a) or measure(*a, **k))
    features = ProxyFeatures(("params", "nwot", "grasp"), batch=4, remembered=2)
    one, two = (member(Flatten(), Linear(n), ReLU(), Linear(3)) for n in (64, 96))
    first = features(one)
    assert first["params"] == math.log(one.cost().params)
    assert set(first) == {"params", "nwot", "grasp"}
    assert features(member(Flatten(), Linear(64), ReLU(), Linear(3))) == first
    assert len(read) == 1
    assert "nwot" not in features(member(Flatten(), Linear(4)))
    features(two)
    features(one)  # forgotten: only two are remembered
    assert len(read) == 4


def test_features_take_the_batch_that_a_graph_asks_for() -> None:
    asked: list[Any] = []
    features = ProxyFeatures(("snip",), batch=lambda graph: asked.append(graph) or examples())
    features(convnet())
    assert [graph.id for graph in asked] == [convnet().id]


def test_a_sum_of_two_maps_is_no_end_of_a_block_before_it() -> None:
    """Where two paths run side by side nothing passes through one value."""
    from nasengine.estimate.proxies.untrained import cuts

    cell = small.decode(decisions(CELLS["all_conv_3x3"])).graph().simplify()
    inside = [cell.nodes[k].path for k, _ in cuts(cell) if cell.nodes[k].path.startswith("stage1")]
    assert inside
    assert all(not path.startswith("stage1.0.e") for path in inside)
    assert isinstance(cell.nodes[[n.path for n in cell.nodes].index(inside[-1])].op, Add)
