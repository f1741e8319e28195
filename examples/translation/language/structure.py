"""A sentence as an abstract structure, in no particular language."""

from __future__ import annotations

from dataclasses import dataclass

from language.adjectives import Adjective
from language.nouns import Noun
from language.verbs import Verb

Words = list[str]
LANGUAGES = ("de", "en", "fr")


@dataclass(frozen=True)
class NounPhrase:
    """A noun, a name (noun is None) or a pronoun, in no particular language.

    `det` is one of def, indef, this, every, bare, many, poss:KEY (a pronoun key), num:N, or gap
    (the place a relative pronoun has left). `same` makes a pronoun of an earlier noun phrase.
    """

    noun: Noun | None = None
    det: str = "def"
    plural: bool = False
    adjective: Adjective | None = None
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

    adjective: Adjective | None = None
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
    verb: Verb
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
