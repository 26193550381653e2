"""The vocabulary of networks: primitives that compute, and composites wired from them. Importing it loads no torch."""

from nasengine.blocks.activation import (
    ELU,
    GELU,
    Hardsigmoid,
    Hardswish,
    LeakyReLU,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
)
from nasengine.blocks.attention import Attention, DotProduct
from nasengine.blocks.cell import Cell, Zero
from nasengine.blocks.compose import Branches, Identity, Residual, Sequential
from nasengine.blocks.conv import Conv, ConvTranspose
from nasengine.blocks.convnet import BasicBlock, Bottleneck, ConvNorm, ConvNormAct, SeparableConv
from nasengine.blocks.custom import block_from_module
from nasengine.blocks.embedding import Embedding, Lookup, Project, TiedEmbedding
from nasengine.blocks.linear import Linear
from nasengine.blocks.merge import Add, Concat, Flatten, Multiply
from nasengine.blocks.mlp import MLP
from nasengine.blocks.mobile import InvertedResidual, SqueezeExcite, divisible
from nasengine.blocks.norm import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from nasengine.blocks.pool import AdaptivePool, AvgPool, GlobalPool, MaxPool
from nasengine.blocks.position import Alibi, LearnedPositions, RelativeBias, Rotary, SinusoidalPositions
from nasengine.blocks.regularise import Dropout, DropPath
from nasengine.blocks.shape import Patchify, Permute, Reshape, ToImage, ToSequence, Upsample
from nasengine.blocks.tokens import PrependTokens, Span, Take
from nasengine.blocks.transformer import FeedForward, Sublayer, TransformerLayer
from nasengine.graph.zeros import Zeros

__all__ = [
    # linear maps and convolutions
    "Linear", "Conv", "ConvTranspose",
    # normalisation and regularisation
    "BatchNorm", "LayerNorm", "GroupNorm", "InstanceNorm", "RMSNorm", "Dropout", "DropPath",
    # activations
    "ReLU", "ReLU6", "LeakyReLU", "PReLU", "ELU", "GELU", "SiLU", "Sigmoid", "Tanh", "Softmax", "Hardswish",
    "Hardsigmoid",
    # pooling and shape
    "MaxPool", "AvgPool", "AdaptivePool", "GlobalPool", "Flatten", "Reshape", "Permute", "Upsample", "ToSequence",
    "ToImage", "Patchify",
    # several values
    "Add", "Multiply", "Concat",
    # tokens and attention
    "Embedding", "TiedEmbedding", "Lookup", "Project", "PrependTokens", "Take", "Span", "LearnedPositions",
    "SinusoidalPositions", "Rotary", "Alibi", "RelativeBias", "DotProduct", "Attention", "FeedForward", "Sublayer",
    "TransformerLayer",
    # composition
    "Sequential", "Residual", "Branches", "Cell", "Identity", "Zero", "Zeros",
    # composites
    "MLP", "ConvNorm", "ConvNormAct", "SeparableConv", "BasicBlock", "Bottleneck", "InvertedResidual", "SqueezeExcite",
    # a user's own
    "block_from_module", "divisible",
]  # fmt: skip
