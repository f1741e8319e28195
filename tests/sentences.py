"""Builders of abstract sentences for the tests of the grammar."""

from language.adjectives import ADJECTIVES
from language.nouns import NOUNS
from language.sentences import render
from language.structure import Adverbial, Clause, NounPhrase, Sentence
from language.verbs import GIVING, INFINITIVE_VERBS, MOTION, THAT_VERBS, VERBS, WEATHER


def noun(german, det="def", **more):
    found = [n for group in NOUNS.values() for n in group if n.de == german]
    return NounPhrase(found[0], det, **more)


def verb(infinitive, english=None):
    frames = [*VERBS, *GIVING]
    others = [*MOTION, *INFINITIVE_VERBS, *THAT_VERBS, *WEATHER]
    found = [*(v for f in frames for v in f.verbs), *others]
    return next(
        v for v in found if v.infinitive == infinitive and english in (None, " ".join(v.en))
    )


def adjective(german):
    return next(a for group in ADJECTIVES.values() for a in group if a.de == german)


def pronoun(key):
    return NounPhrase(key=key)


def texts(sentence):
    sentence = Sentence(sentence) if isinstance(sentence, Clause) else sentence
    return tuple(render(sentence, language) for language in ("de", "en", "fr"))


YESTERDAY = Adverbial("time", ("gestern", "yesterday", "hier"))
OFTEN = Adverbial("often", ("oft", "often", "souvent"))
READS = Clause(noun("Lehrerin"), verb("lesen"), noun("Brief", "indef"))
