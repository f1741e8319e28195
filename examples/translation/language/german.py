"""German: case, gender and number decide every ending; the finite verb is second, first or last."""

from __future__ import annotations

from language.structure import Clause, NounPhrase, Place, Sentence

CASES = ("nom", "acc", "dat")
ARTICLES = {"m": "der den dem", "n": "das das dem", "f": "die die der", "p": "die die den"}
STRONG = {"m": "er en em", "n": "es es em", "f": "e e er", "p": "e e en"}
STEMS = {"this": "dies", "every": "jed", "indef": "ein", "my": "mein", "our": "unser"}
HELPERS = {  # of I, one other, we, several others
    "haben": "habe hat haben haben",
    "sein": "bin ist sind sind",
    "past": "war war waren waren",
    "future": "werde wird werden werden",
    "können": "kann kann können können",
    "müssen": "muss muss müssen müssen",
    "wollen": "will will wollen wollen",
}


def gender(np: NounPhrase) -> str:
    """Return m, n, f, or p for any plural."""
    return "p" if np.plural or np.noun is None else np.noun.gender


def article(np: NounPhrase, case: str) -> str:
    """Return the definite article, which is the relative pronoun, too."""
    return ARTICLES[gender(np)].split()[CASES.index(case)]


def determiner(np: NounPhrase, case: str, kein: bool) -> tuple[str, str]:
    """Return the determiner and the ending of the adjective behind it: weak, mixed or strong."""
    strong = STRONG[gender(np)].split()[CASES.index(case)]
    mild = (case == "nom" and not np.plural) or (case == "acc" and gender(np) in "nf")
    weak = "e" if mild else "en"
    if np.det == "def":
        return article(np, case), weak
    if np.det in ("this", "every"):
        return STEMS[np.det] + strong, weak
    if np.det in ("many", "number"):
        return np.number[0] if np.det == "number" else "viel" + strong, strong
    if np.det == "indef" and np.plural and not kein:
        return "", strong
    bare = gender(np) in "mn" and (case == "nom" or (gender(np), case) == ("n", "acc"))
    stem = "kein" if kein else STEMS[np.det]
    return stem + ("" if bare else strong), strong if bare else weak


def inflected(adjective: str, ending: str) -> str:
    """Return an adjective with its ending: müde, dunkle, teure."""
    if adjective.endswith(("el", "euer")):
        adjective = adjective[:-2] + adjective[-1]
    return adjective.removesuffix("e") + ending if adjective else ""


def noun_phrase(np: NounPhrase, case: str, kein: bool = False) -> list[str]:
    """Render a noun phrase in a case; `kein` negates an indefinite one."""
    if np.noun is None:
        return [np.fixed[0]]
    if np.det == "gap":
        return [article(np, case)]
    first, ending = determiner(np, case, kein)
    noun = np.noun.de_plural if np.plural or (np.noun.weak and case != "nom") else np.noun.de
    if np.plural and case == "dat" and not noun.endswith(("n", "s")):
        noun += "n"
    words = [first, inflected(np.adjective[0], ending), noun]
    return [*words, ",", *clause(np.relative, "last"), ","] if np.relative else words


def place(where: Place) -> list[str]:
    """Render a place."""
    if where.phrase is None:
        return [where.words[0]]
    words = [where.words[0], *noun_phrase(where.phrase, where.case)]
    return ["im", *words[2:]] if words[:2] == ["in", "dem"] else words


def verb_group(c: Clause) -> tuple[str, str, str]:
    """Return the finite verb, its separable prefix, and what closes the clause."""
    person, verb = c.subject.person, c.verb
    if verb is None:
        return HELPERS["sein" if c.tense == "present" else "past"].split()[person], "", ""
    if c.tense == "present":
        return verb.de_third if person == 1 else verb.de, verb.prefix, ""
    helper = verb.helper if c.tense == "perfect" else c.tense
    closing = verb.participle if c.tense == "perfect" else verb.prefix + verb.de
    return HELPERS[helper].split()[person], "", closing


def middle(c: Clause) -> list[str]:
    """Render what stands between the finite verb and the end of the clause."""
    words = ["" if c.time_first else c.time[0]]
    words += noun_phrase(c.recipient, "dat") if c.recipient else []
    negation, last = "nicht" if c.negated else "", [c.degree[0], c.adjective[0]]
    if c.object and c.verb and c.verb.prep:
        last = [c.verb.prep, *noun_phrase(c.object, c.verb.case)]
    elif c.object and c.verb:
        kein = c.negated and c.object.det == "indef"
        words += noun_phrase(c.object, c.verb.case, kein)
        negation = "" if kein else negation
    return [*words, negation, c.manner[0], *(place(c.place) if c.place else []), *last]


def clause(c: Clause, finite: str) -> list[str]:
    """Render a clause with the finite verb `first`, `second` or `last`."""
    verb, prefix, closing = verb_group(c)
    subject, rest = noun_phrase(c.subject, "nom"), middle(c)
    if finite == "last":
        return [*subject, *rest, closing, prefix + verb]
    rest += [prefix, closing]
    if finite == "first":
        return [verb, *subject, *rest]
    return [c.time[0], verb, *subject, *rest] if c.time_first else [*subject, verb, *rest]


def sentence(s: Sentence) -> list[str]:
    """Render a sentence: *weil* puts the verb last, *und* leaves it second."""
    words = s.words[0]
    if s.kind == "question":
        return [words, *clause(s.clause, "first")]
    if s.kind == "opinion":
        return [words, ",", "dass", *clause(s.clause, "last")]
    if s.other is None:
        return clause(s.clause, "second")
    if s.kind == "coordinated":
        comma = "" if words == "und" else ","
        return [*clause(s.clause, "second"), comma, words, *clause(s.other, "second")]
    if s.kind == "subordinate first":
        return [words, *clause(s.other, "last"), ",", *clause(s.clause, "first")]
    return [*clause(s.clause, "second"), ",", words, *clause(s.other, "last")]
