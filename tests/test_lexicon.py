"""Words of a pair correspond as far as other pairs say so, never by its own word alone."""

from collections import Counter
from math import log

import numpy as np
import pytest
import torch
from artificial import DICTIONARIES, PAD, TYPES, Split, digested, flat, sentence, split

from fairseq_l2rw.initial_weights import lexicon as module
from fairseq_l2rw.initial_weights import links
from fairseq_l2rw.initial_weights.halves import halves
from fairseq_l2rw.initial_weights.links import Links, enough, numbered


def learnt(text, good=None, before=None):
    good = torch.ones(len(text)) if good is None else good
    read = Links.read(flat(text), DICTIONARIES)
    return module.Lexicon.learn(read, halves(digested(text)), good, before)


def supports(train, trusted):
    """Of training pairs and of trusted pairs: a list of (target words, source words)."""
    lexicon = learnt(flat(train).take(enough(flat(train))))
    return [of(lexicon, pairs, halves(digested(pairs))) for pairs in (train, trusted)]


def of(lexicon, pairs, half):
    parts = numbered(flat(pairs), DICTIONARIES, lexicon.table)
    return listed(lexicon.support(parts, half), len(pairs))


def listed(found, count):
    """Without padding, in the order of the pairs."""
    rows = [None] * count
    for places, sides in found:
        for at, *words in zip(places.tolist(), *sides, strict=True):
            rows[at] = tuple(side[side.isfinite()] for side in words)
    return rows


def shortfalls(train, trusted):
    """How far words of training pairs, and of trusted ones, fall short of their usual support."""
    return [
        torch.stack([sum(side.clamp(max=0).sum() for side in row) for row in rows])
        for rows in supports(train, trusted)
    ]


def by_hand(text, own, judged, half, rounds=5, pseudo=5.0):
    """IBM Model 1 with dictionaries: of lists of (given, said) lists; nats of each said word.

    Args:
        text: that is learnt from.
        own: which half of it each pair belongs to.
        judged: pairs that are judged.
        half: that they belong to.
    """
    frequency = Counter(word for _, said in text for word in said)
    size = sum(frequency.values()) + TYPES
    usual = {word: (frequency[word] + 1) / size for word in range(TYPES)}

    def maximised(train):
        chance = {(g, s): 1.0 for given, said in train for g in given for s in said}
        for _ in range(rounds):
            counts, totals = Counter(), Counter()
            for given, said in train:
                for s in said:
                    whole = sum(chance[g, s] for g in given)
                    for g in given:
                        counts[g, s] += chance[g, s] / whole
                        totals[g] += chance[g, s] / whole
            chance = {(g, s): counts[g, s] / totals[g] for g, s in chance}
        return counts, totals

    known = [maximised([row for row, h in zip(text, own, strict=True) if h == n]) for n in (0, 1)]

    def gain(g, s, by):
        counts, totals = known[by]
        return log((counts[g, s] + pseudo * usual[s]) / (totals[g] + pseudo) / usual[s])

    words, gains = (Counter(), Counter()), (Counter(), Counter())
    for other in (0, 1):
        for (g, s), count in known[other][0].items():
            words[other][s] += count
            gains[other][s] += count * gain(g, s, 1 - other)
    average = sum(map(Counter.total, gains)) / sum(map(Counter.total, words))
    other = 1 - half

    def support(given, s):
        mean = (gains[other][s] + 5 * average) / (words[other][s] + 5)
        return max(gain(g, s, other) for g in given) - mean

    return [torch.tensor([support(given, s) for s in said]).double() for given, said in judged]


def test_it_is_ibm_model_1_of_the_half_that_a_pair_does_not_belong_to():
    """A word's support is its gain by the best of the other side, beyond what is usual."""
    train, trusted = split(["good"] * 30 + ["short"] * 10, 1), split(["good"] * 8, 2)
    train.src[0] = torch.cat([train.src[0], train.src[0][:3]])  # words that come up twice
    train.tgt[0] = torch.cat([train.tgt[0], train.tgt[0][:3]])
    found = supports(train, trusted)
    of_train, of_trusted = (halves(digested(pairs)).tolist() for pairs in (train, trusted))
    assert 0 < sum(of_train) < 40 and 0 < sum(of_trusted) < 8

    def lists(pairs, way):
        return [(a.tolist(), b.tolist())[::way] for a, b in zip(pairs.src, pairs.tgt, strict=True)]

    for side, way in enumerate((1, -1)):
        text = lists(train, way)
        for rows, pairs, own in zip(
            found, (text, lists(trusted, way)), (of_train, of_trusted), strict=True
        ):
            for row, pair, half in zip(rows, pairs, own, strict=True):
                (expected,) = by_hand(text, of_train, [pair], half)
                torch.testing.assert_close(row[side], expected, rtol=1e-5, atol=1e-5)


def test_misaligned_pairs_are_told_although_half_of_the_pairs_are():
    train, trusted = split(["good"] * 1000, 1), split(["good"] * 100, 2)
    train.tgt[500:] = train.tgt[501:] + train.tgt[500:501]
    found, of_trusted = shortfalls(train, trusted)
    good, bad = found[:500], found[500:]
    assert (good.unsqueeze(1) > bad).double().mean() > 0.98
    # What was learnt from is judged as what was not.
    assert abs(good.mean() - of_trusted.mean()) < 0.1 * (good.mean() - bad.mean())


@pytest.mark.parametrize("times", [1, 2, 50])
def test_neither_a_pair_nor_its_copies_speak_for_it(times):
    """Its words come up nowhere else: nothing says that they correspond."""
    train, trusted = split(["good"] * 100, 1), split(["good"] * 10, 2)
    for number in range(times):
        train.src[number] = torch.tensor([TYPES - 2, TYPES - 3])
        train.tgt[number] = torch.tensor([TYPES - 1])
    found = supports(train, trusted)[0]
    assert all(float(side.max()) < 1e-9 for row in found[:times] for side in row)


def test_a_trusted_pair_that_is_a_training_pair_is_judged_as_that_one():
    train, other = split(["good"] * 60, 1), split(["good"] * 5, 2)
    trusted = Split([*train.src[:20], *other.src], [*train.tgt[:20], *other.tgt])
    found, of_trusted = supports(train, trusted)
    torch.testing.assert_close(of_trusted[:20], found[:20])
    torch.testing.assert_close(of_trusted[20:], supports(train, other)[1])


def test_of_a_very_long_pair_the_same_part_of_both_sides_is_looked_at(monkeypatch):
    train, trusted = split(["good"] * 50, 1), split(["good"] * 5, 2)
    train.src.append(sentence([1, 2] * 1000, "source"))
    train.tgt.append(sentence([1, 2] * 500, "target"))
    seen = []
    key = links.link_keys

    def remembered(source, target, *args):
        seen.append((source.shape[1], target.shape[1]))
        return key(source, target, *args)

    monkeypatch.setattr(links, "link_keys", remembered)
    found = supports(train, trusted)[0]
    assert [len(side) for side in found[-1]] == [129, 256]
    assert max(seen) == (256, 129)


def test_of_a_large_corpus_a_part_is_learnt_from(monkeypatch):
    train, trusted = split(["good"] * 1000, 1), split(["good"] * 100, 2)
    train.tgt[900:] = train.tgt[901:] + train.tgt[900:901]
    monkeypatch.setattr("fairseq_l2rw.initial_weights.links._LINKS", 50_000)
    assert 300 < len(enough(flat(train))) < 800
    found, _ = shortfalls(train, trusted)
    assert (found[:900].unsqueeze(1) > found[900:]).double().mean() > 0.98


def test_what_is_learnt_from_is_as_much_as_the_bound_says(monkeypatch):
    train = split(["good"] * 1000, 1)
    train.src[0] = train.src[0].repeat(100)  # long pairs are cut
    links = torch.tensor([len(s) * len(t) for s, t in zip(train.src, train.tgt, strict=True)])
    links[0] = 0
    monkeypatch.setattr("fairseq_l2rw.initial_weights.links._LINKS", 50_000)
    some = enough(flat(train))
    assert (some[1:] > some[:-1]).all()
    assert 48_000 < links[torch.from_numpy(some)].sum() <= 50_000
    monkeypatch.setattr("fairseq_l2rw.initial_weights.links._LINKS", 10)
    assert len(enough(flat(train))) == 1  # one at least


@pytest.mark.parametrize("count", [1, 2])
def test_a_tiny_corpus_gives_finite_numbers(count):
    pairs = split(["good"] * count, 1), split(["good"], 2)
    for rows, text in zip(supports(*pairs), pairs, strict=True):
        sizes = [(len(t), len(s)) for t, s in zip(text.tgt, text.src, strict=True)]
        assert [tuple(map(len, row)) for row in rows] == sizes


def test_padding_changes_nothing():
    train = split(["good"] * 50, 1)
    long = Split([*train.src, sentence([1] * 60, "source")], [*train.tgt, train.tgt[0][-1:]])
    half = halves(digested(long))
    one_by_one = (
        (torch.tensor([n]), long.src[n].unsqueeze(0), long.tgt[n].unsqueeze(0)) for n in range(51)
    )
    read = Links.of(one_by_one, (TYPES, TYPES), PAD)
    lexicon = module.Lexicon.learn(read, half, torch.ones(51))
    found = of(learnt(long), long, half)
    for number in range(50):
        alone = of(lexicon, flat(long).take(np.array([number])), half[number : number + 1])
        torch.testing.assert_close(alone, found[number : number + 1])


def test_how_many_pairs_are_looked_at_together_changes_nothing(monkeypatch):
    train, trusted = split(["good"] * 60, 1), split(["good"] * 20, 2)
    together = supports(train, trusted)
    monkeypatch.setattr("fairseq_l2rw.data.pairs._CELLS", 500)
    torch.testing.assert_close(supports(train, trusted), together)


def test_bad_pairs_say_less_of_which_words_go_together():
    """Half of the text is in a third language: with a weight of 0, as if it were not there."""
    good, other = split(["good"] * 400, 1), split(["wrong_language"] * 400, 2)
    train = Split([*good.src, *other.src], [*good.tgt, *other.tgt])
    half = halves(digested(train))
    counts = torch.cat([torch.ones(400), torch.zeros(400)])
    lexicon, alone, both = learnt(train, counts), learnt(good), learnt(train)

    def found(by, pairs, parts):
        return torch.cat([target for target, _ in of(by, pairs, parts)])

    # The frequencies of types are those of all pairs.
    rows = found(lexicon, good, half[:400]), found(alone, good, half[:400])
    assert torch.corrcoef(torch.stack(rows))[0, 1] > 0.9
    # Nothing accounts for words of the third language, where it does if all pairs count.
    third = found(lexicon, other, half[400:]), found(both, other, half[400:])
    assert third[0].median() < third[1].median() - 0.5


def test_links_say_what_the_pairs_say():
    train = split(["good"] * 80, 1)
    lexicon, half = learnt(train), halves(digested(train))
    parts = Links.read(flat(train), DICTIONARIES).parts
    found = listed(lexicon.support(parts, half), len(train))
    torch.testing.assert_close(found, of(lexicon, train, half))


def test_a_lexicon_goes_on_from_what_it_was(monkeypatch):
    """Five rounds, and two more from there, are seven."""
    train = split(["good"] * 80, 1)
    again = learnt(train, before=learnt(train))
    monkeypatch.setattr(module, "_ROUNDS", 7)
    at_once = learnt(train)
    for one, other in zip(again.directions, at_once.directions, strict=True):
        torch.testing.assert_close(one.counts, other.counts)
