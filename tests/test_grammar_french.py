"""French, and what each of the three languages does in its own way."""

from dataclasses import replace

import pytest
from sentences import READS, adjective, noun, pronoun, texts, verb

from language.french import french_np
from language.numbers import english_number, french_number, german_number
from language.sentences import finish
from language.structure import Adverbial, Clause, NounPhrase, Predicate
from language.verbs import BE


def test_the_perfect_takes_haben_or_sein_and_french_agrees():
    went = Clause(noun("Frau"), verb("gehen"), tense="perfect")
    to = Adverbial("direction", ("nach Wien", "to Vienna", "à Vienne"))
    assert texts(replace(went, adverbials=(to,))) == (
        "Die Frau ist nach Wien gegangen.",
        "The woman went to Vienna.",
        "La femme est allée à Vienne.",
    )
    assert texts(replace(READS, tense="perfect"))[0] == "Die Lehrerin hat einen Brief gelesen."


@pytest.mark.parametrize(
    ("np", "prep", "expected"),
    [
        (noun("Garten"), "à", "au jardin"),
        (noun("Kind", plural=True), "de", "des enfants"),
        (noun("Kirche"), "de", "de l'église"),
        (noun("Freundin", "poss:ich"), "", "mon amie"),
        (noun("Baum", "indef", adjective=adjective("schön")), "", "un bel arbre"),
        (noun("Haus", "indef", plural=True, adjective=adjective("schön")), "", "de belles maisons"),
        (noun("Wasser", "bare"), "", "de l'eau"),
    ],
)
def test_french_gender_contraction_and_elision(np, prep, expected):
    made = finish(["x", *french_np(np, prep)], "fr", ".")
    assert made == f"X {expected}."


def test_later_pronouns_take_the_gender_of_each_language():
    cat = noun("Katze")
    tired = Predicate(adjective("müde"))
    c = Clause(NounPhrase(same=cat), BE, predicate=tired)
    assert texts(c) == ("Sie ist müde.", "It is tired.", "Il est fatigué.")
    women = NounPhrase(same=noun("Frau", plural=True))
    assert texts(replace(c, subject=women)) == (
        "Sie sind müde.",
        "They are tired.",
        "Elles sont fatiguées.",
    )


def test_relative_clauses_are_verb_final_with_the_case_of_the_gap():
    man = noun("Mann")
    gap = replace(man, det="gap")
    subject = replace(man, relative=Clause(gap, verb("schlafen")))
    c = Clause(subject, verb("lachen"), tense="past")
    assert texts(c) == (
        "Der Mann, der schläft, lachte.",
        "The man who sleeps laughed.",
        "L'homme qui dort a ri.",
    )
    helped = replace(man, relative=Clause(pronoun("wir"), verb("helfen"), gap))
    assert texts(replace(c, subject=helped))[:2] == (
        "Der Mann, dem wir helfen, lachte.",
        "The man that we help laughed.",
    )
    men = replace(helped, plural=True)
    men = replace(men, relative=replace(helped.relative, object=replace(gap, plural=True)))
    assert texts(replace(c, subject=men))[0] == "Die Männer, denen wir helfen, lachten."
    letter = noun("Brief")
    read = Clause(pronoun("ich"), verb("lesen"), replace(letter, det="gap"), tense="perfect")
    c = Clause(pronoun("er"), verb("suchen"), replace(letter, relative=read))
    assert texts(c) == (
        "Er sucht den Brief, den ich gelesen habe.",
        "He looks for the letter that I read.",
        "Il cherche la lettre que j'ai lue.",
    )


def test_comparison_and_professions():
    house = Clause(noun("Haus"), BE, predicate=Predicate(adjective("groß"), than=noun("Turm")))
    assert texts(house)[0] == "Das Haus ist größer als der Turm."
    job = Predicate(noun=noun("Ärztin", "indef"))
    assert texts(Clause(NounPhrase(name="Anna"), BE, predicate=job)) == (
        "Anna ist Ärztin.",
        "Anna is a doctor.",
        "Anna est médecin.",
    )


@pytest.mark.parametrize(
    ("german", "plural", "english", "french"),
    [
        ("Kind", "Kinder", "children", "enfants"),
        ("Maus", "Mäuse", "mice", "souris"),
        ("Baum", "Bäume", "trees", "arbres"),
        ("Lehrerin", "Lehrerinnen", "teachers", "professeures"),
        ("Pferd", "Pferde", "horses", "chevaux"),
        ("Geschichte", "Geschichten", "stories", "histoires"),
        ("Wolf", "Wölfe", "wolves", "loups"),
        ("Schiff", "Schiffe", "ships", "navires"),
        ("Kirche", "Kirchen", "churches", "églises"),
        ("Hut", "Hüte", "hats", "chapeaux"),
    ],
)
def test_plurals(german, plural, english, french):
    found = noun(german).noun
    assert (found.de_plural, found.en_plural, found.fr_plural) == (plural, english, french)


@pytest.mark.parametrize(
    ("number", "german", "english", "french"),
    [
        (3, "drei", "three", "trois"),
        (16, "sechzehn", "sixteen", "seize"),
        (30, "dreißig", "thirty", "trente"),
        (47, "siebenundvierzig", "forty-seven", "quarante-sept"),
        (75, "fünfundsiebzig", "seventy-five", "soixante-quinze"),
        (80, "achtzig", "eighty", "quatre-vingts"),
        (99, "neunundneunzig", "ninety-nine", "quatre-vingt-dix-neuf"),
    ],
)
def test_numbers(number, german, english, french):
    made = (
        german_number(number),
        english_number(number),
        french_number(number),
    )
    assert made == (german, english, french)
