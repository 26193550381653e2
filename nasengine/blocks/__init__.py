"""The vocabulary of networks. Importing it loads no torch."""
from nasengine.blocks.conv import Conv, ConvTranspose
from nasengine.blocks.merge import Add, Concat, Flatten, Multiply
