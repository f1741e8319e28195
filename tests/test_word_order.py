"""Targets whose words are out of order lose weight, and no others do."""

import math
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from artificial import DICTIONARIES, EOS, TYPES, Split, judged
from fairseq.data import Dictionary
from hypothesis import given
from hypothesis import strategies as st

from fairseq_l2rw.data.dictionaries import (
    Dictionaries,
    boundaries_of_types,
    letters_of_types,
    numerals_of_types,
)
from fairseq_l2rw.data.pairs import ParallelText
from fairseq_l2rw.data.sentences import Sentences
from fairseq_l2rw.data.words import Words
from fairseq_l2rw.initial_weights.cost import worth
from fairseq_l2rw.initial_weights.halves import JudgedPairs
from fairseq_l2rw.initial_weights.made_pairs import shuffled
from fairseq_l2rw.initial_weights.word_order import Bigrams, BigramTable, WordOrder

FIRST, WORDS = 4, 60
EACH = torch.arange(TYPES).ge(FIRST).expand(2, TYPES)  # every type is a word, but for special ones


def texts(count, seed, corrupted=0, loose=0.0):
    """Pairs of a language in which one of three words follows; of some the order is lost.

    With the probability ``loose`` any word may follow.
    """
    rng = random.Random(seed)
    targets = []
    for number in range(count):
        words = [rng.randrange(WORDS)]
        while len(words) < 8:
            follows = (7 * words[-1] + rng.randrange(3)) % WORDS
            words.append(rng.randrange(WORDS) if loose and rng.random() < loose else follows)
        if number < corrupted:
            rng.shuffle(words)
        targets.append(torch.tensor([FIRST + w for w in words] + [EOS]))
    # What sources say does not matter here, but digests are of both.
    return Split([torch.tensor([FIRST + rng.randrange(WORDS), EOS]) for _ in targets], targets)


def learnt(train, trusted, good=None):
    good = torch.ones(len(train)) if good is None else good
    model = WordOrder.learn(judged(train), judged(trusted), DICTIONARIES, good)
    return model, weighed(model, train)


def weighed(model, pairs, dictionaries=DICTIONARIES):
    """The probability that pairs are good."""
    return worth(model.odds(judged(pairs), dictionaries), 1.0)


@pytest.mark.parametrize("corrupted", [60, 400, 2000])
def test_shuffled_targets_lose_their_weight_however_many_there_are(corrupted):
    _, weights = learnt(texts(4000, 1, corrupted), texts(200, 2))
    assert weights[:corrupted].mean() < 0.2 and weights[corrupted:].mean() > 0.9


def test_where_other_pairs_are_bad_a_few_out_of_order_are_told_too():
    """So few that as many of thirty trusted pairs may look like that by chance."""
    train, trusted = texts(8000, 1, 80, loose=0.3), texts(30, 2, loose=0.3)
    assert (learnt(train, trusted)[1] == 1).all()
    good = torch.ones(8000)
    good[7800:] = 0.0
    _, weights = learnt(train, trusted, good)
    assert weights[:80].mean() < 0.5 and weights[80:].mean() > 0.99


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_targets_of_one_template_do_not_make_their_order_usual(seed):
    """They differ in their last word."""
    train, rng = texts(4000, seed, 400), random.Random(seed)
    source, target = train.src[0], train.tgt[0]
    for place in range(200):
        train.src[place], train.tgt[place] = source, target.clone()
        train.tgt[place][-2] = FIRST + rng.randrange(WORDS)
    _, weights = learnt(train, texts(200, 2))
    assert weights[:200].mean() < 0.2 and weights[400:].mean() > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_where_all_are_in_order_all_weights_are_exactly_one(seed):
    _, weights = learnt(texts(2000, seed), texts(100, seed + 50))
    assert (weights == 1).all()


def test_other_pairs_are_weighed_as_training_pairs_are_and_after_saving_too():
    train, trusted = texts(4000, 1, 1000), texts(200, 2)
    model, weights = learnt(train, trusted)
    again = WordOrder.from_state(model.state_dict())
    others = texts(1000, 3, 500)
    found = weighed(again, others)
    assert found[:500].mean() == pytest.approx(float(weights[:1000].mean()), abs=0.05)
    assert found[500:].mean() == pytest.approx(float(weights[1000:].mean()), abs=0.05)
    torch.testing.assert_close(weighed(again, train), weights, rtol=1e-5, atol=1e-6)


def test_a_large_text_is_weighed_part_by_part(monkeypatch):
    train, trusted = texts(500, 1, 250), texts(100, 2)
    model, weights = learnt(train, trusted)
    monkeypatch.setattr("fairseq_l2rw.data.sentences._BLOCK", 64)
    torch.testing.assert_close(weighed(model, train), weights)


def test_of_a_very_large_text_a_part_is_learnt_from(monkeypatch):
    monkeypatch.setattr("fairseq_l2rw.initial_weights.word_order._TOKENS", 9 * 2000)
    model, weights = learnt(texts(4000, 1, 1000), texts(200, 2))
    assert model.table.counts.sum() < 7 * 2000
    assert weights[:1000].mean() < 0.2 and weights[1000:].mean() > 0.9


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_tiny_text_has_weights(count):
    _, weights = learnt(texts(count, 1), texts(1, 2))
    assert torch.isfinite(weights).all() and ((weights >= 0) & (weights <= 1)).all()


def test_a_text_of_single_words_has_weights_of_one():
    words = [torch.tensor([FIRST + n % 7, EOS]) for n in range(300)]
    _, weights = learnt(Split(words, words), Split(words[:50], words[:50]))
    assert (weights == 1).all()


def dictionary(*symbols):
    found = Dictionary()
    for symbol in symbols:
        found.add_symbol(symbol)
    return found


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ("▁the ▁ele phant ▁sleeps .", [(0, 1), (2, 3)]),
        ("the ele@@ phant sleeps .", [(0, 1), (2, 3), (3, 4)]),
        ("the elephant sleeps .", [(0, 1), (1, 2), (2, 3)]),
    ],
)
def test_bigrams_are_where_a_word_ends_and_the_next_one_begins(pieces, expected):
    symbols = pieces.split()
    found = dictionary(*symbols)
    line = torch.tensor([found.index(symbol) for symbol in symbols] + [found.eos()])
    text = Bigrams.of(Words.of(Sentences.of([line[-1:], line, line]), boundaries_of_types(found)))
    pairs = [(int(line[a]), int(line[b])) for a, b in expected]
    assert [tuple(x) for x in text.types.tolist()] == pairs * 2
    assert text.sentence.tolist() == [1] * len(pairs) + [2] * len(pairs) and text.count == 3


@pytest.mark.parametrize(
    ("text", "one_each"),
    [
        ("▁设置 文件 系统 的 权限 和 所有 者 的 名称 以及 时间 。", True),
        ("▁the ▁ele phant ▁sleep s ▁under ▁a ▁tree ▁in ▁the ▁old ▁garden .", False),
        ("▁epä järjes telmä llisty ttämä ttömyy della ▁on ▁oma ▁nimi", False),
        ("▁ t h e ▁ e l e p h a n t ▁ s l e e p s", False),
    ],
)
def test_where_blanks_do_not_end_words_every_piece_is_a_word(text, one_each):
    symbols = text.split(" ")
    found = dictionary(*symbols)
    line = torch.tensor([found.index(symbol) for symbol in symbols] + [found.eos()])
    known = Dictionaries.of(found, found)
    again = known.of_targets(Sentences.of([line] * 3))
    assert (len(Words.of(Sentences.of([line]), again.boundaries)) == len(line)) == one_each
    assert one_each or again is known


@pytest.mark.parametrize(
    ("symbol", "letters"), [("▁the", 3), ("ele@@", 3), ("。", 1), ("▁", 0), ("<0xE2>", 1)]
)
def test_letters_of_a_piece_are_counted_without_its_marks(symbol, letters):
    found = dictionary(symbol)
    assert letters_of_types(found)[found.nspecial :].tolist() == [letters]
    assert not letters_of_types(found)[: found.nspecial].any()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("▁the ▁2 0 1 6 ▁3,5 ▁A4 , ▁and ▁or ▁not ▁a", "2 0 1 6 3,5"),
        ("464 3290 318 287 262 1", ""),  # pieces as numbers
    ],
)
def test_numbers_have_digits_and_no_letter(text, expected):
    found = dictionary(*text.split())
    numerals = numerals_of_types(found).nonzero().flatten().tolist()
    assert [found[n].lstrip("▁") for n in numerals] == expected.split()


def test_a_picture_like_the_mark_of_a_word_makes_no_marks_of_it():
    words = dictionary(*(f"word{n}" for n in range(300)), "▁▂▃")
    ends, begins = boundaries_of_types(words)
    assert ends[words.nspecial :].all() and begins[words.nspecial :].all()
    pieces = dictionary(*(f"▁word{n}" for n in range(300)), "piece", "@@")
    _, begins = boundaries_of_types(pieces)
    assert begins[pieces.nspecial :].tolist() == [True] * 300 + [False] * 2


@given(st.lists(st.integers(1, 3), min_size=1, max_size=8), st.integers(0, 100))
def test_words_are_shuffled_whole_and_the_end_stays(sizes, seed):
    """A word is one to three pieces; even types begin one."""
    boundaries = torch.stack([torch.ones(100, dtype=torch.bool), torch.arange(100) % 2 == 0])
    words = [[2 * n, *([2 * n + 1] * (size - 1))] for n, size in enumerate(sizes, start=5)]
    target = torch.tensor([piece for word in words for piece in word] + [EOS])
    both = Sentences.of([target[-1:], target])
    pairs = JudgedPairs(ParallelText(both, both), np.array([0, seed]))
    _, found = (row.tolist() for row in shuffled(pairs, boundaries).text.tgt)
    assert found[-1] == EOS and Counter(found) == Counter(target.tolist())
    again = []
    for piece in found[:-1]:
        if piece % 2 == 0:
            again.append([])
        again[-1].append(piece)
    assert sorted(again) == words


def test_how_usual_a_word_is_after_another_is_written_out():
    """Of the first half, the second one says it: a b comes up three times there, a c once."""
    a, b, c = FIRST, FIRST + 1, FIRST + 2
    rows = [[a, b]] * 3 + [[a, c]] + [[a, b]] * 2
    text = Bigrams.of(Words.of(Sentences.of([torch.tensor([*row, EOS]) for row in rows]), EACH))
    half = torch.tensor([1, 1, 1, 1, 0, 0])
    table = BigramTable.learn(text, half, torch.ones(6), TYPES)
    usual = {b: (5 + 1) / (6 + TYPES), c: (1 + 1) / (6 + TYPES)}
    of_b = (3 + 5 * usual[b]) / (4 + 5) / usual[b]
    of_c = (0 + 5 * usual[c]) / (2 + 5) / usual[c]  # the first half does not have it
    expected = [min(math.log(of_b), 3.0), min(math.log(of_c), 3.0)]
    found = table.evidence(text, half)
    assert found[4].tolist() == pytest.approx([expected[0], 0.0])
    assert found[3].tolist() == pytest.approx([expected[1], 0.0])


def test_bad_targets_say_less_of_what_is_usual():
    a, b, c = FIRST, FIRST + 1, FIRST + 2
    text = Bigrams.of(Words.of(Sentences.of([torch.tensor([a, x, EOS]) for x in (b, c)]), EACH))
    table = BigramTable.learn(text, torch.zeros(2).long(), torch.tensor([1.0, 0.25]), TYPES)
    assert table.counts[0].tolist() == [1.0, 0.25] and float(table.totals[0, a]) == 1.25


def test_an_order_of_pairs_does_not_matter():
    train, trusted = texts(600, 1, 200), texts(100, 2)
    order = np.random.default_rng(1).permutation(600)
    mixed = Split([train.src[n] for n in order], [train.tgt[n] for n in order])
    torch.testing.assert_close(learnt(mixed, trusted)[1], learnt(train, trusted)[1][order])


def test_types_without_boundaries_make_no_bigrams():
    none = replace(DICTIONARIES, boundaries=torch.zeros(2, TYPES, dtype=torch.bool))
    train, trusted = texts(50, 1), texts(10, 2)
    model = WordOrder.learn(judged(train), judged(trusted), none, torch.ones(50))
    assert (weighed(model, train, none) == 1).all()
