"""A sentence in neither language."""

from __future__ import annotations

from dataclasses import dataclass

from language.words import Noun, Pair, Verb

NOTHING: Pair = ("", "")
TENSES = ("present", "perfect", "future", "können", "müssen", "wollen")


@dataclass(frozen=True)
class NounPhrase:
    """A noun with its companions, or (without a noun) a name or a pronoun: `fixed`.

    `det` is def, indef, this, my, our, many, every, number, or gap: what a relative pronoun stands
    for. `person` is 0 for *I*, 1 for one other, 2 for *we*, 3 for several others.
    """

    noun: Noun | None = None
    det: str = "def"
    person: int = 1
    adjective: Pair = NOTHING
    number: Pair = NOTHING
    relative: Clause | None = None
    fixed: Pair = NOTHING

    @property
    def plural(self) -> bool:
        """Whether it is more than one."""
        return self.person > 1


@dataclass(frozen=True)
class Place:
    """A preposition with its noun phrase and its German case, or (without one) fixed words."""

    words: Pair
    phrase: NounPhrase | None = None
    case: str = "dat"


@dataclass(frozen=True)
class Clause:
    """Somebody does something, or (without a verb) is somehow."""

    subject: NounPhrase
    verb: Verb | None = None
    object: NounPhrase | None = None
    recipient: NounPhrase | None = None
    adjective: Pair = NOTHING
    degree: Pair = NOTHING
    tense: str = "present"
    negated: bool = False
    time: Pair = NOTHING
    time_first: bool = False
    manner: Pair = NOTHING
    place: Place | None = None


@dataclass(frozen=True)
class Sentence:
    """A clause and what makes a sentence of it.

    `kind` is statement, question, opinion (*ich glaube, dass*), or how the other clause is tied:
    coordinated, subordinated, subordinate first. `words` are the conjunction or the like.
    """

    clause: Clause
    kind: str = "statement"
    words: Pair = NOTHING
    other: Clause | None = None
