"""The forms of French words."""

# ruff: noqa: SIM905  (lists of words are easier to read as text)
from __future__ import annotations

from language.adjectives import Adjective
from language.spelling import french_plural
from language.tables import cells

# infinitive, je, nous, ils, participle; the other persons follow from these
FRENCH_IRREGULAR = """
acheter achète achetons achètent acheté, appeler appelle appelons appellent appelé
atteindre atteins atteignons atteignent atteint, attendre attends attendons attendent attendu
avertir avertis avertissons avertissent averti, boire bois buvons boivent bu
comprendre comprends comprenons comprennent compris
conduire conduis conduisons conduisent conduit, connaître connais connaissons connaissent connu
construire construis construisons construisent construit
contredire contredis contredisons contredisent contredit, coudre couds cousons cousent cousu
courir cours courons courent couru, croire crois croyons croient cru
cuire cuis cuisons cuisent cuit, débattre débats débattons débattent débattu
décrire décris décrivons décrivent décrit, détruire détruis détruisons détruisent détruit
devoir dois devons doivent dû, dormir dors dormons dorment dormi
écrire écris écrivons écrivent écrit, emporter emporte emportons emportent emporté
endormir endors endormons endorment endormi, enfuir enfuis enfuyons enfuient enfui
enlever enlève enlevons enlèvent enlevé, entendre entends entendons entendent entendu
envoyer envoie envoyons envoient envoyé, espérer espère espérons espèrent espéré
essayer essaie essayons essaient essayé, jeter jette jetons jettent jeté
lever lève levons lèvent levé, lire lis lisons lisent lu, mentir mens mentons mentent menti
mettre mets mettons mettent mis, mordre mords mordons mordent mordu
nettoyer nettoie nettoyons nettoient nettoyé, offrir offre offrons offrent offert
ouvrir ouvre ouvrons ouvrent ouvert, partir pars partons partent parti
payer paie payons paient payé, peindre peins peignons peignent peint
perdre perds perdons perdent perdu, posséder possède possédons possèdent possédé
poursuivre poursuis poursuivons poursuivent poursuivi, pouvoir peux pouvons peuvent pu
prendre prends prenons prennent pris, prévoir prévois prévoyons prévoient prévu
promener promène promenons promènent promené, promettre promets promettons promettent promis
recevoir reçois recevons reçoivent reçu
reconnaître reconnais reconnaissons reconnaissent reconnu
remettre remets remettons remettent remis, rendre rends rendons rendent rendu
répondre réponds répondons répondent répondu, revenir reviens revenons reviennent revenu
révéler révèle révélons révèlent révélé, rire ris rions rient ri, savoir sais savons savent su
sentir sens sentons sentent senti, servir sers servons servent servi
soutenir soutiens soutenons soutiennent soutenu, sourire souris sourions sourient souri
suivre suis suivons suivent suivi, surprendre surprends surprenons surprennent surpris
taire tais taisons taisent tu, traduire traduis traduisons traduisent traduit
vendre vends vendons vendent vendu, venir viens venons viennent venu, voir vois voyons voient vu
vouloir veux voulons veulent voulu
"""
FRENCH_FULL = {
    "être": "suis es est sommes êtes sont été".split(),
    "avoir": "ai as a avons avez ont eu".split(),
    "aller": "vais vas va allons allez vont allé".split(),
    "faire": "fais fais fait faisons faites font fait".split(),
    "dire": "dis dis dit disons dites disent dit".split(),
    "pleuvoir": "- - pleut - - - plu".split(),
}
FRENCH_ETRE = set("arriver aller venir revenir retourner partir tomber entrer rentrer".split())
_FRENCH = {entry.split()[0]: entry.split()[1:] for entry in cells(FRENCH_IRREGULAR)}


def french_forms(infinitive: str) -> list[str]:
    """Return the six persons of the present and the past participle."""
    if infinitive in FRENCH_FULL:
        return FRENCH_FULL[infinitive]
    if infinitive in _FRENCH:
        je, nous, ils, participle = _FRENCH[infinitive]
    elif infinitive.endswith("er"):
        stem = infinitive[:-2]
        soft = {"g": stem + "e", "c": stem[:-1] + "ç"}.get(stem[-1], stem)
        je, nous, ils, participle = stem + "e", soft + "ons", stem + "ent", stem + "é"
    else:
        stem = infinitive[:-1]
        je, nous, ils, participle = stem + "s", stem + "ssons", stem + "ssent", stem
    tu = je + "s" if je.endswith("e") else je
    il = (
        je
        if je.endswith("e")
        else infinitive[:-2].removesuffix("r")
        if infinitive.endswith("aître")
        else je[:-1] + ("" if je[-2] in "dt" else "t")
    )
    vous = (infinitive[:-2] if nous.endswith(("geons", "çons")) else nous[:-3]) + "ez"
    return [je, tu, il, nous, vous, ils, participle]


def french_imperfect(infinitive: str, person: int, plural: bool) -> str:
    """Return the imparfait."""
    if infinitive == "pleuvoir":
        return "pleuvait"
    stem = "ét" if infinitive == "être" else french_forms(infinitive)[3][:-3]
    if plural and person < 3:
        # mangeons keeps its e only before a
        stem = stem.removesuffix("e") if stem.endswith("ge") else stem.replace("ç", "c")
    return stem + ("ions iez aient" if plural else "ais ais ait").split()[person - 1]


def french_adjective(adjective: Adjective, feminine: bool, plural: bool) -> str:
    """Return the French form that agrees."""
    form = adjective.fr_feminine if feminine else adjective.fr
    return french_plural(form) if plural else form
