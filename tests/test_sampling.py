"""Promise: sentences that hardly count cost hardly any time; sums keep their expectation."""

from itertools import chain, islice

import numpy as np
import pytest
import torch
from fairseq.data.iterators import EpochBatchIterator
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import rows, sub_batch
from tasks import by_line

from fairseq_l2rw.data.lines import Lines
from fairseq_l2rw.features.sample import IMPORTANCE_WEIGHT, INITIAL_WEIGHT
from fairseq_l2rw.sampling.importance_sampler import ImportanceSampler, truncated
from fairseq_l2rw.sampling.sampled_batches import EpochSize, SampledBatches
from fairseq_l2rw.training.meta_step import _signals
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.utils.weight_bytes import to_bytes


def begin(lines, least, seed, find=None, marks=None):
    as_bytes = None if find is None else lambda: to_bytes(find())
    return ImportanceSampler(lines, least, seed, as_bytes, marks)


def drawn(sampler, epoch):
    """Which of all places an epoch holds."""
    return sampler.sample(epoch, np.arange(sampler.count), Lines(sampler.count))


def weighted(weights, least=0.2, seed=1):
    sampler = begin(len(weights), least, seed)
    drawn(sampler, 1)
    sampler.update(torch.arange(len(weights)), torch.tensor(weights))
    sampler.uses_learnt_weights = True
    return sampler


def test_before_there_are_weights_an_epoch_holds_every_sentence():
    assert drawn(begin(50, 0.1, 1), 1).all()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 2, width=32), min_size=1, max_size=20), st.integers(0, 9))
def test_a_sentence_comes_up_with_its_weight_within_bounds(weights, seed):
    sampler = weighted(weights, least=0.25, seed=seed)
    drawn(sampler, 2)
    expected = (torch.tensor(weights).clamp(0.25, 1.0) * 200).round() / 200
    ids = torch.arange(len(weights))
    torch.testing.assert_close(1 / sampler.importance_weights(ids), expected)
    assert drawn(sampler, 2)[expected.numpy() == 1].all()


def test_the_last_of_several_weights_counts():
    sampler = begin(2, 0.1, 1)
    for weight in (1.0, 0.2, 0.4):
        sampler.update(torch.tensor([1]), torch.tensor([weight]))
    sampler.uses_learnt_weights = True
    drawn(sampler, 2)
    chance = 1 / sampler.importance_weights(torch.tensor([0, 1]))
    torch.testing.assert_close(chance, torch.tensor([1.0, 0.4]))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 2, width=32), min_size=1, max_size=20), st.data())
def test_no_sentence_counts_for_more_than_two(weights, data):
    sampler = weighted(weights, least=0.05)
    drawn(sampler, 2)
    ids, count = torch.arange(len(weights)), len(weights)
    now = torch.tensor(
        data.draw(st.lists(st.floats(0, 1, width=32), min_size=count, max_size=count))
    )
    given_to = truncated(now, sampler.importance_weights(ids))
    counts = given_to * sampler.importance_weights(ids)
    assert (counts <= 2 + 1e-5).all()
    assert torch.equal(given_to[counts < 1.99], now[counts < 1.99])


def test_weights_of_the_warm_up_are_for_later():
    sampler = weighted([0.0] * 50)
    sampler.uses_learnt_weights = False
    assert drawn(sampler, 2).all()
    sampler.uses_learnt_weights = True
    assert not drawn(sampler, 3).all()


def test_drawn_sentences_stand_for_all_of_them():
    """Over many epochs, sums over what is drawn come out as sums over everything."""
    weights = np.linspace(-1, 1.2, 40).clip(min=0).tolist()
    sampler, values = weighted(weights), torch.arange(40.0)
    sums = []
    for epoch in range(2, 2002):
        held = torch.from_numpy(drawn(sampler, epoch))
        sums.append(float((values * sampler.importance_weights(torch.arange(40)))[held].sum()))
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


def sixths(chosen, required_batch_size_multiple=8):
    return np.array_split(chosen, 6)


def iterator(sampler, make_batches=sixths, **options):
    order = np.argsort(np.arange(60) % 7, kind="stable")
    whole = EpochBatchIterator(Numbers(), collated, [order[:30], order[30:]], seed=3)
    return SampledBatches(whole, Lines(60), sampler, make_batches, **options), order


def epoch(batches, stop=None):
    stream = batches.next_epoch_itr()
    return [sample["id"].tolist() for sample in islice(stream, stop)]


def halve(sampler):
    sampler.update(torch.arange(60), torch.where(torch.arange(60) < 30, 0.2, 1.0))
    sampler.uses_learnt_weights = True


def test_batches_are_made_of_what_the_epoch_holds_in_the_order_of_all():
    sampler = begin(60, 0.1, 1)
    batches, order = iterator(sampler)
    assert sorted(chain(*epoch(batches))) == list(range(60))
    halve(sampler)
    second = epoch(batches)
    held = np.flatnonzero(drawn(sampler, 2))
    assert sorted(chain(*second)) == held.tolist() and 32 <= len(held) <= 45
    place = {int(i): k for k, i in enumerate(order)}
    assert all(sorted(batch, key=place.get) == batch for batch in second)
    assert len(batches) == 6


@pytest.mark.parametrize("stop", [2, None])
def test_an_epoch_that_was_cut_off_goes_on_with_the_same_sentences(stop):
    sampler = begin(60, 0.1, 1)
    batches, _ = iterator(sampler)
    epoch(batches)
    halve(sampler)
    epoch(batches, stop)
    sampler.update(torch.arange(60), torch.full((60,), 0.5))  # the weights of this epoch
    state = batches.state_dict()
    resumed, _ = iterator(begin(60, 0.1, 1))
    assert len(resumed.frozen_batches) == 6  # fairseq looks at a batch before it loads the state
    resumed.load_state_dict(state)
    if stop is not None:
        assert epoch(resumed) == [sample["id"].tolist() for sample in batches._cur_epoch_itr]
    assert epoch(resumed) == epoch(batches)


def test_a_batch_says_how_many_its_sentences_stand_for_and_their_initial_weights():
    prior = torch.arange(3, 63) / 200 * 3
    sampler = begin(60, 0.1, 1, lambda: prior)
    for sample in iterator(sampler)[0].next_epoch_itr():
        chance = prior[sample["id"]].clamp(min=0.1).double()
        torch.testing.assert_close(sample[IMPORTANCE_WEIGHT], 1 / chance)
        torch.testing.assert_close(sample[INITIAL_WEIGHT], prior[sample["id"]].double())
    plain = begin(60, 0.1, 1)
    assert all(INITIAL_WEIGHT not in sample for sample in iterator(plain)[0].next_epoch_itr())
    assert plain.with_weights({}) == {}  # what fills up an uneven shard


def test_an_epoch_of_nothing_holds_the_sentence_that_came_closest():
    held = [drawn(weighted([0.0, 0.1, 0.0], least=1e-6, seed=seed), 2) for seed in range(30)]
    assert all(found.sum() == 1 for found in held)
    assert sum(found[1] for found in held) > 25


def test_a_line_without_an_initial_weight_is_never_drawn():
    sampler = begin(4, 0.1, 1, lambda: torch.tensor([1.0, torch.nan, 1.0, torch.nan]))
    assert drawn(sampler, 1).tolist() == [True, False, True, False]
    only_unknown = np.array([1, 3])
    assert sampler.sample(1, only_unknown, Lines(4)).sum() == 1


def test_every_place_is_drawn_by_the_chance_of_its_line():
    lines = Lines(3, np.array([0, 1, 0, 1, 2]))
    sampler = ImportanceSampler(3, 0.01, 1)
    drawn(sampler, 1)
    sampler.update(torch.arange(3), torch.tensor([1.0, 0.3, 0.0]))
    sampler.uses_learnt_weights = True
    epochs = [sampler.sample(epoch, np.arange(5), lines) for epoch in range(2, 1002)]
    held = np.mean(epochs, axis=0)
    np.testing.assert_allclose(held, [1, 0.3, 1, 0.3, 0.01], atol=0.05)
    torch.testing.assert_close(
        sampler.importance_weights(torch.arange(3)), torch.tensor([1, 1 / 0.3, 100])
    )


def test_a_folder_gets_initial_weights_when_it_first_comes_up_and_keeps_its_own():
    """Five lines in two folders, which epochs take in turn."""
    whole = torch.tensor([0.9, 0.5, 0.8, 0.4, 0.6])
    folders, now, found = (Lines(2), Lines(3, begin=2)), [], []

    def find():
        found.append(now[-1])
        lines = folders[now[-1]]
        inside = torch.arange(5).ge(lines.begin) & torch.arange(5).lt(lines.begin + lines.count)
        return torch.where(inside, whole, torch.nan)

    sampler = begin(5, 0.1, 1, find)

    def epoch(number):
        now.append((number - 1) % 2)
        sampler.sample(number, np.arange(len(folders[now[-1]])), folders[now[-1]])
        return by_line(sampler, "probabilities").tolist()

    assert epoch(1) == pytest.approx([0.9, 0.5, *[np.nan] * 3], nan_ok=True)
    assert epoch(2) == pytest.approx(whole.tolist())
    sampler.update(torch.tensor([3]), torch.tensor([0.2]))
    sampler.uses_learnt_weights = True
    assert epoch(3) == epoch(4) == pytest.approx([0.9, 0.5, 0.8, 0.2, 0.6])
    assert found == [0, 1]


MARKS = {"training data": "a", "trusted pairs": "b"}


def saved(**changed):
    """The state of a run that has judged three sentences, with other fingerprints if asked."""
    sampler = begin(3, 0.1, 1, lambda: torch.tensor([1.0, 0.5, 0.2]), MARKS)
    drawn(sampler, 4)
    sampler.update(torch.arange(3), torch.tensor([0.3, 0.4, 0.5]))
    sampler.uses_learnt_weights = True
    return {**sampler.state_dict(), "fingerprints": {**MARKS, **changed}}


@pytest.mark.parametrize("other", [["training data"], ["trusted pairs"], [*MARKS]])
@pytest.mark.parametrize("lines", [2, 3, 5])
def test_weights_of_another_corpus_are_dropped_and_the_log_says_so(other, lines, caplog):
    sampler = begin(lines, 0.1, 1, lambda: torch.full((lines,), 0.7), MARKS)
    sampler.load_state_dict(saved(**{name: "x" for name in other}))
    said = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert len(said) == 1 and "start afresh" in said[0]
    assert all((name in said[0]) == (name in other) for name in MARKS)
    drawn(sampler, 4)
    assert by_line(sampler, "probabilities").tolist() == pytest.approx([0.7] * lines)
    assert by_line(sampler, "weights").isnan().all() and not sampler.uses_learnt_weights


def test_weights_of_the_same_corpus_go_on(caplog):
    sampler = begin(3, 0.1, 1, lambda: torch.full((3,), 0.7), MARKS)
    sampler.load_state_dict(saved())
    assert not caplog.records
    drawn(sampler, 4)  # an epoch that was cut off
    assert by_line(sampler, "probabilities").tolist() == pytest.approx([1.0, 0.5, 0.2])
    drawn(sampler, 5)
    assert by_line(sampler, "probabilities").tolist() == pytest.approx([0.3, 0.4, 0.5])


def test_lines_that_were_left_out_before_get_initial_weights():
    before = begin(3, 0.1, 1, lambda: torch.tensor([0.8, 0.5, torch.nan]))
    assert before.sample(1, np.array([0, 1]), Lines(3)).any()
    after = begin(3, 0.1, 1, lambda: torch.tensor([0.6, 0.4, 0.9]))
    after.load_state_dict(before.state_dict())
    after.sample(2, np.array([0, 1]), Lines(3))
    assert by_line(after, "probabilities")[:2].tolist() == pytest.approx([0.8, 0.5])
    drawn(after, 3)
    assert by_line(after, "probabilities").tolist() == pytest.approx([0.6, 0.4, 0.9])


def test_a_position_that_an_epoch_no_longer_has_is_refused_in_one_line():
    batches, _ = iterator(begin(60, 0.1, 1))
    epoch(batches, 4)
    fewer, _ = iterator(begin(60, 0.1, 1), lambda chosen, **_: np.array_split(chosen, 3))
    with pytest.raises(InputError, match=r"4 batches into epoch 1, .* 3.*--reset-data"):
        fewer.load_state_dict(batches.state_dict())


def test_one_is_told_what_every_epoch_holds():
    told = []
    sampler = begin(60, 0.1, 1)
    batches, _ = iterator(sampler, begin=told.append)
    epoch(batches)
    halve(sampler)
    second = sum(map(len, epoch(batches)))
    assert told == [EpochSize(1, 60, 60, 6, 2), EpochSize(2, second, 60, 6, 2)]


def test_sentences_that_fill_no_batch_are_trained_on_all_the_same():
    def fours(chosen, required_batch_size_multiple=61):
        return [chosen] if len(chosen) % required_batch_size_multiple == 0 else []

    batches, _ = iterator(begin(60, 0.1, 1), fours)
    assert [len(batch) for batch in epoch(batches)] == [60]


def test_the_usefulness_of_a_pair_is_the_derivative_by_the_weight_that_it_had():
    """A pair that was drawn against the odds has at most twice its probability as its weight."""
    generator = torch.Generator().manual_seed(3)
    stands_for = torch.tensor([20.0, 1.0, 1.0]).double()
    rule = torch.tensor([1.0, 0.9, 0.8]).double()
    applied, sizes = truncated(rule, stands_for), 10 * stands_for
    gradients = torch.randn(3, 5, generator=generator).double() * sizes[:, None]
    direction = torch.randn(5, generator=generator).double()
    features = rows(3, sizes=sizes, importance_weight=stands_for)
    batch = sub_batch(features, rule, applied)
    (signal,) = _signals([([batch], [gradients @ direction])], 1.0)

    def dev_loss(weights):
        return direction @ ((weights @ gradients) / (weights @ sizes))

    steps = torch.eye(3).double() * 1e-6
    expected = [(dev_loss(applied + e) - dev_loss(applied - e)) / 2e-6 for e in steps]
    torch.testing.assert_close(-signal.usefulness, torch.stack(expected), rtol=1e-6, atol=1e-9)
