"""What pairs look like before any training: gross noise starts with small weights, nothing else."""

import io
import random
from dataclasses import replace

import pytest
import torch
from artificial import DICTIONARIES, EOS, FIRST, PAD, TYPES, WORDS, Split, judged, sentence, split
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.initial_weights import estimate
from fairseq_l2rw.initial_weights.contrast import Contrast
from fairseq_l2rw.initial_weights.cost import worth
from fairseq_l2rw.initial_weights.estimate import InitialWeightModel
from fairseq_l2rw.initial_weights.options import CHOICES, InitialOptions
from fairseq_l2rw.initial_weights.text_features import domain_log_odds
from fairseq_l2rw.utils.errors import InputError


def weights(train, trusted, *options, dictionaries=DICTIONARIES):
    model = InitialWeightModel.learn(train, trusted, dictionaries, InitialOptions(*options))
    return model.weights(model.factors(train))


GROSS = ("wrong_language", "untranslated", "short")


def misaligned(text, bad):
    """The same pairs, but that the last so many have each other's targets."""
    text.tgt[-bad:] = text.tgt[1 - bad :] + text.tgt[-bad : len(text) - bad + 1]
    return text


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


def test_thirty_trusted_pairs_do_not_take_others_of_their_domain_for_another_one():
    found = [
        weights(split(["good"] * 1000, seed), split(["good"] * 30, seed + 50), "domain").mean()
        for seed in range(1, 9)
    ]
    assert min(found) > 0.99


@pytest.mark.parametrize(("trusted", "warned"), [(59, True), (60, False)])
def test_few_trusted_pairs_are_warned_about(trusted, warned, caplog):
    weights(split(["good"] * 200, 1), split(["good"] * trusted, 2))
    assert (f"only {trusted} trusted pairs" in caplog.text) == warned


@pytest.mark.parametrize("corrupted", [0, 300])
def test_trusted_pairs_that_are_there_often_say_no_more_than_once(corrupted, caplog):
    train = split(["good"] * (1000 - corrupted) + ["short"] * corrupted, 1)
    once = split(["good"] * 60, 2)
    often = Split(once.src * 10, once.tgt * 10)
    caplog.set_level("INFO")
    torch.testing.assert_close(weights(train, often), weights(train, once), rtol=0, atol=0)
    assert caplog.text.count("540 of 600 trusted pairs are copies of others") == 1


@pytest.mark.parametrize(("kind", "warned"), [("swapped", True), ("third", True), ("fine", False)])
def test_trusted_pairs_unlike_all_training_pairs_are_warned_about(kind, warned, caplog):
    train = split(["good"] * 200 + ["short"] * 60, 1)
    trusted = split(["wrong_language" if kind == "third" else "good"] * 60, 2)
    if kind == "swapped":
        trusted = Split(trusted.tgt, trusted.src)
    weights(train, trusted)
    said = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert [("swapped" in text and "tokenisation" in text) for text in said] == [True] * warned


@pytest.mark.parametrize("corrupted", [0, 300])
def test_trusted_pairs_that_are_training_pairs_too_turn_no_good_pair_away(corrupted):
    """A language of many rare words, where a pair that speaks for itself says most."""
    rng = random.Random(1)
    words = [[int(rng.paretovariate(0.6)) % 1000 for _ in range(8)] for _ in range(700)]
    train = Split(*([torch.tensor([base + w for w in x]) for x in words] for base in (4, 1004)))
    train.tgt[:corrupted] = train.tgt[1:corrupted] + train.tgt[:1] if corrupted else []
    digits = (torch.zeros(2004, 10, dtype=torch.uint8),) * 2
    boundaries = torch.arange(2004).ge(4).expand(2, 2004)
    shared, letters = torch.full((2004,), -1), torch.ones(2004)
    sizes, none = (2004, 2004), (torch.zeros(2004, dtype=torch.bool),) * 2
    dictionaries = Dictionaries(sizes, PAD, shared, digits, boundaries, letters, none)
    own, apart = (
        Split(train.src[begin : begin + 100], train.tgt[begin : begin + 100])
        for begin in (500, 600)
    )
    text = Split(train.src[:600], train.tgt[:600])
    within, other = (
        model.weights(model.factors(text))
        for model in (
            InitialWeightModel.learn(text, x, dictionaries, InitialOptions()) for x in (own, apart)
        )
    )
    assert within[corrupted:].mean() > other[corrupted:].mean() - 0.02
    assert within[corrupted:].mean() > 0.85
    if corrupted:
        assert within[:corrupted].mean() < 0.15


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


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_trusted_pairs_gives_finite_weights(count):
    found = weights(split(["good"] * 100 + ["short"] * 50, 1), split(["good"] * count, 2))
    assert torch.isfinite(found).all() and ((found >= 0) & (found <= 1)).all()


def loaded(model):
    """The model as another process reads it."""
    state = io.BytesIO()
    torch.save(model.state_dict(), state)
    state.seek(0)
    return InitialWeightModel.from_state(torch.load(state, weights_only=True), DICTIONARIES)


@pytest.mark.parametrize("by", CHOICES)
def test_other_pairs_are_weighed_as_training_pairs_are(by):
    kinds = ["good"] * 700 + [kind for kind in GROSS for _ in range(100)]
    train, trusted = split(kinds, 1), split(["good"] * 200, 2)
    model = InitialWeightModel.learn(train, trusted, DICTIONARIES, InitialOptions(by))
    known = model.weights(model.factors(train))
    again = loaded(model)
    others = split(["good"] * 100 + [kind for kind in GROSS for _ in range(30)], 9)
    found = again.weights(again.factors(others))
    expected = model.weights(model.factors(others))
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)
    assert found[:100].mean() > known[:700].mean() - 0.05
    assert found[100:].mean() < known[700:].mean() + 0.05
    wrong = replace(DICTIONARIES, digest="others")
    with pytest.raises(InputError, match="other dictionaries"):
        InitialWeightModel.from_state(model.state_dict(), wrong)


def test_a_pair_that_was_learnt_from_does_not_speak_for_itself_when_it_is_weighed_again():
    train, trusted = misaligned(split(["good"] * 300, 1), 150), split(["good"] * 100, 2)
    options = InitialOptions()
    model, *known = InitialWeightModel._learn(judged(train), judged(trusted), DICTIONARIES, options)
    # What hardly ever came together is not saved.
    found = loaded(model).factors(train)
    torch.testing.assert_close(found, model._factors(*known), rtol=0, atol=0.01)


def test_a_bad_pair_that_was_learnt_from_has_no_more_weight_than_one_that_was_not():
    train, others = (misaligned(split(["good"] * 600, seed), 300) for seed in (1, 3))
    trusted = split(["good"] * 100, 2)
    model = InitialWeightModel.learn(train, trusted, DICTIONARIES, InitialOptions())
    known, new = (model.weights(model.factors(text))[300:].mean() for text in (train, others))
    assert known < new + 0.02


@pytest.mark.parametrize("most", [1000, 3000])
def test_of_a_large_text_a_sample_tells_which_pairs_are_bad(most, monkeypatch, caplog):
    train = misaligned(split(["good"] * 3600 + ["untranslated"] * 400, 1), 400)
    train.src[3000:3500], train.tgt[3000:3500] = train.src[:1] * 500, train.tgt[1:2] * 500
    monkeypatch.setattr(estimate, "_LEARNT", most)
    caplog.set_level("INFO")
    found = weights(train, split(["good"] * 100, 2))
    assert f"learnt from {most:,} of 4,000 pairs" in caplog.text
    assert found[:3000].mean() > 0.95
    assert found[3000:3500].mean() < 0.2 and found[3600:].mean() < 0.1


class Watched:
    """A side of a split that says which of its sentences are read."""

    def __init__(self, rows):
        self.rows, self.read = rows, []

    def __getitem__(self, place):
        self.read.append(place)
        return self.rows[place]

    def __len__(self):
        return len(self.rows)


def test_what_a_large_text_does_not_need_to_be_learnt_from_is_not_read(monkeypatch):
    whole = split(["good"] * 1000, 1)
    train = Split(Watched(whole.src), Watched(whole.tgt))
    monkeypatch.setattr(estimate, "_LEARNT", 300)
    InitialWeightModel.learn(train, split(["good"] * 100, 2), DICTIONARIES, InitialOptions())
    assert train.src.read == train.tgt.read and len({*train.src.read}) == len(train.src.read) == 300


def test_a_trusted_pair_does_not_speak_for_itself_wherever_it_comes_up():
    train, trusted = split(["good"] * 600, 1), split(["good"] * 100, 2)
    model = InitialWeightModel.learn(train, trusted, DICTIONARIES, InitialOptions())
    # The same words in another order are another pair, for which the trusted one may speak.
    source, target = (
        torch.cat([row[:-1].flip(0), row[-1:]]) for row in (trusted.src[0], trusted.tgt[0])
    )
    pairs = judged(Split([trusted.src[0], source], [trusted.tgt[0], target]))
    itself, other = loaded(model).features(pairs)[:, :2]
    assert (itself < other).all()
    counts = torch.bincount(torch.cat(train.src)), torch.bincount(torch.cat(trusted.src))
    expected = [
        domain_log_odds(*(x.double() for x in counts), own)[source].mean() for own in (1, 0)
    ]
    assert [float(itself[0]), float(other[0])] == pytest.approx([float(x) for x in expected])


@pytest.mark.parametrize("bad", [20, 50, 200])
@pytest.mark.parametrize("kind", ["untranslated", "wrong_language"])
@pytest.mark.parametrize("known", [30, 100])
def test_each_pair_is_judged_for_itself_however_few_are_bad(bad, kind, known):
    train, trusted = split(["good"] * 2000 + [kind] * bad, 1), split(["good"] * known, 2)
    train.tgt[:bad] = train.tgt[1:bad] + train.tgt[:1]
    found = weights(train, trusted)
    assert found[:bad].mean() < 0.2 and found[2000:].mean() < 0.1
    assert found[bad:2000].mean() > 0.97


@pytest.mark.parametrize("bad", [3, 100])
def test_a_pair_without_one_side_has_no_weight_however_few_there_are(bad):
    train, trusted = split(["good"] * 1000, 1), split(["good"] * 100, 2)
    end = torch.tensor([EOS])
    for side, places in ((train.src, range(bad)), (train.tgt, range(bad, 2 * bad))):
        for place in places:
            side[place] = end
    found = weights(train, trusted)
    assert (found[: 2 * bad] == 0).all() and found[2 * bad :].mean() > 0.97


def test_a_pair_of_two_empty_sides_has_no_weight():
    train, end = split(["good"] * 1000, 1), torch.tensor([EOS])
    for place in range(5):
        train.src[place] = train.tgt[place] = end
    found = weights(train, split(["good"] * 100, 2))
    assert (found[:5] == 0).all() and found[5:].mean() > 0.97


@pytest.mark.parametrize("copies", [50, 400, 900])
def test_copies_do_not_make_it_usual_that_words_are_copied(copies):
    """With so few trusted pairs that these cannot say what the words' translations are."""
    train, trusted = split(["good"] * 1000 + ["untranslated"] * copies, 1), split(["good"] * 20, 2)
    factors = InitialWeightModel.learn(train, trusted, DICTIONARIES, InitialOptions()).factors(
        train
    )
    for name in ("correspondence", "coverage"):
        found = factors[:, InitialWeightModel.FACTORS.index(name)]
        assert found[1000:].mean() < 0.1 and found[:1000].mean() > 0.97


@pytest.mark.parametrize("known", [30, 100])
def test_where_other_pairs_are_bad_a_few_that_are_cut_are_told_too(known):
    """So few that a hundred trusted pairs could well have none of them by chance."""
    train = split(["short"] * 10 + ["good"] * 1990, 1)
    trusted = split(["good"] * known, 2)
    assert (weights(train, trusted)[10:] == 1).double().mean() > 0.99
    train.tgt[1800:] = train.tgt[1801:] + train.tgt[1800:1801]
    found = weights(train, trusted)
    assert found[:10].mean() < 0.1 and found[10:1800].mean() > 0.97


@pytest.mark.parametrize("times", [1, 2, 100])
def test_a_bad_pair_does_not_vouch_for_its_copies(times):
    train, trusted = split(["good"] * 1100, 1), split(["good"] * 100, 2)
    train.tgt[1000:] = train.tgt[1001:] + train.tgt[1000:1001]
    train.src[: times - 1] = train.src[1000:1001] * (times - 1)
    train.tgt[: times - 1] = train.tgt[1000:1001] * (times - 1)
    found = weights(train, trusted)
    assert found[1000] < 0.1 and found[: times - 1].sum() <= 0.1 * times


@pytest.mark.parametrize("seed", range(3))
def test_boilerplate_that_does_not_belong_together_is_told_although_all_else_is_good(seed):
    train, trusted = split(["good"] * 3000, seed), split(["good"] * 100, seed + 50)
    train.src[:200], train.tgt[:200] = train.src[:1] * 200, train.tgt[1:2] * 200
    found = weights(train, trusted)
    assert found[0] < 0.1 and found[200:].mean() > 0.97


@pytest.mark.parametrize("seed", range(3))
def test_copies_of_a_pair_with_other_numbers_do_not_vouch_for_each_other(seed):
    """Types of the third language are numbers here, which both sides have in common."""
    counts = torch.zeros(TYPES, 10, dtype=torch.uint8)
    counts[FIRST["third"] :].fill_diagonal_(1, wrap=True)
    numbered = replace(DICTIONARIES, digits=(counts,) * 2, numerals=(counts.sum(1) > 0,) * 2)
    train, trusted = split(["good"] * 3000, seed), split(["good"] * 100, seed + 50)
    for n in range(200):
        number = torch.tensor([FIRST["third"] + n % 10] * (1 + n // 50))
        train.src[n] = torch.cat([train.src[2999][:-1], number, train.src[2999][-1:]])
        train.tgt[n] = torch.cat([train.tgt[2998][:-1], number, train.tgt[2998][-1:]])
    found = weights(train, trusted, dictionaries=numbered)
    assert found[:200].max() < 0.2 and found[200:].mean() > 0.97


@pytest.mark.parametrize("seed", range(3))
def test_lines_of_one_template_do_not_vouch_for_each_other(seed, caplog):
    """Their first words differ, and elsewhere the others come up a few times, with other ones."""
    train, trusted = split(["good"] * 3000, seed), split(["good"] * 100, seed + 50)
    chance = torch.Generator().manual_seed(seed)
    rare = torch.arange(FIRST["third"], FIRST["third"] + 32).split(8)
    for n in range(200):
        for texts, words, language in (
            (train.src, rare[0], "source"),
            (train.tgt, rare[2], "target"),
        ):
            word = FIRST[language] + torch.randint(WORDS, (1,), generator=chance)
            texts[n] = torch.cat([word, words, torch.tensor([EOS])])
    for n in range(64):  # rightly they go with these
        source, target = rare[0:2] if n % 16 < 8 else rare[3:1:-1]
        train.src[200 + n] = torch.cat([source[[n % 8]], train.src[200 + n]])
        train.tgt[200 + n] = torch.cat([target[[n % 8]], train.tgt[200 + n]])
    caplog.set_level("INFO")
    found = weights(misaligned(train, 300), trusted)
    assert found[:200].mean() < 0.001 and found[200:2700].mean() > 0.99
    assert "near-duplicates" in caplog.text


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_tiny_text_has_weights(count):
    found = weights(split(["good"] * count, 1), split(["good"] * 2, 2))
    assert torch.isfinite(found).all() and ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize("seed", range(5))
def test_clean_text_keeps_weights_of_exactly_one(seed):
    assert (weights(split(["good"] * 1000, seed), split(["good"] * 100, seed + 50)) == 1).all()


def of_another_domain(count, seed):
    """Good pairs of words that the trusted pairs hardly have, and shorter ones."""
    rng = random.Random(seed)
    words = [
        [WORDS - 1 - min(int(rng.expovariate(0.2)), 29) for _ in range(4)] for _ in range(count)
    ]
    sources = [sentence(x, "source") for x in words]
    return Split(sources, [sentence(reversed(x), "target") for x in words])


@pytest.mark.parametrize("known", [100, 400])
def test_text_of_another_domain_is_good_by_quality_and_not_by_domain(known):
    train, other = split(["good"] * 1000, 1), of_another_domain(600, 2)
    train = Split([*train.src, *other.src], [*train.tgt, *other.tgt])
    train.tgt[:100] = train.tgt[1:100] + train.tgt[:1]
    found = {by: weights(train, split(["good"] * known, 3), by) for by in CHOICES}
    assert found["quality"][1000:].mean() > 0.9 and found["quality"][:100].mean() < 0.2
    assert found["domain"][1000:].mean() < 0.1 and found["domain"][:100].mean() > 0.9
    torch.testing.assert_close(found["both"], found["quality"] * found["domain"])


def of_length(count, seed, shortest, longest, corrupted=0):
    """Good pairs of so many words, but that the first ones have each other's targets."""
    rng, pairs = random.Random(seed), []
    for _ in range(count):
        size = rng.randint(shortest, longest)
        words = [min(int(rng.expovariate(0.1)), WORDS - 1) for _ in range(size)]
        pairs.append((sentence(words, "source"), sentence(reversed(words), "target")))
    text = Split(*map(list, zip(*pairs, strict=True)))
    text.tgt[:corrupted] = text.tgt[1:corrupted] + text.tgt[:1] if corrupted else []
    return text


@pytest.mark.parametrize("lengths", [((3, 6), (10, 16)), ((10, 16), (3, 6)), ((3, 8), (6, 14))])
@pytest.mark.parametrize("corrupted", [0, 300])
def test_good_pairs_may_be_of_other_lengths_than_trusted_ones(lengths, corrupted):
    train, trusted = of_length(1500, 1, *lengths[0], corrupted), of_length(150, 2, *lengths[1])
    found = weights(train, trusted)
    assert found[corrupted:].mean() > 0.9 and (corrupted or (found == 1).all())


def test_bad_pairs_are_told_by_trusted_ones_of_which_some_are_as_long():
    train, trusted = of_length(1500, 1, 3, 8, 300), of_length(150, 2, 6, 14)
    assert weights(train, trusted)[:300].mean() < 0.2


@pytest.mark.parametrize(("shortest", "warned"), [(3, False), (10, True)])
def test_trusted_pairs_of_other_lengths_are_warned_about(shortest, warned, caplog):
    weights(of_length(300, 1, 3, 6), of_length(100, 2, shortest, shortest + 3))
    said = "as long as a trusted one (sources of 4 to 7 and of 11 to 14 tokens)"
    assert (said in caplog.text) == warned


def test_odds_are_finite_however_certain_a_pair_is():
    numbers = {"mean": torch.zeros(2), "deviation": torch.ones(2), "share": torch.tensor(0.5)}
    contrast = Contrast(**numbers, slope=torch.tensor([-9000.0, 0, 0, 0, 0]).double())
    odds = contrast.odds(torch.zeros(1, 2).double())
    assert torch.isfinite(odds).all() and worth(odds, 0.0).tolist() == [1.0]
