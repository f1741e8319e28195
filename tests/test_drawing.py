"""Promise: sentences that hardly count cost hardly any time; sums keep their expectation."""

from itertools import chain, islice

import numpy as np
import pytest
import torch
from fairseq.data.iterators import EpochBatchIterator
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_l2rw.drawing import PRIOR, STANDS_FOR, Drawing, DrawnBatches, bounded


def weighted(weights, least=0.2, seed=1):
    drawing = Drawing(len(weights), least, seed)
    drawing.drawn(1)
    drawing.note(torch.arange(len(weights)), torch.tensor(weights))
    drawing.begun = True
    return drawing


def test_before_there_are_weights_an_epoch_holds_every_sentence():
    assert Drawing(50, 0.1, 1).drawn(1).all()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 2, width=32), min_size=1, max_size=20), st.integers(0, 9))
def test_a_sentence_comes_up_with_its_weight_within_bounds(weights, seed):
    drawing = weighted(weights, least=0.25, seed=seed)
    drawing.drawn(2)
    expected = torch.tensor(weights).clamp(0.25, 1.0)
    ids = torch.arange(len(weights))
    torch.testing.assert_close(1 / drawing.stands_for(ids), expected)
    assert drawing.drawn(2)[expected.numpy() == 1].all()


def test_the_last_of_several_weights_counts():
    drawing = Drawing(2, 0.1, 1)
    for weight in (1.0, 0.2, 0.4):
        drawing.note(torch.tensor([1]), torch.tensor([weight]))
    drawing.begun = True
    drawing.drawn(2)
    chance = 1 / drawing.stands_for(torch.tensor([0, 1]))
    torch.testing.assert_close(chance, torch.tensor([1.0, 0.4]))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 2, width=32), min_size=1, max_size=20), st.data())
def test_no_sentence_counts_for_more_than_two(weights, data):
    drawing = weighted(weights, least=0.05)
    drawing.drawn(2)
    ids, count = torch.arange(len(weights)), len(weights)
    now = torch.tensor(
        data.draw(st.lists(st.floats(0, 1, width=32), min_size=count, max_size=count))
    )
    given_to = bounded(now, drawing.stands_for(ids))
    counts = given_to * drawing.stands_for(ids)
    assert (counts <= 2 + 1e-5).all()
    assert torch.equal(given_to[counts < 1.99], now[counts < 1.99])


def test_weights_of_the_warm_up_are_for_later():
    drawing = weighted([0.0] * 50)
    drawing.begun = False
    assert drawing.drawn(2).all()
    drawing.begun = True
    assert not drawing.drawn(3).all()


def test_drawn_sentences_stand_for_all_of_them():
    """Over many epochs, sums over what is drawn come out as sums over everything."""
    weights = np.linspace(-1, 1.2, 40).clip(min=0).tolist()
    drawing, values = weighted(weights), torch.arange(40.0)
    sums = []
    for epoch in range(2, 2002):
        held = torch.from_numpy(drawing.drawn(epoch))
        sums.append(float((values * drawing.stands_for(torch.arange(40)))[held].sum()))
    error = np.std(sums) / len(sums) ** 0.5
    assert np.mean(sums) == pytest.approx(float(values.sum()), abs=4 * error)
    assert error < 0.01 * np.mean(sums)


class Numbers(torch.utils.data.Dataset):
    """A dataset of numbers, as far as fairseq's iterator asks."""

    def __getitem__(self, index):
        return index

    def __len__(self):
        return 60


def collated(numbers):
    return {"id": torch.tensor(numbers)} if numbers else {}


def iterator(drawing):
    order = np.argsort(np.arange(60) % 7, kind="stable")
    whole = EpochBatchIterator(Numbers(), collated, [order[:30], order[30:]], seed=3)
    return DrawnBatches(whole, drawing, lambda chosen: np.array_split(chosen, 6)), order


def epoch(batches, stop=None):
    stream = batches.next_epoch_itr()
    return [sample["id"].tolist() for sample in islice(stream, stop)]


def halve(drawing):
    drawing.note(torch.arange(60), torch.where(torch.arange(60) < 30, 0.2, 1.0))
    drawing.begun = True


def test_batches_are_made_of_what_the_epoch_holds_in_the_order_of_all():
    drawing = Drawing(60, 0.1, 1)
    batches, order = iterator(drawing)
    assert sorted(chain(*epoch(batches))) == list(range(60))
    halve(drawing)
    second = epoch(batches)
    held = np.flatnonzero(drawing.drawn(2))
    assert sorted(chain(*second)) == held.tolist() and 32 <= len(held) <= 45
    place = {int(i): k for k, i in enumerate(order)}
    assert all(sorted(batch, key=place.get) == batch for batch in second)
    assert len(batches) == 6


@pytest.mark.parametrize("stop", [2, None])
def test_an_epoch_that_was_cut_off_goes_on_with_the_same_sentences(stop):
    drawing = Drawing(60, 0.1, 1)
    batches, _ = iterator(drawing)
    epoch(batches)
    halve(drawing)
    epoch(batches, stop)
    drawing.note(torch.arange(60), torch.full((60,), 0.5))  # the weights of this epoch
    state = batches.state_dict()
    resumed, _ = iterator(Drawing(60, 0.1, 1))
    assert len(resumed.frozen_batches) == 6  # fairseq looks at a batch before it loads the state
    resumed.load_state_dict(state)
    if stop is not None:
        assert epoch(resumed) == [sample["id"].tolist() for sample in batches._cur_epoch_itr]
    assert epoch(resumed) == epoch(batches)


def test_a_batch_says_how_many_its_sentences_stand_for_and_their_prior_weights():
    prior = torch.linspace(0.01, 1, 60)
    drawing = Drawing(60, 0.1, 1, lambda: prior)
    for sample in iterator(drawing)[0].next_epoch_itr():
        chance = prior[sample["id"]].clamp(min=0.1).double()
        torch.testing.assert_close(sample[STANDS_FOR], 1 / chance)
        torch.testing.assert_close(sample[PRIOR], prior[sample["id"]].double())
    plain = Drawing(60, 0.1, 1)
    assert all(PRIOR not in sample for sample in iterator(plain)[0].next_epoch_itr())
    assert plain.described({}) == {}  # what fills up an uneven shard
