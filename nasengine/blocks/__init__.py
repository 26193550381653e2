"""The vocabulary of networks: primitives that compute, and composites wired from them. Importing it loads no torch."""

from nasengine.blocks.basic.activation import (
    ELU,
    GELU,
    Hardsigmoid,
    Hardswish,
    LeakyReLU,
    PReLU,
    QuickGELU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Tanh,
)
from nasengine.blocks.basic.bias import Bias
from nasengine.blocks.basic.border_pad import BorderPad
from nasengine.blocks.basic.conv import Conv, ConvTranspose
from nasengine.blocks.basic.embedding import Embedding, Lookup, Project, TiedEmbedding
from nasengine.blocks.basic.equalised import EqualisedConv, EqualisedLinear
from nasengine.blocks.basic.frozen import FrozenBatchNorm
from nasengine.blocks.basic.linear import Linear
from nasengine.blocks.basic.local_response import LocalResponseNorm
from nasengine.blocks.basic.merge import Add, Concat, Flatten, Multiply
from nasengine.blocks.basic.mlp import MLP
from nasengine.blocks.basic.noise import GaussianNoise, NoiseInput, Reparameterise
from nasengine.blocks.basic.norm import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from nasengine.blocks.basic.pool import AdaptivePool, AvgPool, GlobalPool, MaxPool
from nasengine.blocks.basic.regularise import Dropout, DropPath
from nasengine.blocks.basic.scale import Scale, Shift
from nasengine.blocks.basic.shape import Patchify, Permute, Reshape, ToImage, ToSequence, Upsample
from nasengine.blocks.basic.unpool import Crop, MaxUnpool
from nasengine.blocks.cells.cell import Cell, Zero
from nasengine.blocks.cells.cell_network import CellNetwork, PairCell
from nasengine.blocks.cells.cell_operations import ActConvNorm, FactorizedReduce, Pad, SeparableStack, SkipConnect
from nasengine.blocks.cells.skip_network import SkipNetwork
from nasengine.blocks.compose import Branches, Identity, Residual, Sequential
from nasengine.blocks.conditional import EarlyExits, Skippable, Step
from nasengine.blocks.convnets.convnet import BasicBlock, Bottleneck, ConvNorm, ConvNormAct, SeparableConv
from nasengine.blocks.convnets.convnext import ConvNeXtBlock, GlobalResponseNorm, LayerScale
from nasengine.blocks.convnets.dense import DenseBlock, DenseLayer, DenseTransition, NormActConv
from nasengine.blocks.convnets.fbnet import ChannelShuffle, FBNetBlock
from nasengine.blocks.convnets.inception import (
    AuxiliaryHeads,
    InceptionExpanded,
    InceptionFactorised,
    InceptionModule,
    InceptionReduction,
    InceptionStacked,
)
from nasengine.blocks.convnets.mobile import InvertedResidual, SqueezeExcite, divisible
from nasengine.blocks.convnets.resampled import ResampledResidual
from nasengine.blocks.convnets.residual import Highway, HighwayGate, PreActBasic, PreActBottleneck
from nasengine.blocks.convnets.shortcut import Shortcut
from nasengine.blocks.convnets.stage import CompoundScaling, InvertedStage, Multipliers, ScaledImage, Stage, Stages
from nasengine.blocks.convnets.xception import XceptionModule
from nasengine.blocks.custom import block_from_module
from nasengine.blocks.generative.autoencoder import Autoencoder, ConvDecoder, VariationalAutoencoder
from nasengine.blocks.generative.denoising_unet import DenoisingLevel, DenoisingUNet
from nasengine.blocks.generative.diffusion import Condition, ImageAttention, TimeEmbedding, TimeResidual, TimeWaves
from nasengine.blocks.generative.dit import (
    AdaptiveLayer,
    AdaptiveNorm,
    AdaptiveSublayer,
    DiffusionTransformer,
    GridPositions,
    Unpatchify,
    ZeroLinear,
)
from nasengine.blocks.generative.style import (
    AdaIN,
    ChannelStatistics,
    LearnedConstant,
    Modulate,
    ModulatedConv,
    StyleTransfer,
)
from nasengine.blocks.generative.style_generator import MappingNetwork, StyleGenerator, StyleLayer
from nasengine.blocks.graphs.exchange import EdgeAttention, GraphPool, NeighbourLSTM, Propagate, SelfWeight
from nasengine.blocks.graphs.graph_network import GraphLayer, GraphNetwork, GraphTransformer
from nasengine.blocks.graphs.message_passing import ARMA, GAT, GCN, GIN, Cheb, GraphConv, GraphSAGE
from nasengine.blocks.graphs.points import (
    BallGroup,
    FarthestPoints,
    GlobalAbstraction,
    GroupPool,
    PointGroup,
    PointNet2,
    SetAbstraction,
)
from nasengine.blocks.graphs.sets import AddToAll, EquivariantLayer
from nasengine.blocks.graphs.structure import DegreeEncoding, HopBias
from nasengine.blocks.matching import AttentiveLSTM, Match, MatchingNetwork
from nasengine.blocks.modular import Combine, Describe, Find, Measure, Transform
from nasengine.blocks.sequences.forecast import PatchTST, SeriesNorm, SeriesPatches, SeriesRestore
from nasengine.blocks.sequences.frames import ConvLSTM, EncodingForecasting, FramePatches, FramePixels, OnVolume
from nasengine.blocks.sequences.memory import DifferentiableComputer, TuringMachine
from nasengine.blocks.sequences.recurrent import Recurrent
from nasengine.blocks.sequences.score_attention import AttentionDecoder, ScoreAttention
from nasengine.blocks.sequences.seq2seq import (
    BahdanauDecoder,
    LuongDecoder,
    Maxout,
    MaxoutReadout,
    PlainDecoder,
    Seq2Seq,
)
from nasengine.blocks.sequences.speech import LogMel, Transcriber
from nasengine.blocks.sequences.spiking import (
    LIF,
    DirectEncoding,
    FlattenSlices,
    LeakyIntegrator,
    MembraneReadout,
    RateEncoding,
    VoteReadout,
)
from nasengine.blocks.sequences.ssm import S4D, DiagonalStateSpace, Mamba, SelectiveScan
from nasengine.blocks.sequences.temporal import CausalConv, TemporalBlock, TemporalNet
from nasengine.blocks.tables import (
    DLRM,
    CategoryTokens,
    DeepFM,
    FactorisationMachine,
    FeatureTokens,
    NumericTokens,
    PairwiseDots,
    SumFeatures,
)
from nasengine.blocks.transformers.attention import Attention, DotProduct
from nasengine.blocks.transformers.contrast import TakeHighest, Temperature, TwoTowers, UnitNorm
from nasengine.blocks.transformers.experts import BalanceLoss, Experts, MixtureOfExperts
from nasengine.blocks.transformers.language import EncoderDecoder, LanguageModel, Stack, TextEncoder
from nasengine.blocks.transformers.latents import Latents
from nasengine.blocks.transformers.masked import KeepTokens, MaskedAutoencoder, RestoreTokens
from nasengine.blocks.transformers.mixer import MixerLayer, TokenMixing
from nasengine.blocks.transformers.patches import SpaceToDepth, SwinStage, VisionTransformer, WindowDotProduct
from nasengine.blocks.transformers.perceiver import CrossLayer, JoinModalities, PerceiverDecoder, PerceiverEncoder
from nasengine.blocks.transformers.position import Alibi, LearnedPositions, RelativeBias, Rotary, SinusoidalPositions
from nasengine.blocks.transformers.sparse_attention import BlockSparse, GlobalWindow, LinearAttention, SlidingWindow
from nasengine.blocks.transformers.tokens import JoinTokens, PrependTokens, Span, Take
from nasengine.blocks.transformers.transformer import FeedForward, Sublayer, TransformerLayer
from nasengine.blocks.vision.backbone import ResNetBackbone
from nasengine.blocks.vision.detection import AnchorHead, RetinaNet
from nasengine.blocks.vision.detr import DETR, SinePositions
from nasengine.blocks.vision.pyramid import FeaturePyramid
from nasengine.blocks.vision.segformer import MixFeedForward, MixStage, ReducedAttention, SegFormer
from nasengine.blocks.vision.segmentation import ASPP, FCNHead, PyramidHead, Segmenter
from nasengine.blocks.vision.skip_unet import SkipUNet
from nasengine.blocks.vision.unet import SegNet, UNet
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
    "TransformerLayer", "Stack", "TextEncoder", "LanguageModel", "EncoderDecoder", "Scale",
    "QuickGELU", "UnitNorm", "Temperature", "TakeHighest", "TwoTowers", "JoinTokens", "NumericTokens",
    "CategoryTokens", "PairwiseDots", "FactorisationMachine",
    "SumFeatures", "FeatureTokens", "DeepFM", "DLRM", "SeriesNorm", "SeriesPatches", "SeriesRestore", "PatchTST",
    "SlidingWindow", "GlobalWindow", "BlockSparse", "LinearAttention",
    "LogMel", "Transcriber", "KeepTokens",
    "RestoreTokens", "MaskedAutoencoder", "MixFeedForward", "MixStage", "ReducedAttention", "SegFormer", "Experts",
    "BalanceLoss", "Latents", "CrossLayer", "JoinModalities", "PerceiverEncoder", "PerceiverDecoder",
    "MixtureOfExperts", "EarlyExits", "Skippable", "Step", "VisionTransformer",
    "SwinStage", "WindowDotProduct", "SpaceToDepth",
    # composition
    "Sequential", "Residual", "Branches", "Cell", "Identity", "Zero", "Zeros",
    # composites
    "MLP", "ConvNorm", "ConvNormAct", "SeparableConv", "BasicBlock", "Bottleneck", "InvertedResidual",
    "SqueezeExcite",
    # plain, dense and Inception networks, MLP-Mixer
    "LocalResponseNorm", "InceptionModule", "InceptionStacked", "InceptionFactorised", "InceptionExpanded",
    "InceptionReduction", "AuxiliaryHeads", "XceptionModule", "DenseLayer", "DenseBlock", "DenseTransition",
    "NormActConv", "TokenMixing", "MixerLayer",
    # dense prediction and detection
    "ResNetBackbone", "FeaturePyramid", "Segmenter", "FCNHead", "ASPP", "PyramidHead", "UNet", "SegNet", "AnchorHead",
    "RetinaNet", "DETR", "SinePositions", "FrozenBatchNorm", "MaxUnpool", "Crop",
    # state spaces, memory, modules, spikes
    "SelectiveScan", "Mamba", "DiagonalStateSpace", "S4D", "TuringMachine", "DifferentiableComputer", "Match",
    "AttentiveLSTM", "MatchingNetwork", "Find", "Transform", "Combine", "Describe", "Measure", "DirectEncoding",
    "RateEncoding", "LIF", "LeakyIntegrator", "FlattenSlices", "MembraneReadout", "VoteReadout",
    # recurrent and temporal networks, frames, sequence to sequence
    "Recurrent", "CausalConv", "TemporalBlock", "TemporalNet", "ConvLSTM", "OnVolume", "FramePatches", "FramePixels",
    "EncodingForecasting", "ScoreAttention", "AttentionDecoder", "Maxout", "MaxoutReadout", "PlainDecoder",
    "LuongDecoder", "BahdanauDecoder", "Seq2Seq", "Bias",
    # searched cells
    "Pad", "ActConvNorm", "FactorizedReduce", "SkipConnect", "SeparableStack", "PairCell", "CellNetwork",
    "SkipNetwork",
    "ChannelShuffle", "FBNetBlock",
    # autoencoders, adversarial networks, styles, image to image
    "Autoencoder", "VariationalAutoencoder", "ConvDecoder", "GaussianNoise", "Reparameterise", "BorderPad",
    "SkipUNet",
    "EqualisedLinear", "EqualisedConv", "MappingNetwork", "StyleLayer", "StyleGenerator", "LearnedConstant",
    "ResampledResidual", "NoiseInput", "Modulate", "ModulatedConv", "ChannelStatistics", "AdaIN", "StyleTransfer",
    # diffusion
    "TimeWaves", "TimeEmbedding", "Condition", "TimeResidual", "ImageAttention", "DenoisingLevel", "DenoisingUNet",
    "ZeroLinear", "GridPositions", "AdaptiveNorm", "AdaptiveSublayer", "AdaptiveLayer", "Unpatchify",
    "DiffusionTransformer",
    # residual networks, stages and their scaling, ConvNeXt
    "PreActBasic", "PreActBottleneck", "Shortcut", "Highway", "HighwayGate", "Shift", "Stage", "InvertedStage",
    "Stages",
    "Multipliers", "CompoundScaling", "ScaledImage", "ConvNeXtBlock", "LayerScale", "GlobalResponseNorm",
    # graphs, sets and points
    "Propagate", "EdgeAttention", "NeighbourLSTM", "SelfWeight", "GraphPool", "HopBias", "DegreeEncoding", "GCN",
    "GraphSAGE", "GAT", "GIN", "Cheb", "ARMA", "GraphConv", "GraphLayer", "GraphNetwork", "GraphTransformer",
    "AddToAll", "EquivariantLayer", "FarthestPoints", "BallGroup", "PointGroup", "SetAbstraction",
    "GroupPool", "GlobalAbstraction", "PointNet2",
    # a user's own
    "block_from_module", "divisible",
]  # fmt: skip
