"""Words of a pair correspond as far as other pairs say so, never by its own word alone."""

from collections import Counter
from math import exp, log

import numpy as np
import pytest
import torch
from artificial import FIRST, TYPES, Split, flat, judged, sentence, split

from fairseq_l2rw.initial_weights import lexicon as module
from fairseq_l2rw.initial_weights.links import Links, enough, key_table, numbered

ALIKE = (np.ones(TYPES),) * 2  # as usual in trusted text


def by_half(pairs, half):
    """Places of the pairs of either half."""
    return [np.flatnonzero(half.numpy() == n) for n in (0, 1)]


def read(text, table):
    """Links of either half."""
    places = by_half(text, judged(text).half)
    return [Links.read(flat(text).take(some), table, TYPES) for some in places]


def learnt(text, good=None, before=None, relevance=ALIKE):
    good = np.ones(len(text)) if good is None else good
    table, places = key_table(flat(text), TYPES), by_half(text, judged(text).half)
    likely = [good[some] for some in places]
    if before is None:
        return module.Lexicon.learn(read(text, table), table, likely, relevance)
    before.learn_again(read(text, table), likely)
    return before


def supports(train, trusted):
    """Of training pairs and of trusted pairs: a list of (source words, target words)."""
    lexicon = learnt(flat(train).take(enough(flat(train))))
    return [of(lexicon, pairs, judged(pairs).half) for pairs in (train, trusted)]


def of(lexicon, pairs, half, what="support"):
    """What is said of source and target words, in the order of the pairs."""
    rows = [None] * len(pairs)
    for n, places in enumerate(by_half(pairs, half)):
        links = numbered(flat(pairs).take(places), lexicon.table, TYPES)
        found = listed(lexicon.evidence(links, n), what)
        for place, row in zip(places.tolist(), found, strict=True):
            rows[place] = row
    return rows


def listed(found, what="support"):
    rows = []
    for some in found:
        for n in range(some.links.pairs):
            sides = zip(some.links.sides, getattr(some, what), strict=True)
            rows.append(tuple(torch.from_numpy(x[words.pair == n]) for words, x in sides))
    return rows


def shortfalls(train, trusted):
    """How far words of training pairs, and of trusted ones, fall short of their usual support."""
    return [
        torch.stack([sum(side.clamp(max=0).sum() for side in row) for row in rows])
        for rows in supports(train, trusted)
    ]


def by_hand(text, own, judged, half, relevance, rounds=5, pseudo=5.0):
    """IBM Model 1 with dictionaries: of lists of (given, said) lists; nats of words of a pair.

    Args:
        text: that is learnt from.
        own: which half of it each pair belongs to.
        judged: a pair that is judged.
        half: that it belongs to.
        relevance: of the types that are said.

    Returns:
        The support of each word that is said, and the coverage of each that is given.
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

    # Coverage: the same counts, as far as trusted text has what is said.
    def relevant(by):
        counts = {(g, s): n * relevance[s] for (g, s), n in known[by][0].items()}
        sums = Counter()
        for (g, _), n in counts.items():
            sums[g] += n
        return counts, sums

    (mine, sums), (theirs, their_sums) = relevant(half), relevant(other)
    logs, whole = Counter(), [0.0, 0.0]
    for by, (counts, _), (judges, totals) in (
        (other, (theirs, their_sums), (mine, sums)),
        (half, (mine, sums), (theirs, their_sums)),
    ):
        for (g, s), n in counts.items():
            value = n * log((judges.get((g, s), 0) + 1e-3) / (totals[g] + 1))
            whole[0], whole[1] = whole[0] + value, whole[1] + n
            if by == other:
                logs[g] += value

    def coverage(g, said):
        likely = (logs[g] + 5 * whole[0] / whole[1]) / (their_sums[g] + 5)
        best = max(theirs.get((g, s), 0) for s in said)
        return log((best + pseudo * exp(likely)) / (their_sums[g] + pseudo)) - likely

    given, said = judged
    return (
        torch.tensor([support(given, s) for s in said]).double(),
        torch.tensor([coverage(g, said) for g in given]).double(),
    )


def test_it_is_ibm_model_1_of_the_half_that_a_pair_does_not_belong_to():
    """Support is a gain by the best of the other side beyond what is usual, coverage likewise."""
    train, trusted = split(["good"] * 30 + ["short"] * 10, 1), split(["good"] * 8, 2)
    train.src[0] = torch.cat([train.src[0], train.src[0][:3]])  # words that come up twice
    train.tgt[0] = torch.cat([train.tgt[0], train.tgt[0][:3]])
    relevance = np.random.default_rng(1).uniform(0.5, 1.5, (2, TYPES))
    lexicon = learnt(train, relevance=relevance)
    of_train, of_trusted = (judged(pairs).half.tolist() for pairs in (train, trusted))
    assert 0 < sum(of_train) < 40 and 0 < sum(of_trusted) < 8

    def lists(pairs, way):
        return [(a.tolist(), b.tolist())[::way] for a, b in zip(pairs.src, pairs.tgt, strict=True)]

    for side, way in enumerate((1, -1)):
        text = lists(train, way)
        for pairs, own in ((train, of_train), (trusted, of_trusted)):
            support, coverage = (
                of(lexicon, pairs, torch.tensor(own), what) for what in ("support", "coverage")
            )
            for n, (pair, half) in enumerate(zip(lists(pairs, way), own, strict=True)):
                expected = by_hand(text, of_train, pair, half, relevance[1 - side].tolist())
                found = support[n][1 - side], coverage[n][side]
                torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def covered(lexicon, sources, targets):
    """How far words of a pair's source are covered, by both halves."""
    pair = Split([torch.tensor(sources)], [torch.tensor(targets)])
    halves_of_it = (torch.tensor([half]) for half in (0, 1))
    return torch.stack([of(lexicon, pair, half, "coverage")[0][0] for half in halves_of_it])


def test_words_are_covered_by_their_usual_translation_and_not_by_a_third_language():
    train = split(["good"] * 1900 + ["wrong_language"] * 100, 1)
    lexicon = learnt(train)
    words = [1, 2, 3]
    source, target, third = ([FIRST[x] + w for w in words] for x in ("source", "target", "third"))
    assert covered(lexicon, source, target).min() > -0.2
    assert covered(lexicon, source, third).max() < -1.5
    assert covered(lexicon, source, [target[0], *third[1:]])[:, 0].min() > -0.2


def test_where_two_translations_are_as_usual_the_one_of_trusted_text_covers():
    train = split(["good"] * 1000 + ["wrong_language"] * 1000, 1)
    relevance = np.ones((2, TYPES))
    relevance[1, FIRST["third"] :] = 0.05
    sides = [FIRST[x] + 1 for x in ("source", "target", "third")]
    source, target, third = ([word] for word in sides)
    alike, told = learnt(train), learnt(train, relevance=relevance)
    assert min(covered(alike, source, words).min() for words in (target, third)) > -0.2
    assert covered(told, source, target).min() > -0.2
    assert covered(told, source, third).max() < -1.3


def test_a_name_that_is_always_copied_is_covered_by_its_copy_and_a_word_is_not():
    train = split(["good"] * 1900 + ["untranslated"] * 100, 1)
    name = FIRST["third"]
    for n in range(0, 500, 2):
        train.src[n] = torch.cat([torch.tensor([name]), train.src[n]])
        train.tgt[n] = torch.cat([torch.tensor([name]), train.tgt[n]])
    lexicon, word = learnt(train), FIRST["source"] + 1
    found = covered(lexicon, [name, word], [name, word])
    assert found[:, 0].min() > -0.2 and found[:, 1].max() < -1.5


@pytest.mark.parametrize("times", [0, 1, 3])
def test_a_word_that_the_other_half_hardly_knows_counts_for_little(times):
    train = split(["good"] * 200, 1)
    rare = torch.tensor([FIRST["third"]])
    for n in range(times):
        train.src[n] = torch.cat([rare, train.src[n]])
    assert covered(learnt(train), rare.tolist(), [FIRST["target"]]).min() > -0.7


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


def test_of_a_very_long_pair_the_same_part_of_both_sides_is_looked_at():
    train, trusted = split(["good"] * 50, 1), split(["good"] * 5, 2)
    train.src.append(sentence([1, 2] * 1000, "source"))
    train.tgt.append(sentence([1, 2] * 500, "target"))
    found = supports(train, trusted)[0]
    assert [len(side) for side in found[-1]] == [256, 129]


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
        sizes = [(len(s), len(t)) for s, t in zip(text.src, text.tgt, strict=True)]
        assert [tuple(map(len, row)) for row in rows] == sizes
        assert all(np.isfinite(np.asarray(side)).all() for row in rows for side in row)


def test_how_many_pairs_are_looked_at_together_changes_nothing(monkeypatch):
    train, trusted = split(["good"] * 60, 1), split(["good"] * 20, 2)
    together = supports(train, trusted)
    monkeypatch.setattr("fairseq_l2rw.initial_weights.links._TOGETHER", 500)
    torch.testing.assert_close(supports(train, trusted), together)


def test_bad_pairs_say_less_of_which_words_go_together():
    """Half of the text is in a third language: with a weight of 0, as if it were not there."""
    good, other = split(["good"] * 400, 1), split(["wrong_language"] * 400, 2)
    train = Split([*good.src, *other.src], [*good.tgt, *other.tgt])
    half = judged(train).half
    counts = np.repeat([1.0, 0.0], 400)
    lexicon, alone, both = learnt(train, counts), learnt(good), learnt(train)

    def found(by, pairs, parts):
        return torch.cat([target for _, target in of(by, pairs, parts)])

    # The frequencies of types are those of all pairs.
    rows = found(lexicon, good, half[:400]), found(alone, good, half[:400])
    assert torch.corrcoef(torch.stack(rows))[0, 1] > 0.9
    # Nothing accounts for words of the third language, where it does if all pairs count.
    third = found(lexicon, other, half[400:]), found(both, other, half[400:])
    assert third[0].median() < third[1].median() - 0.5


def test_links_are_all_words_of_both_sides():
    """Of each word those of the other side, whether their types have a number or not."""
    train, other = split(["good"] * 40, 1), split(["good"] * 20 + ["untranslated"] * 20, 2)
    table = key_table(flat(train), TYPES)
    keys = table.keys.tolist()
    for pairs in (train, other):
        links = Links.read(flat(pairs), table, TYPES)
        assert links.pairs == 40
        for side, words in enumerate(links.sides):
            own, others = (pairs.src, pairs.tgt)[:: 1 - 2 * side]
            assert words.types.tolist() == [w for row in own for w in row.tolist()]
            first = 0
            for at, (word, pair) in enumerate(zip(words.types, words.pair, strict=True)):
                count = words.count[at]
                both = [(word, w)[:: 1 - 2 * side] for w in others[pair].tolist()]
                found = [s * TYPES + t for s, t in both]
                expected = [keys.index(key) if key in keys else 0 for key in found]
                assert words.number[first : first + count].tolist() == expected
                first += count


def test_links_that_were_read_say_what_the_pairs_say(monkeypatch):
    monkeypatch.setattr("fairseq_l2rw.initial_weights.links._TOGETHER", 500)
    train = split(["good"] * 80, 1)
    lexicon, half = learnt(train), judged(train).half
    found = of(lexicon, train, half)
    for n, (places, links) in enumerate(
        zip(by_half(train, half), read(train, lexicon.table), strict=True)
    ):
        rows = listed(lexicon.evidence([links], n))
        torch.testing.assert_close(rows, [found[place] for place in places])


def test_a_lexicon_goes_on_from_what_it_was(monkeypatch):
    """Five rounds, and two more from there, are seven."""
    train = split(["good"] * 80, 1)
    again = learnt(train, before=learnt(train))
    monkeypatch.setattr(module, "_ROUNDS", 7)
    at_once = learnt(train)
    for one, other in zip(again.directions, at_once.directions, strict=True):
        np.testing.assert_allclose(one.counts, other.counts)
