"""The adjectives, grouped by what they describe.

An entry is ``German English French``. ``^`` umlaut in the comparative, ``<`` before the French
noun, ``>`` an irregular form (German comparative, French feminine).
"""

# ruff: noqa: SIM905  (lists of words are easier to read as text)
from __future__ import annotations

from dataclasses import dataclass

from language.spelling import umlaut
from language.tables import sections, split_irregular

# classes of nouns they fit [~: no comparative]
ADJECTIVE_TABLE = """
body: groß^ tall <grand, klein small <petit, alt^ old <vieux>vieille, dick fat <gros>grosse
 dünn thin mince, hübsch pretty <joli, schön beautiful <beau>belle, hässlich ugly laid
 stark^ strong fort, schwach^ weak faible, jung^ young <jeune, gesund healthy sain
 müde tired fatigué, hungrig hungry affamé, ruhig calm calme, nervös nervous nerveux>nerveuse
 mutig brave courageux>courageuse, wild wild sauvage, faul lazy paresseux>paresseuse
 neugierig curious curieux>curieuse, gefährlich dangerous dangereux>dangereuse, dumm^ stupid bête
 verletzt hurt blessé
mind: freundlich friendly aimable, nett nice gentil>gentille, höflich polite poli
 klug^ clever intelligent, reich rich riche, arm^ poor pauvre, glücklich happy heureux>heureuse
 traurig sad triste, krank^ ill malade, fleißig diligent travailleur>travailleuse
 berühmt famous célèbre, ehrlich honest honnête, lustig funny drôle
 ernst serious sérieux>sérieuse, streng strict sévère, zufrieden satisfied satisfait
 geduldig patient patient, einsam lonely solitaire, eifersüchtig jealous jaloux>jalouse
 stolz proud fier>fière, wütend furious furieux>furieuse, bescheiden modest modeste
 großzügig generous généreux>généreuse, vorsichtig careful prudent, elegant elegant élégant
 begabt talented doué, erfahren experienced expérimenté, unhöflich rude impoli
 sympathisch likeable sympathique
object: neu new <nouveau>nouvelle, alt^ old <vieux>vieille, billig cheap abordable
 teuer expensive cher>chère, schön beautiful <beau>belle, groß^ big <grand, klein small <petit
 schwer heavy lourd, leicht light léger>légère, schmutzig dirty sale, sauber clean propre
 kaputt broken cassé, praktisch practical pratique, bunt colourful coloré, hässlich ugly laid
 nützlich useful utile, modern modern moderne, kostbar precious précieux>précieuse
 bequem comfortable confortable, lang^ long <long>longue, kurz^ short court, stabil solid solide
 ungewöhnlich unusual inhabituel>inhabituelle, selten rare rare, seltsam strange étrange
 einfach simple simple
colour~: rot red rouge, blau blue bleu, grün green vert, gelb yellow jaune, schwarz black noir
 weiß white blanc>blanche, grau grey gris, braun brown brun, golden golden doré
eat: frisch fresh <frais>fraîche, süß sweet sucré, gut>besser good <bon>bonne
 köstlich delicious délicieux>délicieuse, warm^ warm chaud, kalt^ cold froid
 bitter bitter amer>amère, salzig salty salé, schlecht bad <mauvais>mauvaise
say: wichtig important important, interessant interesting intéressant
 langweilig boring ennuyeux>ennuyeuse, kompliziert complicated compliqué
 gut>besser good <bon>bonne, schlecht bad <mauvais, einfach simple simple
 schwierig difficult difficile, lustig funny drôle, traurig sad triste, seltsam strange étrange
 kurz^ short court, lang^ long <long>longue, klar clear clair, überraschend surprising surprenant
 geheim secret secret>secrète, merkwürdig odd bizarre, verrückt crazy fou>folle
 nützlich useful utile, neu new <nouveau>nouvelle, spannend exciting passionnant
 gefährlich dangerous dangereux>dangereuse, unangenehm unpleasant désagréable
place: groß^ big <grand, klein small <petit, alt^ old <vieux>vieille, neu new <nouveau>nouvelle
 ruhig quiet tranquille, schön beautiful <beau>belle, dunkel dark sombre, hell bright clair
 leer empty vide, breit wide large, berühmt famous célèbre, schmutzig dirty sale
 modern modern moderne, gemütlich cosy douillet>douillette, eng narrow étroit
 sauber clean propre, nah>näher near proche, fern distant lointain, laut noisy bruyant
 hoch>höher high <haut, historisch historic historique, verlassen abandoned abandonné
"""
NO_COMPARATIVE = "ill hurt broken secret abandoned historic".split()
ADJECTIVES_OF = {
    "job": "body mind",
    "person": "body mind",
    "animal": "body",
    "food": "eat",
    "massfood": "eat",
    "drink": "eat",
    "text": "say",
    "topic": "say",
    "event": "say",
    "thing": "object colour",
    "clothes": "object colour",
    "vehicle": "object colour",
    "instrument": "object",
    "opening": "object colour",
    "building": "place",
    "room": "place",
    "outside": "place",
    "spot": "place",
    "ground": "place",
    "landmark": "object",
}


@dataclass(frozen=True)
class Adjective:
    """An adjective in three languages."""

    de: str
    de_more: str
    en: str
    fr: str
    fr_feminine: str
    fr_before: bool
    comparable: bool


def parse_adjective(entry: str, comparable: bool) -> Adjective:
    """Read one adjective entry."""
    german, english, french = entry.split(" ")
    de, more = split_irregular(german.replace("^", ""))
    stem = umlaut(de) if "^" in german else de
    stem = stem.removesuffix("e")
    if stem.endswith(("el", "euer")):
        stem = stem[:-2] + stem[-1]  # dunkler, teurer
    fr, feminine = split_irregular(french.lstrip("<"))
    if not feminine:
        feminine = fr if fr.endswith("e") else fr + "e"
    return Adjective(
        de,
        more or stem + "er",
        english,
        fr,
        feminine,
        "<" in french,
        comparable and english not in NO_COMPARATIVE,
    )


ADJECTIVES: dict[str, list[Adjective]] = {
    kind.rstrip("~"): [parse_adjective(entry, not kind.endswith("~")) for entry in entries]
    for kind, entries in sections(ADJECTIVE_TABLE)
}
