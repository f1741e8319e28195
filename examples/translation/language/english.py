"""Rendering in English: subject, verb, object, with do-support."""

# ruff: noqa: SIM905  (lists of words are easier to read as text)
from __future__ import annotations

from collections.abc import Sequence

from language.agreement import flatten, is_pronoun, key_of, person_of
from language.function_words import PRONOUNS
from language.inflection_en import english_comparative, english_form
from language.numbers import english_number
from language.structure import Adverbial, Clause, NounPhrase, Words
from language.verbs import EXIST, MODALS

ENGLISH_BE = {
    "present": "am are is are are are".split(),
    "past": "was were was were were were".split(),
}


def english_np(np: NounPhrase, objective: bool = False, negated: bool = False) -> Words:
    """Render a noun phrase; *a* becomes *an* in the finished text."""
    if is_pronoun(np):
        return [PRONOUNS[key_of(np, "en")].en[1 if objective else 0]]
    if np.noun is None:
        return [np.name]
    kind, _, detail = np.det.partition(":")
    single = {"def": "the", "indef": "a", "this": "this", "every": "every", "many": "many"}
    words = [single[kind]] if kind in single else []
    if kind == "poss":
        words = [PRONOUNS[detail].en[2]]
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
    there = c.object if c.verb is EXIST else None
    person, plural = person_of(there or c.subject, "en")
    past = c.tense in ("past", "perfect")
    head, rest = tuple(c.verb.en), list[str]()
    if c.modal:
        modal = tuple(MODALS[c.modal][0].split())
        head, rest = modal, [*c.verb.en]
    elif c.tense == "future":
        head, rest = ("will",), [*c.verb.en]
    elif c.tense == "progressive":
        head, rest = ("be",), english_form(c.verb.en, "ing")
    if head[0] in ("can", "will", "would"):
        aux = english_form(head[:1], "past")[0] if past else head[0]
        return [aux], [*head[1:], *rest]
    if head[0] == "be":
        forms = ENGLISH_BE["past" if past else "present"]
        return [forms[person - 1 + 3 * plural]], [*head[1:], *rest]
    third = person == 3 and not plural
    if c.negated or question:
        return ["did" if past else "does" if third else "do"], [*head, *rest]
    form = "past" if past else "s" if third else "base"
    return [], [*english_form(head, form), *rest]


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
        more = english_comparative(predicate.adjective)
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
    subject = ["there"] if c.verb is EXIST else subject
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
