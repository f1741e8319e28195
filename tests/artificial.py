"""Sentence pairs of an artificial language, a word for a word, and what can be wrong with them."""

import random
from dataclasses import dataclass

import torch

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.digests import digests
from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.initial_weights.halves import JudgedPairs

PAD, EOS, WORDS = 1, 2, 40
# The first WORDS types are the source language's, the next the target's, the last a third one's.
FIRST = {"source": 4, "target": 4 + WORDS, "third": 4 + 2 * WORDS}
TYPES = 4 + 3 * WORDS
DICTIONARIES = Dictionaries(
    (TYPES, TYPES),
    PAD,
    torch.where(torch.arange(TYPES) < 4, -1, torch.arange(TYPES)),
    (torch.zeros(TYPES, 10, dtype=torch.uint8),) * 2,
    torch.arange(TYPES).ge(4).expand(2, TYPES),  # a type is a word
    torch.arange(TYPES).ge(4).long(),  # of one letter
    (torch.zeros(TYPES, dtype=torch.bool),) * 2,
)


@dataclass
class Split:
    src: list
    tgt: list

    def __len__(self):
        return len(self.src)


def flat(pairs):
    """As pairs are read: many at a time."""
    return ParallelText.of(pairs)


def digested(pairs):
    return digests(flat(pairs))


def judged(pairs):
    return JudgedPairs.of(flat(pairs))


def made_from(pairs, made):
    """Places of the pairs that others were made from."""
    places = {digest: place for place, digest in enumerate(digested(pairs).tolist())}
    return [places[digest] for digest in made.digests.tolist()]


def sentence(words, language):
    return torch.tensor([FIRST[language] + w for w in words] + [EOS])


def pair(rng, kind):
    words = [min(int(rng.expovariate(0.1)), WORDS - 1) for _ in range(rng.randint(5, 12))]
    language = {"wrong_language": "third", "untranslated": "source"}.get(kind, "target")
    kept = words[: len(words) // 3] if kind == "short" else words
    return sentence(words, "source"), sentence(reversed(kept), language)


def split(kinds, seed):
    rng = random.Random(seed)
    return Split(*map(list, zip(*(pair(rng, kind) for kind in kinds), strict=True)))
