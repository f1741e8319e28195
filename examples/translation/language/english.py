"""English: do-support and one order of words."""

from __future__ import annotations

from language.structure import Clause, NounPhrase, Place, Sentence
from language.words import english_s

HELPERS = {"future": "will", "können": "can", "müssen": "must"}


def noun_phrase(np: NounPhrase) -> list[str]:
    """Render a noun phrase."""
    if np.noun is None:
        return [np.fixed[1]]
    if np.det == "gap":
        return ["who" if np.noun.kind == "human" else "that"]
    first = {
        "def": "the",
        "indef": "" if np.plural else "a",
        "this": "these" if np.plural else "this",
        "number": np.number[1],
    }.get(np.det, np.det)
    words = [first, np.adjective[1], np.noun.en_plural if np.plural else np.noun.en]
    return words + clause(np.relative) if np.relative else words


def place(where: Place) -> list[str]:
    """Render a place."""
    return [where.words[1], *(noun_phrase(where.phrase) if where.phrase else [])]


def verb_group(c: Clause, asked: bool) -> tuple[list[str], list[str]]:
    """Return what stands before the subject, in a question, and what follows it."""
    one, negation = c.subject.person == 1, ["not"] if c.negated else []
    if c.verb is None:
        present = "is" if one else "am" if c.subject.person == 0 else "are"
        past = "were" if c.subject.plural else "was"
        finite = [present if c.tense == "present" else past]
        return (finite, negation) if asked else ([], finite + negation)
    base = [*(["want", "to"] if c.tense == "wollen" else []), c.verb.en, *c.verb.en_rest]
    helper = HELPERS.get(c.tense) or ("did" if c.tense == "perfect" else "does" if one else "do")
    if asked:
        return [helper], negation + base
    if c.negated or c.tense in HELPERS:
        return [], [helper, *negation, *base]
    if c.tense == "perfect":
        return [], [c.verb.en_past, *base[1:]]
    return [], [english_s(base[0]) if one else base[0], *base[1:]]


def clause(c: Clause, asked: bool = False) -> list[str]:
    """Render a clause, or a question."""
    before, group = verb_group(c, asked)
    words = [*before, *noun_phrase(c.subject), *group, c.degree[1], c.adjective[1]]
    for part in (c.recipient, c.object):
        words += noun_phrase(part) if part else []
    words += [c.manner[1], *(place(c.place) if c.place else [])]
    return [c.time[1], ",", *words] if c.time_first else [*words, c.time[1]]


def sentence(s: Sentence) -> list[str]:
    """Render a sentence."""
    words = s.words[1]
    if s.kind == "question":
        return [words, *clause(s.clause, asked=True)]
    if s.kind == "opinion":
        return [words, "that", *clause(s.clause)]
    if s.other is None:
        return clause(s.clause)
    if s.kind == "subordinate first":
        return [words, *clause(s.other), ",", *clause(s.clause)]
    comma = "," if s.kind == "coordinated" and words != "and" else ""
    return [*clause(s.clause), comma, words, *clause(s.other)]
