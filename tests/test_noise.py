"""Noise is of the kind and in the amount that was asked for, and the labels say where it is."""

import subprocess
import sys
from collections import Counter
from itertools import pairwise, product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

import corruptions
import noise
from corruptions import KINDS, PAIRS, NoiseError, Text

WORDS = st.lists(
    st.sampled_from(["the", "a", "dog", "cat", "sees", "one", "two"]), min_size=1, max_size=12
)
TEXTS = WORDS.map(" ".join)
SEEDS = st.integers(0, 1000)


def make_pairs(count):
    """Targets of six words, of which four are in no other line."""
    rare = [" ".join(f"rare{i}{letter}" for letter in "abcd") for i in range(count)]
    return [(f"quelle {i} hat worte", f"target {i} {words}") for i, words in enumerate(rare)]


def corrupt(pairs, rates, rng, **more):
    return noise.corrupt(Text(pairs, **more), rates, rng)


def corrupted(count=200, seed=1, rates=None, **more):
    pairs = make_pairs(count)
    noisy, labels = corrupt(pairs, rates, Random(seed), **more)
    return pairs, noisy, labels


def of_kind(kind, pairs, noisy, labels):
    rows = zip(pairs, noisy, labels, strict=True)
    return [(before, after) for before, after, label in rows if label == kind]


ALL = dict.fromkeys(KINDS, 0.05)
FILES = {
    "wrong_language": [f"cible {i}" for i in range(200)],
    "machine": [f"what a machine makes of {i}" for i in range(200)],
    "comparable": [[f"caption {k} of {i}" for i in range(200)] for k in "abc"],
}


def test_counts_are_exact_and_a_line_has_at_most_one_kind():
    _, noisy, labels = corrupted(rates=ALL, **FILES)
    assert len(noisy) == len(labels) == 200
    assert Counter(labels) == {**dict.fromkeys(KINDS, 10), "clean": 200 - 10 * len(KINDS)}


def test_shares_are_rounded_to_the_nearest_line():
    assert noise.counts_of({"short": 0.126, "misordered": 0.5}, 10) == {"short": 1, "misordered": 5}


def test_sources_and_clean_lines_stay_as_they_are():
    pairs, noisy, labels = corrupted(rates=ALL, **FILES)
    for (source, _), (before, _), label in zip(noisy, pairs, labels, strict=True):
        assert source == before or label in PAIRS
    clean = of_kind("clean", pairs, noisy, labels)
    assert clean and all(before == after for before, after in clean)


def test_the_same_seed_gives_the_same_noise_whatever_the_order_of_the_kinds():
    backwards = dict(reversed(ALL.items()))
    assert corrupted(rates=ALL, **FILES) == corrupted(rates=backwards, **FILES)
    assert corrupted(rates=ALL, **FILES) != corrupted(rates=ALL, seed=2, **FILES)


def test_misaligned_lines_pass_their_targets_around():
    rows = of_kind("misaligned", *corrupted(rates={"misaligned": 0.5}))
    assert all(before[1] != after[1] for before, after in rows)
    assert sorted(before[1] for before, _ in rows) == sorted(after[1] for _, after in rows)


def test_repeated_targets_are_passed_around_too_while_no_text_is_the_majority():
    pairs = [("source", text) for text in ["yes"] * 5 + ["no"] * 4 + ["perhaps"]]
    noisy, _ = corrupt(pairs, {"misaligned": 1.0}, Random(1))
    assert all(new != old for new, old in zip(noisy, pairs, strict=True))
    assert Counter(noisy) == Counter(pairs)


def test_a_single_misaligned_line_gets_a_target_from_elsewhere():
    (row,) = of_kind("misaligned", *corrupted(rates={"misaligned": 0.005}))
    assert row[1][1] in {target for _, target in make_pairs(200)} - {row[0][1]}


@given(st.lists(TEXTS, min_size=2, max_size=30), SEEDS)
def test_misaligned_is_never_its_own_target_even_when_texts_repeat(targets, seed):
    pairs = [("source", target) for target in targets]
    if len(set(targets)) == 1:
        with pytest.raises(NoiseError, match="same target"):
            corrupt(pairs, {"misaligned": 1.0}, Random(seed))
        return
    noisy, _ = corrupt(pairs, {"misaligned": 1.0}, Random(seed))
    assert all(new != old for (_, new), old in zip(noisy, targets, strict=True))
    assert {target for _, target in noisy} <= set(targets)


def test_untranslated_copies_the_source():
    rows = of_kind("untranslated", *corrupted(rates={"untranslated": 0.3}))
    assert all(after == (before[0], before[0]) for before, after in rows) and len(rows) == 60


def test_wrong_language_takes_the_same_line_of_the_file():
    _, noisy, labels = corrupted(rates={"wrong_language": 0.3}, **FILES)
    found = [i for i, label in enumerate(labels) if label == "wrong_language"]
    assert len(found) == 60 and all(noisy[i][1] == f"cible {i}" for i in found)


def test_comparable_draws_a_file_for_each_line():
    _, noisy, labels = corrupted(rates={"comparable": 0.5}, **FILES)
    found = [i for i, label in enumerate(labels) if label == "comparable"]
    drawn = Counter(noisy[i][1].split()[1] for i in found)
    assert all(noisy[i][1].endswith(f"of {i}") for i in found)
    assert set(drawn) == set("abc") and min(drawn.values()) > 15


def test_comparable_is_never_the_target_itself():
    own = [target.capitalize() + "!" for _, target in make_pairs(200)]
    captions = [own, *FILES["comparable"][1:]]
    pairs, noisy, labels = corrupted(rates={"comparable": 0.9}, comparable=captions)
    found = of_kind("comparable", pairs, noisy, labels)
    assert len(found) == 180
    assert {after[1].split()[0] for _, after in found} == {"caption"}


@given(SEEDS, st.sampled_from(["machine", "comparable", "wrong_language"]))
def test_a_line_that_comes_out_as_it_was_is_not_corrupted_and_another_one_is(seed, kind):
    """A machine may be right: then its translation is no noise."""
    same = [target if i % 2 else f"other {i}" for i, (_, target) in enumerate(make_pairs(200))]
    file = [same] if kind == "comparable" else same
    pairs, noisy, labels = corrupted(200, seed, {kind: 0.4, "short": 0.1}, **{kind: file})
    assert Counter(labels) == {"clean": 100, kind: 80, "short": 20}
    for before, after, label in zip(pairs, noisy, labels, strict=True):
        assert (before == after) == (label == "clean")
    with pytest.raises(NoiseError, match=f"{kind} changes too few lines for a share of 0.6"):
        corrupted(200, seed, {kind: 0.6}, **{kind: file})


@given(WORDS, SEEDS)
def test_short_keeps_the_beginning_and_between_a_fifth_and_three_fifths(words, seed):
    kept = corruptions.shorten(" ".join(words), Random(seed)).split()
    assert kept == words[: len(kept)]
    assert len(kept) == 1 or 0.2 * len(words) <= len(kept) <= 0.6 * len(words)
    assert len(kept) >= 0.2 * len(words)


def test_short_cuts_at_different_places():
    lengths = {len(corruptions.shorten("w " * 20, Random(seed)).split()) for seed in range(200)}
    assert lengths == set(range(4, 13))


@given(WORDS, SEEDS)
def test_misordered_keeps_the_words_and_never_their_order(words, seed):
    shuffled = corruptions.misorder(" ".join(words), Random(seed)).split()
    assert Counter(shuffled) == Counter(words)
    assert (shuffled == words) == (len(set(words)) < 2)


COMMON = [f"word{chr(97 + i)}{chr(97 + j)}" for i in range(10) for j in range(10)]


def test_machine_takes_the_same_line_of_the_file():
    _, noisy, labels = corrupted(rates={"machine": 0.3}, **FILES)
    found = [i for i, label in enumerate(labels) if label == "machine"]
    assert len(found) == 60 and all(noisy[i][1] == FILES["machine"][i] for i in found)


def test_boilerplate_is_one_pair_that_does_not_belong_together():
    pairs, noisy, labels = corrupted(rates={"boilerplate": 0.2})
    (pair,) = {pair for pair, label in zip(noisy, labels, strict=True) if label == "boilerplate"}
    assert Counter(labels)["boilerplate"] == 40 and pair not in pairs
    assert pair[0] in dict(pairs) and pair[1] in dict(pairs).values()


def test_lines_of_a_template_differ_in_one_word_of_either_side():
    words = [f"{a}{b}wort" for a, b in product("abcdefghijklm", repeat=2)]
    pairs = [(f"Das {a} ist {b} .", f"the {b} was {a} .") for a, b in pairwise([*words, "awort"])]
    pairs = [*pairs, *pairs[:11]]
    noisy, labels = corrupt(pairs, {"template": 0.2}, Random(1))
    made = [pair for pair, label in zip(noisy, labels, strict=True) if label == "template"]
    assert len(made) == 36 and len(set(made)) > 30
    for side in (0, 1):
        rows = [pair[side].split() for pair in made]
        usual = [Counter(column).most_common(1)[0][0] for column in zip(*rows, strict=True)]
        changed = [sum(a != b for a, b in zip(row, usual, strict=True)) for row in rows]
        assert max(changed) == 1 and sum(changed) > len(made) / 2


def test_a_neighbour_has_the_most_similar_source_and_another_target():
    pairs = [
        ("der braune hund rennt im park", "brown dog"),
        ("der braune hund rennt im schnee", "dog in snow"),
        ("der braune hund rennt im park .", "brown dog"),  # the same target
        ("zwei frauen trinken kaffee", "coffee"),
        ("drei frauen trinken kaffee", "more coffee"),
    ]
    found = corruptions.nearest(pairs, range(5))
    assert found == ["dog in snow", "brown dog", "dog in snow", "more coffee", "coffee"]


@given(st.lists(TEXTS, min_size=1, max_size=12), SEEDS)
def test_a_neighbours_target_is_never_a_lines_own(targets, seed):
    pairs = [(f"quelle {target}", target) for target in targets]
    if len(set(targets)) > 1:
        found = corruptions.nearest(pairs[:10], range(min(len(pairs), 10)))
        assert all(a != b for a, (_, b) in zip(found, pairs, strict=False))


CAPTIONS = [
    f"a {colour} {animal} sleeps on the {place}."
    for colour in ("white", "black", "brown")
    for animal in ("horse", "mouse", "sheep")
    for place in ("grass", "table", "street")
]


@given(st.sampled_from(CAPTIONS), SEEDS)
def test_a_wrong_word_is_one_content_word_that_fits(caption, seed):
    words = corruptions.Vocabulary(CAPTIONS, frequent=0)
    wrong = corruptions.replace_word(caption, words, Random(seed))
    (place,) = noise.flawed_words(caption, wrong)
    after = {text.split()[place] for text in CAPTIONS}
    # What stands after the same word, and the full stop stays.
    assert wrong.split()[place] in after and place in (1, 2, 6)


def test_the_most_frequent_words_and_short_ones_are_no_content_words():
    words = corruptions.Vocabulary([" ".join(COMMON)] * 3 + ["dog elephant"])
    assert [w for w in (COMMON[0], "dog", "elephant", "elephant,") if words.is_content(w)] == [
        "elephant",
        "elephant,",
    ]


def test_a_text_without_content_words_stays_as_it_is():
    words = corruptions.Vocabulary(["a dog", "the cat"])
    assert corruptions.replace_word("a dog", words, Random(1)) == "a dog"


@given(
    st.dictionaries(st.sampled_from(KINDS), st.floats(0, 0.1), max_size=6),
    st.integers(60, 200),
    SEEDS,
)
def test_any_rates_give_their_exact_counts(rates, count, seed):
    files = {
        "wrong_language": ["autre"] * count,
        "machine": ["autre"] * count,
        "comparable": [["caption"] * count],
    }
    _, noisy, labels = corrupted(count, seed, rates, **files)
    found = Counter(labels)
    assert all(found[kind] == round(rate * count) for kind, rate in rates.items())
    assert len(noisy) == count


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({"short": 0.6, "misordered": 0.6}, "more than 1"),
        ({"garbled": 0.1}, "unknown kind of noise 'garbled'"),
        ({"short": -0.1}, "between 0 and 1"),
        ({"short": float("nan")}, "between 0 and 1"),
        ({"wrong_language": 0.1}, "--wrong-language"),
        ({"comparable": 0.1}, "--comparable"),
        ({"machine": 0.1}, "--machine"),
    ],
)
def test_noise_that_cannot_be_made_is_refused(rates, message):
    with pytest.raises(NoiseError, match=message):
        corrupted(rates=rates)


def test_a_file_of_another_length_is_refused():
    with pytest.raises(NoiseError, match="3 lines but there are 200 pairs"):
        corrupted(rates={"wrong_language": 0.1}, wrong_language=["a", "b", "c"])


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "clean"
    folder.mkdir()
    for split, count in (("train", 50), ("valid", 5), ("meta", 4)):
        pairs = make_pairs(count)
        for at, language in enumerate(("de", "en")):
            text = "".join(pair[at] + "\n" for pair in pairs)
            (folder / f"{split}.{language}").write_text(text, encoding="utf-8")
    return folder


def command(data, out, *flags):
    line = [sys.executable, noise.__file__, "--data", str(data), "--out", str(out)]
    line += ["--source", "de", "--target", "en", *flags]
    return subprocess.run(line, capture_output=True, text=True)


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_the_command_writes_text_and_labels_line_by_line(data, tmp_path):
    out = tmp_path / "noisy"
    done = command(data, out, "--rate", "untranslated=0.2", "--rate", "short=0.1", "--seed", "3")
    assert done.returncode == 0, done.stderr
    labels, german, english = (lines(out / f"train.{end}") for end in ("labels", "de", "en"))
    assert len(labels) == len(german) == len(english) == 50
    clean = lines(data / "train.en")
    for label, source, target, before in zip(labels, german, english, clean, strict=True):
        assert (label == "clean") == (target == before)
        assert (label == "untranslated") == (target == source)
    assert Counter(labels) == {"clean": 35, "untranslated": 10, "short": 5}
    assert done.stdout.splitlines()[:3] == [
        "clean: 35 of 50 lines",
        "untranslated: 10 of 50 lines",
        "short: 5 of 50 lines",
    ]


def test_the_command_says_which_words_are_wrong(data, tmp_path):
    texts = [*[" ".join(COMMON)] * 50, *CAPTIONS]
    (data / "train.en").write_text("".join(f"{text}\n" for text in texts), "utf-8")
    (data / "train.de").write_text("".join(f"quelle {i}\n" for i, _ in enumerate(texts)), "utf-8")
    out = tmp_path / "noisy"
    done = command(data, out, "--rate", f"wrong_word={len(CAPTIONS) / len(texts)}")
    assert done.returncode == 0, done.stderr
    found = [lines(out / f"train.{name}") for name in ("en", "flaws", "labels")]
    for before, after, flaws, label in zip(texts, *found, strict=True):
        assert flaws.split() == [str(place) for place in noise.flawed_words(before, after)]
        assert len(flaws.split()) == (label == "wrong_word") == (before in CAPTIONS)


def test_the_command_copies_the_other_splits_byte_for_byte(data, tmp_path):
    odd = "one\u2028still one\r\nlast without end".encode()
    (data / "test.de").write_bytes(odd)
    (data / "test.en").write_bytes(odd)
    out = tmp_path / "noisy"
    done = command(data, out, "--rate", "short=0.1")
    assert done.stdout.splitlines()[-1] == "copied unchanged: meta, test, valid"
    for name in ("meta.de", "meta.en", "valid.de", "valid.en", "test.de", "test.en"):
        assert (out / name).read_bytes() == (data / name).read_bytes()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--rate", "short=0.7", "--rate", "misordered=0.7"], "more than 1"),
        (["--rate", "garbled=0.1"], "garbled"),
        (["--rate", "short"], "kind=share"),
        (["--rate", "short=0.1", "short=0.2"], "twice"),
        (["--rate", "wrong_language=0.1", "--wrong-language", "nowhere.fr"], "nowhere.fr"),
        (["--rate", "comparable=0.1"], "--comparable"),
    ],
)
def test_a_mistake_is_one_clear_line_and_nothing_is_written(data, tmp_path, flags, message):
    done = command(data, tmp_path / "noisy", *flags)
    assert done.returncode != 0
    assert message in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "noisy").exists()


def test_languages_of_different_lengths_are_an_error(data, tmp_path):
    (data / "train.en").write_text("only one\n", encoding="utf-8")
    done = command(data, tmp_path / "noisy", "--rate", "short=0.1")
    assert done.returncode != 0
    assert "different numbers of lines" in done.stderr and done.stderr.count("\n") == 1


def test_the_clean_folder_is_never_overwritten(data):
    before = lines(data / "train.en")
    done = command(data, data, "--rate", "short=0.5")
    assert done.returncode != 0 and "another folder" in done.stderr
    assert lines(data / "train.en") == before
