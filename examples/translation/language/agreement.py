"""What verbs and pronouns agree with, in each language."""

from __future__ import annotations

from collections.abc import Sequence

from language.function_words import PRONOUNS
from language.names import WOMEN
from language.structure import NounPhrase, Words


def key_of(np: NounPhrase, language: str) -> str:
    """Return the pronoun key that agrees with a noun phrase in a language."""
    if np.key:
        return np.key
    if np.same:
        return key_of(np.same, language)
    if np.plural:
        return "sie_pl"
    if np.noun is None:
        return "sie" if np.name in WOMEN else "er"
    gender = np.noun.fr_gender if language == "fr" else np.noun.gender
    if language == "en":
        gender = "f" if np.noun.en == "girl" else gender if np.noun.human else "n"
    return {"m": "er", "f": "sie", "n": "es"}[gender]


def person_of(np: NounPhrase, language: str) -> tuple[int, bool]:
    """Return person and plural for the verb; polite *Sie* and English *you* count as plural."""
    key = key_of(np, language)
    pronoun = PRONOUNS[key]
    person, plural = pronoun.person, pronoun.plural
    if key == "Sie" and language == "fr":
        return 2, True
    if language == "en" and (person == 2 or key == "Sie"):
        return 2, True
    return person, plural


def is_pronoun(np: NounPhrase | None) -> bool:
    """Tell whether a noun phrase is rendered as a personal pronoun."""
    return np is not None and bool(np.key or np.same)


def flatten(parts: Sequence[Words]) -> Words:
    """Join lists of words."""
    return [word for part in parts for word in part]
