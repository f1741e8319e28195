"""What is said in the log of initial weights, and of trusted pairs that cannot tell enough."""

import logging
from collections.abc import Sequence

import torch
from torch import Tensor

from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.scoring.post_stratification import COMPARABLE, post_stratified
from fairseq_l2rw.utils.weight_bytes import summary, to_bytes

logger = logging.getLogger(__name__)

# With fewer trusted pairs than this, good pairs' weights vary by chance (docs/results.md).
_FEW = 60
# How often a pair is there that is there more than once: near-duplicates are estimated.
_ALIKE = 1.5
# Share of the training pairs that are rejected from where on something is likely to be wrong.
_NEARLY_ALL = 0.9


def of_trusted(train: ParallelText, trusted: ParallelText, given: int) -> None:
    """Warn of trusted pairs that are few, or of other lengths than all training pairs.

    Args:
        train: training pairs.
        trusted: distinct trusted pairs.
        given: how many there are with their copies.
    """
    if copies := given - len(trusted):
        logger.info(f"initial weights: {copies:,} of {given:,} trusted pairs are copies of others")
    if len(trusted) < _FEW:
        logger.warning(
            f"only {len(trusted)} trusted pairs: good pairs may lose initial weight by chance; "
            f"{_FEW} or more tell reliably"
        )
    ours, theirs = (torch.as_tensor(x.src.sizes).double() for x in (train, trusted))
    likewise = post_stratified(ours, torch.ones_like(ours), theirs).sum()
    if likewise < COMPARABLE <= len(ours):
        logger.warning(
            "hardly any training pair is as long as a trusted one (sources of "
            f"{_middle(ours)} and of {_middle(theirs)} tokens): bad pairs may keep their weight; "
            "add trusted pairs that are as long as those to train on"
        )


def _middle(lengths: Tensor) -> str:
    low, high = lengths.sort().values[[len(lengths) // 20, -1 - len(lengths) // 20]].tolist()
    return f"{low:.0f} to {high:.0f}"


def of_repeats(repeats: Tensor) -> None:
    """Say where some training pairs count less than once, as there are others that are alike.

    Args:
        repeats: how often each of N training pairs is there, shape (N,).
    """
    alike = int((repeats >= _ALIKE).sum())
    if alike:
        logger.info(
            f"initial weights: {alike:,} of {len(repeats):,} training pairs have near-duplicates, "
            f"and count less than once each: {float((1 / repeats).sum()):,.0f} in all"
        )


def of_weights(weights: Tensor, factors: Tensor, names: Sequence[str], by: str) -> None:
    """Say what was found.

    Args:
        weights: of N training pairs, shape (N,).
        factors: of the weights, shape (N, F).
        names: of the F factors.
        by: what weights go by.
    """
    logger.info(f"initial weights: {summary(to_bytes(weights))}")
    means = factors.mean(0).tolist()
    found = ", ".join(f"{name} {mean:.2f}" for name, mean in zip(names, means, strict=True))
    counted = {"quality": "all but the last count", "domain": "the last one counts"}
    logger.info(f"initial weights, mean factors: {found} ({counted.get(by, 'all count')})")
    unlike = float((factors.prod(1) < 0.3).double().mean())  # whatever counts
    if unlike > _NEARLY_ALL:
        logger.warning(
            f"{unlike:.0%} of the training pairs are unlike the trusted pairs or bad: check "
            "that source and target of the trusted pairs are not swapped, that both texts have the "
            "same tokenisation and casing, and that they are of the same domain"
        )
