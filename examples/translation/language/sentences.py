"""From an abstract sentence to cased, punctuated text."""

from __future__ import annotations

import re

from language.english import english_after, english_clause
from language.french import VOWEL, french_after, french_clause
from language.german import german_clause
from language.inflection_fr import french_forms
from language.structure import LANGUAGES, Clause, Sentence, Words


def finish(words: Words, language: str, mark: str) -> str:
    """Turn words into text: spaces, commas, a/an, elision, a capital and the final mark."""
    text = " ".join(words)
    text = re.sub(r"( ,)+", ",", text)
    text = text.strip(", ")
    if language == "en":
        text = re.sub(r"\ba (?=[aeiou](?!seful|niv|ne\b))", "an ", text)
        text = text.replace(" a honest", " an honest").replace("can not ", "cannot ")
    if language == "fr":
        text = re.sub(
            rf"(?<![\w'-])(le|la|de|que|ne|je|me|te|se) (?={VOWEL.pattern})", _elide, text
        )
        text = re.sub(r"(?<!\w)si (?=ils?\b)", "s'", text).replace("l' ", "l'")
        mark = f" {mark}" if mark in "?!" else mark
    return text[0].upper() + text[1:] + mark


def _elide(match: re.Match[str]) -> str:
    return match.group(1)[:-1] + "'"


def _main(c: Clause, language: str) -> Words:
    if language == "de":
        return german_clause(c, "v2")
    return english_clause(c) if language == "en" else french_clause(c)


def _question(s: Sentence, language: str) -> Words:
    asked = s.asked[LANGUAGES.index(language)].split()
    if language == "de":
        return [*asked, *german_clause(s.clause, "v1")]
    if language == "en":
        return [*asked, *english_clause(s.clause, question=True)]
    return [*asked, "est-ce", "que", *french_clause(s.clause)]


def _imperative(c: Clause, language: str) -> Words:
    """Render a polite request."""
    if language == "de":
        return ["bitte", *german_clause(c, "v1")]
    if language == "en":
        return ["please", *c.verb.en, *english_after(c, c.adverbials)]
    verb = [french_forms(c.verb.fr[0])[4], *c.verb.fr[1:]]
    return [*verb, *french_after(c, c.adverbials), ",", "s'il", "vous", "plaît"]


def _linked(s: Sentence, language: str) -> Words:
    """Render two clauses: weil puts the verb last, und leaves it second."""
    link = s.link[LANGUAGES.index(language)].split()
    assert s.other is not None
    if not s.subordinate:
        comma = [] if link[0] in ("und", "and", "et") else [","]
        return [*_main(s.clause, language), *comma, *link, *_main(s.other, language)]
    other = german_clause(s.other, "final") if language == "de" else _main(s.other, language)
    if not s.first:
        comma = [","] if language == "de" else []
        return [*_main(s.clause, language), *comma, *link, *other]
    main = german_clause(s.clause, "v1") if language == "de" else _main(s.clause, language)
    return [*link, *other, ",", *main]


def render(s: Sentence, language: str) -> str:
    """Render a sentence in `de`, `en` or `fr`.

    Args:
        s: the abstract sentence.
        language: the language code.

    Returns:
        Cased, punctuated text.
    """
    if s.mood == "question":
        return finish(_question(s, language), language, "?")
    if s.mood == "imperative":
        return finish(_imperative(s.clause, language), language, "!" if language == "de" else ".")
    words = _linked(s, language) if s.other else _main(s.clause, language)
    return finish(words, language, ".")
