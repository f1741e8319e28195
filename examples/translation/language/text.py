"""From a sentence in neither language to cased, punctuated text in both."""

from __future__ import annotations

import re

from language import english, german
from language.structure import Sentence
from language.words import Pair


def finish(words: list[str], mark: str) -> str:
    """Join words: no space before a comma, a capital, the final mark."""
    text = re.sub(r"( ,)+", ",", " ".join(word for word in words if word)).strip(", ")
    return text[0].upper() + text[1:] + mark


def finish_english(text: str) -> str:
    """Make *an* of *a* before a vowel sound, and *cannot* of *can not*."""
    text = re.sub(r"\b([Aa]) (?=[aeiou](?!seful)|honest)", r"\1n ", text)
    return text.replace("can not ", "cannot ")


def render(s: Sentence) -> Pair:
    """Render a sentence in German and English."""
    mark = "?" if s.kind == "question" else "."
    return finish(german.sentence(s), mark), finish_english(finish(english.sentence(s), mark))
