"""Rendering in French, which the corpus needs only as the wrong language.

Elision (*l'homme*) and the space before a question mark come last, in `sentences.finish`.
"""

# ruff: noqa: SIM905  (lists of words are easier to read as text)
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from language.agreement import flatten, is_pronoun, key_of, person_of
from language.function_words import PRONOUNS
from language.inflection_fr import FRENCH_ETRE, french_adjective, french_forms, french_imperfect
from language.numbers import french_number
from language.structure import Adverbial, Clause, NounPhrase, Words
from language.verbs import BE, EXIST, MODALS

FRENCH_OWN = {
    "mein": "m",
    "dein": "t",
    "sein": "s",
    "ihr": "s",
    "unser": "n",
    "euer": "v",
    "Ihr": "v",
}
FRENCH_BETTER = {
    "bon": "meilleur",
    "bonne": "meilleure",
    "bons": "meilleurs",
    "bonnes": "meilleures",
}
VOWEL = re.compile(r"(?i:[aeiouyâàéèêëîïôœ]|h(?!aut))")


def feminine(np: NounPhrase) -> bool:
    """Tell whether a noun phrase is feminine in French (speakers of *je* count as masculine)."""
    while np.same:
        np = np.same
    if np.noun is not None:
        return np.noun.fr_gender == "f"
    return PRONOUNS[key_of(np, "fr")].gender == "f"


def is_plural(np: NounPhrase) -> bool:
    """Tell whether participles and adjectives agree in the plural."""
    return PRONOUNS[key_of(np, "fr")].plural


def _french_own(key: str, fem: bool, plural: bool, vowel: bool) -> str:
    letter = "l" if key == "sie_pl" else FRENCH_OWN[PRONOUNS[key].de[3]]
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
        word = PRONOUNS[key_of(np, "fr")].fr[0] if is_pronoun(np) else np.name
        word = "elles" if word == "ils" and feminine(np) else word
        return [*prep.split(), stressed.get(word, word) if prep else word]
    fem = np.noun.fr_gender == "f"
    core = (np.noun.fr_plural if np.plural else np.noun.fr).split()
    if np.adjective:
        form = french_adjective(np.adjective, fem, np.plural)
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
    return form + ("s" if is_plural(np) and not form.endswith("s") else "")


def french_clitics(c: Clause) -> Words:
    """Return reflexive and object pronouns, which stand before the verb."""
    words = ["y"] if c.verb is EXIST else []
    if c.verb.reflexive:
        pronoun = PRONOUNS[key_of(c.subject, "fr")]
        third = pronoun.person == 3 and key_of(c.subject, "fr") != "Sie"
        words.append("se" if third else pronoun.fr[1])
    if is_pronoun(c.recipient) and c.recipient:
        words.append(PRONOUNS[key_of(c.recipient, "fr")].fr[2])
    if is_pronoun(c.object) and c.object and not c.verb.fr_prep:
        words.append(PRONOUNS[key_of(c.object, "fr")].fr[1])
    return words


def french_compound(c: Clause, person: int, plural: bool) -> tuple[str, Words]:
    """Return auxiliary and participle of the passé composé, agreeing where French agrees."""
    forms = french_forms(c.verb.fr[0])
    etre = c.verb.reflexive or c.verb.fr[0] in FRENCH_ETRE
    helper = french_forms("être" if etre else "avoir")[person - 1 + 3 * plural]
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
        helper, *more = MODALS[c.modal][1].split("_") if c.modal else ["aller"]
        if c.tense == "progressive":
            helper, more = "être", ["en", "train", "de"]
        finite = french_imperfect(helper, person, plural) if past else french_forms(helper)[at]
        if c.modal == "möchten":
            finite = "voudrais voudrais voudrait voudrions voudriez voudraient".split()[at]
        clitics, rest = [], [*more, *late]
    elif past and (c.stative or c.verb is BE or c.verb is EXIST):
        finite, rest = french_imperfect(fr[0], person, plural), fr[1:]
    elif past:
        finite, rest = french_compound(c, person, plural)
    else:
        finite, rest = french_forms(fr[0])[at], fr[1:]
    if c.negated:
        return ["ne", *clitics, finite, "pas"], rest
    return [*clitics, finite], rest


def french_predicate(c: Clause) -> Words:
    """Render what follows *être*."""
    predicate = c.predicate
    if predicate is None:
        return []
    if predicate.noun:
        noun = predicate.noun.noun
        if predicate.noun.adjective or noun is None:
            return french_np(predicate.noun)
        return [noun.fr_plural if predicate.noun.plural else noun.fr]
    assert predicate.adjective is not None
    form = french_adjective(predicate.adjective, feminine(c.subject), is_plural(c.subject))
    if predicate.than:
        more = [FRENCH_BETTER[form]] if form in FRENCH_BETTER else ["plus", form]
        return [*more, *french_np(predicate.than, "que")]
    return [*predicate.degree[2].split(), form]


def french_after(c: Clause, adverbials: Sequence[Adverbial]) -> Words:
    """Render what follows the verb."""
    words = french_predicate(c)
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
