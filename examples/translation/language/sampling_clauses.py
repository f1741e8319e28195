"""Drawing clauses whose parts fit together."""

# ruff: noqa: SIM905  (lists of words are easier to read as text)
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from language.adjectives import ADJECTIVES, ADJECTIVES_OF
from language.adverbs import DEGREES, TIMES
from language.agreement import key_of
from language.french import feminine
from language.function_words import PLACES, PRONOUNS
from language.nouns import NOUNS
from language.sampling_adverbials import AdverbialSampler, no_comment
from language.sampling_phrases import HUMAN_KINDS, expand
from language.structure import Adverbial, Clause, NounPhrase, Predicate
from language.verbs import (
    BE,
    EXIST,
    GIVING,
    INFINITIVE_VERBS,
    MODALS,
    MOTION,
    THAT_VERBS,
    VERBS,
    Frame,
    Verb,
)


class ClauseSampler(AdverbialSampler):
    """Draws clauses: events, states, existence and thoughts."""

    def relative(self, np: NounPhrase) -> Clause:
        """Draw a relative clause for a noun phrase."""
        assert np.noun is not None
        gap = replace(np, det="gap", adjective=None)
        tense = self.rng.choice(("present", "past", "perfect"))
        if np.noun.human and self.chance(0.6):
            c = self.event(subject=gap, tense=tense)
            return replace(c, fronted="", negated=False, adverbials=no_comment(c))
        frames = [
            (frame, verb)
            for frame in VERBS
            for verb in frame.verbs
            if np.noun.kind in expand(frame.objects) and not verb.de_prep and not verb.fr_prep
        ]
        if not frames or self.chance(0.25):
            adjective = self.adjective(np.noun)
            tense = "past" if tense == "perfect" else tense
            predicate = Predicate(adjective, self.rng.choice(DEGREES))
            return Clause(gap, BE, predicate=predicate, tense=tense)
        frame, verb = self.rng.choice(frames)
        subject = self.subject(frame.subjects)
        if frame.stative or (tense == "past" and subject.key in ("du", "ihr")):
            tense = "present" if frame.stative else "perfect"
        return Clause(subject, verb, gap, tense=tense, stative=frame.stative)

    def tense(self, subject: NounPhrase, stative: bool) -> tuple[str, str]:
        """Draw (tense, modal) for a clause."""
        weights = {"present": 6, "past": 3.5, "perfect": 4.5, "future": 1.5}
        weights.update({} if stative else {"modal": 2.5, "progressive": 1.0})
        tense, modal = self.pick(weights), ""
        if tense == "modal":
            animal = subject.noun is not None and not subject.noun.human
            modal = self.rng.choice(["können", "müssen"] if animal else list(MODALS))
            past = self.chance(0.35) and modal not in ("möchten", "müssen")
            tense = "past" if past else "present"
        if stative and tense == "perfect":
            tense = "past"
        if tense == "past" and subject.key in ("du", "ihr") and not modal:
            tense = "present" if stative else "perfect"
        return tense, modal

    def object_for(self, frame: Frame, verb: Verb, subject: NounPhrase) -> NounPhrase | None:
        """Draw an object the verb can take."""
        if not frame.objects:
            return None
        simple = not verb.de_prep and not verb.fr_prep and len(verb.fr) == 1
        if "human" in frame.objects and simple and self.chance(0.3):
            person = PRONOUNS[subject.key].person if subject.key and subject.key != "Sie" else 3
            person = 2 if subject.key == "Sie" else person
            keys = [k for k in PRONOUNS if k not in ("es", "Sie") and PRONOUNS[k].person != person]
            return NounPhrase(key=self.rng.choice([*keys, "er"] if person != 3 else keys))
        np = self.noun_phrase(frame.objects, self.own_key(subject), relative=0.06)
        return self.object_for(frame, verb, subject) if np.noun is subject.noun else np

    def frame(self, dynamic: bool = False) -> Frame:
        """Draw a verb frame in proportion to its verbs."""
        frames = [*VERBS, *GIVING]
        weights = [0 if dynamic and f.stative else len(f.verbs) ** 0.7 for f in frames]
        return self.rng.choices(frames, weights)[0]

    def event(
        self, subject: NounPhrase | None = None, tense: str = "", dynamic: bool = False
    ) -> Clause:
        """Draw a clause with a full verb."""
        frame = self.frame(dynamic)
        while subject and "human" not in frame.subjects:
            frame = self.frame(dynamic)
        verb = self.rng.choice(frame.verbs)
        direction = not frame.objects and self.chance(0.3)
        if direction:
            verb, subject = self.rng.choice(MOTION), subject or self.person()
        subject = subject or self.subject(frame.subjects, relative=0.1)
        modal = ""
        if not tense:
            tense, modal = self.tense(subject, frame.stative)
        elif frame.stative and tense == "perfect":
            tense = "past"
        negated = modal != "müssen" and tense != "progressive" and self.chance(0.15)
        obj = None if direction else self.object_for(frame, verb, subject)
        found = self.adverbials(tense, modal, negated, frame.stative)
        if direction:
            found = [a for a in found if a.role != "place"] + [self.place("direction")]
        recipient = self.recipient(subject) if frame in GIVING else None
        c = Clause(subject, verb, obj, recipient, None, tense, modal, negated, tuple(found))
        return self.front(replace(c, stative=frame.stative))

    def recipient(self, subject: NounPhrase) -> NounPhrase:
        """Draw who is given something."""
        if self.chance(0.4):
            person = PRONOUNS[key_of(subject, "de")].person
            keys = [k for k in ("ich", "du", "er", "sie", "wir", "sie_pl")]
            skip = 2 if key_of(subject, "de") == "Sie" else person
            return NounPhrase(
                key=self.rng.choice([k for k in keys if PRONOUNS[k].person != skip] or keys)
            )
        return self.noun_phrase(["human"], self.own_key(subject))

    def state(self, subject: NounPhrase | None = None, tense: str = "") -> Clause:
        """Draw a clause with *to be*: an adjective, a comparison or a profession."""
        kinds = [k for k in ADJECTIVES_OF if k not in ("massfood", "drink")]
        human = subject is not None or self.chance(0.55)
        if subject is None:
            subject = self.person(0.1) if human else self.noun_phrase(kinds, relative=0.08)
        tense = tense or self.pick({"present": 3, "past": 2})
        negated = self.chance(0.15)
        found: tuple[Adverbial, ...] = ()
        if tense == "present" and not negated and human and self.chance(0.2):
            found = (Adverbial("often", self.rng.choice(TIMES["often"])),)
        if human and not subject.same and self.chance(0.2):
            predicate = Predicate(noun=self.profession(subject))
            return Clause(subject, BE, predicate=predicate, tense=tense, negated=negated)
        base = subject.same.noun if subject.same else subject.noun
        adjective = self.adjective(base or NOUNS["person"][0])
        predicate = Predicate(
            adjective, self.rng.choice(DEGREES) if self.chance(0.4) else ("", "", "")
        )
        if adjective.comparable and not negated and self.chance(0.2):
            kind = HUMAN_KINDS if human else [base.kind] if base else HUMAN_KINDS
            than = replace(self.noun_phrase(kind), relative=None, det="def")
            if than.noun is not base:
                predicate = replace(predicate, than=than)
        return self.front(Clause(subject, BE, None, None, predicate, tense, "", negated, found))

    def profession(self, subject: NounPhrase) -> NounPhrase:
        """Draw a profession that agrees with its subject."""
        key = key_of(subject, "de")
        plural = PRONOUNS[key].plural and key != "Sie"
        woman = feminine(subject) or (subject.noun is not None and subject.noun.fr_gender == "f")
        jobs = [n for n in NOUNS["job"] if (n.gender == "f") == woman and n is not subject.noun]
        noun = self.rng.choice(jobs)
        adjective = self.rng.choice(ADJECTIVES["mind"]) if self.chance(0.4) else None
        return NounPhrase(noun, "indef", plural, adjective)

    def existence(self) -> Clause:
        """Draw *there is*."""
        kinds = "animal thing building landmark human text".split()
        np = self.noun_phrase(kinds)
        allowed = ("indef", "many") if np.plural else ("indef",)
        det = np.det if np.det in allowed or np.det.startswith("num") else "indef"
        tense = self.rng.choice(("present", "past"))
        negated = det == "indef" and self.chance(0.3)
        c = Clause(NounPhrase(key="es"), EXIST, replace(np, det=det, owner=None), tense=tense)
        where = self.prepositional("place", PLACES[:6])
        fronted = "adverbial" if self.chance(0.6) else ""
        return replace(c, negated=negated, adverbials=(where,), fronted=fronted)

    def thought(self) -> Clause:
        """Draw a clause with a dass clause or an infinitive with zu."""
        subject = self.person()
        tense = "perfect" if subject.key in ("du", "ihr") else self.rng.choice(("past", "perfect"))
        tense = "present" if self.chance(0.5) else tense
        if self.chance(0.5):
            inner = self.state() if self.chance(0.3) else self.event()
            inner = replace(inner, fronted="", adverbials=no_comment(inner))
            verb = self.rng.choice(THAT_VERBS)
            return Clause(subject, verb, tense=tense, complement=inner, finite_complement=True)
        me = replace(subject, relative=None)
        inner = self.event(subject=me, tense="present", dynamic=True)
        keep = tuple(a for a in inner.adverbials if a.role in ("manner", "place", "direction"))
        inner = replace(inner, negated=False, fronted="", adverbials=keep)
        return Clause(subject, self.rng.choice(INFINITIVE_VERBS), tense=tense, complement=inner)

    def clause(self) -> Clause:
        """Draw a clause of any kind."""
        how = self.pick({"event": 10, "state": 2.5, "existence": 0.6, "thought": 2})
        makers: dict[str, Callable[[], Clause]] = {
            "event": self.event,
            "state": self.state,
            "existence": self.existence,
            "thought": self.thought,
        }
        return makers[how]()
