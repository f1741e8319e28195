"""Rendering in German.

The finite verb stands second, first or last; case, gender and number decide every ending.
"""

# ruff: noqa: SIM905  (lists of words are easier to read as text)
from __future__ import annotations

from dataclasses import replace

from language.agreement import flatten, is_pronoun, key_of, person_of
from language.function_words import PRONOUNS
from language.inflection_de import german_adjective, german_finite, german_noun, german_participle
from language.numbers import german_number
from language.structure import Adverbial, Clause, NounPhrase, Words

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


def indefinite(np: NounPhrase) -> bool:
    """Tell whether a negation turns into *kein*."""
    return np.noun is not None and np.det in ("indef", "bare")


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
        stem = {"indef": "ein", "no": "kein"}.get(kind) or PRONOUNS[detail].de[3]
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
        return [PRONOUNS[key_of(np, "de")].de[GERMAN_CASES.index(case)]]
    if np.noun is None:
        return [np.name]
    gender = "p" if np.plural else np.noun.gender
    owner_name = np.owner.name if np.owner else ""
    base = replace(np, det="bare") if owner_name else replace(np, det="no") if no else np
    words, ending = _german_det(base, gender, case)
    if owner_name:
        words = [owner_name + "s"]
    if np.adjective:
        words = [*words, german_adjective(np.adjective.de, ending)]
    words = [*words, german_noun(np.noun, case, np.plural)]
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
        return german_finite(base, past, person, plural), "", [verb.infinitive]
    if c.tense == "future":
        return german_finite("werden", False, person, plural), "", [verb.infinitive]
    if c.tense == "perfect":
        helper = german_finite(verb.perfect, False, person, plural)
        return helper, "", [german_participle(verb)]
    return verb.attached + german_finite(verb.base, past, person, plural), verb.prefix, []


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
    warmup_weights = order == "v1" or (order == "v2" and bool(c.fronted))
    if warmup_weights and not is_pronoun(c.subject):
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
