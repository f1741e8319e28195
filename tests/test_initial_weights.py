"""What pairs look like before any training: gross noise starts with small weights, nothing else."""

import io
import random

import pytest
import torch
from artificial import DICTIONARIES, PAD, TYPES, Split, split
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_l2rw.data.pairs import Dictionaries
from fairseq_l2rw.initial_weights.estimate import InitialWeightModel
from fairseq_l2rw.initial_weights.lexicon import learn_lexicon
from fairseq_l2rw.initial_weights.text_features import domain_log_odds
from fairseq_l2rw.utils.errors import InputError


def weights(train, trusted, sharpness=3.0, tolerance=1.5):
    model, accepted = InitialWeightModel.learn(train, trusted, DICTIONARIES, sharpness, tolerance)
    return model.weights(accepted)


GROSS = ("wrong_language", "untranslated", "short")


def test_gross_noise_starts_with_small_weights_and_good_pairs_with_one():
    kinds = ["good"] * 700 + [kind for kind in GROSS for _ in range(100)]
    found = weights(split(kinds, 1), split(["good"] * 200, 2))
    for kind in GROSS:
        assert found[[k == kind for k in kinds]].mean() < 0.1, kind
    assert found[:700].mean() > 0.9
    assert ((found >= 0) & (found <= 1)).all()


def test_misaligned_pairs_start_with_small_weights_where_half_of_them_are():
    train, trusted = split(["good"] * 1000, 1), split(["good"] * 200, 2)
    train.tgt[500:] = train.tgt[501:] + train.tgt[500:501]
    found = weights(train, trusted)
    assert found[:500].mean() > 0.9
    assert found[500:].mean() < 0.15


def test_where_nothing_is_wrong_nothing_is_weighed_down():
    found = [
        weights(split(["good"] * 1000, seed), split(["good"] * 100, other)).mean()
        for seed, other in [(1, 2), *((seed, seed + 50) for seed in range(1, 7))]
    ]
    assert min(found) > 0.9
    assert sum(found) / len(found) > 0.97


@pytest.mark.parametrize(("trusted", "warned"), [(59, True), (60, False)])
def test_few_trusted_pairs_are_warned_about(trusted, warned, caplog):
    weights(split(["good"] * 200, 1), split(["good"] * trusted, 2))
    assert (f"only {trusted} trusted pairs" in caplog.text) == warned


@pytest.mark.parametrize(("kind", "warned"), [("swapped", True), ("third", True), ("fine", False)])
def test_trusted_pairs_unlike_all_training_pairs_are_warned_about(kind, warned, caplog):
    train = split(["good"] * 200 + ["short"] * 60, 1)
    trusted = split(["wrong_language" if kind == "third" else "good"] * 60, 2)
    if kind == "swapped":
        trusted = Split(trusted.tgt, trusted.src)
    weights(train, trusted)
    said = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert [("swapped" in text and "tokenisation" in text) for text in said] == [True] * warned


@pytest.mark.parametrize("spoilt", [0, 300])
def test_trusted_pairs_that_are_training_pairs_too_turn_no_good_pair_away(spoilt):
    """A language of many rare words, where a pair that speaks for itself says most."""
    rng = random.Random(1)
    words = [[int(rng.paretovariate(0.6)) % 1000 for _ in range(8)] for _ in range(700)]
    train = Split(*([torch.tensor([base + w for w in x]) for x in words] for base in (4, 1004)))
    train.tgt[:spoilt] = train.tgt[1:spoilt] + train.tgt[:1] if spoilt else []
    dictionaries = Dictionaries((2004, 2004), PAD, torch.full((2004,), -1))
    own, apart = (
        Split(train.src[begin : begin + 100], train.tgt[begin : begin + 100])
        for begin in (500, 600)
    )
    text = Split(train.src[:600], train.tgt[:600])
    within, other = (
        model.weights(accepted)
        for model, accepted in (
            InitialWeightModel.learn(text, x, dictionaries, 3.0, 1.5) for x in (own, apart)
        )
    )
    assert within[spoilt:].mean() > other[spoilt:].mean() - 0.02
    assert within[spoilt:].mean() > 0.85
    if spoilt:
        assert within[:spoilt].mean() < 0.1


@settings(deadline=None, max_examples=10)
@given(st.randoms(use_true_random=False))
def test_a_weight_does_not_depend_on_the_order_of_the_pairs(rng):
    train = split(["good"] * 200 + ["short"] * 100, 1)
    trusted = split(["good"] * 50, 2)
    order = list(range(300))
    rng.shuffle(order)
    mixed = Split([train.src[n] for n in order], [train.tgt[n] for n in order])
    torch.testing.assert_close(weights(mixed, trusted), weights(train, trusted)[order])


def test_domain_log_odds_by_hand():
    train, trusted = torch.tensor([800.0, 150.0, 50.0, 0.0]), torch.tensor([80.0, 0.0, 20.0, 0.0])
    expected = torch.tensor([85 / 85, 5 / 20, 25 / 10, 1.0]).log()
    torch.testing.assert_close(domain_log_odds(train, trusted), expected)
    less = torch.tensor([84 / 85, 5 / 20, 24 / 10, 1.0]).log()
    torch.testing.assert_close(domain_log_odds(train, trusted, own=1), less)


def test_the_weight_is_written_out_what_passes_by_looks_and_by_words():
    """A sigmoid of the log ratio of two normal densities, and one of the worse correspondence."""
    kinds = ["good"] * 150 + ["short"] * 50
    train, trusted = split(kinds, 1), split(["good"] * 60, 2)

    def counts(side):
        return torch.bincount(torch.cat(side), minlength=TYPES).double()

    def looks(pairs, own):
        rows = []
        for source, target in zip(pairs.src, pairs.tgt, strict=True):
            known = []
            for tokens, a, b in (
                (source, train.src, trusted.src),
                (target, train.tgt, trusted.tgt),
            ):
                expected = counts(a) * len(torch.cat(b)) / len(torch.cat(a))
                ratios = ((counts(b) - own).clamp(min=0) + 5) / (expected + 5)
                known.append(float(ratios.log()[tokens].mean()))
            copies = sum(t in source and t >= 4 for t in target) / len(target)
            lengths = [
                torch.tensor(float(len(s)), dtype=torch.double).log() for s in (source, target)
            ]
            ratio = lengths[1] - lengths[0]
            rows.append(torch.tensor([*known, copies, *lengths, ratio, ratio**2]).double())
        return torch.stack(rows)

    x, y = looks(train, 0), looks(trusted, 1)
    scale = x.std(0, correction=0)
    scale = torch.where(scale > 1e-9, scale, 1.0)
    laws = []
    for rows in (y, x):
        z = rows / scale
        covariance = z.T.cov(correction=0) + 0.1 * 7 * torch.eye(7).double()
        laws.append(torch.distributions.MultivariateNormal(z.mean(0), covariance))

    def score(rows):
        return laws[0].log_prob(rows / scale) - laws[1].log_prob(rows / scale)

    # The ratio is known up to a constant, which decides where its extremes are drawn in.
    origin = score(torch.zeros(1, 7).double())
    a, b = ((s := score(rows) - origin).sign() * s.abs().log1p() for rows in (x, y))
    words = learn_lexicon(train, trusted, DICTIONARIES)[1]
    mean, deviation = words[1].mean(0), words[1].std(0, correction=0)
    c, d = (((scores - mean) / deviation).min(1).values for scores in words)

    def passing(scores, of_trusted, tolerance):
        far = (scores - of_trusted.mean()) / of_trusted.std(correction=0)
        top = torch.sigmoid(torch.tensor(2 * tolerance).double())
        return (torch.sigmoid(2 * (far + tolerance)) / top).clamp(max=1)

    passes = passing(a, b, 2.0) * passing(c, d, 1.0)
    of_trusted = passing(b, b, 2.0) * passing(d, d, 1.0)
    falsely, away = (1 - of_trusted).mean(), (1 - passes).mean()
    chance = away * (1 - away) / len(train) + falsely * (1 - falsely) / len(trusted)
    certain = 1 - 9 * chance / (away - falsely) ** 2
    assert 0.1 < certain < 0.95
    expected = passes ** (certain * (1 - (1 - away) / (1 - falsely) * falsely / away))
    found = weights(train, trusted, sharpness=2.0, tolerance=1.0)
    torch.testing.assert_close(found, expected.float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_trusted_pairs_gives_finite_weights(count):
    found = weights(split(["good"] * 100 + ["short"] * 50, 1), split(["good"] * count, 2))
    assert torch.isfinite(found).all() and ((found >= 0) & (found <= 1)).all()


def test_other_pairs_are_weighed_as_training_pairs_are():
    kinds = ["good"] * 700 + [kind for kind in GROSS for _ in range(100)]
    train, trusted = split(kinds, 1), split(["good"] * 200, 2)
    model, accepted = InitialWeightModel.learn(train, trusted, DICTIONARIES, 3.0, 1.5)
    known = model.weights(accepted)
    state = io.BytesIO()
    torch.save(model.state_dict(), state)
    state.seek(0)
    again = InitialWeightModel.from_state(torch.load(state, weights_only=True), DICTIONARIES)
    others = split(["good"] * 100 + [kind for kind in GROSS for _ in range(30)], 9)
    found = again.weights(again.accepted(others))
    expected = model.weights(model.accepted(others))
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)
    factors = again.factors(again.accepted(others))
    torch.testing.assert_close(factors.prod(1), found)
    assert found[:100].mean() > known[:700].mean() - 0.05
    assert found[100:].mean() < known[700:].mean() + 0.05
    wrong = Dictionaries((TYPES + 1, TYPES), PAD, DICTIONARIES.shared)
    with pytest.raises(InputError, match="other dictionaries"):
        InitialWeightModel.from_state(model.state_dict(), wrong)


def test_a_pair_that_was_learnt_from_does_not_speak_for_itself_when_it_is_weighed_again():
    train, trusted = split(["good"] * 300, 1), split(["good"] * 100, 2)
    train.tgt[150:] = train.tgt[151:] + train.tgt[150:151]
    model, accepted = InitialWeightModel.learn(train, trusted, DICTIONARIES, 3.0, 1.5)
    state = io.BytesIO()
    torch.save(model.state_dict(), state)
    state.seek(0)
    again = InitialWeightModel.from_state(torch.load(state, weights_only=True), DICTIONARIES)
    torch.testing.assert_close(again.accepted(train), accepted, rtol=1e-3, atol=1e-3)
    model.lexicon.learnt.clear()
    assert model.accepted(train)[150:, 1].mean() > 2 * accepted[150:, 1].mean()
