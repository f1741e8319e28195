"""Trusted pairs are compared with training pairs that are as long."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from fairseq_l2rw.scoring.post_stratification import post_stratified

LENGTHS = st.lists(st.integers(1, 30), min_size=1, max_size=60)


def numbers(values):
    return torch.tensor(values).double()


def test_a_stratum_becomes_as_frequent_as_among_trusted_pairs():
    train, trusted = numbers([2] * 90 + [9] * 10), numbers([2] * 5 + [9] * 15)
    found = post_stratified(train, torch.ones(100).double(), trusted)
    torch.testing.assert_close(found[:90].sum() / found.sum(), numbers(0.25))
    torch.testing.assert_close(found[90:].sum() / found.sum(), numbers(0.75))


@given(LENGTHS, LENGTHS)
def test_counts_are_finite_and_0_beyond_what_trusted_pairs_know(train, trusted):
    train, trusted = numbers(train), numbers(trusted)
    found = post_stratified(train, torch.ones(len(train)).double(), trusted)
    assert torch.isfinite(found).all() and (found >= 0).all()
    assert not found[(train < trusted.min()) | (train > trusted.max())].any()
    assert found.sum() <= len(train) + 1e-6


@given(LENGTHS, st.integers(1, 5))
def test_where_all_lengths_are_the_same_pairs_count_as_they_are_there(train, copies):
    counts = torch.rand(len(train)).double() + 0.1
    found = post_stratified(
        torch.full((len(train),), 3.0).double(), counts, numbers([3.0] * copies)
    )
    torch.testing.assert_close(found / found.sum(), counts / counts.sum())


def test_without_trusted_pairs_nothing_changes():
    counts = torch.rand(5).double()
    assert torch.equal(post_stratified(torch.arange(5).double(), counts, numbers([])), counts)


@given(LENGTHS)
def test_pairs_as_long_as_the_trusted_ones_count_once_each(lengths):
    lengths = numbers([7] * len(lengths))
    found = post_stratified(lengths, torch.full((len(lengths),), 0.3).double(), lengths)
    torch.testing.assert_close(found, torch.ones(len(lengths)).double())
