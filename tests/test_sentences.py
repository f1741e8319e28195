"""Sentences are read many at a time, and are the same as if they were read one by one."""

import numpy as np
import pytest
import torch
from artificial import PAD, Split, digested, flat, judged, split
from fairseq.data import ConcatDataset
from fairseq.data.indexed_dataset import MMapIndexedDataset, MMapIndexedDatasetBuilder
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_l2rw.data import pairs as module
from fairseq_l2rw.data.digests import digests, distinct, spread
from fairseq_l2rw.data.pairs import PairSubset, batches
from fairseq_l2rw.data.sentences import Sentences
from fairseq_l2rw.data.words import Words

ROWS = st.lists(st.lists(st.integers(2, 9), max_size=6), max_size=8)


def tensors(rows):
    return [torch.tensor(row, dtype=torch.long) for row in rows]


@given(ROWS, st.randoms(use_true_random=False))
def test_sentences_are_the_same_together_and_one_by_one(rows, rng):
    whole = Sentences.of(tensors(rows))
    places = [rng.randrange(len(rows)) for _ in range(len(rows))]
    sizes = [rng.randint(0, len(rows[place])) for place in places]
    found = whole.take(np.array(places, dtype=int)).cut(np.array(sizes, dtype=int))
    expected = [rows[place][:size] for place, size in zip(places, sizes, strict=True)]
    assert [row.tolist() for row in found] == expected
    assert found.joined().tolist() == [word for row in expected for word in row]
    width = max(sizes, default=0)
    assert found.padded(PAD).tolist() == [[*row, *[PAD] * (width - len(row))] for row in expected]
    assert [len(block) for block in found.blocks()] == [len(rows)] * (len(rows) > 0)


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.int64])
def test_what_fairseq_maps_into_memory_is_not_read(tmp_path, kind, monkeypatch):
    rows = tensors([[4, 5, 2], [2], [9, 2]])
    builder = MMapIndexedDatasetBuilder(str(tmp_path / "text.bin"), kind)
    for row in rows:
        builder.add_item(row)
    builder.finalize(str(tmp_path / "text.idx"))
    dataset = MMapIndexedDataset(str(tmp_path / "text"))
    monkeypatch.setattr(MMapIndexedDataset, "__getitem__", None)
    found = Sentences.of(dataset)
    assert isinstance(found.types, np.memmap)
    assert [row.tolist() for row in found] == [row.tolist() for row in rows]
    some = Sentences.of(dataset, np.array([2, 0, 2]))
    assert [row.tolist() for row in some] == [rows[n].tolist() for n in (2, 0, 2)]


@settings(deadline=None)
@given(st.data(), ROWS, ROWS, st.integers(1, 3))
def test_of_splits_that_fairseq_joins_any_sentences_are_read(data, first, second, upsample):
    parts = [Sentences.of(tensors(rows)) for rows in (first, second) if rows]
    if not parts:
        return
    joined = ConcatDataset(parts, [upsample, 1][: len(parts)])
    places = data.draw(st.lists(st.integers(0, len(joined) - 1)))
    found = Sentences.of(joined, np.array(places, dtype=int))
    assert [row.tolist() for row in found] == [joined[n].tolist() for n in places]
    assert [row.tolist() for row in Sentences.of(joined)] == [row.tolist() for row in joined]


@given(st.integers(0, 500), st.integers(1, 100))
def test_a_sample_of_lines_is_spread_over_all_of_the_text(count, most):
    found = spread(count, most)
    assert len(found) == min(count, most) and (np.diff(found) > 0).all()
    if count > most:
        inside = np.arange(most + 1) * count // most
        assert (found >= inside[:-1]).all() and (found < inside[1:]).all()


def test_a_sample_of_lines_has_no_rhythm():
    found = spread(100_000, 10_000)
    for period in (2, 3, 5, 10):
        counts = np.bincount(found % period, minlength=period)
        assert abs(counts * period / len(found) - 1).max() < 0.1


def test_a_subset_of_a_subset_reads_what_it_should():
    train = split(["good"] * 20, 1)
    found = flat(PairSubset(PairSubset(train, np.arange(0, 20, 2)), np.array([3, 1])))
    assert [row.tolist() for row in found.tgt] == [train.tgt[n].tolist() for n in (6, 2)]


def test_words_are_of_one_or_more_pieces_and_the_end_is_one():
    boundaries = torch.stack([torch.ones(20, dtype=torch.bool), torch.arange(20) % 2 == 0])
    boundaries[:, 2] = False
    rows = [[6, 7, 8, 10, 11, 11, 2], [2], [], [7, 9, 2]]
    words = Words.of(Sentences.of(tensors(rows)), boundaries)
    found = [words.types[a:b].tolist() for a, b in zip(words.starts, words.ends, strict=True)]
    assert found == [[6, 7], [8], [10, 11, 11], [2], [2], [7, 9], [2]]
    assert words.sentence.tolist() == [0, 0, 0, 0, 1, 3, 3] and words.counts.tolist() == [
        4,
        1,
        0,
        2,
    ]
    assert words.is_end.tolist() == [False] * 3 + [True] * 2 + [False, True]
    assert words.first.tolist() == [0, 4, 5, 5]


@given(ROWS)
def test_what_is_ignored_makes_no_difference_to_a_digest(rows):
    ignored = torch.arange(10) < 5
    kept = [[token for token in row if token >= 5] for row in rows]
    found, expected = (flat(Split(tensors(x), tensors(x))) for x in (rows, kept))
    assert (digests(found, (ignored, ignored)) == digests(expected)).all()
    assert (digests(found, (ignored & False, ignored & False)) == digests(found)).all()


@given(st.lists(st.integers(1, 3), min_size=1, max_size=8))
def test_of_equal_pairs_the_first_one_is_distinct(rows):
    text = flat(Split(tensors([[n] for n in rows]), tensors([[1]] * len(rows))))
    assert distinct(text).tolist() == sorted(rows.index(n) for n in set(rows))


@given(ROWS, ROWS)
def test_pairs_have_one_digest_if_they_are_the_same(sources, targets):
    rows = [(s, t) for s in sources for t in targets]
    found = digested(Split(*(tensors(side) for side in zip(*rows, strict=True)))) if rows else []
    known = {}
    for (source, target), digest in zip(rows, found, strict=True):
        assert known.setdefault((*source, 0, *target), digest) == digest
    assert len({*known.values()}) == len(known)


def test_a_digest_does_not_depend_on_what_is_read_together(monkeypatch):
    train = split(["good"] * 40, 1)
    whole = digested(train)
    monkeypatch.setattr("fairseq_l2rw.data.sentences._BLOCK", 7)
    assert (digested(train) == whole).all()
    assert (digests(flat(train).take(np.array([30, 2]))) == whole[[30, 2]]).all()


def test_digests_put_about_half_of_all_pairs_into_either_half():
    found = judged(split(["good"] * 4000, 1)).half.double()
    assert 0.46 < found.mean() < 0.54


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 60), st.integers(1, 2000), st.integers(1, 40))
def test_batches_hold_all_pairs_once_and_no_more_than_fits(count, cells, together):
    text = split(["good"] * count, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CELLS", cells)
        patch.setattr(module, "_SORTED", together)
        found = [*batches(flat(text), PAD)]
    assert sorted(n for numbers, *_ in found for n in numbers.tolist()) == [*range(count)]
    for numbers, *sides in found:
        assert len(numbers) == 1 or len(numbers) * sides[0].shape[1] * sides[1].shape[1] <= cells
        for whole, side in zip((text.src, text.tgt), sides, strict=True):
            for number, row in zip(numbers.tolist(), side, strict=True):
                assert torch.equal(row[row.ne(PAD)], whole[number])
