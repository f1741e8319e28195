"""Words of a pair correspond as far as other pairs say so, never by its own word alone."""

from collections import Counter
from math import log

import pytest
import torch
from artificial import DICTIONARIES, PAD, TYPES, Split, sentence, split

from fairseq_l2rw.data.pairs import PairSubset
from fairseq_l2rw.initial_weights import lexicon as module
from fairseq_l2rw.initial_weights.lexicon import fingerprints, halves
from fairseq_l2rw.initial_weights.links import Links, enough


def learnt(text, good=None, before=None):
    good = torch.ones(len(text)) if good is None else good
    links = Links.read(text, DICTIONARIES)
    return module.Lexicon.learn(links, halves(fingerprints(text)), good, before)


def associations(train, trusted):
    """Of training pairs and of trusted pairs."""
    text = PairSubset(train, enough(train))
    lexicon = learnt(text)
    return [
        module.associations(lexicon, pairs, DICTIONARIES, halves(fingerprints(pairs)))
        for pairs in (train, trusted)
    ]


def by_hand(text, train, judged, rounds=5, pseudo=5.0, enough=1.5):
    """IBM Model 1 with dictionaries: of lists of (given, said) lists; nats per said word.

    Frequencies are those of the text, of which ``train`` is a half.
    """
    frequency = Counter(word for _, said in text for word in said)
    words = sum(frequency.values()) + TYPES
    usual = {word: (frequency[word] + 1) / words for word in range(TYPES)}
    following = {(g, s): 1.0 for given, said in train for g in given for s in said}

    def shares(given, said, chance):
        """Whose doing each said word is: a list of ((given, said), share)."""
        found = []
        for s in said:
            chances = [chance.get((g, s), 0.0) for g in given]
            if sum(chances) > 0:
                found += [((g, s), c / sum(chances)) for g, c in zip(given, chances, strict=True)]
        return found

    for _ in range(rounds):
        chance, counts, totals = following, Counter(), Counter()
        for given, said in train:
            for (g, s), share in shares(given, said, chance):
                counts[g, s] += share
                totals[g] += share
        following = {(g, s): counts[g, s] / totals[g] for g, s in chance}
    result = []
    for given, said in judged:
        gain = 0.0
        for s in said:
            chances = [(counts[g, s] + pseudo * usual[s]) / (totals[g] + pseudo) for g in given]
            gain += min(log(sum(chances) / len(given) / usual[s]), enough)
        result.append(gain / len(said))
    return torch.tensor(result, dtype=torch.double)


def test_it_is_ibm_model_1_of_the_half_that_a_pair_does_not_belong_to():
    train, trusted = split(["good"] * 30 + ["short"] * 10, 1), split(["good"] * 8, 2)
    train.src[0] = torch.cat([train.src[0], train.src[0][:3]])  # words that come up twice
    train.tgt[0] = torch.cat([train.tgt[0], train.tgt[0][:3]])
    found = associations(train, trusted)
    of_train, of_trusted = (halves(fingerprints(pairs)).tolist() for pairs in (train, trusted))
    assert 0 < sum(of_train) < 40 and 0 < sum(of_trusted) < 8

    def lists(pairs, way):
        return [(a.tolist(), b.tolist())[::way] for a, b in zip(pairs.src, pairs.tgt, strict=True)]

    for column, way in enumerate((1, -1)):
        text = lists(train, way)
        for result, pairs, own in zip(
            found, (text, lists(trusted, way)), (of_train, of_trusted), strict=True
        ):
            for half in (0, 1):
                learnt = [row for row, h in zip(text, of_train, strict=True) if h != half]
                judged = [row for row, h in zip(pairs, own, strict=True) if h == half]
                expected = by_hand(text, learnt, judged)
                mine = result[torch.tensor(own) == half, column]
                torch.testing.assert_close(mine, expected)


def test_misaligned_pairs_are_told_although_half_of_the_pairs_are():
    train, trusted = split(["good"] * 1000, 1), split(["good"] * 100, 2)
    train.tgt[500:] = train.tgt[501:] + train.tgt[500:501]
    found, of_trusted = (scores.sum(1) for scores in associations(train, trusted))
    good, bad = found[:500], found[500:]
    assert (good.unsqueeze(1) > bad).double().mean() > 0.98
    # What was learnt from is judged as what was not.
    assert abs(good.mean() - of_trusted.mean()) < 0.3 * good.std()


@pytest.mark.parametrize("times", [1, 2, 50])
def test_neither_a_pair_nor_its_copies_speak_for_it(times):
    """Its words come up nowhere else: nothing says that they correspond."""
    train, trusted = split(["good"] * 100, 1), split(["good"] * 10, 2)
    for number in range(times):
        train.src[number] = torch.tensor([TYPES - 2, TYPES - 3])
        train.tgt[number] = torch.tensor([TYPES - 1])
    found = associations(train, trusted)[0]
    assert float(found[:times].sum(1).max()) < 1e-9


def test_a_trusted_pair_that_is_a_training_pair_is_judged_as_that_one():
    train, other = split(["good"] * 60, 1), split(["good"] * 5, 2)
    trusted = Split([*train.src[:20], *other.src], [*train.tgt[:20], *other.tgt])
    found, of_trusted = associations(train, trusted)
    torch.testing.assert_close(of_trusted[:20], found[:20])
    torch.testing.assert_close(of_trusted[20:], associations(train, other)[1])


def test_of_a_very_long_pair_the_same_part_of_both_sides_is_looked_at(monkeypatch):
    train, trusted = split(["good"] * 50, 1), split(["good"] * 5, 2)
    train.src.append(sentence([1, 2] * 1000, "source"))
    train.tgt.append(sentence([1, 2] * 500, "target"))
    seen = []
    key = module.link_keys

    def remembered(source, target, *args):
        seen.append((source.shape[1], target.shape[1]))
        return key(source, target, *args)

    monkeypatch.setattr(module, "link_keys", remembered)
    monkeypatch.setattr("fairseq_l2rw.initial_weights.links.link_keys", remembered)
    assert torch.isfinite(associations(train, trusted)[0]).all()
    assert max(seen) == (256, 129)


def test_of_a_large_corpus_a_part_is_learnt_from(monkeypatch):
    train, trusted = split(["good"] * 1000, 1), split(["good"] * 100, 2)
    train.tgt[900:] = train.tgt[901:] + train.tgt[900:901]
    monkeypatch.setattr("fairseq_l2rw.initial_weights.links._LINKS", 50_000)
    assert 300 < len(enough(train)) < 800
    found, _ = (scores.sum(1) for scores in associations(train, trusted))
    assert (found[:900].unsqueeze(1) > found[900:]).double().mean() > 0.98


def test_what_is_learnt_from_is_as_much_as_the_bound_says(monkeypatch):
    train = split(["good"] * 1000, 1)
    train.src[0] = train.src[0].repeat(100)  # long pairs are cut
    links = torch.tensor([len(s) * len(t) for s, t in zip(train.src, train.tgt, strict=True)])
    links[0] = 0
    monkeypatch.setattr("fairseq_l2rw.initial_weights.links._LINKS", 50_000)
    some = enough(train)
    assert (some[1:] > some[:-1]).all()
    assert 48_000 < links[torch.from_numpy(some)].sum() <= 50_000
    monkeypatch.setattr("fairseq_l2rw.initial_weights.links._LINKS", 10)
    assert len(enough(train)) == 1  # one at least


@pytest.mark.parametrize("count", [1, 2])
def test_a_tiny_corpus_gives_finite_numbers(count):
    for scores in associations(split(["good"] * count, 1), split(["good"], 2)):
        assert torch.isfinite(scores).all()


def test_padding_changes_nothing():
    train, trusted = split(["good"] * 50, 1), split(["good"] * 5, 2)
    long = Split([*train.src, sentence([1] * 60, "source")], [*train.tgt, train.tgt[0][-1:]])
    half = halves(fingerprints(long))
    one_by_one = (
        (torch.tensor([n]), long.src[n].unsqueeze(0), long.tgt[n].unsqueeze(0)) for n in range(51)
    )
    links = Links.of(one_by_one, (TYPES, TYPES), PAD)
    lexicon = module.Lexicon.learn(links, half, torch.ones(51))
    found, _ = associations(long, trusted)
    for number in range(50):
        sides = (side[number].unsqueeze(0) for side in (long.src, long.tgt))
        alone = lexicon.association(*sides, half[number : number + 1])
        torch.testing.assert_close(alone[0], found[number])


def test_how_many_pairs_are_looked_at_together_changes_nothing(monkeypatch):
    train, trusted = split(["good"] * 60, 1), split(["good"] * 20, 2)
    together = associations(train, trusted)
    monkeypatch.setattr("fairseq_l2rw.data.pairs._CELLS", 500)
    for found, expected in zip(associations(train, trusted), together, strict=True):
        torch.testing.assert_close(found, expected)


def test_bad_pairs_say_less_of_which_words_go_together():
    """Half of the text is in a third language: with a weight of 0, as if it were not there."""
    good, other = split(["good"] * 400, 1), split(["wrong_language"] * 400, 2)
    train = Split([*good.src, *other.src], [*good.tgt, *other.tgt])
    half = halves(fingerprints(train))
    counts = torch.cat([torch.ones(400), torch.zeros(400)])
    lexicon, alone, both = learnt(train, counts), learnt(good), learnt(train)

    def found(by, pairs, parts):
        return module.associations(by, pairs, DICTIONARIES, parts).amin(1)

    # The frequencies of types are those of all pairs.
    rows = found(lexicon, good, half[:400]), found(alone, good, half[:400])
    assert torch.corrcoef(torch.stack(rows))[0, 1] > 0.95
    third = found(lexicon, other, half[400:]), found(both, other, half[400:])
    assert third[0].max() < 0 < third[1].median()


def test_links_say_what_the_pairs_say():
    train = split(["good"] * 80, 1)
    lexicon, half = learnt(train), halves(fingerprints(train))
    links = Links.read(train, DICTIONARIES)
    expected = module.associations(lexicon, train, DICTIONARIES, half)
    torch.testing.assert_close(lexicon.of_links(links, half), expected)


def test_a_lexicon_goes_on_from_what_it_was(monkeypatch):
    """Five rounds, and two more from there, are seven."""
    train = split(["good"] * 80, 1)
    again = learnt(train, before=learnt(train))
    monkeypatch.setattr(module, "_ROUNDS", 7)
    at_once = learnt(train)
    for one, other in zip(again.directions, at_once.directions, strict=True):
        torch.testing.assert_close(one.counts, other.counts)
