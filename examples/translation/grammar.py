"""A small German-English(-French) parallel corpus, made from a grammar in about a second.

A sentence is sampled once as an abstract structure (`Clause`, `NounPhrase`, `Adverbial`) and then
rendered in each language, so the translations are right by construction while word order, case,
gender and agreement differ as they do in the real languages.

    python examples/translation/grammar.py --out DIR --train 12000 --seed 1
"""

# ruff: noqa: SIM905  (lists of words are easier to read as text)
from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import lexicon as lex
from lines import write_lines

Words = list[str]
LANGUAGES = ("de", "en", "fr")


@dataclass(frozen=True)
class NounPhrase:
    """A noun, a name (noun is None) or a pronoun, in no particular language.

    `det` is one of def, indef, this, every, bare, many, poss:KEY (a pronoun key), num:N, or gap
    (the place a relative pronoun has left). `same` makes a pronoun of an earlier noun phrase.
    """

    noun: lex.Noun | None = None
    det: str = "def"
    plural: bool = False
    adjective: lex.Adjective | None = None
    name: str = ""
    key: str = ""
    owner: NounPhrase | None = None
    relative: Clause | None = None
    same: NounPhrase | None = None


@dataclass(frozen=True)
class Adverbial:
    """A fixed phrase (`words`) or a preposition with its noun phrase."""

    role: str  # time, comment, often, manner, place, direction
    words: tuple[str, str, str] = ("", "", "")
    phrase: NounPhrase | None = None
    case: str = "dat"


@dataclass(frozen=True)
class Predicate:
    """What follows `to be`: an adjective (with a degree or a comparison) or a noun."""

    adjective: lex.Adjective | None = None
    degree: tuple[str, str, str] = ("", "", "")
    than: NounPhrase | None = None
    noun: NounPhrase | None = None


@dataclass(frozen=True)
class Clause:
    """A clause in no particular language.

    `tense` is present, progressive, past, perfect or future (German past and perfect are both the
    English past); `fronted` puts the first adverbial, or the object, before the verb.
    """

    subject: NounPhrase
    verb: lex.Verb
    object: NounPhrase | None = None
    recipient: NounPhrase | None = None
    predicate: Predicate | None = None
    tense: str = "present"
    modal: str = ""
    negated: bool = False
    adverbials: tuple[Adverbial, ...] = ()
    fronted: str = ""  # "", adverbial or object
    complement: Clause | None = None  # an infinitive with zu, or a clause with dass
    finite_complement: bool = False
    stative: bool = False


@dataclass(frozen=True)
class Sentence:
    """A main clause with what is tied to it, and its mood."""

    clause: Clause
    mood: str = "statement"  # statement, question, imperative
    asked: tuple[str, str, str] = ("", "", "")  # warum, why, pourquoi
    link: tuple[str, str, str] = ("", "", "")
    other: Clause | None = None
    subordinate: bool = False
    first: bool = False  # the subordinate clause comes first


# --- agreement ---------------------------------------------------------------------------------


def key_of(np: NounPhrase, language: str) -> str:
    """Return the pronoun key that agrees with a noun phrase in a language."""
    if np.key:
        return np.key
    if np.same:
        return key_of(np.same, language)
    if np.plural:
        return "sie_pl"
    if np.noun is None:
        return "sie" if np.name in lex.WOMEN else "er"
    gender = np.noun.fr_gender if language == "fr" else np.noun.gender
    if language == "en":
        gender = "f" if np.noun.en == "girl" else gender if np.noun.human else "n"
    return {"m": "er", "f": "sie", "n": "es"}[gender]


def person_of(np: NounPhrase, language: str) -> tuple[int, bool]:
    """Return person and plural for the verb; polite *Sie* and English *you* count as plural."""
    key = key_of(np, language)
    pronoun = lex.PRONOUNS[key]
    person, plural = pronoun.person, pronoun.plural
    if key == "Sie" and language == "fr":
        return 2, True
    if language == "en" and (person == 2 or key == "Sie"):
        return 2, True
    return person, plural


def is_pronoun(np: NounPhrase | None) -> bool:
    """Tell whether a noun phrase is rendered as a personal pronoun."""
    return np is not None and bool(np.key or np.same)


def indefinite(np: NounPhrase) -> bool:
    """Tell whether a negation turns into *kein*."""
    return np.noun is not None and np.det in ("indef", "bare")


def feminine(np: NounPhrase) -> bool:
    """Tell whether a noun phrase is feminine in French (speakers of *je* count as masculine)."""
    while np.same:
        np = np.same
    if np.noun is not None:
        return np.noun.fr_gender == "f"
    return lex.PRONOUNS[key_of(np, "fr")].gender == "f"


def is_plural(np: NounPhrase, language: str) -> bool:
    """Tell whether participles and adjectives agree in the plural."""
    return lex.PRONOUNS[key_of(np, language)].plural


def flatten(parts: Sequence[Words]) -> Words:
    """Join lists of words."""
    return [word for part in parts for word in part]


# --- German ------------------------------------------------------------------------------------

GERMAN_CASES = ("nom", "acc", "dat", "gen")
GERMAN_THE = {
    "m": "der den dem des".split(),
    "n": "das das dem des".split(),
    "f": "die die der der".split(),
    "p": "die die den der".split(),
}
GERMAN_STRONG = {
    "m": "er en em es".split(),
    "n": "es es em es".split(),
    "f": "e e er er".split(),
    "p": "e e en er".split(),
}
CONTRACTIONS = {
    "in dem": "im",
    "an dem": "am",
    "zu dem": "zum",
    "zu der": "zur",
    "von dem": "vom",
    "bei dem": "beim",
    "in das": "ins",
    "an das": "ans",
}
GERMAN_TENS = "- - zwan drei vier fünf sech sieb acht neun".split()
GERMAN_ONES = "- ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf".split()


def german_number(number: int) -> str:
    """Spell a number from 2 to 99."""
    if number <= 12:
        return GERMAN_ONES[number]
    tens, ones = divmod(number, 10)
    if tens == 1:
        return {6: "sech", 7: "sieb"}.get(ones, GERMAN_ONES[ones]) + "zehn"
    round_ten = GERMAN_TENS[tens] + ("ßig" if tens == 3 else "zig")
    return (GERMAN_ONES[ones] + "und" if ones else "") + round_ten


def _german_det(np: NounPhrase, gender: str, case: str) -> tuple[Words, str]:
    """Return the determiner and the adjective ending it asks for."""
    at = GERMAN_CASES.index(case)
    strong = GERMAN_STRONG[gender][at]
    kind, _, detail = np.det.partition(":")
    mild = (at == 0 and gender in "mnf") or (at == 1 and gender in "nf")
    weak = "e" if mild else "en"
    if kind in ("def", "this", "every"):
        stem = {"this": "dies", "every": "jed"}.get(kind, "")
        return [stem + strong if stem else GERMAN_THE[gender][at]], weak
    if kind in ("indef", "no", "poss"):
        if kind == "indef" and gender == "p":
            return [], strong
        stem = {"indef": "ein", "no": "kein"}.get(kind) or lex.PRONOUNS[detail].de[3]
        bare = (gender in "mn" and at == 0) or (gender == "n" and at == 1)
        if stem == "euer" and not bare:
            stem = "eur"
        return [stem + ("" if bare else strong)], strong if bare else weak
    words = {"many": ["viel" + strong], "num": [german_number(int(detail or 2))]}.get(kind, [])
    if case == "gen" and gender in "mn":
        strong = "en"  # trotz starken Regens
    return words, strong


def german_np(np: NounPhrase, case: str, no: bool = False) -> Words:
    """Render a noun phrase in a case; `no` turns an indefinite one into *kein*."""
    if is_pronoun(np):
        return [lex.PRONOUNS[key_of(np, "de")].de[GERMAN_CASES.index(case)]]
    if np.noun is None:
        return [np.name]
    gender = "p" if np.plural else np.noun.gender
    owner_name = np.owner.name if np.owner else ""
    base = replace(np, det="bare") if owner_name else replace(np, det="no") if no else np
    words, ending = _german_det(base, gender, case)
    if owner_name:
        words = [owner_name + "s"]
    if np.adjective:
        words = [*words, lex.german_adjective(np.adjective.de, ending)]
    words = [*words, lex.german_noun(np.noun, case, np.plural)]
    if np.owner and not owner_name:
        words += german_np(np.owner, "gen")
    if np.relative:
        words += [",", *german_clause(np.relative, "final"), ","]
    return words


def german_relative(np: NounPhrase, case: str) -> str:
    """Return the relative pronoun for a gap."""
    assert np.noun is not None
    if np.plural and case == "dat":
        return "denen"
    return GERMAN_THE["p" if np.plural else np.noun.gender][GERMAN_CASES.index(case)]


def german_prep(prep: str, np: NounPhrase, case: str) -> Words:
    """Render a preposition with its noun phrase, contracted where German contracts."""
    words = [prep, *german_np(np, case)]
    short = CONTRACTIONS.get(" ".join(words[:2])) if np.det == "def" else None
    return [short, *words[2:]] if short else words


def german_adverbial(adverbial: Adverbial) -> Words:
    """Render an adverbial."""
    text = adverbial.words[0].split()
    if adverbial.phrase is None:
        return text
    return [*text[:-1], *german_prep(text[-1], adverbial.phrase, adverbial.case)]


def german_verb(c: Clause) -> tuple[str, str, Words]:
    """Return (finite form, separable prefix of the finite verb, what closes the clause)."""
    person, plural = person_of(c.subject, "de")
    past, verb = c.tense == "past", c.verb
    if c.modal:
        base = "können" if c.modal == "möchten" and past else c.modal
        return lex.german_finite(base, past, person, plural), "", [verb.infinitive]
    if c.tense == "future":
        return lex.german_finite("werden", False, person, plural), "", [verb.infinitive]
    if c.tense == "perfect":
        helper = lex.german_finite(verb.perfect, False, person, plural)
        return helper, "", [lex.german_participle(verb)]
    return verb.attached + lex.german_finite(verb.base, past, person, plural), verb.prefix, []


def german_object(c: Clause) -> tuple[int, Words, bool]:
    """Return place in the middle field, words, and whether it swallowed the negation."""
    np, verb = c.object, c.verb
    assert np is not None
    if verb.de_prep:
        return 10, german_prep(verb.de_prep, np, verb.de_case), False
    kein = c.negated and indefinite(np)
    words = german_np(np, verb.de_case, no=kein)
    if is_pronoun(np):
        return 0, words, False
    return (9 if indefinite(np) or np.det[:3] in ("num", "man") else 5), words, kein


def german_predicate(c: Clause) -> tuple[Words, bool]:
    """Render what follows *sein*."""
    predicate = c.predicate
    assert predicate is not None
    if predicate.noun:
        bare = predicate.noun.adjective is None and not c.negated
        det = "bare" if bare else predicate.noun.det
        return german_np(replace(predicate.noun, det=det), "nom", no=c.negated), c.negated
    assert predicate.adjective is not None
    if predicate.than:
        return [predicate.adjective.de_more, "als", *german_np(predicate.than, "nom")], False
    return [*predicate.degree[0].split(), predicate.adjective.de], False


# sie and es are not among them: before a noun they would be read as the subject
LIGHT_PRONOUNS = frozenset("mich dich ihn uns euch mir dir ihm ihnen Ihnen".split())
ROLE_PLACE = {"time": 2, "comment": 3, "often": 3, "manner": 7, "place": 8, "direction": 12}


def german_middle(c: Clause) -> tuple[Words, Words]:
    """Order the middle field: time, definite objects, nicht, manner, place, the new.

    Returns:
        Pronouns that may stand before a noun subject (*gestern sah mich der Mann*), and the rest.
    """
    pieces: list[tuple[int, Words]] = []
    swallowed = False
    rest = c.adverbials[1:] if c.fronted == "adverbial" else c.adverbials
    pieces += [(ROLE_PLACE[a.role], german_adverbial(a)) for a in rest]
    if c.tense == "progressive":
        pieces.append((3, ["gerade"]))
    if c.object and c.object.det != "gap":
        place, words, swallowed = german_object(c)
        if c.fronted != "object":
            pieces.append((place, words))
    if c.recipient:
        pieces.append((1 if is_pronoun(c.recipient) else 4, german_np(c.recipient, "dat")))
    if c.predicate:
        words, swallowed = german_predicate(c)
        pieces.append((11, words))
    if c.negated and not swallowed:
        pieces.append((6, ["nicht"]))
    words = flatten([words for _, words in sorted(pieces, key=lambda piece: piece[0])])
    light = 0
    while light < len(words) and words[light] in LIGHT_PRONOUNS:
        light += 1
    return words[:light], words[light:]


def german_tail(c: Clause) -> Words:
    """Render the clause that depends on the verb, after everything else."""
    if c.complement is None:
        return []
    if c.finite_complement:
        return [",", "dass", *german_clause(c.complement, "final"), ","]
    inner = c.complement
    verb = inner.verb
    zu = verb.prefix + "zu" + verb.attached + verb.base if verb.prefix else "zu " + verb.infinitive
    return [",", *flatten(german_middle(inner)), *zu.split(), ","]


def german_clause(c: Clause, order: str) -> Words:
    """Render a clause with the finite verb second (v2), first (v1) or last (final)."""
    finite, prefix, closing = german_verb(c)
    (light, middle), tail = german_middle(c), german_tail(c)
    closing = [*([prefix] if prefix else []), *closing]
    if c.subject.det == "gap":
        subject = [german_relative(c.subject, "nom")]
    else:
        subject = german_np(c.subject, "nom")
    early = order == "v1" or (order == "v2" and bool(c.fronted))
    if early and not is_pronoun(c.subject):
        subject = [*light, *subject]
    else:
        middle = [*light, *middle]
    if order == "final":
        last = [*closing[:-1], (prefix + finite)] if prefix else [*closing, finite]
        gap = c.object is not None and c.object.det == "gap"
        lead = [german_relative(c.object, c.verb.de_case)] if gap and c.object else []
        return [*lead, *subject, *middle, *last, *tail]
    if order == "v1":
        return [finite, *subject, *middle, *closing, *tail]
    if not c.fronted:
        return [*subject, finite, *middle, *closing, *tail]
    first = german_object(c)[1] if c.fronted == "object" else german_adverbial(c.adverbials[0])
    return [*first, finite, *subject, *middle, *closing, *tail]


# --- English -----------------------------------------------------------------------------------

ENGLISH_BE = {
    "present": "am are is are are are".split(),
    "past": "was were was were were were".split(),
}
ENGLISH_SMALL = """zero one two three four five six seven eight nine ten eleven twelve thirteen
fourteen fifteen sixteen seventeen eighteen nineteen""".split()
ENGLISH_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()


def english_number(number: int) -> str:
    """Spell a number from 2 to 99."""
    if number < 20:
        return ENGLISH_SMALL[number]
    tens, ones = divmod(number, 10)
    return ENGLISH_TENS[tens] + (f"-{ENGLISH_SMALL[ones]}" if ones else "")


def english_np(np: NounPhrase, objective: bool = False, negated: bool = False) -> Words:
    """Render a noun phrase; *a* becomes *an* in the finished text."""
    if is_pronoun(np):
        return [lex.PRONOUNS[key_of(np, "en")].en[1 if objective else 0]]
    if np.noun is None:
        return [np.name]
    kind, _, detail = np.det.partition(":")
    single = {"def": "the", "indef": "a", "this": "this", "every": "every", "many": "many"}
    words = [single[kind]] if kind in single else []
    if kind == "poss":
        words = [lex.PRONOUNS[detail].en[2]]
    elif kind == "num":
        words = [english_number(int(detail))]
    elif kind == "this" and np.plural:
        words = ["these"]
    elif kind in ("indef", "bare") and (np.plural or np.noun.mass):
        words = ["any"] if negated else []
    if np.owner and np.owner.name:
        words = [np.owner.name + "'s"]
    words += np.adjective.en.split() if np.adjective else []
    words += (np.noun.en_plural if np.plural else np.noun.en).split()
    if np.owner and not np.owner.name:
        words += ["of", *english_np(np.owner)]
    if np.relative:
        words += english_relative(np, np.relative)
    return words


def english_relative(np: NounPhrase, clause: Clause) -> Words:
    """Render a relative clause: who for human subjects, that otherwise."""
    human = np.noun is not None and np.noun.human and clause.subject.det == "gap"
    return ["who" if human else "that", *english_clause(clause)]


def english_adverbial(adverbial: Adverbial) -> Words:
    """Render an adverbial."""
    phrase = english_np(adverbial.phrase, True) if adverbial.phrase else []
    return [*adverbial.words[1].split(), *phrase]


def english_verb(c: Clause, question: bool) -> tuple[Words, Words]:
    """Return (auxiliary, rest): *not* and, in questions, the subject go between the two."""
    there = c.object if c.verb is lex.EXIST else None
    person, plural = person_of(there or c.subject, "en")
    past = c.tense in ("past", "perfect")
    head, rest = tuple(c.verb.en), list[str]()
    if c.modal:
        modal = tuple(lex.MODALS[c.modal][0].split())
        head, rest = modal, [*c.verb.en]
    elif c.tense == "future":
        head, rest = ("will",), [*c.verb.en]
    elif c.tense == "progressive":
        head, rest = ("be",), lex.english_verb(c.verb.en, "ing")
    if head[0] in ("can", "will", "would"):
        aux = lex.english_verb(head[:1], "past")[0] if past else head[0]
        return [aux], [*head[1:], *rest]
    if head[0] == "be":
        forms = ENGLISH_BE["past" if past else "present"]
        return [forms[person - 1 + 3 * plural]], [*head[1:], *rest]
    third = person == 3 and not plural
    if c.negated or question:
        return ["did" if past else "does" if third else "do"], [*head, *rest]
    form = "past" if past else "s" if third else "base"
    return [], [*lex.english_verb(head, form), *rest]


def english_objects(c: Clause) -> Words:
    """Order objects: *gives him a book*, *gives the boy a book*, *explains the rule to him*."""
    words = english_np(c.object, True, c.negated) if c.object and c.object.det != "gap" else []
    if c.recipient is None:
        return words
    to = english_np(c.recipient, True)
    late = c.verb.en_to or c.object is None or is_pronoun(c.object) or len(c.verb.en) > 1
    return [*words, "to", *to] if late else [*to, *words]


def english_predicate(c: Clause) -> Words:
    """Render what follows *be*."""
    predicate = c.predicate
    if predicate is None:
        return []
    if predicate.noun:
        return english_np(predicate.noun)
    assert predicate.adjective is not None
    if predicate.than:
        more = lex.english_comparative(predicate.adjective)
        return [*more, "than", *english_np(predicate.than, True)]
    return [*predicate.degree[1].split(), *predicate.adjective.en.split()]


def english_after(c: Clause, adverbials: Sequence[Adverbial]) -> Words:
    """Render what follows the verb: objects, then direction, manner, place, time."""
    order = ("direction", "manner", "place", "time")
    late = [a for role in order for a in adverbials if a.role == role]
    words = [
        *english_predicate(c),
        *english_objects(c),
        *flatten([english_adverbial(a) for a in late]),
    ]
    if c.complement is None:
        return words
    if c.finite_complement:
        return [*words, "that", *english_clause(c.complement)]
    inner = c.complement
    return [*words, "to", *inner.verb.en, *english_after(inner, inner.adverbials)]


def english_clause(c: Clause, question: bool = False) -> Words:
    """Render a clause in subject-verb-object order, with do-support."""
    aux, main = english_verb(c, question)
    subject = [] if c.subject.det == "gap" else english_np(c.subject)
    subject = ["there"] if c.verb is lex.EXIST else subject
    adverbials = list(c.adverbials)
    lead: Words = []
    if c.fronted == "adverbial":
        lead = english_adverbial(adverbials.pop(0))
        lead += [","] if len(lead) > 1 or c.adverbials[0].role == "comment" else []
    often = flatten([english_adverbial(a) for a in adverbials if a.role in ("often", "comment")])
    middle = [*(["not"] if c.negated else []), *often]
    after = english_after(c, adverbials)
    if question:
        return [*aux, *subject, *middle, *main, *after]
    return [*lead, *subject, *aux, *middle, *main, *after]


# --- French (only as the wrong language) -------------------------------------------------------

FRENCH_SMALL = """zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze
quinze seize dix-sept dix-huit dix-neuf""".split()
FRENCH_TENS = (
    "- - vingt trente quarante cinquante soixante soixante quatre-vingt quatre-vingt".split()
)
FRENCH_OWN = {
    "mein": "m",
    "dein": "t",
    "sein": "s",
    "ihr": "s",
    "unser": "n",
    "euer": "v",
    "Ihr": "v",
}
VOWEL = re.compile(r"(?i:[aeiouyâàéèêëîïôœ]|h(?!aut))")


def french_number(number: int) -> str:
    """Spell a number from 2 to 99 (none that ends in *et un*)."""
    if number < 20:
        return FRENCH_SMALL[number]
    tens = number // 10
    ones = number - 10 * (tens - 1 if tens in (7, 9) else tens)
    if number == 80:
        return "quatre-vingts"
    return FRENCH_TENS[tens] + (f"-{FRENCH_SMALL[ones]}" if ones else "")


def _french_own(key: str, fem: bool, plural: bool, vowel: bool) -> str:
    letter = "l" if key == "sie_pl" else FRENCH_OWN[lex.PRONOUNS[key].de[3]]
    if letter in "nvl":
        return {"n": "notre nos", "v": "votre vos", "l": "leur leurs"}[letter].split()[plural]
    return letter + ("es" if plural else "a" if fem and not vowel else "on")


def _french_det(np: NounPhrase, fem: bool, after: str, negated: bool) -> str:
    kind, _, detail = np.det.partition(":")
    vowel = bool(VOWEL.match(after))
    before = np.plural and np.adjective is not None and np.adjective.fr_before
    assert np.noun is not None
    if kind == "poss":
        return _french_own(detail, fem, np.plural, vowel)
    if kind == "num":
        return french_number(int(detail))
    if kind in ("indef", "bare"):
        if negated or before:
            return "de"
        if np.noun.mass:
            return "de l'" if vowel else "de la" if fem else "du"
        return "des" if np.plural else "une" if fem else "un"
    if kind == "this":
        return "ces" if np.plural else "cette" if fem else "cet" if vowel else "ce"
    if kind in ("many", "every"):
        return "beaucoup de" if kind == "many" else "chaque"
    return "les" if np.plural else "la" if fem else "le"


def french_np(np: NounPhrase, prep: str = "", negated: bool = False) -> Words:
    """Render a noun phrase after a preposition, contracted (au, des); elision comes last."""
    if is_pronoun(np) or np.noun is None:
        stressed = {"je": "moi", "tu": "toi", "il": "lui", "ils": "eux"}
        word = lex.PRONOUNS[key_of(np, "fr")].fr[0] if is_pronoun(np) else np.name
        word = "elles" if word == "ils" and feminine(np) else word
        return [*prep.split(), stressed.get(word, word) if prep else word]
    fem = np.noun.fr_gender == "f"
    core = (np.noun.fr_plural if np.plural else np.noun.fr).split()
    if np.adjective:
        form = lex.french_adjective(np.adjective, fem, np.plural)
        if np.adjective.fr_before:
            special = {"beau": "bel", "vieux": "vieil", "nouveau": "nouvel"}
            vowel = not fem and not np.plural and VOWEL.match(core[0])
            core = [special.get(form, form) if vowel else form, *core]
        else:
            core = [*core, form]
    det = _french_det(np, fem, core[0], negated)
    if prep.endswith("de") and np.det in ("indef", "bare") and (np.plural or np.noun.mass):
        det = ""  # de + des, de + du
    *far, near = prep.split() or [""]
    joined = {"à le": "au", "à les": "aux", "de le": "du", "de les": "des"}.get(f"{near} {det}")
    words = [*far, *([joined] if joined else [near, *det.split()]), *core]
    if np.owner:
        words += french_np(np.owner, "de")
    if np.relative:
        relative = "qui" if np.relative.subject.det == "gap" else "que"
        words += [relative, *french_clause(np.relative)]
    return [word for word in words if word]


def french_adverbial(adverbial: Adverbial) -> Words:
    """Render an adverbial."""
    text = adverbial.words[2]
    return french_np(adverbial.phrase, text) if adverbial.phrase else text.split()


def _agreeing(participle: str, np: NounPhrase) -> str:
    form = participle + ("e" if feminine(np) else "")
    return form + ("s" if is_plural(np, "fr") and not form.endswith("s") else "")


def french_clitics(c: Clause) -> Words:
    """Return reflexive and object pronouns, which stand before the verb."""
    words = ["y"] if c.verb is lex.EXIST else []
    if c.verb.reflexive:
        pronoun = lex.PRONOUNS[key_of(c.subject, "fr")]
        third = pronoun.person == 3 and key_of(c.subject, "fr") != "Sie"
        words.append("se" if third else pronoun.fr[1])
    if is_pronoun(c.recipient) and c.recipient:
        words.append(lex.PRONOUNS[key_of(c.recipient, "fr")].fr[2])
    if is_pronoun(c.object) and c.object and not c.verb.fr_prep:
        words.append(lex.PRONOUNS[key_of(c.object, "fr")].fr[1])
    return words


def french_compound(c: Clause, person: int, plural: bool) -> tuple[str, Words]:
    """Return auxiliary and participle of the passé composé, agreeing where French agrees."""
    forms = lex.french_forms(c.verb.fr[0])
    etre = c.verb.reflexive or c.verb.fr[0] in lex.FRENCH_ETRE
    helper = lex.french_forms("être" if etre else "avoir")[person - 1 + 3 * plural]
    participle = forms[6]
    direct = c.object and not c.verb.fr_prep and (is_pronoun(c.object) or c.object.det == "gap")
    if etre:
        participle = _agreeing(participle, c.subject)
    elif direct and c.object and len(c.verb.fr) == 1:
        participle = _agreeing(participle, c.object)
    return helper, [participle, *c.verb.fr[1:]]


def french_verb(c: Clause) -> tuple[Words, Words]:
    """Return the verb group up to the finite verb and *pas*, and what follows it."""
    person, plural = person_of(c.subject, "fr")
    at = person - 1 + 3 * plural
    past, fr, clitics = c.tense in ("past", "perfect"), list(c.verb.fr), french_clitics(c)
    late = [*clitics, *fr]
    if c.modal or c.tense in ("future", "progressive"):
        helper, *more = lex.MODALS[c.modal][1].split("_") if c.modal else ["aller"]
        if c.tense == "progressive":
            helper, more = "être", ["en", "train", "de"]
        finite = (
            lex.french_imperfect(helper, person, plural) if past else lex.french_forms(helper)[at]
        )
        if c.modal == "möchten":
            finite = "voudrais voudrais voudrait voudrions voudriez voudraient".split()[at]
        clitics, rest = [], [*more, *late]
    elif past and (c.stative or c.verb is lex.BE or c.verb is lex.EXIST):
        finite, rest = lex.french_imperfect(fr[0], person, plural), fr[1:]
    elif past:
        finite, rest = french_compound(c, person, plural)
    else:
        finite, rest = lex.french_forms(fr[0])[at], fr[1:]
    if c.negated:
        return ["ne", *clitics, finite, "pas"], rest
    return [*clitics, finite], rest


def french_after(c: Clause, adverbials: Sequence[Adverbial]) -> Words:
    """Render what follows the verb."""
    words: Words = []
    if c.predicate and c.predicate.noun:
        bare = c.predicate.noun.adjective is None
        np = c.predicate.noun
        noun = np.noun
        words += (
            french_np(np)
            if not bare or noun is None
            else [noun.fr_plural if np.plural else noun.fr]
        )
    elif c.predicate and c.predicate.adjective:
        fem, plural = feminine(c.subject), is_plural(c.subject, "fr")
        form = lex.french_adjective(c.predicate.adjective, fem, plural)
        better = {
            "bon": "meilleur",
            "bonne": "meilleure",
            "bons": "meilleurs",
            "bonnes": "meilleures",
        }
        more = [better[form]] if form in better else ["plus", form]
        than = c.predicate.than
        words += (
            [*more, *french_np(than, "que")] if than else [*c.predicate.degree[2].split(), form]
        )
    if c.object and c.object.det != "gap" and (c.verb.fr_prep or not is_pronoun(c.object)):
        words += french_np(c.object, c.verb.fr_prep, c.negated and not c.verb.fr_prep)
    if c.recipient and not is_pronoun(c.recipient):
        words += french_np(c.recipient, "à")
    order = ("direction", "manner", "place", "time")
    words += flatten([french_adverbial(a) for role in order for a in adverbials if a.role == role])
    if c.complement and c.finite_complement:
        words += ["que", *french_clause(c.complement)]
    elif c.complement:
        inner = replace(c.complement, subject=c.subject)
        link = [c.verb.fr_prep] if c.verb.fr_prep else []
        words += [
            *link,
            *french_clitics(inner),
            *inner.verb.fr,
            *french_after(inner, inner.adverbials),
        ]
    return words


def french_clause(c: Clause) -> Words:
    """Render a clause."""
    adverbials = list(c.adverbials)
    lead = []
    if c.fronted == "adverbial":
        lead = [*french_adverbial(adverbials.pop(0)), ","]
    subject = [] if c.subject.det == "gap" else french_np(c.subject)
    group, rest = french_verb(c)
    often = flatten([french_adverbial(a) for a in adverbials if a.role in ("often", "comment")])
    return [*lead, *subject, *group, *often, *rest, *french_after(c, adverbials)]


# --- sentences ---------------------------------------------------------------------------------


def finish(words: Words, language: str, mark: str) -> str:
    """Turn words into text: spaces, commas, a/an, elision, a capital and the final mark."""
    text = " ".join(words)
    text = re.sub(r"( ,)+", ",", text)
    text = text.strip(", ")
    if language == "en":
        text = re.sub(r"\ba (?=[aeiou](?!seful|niv|ne\b))", "an ", text)
        text = text.replace(" a honest", " an honest").replace("can not ", "cannot ")
    if language == "fr":
        text = re.sub(
            rf"(?<![\w'-])(le|la|de|que|ne|je|me|te|se) (?={VOWEL.pattern})", _elide, text
        )
        text = re.sub(r"(?<!\w)si (?=ils?\b)", "s'", text).replace("l' ", "l'")
        mark = f" {mark}" if mark in "?!" else mark
    return text[0].upper() + text[1:] + mark


def _elide(match: re.Match[str]) -> str:
    return match.group(1)[:-1] + "'"


def _main(c: Clause, language: str) -> Words:
    if language == "de":
        return german_clause(c, "v2")
    return english_clause(c) if language == "en" else french_clause(c)


def _question(s: Sentence, language: str) -> Words:
    asked = s.asked[LANGUAGES.index(language)].split()
    if language == "de":
        return [*asked, *german_clause(s.clause, "v1")]
    if language == "en":
        return [*asked, *english_clause(s.clause, question=True)]
    return [*asked, "est-ce", "que", *french_clause(s.clause)]


def _imperative(c: Clause, language: str) -> Words:
    """Render a polite request."""
    if language == "de":
        return ["bitte", *german_clause(c, "v1")]
    if language == "en":
        return ["please", *c.verb.en, *english_after(c, c.adverbials)]
    verb = [lex.french_forms(c.verb.fr[0])[4], *c.verb.fr[1:]]
    return [*verb, *french_after(c, c.adverbials), ",", "s'il", "vous", "plaît"]


def _linked(s: Sentence, language: str) -> Words:
    """Render two clauses: weil puts the verb last, und leaves it second."""
    link = s.link[LANGUAGES.index(language)].split()
    assert s.other is not None
    if not s.subordinate:
        comma = [] if link[0] in ("und", "and", "et") else [","]
        return [*_main(s.clause, language), *comma, *link, *_main(s.other, language)]
    other = german_clause(s.other, "final") if language == "de" else _main(s.other, language)
    if not s.first:
        comma = [","] if language == "de" else []
        return [*_main(s.clause, language), *comma, *link, *other]
    main = german_clause(s.clause, "v1") if language == "de" else _main(s.clause, language)
    return [*link, *other, ",", *main]


def render(s: Sentence, language: str) -> str:
    """Render a sentence in `de`, `en` or `fr`.

    Args:
        s: the abstract sentence.
        language: the language code.

    Returns:
        Cased, punctuated text.
    """
    if s.mood == "question":
        return finish(_question(s, language), language, "?")
    if s.mood == "imperative":
        return finish(_imperative(s.clause, language), language, "!" if language == "de" else ".")
    words = _linked(s, language) if s.other else _main(s.clause, language)
    return finish(words, language, ".")


# --- sampling ----------------------------------------------------------------------------------

# German, case, English, French, kinds of noun
PLACES = (
    ("in", "dat", "in", "dans", "building room outside"),
    ("an", "dat", "at", "à", "spot"),
    ("auf", "dat", "on", "sur", "ground"),
    ("hinter", "dat", "behind", "derrière", "building landmark"),
    ("vor", "dat", "in front of", "devant", "building landmark"),
    ("neben", "dat", "next to", "à côté de", "building landmark"),
    ("mit", "dat", "with", "avec", "human"),
    ("ohne", "acc", "without", "sans", "human"),
)
OCCASIONS = (
    ("nach", "dat", "after", "après", "event"),
    ("vor", "dat", "before", "avant", "event"),
    ("während", "gen", "during", "pendant", "event"),
    ("wegen", "gen", "because of", "à cause de", "event"),
)
DIRECTIONS = (
    ("in", "acc", "to", "dans", "building room outside"),
    ("zu", "dat", "to", "à", "spot building"),
    ("zu", "dat", "to", "chez", "human"),
)
OWNABLE = frozenset(
    "human job person animal thing clothes vehicle text instrument room topic".split()
)
UNITS = (("Tagen", "days", "jours"), ("Wochen", "weeks", "semaines"), ("Monaten", "months", "mois"),
         ("Jahren", "years", "ans"))  # fmt: skip
CITIES, COUNTRIES = lex.triples(lex.CITIES), lex.triples(lex.COUNTRIES)
TIMES = {tense: lex.triples(table) for tense, table in lex.TIMES.items()}
MANNERS, COMMENTS = lex.triples(lex.MANNERS), lex.triples(lex.COMMENTS)
CONJUNCTIONS, DEGREES = lex.triples(lex.CONJUNCTIONS), lex.triples(lex.DEGREES)
LINKS = lex.triples(lex.LINKS)
ASKED = (("", "", ""), ("warum", "why", "pourquoi"), ("wann", "when", "quand"))
HUMAN_KINDS = ("job", "person")


def expand(kinds: Sequence[str]) -> tuple[str, ...]:
    """Replace `human` by the kinds of noun it covers."""
    return tuple(k for kind in kinds for k in (HUMAN_KINDS if kind == "human" else (kind,)))


def no_comment(c: Clause) -> tuple[Adverbial, ...]:
    """Return the adverbials of a clause that may also stand inside a question or a dass clause."""
    return tuple(a for a in c.adverbials if a.role != "comment")


class Sampler:
    """Draws sentences whose parts fit together; every choice comes from one generator."""

    def __init__(self, rng: Random) -> None:
        """Start from a random generator."""
        self.rng = rng

    def chance(self, probability: float) -> bool:
        """Return True with a probability."""
        return self.rng.random() < probability

    def pick(self, weighted: dict[str, float]) -> str:
        """Draw a key in proportion to its weight."""
        return self.rng.choices(list(weighted), list(weighted.values()))[0]

    def adjective(self, noun: lex.Noun) -> lex.Adjective:
        """Draw an adjective that suits a noun."""
        kind = self.rng.choice(lex.ADJECTIVES_OF[noun.kind].split())
        return self.rng.choice(lex.ADJECTIVES[kind])

    def noun_phrase(
        self, kinds: Sequence[str], owner_key: str = "", relative: float = 0.0
    ) -> NounPhrase:
        """Draw a noun phrase headed by a noun of one of the kinds."""
        groups = [lex.NOUNS[kind] for kind in expand(kinds)]
        noun = self.rng.choices(groups, [len(group) for group in groups])[0]
        return self.dress(self.rng.choice(noun), owner_key, relative)

    def dress(self, noun: lex.Noun, owner_key: str = "", relative: float = 0.0) -> NounPhrase:
        """Give a noun its determiner, number, adjective, owner and relative clause."""
        plural = not noun.mass and self.chance(0.3)
        dets = {"def": 9.0, "indef": 5.0, "this": 1.2}
        if noun.kind in OWNABLE:
            dets["poss"] = 4.0 if owner_key else 1.5
        dets.update({"many": 1.0, "num": 1.2} if plural else {"every": 0.4})
        if noun.mass and noun.kind in ("massfood", "drink"):
            dets = {"bare": 3.0, "def": 2.0, "this": 0.4}
        elif noun.mass:
            dets = {"def": 1.0}
        det = self.pick(dets)
        if det == "poss":
            det = "poss:" + (owner_key or self.rng.choice(["ich", "wir", "er", "sie"]))
        elif det == "num":
            det = f"num:{self.number()}"
        adjective = self.adjective(noun) if self.chance(0.35) else None
        np = NounPhrase(noun, det, plural, adjective)
        if det == "def" and noun.kind in OWNABLE and self.chance(0.12):
            return replace(np, owner=self.owner())
        if det in ("def", "indef") and self.chance(relative):
            return replace(np, relative=self.relative(np))
        return np

    def number(self) -> int:
        """Draw a number, small ones more often."""
        low = self.rng.choice((2, 3, 4, 5, 6, 10, 12))
        high = self.rng.choice([n for n in range(13, 100) if n % 10 != 1])
        return high if self.chance(0.4) else low

    def owner(self) -> NounPhrase:
        """Draw someone who owns something."""
        if self.chance(0.5):
            return NounPhrase(name=self.name())
        det = "def" if self.chance(0.6) else "poss:ich"
        return NounPhrase(self.rng.choice(lex.NOUNS["human"]), det, self.chance(0.2))

    def name(self) -> str:
        """Draw a first name that takes a plain genitive -s."""
        return self.rng.choice([n for n in lex.MEN + lex.WOMEN if n[-1] not in "sxz"])

    def person(self, relative: float = 0.0) -> NounPhrase:
        """Draw a human subject: pronoun, name or noun."""
        how = self.pick({"pronoun": 3, "name": 2.5, "noun": 6})
        if how == "pronoun":
            keys = {"ich": 4, "du": 2, "er": 3, "sie": 3, "wir": 3, "ihr": 1, "sie_pl": 2, "Sie": 1}
            return NounPhrase(key=self.pick(dict(keys)))
        if how == "name":
            return NounPhrase(name=self.rng.choice(lex.MEN + lex.WOMEN))
        return self.noun_phrase(["human"], relative=relative)

    def subject(self, kinds: Sequence[str], relative: float = 0.0) -> NounPhrase:
        """Draw a subject of one of the kinds."""
        if self.rng.choice(kinds) == "human":
            return self.person(relative)
        rest = [kind for kind in kinds if kind != "human"]
        return self.noun_phrase(rest, relative=relative)

    def own_key(self, subject: NounPhrase) -> str:
        """Return the possessive that refers back to a subject, where it is the same everywhere."""
        if subject.noun and not subject.plural and subject.noun.gender == "n":
            return ""
        human = subject.noun is None or subject.noun.human
        return key_of(subject, "de") if human and not subject.same else ""

    def relative(self, np: NounPhrase) -> Clause:
        """Draw a relative clause for a noun phrase."""
        assert np.noun is not None
        gap = replace(np, det="gap", adjective=None)
        tense = self.rng.choice(("present", "past", "perfect"))
        if np.noun.human and self.chance(0.6):
            c = self.event(subject=gap, tense=tense)
            return replace(c, fronted="", negated=False, adverbials=no_comment(c))
        frames = [
            (frame, verb)
            for frame in lex.VERBS
            for verb in frame.verbs
            if np.noun.kind in expand(frame.objects) and not verb.de_prep and not verb.fr_prep
        ]
        if not frames or self.chance(0.25):
            adjective = self.adjective(np.noun)
            tense = "past" if tense == "perfect" else tense
            predicate = Predicate(adjective, self.rng.choice(DEGREES))
            return Clause(gap, lex.BE, predicate=predicate, tense=tense)
        frame, verb = self.rng.choice(frames)
        subject = self.subject(frame.subjects)
        if frame.stative or (tense == "past" and subject.key in ("du", "ihr")):
            tense = "present" if frame.stative else "perfect"
        return Clause(subject, verb, gap, tense=tense, stative=frame.stative)

    def tense(self, subject: NounPhrase, stative: bool) -> tuple[str, str]:
        """Draw (tense, modal) for a clause."""
        weights = {"present": 6, "past": 3.5, "perfect": 4.5, "future": 1.5}
        weights.update({} if stative else {"modal": 2.5, "progressive": 1.0})
        tense, modal = self.pick(weights), ""
        if tense == "modal":
            animal = subject.noun is not None and not subject.noun.human
            modal = self.rng.choice(["können", "müssen"] if animal else list(lex.MODALS))
            past = self.chance(0.35) and modal not in ("möchten", "müssen")
            tense = "past" if past else "present"
        if stative and tense == "perfect":
            tense = "past"
        if tense == "past" and subject.key in ("du", "ihr") and not modal:
            tense = "present" if stative else "perfect"
        return tense, modal

    def time(self, tense: str, modal: str) -> Adverbial:
        """Draw an adverbial of time that suits the tense."""
        past = tense in ("past", "perfect")
        if self.chance(0.15):
            return self.prepositional("time", OCCASIONS)
        number, unit = self.rng.choice((2, 3, 4, 5, 6, 10)), self.rng.choice(UNITS)
        words = german_number(number), english_number(number), french_number(number)
        if past and self.chance(0.2):
            year = str(self.rng.randint(1950, 2020))
            text = (
                f"vor {words[0]} {unit[0]}",
                f"{words[1]} {unit[1]} ago",
                f"il y a {words[2]} {unit[2]}",
            )
            dated = (f"im Jahr {year}", f"in {year}", f"en {year}")
            return Adverbial("time", text if self.chance(0.6) else dated)
        if tense == "future" and self.chance(0.15):
            return Adverbial(
                "time",
                (
                    f"in {words[0]} {unit[0]}",
                    f"in {words[1]} {unit[1]}",
                    f"dans {words[2]} {unit[2]}",
                ),
            )
        if self.chance(0.06):
            hour = f"um {words[0]} Uhr", f"at {words[1]} o'clock", f"à {words[2]} heures"
            return Adverbial("time", hour)
        special = "past" if past else "any" if modal else tense
        return Adverbial("time", self.rng.choice(TIMES[special if self.chance(0.6) else "any"]))

    def prepositional(self, role: str, table: Sequence[tuple[str, ...]]) -> Adverbial:
        """Draw a prepositional phrase from a table of prepositions."""
        de, case, en, fr, kinds = self.rng.choice(table)
        np = self.noun_phrase(kinds.split())
        if np.det in ("many", "every") or np.det.startswith("num") or case == "gen":
            np = replace(np, det="def", owner=None)
        return Adverbial(role, (de, en, fr), np, case)

    def place(self, role: str = "place") -> Adverbial:
        """Draw where (place) or where to (direction)."""
        here = role == "place"
        if self.chance(0.3):
            de, en = ("in", "in") if here else ("nach", "to")
            city = self.chance(0.6)
            names = self.rng.choice(CITIES if city else COUNTRIES)
            fr = "à" if city else "en"
            return Adverbial(role, (f"{de} {names[0]}", f"{en} {names[1]}", f"{fr} {names[2]}"))
        return self.prepositional(role, PLACES if here else DIRECTIONS)

    def adverbials(self, tense: str, modal: str, negated: bool, stative: bool) -> list[Adverbial]:
        """Draw the adverbials of a clause, at most one of each role."""
        found = []
        if tense != "progressive" and not stative and self.chance(0.45):
            found.append(self.time(tense, modal))
        elif tense == "present" and not negated and not modal and self.chance(0.25):
            found.append(Adverbial("often", self.rng.choice(TIMES["often"])))
        if not stative and self.chance(0.25):
            found.append(self.place())
        if not stative and not negated and self.chance(0.12):
            found.append(Adverbial("manner", self.rng.choice(MANNERS)))
        return found

    def object_for(
        self, frame: lex.Frame, verb: lex.Verb, subject: NounPhrase
    ) -> NounPhrase | None:
        """Draw an object the verb can take."""
        if not frame.objects:
            return None
        simple = not verb.de_prep and not verb.fr_prep and len(verb.fr) == 1
        if "human" in frame.objects and simple and self.chance(0.3):
            person = lex.PRONOUNS[subject.key].person if subject.key and subject.key != "Sie" else 3
            person = 2 if subject.key == "Sie" else person
            keys = [
                k
                for k in lex.PRONOUNS
                if k not in ("es", "Sie") and lex.PRONOUNS[k].person != person
            ]
            return NounPhrase(key=self.rng.choice([*keys, "er"] if person != 3 else keys))
        np = self.noun_phrase(frame.objects, self.own_key(subject), relative=0.06)
        return self.object_for(frame, verb, subject) if np.noun is subject.noun else np

    def frame(self, dynamic: bool = False) -> lex.Frame:
        """Draw a verb frame in proportion to its verbs."""
        frames = [*lex.VERBS, *lex.GIVING]
        weights = [0 if dynamic and f.stative else len(f.verbs) ** 0.7 for f in frames]
        return self.rng.choices(frames, weights)[0]

    def event(
        self, subject: NounPhrase | None = None, tense: str = "", dynamic: bool = False
    ) -> Clause:
        """Draw a clause with a full verb."""
        frame = self.frame(dynamic)
        while subject and "human" not in frame.subjects:
            frame = self.frame(dynamic)
        verb = self.rng.choice(frame.verbs)
        direction = not frame.objects and self.chance(0.3)
        if direction:
            verb, subject = self.rng.choice(lex.MOTION), subject or self.person()
        subject = subject or self.subject(frame.subjects, relative=0.1)
        modal = ""
        if not tense:
            tense, modal = self.tense(subject, frame.stative)
        elif frame.stative and tense == "perfect":
            tense = "past"
        negated = modal != "müssen" and tense != "progressive" and self.chance(0.15)
        obj = None if direction else self.object_for(frame, verb, subject)
        found = self.adverbials(tense, modal, negated, frame.stative)
        if direction:
            found = [a for a in found if a.role != "place"] + [self.place("direction")]
        recipient = self.recipient(subject) if frame in lex.GIVING else None
        c = Clause(subject, verb, obj, recipient, None, tense, modal, negated, tuple(found))
        return self.front(replace(c, stative=frame.stative))

    def recipient(self, subject: NounPhrase) -> NounPhrase:
        """Draw who is given something."""
        if self.chance(0.4):
            person = lex.PRONOUNS[key_of(subject, "de")].person
            keys = [k for k in ("ich", "du", "er", "sie", "wir", "sie_pl")]
            skip = 2 if key_of(subject, "de") == "Sie" else person
            return NounPhrase(
                key=self.rng.choice([k for k in keys if lex.PRONOUNS[k].person != skip] or keys)
            )
        return self.noun_phrase(["human"], self.own_key(subject))

    def front(self, c: Clause) -> Clause:
        """Perhaps put an adverbial, a comment or the object before the verb."""
        roles = [a.role in ("time", "place") for a in c.adverbials]
        if self.chance(0.12):
            comment = Adverbial("comment", self.rng.choice(COMMENTS))
            return replace(c, fronted="adverbial", adverbials=(comment, *c.adverbials))
        if any(roles) and self.chance(0.45):
            at = roles.index(True)
            rest = (*c.adverbials[:at], *c.adverbials[at + 1 :])
            return replace(c, fronted="adverbial", adverbials=(c.adverbials[at], *rest))
        noun, subject = c.object and c.object.noun, c.subject.noun
        clear = noun and c.object and c.object.det in ("def", "this") and not c.object.plural
        marked = clear and noun and noun.gender == "m" and subject and not c.subject.plural
        if marked and not c.verb.de_prep and not c.negated and self.chance(0.15):
            return replace(c, fronted="object")
        return c

    def state(self, subject: NounPhrase | None = None, tense: str = "") -> Clause:
        """Draw a clause with *to be*: an adjective, a comparison or a profession."""
        kinds = [k for k in lex.ADJECTIVES_OF if k not in ("massfood", "drink")]
        human = subject is not None or self.chance(0.55)
        if subject is None:
            subject = self.person(0.1) if human else self.noun_phrase(kinds, relative=0.08)
        tense = tense or self.pick({"present": 3, "past": 2})
        negated = self.chance(0.15)
        found: tuple[Adverbial, ...] = ()
        if tense == "present" and not negated and human and self.chance(0.2):
            found = (Adverbial("often", self.rng.choice(TIMES["often"])),)
        if human and not subject.same and self.chance(0.2):
            predicate = Predicate(noun=self.profession(subject))
            return Clause(subject, lex.BE, predicate=predicate, tense=tense, negated=negated)
        base = subject.same.noun if subject.same else subject.noun
        adjective = self.adjective(base or lex.NOUNS["person"][0])
        predicate = Predicate(
            adjective, self.rng.choice(DEGREES) if self.chance(0.4) else ("", "", "")
        )
        if adjective.comparable and not negated and self.chance(0.2):
            kind = HUMAN_KINDS if human else [base.kind] if base else HUMAN_KINDS
            than = replace(self.noun_phrase(kind), relative=None, det="def")
            if than.noun is not base:
                predicate = replace(predicate, than=than)
        return self.front(Clause(subject, lex.BE, None, None, predicate, tense, "", negated, found))

    def profession(self, subject: NounPhrase) -> NounPhrase:
        """Draw a profession that agrees with its subject."""
        key = key_of(subject, "de")
        plural = lex.PRONOUNS[key].plural and key != "Sie"
        woman = feminine(subject) or (subject.noun is not None and subject.noun.fr_gender == "f")
        jobs = [n for n in lex.NOUNS["job"] if (n.gender == "f") == woman and n is not subject.noun]
        noun = self.rng.choice(jobs)
        adjective = self.rng.choice(lex.ADJECTIVES["mind"]) if self.chance(0.4) else None
        return NounPhrase(noun, "indef", plural, adjective)

    def existence(self) -> Clause:
        """Draw *there is*."""
        kinds = "animal thing building landmark human text".split()
        np = self.noun_phrase(kinds)
        allowed = ("indef", "many") if np.plural else ("indef",)
        det = np.det if np.det in allowed or np.det.startswith("num") else "indef"
        tense = self.rng.choice(("present", "past"))
        negated = det == "indef" and self.chance(0.3)
        c = Clause(NounPhrase(key="es"), lex.EXIST, replace(np, det=det, owner=None), tense=tense)
        where = self.prepositional("place", PLACES[:6])
        fronted = "adverbial" if self.chance(0.6) else ""
        return replace(c, negated=negated, adverbials=(where,), fronted=fronted)

    def thought(self) -> Clause:
        """Draw a clause with a dass clause or an infinitive with zu."""
        subject = self.person()
        tense = "perfect" if subject.key in ("du", "ihr") else self.rng.choice(("past", "perfect"))
        tense = "present" if self.chance(0.5) else tense
        if self.chance(0.5):
            inner = self.state() if self.chance(0.3) else self.event()
            inner = replace(inner, fronted="", adverbials=no_comment(inner))
            verb = self.rng.choice(lex.THAT_VERBS)
            return Clause(subject, verb, tense=tense, complement=inner, finite_complement=True)
        me = replace(subject, relative=None)
        inner = self.event(subject=me, tense="present", dynamic=True)
        keep = tuple(a for a in inner.adverbials if a.role in ("manner", "place", "direction"))
        inner = replace(inner, negated=False, fronted="", adverbials=keep)
        return Clause(subject, self.rng.choice(lex.INFINITIVE_VERBS), tense=tense, complement=inner)

    def clause(self) -> Clause:
        """Draw a clause of any kind."""
        how = self.pick({"event": 10, "state": 2.5, "existence": 0.6, "thought": 2})
        makers = {"event": self.event, "state": self.state}
        makers.update({"existence": self.existence, "thought": self.thought})  # type: ignore[dict-item]
        return makers[how]()

    def second(self, c: Clause) -> Clause:
        """Draw a clause that goes with another: often about the same subject, in its time."""
        past = c.tense in ("past", "perfect")
        tense = self.rng.choice(("past", "perfect")) if past else "present"
        subject = None
        named = c.subject.name or (c.subject.noun is not None and c.subject.noun.human)
        if named and c.subject.det not in ("every", "indef") and self.chance(0.5):
            subject = NounPhrase(same=replace(c.subject, relative=None))
        if subject is None and self.chance(0.15):
            weather = self.rng.choice(lex.WEATHER)
            return Clause(NounPhrase(key="es"), weather, tense=tense, stative=True)
        if self.chance(0.35):
            made = self.state(subject, "past" if past else "present")
        else:
            made = self.event(subject, tense, dynamic=True)
        made = replace(made, fronted="", adverbials=self.compatible(c, made))
        if made.subject.key in ("du", "ihr") and made.tense == "past" and made.verb is not lex.BE:
            made = replace(made, tense="perfect")
        return made

    def compatible(self, first: Clause, second: Clause) -> tuple[Adverbial, ...]:
        """Keep the adverbials of a second clause that cannot contradict those of the first."""
        return tuple(
            a
            for a in second.adverbials
            if a.role != "comment" and (a.role not in [b.role for b in first.adverbials])
        )

    def linked(self) -> Sentence:
        """Draw two clauses joined by a conjunction."""
        first = self.state() if self.chance(0.2) else self.event()
        second = self.second(first)
        if self.chance(0.35):
            return Sentence(first, link=self.rng.choice(LINKS), other=second)
        link = self.rng.choice([*CONJUNCTIONS, ("wenn", "when", "quand")])
        if link[0] == "wenn" and first.tense in ("past", "perfect"):
            link = ("als", "when", "quand")
        elif link[0] == "während" and (first.verb is lex.BE or second.verb is lex.BE):
            link = CONJUNCTIONS[0]
        plain = replace(first, fronted="", adverbials=no_comment(first))
        if self.chance(0.35):  # the noun comes first, so the pronoun is in the main clause
            return Sentence(second, link=link, other=plain, subordinate=True, first=True)
        return Sentence(first, link=link, other=second, subordinate=True)

    def question(self) -> Sentence:
        """Draw a question."""
        c = self.state() if self.chance(0.2) else self.event()
        c = replace(c, fronted="", adverbials=no_comment(c))
        asked = self.rng.choice(ASKED[: 2 if c.negated or c.verb is lex.BE else 3])
        if asked[0] == "wann":
            kept = tuple(a for a in c.adverbials if a.role not in ("time", "often"))
            c = replace(c, adverbials=kept)
        return Sentence(c, mood="question", asked=asked)

    def request(self) -> Sentence:
        """Draw a polite request."""
        polite = NounPhrase(key="Sie")
        while True:
            c = self.event(subject=polite, tense="present", dynamic=True)
            if (
                c.object
                and c.recipient is None
                and not is_pronoun(c.object)
                and not c.verb.reflexive
            ):
                return Sentence(
                    replace(c, fronted="", negated=False, adverbials=()), mood="imperative"
                )

    def sentence(self) -> Sentence:
        """Draw a sentence."""
        how = self.pick({"clause": 10, "linked": 4.5, "question": 1.6, "request": 0.6})
        if how == "clause":
            return Sentence(self.clause())
        return {"linked": self.linked, "question": self.question, "request": self.request}[how]()


# --- the corpus --------------------------------------------------------------------------------


def generate(count: int, seed: int) -> list[tuple[str, str, str]]:
    """Make distinct sentences.

    Args:
        count: how many.
        seed: the same seed gives the same sentences on every machine.

    Returns:
        (German, English, French) triples; no German sentence comes twice.
    """
    sampler = Sampler(Random(seed))
    seen: set[str] = set()
    made: list[tuple[str, str, str]] = []
    while len(made) < count:
        sentence = sampler.sentence()
        german = render(sentence, "de")
        if german in seen or not 4 <= len(german.split()) <= 25:
            continue
        seen.add(german)
        made.append((german, render(sentence, "en"), render(sentence, "fr")))
    return made


def types(lines: Sequence[str]) -> int:
    """Count the distinct word forms in a text, whatever their case."""
    return len({word for line in lines for word in re.findall(r"\w[\w'-]*", line.lower())})


def write_corpus(out: Path, sizes: dict[str, int], seed: int) -> list[str]:
    """Write every split and return one line about each; splits share no German sentence."""
    out.mkdir(parents=True, exist_ok=True)
    triples = generate(sum(sizes.values()), seed)
    report = []
    for split, size in sizes.items():
        part, triples = triples[:size], triples[size:]
        columns = [[row[at] for row in part] for at in range(3)]
        for at, language in enumerate(LANGUAGES):
            if language != "fr" or split == "train":
                write_lines(out / f"{split}.{language}", columns[at])
        report.append(
            f"{split}: {size} sentences from the built-in grammar, seed {seed}, distinct forms "
            f"de {types(columns[0])}, en {types(columns[1])}"
            + (f", fr {types(columns[2])}" if split == "train" else "")
        )
    return report


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write the splits to")
    parser.add_argument("--train", type=_count, default=12000, help="training sentences")
    parser.add_argument("--meta", type=_count, default=500, help="trusted sentences")
    parser.add_argument("--valid", type=_count, default=300, help="validation sentences")
    parser.add_argument("--test", type=_count, default=500, help="test sentences")
    parser.add_argument("--seed", type=int, default=1, help="seed of every random choice")
    args = parser.parse_args(argv)
    sizes = {split: getattr(args, split) for split in ("train", "meta", "valid", "test")}
    try:
        report = write_corpus(args.out, sizes, args.seed)
    except OSError as error:
        print(f"error: cannot write the corpus: {error}", file=sys.stderr)
        return 1
    print("\n".join(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
