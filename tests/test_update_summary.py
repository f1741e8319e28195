"""Promise: what an update came to is told by sentence, whether sentences or tokens have weights."""

import pickle
from dataclasses import fields

import torch
from commands import same
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_l2rw.training.update_summary import Summary, gathered


def summary(lengths, rows):
    """Of sentences with so many tokens, in so many rows."""
    values = {f.name: torch.rand(rows) for f in fields(Summary)}
    values |= {"lengths": torch.tensor(lengths), "sentences": torch.arange(len(lengths))}
    values |= {"columns": {"loss": torch.rand(rows)}, "tokens": None, "usefulness": None}
    return Summary(**values)


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_of_a_sentence_whose_tokens_have_rows_the_mean_counts(lengths):
    tokens = summary(lengths, sum(lengths))
    found = tokens.by_sentence(tokens.applied_weights)
    means = torch.stack([part.mean() for part in tokens.applied_weights.split(lengths)])
    torch.testing.assert_close(found, means)


def test_the_row_of_a_sentence_counts_as_it_is():
    sentences = summary([3, 1, 2], 3)
    assert torch.equal(sentences.by_sentence(sentences.applied_weights), sentences.applied_weights)


def test_workers_can_tell_each_other_and_one_alone_has_nobody_to_tell():
    one, two = summary([3, 1], 2), summary([2], 2)
    told = pickle.loads(pickle.dumps(one.to("cpu")))
    for field in fields(Summary):
        here, there = getattr(one, field.name), getattr(told, field.name)
        assert same(here, there)
    assert gathered([one, two], torch.device("cpu")) == [one, two]
