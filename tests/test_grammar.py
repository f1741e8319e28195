"""The built-in corpus: reproducible, varied, well formed, and written by one command."""

import re
import subprocess
import sys

import pytest

import grammar
from language.sampling import generate


@pytest.fixture(scope="module")
def corpus():
    return generate(12000, 1)


def test_the_same_seed_gives_the_same_sentences_and_another_seed_others(corpus):
    assert generate(200, 1) == corpus[:200]
    assert generate(200, 2) != corpus[:200]


def test_no_german_sentence_comes_twice(corpus):
    assert len({german for german, _, _ in corpus}) == len(corpus) == 12000


def test_the_corpus_has_a_vocabulary(corpus):
    german, english, french = zip(*corpus, strict=True)
    assert grammar.types(german) >= 2500
    assert grammar.types(english) >= 1500
    assert grammar.types(french) >= 2500


def test_every_sentence_looks_like_text(corpus):
    marks = {"de": ".!?", "en": ".?", "fr": ".?"}
    for row in corpus:
        for language, text in zip(("de", "en", "fr"), row, strict=True):
            assert text[0].isupper() and text[-1] in marks[language], text
            assert not re.search(r"  | ,|,,|,[.!?]|_|[|*+>]", text), text
        assert 4 <= len(row[0].split()) <= 25
        assert not re.search(r"\b(in dem|an dem|zu dem|zu der) [A-Z]", row[0]), row[0]
        assert not re.search(r"\ba [aeio]|\ban [bcdfgjklmnpqrstvwxyz]", row[1]), row[1]
        assert not re.search(
            r"\b(à le|à les|de le|de les|de des|de du|je|que|ne) [aeiouéêà]", row[2]
        )


def test_german_separates_its_verbs_and_puts_them_last(corpus):
    german = [row[0] for row in corpus]
    assert sum(bool(re.search(r", (weil|obwohl|dass|wenn|als|während) ", t)) for t in german) > 500
    assert (
        sum(bool(re.search(r" (auf|an|ab|zu|mit|weg|aus|ein|vor)[.!?,]", t)) for t in german) > 300
    )


def test_the_command_writes_disjoint_splits_and_says_how(tmp_path):
    sizes = {"train": 400, "meta": 50, "valid": 30, "test": 60}
    flags = [flag for split, size in sizes.items() for flag in (f"--{split}", str(size))]
    command = [sys.executable, grammar.__file__, "--out", str(tmp_path), *flags, "--seed", "5"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seen = set()
    for split, size in sizes.items():
        german = (tmp_path / f"{split}.de").read_text(encoding="utf-8").splitlines()
        english = (tmp_path / f"{split}.en").read_text(encoding="utf-8").splitlines()
        assert len(german) == len(english) == size
        assert seen.isdisjoint(german) and len(set(german)) == size
        seen.update(german)
    assert sorted(path.name for path in tmp_path.glob("*.fr")) == ["train.fr"]
    report = done.stdout.splitlines()
    assert [line.split(":")[0] for line in report] == list(sizes)
    assert "400 sentences" in report[0] and "seed 5" in report[0]


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("here already")
    command = [sys.executable, grammar.__file__, "--out", str(blocked), "--train", "5"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
