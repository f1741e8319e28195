"""Numbers from 2 to 99 in words."""

# ruff: noqa: SIM905  (lists of words are easier to read as text)
GERMAN_TENS = "- - zwan drei vier fünf sech sieb acht neun".split()
GERMAN_ONES = "- ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf".split()
ENGLISH_SMALL = """zero one two three four five six seven eight nine ten eleven twelve thirteen
fourteen fifteen sixteen seventeen eighteen nineteen""".split()
ENGLISH_TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
FRENCH_SMALL = """zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze
quinze seize dix-sept dix-huit dix-neuf""".split()
FRENCH_TENS = (
    "- - vingt trente quarante cinquante soixante soixante quatre-vingt quatre-vingt".split()
)


def german_number(number: int) -> str:
    """Spell a number from 2 to 99."""
    if number <= 12:
        return GERMAN_ONES[number]
    tens, ones = divmod(number, 10)
    if tens == 1:
        return {6: "sech", 7: "sieb"}.get(ones, GERMAN_ONES[ones]) + "zehn"
    round_ten = GERMAN_TENS[tens] + ("ßig" if tens == 3 else "zig")
    return (GERMAN_ONES[ones] + "und" if ones else "") + round_ten


def english_number(number: int) -> str:
    """Spell a number from 2 to 99."""
    if number < 20:
        return ENGLISH_SMALL[number]
    tens, ones = divmod(number, 10)
    return ENGLISH_TENS[tens] + (f"-{ENGLISH_SMALL[ones]}" if ones else "")


def french_number(number: int) -> str:
    """Spell a number from 2 to 99 (none that ends in *et un*)."""
    if number < 20:
        return FRENCH_SMALL[number]
    tens = number // 10
    ones = number - 10 * (tens - 1 if tens in (7, 9) else tens)
    if number == 80:
        return "quatre-vingts"
    return FRENCH_TENS[tens] + (f"-{FRENCH_SMALL[ones]}" if ones else "")
