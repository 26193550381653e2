"""Zero-cost proxies: what an untrained network tells, from a few passes of one batch.

    readings = proxies(architecture, batch=64)          # name to value, all from shared passes
    snip(Passes(architecture, batch=64))                # one alone: every proxy is one function

They work on the networks of any space: on images, tokens, tables, graphs, with several inputs. Where a proxy is not
defined for a network its value is NaN, and :func:`measure` says why. None of them is to be trusted blindly: ``nasengine
proxies STUDY`` reports how each ranks the networks that this very study has trained.
"""

from nasengine.estimate.proxies.activations import jacov, nwot
from nasengine.estimate.proxies.agreement import Agreement, Correlation, agreement
from nasengine.estimate.proxies.batch import Batch
from nasengine.estimate.proxies.combined import COMBINED, combine
from nasengine.estimate.proxies.compute import PROXIES, ProxyFeatures, Readings, measure, proxies
from nasengine.estimate.proxies.datafree import l2_norm, macs, params, synflow, zen
from nasengine.estimate.proxies.features import expressivity, progressivity, trainability
from nasengine.estimate.proxies.passes import Passes, Undefined
from nasengine.estimate.proxies.saliency import fisher, grad_norm, grasp, snip

__all__ = [
    "proxies", "measure", "Readings", "Batch", "Passes", "Undefined", "PROXIES", "ProxyFeatures",
    # one function a proxy
    "synflow", "snip", "grasp", "fisher", "grad_norm", "jacov", "nwot", "zen", "l2_norm", "params", "macs",
    "expressivity", "progressivity", "trainability",
    # together, and against what training says
    "combine", "COMBINED", "agreement", "Agreement", "Correlation",
]  # fmt: skip
