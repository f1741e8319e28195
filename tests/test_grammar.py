"""The built-in corpus keeps the grammar of its languages."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest

import grammar
import lexicon
from grammar import Adverbial, Clause, NounPhrase, Predicate, Sentence, render


def noun(german, det="def", **more):
    found = [n for group in lexicon.NOUNS.values() for n in group if n.de == german]
    return NounPhrase(found[0], det, **more)


def verb(infinitive, english=None):
    frames = [*lexicon.VERBS, *lexicon.GIVING]
    others = [*lexicon.MOTION, *lexicon.INFINITIVE_VERBS, *lexicon.THAT_VERBS, *lexicon.WEATHER]
    found = [*(v for f in frames for v in f.verbs), *others]
    return next(
        v for v in found if v.infinitive == infinitive and english in (None, " ".join(v.en))
    )


def adjective(german):
    return next(a for group in lexicon.ADJECTIVES.values() for a in group if a.de == german)


def pronoun(key):
    return NounPhrase(key=key)


def texts(sentence):
    sentence = Sentence(sentence) if isinstance(sentence, Clause) else sentence
    return tuple(render(sentence, language) for language in ("de", "en", "fr"))


YESTERDAY = Adverbial("time", ("gestern", "yesterday", "hier"))
OFTEN = Adverbial("often", ("oft", "often", "souvent"))
READS = Clause(noun("Lehrerin"), verb("lesen"), noun("Brief", "indef"))


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
    assert " ".join(grammar.german_prep(preposition, what, case)) == expected


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
    assert " ".join(grammar.german_np(np, case)) == expected


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
    made = [" ".join(grammar.german_np(np, case)) for case in ("nom", "acc", "dat")]
    assert made == [nom, acc, dat]


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
    assert lexicon.german_participle(verb(infinitive)) == participle


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
    made = [
        lexicon.german_finite(base, False, p, plural) for plural in (False, True) for p in (1, 2, 3)
    ]
    assert made == forms.split()


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
    explain = next(v for frame in lexicon.GIVING for v in frame.verbs if v.en == ("explain",))
    rule = Clause(noun("Mann"), explain, noun("Regel"), noun("Junge"))
    assert texts(rule)[1] == "The man explains the rule to the boy."


def test_a_light_pronoun_comes_before_a_noun_subject_but_not_before_a_pronoun():
    c = Clause(noun("Mann"), verb("sehen"), pronoun("ich"), tense="past", adverbials=(YESTERDAY,))
    c = replace(c, fronted="adverbial")
    assert texts(c)[0] == "Gestern sah mich der Mann."
    assert texts(replace(c, subject=pronoun("er")))[0] == "Gestern sah er mich."


def test_later_pronouns_take_the_gender_of_each_language():
    cat = noun("Katze")
    tired = Predicate(adjective("müde"))
    c = Clause(NounPhrase(same=cat), lexicon.BE, predicate=tired)
    assert texts(c) == ("Sie ist müde.", "It is tired.", "Il est fatigué.")
    women = NounPhrase(same=noun("Frau", plural=True))
    assert texts(replace(c, subject=women)) == (
        "Sie sind müde.",
        "They are tired.",
        "Elles sont fatiguées.",
    )


def test_comparison_and_professions():
    house = Clause(
        noun("Haus"), lexicon.BE, predicate=Predicate(adjective("groß"), than=noun("Turm"))
    )
    assert texts(house)[0] == "Das Haus ist größer als der Turm."
    job = Predicate(noun=noun("Ärztin", "indef"))
    assert texts(Clause(NounPhrase(name="Anna"), lexicon.BE, predicate=job)) == (
        "Anna ist Ärztin.",
        "Anna is a doctor.",
        "Anna est médecin.",
    )


def test_often_stands_where_each_language_wants_it():
    assert texts(replace(READS, adverbials=(OFTEN,))) == (
        "Die Lehrerin liest oft einen Brief.",
        "The teacher often reads a letter.",
        "La professeure lit souvent une lettre.",
    )


def test_there_is_agrees_with_what_there_is():
    c = Clause(pronoun("es"), lexicon.EXIST, noun("Baum", "num:3", plural=True))
    here = Adverbial("place", ("in", "in", "dans"), noun("Garten"))
    c = replace(c, adverbials=(here,), fronted="adverbial")
    assert texts(c) == (
        "Im Garten gibt es drei Bäume.",
        "In the garden, there are three trees.",
        "Dans le jardin, il y a trois arbres.",
    )


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
    made = grammar.finish(["x", *grammar.french_np(np, prep)], "fr", ".")
    assert made == f"X {expected}."


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
        grammar.german_number(number),
        grammar.english_number(number),
        grammar.french_number(number),
    )
    assert made == (german, english, french)


@pytest.fixture(scope="module")
def corpus():
    return grammar.generate(12000, 1)


def test_the_same_seed_gives_the_same_sentences_and_another_seed_others(corpus):
    assert grammar.generate(200, 1) == corpus[:200]
    assert grammar.generate(200, 2) != corpus[:200]


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
