"""A fingerprint of a split, which tells whether numbers kept by sentence are still its own."""

from hashlib import sha256

import numpy as np

from fairseq_l2rw.data.pairs import Pairs, lengths
from fairseq_l2rw.data.sentences import in_blocks

_READ = 4096  # pairs whose tokens are read: of millions all would take minutes


def fingerprint(dataset: Pairs) -> str:
    """A text that is the same for the same pairs in the same order, on every machine.

    It covers the number of pairs, all lengths, and the tokens of some thousand pairs evenly spaced.

    Args:
        dataset: the pairs, such as fairseq's ``LanguagePairDataset``.
    """
    count = len(dataset)
    digest = sha256(f"{count} pairs".encode())
    sizes = lengths(dataset)
    for some in in_blocks(count):
        digest.update(sizes[some].astype("<i8").tobytes())
    for number in np.unique(np.linspace(0, count - 1, min(count, _READ)).astype(int)).tolist():
        for side in (dataset.src, dataset.tgt):
            digest.update(side[number].numpy().astype("<i8").tobytes())
    return digest.hexdigest()
