"""Convolutional LSTM networks that forecast frames.

Generalises Shi et al.'s encoding-forecasting networks: one stack of convolutional LSTMs reads ten frames, cut into
patches that are laid into channels; another one starts from its states and runs ten steps without input; a 1 x 1
convolution of the hidden states gives the ten frames that follow. Open are the patch, the number of layers, the width
of each, the kernels on input and state, peepholes, and whether that convolution sees all layers or the top one.
`dense` members take a whole frame as one pixel: they are the LSTM networks that the paper compares with.

Papers: Shi et al. (2015), "Convolutional LSTM network: a machine learning approach for precipitation nowcasting", eq.
3, fig. 3, table 1; Srivastava et al. (2015), "Unsupervised learning of video representations using LSTMs"; Graves
(2013), "Generating sequences with recurrent neural networks", eq. 7 to 11 (peepholes).
Input: 10 frames of 1 x 64 x 64.
Task: the 10 frames that follow (two moving digits), each pixel's probability as a logit.
Counts: a layer of F channels on an input of C, with kernels k on the input and s on the state, has 4 F (C k^2 + F s^2
+ 1) + 3 F parameters; C is 0 in the first layer of the forecaster. The last convolution has (sum of F) C + C. With C
= 16 (patches of 4 x 4) and F = 256, k = s = 5: 4 * 256 (272 * 25 + 1) + 768 + 4 * 256 (256 * 25 + 1) + 768 + 257 * 16
= 13,524,496; so come out all six counts of table 1, dense ones with k = s = 1.
"""

from __future__ import annotations

from nasengine import Frames, Space, choice, repeat
from nasengine.blocks import ConvLSTM, EncodingForecasting

Decisions = dict[str, str | int | bool]


def convolutional(*widths: int, kernel: int, state_kernel: int) -> Decisions:
    """Decisions of a convolutional row of table 1."""
    layers: Decisions = {f"*.layers.blocks.{i}.features": width for i, width in enumerate(widths)}
    return {
        "network": "convolutional", "*.patch": 4, "*.times": len(widths), "kernel": kernel,
        "state_kernel": state_kernel, "peephole": True, "*.joined": True, **layers,
    }  # fmt: skip


REFERENCES: dict[str, Decisions] = {
    "fc_lstm_2048_2048": {
        "network": "dense", "*.times": 2, "*.features": 2048, "peephole": True, "*.joined": False
    },
    "convlstm_256": convolutional(256, kernel=5, state_kernel=5),
    "convlstm_128_128": convolutional(128, 128, kernel=5, state_kernel=5),
    "convlstm_128_64_64": convolutional(128, 64, 64, kernel=5, state_kernel=5),
    "convlstm_9x9_128_128": convolutional(128, 128, kernel=9, state_kernel=1),
    "convlstm_9x9_128_64_64": convolutional(128, 64, 64, kernel=9, state_kernel=1),
}  # fmt: skip


def convlstm(
    frames: int = 10,
    steps: int = 10,
    size: int = 64,
    *,
    patches: tuple[int, ...] = (2, 4, 8),
    widths: tuple[int, ...] = (32, 64, 128, 256),
    dense: tuple[int, ...] = (512, 1024, 2048),
    kernels: tuple[int, ...] = (1, 3, 5, 7, 9),
    depths: tuple[int, ...] = (1, 2, 3),
    name: str = "convlstm",
    references: dict[str, Decisions] | None = None,
) -> Space:
    """The space for so many frames given and forecast, of a size."""
    peephole = choice(True, False, name="peephole")
    kernel, state_kernel = choice(*kernels, name="kernel"), choice(*kernels, name="state_kernel")
    layer = ConvLSTM(choice(*widths), kernel, state_kernel, peephole)
    wide = ConvLSTM(choice(*dense), 1, 1, peephole)
    times = choice(*depths)
    forecasts = EncodingForecasting(repeat(layer, times), steps, choice(*patches), choice(True, False))
    whole = EncodingForecasting(repeat(wide, choice(*depths)), steps, size, choice(True, False))
    network = choice(forecasts, whole, labels=("convolutional", "dense"))
    return Space(name, inputs=Frames(frames, 1, size), network=network, references=references)


space = convlstm(references=REFERENCES)
small = convlstm(
    3, 2, 8, patches=(1, 2, 4), widths=(4, 6, 8), dense=(8, 16), kernels=(1, 3), depths=(1, 2), name="convlstm-small"
)
