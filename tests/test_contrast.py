"""Bad pairs are told from examples that are made; trusted pairs or the text say if any is bad."""

import pytest
import torch

from fairseq_l2rw.initial_weights.contrast import Contrast, Kind


def drawn(count, mean, seed):
    """Evidence of pairs: associations about a mean, and lengths."""
    chance = torch.Generator().manual_seed(seed)
    association = mean + 0.4 * torch.randn(count, generator=chance, dtype=torch.double)
    length = 4 + 0.7 * torch.randn(count, generator=chance, dtype=torch.double)
    return torch.stack([association, length], 1)


def of_kind(kind, train, made, trusted, **known):
    return Contrast.learn(train, made, trusted, kind=kind, **known)


def learnt(bad, good=5000, trusted=100, kind=Kind.MILD, lengths=0.0, **known):
    """Trusted pairs are longer by so much."""
    train = torch.cat([drawn(bad, -1.0, 1), drawn(good, 1.0, 2)])
    theirs = drawn(trusted, 1.0, 4) + torch.tensor([0.0, lengths]).double()
    return of_kind(kind, train, drawn(3000, -1.0, 3), theirs, **known), train


@pytest.mark.parametrize("bad", [50, 500, 5000])
def test_bad_pairs_lose_their_weight_however_many_there_are(bad):
    model, train = learnt(bad)
    weights = model.probability(train)
    assert weights[:bad].mean() < 0.1 and weights[bad:].mean() > 0.95
    assert float(model.share) == pytest.approx(bad / (bad + 5000), rel=0.3)


def test_where_none_is_bad_all_weights_are_exactly_one():
    model, train = learnt(0)
    assert (model.probability(train) == 1).all()


def test_it_is_the_posterior_of_two_normal_densities():
    """With as many bad as good ones it is known exactly."""
    model, train = learnt(5000)
    odds = model.odds(train)
    association = train[:, 0]
    expected = ((association - 1) ** 2 - (association + 1) ** 2) / (2 * 0.4**2)
    middle = association.abs() < 0.5  # farther out both are certain
    assert (odds.log() - expected)[middle].abs().median() < 0.5


def test_what_is_bad_for_another_reason_is_left_out_of_the_mixture():
    """A third of the training pairs is worse than any that was made; else nothing is bad."""
    train = torch.cat([drawn(2500, -4.0, 1), drawn(5000, 1.0, 2)])
    made, trusted = drawn(3000, -1.0, 3), drawn(700, 1.0, 4)
    good = torch.cat([torch.zeros(2500), torch.ones(5000)]).double()
    assert (of_kind(Kind.MILD, train, made, trusted, good=good).probability(train) == 1).all()
    everything = of_kind(Kind.MILD, train, made, trusted)
    assert float(everything.share) > 0.2
    alone = of_kind(Kind.MILD, train[2500:], made, trusted)
    counted = of_kind(Kind.MILD, train, made, trusted, good=good)
    torch.testing.assert_close(counted.share, alone.share)


def test_a_bad_pair_that_is_there_often_is_told_although_all_others_are_good():
    train, made, trusted = drawn(5000, 1.0, 1), drawn(3000, -1.0, 3), drawn(700, 1.0, 4)
    train = torch.cat([torch.tensor([[-1.2, 4.0]]).double().expand(300, 2), train])
    repeats = torch.cat([torch.full((300,), 300.0), torch.ones(5000)]).double()
    weights = of_kind(Kind.MILD, train, made, trusted, repeats=repeats).probability(train)
    assert weights[0] < 0.2 and weights[300:].mean() > 0.98
    # A good pair may be there as often.
    train[:300, 0] = 0.8
    assert (of_kind(Kind.MILD, train, made, trusted, repeats=repeats).probability(train) == 1).all()


FEW, OTHER = {"trusted": 5}, {"lengths": 9.0}  # trusted pairs that cannot tell how many are bad


@pytest.mark.parametrize("trusted", [FEW, OTHER], ids=["few", "of other lengths"])
def test_gross_pairs_are_rejected_whatever_the_trusted_pairs_can_tell(trusted):
    model, train = learnt(100, kind=Kind.GROSS, **trusted)
    weights = model.probability(train)
    assert weights[:100].mean() < 0.1 and weights[100:].mean() > 0.98
    clean, train = learnt(0, kind=Kind.GROSS, **trusted)
    assert (clean.probability(train) == 1).all()


@pytest.mark.parametrize("kind", [Kind.MILD, Kind.RARE])
@pytest.mark.parametrize("trusted", [FEW, OTHER], ids=["few", "of other lengths"])
def test_others_are_not_unless_trusted_pairs_tell_so_or_some_are_known_to_be_bad(trusted, kind):
    model, train = learnt(100, kind=kind, **trusted)
    assert (model.probability(train) == 1).all()
    known, train = learnt(100, kind=kind, is_corrupted=True, **trusted)
    rejects = trusted is OTHER or kind is Kind.RARE
    assert bool(known.probability(train)[:100].mean() < 0.1) == rejects


def test_gross_pairs_keep_their_weight_where_as_many_trusted_pairs_look_so():
    train = torch.cat([drawn(500, -1.0, 1), drawn(5000, 1.0, 2)])
    made = drawn(3000, -1.0, 3)
    trusted = torch.cat([drawn(10, -1.0, 5), drawn(100, 1.0, 4)])
    assert (of_kind(Kind.GROSS, train, made, trusted).probability(train) == 1).all()
    assert of_kind(Kind.GROSS, train, made, trusted[10:]).probability(train)[:500].mean() < 0.1


@pytest.mark.parametrize("order", ["as well as the good ones", "by no score"])
def test_where_made_pairs_look_like_good_ones_none_is_bad_even_where_some_must_be(order):
    middle = 1.0 if order == "by no score" else 0.9
    train, made, trusted = drawn(5000, 1.0, 1), drawn(3000, middle, 3), drawn(100, 1.0, 4)
    model = of_kind(Kind.RARE, train, made, trusted, is_corrupted=True)
    assert (model.odds(train) == 0).all()
