"""Formats to take a trained network home in, each proven equal: ONNX, ``torch.export``, safetensors, source."""

from nasengine.export.bundle import FORMATS, Exported, ExportedFile, export
from nasengine.export.parity import Parity
from nasengine.export.reading import load

__all__ = ["FORMATS", "Exported", "ExportedFile", "Parity", "export", "load"]
