"""Sides with different digits lose weight where more pairs have them than trusted pairs do."""

import random

import pytest
import torch
from fairseq.data import Dictionary

from fairseq_l2rw.data.dictionaries import Dictionaries, digits_of_types
from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.data.sentences import Sentences
from fairseq_l2rw.initial_weights.cost import worth
from fairseq_l2rw.initial_weights.halves import JudgedPairs
from fairseq_l2rw.initial_weights.numerals import Numerals
from fairseq_l2rw.initial_weights.text_features import TextFeatures

KINDS = {"none": (0, 0, 0), "same": (6, 0, 0), "missing": (6, 2, 0), "other": (6, 2, 1)}


def texts(**counts):
    """Text features of pairs: the digits of both sides, and what either has and the other lacks."""
    rows = [KINDS[kind] for kind, count in counts.items() for _ in range(count)]
    return torch.cat([torch.zeros(len(rows), 5), torch.tensor(rows).view(-1, 3)], 1).double()


def learnt(train, trusted, good=None):
    good = torch.ones(len(train)) if good is None else good
    return Numerals.learn(train, trusted, good)


def weights(model):
    """The probability that pairs of each kind are good."""
    found = worth(model.odds(texts(**dict.fromkeys(KINDS, 1))), 1.0)
    return dict(zip(KINDS, found.tolist(), strict=True))


def test_pairs_with_different_digits_lose_their_weight_and_no_others():
    train = texts(none=5000, same=800, missing=100, other=100)
    good = torch.ones(6000)
    good[-200:] = 0.1  # as the words say
    found = weights(learnt(train, texts(none=800, same=200), good))
    assert found["none"] == found["same"] == 1
    assert found["missing"] < 0.1 and found["other"] < 0.1


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_what_trusted_pairs_do_as_often_costs_nothing(share):
    some = round(1000 * share)
    train = texts(none=5000, same=1000 - 2 * some, missing=some, other=some)
    trusted = texts(none=500, same=200 - round(400 * share), missing=round(200 * share))
    trusted = torch.cat([trusted, texts(other=round(200 * share))])
    assert weights(learnt(train, trusted)) == dict.fromkeys(KINDS, 1.0)


def test_a_handful_is_to_be_expected():
    train = texts(none=5000, same=1000, other=3)
    assert weights(learnt(train, texts(none=500, same=200)))["other"] == 1


@pytest.mark.parametrize("known", [0, 3])
def test_with_few_trusted_pairs_that_have_digits_pairs_that_correspond_speak_for_good_ones(known):
    """A tenth of the training pairs that correspond have other digits: so may good ones."""
    train = texts(same=900, other=100)
    trusted = texts(none=100, same=known)
    assert weights(learnt(train, trusted))["other"] == 1
    doubtful = torch.cat([torch.ones(900), torch.zeros(100)])
    assert weights(learnt(train, trusted, doubtful))["other"] < 0.2


def test_odds_are_written_out():
    train, trusted = texts(same=800, other=200), texts(same=95, other=5)
    good = torch.cat([torch.ones(800), torch.zeros(200)])
    share, falsely = 0.2, 5 / 200  # 100 more pairs that are as good ones are, none of them other
    chance = falsely * (1 - falsely) * (1 / 1000 + 1 / 200)
    certain = 1 - 9 * chance / (share - falsely) ** 2
    bad = (1 - falsely / (1 - falsely) / (share / (1 - share))) * certain
    odds = bad / (1 - bad)
    model = learnt(train, trusted, good)
    assert float(model.odds_by_place[2]) == pytest.approx(odds, rel=1e-6)


def test_of_a_text_without_digits_nothing_is_said():
    assert (learnt(texts(none=100), texts(none=10)).odds(texts(none=100)) == 0).all()


def dictionary(*symbols):
    found = Dictionary()
    for symbol in symbols:
        found.add_symbol(symbol)
    found.finalize(padding_factor=8)  # adds madeupword0000 and so on
    return found


def test_digits_of_types_are_of_all_scripts_and_of_no_special_type():
    symbols = {"▁2016": [2, 0, 1, 6], "CO₂": [2], "٣": [3], "▁two": [], "<0x31>": [], "22": [2, 2]}
    found = dictionary(*symbols)
    digits = digits_of_types(found)
    assert digits.shape == (len(found), 10) and len(found) % 8 == 0
    for symbol, expected in symbols.items():
        counts = torch.bincount(torch.tensor(expected, dtype=torch.long), minlength=10)
        assert digits[found.index(symbol)].tolist() == counts.tolist(), symbol
    assert digits.sum() == 8


def test_digits_count_however_they_are_cut_into_pieces():
    source, target = dictionary("▁2", "016", "▁Uhr"), dictionary("▁201", "6", "▁7", "▁pm")
    sides = (
        Sentences.of([d.encode_line(line, add_if_not_exist=False).long() for line in lines])
        for d, lines in (
            (source, ["▁2 016", "▁Uhr", "▁2 ▁Uhr", "▁2 ▁2"]),
            (target, ["▁201 6", "▁pm", "▁7 ▁pm", "▁pm"]),
        )
    )
    pairs = JudgedPairs.of(ParallelText(*sides))
    features = TextFeatures.learn(pairs, pairs, Dictionaries.of(source, target))
    expected = torch.tensor([[8, 0, 0], [0, 0, 0], [2, 1, 1], [2, 2, 0]]).double()
    torch.testing.assert_close(features(pairs)[:, 5:], expected)


def spelled_out(count, digits, rng):
    """Pairs of so many digits each, every one of which a side may spell in words."""
    rows = []
    for _ in range(count):
        lacking = [sum(rng.random() < 0.05 for _ in range(digits)) for _ in range(2)]
        rows.append([0.0] * 5 + [2.0 * digits - sum(lacking), *map(float, lacking)])
    return torch.tensor(rows).double()


@pytest.mark.parametrize("digits", [(6, 2), (2, 6), (12, 2)])
def test_good_pairs_with_more_digits_than_trusted_ones_have_cost_nothing(digits):
    rng = random.Random(1)
    train, trusted = (spelled_out(n, d, rng) for n, d in zip((4000, 300), digits, strict=True))
    assert weights(learnt(train, trusted)) == dict.fromkeys(KINDS, 1.0)
