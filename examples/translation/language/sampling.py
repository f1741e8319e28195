"""Drawing sentences whose parts fit together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from language.structure import NOTHING, TENSES, Clause, NounPhrase, Place, Sentence
from language.text import render
from language.words import (
    ADJECTIVES,
    GIVING,
    NOUNS,
    PHRASES,
    PREPOSITIONS,
    TIMES,
    VERBS,
    Frame,
    Noun,
    Pair,
)

DESCRIBED_BY = {  # kind of noun: kinds of adjective
    "human": ("body", "mind"),
    "animal": ("body",),
    "food": ("food",),
    "text": ("content",),
    "topic": ("content",),
    "event": ("content",),
    "place": ("place",),
}
PRONOUNS = (  # person, German and English
    (0, ("ich", "I")),
    (1, ("er", "he")),
    (1, ("sie", "she")),
    (2, ("wir", "we")),
    (3, ("sie", "they")),
)


class Sampler:
    """Draws sentences; every choice comes from one generator."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def chance(self, probability: float) -> bool:
        """Return True with a probability."""
        return self.rng.random() < probability

    def pick(self, weights: dict[str, float]) -> str:
        """Draw a key in proportion to its weight."""
        return self.rng.choices(list(weights), list(weights.values()))[0]

    def adjective(self, noun: Noun) -> Pair:
        """Draw an adjective that fits a noun."""
        return self.rng.choice(
            ADJECTIVES[self.rng.choice(DESCRIBED_BY.get(noun.kind, ("object",)))]
        )

    def noun_phrase(self, kinds: Sequence[str], relative: float = 0.0) -> NounPhrase:
        """Draw a noun of one of the kinds with its companions."""
        noun = self.rng.choice([noun for kind in kinds for noun in NOUNS[kind]])
        plural = self.chance(0.3)
        dets = {"def": 9.0, "indef": 5.0, "this": 1.5, "my": 2.0, "our": 1.0}
        dets |= {"many": 1.0, "number": 1.5} if plural else {"every": 0.5}
        det, number = self.pick(dets), self.rng.choice(PHRASES["number"])
        adjective = self.adjective(noun) if self.chance(0.35) else NOTHING
        np = NounPhrase(noun, det, 3 if plural else 1, adjective, number)
        if det in ("def", "indef") and self.chance(relative):
            gap = replace(np, det="gap", adjective=NOTHING)
            return replace(np, relative=self.clause(gap, simple=True))
        return np

    def subject(self, kinds: Sequence[str]) -> NounPhrase:
        """Draw a subject of one of the kinds."""
        kind = self.rng.choice(kinds)
        how = self.pick({"pronoun": 3, "name": 2, "noun": 6}) if kind == "human" else "noun"
        if how == "noun":
            return self.noun_phrase([kind], relative=0.1)
        if how == "name":
            return NounPhrase(fixed=self.rng.choice(PHRASES["name"]))
        person, words = self.rng.choice(PRONOUNS)
        return NounPhrase(person=person, fixed=words)

    def place(self) -> Place:
        """Draw a place, an occasion or company."""
        if self.chance(0.25):
            return Place(self.rng.choice(PHRASES["town"]))
        case, kinds, words = self.rng.choice(PREPOSITIONS)
        return Place(words, self.noun_phrase(kinds), case)

    def frame(self, subject: NounPhrase | None) -> Frame:
        """Draw a group of verbs, larger ones more often, that fits a subject."""
        kind = subject.noun.kind if subject and subject.noun else "human"
        fits = [frame for frame in [*VERBS, *GIVING] if not subject or kind in frame.subjects]
        return self.rng.choices(fits, [len(frame.verbs) ** 0.7 for frame in fits])[0]

    def tense(self, subject: NounPhrase) -> str:
        """Draw a tense; the lexicon has no German present of *ich*."""
        fits = TENSES[1:] if subject.person == 0 else TENSES
        return self.rng.choices(fits, [5, 5, 1.5, 1, 1, 1][-len(fits) :])[0]

    def time(self, tense: str) -> Pair:
        """Draw when it happens."""
        fitting = {"present": "present", "perfect": "past"}.get(tense, "future")
        return self.rng.choice(TIMES[fitting] + TIMES["any"])

    def state(self, subject: NounPhrase) -> Clause:
        """Draw a clause with *to be*."""
        return Clause(
            subject,
            adjective=self.adjective(subject.noun or NOUNS["human"][0]),
            degree=self.rng.choice(PHRASES["degree"]) if self.chance(0.4) else NOTHING,
            tense=self.rng.choice(("present", "past")),
            negated=self.chance(0.15),
        )

    def clause(self, subject: NounPhrase | None = None, simple: bool = False) -> Clause:
        """Draw a clause, about a subject if one is given; a simple one has no time or place."""
        if self.chance(0.15) or (subject and subject.noun and not self.acts(subject.noun)):
            kinds = ("human", "human", "animal", "thing", "place", "text", "food")
            return self.state(subject or self.subject(kinds))
        frame = self.frame(subject)
        subject = subject or self.subject(frame.subjects)
        made = Clause(subject, self.rng.choice(frame.verbs), tense=self.tense(subject))
        if frame.objects:
            made = replace(made, object=self.noun_phrase(frame.objects, 0.0 if simple else 0.08))
        if frame in GIVING:
            made = replace(made, recipient=self.noun_phrase(["human"]))
        if simple:
            return made
        return replace(
            made,
            negated=made.tense != "müssen" and self.chance(0.15),
            time=self.time(made.tense) if self.chance(0.35) else NOTHING,
            manner=self.rng.choice(PHRASES["manner"]) if self.chance(0.12) else NOTHING,
            place=self.place() if self.chance(0.3) else None,
        )

    def acts(self, noun: Noun) -> bool:
        """Tell whether a noun can do anything."""
        return any(noun.kind in frame.subjects for frame in VERBS)

    def sentence(self) -> Sentence:
        """Draw a sentence."""
        weights = {
            "statement": 10.0,
            "coordinated": 2,
            "subordinated": 3,
            "question": 2,
            "opinion": 1,
        }
        kind, first = self.pick(weights), self.clause()
        if kind == "statement":
            return Sentence(replace(first, time_first=first.time != NOTHING and self.chance(0.4)))
        words = self.rng.choice(PHRASES[kind])
        if kind in ("question", "opinion"):
            return Sentence(first, kind, words)
        if kind == "subordinated" and self.chance(0.35):
            kind = "subordinate first"
        return Sentence(first, kind, words, self.clause())


def generate(count: int, seed: int) -> list[Pair]:
    """Make distinct sentences of 4 to 25 German words.

    Args:
        count: how many.
        seed: the same seed gives the same sentences on every machine.

    Returns:
        (German, English) pairs; no German sentence comes twice.
    """
    sampler = Sampler(Random(seed))
    made: dict[str, str] = {}
    while len(made) < count:
        german, english = render(sampler.sentence())
        if 4 <= len(german.split()) <= 25:
            made.setdefault(german, english)
    return list(made.items())
