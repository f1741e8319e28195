"""Spelling rules that several parts of speech share: umlaut, plural, syllables."""


def umlaut(word: str) -> str:
    """Return the word with its last a, o, u or au as an umlaut."""
    at = max(word.lower().rfind(vowel) for vowel in "aou")
    if word[at] == "u" and at and word[at - 1].lower() == "a":
        at -= 1
    return word[:at] + {"a": "ä", "o": "ö", "u": "ü", "A": "Ä", "O": "Ö"}[word[at]] + word[at + 1 :]


def english_plural(word: str) -> str:
    """Return the regular English plural."""
    if word.endswith(("s", "x", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2] not in "aeou":
        return word[:-1] + "ies"
    return word + "s"


def french_plural(word: str) -> str:
    """Return the regular French plural of a noun or an adjective."""
    if word.endswith(("s", "x", "z")):
        return word
    if word.endswith(("eau", "eu")) and word != "bleu":
        return word + "x"
    return word[:-2] + "aux" if word.endswith("al") else word + "s"


def vowel_groups(word: str) -> int:
    """Count the groups of vowels, a stand-in for syllables."""
    return sum(
        letter in "aeiouyäöü" and (at == 0 or word[at - 1].lower() not in "aeiouyäöü")
        for at, letter in enumerate(word.lower())
    )
