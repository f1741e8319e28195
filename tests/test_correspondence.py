"""Pairs that do not belong together are told from examples that are made; few of them suffice."""

import numpy as np
import pytest
import torch
from artificial import digested, flat, split

from fairseq_l2rw.initial_weights.contrast import Contrast
from fairseq_l2rw.initial_weights.correspondence import evidence
from fairseq_l2rw.initial_weights.cost import affordable_cost, worth
from fairseq_l2rw.initial_weights.halves import halves
from fairseq_l2rw.initial_weights.lexicon import WordEvidence
from fairseq_l2rw.initial_weights.links import LinkedWords, Links
from fairseq_l2rw.initial_weights.made_pairs import mismatched


def drawn(count, mean, seed):
    """Evidence of pairs: associations about a mean, and lengths."""
    chance = torch.Generator().manual_seed(seed)
    association = mean + 0.4 * torch.randn(count, generator=chance, dtype=torch.double)
    length = 4 + 0.7 * torch.randn(count, generator=chance, dtype=torch.double)
    return torch.stack([association, length], 1)


def learnt(bad, good=5000, trusted=100):
    train = torch.cat([drawn(bad, -1.0, 1), drawn(good, 1.0, 2)])
    return Contrast.learn(train, drawn(3000, -1.0, 3), drawn(trusted, 1.0, 4)), train


@pytest.mark.parametrize("bad", [50, 500, 5000])
def test_bad_pairs_lose_their_weight_however_many_there_are(bad):
    model, train = learnt(bad)
    weights = model.weights(train)
    assert weights[:bad].mean() < 0.1 and weights[bad:].mean() > 0.95
    assert float(model.numbers["share"]) == pytest.approx(bad / (bad + 5000), rel=0.3)


def test_where_none_is_bad_all_weights_are_exactly_one():
    model, train = learnt(0)
    assert (model.weights(train) == 1).all()


def test_it_is_the_posterior_of_two_normal_densities():
    """With as many bad as good ones it is known exactly; the cost of a bad pair is taken out."""
    model, train = learnt(5000)
    odds = (1 / model.weights(train) - 1) / model.numbers["cost"]
    association = train[:, 0]
    expected = ((association - 1) ** 2 - (association + 1) ** 2) / (2 * 0.4**2)
    middle = association.abs() < 0.5  # farther out both are certain
    assert (odds.log() - expected)[middle].abs().median() < 0.5


def test_good_trusted_pairs_bound_the_cost_of_a_bad_one():
    close = Contrast.learn(
        torch.cat([drawn(3000, -0.3, 1), drawn(3000, 0.3, 2)]),
        drawn(3000, -0.3, 3),
        drawn(500, 0.3, 4),
    )
    far, _ = learnt(500)
    assert float(close.numbers["cost"]) < 2 and float(far.numbers["cost"]) == pytest.approx(20)


def test_what_is_bad_for_another_reason_is_left_out_of_the_mixture():
    """A third of the training pairs is worse than any that was made; else nothing is bad."""
    train = torch.cat([drawn(2500, -4.0, 1), drawn(5000, 1.0, 2)])
    made, trusted = drawn(3000, -1.0, 3), drawn(700, 1.0, 4)
    good = torch.cat([torch.zeros(2500), torch.ones(5000)]).double()
    assert (Contrast.learn(train, made, trusted, good).weights(train) == 1).all()
    everything = Contrast.learn(train, made, trusted)
    assert float(everything.numbers["share"]) > 0.2
    alone = Contrast.learn(train[2500:], made, trusted)
    counted = Contrast.learn(train, made, trusted, good).numbers
    torch.testing.assert_close(counted["share"], alone.numbers["share"])


def test_a_bad_pair_that_is_there_often_is_told_although_all_others_are_good():
    train, made, trusted = drawn(5000, 1.0, 1), drawn(3000, -1.0, 3), drawn(700, 1.0, 4)
    train = torch.cat([torch.tensor([[-1.2, 4.0]]).double().expand(300, 2), train])
    copies = torch.cat([torch.full((300,), 300.0), torch.ones(5000)]).double()
    weights = Contrast.learn(train, made, trusted, copies=copies).weights(train)
    assert weights[0] < 0.2 and weights[300:].mean() > 0.98
    # A good pair may be there as often.
    train[:300, 0] = 0.8
    assert (Contrast.learn(train, made, trusted, copies=copies).weights(train) == 1).all()


def test_where_trusted_pairs_can_bear_no_cost_nothing_is_rejected():
    odds = torch.full((100,), 1e6, dtype=torch.double)
    assert affordable_cost(odds) == 0
    assert (worth(odds, affordable_cost(odds)) == 1).all()
    assert affordable_cost(odds * 0) == 20


def test_evidence_is_what_words_fall_short_the_least_supported_one_and_the_length():
    """Words with more support than is usual make up for nothing."""
    sources, targets = np.array([2.0, 1.0, -0.5, -4.0]), np.array([-1.0, 0.5, -1.0, -2.0, 3.0])
    pairs = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1, 1])
    nothing = np.empty(0, dtype=np.int32)
    sides = [LinkedWords(nothing, pair, nothing, nothing, nothing) for pair in pairs]
    words = WordEvidence(Links(2, tuple(sides)), (sources, targets), (sources / 2, targets / 4))
    short = min(-3 / 2, -4.5 / 2**0.5)
    expected = [[-1.0, -0.25, -1.0, np.log(2)], [short, -2.25 / 2**0.5, -4.0, np.log(8)]]
    np.testing.assert_allclose(evidence([words]), expected)
    assert evidence([]).shape == (0, 4)


def test_mismatched_pairs_are_of_the_same_half_and_of_about_the_same_length():
    pairs = split(["good"] * 300, 1)
    digests = digested(pairs)
    made, places = mismatched(flat(pairs), digests)
    targets = {target: number for number, target in enumerate(map(str, pairs.tgt))}
    assert len(made) == len(places) > 290
    half = halves(digests).tolist()
    for number, place in enumerate(places.tolist()):
        assert torch.equal(made.src[number], pairs.src[place])
        other = targets[str(made.tgt[number])]
        assert other != place and half[other] == half[place]
        assert abs(len(pairs.tgt[other]) - len(pairs.tgt[place])) <= 1
