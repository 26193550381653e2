"""The torch code behind primitives that torch.nn lacks: plain modules importing only torch, copied verbatim by source export."""
