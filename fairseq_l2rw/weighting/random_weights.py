"""Random weights: the control that reweighting has to beat."""

import math
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.features.features import Features
from fairseq_l2rw.weighting.base import Weighting
from fairseq_l2rw.weighting.registry import register


@register("random")
class Random(Weighting):
    """max(0, Gaussian), drawn anew at every update: the baseline of Ren et al. (1803.09050).

    The draw is a hash of seed, update, sentence and position, so that it does not depend on how
    sentences are grouped or spread over workers, and needs no state.
    """

    units = ("sentence", "token")
    weighs_any_pair = False

    def __init__(self, cfg: Any) -> None:
        super().__init__(cfg)
        self.seed: int = cfg.seed

    def forward(self, features: Features) -> Tensor:
        """Weights, shape (N,)."""
        key = _mixed(_mixed(features.ids + 1, self.seed), features.update) + features.positions
        first, second = _uniform(_mixed(key, 1)), _uniform(_mixed(key, 2))
        gaussian = torch.sqrt(-2 * torch.log(first)) * torch.cos(2 * math.pi * second)
        return gaussian.clamp(min=0).to(features.sizes)


def _mixed(key: Tensor, salt: int) -> Tensor:
    """The finaliser of SplitMix64, on 64-bit integers that wrap around."""
    key = key + _wrapped((salt + 1) * 0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        key = (key ^ _shifted(key, shift)) * _wrapped(factor)
    return key ^ _shifted(key, 31)


def _shifted(key: Tensor, bits: int) -> Tensor:
    """To the right, filled with zeros where torch fills with the sign."""
    return (key >> bits) & ((1 << (64 - bits)) - 1)


def _wrapped(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


def _uniform(key: Tensor) -> Tensor:
    """Numbers in (0, 1), float64, from the upper 52 bits."""
    return (_shifted(key, 12).double() + 0.5) / (1 << 52)
