"""English: do-support, articles and the places of objects and adverbs."""

from dataclasses import replace

import pytest
from sentences import OFTEN, READS, adjective, noun, pronoun, texts, verb

from language.structure import Adverbial, Clause, Sentence
from language.verbs import EXIST, GIVING


@pytest.mark.parametrize(
    ("np", "expected"),
    [
        (noun("Apfel", "indef"), "an apple"),
        (noun("Birne", "indef"), "a pear"),
        (noun("Birne", "indef", adjective=adjective("alt")), "an old pear"),
        (noun("Apfel", "indef", adjective=adjective("süß")), "a sweet apple"),
        (noun("Messer", "indef", adjective=adjective("nützlich")), "a useful knife"),
        (noun("Mann", "indef", adjective=adjective("ehrlich")), "an honest man"),
    ],
)
def test_a_becomes_an_before_a_vowel_sound(np, expected):
    c = Clause(pronoun("ich"), verb("sehen"), np)
    assert texts(c)[1] == f"I see {expected}."


def test_english_negation_and_questions_need_do():
    c = Clause(noun("Mann"), verb("suchen"), noun("Hund"), negated=True)
    assert texts(c)[:2] == ("Der Mann sucht den Hund nicht.", "The man does not look for the dog.")
    assert texts(replace(c, tense="perfect"))[1] == "The man did not look for the dog."
    asked = Sentence(replace(c, negated=False, tense="past"), mood="question")
    assert texts(asked) == (
        "Suchte der Mann den Hund?",
        "Did the man look for the dog?",
        "Est-ce que l'homme a cherché le chien ?",
    )
    assert texts(replace(c, modal="können"))[1] == "The man cannot look for the dog."


def test_a_question_word_comes_before_the_verb():
    asked = Sentence(READS, mood="question", asked=("warum", "why", "pourquoi"))
    assert texts(asked) == (
        "Warum liest die Lehrerin einen Brief?",
        "Why does the teacher read a letter?",
        "Pourquoi est-ce que la professeure lit une lettre ?",
    )


def test_a_request_splits_the_verb_and_english_does_not():
    polite = Clause(pronoun("Sie"), verb("aufmachen"), noun("Tür"))
    assert texts(Sentence(polite, mood="imperative")) == (
        "Bitte machen Sie die Tür auf!",
        "Please open the door.",
        "Ouvrez la porte, s'il vous plaît.",
    )


def test_givers_receivers_and_gifts_have_their_cases_and_places():
    c = Clause(noun("Mann"), verb("geben"), noun("Buch", "indef"), noun("Junge"))
    assert texts(c) == (
        "Der Mann gibt dem Jungen ein Buch.",
        "The man gives the boy a book.",
        "L'homme donne un livre au garçon.",
    )
    assert texts(replace(c, recipient=pronoun("ich"), tense="perfect")) == (
        "Der Mann hat mir ein Buch gegeben.",
        "The man gave me a book.",
        "L'homme m'a donné un livre.",
    )
    explain = next(v for frame in GIVING for v in frame.verbs if v.en == ("explain",))
    rule = Clause(noun("Mann"), explain, noun("Regel"), noun("Junge"))
    assert texts(rule)[1] == "The man explains the rule to the boy."


def test_often_stands_where_each_language_wants_it():
    assert texts(replace(READS, adverbials=(OFTEN,))) == (
        "Die Lehrerin liest oft einen Brief.",
        "The teacher often reads a letter.",
        "La professeure lit souvent une lettre.",
    )


def test_there_is_agrees_with_what_there_is():
    c = Clause(pronoun("es"), EXIST, noun("Baum", "num:3", plural=True))
    here = Adverbial("place", ("in", "in", "dans"), noun("Garten"))
    c = replace(c, adverbials=(here,), fronted="adverbial")
    assert texts(c) == (
        "Im Garten gibt es drei Bäume.",
        "In the garden, there are three trees.",
        "Dans le jardin, il y a trois arbres.",
    )
