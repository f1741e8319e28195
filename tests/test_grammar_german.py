"""German: word order, case, endings and verb forms."""

from dataclasses import replace

import pytest
from sentences import READS, YESTERDAY, adjective, noun, pronoun, texts, verb

from language.german import german_np, german_prep
from language.inflection_de import german_finite, german_participle
from language.structure import Adverbial, Clause, Sentence


def test_the_verb_stays_second_when_an_adverbial_comes_first():
    plain = replace(READS, tense="past", adverbials=(YESTERDAY,))
    assert texts(plain)[0] == "Die Lehrerin las gestern einen Brief."
    assert texts(replace(plain, fronted="adverbial")) == (
        "Gestern las die Lehrerin einen Brief.",
        "Yesterday the teacher read a letter.",
        "Hier, la professeure a lu une lettre.",
    )


def test_an_object_in_front_of_the_verb_keeps_its_case_and_english_its_order():
    c = Clause(noun("Frau"), verb("kaufen", "buy"), noun("Hut"), fronted="object")
    assert texts(c)[:2] == ("Den Hut kauft die Frau.", "The woman buys the hat.")


def test_the_verb_goes_last_in_a_subordinate_clause():
    slept = Clause(noun("Hund"), verb("schlafen"), tense="perfect")
    because = ("weil", "because", "parce que")
    s = Sentence(READS, link=because, other=slept, subordinate=True)
    assert texts(s) == (
        "Die Lehrerin liest einen Brief, weil der Hund geschlafen hat.",
        "The teacher reads a letter because the dog slept.",
        "La professeure lit une lettre parce que le chien a dormi.",
    )
    assert texts(replace(s, first=True))[0] == (
        "Weil der Hund geschlafen hat, liest die Lehrerin einen Brief."
    )


def test_denn_and_und_leave_the_verb_second():
    rain = Clause(pronoun("es"), verb("regnen"))
    s = Sentence(READS, link=("denn", "for", "car"), other=rain)
    assert texts(s) == (
        "Die Lehrerin liest einen Brief, denn es regnet.",
        "The teacher reads a letter, for it rains.",
        "La professeure lit une lettre, car il pleut.",
    )


def test_a_dass_clause_ends_in_its_modal_verb():
    inner = replace(READS, modal="müssen")
    c = Clause(pronoun("ich"), verb("glauben"), complement=inner, finite_complement=True)
    assert texts(c) == (
        "Ich glaube, dass die Lehrerin einen Brief lesen muss.",
        "I believe that the teacher has to read a letter.",
        "Je crois que la professeure doit lire une lettre.",
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "Der Sohn macht das Fenster auf."),
        ({"tense": "perfect"}, "Der Sohn hat das Fenster aufgemacht."),
        ({"modal": "wollen"}, "Der Sohn will das Fenster aufmachen."),
        ({"tense": "future"}, "Der Sohn wird das Fenster aufmachen."),
    ],
)
def test_a_separable_prefix_finds_its_place(change, expected):
    c = Clause(noun("Sohn"), verb("aufmachen"), noun("Fenster"))
    assert texts(replace(c, **change))[0] == expected


def test_a_separable_prefix_is_joined_again_at_the_end_and_around_zu():
    opens = Clause(noun("Sohn"), verb("aufmachen"), noun("Fenster"))
    s = Sentence(READS, link=("wenn", "when", "quand"), other=opens, subordinate=True)
    assert texts(s)[0].endswith("wenn der Sohn das Fenster aufmacht.")
    tries = Clause(noun("Sohn"), verb("versuchen"), complement=opens)
    assert texts(tries) == (
        "Der Sohn versucht, das Fenster aufzumachen.",
        "The son tries to open the window.",
        "Le fils essaie d'ouvrir la fenêtre.",
    )


@pytest.mark.parametrize(
    ("preposition", "case", "what", "expected"),
    [
        ("in", "dat", noun("Garten"), "im Garten"),
        ("in", "acc", noun("Garten"), "in den Garten"),
        ("in", "acc", noun("Haus"), "ins Haus"),
        ("an", "dat", noun("Bahnhof"), "am Bahnhof"),
        ("zu", "dat", noun("Schule"), "zur Schule"),
        ("zu", "dat", noun("Arzt"), "zum Arzt"),
        ("zu", "dat", noun("Arzt", "indef"), "zu einem Arzt"),
        ("mit", "dat", noun("Kind", plural=True), "mit den Kindern"),
        ("mit", "dat", noun("Junge", "this"), "mit diesem Jungen"),
        ("ohne", "acc", noun("Junge"), "ohne den Jungen"),
        ("während", "gen", noun("Fest"), "während des Festes"),
        ("wegen", "gen", noun("Prüfung"), "wegen der Prüfung"),
        ("wegen", "gen", noun("Geheimnis"), "wegen des Geheimnisses"),
    ],
)
def test_a_preposition_governs_the_case(preposition, case, what, expected):
    assert " ".join(german_prep(preposition, what, case)) == expected


@pytest.mark.parametrize(
    ("det", "plural", "case", "expected"),
    [
        ("def", False, "nom", "der alte Mann"),
        ("def", False, "acc", "den alten Mann"),
        ("def", False, "dat", "dem alten Mann"),
        ("def", False, "gen", "des alten Mannes"),
        ("indef", False, "nom", "ein alter Mann"),
        ("indef", False, "acc", "einen alten Mann"),
        ("poss:wir", True, "nom", "unsere alten Männer"),
        ("indef", True, "nom", "alte Männer"),
        ("indef", True, "dat", "alten Männern"),
        ("num:21", True, "nom", "einundzwanzig alte Männer"),
        ("many", True, "gen", "vieler alter Männer"),
        ("poss:ihr", False, "nom", "euer alter Mann"),
        ("poss:ihr", False, "acc", "euren alten Mann"),
    ],
)
def test_adjectives_are_weak_mixed_or_strong(det, plural, case, expected):
    np = noun("Mann", det, plural=plural, adjective=adjective("alt"))
    assert " ".join(german_np(np, case)) == expected


@pytest.mark.parametrize(
    ("german", "nom", "acc", "dat"),
    [
        ("Brot", "frisches Brot", "frisches Brot", "frischem Brot"),
        ("Milch", "frische Milch", "frische Milch", "frischer Milch"),
        ("Käse", "frischer Käse", "frischen Käse", "frischem Käse"),
    ],
)
def test_without_an_article_the_adjective_shows_the_gender(german, nom, acc, dat):
    np = noun(german, "bare", adjective=adjective("frisch"))
    made = [" ".join(german_np(np, case)) for case in ("nom", "acc", "dat")]
    assert made == [nom, acc, dat]


@pytest.mark.parametrize(
    ("infinitive", "participle"),
    [
        ("kaufen", "gekauft"),
        ("arbeiten", "gearbeitet"),
        ("zeichnen", "gezeichnet"),
        ("verkaufen", "verkauft"),
        ("reparieren", "repariert"),
        ("aufstehen", "aufgestanden"),
        ("verstehen", "verstanden"),
        ("vergessen", "vergessen"),
        ("essen", "gegessen"),
        ("vorbereiten", "vorbereitet"),
    ],
)
def test_participles(infinitive, participle):
    assert german_participle(verb(infinitive)) == participle


@pytest.mark.parametrize(
    ("base", "forms"),
    [
        ("kaufen", "kaufe kaufst kauft kaufen kauft kaufen"),
        ("arbeiten", "arbeite arbeitest arbeitet arbeiten arbeitet arbeiten"),
        ("öffnen", "öffne öffnest öffnet öffnen öffnet öffnen"),
        ("lernen", "lerne lernst lernt lernen lernt lernen"),
        ("lesen", "lese liest liest lesen lest lesen"),
        ("halten", "halte hältst hält halten haltet halten"),
        ("laden", "lade lädst lädt laden ladet laden"),
        ("wissen", "weiß weißt weiß wissen wisst wissen"),
        ("lächeln", "lächle lächelst lächelt lächeln lächelt lächeln"),
        ("sein", "bin bist ist sind seid sind"),
    ],
)
def test_the_present_tense(base, forms):
    made = [german_finite(base, False, p, plural) for plural in (False, True) for p in (1, 2, 3)]
    assert made == forms.split()


def test_nicht_and_kein():
    assert texts(replace(READS, negated=True)) == (
        "Die Lehrerin liest keinen Brief.",
        "The teacher does not read a letter.",
        "La professeure ne lit pas de lettre.",
    )
    here = Adverbial("place", ("in", "in", "dans"), noun("Park"))
    c = Clause(noun("Mann"), verb("arbeiten"), negated=True, adverbials=(here,))
    assert texts(c)[0] == "Der Mann arbeitet nicht im Park."
    drinks = Clause(noun("Mann"), verb("trinken"), noun("Milch", "bare"), negated=True)
    assert texts(drinks)[0] == "Der Mann trinkt keine Milch."


def test_a_light_pronoun_comes_before_a_noun_subject_but_not_before_a_pronoun():
    c = Clause(noun("Mann"), verb("sehen"), pronoun("ich"), tense="past", adverbials=(YESTERDAY,))
    c = replace(c, fronted="adverbial")
    assert texts(c)[0] == "Gestern sah mich der Mann."
    assert texts(replace(c, subject=pronoun("er")))[0] == "Gestern sah er mich."
