"""Pronouns, conjunctions, question words and prepositions."""

from __future__ import annotations

from dataclasses import dataclass

from language.tables import triples

# key: person, plural, German (nominative accusative dative possessive), English (subject object
# possessive), French (subject, direct, indirect), German and French gender
PRONOUN_TABLE = """
ich 1 0 ich mich mir mein I me my je me me m
du 2 0 du dich dir dein you you your tu te te m
er 3 0 er ihn ihm sein he him his il le lui m
sie 3 0 sie sie ihr ihr she her her elle la lui f
es 3 0 es es ihm sein it it its il le lui n
wir 1 1 wir uns uns unser we us our nous nous nous m
ihr 2 1 ihr euch euch euer you you your vous vous vous m
sie_pl 3 1 sie sie ihnen ihr they them their ils les leur m
Sie 3 1 Sie Sie Ihnen Ihr you you your vous vous vous m
"""

# German=English=French
CONJUNCTIONS = triples("weil=because=parce que, obwohl=although=même si, während=while=pendant que")
LINKS = triples("und=and=et, aber=but=mais, denn=for=car")
ASKED = (("", "", ""), ("warum", "why", "pourquoi"), ("wann", "when", "quand"))

# German, case, English, French, kinds of noun
PLACES = (
    ("in", "dat", "in", "dans", "building room outside"),
    ("an", "dat", "at", "à", "spot"),
    ("auf", "dat", "on", "sur", "ground"),
    ("hinter", "dat", "behind", "derrière", "building landmark"),
    ("vor", "dat", "in front of", "devant", "building landmark"),
    ("neben", "dat", "next to", "à côté de", "building landmark"),
    ("mit", "dat", "with", "avec", "human"),
    ("ohne", "acc", "without", "sans", "human"),
)
OCCASIONS = (
    ("nach", "dat", "after", "après", "event"),
    ("vor", "dat", "before", "avant", "event"),
    ("während", "gen", "during", "pendant", "event"),
    ("wegen", "gen", "because of", "à cause de", "event"),
)
DIRECTIONS = (
    ("in", "acc", "to", "dans", "building room outside"),
    ("zu", "dat", "to", "à", "spot building"),
    ("zu", "dat", "to", "chez", "human"),
)


@dataclass(frozen=True)
class Pronoun:
    """A personal pronoun; `de` holds nominative, accusative, dative and possessive."""

    person: int
    plural: bool
    de: tuple[str, ...]
    en: tuple[str, ...]
    fr: tuple[str, ...]
    gender: str


def parse_pronouns() -> dict[str, Pronoun]:
    """Read the pronoun table."""
    found = {}
    for line in PRONOUN_TABLE.strip().split("\n"):
        key, person, plural, *rest = line.split()
        found[key] = Pronoun(
            int(person),
            plural == "1",
            tuple(rest[:4]),
            tuple(rest[4:7]),
            tuple(rest[7:10]),
            rest[10],
        )
    return found


PRONOUNS = parse_pronouns()
