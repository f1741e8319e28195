"""A pair with one wrong word loses weight, and a good one with an unusual word does not."""

import random

import numpy as np
import pytest
import torch
from artificial import (
    DICTIONARIES,
    EOS,
    FIRST,
    TYPES,
    WORDS,
    Split,
    flat,
    judged,
    made_from,
    sentence,
    split,
)
from hypothesis import given
from hypothesis import strategies as st

from fairseq_l2rw.initial_weights.correspondence import Correspondence
from fairseq_l2rw.initial_weights.cost import worth
from fairseq_l2rw.initial_weights.halves import JudgedPairs
from fairseq_l2rw.initial_weights.lexicon import Lexicon
from fairseq_l2rw.initial_weights.links import Links, key_table, numbered
from fairseq_l2rw.initial_weights.made_pairs import exchanged


def texts(count, seed, wrong=0):
    """Good pairs, of which the first have one target word replaced by another."""
    found = split(["good"] * count, seed)
    rng = random.Random(seed)
    for number in range(wrong):
        target = found.tgt[number].clone()
        place = rng.randrange(len(target) - 1)
        moved = (int(target[place]) - FIRST["target"] + rng.randrange(5, WORDS - 5)) % WORDS
        target[place] = FIRST["target"] + moved
        found.tgt[number] = target
    return found


def learnt(train, trusted):
    """The model, and the probabilities that training pairs are good."""
    relevance, translated = (torch.ones(TYPES),) * 2, torch.ones(len(train), dtype=torch.bool)
    model, odds = Correspondence.learn(
        judged(train), judged(trusted), DICTIONARIES, relevance, translated
    )
    return model, worth(odds, 1.0)


@pytest.mark.parametrize("wrong", [300, 1500])
def test_pairs_with_one_wrong_word_lose_weight_and_others_hardly_any(wrong):
    _, weights = learnt(texts(3000, 1, wrong), texts(300, 2))
    supported = weights[:, Correspondence.FACTORS.index("support")]
    assert supported[:wrong].mean() < 0.5 and supported[wrong:].mean() > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_where_no_word_is_wrong_all_weights_are_exactly_one(seed):
    _, weights = learnt(texts(2000, seed), texts(100, seed + 50))
    assert (weights == 1).all()


def test_other_pairs_are_weighed_as_training_pairs_are_and_after_saving_too():
    train, others = texts(3000, 1, 1500), texts(1000, 3, 500)
    model, weights = learnt(train, texts(300, 2))
    again = Correspondence.from_state(model.state_dict())
    found = worth(again.odds(judged(others)), 1.0)
    for rows, same in ((found[:500], weights[:1500]), (found[500:], weights[1500:])):
        torch.testing.assert_close(rows.mean(0), same.mean(0), atol=0.05, rtol=0)
    known = worth(again.odds(judged(train)), 1.0)
    torch.testing.assert_close(known, weights, rtol=1e-4, atol=1e-4)


def test_a_part_of_a_large_text_is_learnt_from_and_all_of_it_weighed(monkeypatch):
    monkeypatch.setattr("fairseq_l2rw.initial_weights.links._LINKS", 150_000)
    _, weights = learnt(texts(3000, 1, 1500), texts(300, 2))
    supported = weights[:, Correspondence.FACTORS.index("support")]
    assert supported.shape == (3000,)
    assert supported[:1500].mean() < 0.6 and supported[1500:].mean() > 0.9


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_tiny_text_has_weights(count):
    _, weights = learnt(texts(count, 1), texts(1, 2))
    assert torch.isfinite(weights).all() and ((weights >= 0) & (weights <= 1)).all()


def test_a_word_that_is_usual_without_its_counterpart_is_none_to_worry_about():
    """Type 0 of the target comes with any source; of the others each has its own."""
    rng = random.Random(1)
    rows = [[rng.randrange(1, WORDS) for _ in range(6)] for _ in range(2000)]
    sources = [sentence(row, "source") for row in rows]
    targets = [sentence([*row, *[0] * (n % 2)], "target") for n, row in enumerate(rows)]
    train = Split(sources, targets)
    table, half = key_table(flat(train), TYPES), judged(train).half.numpy()
    parts = [flat(train).take(np.flatnonzero(half == n)) for n in (0, 1)]
    links = [Links.read(part, table, TYPES) for part in parts]
    ones = [np.ones(len(part)) for part in parts], (np.ones(TYPES),) * 2
    lexicon = Lexicon.learn(links, table, *ones)

    def found(words):
        pair = Split([sentence([1, 2, 3], "source")], [sentence(words, "target")])
        (found,) = lexicon.evidence(numbered(flat(pair), table, TYPES), 0)
        return found.support[1]

    assert found([1, 2, 3]).min() > -0.5
    assert found([1, 2, 3, 0])[3] > -0.5  # of no source word, and needs none
    assert found([1, 2, 3, 7])[3] < -2


@given(st.integers(2, 30), st.integers(0, 1000))
def test_words_change_places_and_nothing_else_does(count, seed):
    pairs = texts(count, seed)
    made, words = exchanged(judged(pairs), np.arange(count), DICTIONARIES, torch.ones(TYPES))
    assert len(made) == len(made.text) <= count
    found = made.text.src, made.text.tgt, made_from(pairs, made), words.tolist()
    for source, target, place, word in zip(*found, strict=True):
        assert torch.equal(source, pairs.src[place]) and int(target[-1]) == EOS
        assert len(target) == len(pairs.tgt[place])
        assert (target != pairs.tgt[place]).nonzero().flatten().tolist() == [word]


def test_the_rarer_of_two_words_is_exchanged():
    frequency = torch.ones(TYPES)
    frequency[FIRST["target"]] = 1000
    rows = [[0] * 8 + [n % 5 + 1] * 8 for n in range(200)]
    pairs = Split(*([sentence(row, side) for row in rows] for side in ("source", "target")))
    text = JudgedPairs(flat(pairs), np.arange(200) * 7919)
    _, words = exchanged(text, np.arange(200), DICTIONARIES, frequency)
    assert 0.65 < (words >= 8).mean() < 0.95  # three in four


def test_pairs_that_do_not_belong_together_say_nothing_of_one_wrong_word():
    """Half of the targets are another pair's: no good pair pays for it."""
    train = texts(3000, 1)
    train.tgt[1500:] = train.tgt[1501:] + train.tgt[1500:1501]
    _, weights = learnt(train, texts(300, 2))
    supported = weights[:, Correspondence.FACTORS.index("support")]
    assert (supported[:1500] == 1).all()
    assert weights[:1500].prod(1).mean() > 0.95 and weights[1500:].prod(1).mean() < 0.1
