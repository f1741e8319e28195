"""The kinds of noise: what each makes of clean pairs."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

Pair = tuple[str, str]
# A word, and what stands behind it.
WORD = re.compile(r"^(\w{4,})(\W*)$")
# The most frequent words of a text are no content words.
FUNCTION_WORDS = 100
# Similar sources that are looked at for one with another target.
NEIGHBOURS = 10


class NoiseError(ValueError):
    """The noise that was asked for cannot be made; the message says why in one line."""


@dataclass(frozen=True)
class Text:
    """Clean pairs, and other targets for them, by line.

    Attributes:
        pairs: clean (source, target) pairs.
        wrong_language: line i is the target of pair i in another language.
        machine: line i is what a machine makes of source i.
        comparable: files of which line i describes what pair i is about.
    """

    pairs: Sequence[Pair]
    wrong_language: Sequence[str] | None = None
    machine: Sequence[str] | None = None
    comparable: Sequence[Sequence[str]] = ()

    @property
    def targets(self) -> list[str]:
        """All clean targets."""
        return [target for _, target in self.pairs]


def misalign(targets: Sequence[str], chosen: Sequence[int], rng: Random) -> list[str]:
    """Return for each chosen line the target of another line, never its own text.

    The chosen targets are passed around among the chosen lines where that is possible, so that
    the target side keeps its words; where one text is too common for that, or a single line was
    chosen, the rest is drawn from all lines.
    """
    # lines with the same text stand together: a shift by the largest group moves each elsewhere
    rank = {targets[at]: rng.random() for at in chosen}
    order = sorted(range(len(chosen)), key=lambda at: rank[targets[chosen[at]]])
    texts = [targets[chosen[at]] for at in order]
    largest = max(Counter(texts).values(), default=0)
    shift = rng.randint(largest, len(texts) - largest) if 2 * largest <= len(texts) else 0
    moved = [""] * len(chosen)
    for place, at in enumerate(order):
        text = texts[(place + shift) % len(texts)]
        if text == texts[place]:
            text = _other_text(targets, text, rng)
        moved[at] = text
    return moved


def _other_text(targets: Sequence[str], own: str, rng: Random) -> str:
    for _ in range(20):  # almost always enough, and it spares a pass over all lines
        text = rng.choice(targets)
        if text != own:
            return text
    others = [text for text in targets if text != own]
    if not others:
        raise NoiseError("cannot misalign: every line has the same target")
    return rng.choice(others)


def _other_caption(text: Text, at: int, rng: Random) -> str:
    """Draw a comparable text that is not the target itself, but for case and punctuation.

    Multi30k's target is one of the five captions. Where all are the same, the target stays.
    """
    own = _bare(text.pairs[at][1])
    others = [file[at] for file in text.comparable if _bare(file[at]) != own]
    return rng.choice(others) if others else text.pairs[at][1]


def _bare(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def shorten(text: str, rng: Random) -> str:
    """Cut a text, keeping a random 20 to 60 % of its words, at least one."""
    words = text.split()
    fewest = -(-len(words) // 5)
    return " ".join(words[: rng.randint(fewest, max(fewest, 3 * len(words) // 5))])


def misorder(text: str, rng: Random) -> str:
    """Shuffle the words of a text; with two distinct words the order always changes."""
    words = text.split()
    if len(set(words)) < 2:
        return text
    shuffled = list(words)
    while shuffled == words:
        rng.shuffle(shuffled)
    return " ".join(shuffled)


def replace_word(text: str, words: Vocabulary, rng: Random) -> str:
    """Replace a content word by another one that fits the word before it.

    It is one that the corpus has after the same word, if there is one, and any other content word
    if not. A text without content words stays as it is.
    """
    tokens = text.split()
    places = [place for place, token in enumerate(tokens) if words.is_content(token)]
    rng.shuffle(places)
    for fits in (words.after, lambda _before, like: words.alike(like)):
        for place in places:
            core, tail = words.parts(tokens[place])
            before = tokens[place - 1] if place else ""
            found = [word for word in fits(before, core) if word not in text]
            if found:
                return " ".join([*tokens[:place], rng.choice(found) + tail, *tokens[place + 1 :]])
    return text


class Vocabulary:
    """The content words of some texts: of four letters or more, and not of the most frequent."""

    def __init__(self, texts: Sequence[str], frequent: int = FUNCTION_WORDS) -> None:
        """Count words, and which stand after which; so many of the most frequent do not count."""
        found = (self.parts(token)[0] for text in texts for token in text.split())
        counts = Counter(word for word in found if word)
        usual = {word for word, _ in counts.most_common(frequent)}
        self._content = {word for word in counts if word not in usual}
        self._after: dict[str, set[str]] = defaultdict(set)
        for text in texts:
            tokens = text.split()
            for before, token in zip(["", *tokens], tokens, strict=False):
                if self.is_content(token):
                    self._after[before].add(self.parts(token)[0])
        self._all = sorted(self._content)

    @staticmethod
    def parts(token: str) -> tuple[str, str]:
        """Return a word and what stands behind it, both empty if it is no word."""
        match = WORD.match(token)
        return (match[1], match[2]) if match else ("", "")

    def is_content(self, token: str) -> bool:
        """Whether it is a content word."""
        return self.parts(token)[0] in self._content

    def after(self, before: str, like: str) -> list[str]:
        """Return content words after a word, with a capital letter or without as another one."""
        return sorted(w for w in self._after[before] if w[0].isupper() == like[0].isupper())

    def alike(self, like: str) -> list[str]:
        """Return all content words, with a capital letter or without as another one."""
        return [word for word in self._all if word[0].isupper() == like[0].isupper()]


def nearest(pairs: Sequence[Pair], chosen: Sequence[int]) -> list[str]:
    """Return for each chosen line the target of the line with the most similar source.

    Sources are compared by the words that they share, the rarer the more (TF-IDF, cosine). The
    target is never a line's own.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.neighbors import NearestNeighbors

    rows = TfidfVectorizer(token_pattern=r"\S+").fit_transform(source for source, _ in pairs)
    count = min(NEIGHBOURS, len(pairs))
    search = NearestNeighbors(n_neighbors=count, metric="cosine").fit(rows)
    found = []
    for at, places in zip(
        chosen, search.kneighbors(rows[chosen], return_distance=False), strict=True
    ):
        others = [pairs[place][1] for place in places if pairs[place][1] != pairs[at][1]]
        if not others:
            raise NoiseError(f"line {at} has no neighbour with another target")
        found.append(others[0])
    return found


def _boilerplate(text: Text, chosen: Sequence[int], rng: Random) -> list[Pair]:
    """One and the same pair that does not belong together, for all lines."""
    place = rng.randrange(len(text.pairs))
    pair = text.pairs[place][0], _other_text(text.targets, text.pairs[place][1], rng)
    return [pair for _ in chosen]


def _template(text: Text, chosen: Sequence[int], rng: Random) -> list[Pair]:
    """The same, but that one word of either side is another one on each line."""
    pairs = _boilerplate(text, chosen, rng)
    vocabularies = [Vocabulary([pair[side] for pair in text.pairs]) for side in (0, 1)]
    found = []
    for source, target in pairs:
        sides = zip((source, target), vocabularies, strict=True)
        changed = [_any_word(side, words, rng) for side, words in sides]
        found.append((changed[0], changed[1]))
    return found


def _any_word(text: str, words: Vocabulary, rng: Random) -> str:
    """Replace a word of four letters or more, if there is one, by any content word."""
    tokens = text.split()
    places = [place for place, token in enumerate(tokens) if words.parts(token)[0]]
    if not places:
        return text
    place = rng.choice(places)
    core, tail = words.parts(tokens[place])
    others = words.alike(core) or [core]
    return " ".join([*tokens[:place], rng.choice(others) + tail, *tokens[place + 1 :]])


Targets = Callable[[Text, Sequence[int], Random], list[str]]


def _one_by_one(make: Callable[[Text, int, Random], str]) -> Targets:
    return lambda text, chosen, rng: [make(text, at, rng) for at in chosen]


def _wrong_words(text: Text, chosen: Sequence[int], rng: Random) -> list[str]:
    words = Vocabulary(text.targets)
    return [replace_word(text.pairs[at][1], words, rng) for at in chosen]


#: Targets of the chosen lines by kind of noise, in the order in which lines are given to them.
TARGETS: Mapping[str, Targets] = {
    "misaligned": lambda text, chosen, rng: misalign(text.targets, chosen, rng),
    "untranslated": _one_by_one(lambda text, at, _: text.pairs[at][0]),
    "wrong_language": _one_by_one(lambda text, at, _: (text.wrong_language or ())[at]),
    "comparable": _one_by_one(_other_caption),
    "short": _one_by_one(lambda text, at, rng: shorten(text.pairs[at][1], rng)),
    "misordered": _one_by_one(lambda text, at, rng: misorder(text.pairs[at][1], rng)),
    "wrong_word": _wrong_words,
    "neighbour": lambda text, chosen, _: nearest(text.pairs, chosen),
    "machine": _one_by_one(lambda text, at, _: (text.machine or ())[at]),
}
#: Pairs in place of the chosen lines: their sources are another line's, too.
PAIRS: Mapping[str, Callable[[Text, Sequence[int], Random], list[Pair]]] = {
    "boilerplate": _boilerplate,
    "template": _template,
}
KINDS = (*TARGETS, *PAIRS)


def corrupted(kind: str, text: Text, chosen: Sequence[int], rng: Random) -> list[Pair]:
    """Return what a kind of noise makes of the chosen lines.

    Raises:
        NoiseError: the text does not allow it.
    """
    if kind in PAIRS:
        return PAIRS[kind](text, chosen, rng)
    targets = TARGETS[kind](text, chosen, rng)
    return [(text.pairs[at][0], target) for at, target in zip(chosen, targets, strict=True)]
