"""The forms of English words."""

# ruff: noqa: SIM905  (lists of words are easier to read as text)
from __future__ import annotations

from language.adjectives import Adjective
from language.spelling import english_plural, vowel_groups
from language.tables import cells

ENGLISH_PAST = """
begin began, bite bit, bring brought, build built, buy bought, catch caught, choose chose
come came, cut cut, draw drew, drink drank, drive drove, eat ate, fall fell, feed fed, feel felt
find found, forget forgot, get got, give gave, go went, hang hung, have had, hear heard, hide hid
keep kept, know knew, leave left, lend lent, lose lost, make made, meet met, pay paid, put put
read read
run ran, say said, see saw, sell sold, send sent, sew sewed, show showed, sing sang, sleep slept
speak spoke, steal stole, swim swam, take took, tear tore, tell told, think thought, throw threw
understand understood, wake woke, wear wore, write wrote, can could, will would
"""
ENGLISH_DOUBLED = "begin clap cut forget get hug put run stop swim chat plan travel cancel".split()
_ENGLISH = dict(entry.split() for entry in cells(ENGLISH_PAST))


def english_form(words: tuple[str, ...], form: str) -> list[str]:
    """Return an English verb group; form is base, s, past or ing."""
    verb, rest = words[0], list(words[1:])
    doubled = verb + verb[-1] if verb in ENGLISH_DOUBLED else verb
    ends_y = verb.endswith("y") and verb[-2] not in "aeou"
    if form == "s":
        made = "has" if verb == "have" else english_plural(verb)
        made = "goes" if verb == "go" else made
    elif form == "past":
        regular = verb + "d" if verb.endswith("e") else doubled + "ed"
        made = _ENGLISH.get(verb, verb[:-1] + "ied" if ends_y else regular)
    elif form == "ing":
        drops = verb.endswith("e") and not verb.endswith("ee") and verb != "be"
        made = (verb[:-1] if drops else doubled) + "ing"
        made = verb[:-2] + "ying" if verb.endswith("ie") else made
    else:
        made = verb
    return [made, *rest]


def english_comparative(adjective: Adjective) -> list[str]:
    """Return bigger, better, happier, more expensive."""
    word = adjective.en
    if word in ("good", "bad"):
        return ["better" if word == "good" else "worse"]
    if word.endswith("y") and vowel_groups(word) == 2:
        return [word[:-1] + "ier"]
    if vowel_groups(word.removesuffix("e")) > 1:
        return ["more", word]
    if word in ("sad", "fat", "thin", "big", "hot"):
        return [word + word[-1] + "er"]
    return [word.removesuffix("e") + "er"]
