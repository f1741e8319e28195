"""Promise: what an update came to is one table of sentences, however it was split to train on."""

from dataclasses import fields, replace
from types import SimpleNamespace
from unittest.mock import patch

import pytest
import torch
from fairseq.logging import metrics, progress_bar
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import rows, sub_batch

from fairseq_l2rw.features.features import ScoredTokens
from fairseq_l2rw.training import update_summary
from fairseq_l2rw.training.update_buffer import UpdateBuffer
from fairseq_l2rw.training.update_summary import Summary, SummaryNames, gathered
from fairseq_l2rw.training.weight_histograms import WeightHistograms
from fairseq_l2rw.training.weight_metrics import log_weights

NAMES = SummaryNames(["loss", "accuracy"], ["initial"])
CPU = torch.device("cpu")


def summary(lengths, rows):
    """Of sentences with so many tokens, in so many rows."""
    values = {f.name: torch.rand(rows) for f in fields(Summary)}
    values |= {"lengths": torch.tensor(lengths), "sentences": torch.arange(len(lengths))}
    values |= {"columns": {"loss": torch.rand(rows)}, "tokens": None, "usefulness": None}
    return Summary(**values)


def weighed(lengths, by_token, useful):
    """Of sentences with so many tokens, whose tokens have weights or they themselves."""
    n = sum(lengths) if by_token else len(lengths)
    ids = torch.randint(1 << 40, (len(lengths),))  # far beyond what float32 holds
    padded = len(lengths) * max(lengths)
    features = rows(
        n,
        ids=ids.repeat_interleave(torch.tensor(lengths)) if by_token else ids,
        loss=torch.rand(n),
        accuracy=torch.rand(n),
        importance_weight=None if useful else torch.rand(n),
        tokens=ScoredTokens(
            torch.randint(300_000, (padded, 2)), torch.rand(padded), torch.rand(padded) < 0.5
        ),
    )
    return sub_batch(
        replace(features, lengths=torch.tensor(lengths)),
        torch.rand(n),
        torch.rand(n),
        sample={"id": ids},
        fallback=torch.tensor(len(lengths)),
        usefulness=torch.rand(n) if useful else None,
        factors={"initial": torch.rand(n)},
    )


def from_all(workers, whose):
    """What one of the workers, with these sub-batches, knows of all of them."""
    told = []

    def kept(tables, _):
        told.append(tables)
        return tables

    update = UpdateBuffer(0, None, workers[whose])
    update.told = [UpdateBuffer(0, None, local).own_numbers() for local in workers]

    def exchanged(tables, lengths):
        assert [list(map(len, of_worker)) for of_worker in told] == lengths
        assert torch.equal(tables[0], told[whose][0])
        return [torch.cat(parts) for parts in zip(*told, strict=True)]

    with patch.object(update_summary, "alone", lambda: False):
        with patch.object(update_summary, "all_rows", kept):
            for local in workers:
                gathered(UpdateBuffer(0, None, local), NAMES, CPU)
        with patch.object(update_summary, "all_rows", exchanged):
            return gathered(update, NAMES, CPU)


def alike(a, b):
    """Whether two summaries say the same, whatever the types of their numbers."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a.double().nan_to_num(-1.0), b.double().nan_to_num(-1.0))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(a[name], b[name]) for name in a)
    return all(alike(x, y) for x, y in zip(a, b, strict=True))


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_of_a_sentence_whose_tokens_have_rows_the_mean_counts(lengths):
    tokens = summary(lengths, sum(lengths))
    found = tokens.by_sentence(tokens.applied_weights, "token")
    means = torch.stack([part.mean() for part in tokens.applied_weights.split(lengths)])
    torch.testing.assert_close(found, means)


def test_the_row_of_a_sentence_counts_as_it_is():
    sentences = summary([3, 1, 2], 3)
    weights = sentences.applied_weights
    assert torch.equal(sentences.by_sentence(weights, "sentence"), weights)


def test_as_many_tokens_as_sentences_are_tokens_all_the_same():
    """With --ignore-prefix-size a sentence may have none."""
    tokens = summary([0, 2, 1], 3)
    found = tokens.by_sentence(torch.tensor([0.2, 0.4, 0.9]), "token")
    torch.testing.assert_close(found, torch.tensor([0.0, 0.3, 0.9]))


LENGTHS = st.lists(st.integers(1, 5), min_size=1, max_size=4)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.lists(st.tuples(LENGTHS, st.booleans()), max_size=2), min_size=2, max_size=3),
    st.booleans(),
    st.data(),
)
def test_every_worker_knows_of_all_sub_batches_what_one_would_know(shares, by_token, data):
    """Also one that has none itself: sub-batches of some workers ran out or out of memory."""
    workers = [[weighed(n, by_token, useful) for n, useful in share] for share in shares]
    every = [batch for share in workers for batch in share]
    found = from_all(workers, data.draw(st.sampled_from(range(len(workers)))))
    if not every:
        assert found is None
        return
    expected = Summary.of(every)
    for field in fields(Summary):
        here, there = getattr(found, field.name), getattr(expected, field.name)
        if there is None:  # no meta step
            assert bool(here.isnan().all())
        else:
            assert alike(here, there), field.name


def test_one_worker_alone_joins_its_sub_batches_and_has_nobody_to_tell():
    one, two = weighed([3, 1], False, True), weighed([2], False, False)
    found = gathered(UpdateBuffer(0, None, [one, two]), NAMES, CPU)
    assert torch.equal(found.rule_weights, torch.cat([one.rule_weights, two.rule_weights]))
    assert found.usefulness.isnan().tolist() == [False, False, True]
    assert float(found.fallback) == pytest.approx(3)
    assert gathered(UpdateBuffer(0, None), NAMES, CPU) is None


def test_an_update_without_any_weight_leaves_the_log_of_others_as_it_is():
    scalar = {"fallback": torch.zeros(())}
    some = replace(summary([3, 2], 2), **scalar)
    none = replace(some, applied_weights=torch.zeros(2))
    with metrics.aggregate() as log:
        for update in (some, none):
            log_weights(update, torch.ones(()))
    weights = some.applied_weights.double()
    share = float(weights.mean() ** 2 / weights.square().mean())
    assert log.get_smoothed_value("weight_ess") == pytest.approx(share / 2, abs=1e-6)


def test_weights_do_not_pile_up_where_nothing_opens_that_shows_them():
    cfg = SimpleNamespace(tensorboard_logdir="nowhere", wandb_project=None, log_interval=5)
    histograms = WeightHistograms(cfg)
    with patch.object(progress_bar, "_tensorboard_writers", {}):
        for number in range(50):
            histograms.add(number, summary([3, 2], 2))
    assert len(histograms._weights) <= 2 * cfg.log_interval
