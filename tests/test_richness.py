"""Targets that say less than their sources do lose weight, and no others do."""

import math
import random

import numpy as np
import pytest
import torch
from artificial import DICTIONARIES, EOS, FIRST, TYPES, WORDS, Split, flat, judged

from fairseq_l2rw.data.sentences import Sentences
from fairseq_l2rw.initial_weights.cost import worth
from fairseq_l2rw.initial_weights.estimate import InitialWeightModel
from fairseq_l2rw.initial_weights.options import InitialOptions
from fairseq_l2rw.initial_weights.richness import Richness
from fairseq_l2rw.initial_weights.surprisal import Pieces, Surprisal


def translated(words, rng, plain):
    """A person finds the rarer word one time in three, a bad model never, and it stops soon."""
    found = [w if plain or rng.random() < 2 / 3 else WORDS + w for w in words]
    found = [w if not plain or w < WORDS // 4 else w % 4 for w in found]
    return found[: -(-3 * len(found) // 4)] if plain else found


def texts(count, seed, plain=0, lengths=(8, 16), rate=0.15):
    """Pairs, of which the first targets are plain; words are the rarer the smaller the rate."""
    rng = random.Random(seed)
    sources, targets = [], []
    for number in range(count):
        size = rng.randint(*lengths)
        words = [min(int(rng.expovariate(rate)), WORDS - 1) for _ in range(size)]
        target = translated(words, rng, number < plain)
        for side, first, found in ((sources, "source", words), (targets, "target", target)):
            side.append(torch.tensor([FIRST[first] + w for w in found] + [EOS]))
    return Split(sources, targets)


def joined(*splits):
    return Split([y for x in splits for y in x.src], [y for x in splits for y in x.tgt])


def learnt(train, trusted, good=None):
    good = torch.ones(len(train)) if good is None else good
    model = Richness.learn(judged(train), judged(trusted), DICTIONARIES, good)
    return model, weighed(model, train)


def weighed(model, pairs):
    """The probability that pairs are good."""
    return worth(model.odds(judged(pairs)), 1.0)


@pytest.mark.parametrize(
    ("plain", "trusted"), [(200, 500), (800, 100), (800, 500), (2000, 100), (2000, 500)]
)
def test_plain_targets_lose_their_weight_however_many_there_are(plain, trusted):
    _, weights = learnt(texts(4000, 1, plain), texts(trusted, 2))
    assert weights[:plain].mean() < 0.4 and weights[plain:].mean() > 0.9


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("trusted", [30, 100, 500])
def test_where_none_is_plain_all_weights_are_exactly_one(seed, trusted):
    _, weights = learnt(texts(2000, seed), texts(trusted, seed + 50))
    assert (weights == 1).all()


@pytest.mark.parametrize("lengths", [(2, 6), (20, 30)])
@pytest.mark.parametrize("rate", [0.05, 0.4])
def test_another_kind_of_text_is_no_plainer(lengths, rate):
    """Its sentences are shorter or longer and its words rarer or more frequent, on both sides."""
    train = joined(texts(2000, 1), texts(2000, 2, lengths=lengths, rate=rate))
    _, weights = learnt(train, texts(300, 3))
    assert weights.mean() > 0.99


def test_initial_weights_ask_it_as_quality():
    train, trusted = texts(4000, 1, 1000), texts(300, 2)
    model = InitialWeightModel.learn(train, trusted, DICTIONARIES, InitialOptions())
    factors = model.factors(train)
    asked = factors[:, model.FACTORS.index("richness")]
    assert asked[:1000].mean() < 0.4 and asked[1000:].mean() > 0.9
    assert (model.weights(factors) <= asked.float()).all()
    others = texts(400, 3, 200)
    again = InitialWeightModel.from_state(model.state_dict(), DICTIONARIES).factors(others)
    asked = again[:, model.FACTORS.index("richness")]
    assert asked[:200].mean() < 0.4 and asked[200:].mean() > 0.9


def test_what_is_bad_for_another_reason_is_not_asked():
    train, good = texts(4000, 1, 1000), torch.ones(4000)
    good[:1000] = 0.0
    assert (learnt(train, texts(300, 2), good)[1] == 1).all()


def test_a_pair_that_is_there_a_thousand_times_counts_once():
    own = texts(2000, 1)
    often = Split(own.src[:1] * 1000, own.tgt[:1] * 1000)
    assert (learnt(joined(own, often), texts(300, 2))[1] == 1).all()


def test_other_pairs_are_weighed_as_training_pairs_are_and_after_saving_too():
    train, trusted = texts(4000, 1, 1000), texts(300, 2)
    model, weights = learnt(train, trusted)
    again = Richness.from_state(model.state_dict())
    assert torch.equal(weighed(again, train), weights)
    others = weighed(again, texts(1000, 3, 500))
    assert others[:500].mean() == pytest.approx(float(weights[:1000].mean()), abs=0.05)
    assert others[500:].mean() == pytest.approx(float(weights[1000:].mean()), abs=0.05)


def test_a_large_text_is_weighed_part_by_part(monkeypatch):
    train, trusted = texts(2000, 1, 1000), texts(100, 2)
    model, weights = learnt(train, trusted)
    monkeypatch.setattr("fairseq_l2rw.data.sentences._BLOCK", 64)
    assert torch.equal(weighed(model, train), weights) and weights.min() < 1


def test_of_a_very_large_text_a_part_is_learnt_from(monkeypatch):
    monkeypatch.setattr("fairseq_l2rw.initial_weights.richness._TOKENS", 12 * 2000)
    train, trusted = texts(4000, 1, 1000), texts(300, 2)
    model, weights = learnt(train, trusted)
    assert weights[:1000].mean() < 0.4 and weights[1000:].mean() > 0.9
    monkeypatch.undo()
    whole, _ = learnt(train, trusted)
    part, all_keys = (x.measure.surprisals[1].keys for x in (model, whole))
    assert len(part) < len(all_keys)


@pytest.mark.parametrize("count", [1, 2, 50])
def test_a_tiny_text_has_weights_of_one(count):
    assert (learnt(texts(count, 1), texts(1, 2))[1] == 1).all()


def test_an_order_of_pairs_does_not_matter():
    train, trusted = texts(1000, 1, 500), texts(300, 2)
    order = np.random.default_rng(1).permutation(1000)
    mixed = Split([train.src[n] for n in order], [train.tgt[n] for n in order])
    weights = learnt(train, trusted)[1]
    torch.testing.assert_close(learnt(mixed, trusted)[1], weights[order])
    assert weights.min() < 1


def test_how_surprising_pieces_are_is_written_out():
    """Of the first half, the second one says it: a b comes up three times there, a c once."""
    a, b, c = 4, 5, 6
    rows = [[a, b]] * 3 + [[a, c]] + [[a, b], [c, b]]
    text = Pieces.of(Sentences.of([torch.tensor(row) for row in rows]))
    half = torch.tensor([1, 1, 1, 1, 0, 0])
    keys = text.keys(TYPES).unique()
    found = Surprisal.learn(text, half, torch.ones(6), keys, TYPES).mean(text, half)
    single = {a: 4.5, b: 3.5, c: 1.5}
    single = {piece: count / (8 + TYPES / 2) for piece, count in single.items()}
    after = {
        (0, a): (4 + 5 * single[a]) / 9,
        (a, b): (3 + 5 * single[b]) / 9,
        (0, c): 5 * single[c] / 9,  # no sentence there begins with it
        (c, b): single[b],  # and nothing is known of what follows it
    }
    expected = [
        -sum(math.log(single[y] * after[x, y]) / 2 for x, y in ((0, row[0]), tuple(row))) / 2
        for row in rows[4:]
    ]
    assert found[4:].tolist() == pytest.approx(expected, rel=1e-6)


def test_a_sum_of_surprisals_is_that_of_their_means():
    """Of pieces that came up and of others."""
    train, others = (Pieces.of(flat(texts(50, seed)).tgt) for seed in (1, 2))
    half, keys = torch.arange(50) % 2, train.keys(TYPES).unique()
    learnt = [Surprisal.learn(train, half, torch.rand(50), keys, TYPES) for _ in range(2)]
    means = [x.mean(others, half) for x in learnt]
    found = Surprisal.combined([(2.0, learnt[0]), (-0.5, learnt[1])]).mean(others, half)
    torch.testing.assert_close(found, 2 * means[0] - 0.5 * means[1], rtol=1e-5, atol=1e-5)
