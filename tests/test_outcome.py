"""Promise: what an update came to is told by sentence, whether sentences or tokens have weights."""

import pickle
from dataclasses import fields

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_l2rw.outcome import Outcome, of_all_workers


def outcome(lengths, rows):
    """Of sentences with so many tokens, in so many rows."""
    values = {f.name: torch.rand(rows) for f in fields(Outcome)}
    values |= {"lengths": torch.tensor(lengths), "sentences": torch.arange(len(lengths))}
    return Outcome(**values | {"bigrams": None, "nll": None, "real": None, "signal": None})


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_of_a_sentence_whose_tokens_have_rows_the_mean_counts(lengths):
    tokens = outcome(lengths, sum(lengths))
    found = tokens.by_sentence(tokens.given)
    means = torch.stack([part.mean() for part in tokens.given.split(lengths)])
    torch.testing.assert_close(found, means)


def test_the_row_of_a_sentence_counts_as_it_is():
    sentences = outcome([3, 1, 2], 3)
    assert torch.equal(sentences.by_sentence(sentences.given), sentences.given)


def test_workers_can_tell_each_other_and_one_alone_has_nobody_to_tell():
    one, two = outcome([3, 1], 2), outcome([2], 2)
    told = pickle.loads(pickle.dumps(one.to("cpu")))
    for field in fields(Outcome):
        here, there = getattr(one, field.name), getattr(told, field.name)
        assert there is None if here is None else torch.equal(here, there)
    assert of_all_workers([one, two], torch.device("cpu")) == [one, two]
