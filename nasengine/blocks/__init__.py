"""The vocabulary of networks: primitives that compute, and composites wired from them. Importing it loads no torch."""

from nasengine.blocks.activation import (
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
from nasengine.blocks.attention import Attention, DotProduct
from nasengine.blocks.autoencoder import Autoencoder, ConvDecoder, VariationalAutoencoder
from nasengine.blocks.backbone import ResNetBackbone
from nasengine.blocks.bias import Bias
from nasengine.blocks.border_pad import BorderPad
from nasengine.blocks.cell import Cell, Zero
from nasengine.blocks.cell_network import CellNetwork, PairCell
from nasengine.blocks.cell_operations import ActConvNorm, FactorizedReduce, Pad, SeparableStack, SkipConnect
from nasengine.blocks.compose import Branches, Identity, Residual, Sequential
from nasengine.blocks.conditional import EarlyExits, Skippable, Step
from nasengine.blocks.contrast import TakeHighest, Temperature, TwoTowers, UnitNorm
from nasengine.blocks.conv import Conv, ConvTranspose
from nasengine.blocks.convnet import BasicBlock, Bottleneck, ConvNorm, ConvNormAct, SeparableConv
from nasengine.blocks.convnext import ConvNeXtBlock, GlobalResponseNorm, LayerScale
from nasengine.blocks.custom import block_from_module
from nasengine.blocks.denoising_unet import DenoisingLevel, DenoisingUNet
from nasengine.blocks.dense import DenseBlock, DenseLayer, DenseTransition, NormActConv
from nasengine.blocks.detection import AnchorHead, RetinaNet
from nasengine.blocks.detr import DETR, SinePositions
from nasengine.blocks.diffusion import Condition, ImageAttention, TimeEmbedding, TimeResidual, TimeWaves
from nasengine.blocks.dit import (
    AdaptiveLayer,
    AdaptiveNorm,
    AdaptiveSublayer,
    DiffusionTransformer,
    GridPositions,
    Unpatchify,
    ZeroLinear,
)
from nasengine.blocks.embedding import Embedding, Lookup, Project, TiedEmbedding
from nasengine.blocks.encoder_decoder import SegNet, UNet
from nasengine.blocks.equalised import EqualisedConv, EqualisedLinear
from nasengine.blocks.experts import BalanceLoss, Experts, MixtureOfExperts
from nasengine.blocks.fbnet import ChannelShuffle, FBNetBlock
from nasengine.blocks.forecast import PatchTST, SeriesNorm, SeriesPatches, SeriesRestore
from nasengine.blocks.frames import ConvLSTM, EncodingForecasting, FramePatches, FramePixels, OnVolume
from nasengine.blocks.frozen import FrozenBatchNorm
from nasengine.blocks.graph import EdgeAttention, GraphPool, NeighbourLSTM, Propagate, SelfWeight
from nasengine.blocks.graph_network import GraphLayer, GraphNetwork, GraphTransformer
from nasengine.blocks.inception import (
    AuxiliaryHeads,
    InceptionExpanded,
    InceptionFactorised,
    InceptionModule,
    InceptionReduction,
    InceptionStacked,
)
from nasengine.blocks.language import EncoderDecoder, LanguageModel, Stack, TextEncoder
from nasengine.blocks.latents import Latents
from nasengine.blocks.linear import Linear
from nasengine.blocks.local_response import LocalResponseNorm
from nasengine.blocks.masked import KeepTokens, MaskedAutoencoder, RestoreTokens
from nasengine.blocks.matching import AttentiveLSTM, Match, MatchingNetwork
from nasengine.blocks.memory import DifferentiableComputer, TuringMachine
from nasengine.blocks.merge import Add, Concat, Flatten, Multiply
from nasengine.blocks.message_passing import ARMA, GAT, GCN, GIN, Cheb, GraphConv, GraphSAGE
from nasengine.blocks.mixer import MixerLayer, TokenMixing
from nasengine.blocks.mlp import MLP
from nasengine.blocks.mobile import InvertedResidual, SqueezeExcite, divisible
from nasengine.blocks.modular import Combine, Describe, Find, Measure, Transform
from nasengine.blocks.noise import GaussianNoise, NoiseInput, Reparameterise
from nasengine.blocks.norm import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from nasengine.blocks.perceiver import CrossLayer, JoinModalities, PerceiverDecoder, PerceiverEncoder
from nasengine.blocks.points import (
    BallGroup,
    FarthestPoints,
    GlobalAbstraction,
    GroupPool,
    PointGroup,
    PointNet2,
    SetAbstraction,
)
from nasengine.blocks.pool import AdaptivePool, AvgPool, GlobalPool, MaxPool
from nasengine.blocks.position import Alibi, LearnedPositions, RelativeBias, Rotary, SinusoidalPositions
from nasengine.blocks.pyramid import FeaturePyramid
from nasengine.blocks.recurrent import Recurrent
from nasengine.blocks.regularise import Dropout, DropPath
from nasengine.blocks.resampled import ResampledResidual
from nasengine.blocks.residual import Highway, HighwayGate, PreActBasic, PreActBottleneck
from nasengine.blocks.scale import Scale, Shift
from nasengine.blocks.score_attention import AttentionDecoder, ScoreAttention
from nasengine.blocks.segformer import MixFeedForward, MixStage, ReducedAttention, SegFormer
from nasengine.blocks.segmentation import ASPP, FCNHead, PyramidHead, Segmenter
from nasengine.blocks.seq2seq import BahdanauDecoder, LuongDecoder, Maxout, MaxoutReadout, PlainDecoder, Seq2Seq
from nasengine.blocks.sets import AddToAll, EquivariantLayer
from nasengine.blocks.shape import Patchify, Permute, Reshape, ToImage, ToSequence, Upsample
from nasengine.blocks.shortcut import Shortcut
from nasengine.blocks.skip_network import SkipNetwork
from nasengine.blocks.skip_unet import SkipUNet
from nasengine.blocks.sparse_attention import BlockSparse, GlobalWindow, LinearAttention, SlidingWindow
from nasengine.blocks.speech import LogMel, Transcriber
from nasengine.blocks.spiking import (
    LIF,
    DirectEncoding,
    FlattenSlices,
    LeakyIntegrator,
    MembraneReadout,
    RateEncoding,
    VoteReadout,
)
from nasengine.blocks.ssm import S4D, DiagonalStateSpace, Mamba, SelectiveScan
from nasengine.blocks.stage import CompoundScaling, InvertedStage, Multipliers, ScaledImage, Stage, Stages
from nasengine.blocks.structure import DegreeEncoding, HopBias
from nasengine.blocks.style import AdaIN, ChannelStatistics, LearnedConstant, Modulate, ModulatedConv, StyleTransfer
from nasengine.blocks.style_generator import MappingNetwork, StyleGenerator, StyleLayer
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
from nasengine.blocks.temporal import CausalConv, TemporalBlock, TemporalNet
from nasengine.blocks.tokens import JoinTokens, PrependTokens, Span, Take
from nasengine.blocks.transformer import FeedForward, Sublayer, TransformerLayer
from nasengine.blocks.unpool import Crop, MaxUnpool
from nasengine.blocks.vision import SpaceToDepth, SwinStage, VisionTransformer, WindowDotProduct
from nasengine.blocks.xception import XceptionModule
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
