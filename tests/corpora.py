"""Binarized corpora of an invented language, made without a process of their own."""

import random
from functools import cache

from fairseq.data import Dictionary, indexed_dataset

WORDS = [f"w{i}" for i in range(20)]


@cache
def dictionary():
    """One for both languages."""
    result = Dictionary()
    for word in WORDS:
        result.add_symbol(word), result.add_symbol(word.upper())
    return result


def sources(count, seed=1, shortest=3, longest=8):
    """Random sentences, lists of words."""
    rng = random.Random(seed)
    return [
        [rng.choice(WORDS) for _ in range(rng.randint(shortest, longest))] for _ in range(count)
    ]


def translated(sentence):
    """The other language has capitals and begins at the end."""
    return [word.upper() for word in reversed(sentence)]


def pairs(count, seed=1, misaligned=0, **lengths):
    """Pairs of a sentence and its translation; the first ones have each other's."""
    source = sources(count, seed, **lengths)
    target = [translated(s) for s in source]
    target[:misaligned] = target[1:misaligned] + target[: min(1, misaligned)]
    return list(zip(source, target, strict=True))


def write(folder, **splits):
    """Write splits (lists of pairs) into a folder of binary data; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, side in enumerate(("de", "en")):
        dictionary().save(str(folder / f"dict.{side}.txt"))
        for name, split in splits.items():
            prefix = folder / f"{name}.de-en.{side}"
            builder = indexed_dataset.make_builder(f"{prefix}.bin", "mmap", len(dictionary()))
            for pair in split:
                line = " ".join(pair[place])
                builder.add_item(dictionary().encode_line(line, add_if_not_exist=False).long())
            builder.finalize(f"{prefix}.idx")
    return folder
