"""The built-in corpus: reproducible, varied, well formed in both languages, one command."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest

import grammar
from language import german
from language.sampling import generate
from language.structure import Clause, NounPhrase, Place, Sentence
from language.text import render
from language.words import ADJECTIVES, GIVING, NOUNS, VERBS

YESTERDAY = ("gestern", "yesterday")
I = NounPhrase(person=0, fixed=("ich", "I"))  # noqa: E741


@pytest.fixture(scope="module")
def corpus():
    return generate(12000, 1)


def noun(german, det="def", many=False, adjective="", **other):
    found = next(n for group in NOUNS.values() for n in group if n.de == german)
    described = next(
        (pair for group in ADJECTIVES.values() for pair in group if pair[0] == adjective), ("", "")
    )
    return NounPhrase(found, det, 3 if many else 1, described, **other)


def verb(infinitive, english=""):
    return next(
        v
        for frame in [*GIVING, *VERBS]
        for v in frame.verbs
        if v.prefix + v.de == infinitive and english in v.en
    )


READS = Clause(noun("Lehrerin"), verb("lesen"), noun("Brief", "indef"))
OPENS = Clause(noun("Sohn"), verb("anziehen"), noun("Hemd"))
SLEPT = Clause(noun("Hund"), verb("schlafen"), tense="perfect")


def say(clause, **sentence):
    return render(Sentence(clause, **sentence))


def test_the_same_seed_gives_the_same_sentences_and_another_seed_others(corpus):
    assert generate(200, 1) == corpus[:200]
    assert generate(200, 2) != corpus[:200]


def test_no_german_sentence_comes_twice(corpus):
    assert len({pair[0] for pair in corpus}) == len(corpus) == 12000


def test_the_corpus_has_a_vocabulary(corpus):
    texts = list(zip(*corpus, strict=True))
    assert grammar.types(texts[0]) >= 1500
    assert grammar.types(texts[1]) >= 1000


def test_every_sentence_looks_like_text(corpus):
    for pair in corpus:
        for text in pair:
            assert text[0].isupper() and text[-1] in ".?", text
            assert not re.search(r"  | ,|,,|,[.?]|[_|*+>=^/]", text), text
        assert 4 <= len(pair[0].split()) <= 25
        assert not re.search(r"\bin dem\b", pair[0]), pair[0]
        assert not re.search(r"\ba [aeio]|\ban [bcdfgjklmnpqrstvwxyz]", pair[1]), pair[1]


def test_the_corpus_has_verbs_at_the_end_relative_clauses_and_questions(corpus):
    for pattern, least in [
        (r", (weil|obwohl|dass|wenn|während) ", 500),
        (r" (mit|vor|an|aus|ein|weg|ab)[.?,]", 300),
        (r", (der|die|das) [^,]+[,.?]", 300),
        (r"\?$", 500),
    ]:
        assert sum(bool(re.search(pattern, pair[0])) for pair in corpus) > least, pattern


@pytest.mark.parametrize(
    ("change", "german", "english"),
    [
        ({}, "Die Lehrerin liest gestern einen Brief.", "The teacher reads a letter yesterday."),
        (
            {"tense": "perfect", "time_first": True},
            "Gestern hat die Lehrerin einen Brief gelesen.",
            "Yesterday, the teacher read a letter.",
        ),
        (
            {"tense": "müssen"},
            "Die Lehrerin muss gestern einen Brief lesen.",
            "The teacher must read a letter yesterday.",
        ),
        (
            {"tense": "wollen", "negated": True, "subject": I},
            "Ich will gestern keinen Brief lesen.",
            "I do not want to read a letter yesterday.",
        ),
        (
            {"tense": "perfect", "negated": True, "object": noun("Brief", many=True)},
            "Die Lehrerin hat gestern die Briefe nicht gelesen.",
            "The teacher did not read the letters yesterday.",
        ),
        (
            {"tense": "können", "negated": True, "place": Place(("in", "in"), noun("Garten"))},
            "Die Lehrerin kann gestern keinen Brief im Garten lesen.",
            "The teacher cannot read a letter in the garden yesterday.",
        ),
    ],
)
def test_a_clause_has_the_order_of_each_language(change, german, english):
    assert say(replace(READS, time=YESTERDAY, **change)) == (german, english)


@pytest.mark.parametrize(
    ("kind", "words", "german", "english"),
    [
        (
            "subordinated",
            ("weil", "because"),
            "Die Lehrerin liest einen Brief, weil der Hund geschlafen hat.",
            "The teacher reads a letter because the dog slept.",
        ),
        (
            "subordinate first",
            ("weil", "because"),
            "Weil der Hund geschlafen hat, liest die Lehrerin einen Brief.",
            "Because the dog slept, the teacher reads a letter.",
        ),
        (
            "coordinated",
            ("denn", "for"),
            "Die Lehrerin liest einen Brief, denn der Hund hat geschlafen.",
            "The teacher reads a letter, for the dog slept.",
        ),
        (
            "coordinated",
            ("und", "and"),
            "Die Lehrerin liest einen Brief und der Hund hat geschlafen.",
            "The teacher reads a letter and the dog slept.",
        ),
    ],
)
def test_weil_puts_the_verb_last_and_und_leaves_it_second(kind, words, german, english):
    assert say(READS, kind=kind, words=words, other=SLEPT) == (german, english)


def test_a_question_begins_with_the_verb_or_its_word_and_english_needs_do():
    asked = {"kind": "question", "words": ("warum", "why")}
    assert say(READS, **asked) == (
        "Warum liest die Lehrerin einen Brief?",
        "Why does the teacher read a letter?",
    )
    assert say(replace(SLEPT, negated=True), kind="question") == (
        "Hat der Hund nicht geschlafen?",
        "Did the dog not sleep?",
    )


def test_a_separable_prefix_finds_its_place():
    assert say(OPENS)[0] == "Der Sohn zieht das Hemd an."
    assert say(replace(OPENS, tense="perfect"))[0] == "Der Sohn hat das Hemd angezogen."
    assert say(replace(OPENS, tense="future"))[0] == "Der Sohn wird das Hemd anziehen."
    assert say(OPENS, kind="opinion", words=("ich glaube", "I believe")) == (
        "Ich glaube, dass der Sohn das Hemd anzieht.",
        "I believe that the son puts on the shirt.",
    )


def test_givers_receivers_and_gifts_have_their_cases_and_places():
    c = Clause(noun("Mann"), verb("geben"), noun("Buch", "indef"), noun("Junge"))
    assert say(c) == ("Der Mann gibt dem Jungen ein Buch.", "The man gives the boy a book.")


def test_a_preposition_of_the_verb_stands_last_with_its_case():
    c = Clause(noun("Mann"), verb("warten", "wait"), noun("Arzt"), negated=True)
    c = replace(c, verb=next(v for f in VERBS for v in f.verbs if v.de == "warten" and v.prep))
    assert say(c) == (
        "Der Mann wartet nicht auf den Arzt.",
        "The man does not wait for the doctor.",
    )


def test_a_relative_clause_has_its_verb_last():
    gap = noun("Mann", "gap")
    c = Clause(noun("Mann", relative=replace(READS, subject=gap)), verb("lachen"), tense="perfect")
    assert say(c) == (
        "Der Mann, der einen Brief liest, hat gelacht.",
        "The man who reads a letter laughed.",
    )


def test_a_state_has_its_adjective_without_an_ending():
    c = Clause(noun("Haus", many=True), adjective=("alt", "old"), degree=("sehr", "very"))
    assert say(c) == ("Die Häuser sind sehr alt.", "The houses are very old.")
    assert say(replace(c, subject=I, tense="past", negated=True)) == (
        "Ich war nicht sehr alt.",
        "I was not very old.",
    )


@pytest.mark.parametrize(
    ("det", "many", "case", "expected"),
    [
        ("def", False, "nom", "der alte Mann"),
        ("def", False, "acc", "den alten Mann"),
        ("def", False, "dat", "dem alten Mann"),
        ("this", False, "dat", "diesem alten Mann"),
        ("indef", False, "nom", "ein alter Mann"),
        ("indef", False, "acc", "einen alten Mann"),
        ("our", True, "nom", "unsere alten Männer"),
        ("indef", True, "nom", "alte Männer"),
        ("indef", True, "dat", "alten Männern"),
        ("many", True, "acc", "viele alte Männer"),
    ],
)
def test_adjectives_are_weak_mixed_or_strong(det, many, case, expected):
    made = german.noun_phrase(noun("Mann", det, many, "alt"), case)
    assert " ".join(word for word in made if word) == expected


@pytest.mark.parametrize(
    ("german", "expected"),
    [
        ("Apfel", "an apple"),
        ("Birne", "a pear"),
        ("Maus", "mice"),
        ("Kirche", "churches"),
        ("Dame", "ladies"),
    ],
)
def test_english_articles_and_plurals(german, expected):
    many = not expected.startswith("a")
    c = Clause(I, verb("sehen"), noun(german, "indef", many), tense="perfect")
    assert say(c)[1] == f"I saw {expected}."


def test_german_plurals():
    plurals = {"Kind": "Kinder", "Maus": "Mäuse", "Baum": "Bäume", "Lehrerin": "Lehrerinnen"}
    plurals |= {"Museum": "Museen", "Koffer": "Koffer", "Haus": "Häuser", "Auto": "Autos"}
    assert {word: noun(word).noun.de_plural for word in plurals} == plurals


@pytest.mark.parametrize(
    ("infinitive", "participle"),
    [
        ("kaufen", "gekauft"),
        ("arbeiten", "gearbeitet"),
        ("verkaufen", "verkauft"),
        ("reparieren", "repariert"),
        ("vorlesen", "vorgelesen"),
        ("vorbereiten", "vorbereitet"),
        ("essen", "gegessen"),
    ],
)
def test_participles(infinitive, participle):
    assert verb(infinitive).participle == participle


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
