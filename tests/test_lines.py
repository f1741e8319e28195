"""An id is a line of the training text, and a fingerprint tells one text from another."""

import pickle
from hashlib import sha256

import numpy as np
import pytest
import torch
from artificial import Split, digested, split
from fairseq.data import ConcatDataset
from fairseq.data.language_pair_dataset import LanguagePairDataset
from hypothesis import given, settings
from hypothesis import strategies as st
from students import DICTIONARY

from fairseq_l2rw.data.fingerprint import fingerprint
from fairseq_l2rw.data.lines import Lines
from fairseq_l2rw.data.overlap import overlap
from fairseq_l2rw.data.pairs import PairSubset, lengths
from fairseq_l2rw.data.training_text import Folders, TrainingText
from fairseq_l2rw.utils.weight_bytes import is_known


class Sentences(torch.utils.data.Dataset):
    """Sentences of a split whose words say split and line."""

    def __init__(self, number, count):
        self.items = [torch.tensor([9 + number] + [5] * line + [2]) for line in range(count)]
        self.sizes = np.array([len(item) for item in self.items])

    def __getitem__(self, place):
        return self.items[place]

    def __len__(self):
        return len(self.items)


def dataset(counts, upsample=1):
    """What fairseq makes of several training splits."""
    parts = [Sentences(number, count) for number, count in enumerate(counts)]
    ratios = [upsample] + [1] * (len(parts) - 1)
    source, target = (
        ConcatDataset(parts, ratios) if len(parts) > 1 else parts[0] for _ in range(2)
    )
    sizes = source.sizes
    return LanguagePairDataset(source, sizes, DICTIONARY, target, sizes, DICTIONARY)


def frozen(joined, places):
    """An iterator over some of it, in a single batch."""
    batches = type("Batches", (), {})()
    batches.frozen_batches, batches.collate_fn = ([*places],), joined.collater
    return batches


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, 3), st.sampled_from([0, 7])
)
def test_a_line_counts_every_split_once_in_the_order_of_loading(counts, upsample, begin):
    joined = dataset(counts, upsample)
    lines = Lines.of(joined, begin)
    assert len(lines) == len(joined) and lines.count == sum(counts)
    found = lines.at(np.arange(len(joined)))
    for place, line in enumerate(found.tolist()):
        number = int(joined.src[place][0]) - 9
        assert line == begin + sum(counts[:number]) + len(joined.src[place]) - 2
    once = lines.once(np.arange(len(joined)))
    assert lines.at(once).tolist() == list(range(begin, begin + sum(counts)))
    batch = lines.numbered(joined.collater)([joined[place] for place in range(len(joined))])
    assert sorted(batch["id"].tolist()) == sorted(found.tolist())
    within = [line for count in counts for line in range(count)]  # its split
    for line, target in zip(batch["id"].tolist(), batch["target"].tolist(), strict=True):
        assert target.count(5) == within[line - begin]


def test_a_batch_that_fills_up_an_uneven_shard_stays_empty():
    joined = dataset([2, 1], 2)
    assert Lines.of(joined).numbered(joined.collater)([]) == {}


def test_batches_are_numbered_in_processes_that_load_data_too():
    joined = dataset([2, 1], 2)
    collate = pickle.loads(pickle.dumps(Lines.of(joined).numbered(joined.collater)))
    assert sorted(collate([joined[place] for place in range(5)])["id"].tolist()) == [0, 0, 1, 1, 2]


def changed(pairs, **sides):
    return Split(sides.get("src", pairs.src), sides.get("tgt", pairs.tgt))


def test_a_fingerprint_is_of_the_pairs_and_their_order():
    pairs = split(["good"] * 30, 1)
    other = [word.clone() for word in pairs.tgt]
    other[7][1] += 1  # one word of one sentence
    copies = Split([s.clone() for s in pairs.src], [t.clone() for t in pairs.tgt])
    assert fingerprint(copies) == fingerprint(pairs)
    assert fingerprint(PairSubset(pairs, np.arange(30))) == fingerprint(pairs)
    others = [
        changed(pairs, tgt=other),
        changed(pairs, src=pairs.tgt, tgt=pairs.src),
        changed(pairs, tgt=pairs.tgt[1:] + pairs.tgt[:1]),
        PairSubset(pairs, np.arange(30)[::-1]),
        PairSubset(pairs, np.arange(29)),
        Split([], []),
    ]
    found = [fingerprint(x) for x in (pairs, *others)]
    assert len({*found}) == len(found)


def test_of_a_large_text_a_fingerprint_reads_all_lengths_and_some_pairs(monkeypatch):
    monkeypatch.setattr("fairseq_l2rw.data.fingerprint._READ", 5)
    read = []

    class Side(list):
        def __getitem__(self, number):
            read.append(number)
            return super().__getitem__(number)

    pairs = split(["good"] * 100, 1)
    pairs.sizes = lengths(pairs)
    watched = Split(Side(pairs.src), Side(pairs.tgt))
    watched.sizes = pairs.sizes
    assert fingerprint(watched) == fingerprint(pairs)
    assert sorted({*read}) == [0, 24, 49, 74, 99] and len(read) == 10
    longer = Split(pairs.src, pairs.tgt)
    longer.sizes = pairs.sizes.copy()
    longer.sizes[50] += 1
    assert fingerprint(longer) != fingerprint(pairs)


@pytest.mark.parametrize("together", [1, 7, 29])
def test_how_many_pairs_are_read_together_makes_no_difference(together, monkeypatch):
    joined = dataset([20, 10], 2)
    text = TrainingText(joined, frozen(joined, range(5, 40)))
    pairs = text.pairs
    known = fingerprint(pairs), overlap(pairs, pairs).pairs.tolist(), Folders.of([joined])
    monkeypatch.setattr("fairseq_l2rw.data.sentences._BLOCK", together)
    found = overlap(pairs, pairs)
    assert (fingerprint(pairs), found.pairs.tolist(), Folders.of([joined])) == known
    assert found.digest == sha256(digested(pairs).tobytes()).digest()


@pytest.mark.parametrize("together", [3, 100])
def test_the_log_says_what_is_left_out_and_why(together, monkeypatch, caplog):
    monkeypatch.setattr("fairseq_l2rw.data.sentences._BLOCK", together)
    caplog.set_level("INFO")
    joined = dataset([20, 10], 2)
    kept = [place for place in range(len(joined)) if 2 < len(joined.src[place]) <= 8]
    TrainingText(joined, frozen(joined, kept)).log_left_out((8, 8))
    said = [record.message.split(" are left out of training: ") for record in caplog.records]
    assert [lines for lines, _ in said] == ["16 of 30 lines", "2 of 30 lines"]
    assert ["too long" in why for _, why in said] == [True, False]


def test_pairs_that_are_in_both_are_found_token_by_token():
    train, trusted = split(["good"] * 200, 1), split(["good"] * 50, 2)
    for place, number in ((3, 10), (7, 20), (9, 20)):
        trusted.src[place], trusted.tgt[place] = train.src[number], train.tgt[number]
    trusted.src[11] = train.src[30]  # with another target
    train.src[40], train.tgt[40] = train.src[10], train.tgt[10]
    assert overlap(train, trusted).pairs.tolist() == [[10, 3], [20, 7], [20, 9], [40, 3]]
    assert overlap(train, split(["good"] * 50, 3)).pairs.shape == (0, 2)


@pytest.mark.parametrize("upsample", [1, 3])
def test_what_is_trained_on_is_judged_once_and_the_rest_has_no_weight(upsample):
    joined = dataset([4, 3], upsample)
    kept = [place for place in range(len(joined)) if len(joined.src[place]) > 2]
    batches = frozen(joined, kept[::-1])
    text = TrainingText(joined, batches)
    assert text.trained.tolist() == [1, 2, 3, 5, 6]
    assert [len(text.pairs.src[n]) - 2 for n in range(5)] == [1, 2, 3, 1, 2]
    assert text.pairs.sizes[:, 1].tolist() == [3, 4, 5, 3, 4]
    weights = text.by_line(torch.arange(5, dtype=torch.uint8))
    assert is_known(weights).tolist() == [False, True, True, True, False, True, True]
    assert weights[is_known(weights)].tolist() == [*range(5)]
    assert Folders.of([joined]) == Folders([0, 7], fingerprint(dataset([4, 3])))
    # The same text as a later folder.
    later = TrainingText(joined, batches, begin=100)
    assert later.trained.tolist() == [101, 102, 103, 105, 106]
    assert torch.equal(later.by_line(torch.arange(5, dtype=torch.uint8)), weights)
