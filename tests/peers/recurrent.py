"""Recurrent, temporal and convolutional-recurrent networks, and encoder-decoders, against torch and the papers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from reference.recurrent import Forecaster, JordanLabeller, RecurrentLabeller, TemporalConvNet, WordModel
from reference.seq2seq import Luong, RNNSearch
from torch import Tensor, nn

import search_spaces.convlstm
import search_spaces.rnn
import search_spaces.seq2seq
import search_spaces.tcn
from nasengine import Space
from nasengine.graph import Graph
from peers import Peer, State, Twin, by_rules

GRAVES: dict[str, tuple[str, int, int, bool]] = {
    "graves_1l_250h": ("LSTM", 1, 250, True),
    "graves_1l_622h": ("LSTM", 1, 622, True),
    "graves_2l_250h": ("LSTM", 2, 250, True),
    "graves_3l_250h": ("LSTM", 3, 250, True),
    "graves_5l_250h": ("LSTM", 5, 250, True),
    "graves_3l_421h_uni": ("LSTM", 3, 421, False),
    "graves_3l_500h_tanh": ("RNN", 3, 500, True),
}
WORDS: dict[str, tuple[int, int, tuple[int, ...], bool]] = {
    "zaremba_small": (10_000, 200, (200, 200), False),
    "zaremba_medium": (10_000, 650, (650, 650), False),
    "zaremba_large": (10_000, 1500, (1500, 1500), False),
    "press_wolf_small": (10_000, 200, (200, 200), True),
    "press_wolf_large": (10_000, 1500, (1500, 1500), True),
    "awd_lstm": (10_000, 400, (1150, 1150, 400), True),
    "awd_lstm_wikitext2": (33_278, 400, (1150, 1150, 400), True),
}
TEMPORAL: dict[str, tuple[int, tuple[int, ...], int, int]] = {
    "adding_200": (2, (27,) * 7, 6, 1),
    "adding_400": (2, (27,) * 7, 7, 1),
    "adding_600": (2, (24,) * 8, 8, 1),
    "sequential_mnist": (1, (25,) * 8, 7, 10),
    "copy_500": (1, (10,) * 9, 6, 10),
    "copy_1000": (1, (10,) * 8, 8, 10),
    "copy_2000": (1, (10,) * 9, 8, 10),
    "jsb_chorales": (88, (150,) * 2, 3, 88),
    "nottingham": (88, (150,) * 4, 6, 88),
}
FORECASTS: dict[str, tuple[int, tuple[int, ...], int, int, bool]] = {
    "fc_lstm_2048_2048": (64, (2048, 2048), 1, 1, False),
    "convlstm_256": (4, (256,), 5, 5, True),
    "convlstm_128_128": (4, (128, 128), 5, 5, True),
    "convlstm_128_64_64": (4, (128, 64, 64), 5, 5, True),
    "convlstm_9x9_128_128": (4, (128, 128), 9, 1, True),
    "convlstm_9x9_128_64_64": (4, (128, 64, 64), 9, 1, True),
}


def labeller(kind: str, layers: int, size: int, both: bool, features: int = 123, outputs: int = 62) -> nn.Module:
    """torch's own layers and a label for every position."""
    rnn = getattr(nn, kind)(features, size, layers, batch_first=True, bidirectional=both)
    return RecurrentLabeller(features, rnn, outputs)


def words(row: tuple[int, int, tuple[int, ...], bool]) -> nn.Module:
    """A language model."""
    return WordModel(*row[:3], tied=row[3])


def temporal(row: tuple[int, tuple[int, ...], int, int], every: bool = True) -> nn.Module:
    """A network of temporal blocks."""
    return TemporalConvNet(*row, every=every)


def forecaster(row: tuple[int, tuple[int, ...], int, int, bool], steps: int = 10) -> nn.Module:
    """A network that forecasts frames."""
    return Forecaster(*row[:4], steps, joined=row[4])


def translators() -> dict[str, Callable[[], nn.Module]]:
    """Every published encoder-decoder."""
    made: dict[str, Callable[[], nn.Module]] = {
        "sutskever": partial(Luong, 160_000, 80_000, 1000, 1000, 4),
        "luong_base": partial(Luong, 50_000, 50_000, 1000, 1000, 4),
        "rnnsearch_30": partial(RNNSearch, 30_000, 30_000, 620, 1000, 1000, 500),
        "rnnsearch_50": partial(RNNSearch, 30_000, 30_000, 620, 1000, 1000, 500),
    }
    for score in ("dot", "general", "concat"):
        made[f"luong_{score}"] = partial(Luong, 50_000, 50_000, 1000, 1000, 4, score)
        made[f"luong_{score}_feeding"] = partial(Luong, 50_000, 50_000, 1000, 1000, 4, score, feeding=True)
    return made


PEERS: list[Peer] = [
    *[Peer("rnn", name, partial(words, row)) for name, row in WORDS.items()],
    *[Peer("rnn", name, partial(labeller, *row), "labelling") for name, row in GRAVES.items()],
    *[Peer("tcn", name, partial(temporal, row)) for name, row in TEMPORAL.items()],
    *[Peer("convlstm", name, partial(forecaster, row)) for name, row in FORECASTS.items()],
    *[Peer("seq2seq", name, make) for name, make in translators().items()],
]


def of(space: Space, **decisions: Any) -> Callable[[], Graph]:
    """The graph of a small member; two underscores stand for a pattern's star and dot."""
    chosen = {name.replace("__", "*."): value for name, value in decisions.items()}
    return lambda: space.select(chosen).graph().simplify()


def labels(kind: str) -> Callable[[], Graph]:
    """A small labeller of two layers in both directions."""
    chosen = {"*.kind": kind, "*.layers": 2, "*.features": 8, "*.bidirectional": True, "drop": "none"}
    return lambda: search_spaces.rnn.labelling_small.select(chosen).graph().simplify()


def jordan(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """Jordan's weights under the names that torch's recurrent layers have."""
    names = {"w.weight": "weight_ih", "u.weight": "weight_oh", "v.weight": "weight_ho", "w.bias": "bias_h"}
    made: State = {"head.weight": theirs["head.weight"], "head.bias": theirs["head.bias"]}
    for name in [name for name in theirs if "wards" in name]:
        way, layer, part = name.split(".", 2)
        end = f"_l{layer}{'_reverse' if way == 'backwards' else ''}"
        made[f"body.{names.get(part, 'bias_o')}{end}"] = theirs[name]
    return {name: made[name] for name in ours}


def normed(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """Three parts a block: two convolutions and the shortcut."""
    kinds = ("first.conv", "second.conv", "shortcut")
    made: State = {}
    for name, tensor in theirs.items():
        group, _, rest = name.partition(".")
        if group == "head":
            made[f"head.out.{rest}"] = tensor
            continue
        number, part = rest.split(".")
        leaf = {"v": "weight", "b": "bias", "g": "gain"}.get(part, part)
        made[f"body.blocks.{int(number) // 3}.{kinds[int(number) % 3]}.{leaf}"] = tensor
    return {name: made[name] for name in ours}


def gates(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """Four convolutions a cell in one."""
    made: State = {}
    for name, shape in ours.items():
        stack, _, rest = name.partition(".")
        if stack == "out":
            made[name] = theirs[f"out.{rest.rpartition('.')[2]}"].reshape(shape)
            continue
        number, part = rest.split(".")
        at = f"{stack}.{number}"
        if part == "peephole":
            made[name] = theirs[f"{at}.c"]
        else:
            side, leaf = {"weight_ih": ("x", "weight"), "weight_hh": ("h", "weight"), "bias": ("h", "bias")}[part]
            made[name] = torch.cat([theirs[f"{at}.{side}.{k}.{leaf}"] for k in range(4)])
    return made


def attention(tensor: Tensor, place: str, query: int) -> State:
    """One weight on a query beside a memory, as two."""
    return {f"{place}.weight_query": tensor[:, :query], f"{place}.weight_memory": tensor[:, query:]}


def rnnsearch(ours: Mapping[str, torch.Size], theirs: State) -> State:
    """Cells, the alignment and the readout under our names."""
    made: State = attention(theirs["score.w"], "decoder.layers.attention", 8)
    rules = {
        r"^ahead\.(.*)": r"encoder.\1_l0", r"^back\.(.*)": r"encoder.\1_l0_reverse", r"^first\.": "first.0.",
        r"^cell\.": "decoder.layers.cells.0.", r"^score\.v": "decoder.layers.attention.vector",
        r"^readout\.": "decoder.readout.linear.",
    }  # fmt: skip
    for name, tensor in theirs.items():
        for pattern, new in rules.items():
            name = re.sub(pattern, new, name)
        made[name] = tensor
    return {name: made[name] for name in ours}


def luong(feeding: bool) -> Callable[[Mapping[str, torch.Size], State], State]:
    """Cells and attention under our names; fed to the next step they lie inside the decoder's loop."""
    place = "decoder.layers" if feeding else "decoder"

    def rename(ours: Mapping[str, torch.Size], theirs: State) -> State:
        made: State = {}
        for name, tensor in theirs.items():
            name = re.sub(r"^encoder\.parts\.(\d)\.(.*)", r"encoder.\2_l\1", name)
            looped, layered = r"decoder.layers.cells.\1.\2", r"decoder.layers.\2_l\1"
            name = re.sub(r"^decoder\.parts\.(\d)\.(.*)", looped if feeding else layered, name)
            name = re.sub(r"^combine\.", f"{place}.combine.", name)
            made[name.replace("score.v", f"{place}.attention.vector")] = tensor
        if "score.w" in made:
            made[f"{place}.attention.weight"] = made["score.w"]
            made |= attention(made["score.w"], f"{place}.attention", 8)
        return {name: made[name] for name in ours}

    return rename


SMALL: dict[str, Any] = {"__length": 6, "__features": 8, "dropout": 0.0}
BASE: dict[str, Any] = {**SMALL, "encoder.bidirectional": False, "copied": True, "__layers": 2}
BOTH: dict[str, Any] = {**SMALL, "encoder.bidirectional": True, "copied": False, "__layers": 1}
STACKED = (r"layers\.(\d)\.", r"body.blocks.\1.rnn."), (r"^embedding\.", "embed.")
TIED = (
    (r"layers\.0\.", "model.decoder.body.blocks.0.rnn."),
    (r"layers\.1\.", "model.decoder.top.rnn."),
    (r"^embedding\.", "model.embedding."),
    (r"^head\.bias", "bias.bias"),
)
TCN: dict[str, Any] = {"normed": True, "norm": "identity", "activation": "relu", "dropout": 0.0, "kernel": 3}


def forecasts(patch: int, widths: tuple[int, ...], kernel: int, state_kernel: int, joined: bool) -> Twin:
    """A small network that forecasts two frames of 8 x 8."""
    layers = {f"*.layers.blocks.{i}.features": width for i, width in enumerate(widths)}
    chosen = {"network": "convolutional", "__patch": patch, "__times": len(widths), "__joined": joined, **layers}
    chosen |= {"kernel": kernel, "state_kernel": state_kernel, "peephole": True}
    row = (patch, widths, kernel, state_kernel, joined)
    ours = of(search_spaces.convlstm.small, **chosen)
    return Twin(f"convlstm, patch {patch}, {widths}", ours, partial(forecaster, row, 2), gates)


def decodes(score: str, feeding: bool) -> Twin:
    """A small network of Luong's."""
    ours = of(search_spaces.seq2seq.small, **BASE, kind="lstm", decoder="luong", __score=score, __feeding=feeding)
    theirs = partial(Luong, 12, 10, 8, 8, 2, score, feeding=feeding)
    return Twin(f"luong {score}{', fed' if feeding else ''}", ours, theirs, luong(feeding))


TWINS: list[Twin] = [
    *[
        Twin(f"{name.lower()}, 2 layers both ways", labels(kind), partial(labeller, name, 2, 8, True, 5, 4), rename)
        for kind, name, rename in (
            ("lstm", "LSTM", by_rules((r"^rnn\.", "body."))),
            ("gru", "GRU", by_rules((r"^rnn\.", "body."))),
            ("elman", "RNN", by_rules((r"^rnn\.", "body."))),
        )
    ],
    Twin("jordan, 2 layers both ways", labels("jordan"), partial(JordanLabeller, 5, 8, 2, 4), jordan),
    Twin(
        "zaremba, reduced",
        of(
            search_spaces.rnn.small, network="untied", kind="lstm", __length=6, embedding=8, dropout="none", __times=2,
            __features=12,
        ),
        partial(words, (16, 8, (12, 12), False)),
        by_rules(*STACKED),
    ),
    Twin(
        "awd lstm, reduced",
        of(
            search_spaces.rnn.small, network="tied", kind="lstm", __length=6, embedding=8, dropout="none", __times=1,
            __features=12,
        ),
        partial(words, (16, 8, (12, 8), True)),
        by_rules(*TIED),
    ),
    *[
        Twin(
            f"tcn, {read}",
            of(search_spaces.tcn.small, **TCN, __length=24, __times=3, __channels=8, **{"head.read": read}),
            partial(temporal, (2, (8, 8, 8), 3, 4), read == "every"),
            normed,
        )
        for read in ("last", "every")
    ],
    forecasts(2, (6, 4), 3, 1, True),
    forecasts(4, (8,), 1, 3, False),
    Twin(
        "rnnsearch, reduced",
        of(
            search_spaces.seq2seq.small, **BOTH, kind="gru", decoder="bahdanau", __score="concat", __hidden=5,
            **{"*.readout.features": 6},
        ),
        partial(RNNSearch, 12, 10, 8, 8, 5, 6),
        rnnsearch,
    ),
    Twin(
        "sutskever, reduced",
        of(search_spaces.seq2seq.small, **BASE, kind="lstm", decoder="plain"),
        partial(Luong, 12, 10, 8, 8, 2),
        luong(False),
    ),
    Twin(
        "encoder-decoder of GRU",
        of(search_spaces.seq2seq.small, **BASE, kind="gru", decoder="plain"),
        partial(Luong, 12, 10, 8, 8, 2, kind="gru"),
        luong(False),
    ),
    *[decodes(score, feeding) for score in ("dot", "general", "concat") for feeding in (False, True)],
]  # fmt: skip
