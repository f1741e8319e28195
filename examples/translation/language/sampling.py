"""Drawing sentences."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from language.agreement import is_pronoun
from language.function_words import ASKED, CONJUNCTIONS, LINKS
from language.sampling_adverbials import no_comment
from language.sampling_clauses import ClauseSampler
from language.sentences import render
from language.structure import Adverbial, Clause, NounPhrase, Sentence
from language.verbs import BE, WEATHER


class Sampler(ClauseSampler):
    """Draws sentences: a clause, two linked clauses, a question or a request."""

    def second(self, c: Clause) -> Clause:
        """Draw a clause that goes with another: often about the same subject, in its time."""
        past = c.tense in ("past", "perfect")
        tense = self.rng.choice(("past", "perfect")) if past else "present"
        subject = None
        named = c.subject.name or (c.subject.noun is not None and c.subject.noun.human)
        if named and c.subject.det not in ("every", "indef") and self.chance(0.5):
            subject = NounPhrase(same=replace(c.subject, relative=None))
        if subject is None and self.chance(0.15):
            weather = self.rng.choice(WEATHER)
            return Clause(NounPhrase(key="es"), weather, tense=tense, stative=True)
        if self.chance(0.35):
            made = self.state(subject, "past" if past else "present")
        else:
            made = self.event(subject, tense, dynamic=True)
        made = replace(made, fronted="", adverbials=self.compatible(c, made))
        if made.subject.key in ("du", "ihr") and made.tense == "past" and made.verb is not BE:
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
        elif link[0] == "während" and (first.verb is BE or second.verb is BE):
            link = CONJUNCTIONS[0]
        plain = replace(first, fronted="", adverbials=no_comment(first))
        if self.chance(0.35):  # the noun comes first, so the pronoun is in the main clause
            return Sentence(second, link=link, other=plain, subordinate=True, first=True)
        return Sentence(first, link=link, other=second, subordinate=True)

    def question(self) -> Sentence:
        """Draw a question."""
        c = self.state() if self.chance(0.2) else self.event()
        c = replace(c, fronted="", adverbials=no_comment(c))
        asked = self.rng.choice(ASKED[: 2 if c.negated or c.verb is BE else 3])
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
