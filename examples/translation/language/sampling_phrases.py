"""Drawing noun phrases."""

# ruff: noqa: SIM905  (lists of words are easier to read as text)
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from language.adjectives import ADJECTIVES, ADJECTIVES_OF, Adjective
from language.agreement import key_of
from language.names import MEN, WOMEN
from language.nouns import NOUNS, Noun
from language.structure import Clause, NounPhrase

OWNABLE = frozenset(
    "human job person animal thing clothes vehicle text instrument room topic".split()
)
HUMAN_KINDS = ("job", "person")


def expand(kinds: Sequence[str]) -> tuple[str, ...]:
    """Replace `human` by the kinds of noun it covers."""
    return tuple(k for kind in kinds for k in (HUMAN_KINDS if kind == "human" else (kind,)))


class PhraseSampler(ABC):
    """Draws noun phrases; every choice comes from one generator."""

    def __init__(self, rng: Random) -> None:
        """Start from a random generator."""
        self.rng = rng

    def chance(self, probability: float) -> bool:
        """Return True with a probability."""
        return self.rng.random() < probability

    def pick(self, weighted: dict[str, float]) -> str:
        """Draw a key in proportion to its weight."""
        return self.rng.choices(list(weighted), list(weighted.values()))[0]

    def adjective(self, noun: Noun) -> Adjective:
        """Draw an adjective that suits a noun."""
        kind = self.rng.choice(ADJECTIVES_OF[noun.kind].split())
        return self.rng.choice(ADJECTIVES[kind])

    def noun_phrase(
        self, kinds: Sequence[str], owner_key: str = "", relative: float = 0.0
    ) -> NounPhrase:
        """Draw a noun phrase headed by a noun of one of the kinds."""
        groups = [NOUNS[kind] for kind in expand(kinds)]
        noun = self.rng.choices(groups, [len(group) for group in groups])[0]
        return self.dress(self.rng.choice(noun), owner_key, relative)

    def dress(self, noun: Noun, owner_key: str = "", relative: float = 0.0) -> NounPhrase:
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
        return NounPhrase(self.rng.choice(NOUNS["human"]), det, self.chance(0.2))

    def name(self) -> str:
        """Draw a first name that takes a plain genitive -s."""
        return self.rng.choice([n for n in MEN + WOMEN if n[-1] not in "sxz"])

    def person(self, relative: float = 0.0) -> NounPhrase:
        """Draw a human subject: pronoun, name or noun."""
        how = self.pick({"pronoun": 3, "name": 2.5, "noun": 6})
        if how == "pronoun":
            keys = {"ich": 4, "du": 2, "er": 3, "sie": 3, "wir": 3, "ihr": 1, "sie_pl": 2, "Sie": 1}
            return NounPhrase(key=self.pick(dict(keys)))
        if how == "name":
            return NounPhrase(name=self.rng.choice(MEN + WOMEN))
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

    @abstractmethod
    def relative(self, np: NounPhrase) -> Clause:
        """Draw a relative clause for a noun phrase."""
