"""The forms of German words."""

# ruff: noqa: SIM905  (lists of words are easier to read as text)
from __future__ import annotations

from language.nouns import Noun
from language.spelling import vowel_groups
from language.tables import cells
from language.verbs import Verb

# infinitive, 3rd person singular, preterite, participle
GERMAN_IRREGULAR = """
backen backt backte gebacken, beißen beißt biss gebissen, bieten bietet bot geboten
braten brät briet gebraten, bringen bringt brachte gebracht, denken denkt dachte gedacht
dürfen darf durfte gedurft, essen isst aß gegessen, empfehlen empfiehlt empfahl empfohlen
fahren fährt fuhr gefahren, fangen fängt fing gefangen, finden findet fand gefunden
fressen frisst fraß gefressen, geben gibt gab gegeben, gehen geht ging gegangen
gessen gisst gaß gegessen, gießen gießt goss gegossen, ginnen ginnt gann gegonnen
haben hat hatte gehabt, halten hält hielt gehalten, hängen hängt hängte gehängt
heben hebt hob gehoben, helfen hilft half geholfen, kennen kennt kannte gekannt
kommen kommt kam gekommen, können kann konnte gekonnt, laden lädt lud geladen
lassen lässt ließ gelassen, laufen läuft lief gelaufen, leihen leiht lieh geliehen
lesen liest las gelesen, lieren liert lor geloren, lügen lügt log gelogen
mögen mag mochte gemocht, müssen muss musste gemusst, nehmen nimmt nahm genommen
raten rät riet geraten, reißen reißt riss gerissen, rufen ruft rief gerufen
schieben schiebt schob geschoben, schlafen schläft schlief geschlafen
schlagen schlägt schlug geschlagen, schließen schließt schloss geschlossen
schneiden schneidet schnitt geschnitten, schreiben schreibt schrieb geschrieben
schreien schreit schrie geschrien, schweigen schweigt schwieg geschwiegen
schwimmen schwimmt schwamm geschwommen, sehen sieht sah gesehen, sein ist war gewesen
singen singt sang gesungen, sitzen sitzt saß gesessen, sollen soll sollte gesollt
sprechen spricht sprach gesprochen, springen springt sprang gesprungen
stehen steht stand gestanden, stehlen stiehlt stahl gestohlen
streichen streicht strich gestrichen, streiten streitet stritt gestritten
tragen trägt trug getragen, treffen trifft traf getroffen, treten tritt trat getreten
trinken trinkt trank getrunken, waschen wäscht wusch gewaschen, werden wird wurde geworden
werfen wirft warf geworfen, wissen weiß wusste gewusst, wollen will wollte gewollt
ziehen zieht zog gezogen
"""
GERMAN_PRESENT_FULL = {
    "sein": "bin bist ist sind seid sind".split(),
    "haben": "habe hast hat haben habt haben".split(),
    "werden": "werde wirst wird werden werdet werden".split(),
    "möchten": "möchte möchtest möchte möchten möchtet möchten".split(),
}
_GERMAN = {entry.split()[0]: entry.split()[1:] for entry in cells(GERMAN_IRREGULAR)}


def german_noun(noun: Noun, case: str, plural: bool) -> str:
    """Return the German form of a noun."""
    if plural:
        ends = noun.de_plural.endswith(("n", "s"))
        return noun.de_plural + ("n" if case == "dat" and not ends else "")
    if noun.weak:
        return noun.de if case == "nom" else noun.de_plural
    if case != "gen" or noun.gender == "f":
        return noun.de
    if noun.de.endswith("nis"):
        return noun.de + "ses"
    short = vowel_groups(noun.de) == 1 and noun.de != "Plan" and not noun.de_plural.endswith("s")
    long = noun.de.endswith(("s", "ß", "x", "z")) or (short and noun.de[-1] not in "aeiou")
    return noun.de + ("es" if long else "s")


def german_adjective(word: str, ending: str) -> str:
    """Return an adjective with its ending: dunkel, dunkle; teuer, teure; hoch, hohe."""
    if word == "hoch":
        word = "hoh"
    elif word.endswith("e"):
        word = word[:-1]  # müde
    elif word.endswith(("el", "euer")):
        word = word[:-2] + word[-1]
    return word + ending


def _needs_e(stem: str) -> bool:
    cluster = len(stem) > 2 and stem[-1] in "mn" and stem[-2] not in "aeiouäöülrhmn"
    cluster = cluster or stem.endswith("chn")  # zeichnet
    return stem.endswith(("t", "d")) or cluster


def _stem(base: str) -> str:
    return base[:-2] if base.endswith("en") else base[:-1]


def _present(base: str, person: int, plural: bool) -> str:
    if base in GERMAN_PRESENT_FULL:
        return GERMAN_PRESENT_FULL[base][person - 1 + 3 * plural]
    stem = _stem(base)
    third = _GERMAN[base][0] if base in _GERMAN else stem + ("et" if _needs_e(stem) else "t")
    modal = not third.endswith("t")  # kann, weiß
    if plural:
        return base if person != 2 else stem + ("et" if _needs_e(stem) else "t")
    if person == 3 or (modal and person == 1):
        return third
    if person == 1:
        return (stem[:-2] + "l" if stem.endswith("el") else stem) + "e"
    if modal:
        return third + ("t" if third[-1] in "sß" else "st")
    if stem.endswith("t") and not third.endswith("et"):
        return third + "st"  # du hältst
    core = third[:-1]
    return core + ("t" if core[-1] in "sßzx" else "st")


def _preterite(base: str, person: int, plural: bool) -> str:
    stem = _stem(base)
    form = _GERMAN[base][1] if base in _GERMAN else stem + ("ete" if _needs_e(stem) else "te")
    e = "e" if form[-1] in "tdsßz" else ""
    if plural:
        if person == 2:
            return form + ("t" if form.endswith("e") else e.replace("s", "") + "t")
        return form + ("n" if form.endswith("e") else "en")
    return form + (e + "st" if person == 2 else "")


def german_finite(base: str, past: bool, person: int, plural: bool) -> str:
    """Return a finite form of a verb without prefixes."""
    return (_preterite if past else _present)(base, person, plural)


def german_participle(verb: Verb) -> str:
    """Return the past participle: aufgestanden, verstanden, repariert, gekauft."""
    stem = _stem(verb.base)
    form = "ge" + stem + ("et" if _needs_e(stem) else "t")
    if verb.base in _GERMAN:
        form = _GERMAN[verb.base][2]
    if verb.attached or (verb.base.endswith("ieren") and verb.base not in _GERMAN):
        form = form.removeprefix("ge")
    return verb.prefix + verb.attached + form
