"""Drawing adverbials: when, where, how and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from language.adverbs import COMMENTS, MANNERS, TIMES, UNITS
from language.function_words import DIRECTIONS, OCCASIONS, PLACES
from language.names import CITIES, COUNTRIES
from language.numbers import english_number, french_number, german_number
from language.sampling_phrases import PhraseSampler
from language.structure import Adverbial, Clause


def no_comment(c: Clause) -> tuple[Adverbial, ...]:
    """Return the adverbials of a clause that may also stand inside a question or a dass clause."""
    return tuple(a for a in c.adverbials if a.role != "comment")


class AdverbialSampler(PhraseSampler):
    """Draws adverbials, and what comes first in a clause."""

    def time(self, tense: str, modal: str) -> Adverbial:
        """Draw an adverbial of time that suits the tense."""
        past = tense in ("past", "perfect")
        if self.chance(0.15):
            return self.prepositional("time", OCCASIONS)
        number, unit = self.rng.choice((2, 3, 4, 5, 6, 10)), self.rng.choice(UNITS)
        words = german_number(number), english_number(number), french_number(number)
        if past and self.chance(0.2):
            year = str(self.rng.randint(1950, 2020))
            text = (
                f"vor {words[0]} {unit[0]}",
                f"{words[1]} {unit[1]} ago",
                f"il y a {words[2]} {unit[2]}",
            )
            dated = (f"im Jahr {year}", f"in {year}", f"en {year}")
            return Adverbial("time", text if self.chance(0.6) else dated)
        if tense == "future" and self.chance(0.15):
            return Adverbial(
                "time",
                (
                    f"in {words[0]} {unit[0]}",
                    f"in {words[1]} {unit[1]}",
                    f"dans {words[2]} {unit[2]}",
                ),
            )
        if self.chance(0.06):
            hour = f"um {words[0]} Uhr", f"at {words[1]} o'clock", f"à {words[2]} heures"
            return Adverbial("time", hour)
        special = "past" if past else "any" if modal else tense
        return Adverbial("time", self.rng.choice(TIMES[special if self.chance(0.6) else "any"]))

    def prepositional(self, role: str, table: Sequence[tuple[str, ...]]) -> Adverbial:
        """Draw a prepositional phrase from a table of prepositions."""
        de, case, en, fr, kinds = self.rng.choice(table)
        np = self.noun_phrase(kinds.split())
        if np.det in ("many", "every") or np.det.startswith("num") or case == "gen":
            np = replace(np, det="def", owner=None)
        return Adverbial(role, (de, en, fr), np, case)

    def place(self, role: str = "place") -> Adverbial:
        """Draw where (place) or where to (direction)."""
        here = role == "place"
        if self.chance(0.3):
            de, en = ("in", "in") if here else ("nach", "to")
            city = self.chance(0.6)
            names = self.rng.choice(CITIES if city else COUNTRIES)
            fr = "à" if city else "en"
            return Adverbial(role, (f"{de} {names[0]}", f"{en} {names[1]}", f"{fr} {names[2]}"))
        return self.prepositional(role, PLACES if here else DIRECTIONS)

    def adverbials(self, tense: str, modal: str, negated: bool, stative: bool) -> list[Adverbial]:
        """Draw the adverbials of a clause, at most one of each role."""
        found = []
        if tense != "progressive" and not stative and self.chance(0.45):
            found.append(self.time(tense, modal))
        elif tense == "present" and not negated and not modal and self.chance(0.25):
            found.append(Adverbial("often", self.rng.choice(TIMES["often"])))
        if not stative and self.chance(0.25):
            found.append(self.place())
        if not stative and not negated and self.chance(0.12):
            found.append(Adverbial("manner", self.rng.choice(MANNERS)))
        return found

    def front(self, c: Clause) -> Clause:
        """Perhaps put an adverbial, a comment or the object before the verb."""
        roles = [a.role in ("time", "place") for a in c.adverbials]
        if self.chance(0.12):
            comment = Adverbial("comment", self.rng.choice(COMMENTS))
            return replace(c, fronted="adverbial", adverbials=(comment, *c.adverbials))
        if any(roles) and self.chance(0.45):
            at = roles.index(True)
            rest = (*c.adverbials[:at], *c.adverbials[at + 1 :])
            return replace(c, fronted="adverbial", adverbials=(c.adverbials[at], *rest))
        noun, subject = c.object and c.object.noun, c.subject.noun
        clear = noun and c.object and c.object.det in ("def", "this") and not c.object.plural
        marked = clear and noun and noun.gender == "m" and subject and not c.subject.plural
        if marked and not c.verb.de_prep and not c.negated and self.chance(0.15):
            return replace(c, fronted="object")
        return c
