"""The words of `lexicon.txt`. Regular forms follow rules; the lexicon has what they get wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

Pair = tuple[str, str]
"""German and English."""


@dataclass(frozen=True)
class Noun:
    """A noun; `weak` masculines end in -n (*den Jungen*)."""

    kind: str
    de: str
    de_plural: str
    gender: str
    weak: bool
    en: str
    en_plural: str


@dataclass(frozen=True)
class Verb:
    """A verb, with the preposition and the case that it asks of its object."""

    prefix: str  # a separable one
    de: str  # the infinitive without it
    de_third: str
    participle: str
    helper: str  # haben or sein
    prep: str
    case: str
    en: str
    en_past: str
    en_rest: tuple[str, ...]


@dataclass(frozen=True)
class Frame:
    """The kinds of subjects and objects that a group of verbs takes."""

    verbs: tuple[Verb, ...]
    subjects: tuple[str, ...]
    objects: tuple[str, ...]


def umlaut(word: str) -> str:
    """Return the word with its last a, o, u or au as an umlaut."""
    at = max(word.lower().rfind(vowel) for vowel in "aou")
    if word[at - 1 : at + 1].lower() == "au":
        at -= 1
    return word[:at] + word[at].translate(str.maketrans("aouAO", "äöüÄÖ")) + word[at + 1 :]


def english_s(word: str) -> str:
    """Return an English plural, or the third person of a verb."""
    if word in ("have", "go"):
        return {"have": "has", "go": "goes"}[word]
    if word.endswith(("s", "x", "ch", "sh")):
        return word + "es"
    return word[:-1] + "ies" if re.search("[^aeou]y$", word) else word + "s"


def english_past(word: str) -> str:
    """Return a regular English past."""
    if word.endswith("e"):
        return word + "d"
    return word[:-1] + "ied" if re.search("[^aeou]y$", word) else word + "ed"


def noun(kind: str, entry: str) -> Noun:
    """Read a noun: `Arzt/^e/m doctor`, `Mann/^er/m man>men`, `Museum>Museen/n museum`."""
    german, english = entry.replace("_", " ").split(" ", 1)
    first, *ending, gender = german.split("/")
    de, *plural = first.split(">")
    if not plural:
        plural = [(umlaut(de) if ending[0].startswith("^") else de) + ending[0].strip("^-")]
    en, *en_plural = english.split(">")
    weak = gender == "w"
    return Noun(
        *(kind, de, plural[0], "m" if weak else gender, weak, en),
        (en_plural or [english_s(en)])[0],
    )


_INSEPARABLE = re.compile("be|ver|er|ent|zer|emp|wider|über|unter|um")


def verb(entry: str) -> Verb:
    """Read a verb: `an|rufen>ruft>angerufen call`, `warten>wartet>gewartet+auf.acc wait_for`."""
    german, english = entry.split(" ")
    german, *marks = german.split("+")
    word, *irregular = german.split(">")
    prefix, _, de = word.rpartition("|")
    stem = de[:-2] if de.endswith("en") else de[:-1]
    ge = "" if _INSEPARABLE.match(de) or de.endswith("ieren") else "ge"
    third, participle = irregular or (stem + "t", prefix + ge + stem + "t")
    prep, _, case = next((mark for mark in marks if "." in mark), "").partition(".")
    case = case or ("dat" if "dat" in marks else "acc")
    words, *past = english.split(">")
    en, *rest = words.split("_")
    helper = "sein" if "s" in marks else "haben"
    return Verb(
        *(prefix, de, third, participle, helper, prep, case),
        *(en, (past or [english_past(en)])[0], tuple(rest)),
    )


def frame(header: str, entries: list[str]) -> Frame:
    """Read a group of verbs; its header is `subjects > objects`, `-` for none."""
    subjects, objects = (part.replace("-", "").split() for part in header.split(" > "))
    return Frame(tuple(map(verb, entries)), tuple(subjects), tuple(objects))


def pair(entry: str) -> Pair:
    """Read words that do not change: `heute=today`."""
    german, _, english = entry.partition("=")
    return german, english


def read_lexicon(path: Path) -> dict[str, dict[str, list[str]]]:
    """Return {section: {header: entries}}."""
    lexicon: dict[str, dict[str, list[str]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].rstrip()
        if text.startswith("["):
            section = lexicon[text.strip("[]")] = {}
        elif text:
            if not text.startswith(" "):
                header, _, text = text.partition(":")
                entries = section[header] = []
            entries += [entry.strip() for entry in text.split(",") if entry.strip()]
    return lexicon


_LEXICON = read_lexicon(Path(__file__).with_name("lexicon.txt"))
NOUNS = {kind: [noun(kind, entry) for entry in rows] for kind, rows in _LEXICON["nouns"].items()}
ADJECTIVES = {kind: list(map(pair, rows)) for kind, rows in _LEXICON["adjectives"].items()}
VERBS = [frame(header, rows) for header, rows in _LEXICON["verbs"].items()]
GIVING = [frame(f"human > {kinds}", rows) for kinds, rows in _LEXICON["giving"].items()]
TIMES = {tense: list(map(pair, rows)) for tense, rows in _LEXICON["times"].items()}
PHRASES = {kind: list(map(pair, rows)) for kind, rows in _LEXICON["phrases"].items()}
PREPOSITIONS = [
    (case, tuple(kinds), pair(entry))
    for header, rows in _LEXICON["prepositions"].items()
    for case, *kinds in [header.split()]
    for entry in rows
]
