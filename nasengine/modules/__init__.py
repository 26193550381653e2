"""The torch code behind primitives that torch.nn lacks: plain modules importing only torch.

Source export copies them verbatim.
"""
