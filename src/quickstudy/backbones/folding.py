"""What meta-training learned of a backbone, put into its weights: tasks that move none of them then share one frozen
backbone, whose features are kept."""

import dataclasses

import torch

from quickstudy.backbones import lora
from quickstudy.backbones.loaded import Learned, Loaded
from quickstudy.backbones.scope import HEAD
from quickstudy.core.tensors import digest
from quickstudy.core.types import Params


def fold(loaded: Loaded, weights: Params) -> Loaded:
    """The same backbone with `weights` ("backbone.…" in place of its own, "lora.…" added to them), of scope "head".
    Its body is changed in place, since a second copy would cost as much as the first: `loaded` is not used again."""
    encoder = loaded.backbone
    merged = lora.merge(weights, encoder.body)
    with torch.no_grad():
        for name, value in merged.items():
            encoder.body.get_parameter(name).copy_(value)
    learned = Learned(weights, str(encoder.scope), loaded.fingerprint)
    # not of the merged weights: the last bits of a matrix product differ from machine to machine
    mark = loaded.fingerprint[:8] + digest(weights)[:8]
    still = dataclasses.replace(encoder, scope=HEAD, _bodies={})
    return dataclasses.replace(loaded, backbone=still, fingerprint=mark, learned=learned)


def partly(start: Params, learned: Params, share: float) -> Params:
    """Weights of the backbone between `start` (share 0) and `learned` (1), as the sum that a low-rank addition makes
    is meant; other weights as learned. Between the two, what the start knew and what was learned mostly both hold
    (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models")."""
    found = dict(learned)
    for name, value in learned.items():
        if name.startswith("backbone."):
            found[name] = torch.lerp(start[name], value, share)
        elif name.startswith("lora.") and name.endswith(".b"):
            found[name] = share * value
    return found
