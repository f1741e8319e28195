"""The nouns.

An entry is ``German/plural/gender English French/gender``. Plural: ``-`` none added, ``e``, ``er``,
..., ``^`` umlaut, ``0`` no plural (a mass noun). Gender ``w`` is a weak masculine (*den Jungen*).
``child>children`` and ``cheval>chevaux`` list an irregular plural.
"""

from __future__ import annotations

from dataclasses import dataclass

from language.spelling import english_plural, french_plural, umlaut
from language.tables import sections, split_irregular

NOUN_TABLE = """
job: Lehrer/-/m teacher professeur/m, Lehrerin/nen/f teacher professeure/f
 Arzt/^e/m doctor médecin/m, Ärztin/nen/f doctor médecin/f, Student/en/w student étudiant/m
 Studentin/nen/f student étudiante/f, Schüler/-/m pupil élève/m, Schülerin/nen/f pupil élève/f
 Koch/^e/m cook cuisinier/m, Köchin/nen/f cook cuisinière/f, Bäcker/-/m baker boulanger/m
 Bäckerin/nen/f baker boulangère/f, Verkäufer/-/m salesman>salesmen vendeur/m
 Verkäuferin/nen/f saleswoman>saleswomen vendeuse/f, Polizist/en/w policeman>policemen policier/m
 Polizistin/nen/f policewoman>policewomen policière/f, Bauer/n/w farmer agriculteur/m
 Bäuerin/nen/f farmer agricultrice/f, Künstler/-/m artist artiste/m
 Künstlerin/nen/f artist artiste/f, Musiker/-/m musician musicien/m
 Musikerin/nen/f musician musicienne/f, Schauspieler/-/m actor acteur/m
 Schauspielerin/nen/f actress actrice/f, Sänger/-/m singer chanteur/m
 Sängerin/nen/f singer chanteuse/f, Journalist/en/w journalist journaliste/m
 Journalistin/nen/f journalist journaliste/f, Ingenieur/e/m engineer ingénieur/m
 Anwalt/^e/m lawyer avocat/m, Anwältin/nen/f lawyer avocate/f, Richter/-/m judge juge/m
 Zahnarzt/^e/m dentist dentiste/m, Krankenschwester/n/f nurse infirmière/f
 Mechaniker/-/m mechanic mécanicien/m, Maler/-/m painter peintre/m
 Schriftsteller/-/m writer écrivain/m, Schriftstellerin/nen/f writer écrivaine/f
 Pilot/en/w pilot pilote/m, Pilotin/nen/f pilot pilote/f, Kellner/-/m waiter serveur/m
 Kellnerin/nen/f waitress serveuse/f, Gärtner/-/m gardener jardinier/m
 Gärtnerin/nen/f gardener jardinière/f, Fotograf/en/w photographer photographe/m
 Fotografin/nen/f photographer photographe/f, Soldat/en/w soldier soldat/m
 Trainer/-/m coach entraîneur/m, Direktor/en/m director directeur/m
 Direktorin/nen/f director directrice/f, Sekretärin/nen/f secretary secrétaire/f
 Apotheker/-/m pharmacist pharmacien/m, Tischler/-/m carpenter menuisier/m
 Wissenschaftler/-/m scientist scientifique/m, Wissenschaftlerin/nen/f scientist scientifique/f
 Politiker/-/m politician politicien/m, Politikerin/nen/f politician politicienne/f
 Übersetzer/-/m translator traducteur/m, Übersetzerin/nen/f translator traductrice/f
person: Mann/^er/m man>men homme/m, Frau/en/f woman>women femme/f
 Kind/er/n child>children enfant/m, Junge/n/w boy garçon/m, Mädchen/-/n girl fille/f
 Freund/e/m friend ami/m, Freundin/nen/f friend amie/f, Nachbar/n/w neighbour voisin/m
 Nachbarin/nen/f neighbour voisine/f, Bruder/^/m brother frère/m, Schwester/n/f sister sœur/f
 Onkel/-/m uncle oncle/m, Tante/n/f aunt tante/f, Sohn/^e/m son fils/m
 Tochter/^/f daughter fille/f, Cousin/s/m cousin cousin/m, Cousine/n/f cousin cousine/f
 Kollege/n/w colleague collègue/m, Kollegin/nen/f colleague collègue/f, Gast/^e/m guest invité/m
 Tourist/en/w tourist touriste/m, Touristin/nen/f tourist touriste/f, Kunde/n/w customer client/m
 Kundin/nen/f customer cliente/f, Dame/n/f lady dame/f
 Enkel/-/m grandson petit-fils>petits-fils/m, Neffe/n/w nephew neveu>neveux/m
 Nichte/n/f niece nièce/f, Prinz/en/w prince prince/m, König/e/m king roi/m
 Königin/nen/f queen reine/f, Zeuge/n/w witness témoin/m, Chef/s/m boss patron/m
 Chefin/nen/f boss patronne/f, Großvater/^/m grandfather grand-père>grands-pères/m
 Großmutter/^/f grandmother grand-mère>grands-mères/f
animal: Hund/e/m dog chien/m, Katze/n/f cat chat/m, Pferd/e/n horse cheval/m
 Kuh/^e/f cow vache/f, Vogel/^/m bird oiseau/m, Maus/^e/f mouse>mice souris/f
 Schaf/e/n sheep>sheep mouton/m, Schwein/e/n pig cochon/m, Huhn/^er/n chicken poule/f
 Ente/n/f duck canard/m, Gans/^e/f goose>geese oie/f, Hase/n/w hare lièvre/m
 Kaninchen/-/n rabbit lapin/m, Bär/en/w bear ours/m, Wolf/^e/m wolf>wolves loup/m
 Fuchs/^e/m fox renard/m, Affe/n/w monkey singe/m, Elefant/en/w elephant éléphant/m
 Löwe/n/w lion lion/m, Frosch/^e/m frog grenouille/f, Ziege/n/f goat chèvre/f
 Esel/-/m donkey âne/m, Schildkröte/n/f turtle tortue/f
food: Apfel/^/m apple pomme/f, Birne/n/f pear poire/f, Kuchen/-/m cake gâteau/m
 Ei/er/n egg œuf/m, Kartoffel/n/f potato>potatoes pomme_de_terre>pommes_de_terre/f
 Tomate/n/f tomato>tomatoes tomate/f, Banane/n/f banana banane/f, Zwiebel/n/f onion oignon/m
 Kirsche/n/f cherry cerise/f, Erdbeere/n/f strawberry fraise/f, Orange/n/f orange orange/f
 Suppe/n/f soup soupe/f, Wurst/^e/f sausage saucisse/f, Pfannkuchen/-/m pancake crêpe/f
 Salat/e/m salad salade/f, Nuss/^e/f nut noix/f, Keks/e/m biscuit biscuit/m
 Pilz/e/m mushroom champignon/m, Brötchen/-/n roll petit_pain>petits_pains/m
 Pflaume/n/f plum prune/f, Gurke/n/f cucumber concombre/m
massfood: Brot/0/n bread pain/m, Käse/0/m cheese fromage/m, Fleisch/0/n meat viande/f
 Reis/0/m rice riz/m, Butter/0/f butter beurre/m, Honig/0/m honey miel/m
 Schokolade/0/f chocolate chocolat/m
drink: Wasser/0/n water eau/f, Milch/0/f milk lait/m, Kaffee/0/m coffee café/m, Tee/0/m tea thé/m
 Wein/0/m wine vin/m, Bier/0/n beer bière/f, Saft/0/m juice jus/m
 Limonade/0/f lemonade limonade/f
text: Buch/^er/n book livre/m, Brief/e/m letter lettre/f, Zeitung/en/f newspaper journal/m
 Roman/e/m novel roman/m, Gedicht/e/n poem poème/m, Bericht/e/m report rapport/m
 Artikel/-/m article article/m, Märchen/-/n fairy_tale conte/m, Nachricht/en/f message message/m
 Text/e/m text texte/m, Aufsatz/^e/m essay essai/m, Rezept/e/n recipe recette/f
 Liste/n/f list liste/f, Vertrag/^e/m contract contrat/m
 Postkarte/n/f postcard carte_postale>cartes_postales/f
topic: Frage/n/f question question/f, Antwort/en/f answer réponse/f
 Problem/e/n problem problème/m, Idee/n/f idea idée/f, Plan/^e/m plan plan/m
 Regel/n/f rule règle/f, Aufgabe/n/f task tâche/f, Fehler/-/m mistake erreur/f
 Geschichte/n/f story histoire/f, Lösung/en/f solution solution/f, Geheimnis/se/n secret secret/m
 Vorschlag/^e/m suggestion suggestion/f, Witz/e/m joke blague/f, Wahrheit/en/f truth vérité/f
 Grund/^e/m reason raison/f, Entscheidung/en/f decision décision/f
 Unterschied/e/m difference différence/f
thing: Schlüssel/-/m key clé/f, Tasche/n/f bag sac/m, Koffer/-/m suitcase valise/f
 Uhr/en/f clock horloge/f, Lampe/n/f lamp lampe/f, Stuhl/^e/m chair chaise/f
 Tisch/e/m table table/f, Messer/-/n knife>knives couteau/m, Gabel/n/f fork fourchette/f
 Löffel/-/m spoon cuillère/f, Teller/-/m plate assiette/f, Glas/^er/n glass verre/m
 Flasche/n/f bottle bouteille/f, Tasse/n/f cup tasse/f, Schachtel/n/f box boîte/f
 Spiegel/-/m mirror miroir/m, Bild/er/n picture tableau/m, Ball/^e/m ball ballon/m
 Puppe/n/f doll poupée/f, Blume/n/f flower fleur/f, Telefon/e/n telephone téléphone/m
 Kamera/s/f camera appareil_photo>appareils_photo/m, Computer/-/m computer ordinateur/m
 Bett/en/n bed lit/m, Schrank/^e/m cupboard armoire/f, Teppich/e/m carpet tapis/m
 Kissen/-/n pillow oreiller/m, Decke/n/f blanket couverture/f, Ring/e/m ring bague/f
 Schirm/e/m umbrella parapluie/m, Geschenk/e/n present cadeau/m, Bürste/n/f brush brosse/f
 Kerze/n/f candle bougie/f, Vase/n/f vase vase/m, Topf/^e/m pot casserole/f
 Stift/e/m pencil crayon/m, Korb/^e/m basket panier/m, Seil/e/n rope corde/f
 Hammer/^/m hammer marteau/m, Regal/e/n shelf>shelves étagère/f
clothes: Hemd/en/n shirt chemise/f, Kleid/er/n dress robe/f, Mantel/^/m coat manteau/m
 Hut/^e/m hat chapeau/m, Schuh/e/m shoe chaussure/f, Jacke/n/f jacket veste/f
 Rock/^e/m skirt jupe/f, Pullover/-/m pullover pull/m, Socke/n/f sock chaussette/f
 Mütze/n/f cap casquette/f, Stiefel/-/m boot botte/f, Anzug/^e/m suit costume/m
 Schal/s/m scarf>scarves écharpe/f, Handschuh/e/m glove gant/m, Gürtel/-/m belt ceinture/f
vehicle: Auto/s/n car voiture/f, Fahrrad/^er/n bicycle vélo/m, Zug/^e/m train train/m
 Boot/e/n boat bateau/m, Schiff/e/n ship navire/m, Motorrad/^er/n motorcycle moto/f
 Lastwagen/-/m lorry camion/m, Traktor/en/m tractor tracteur/m, Flugzeug/e/n aeroplane avion/m
 Straßenbahn/en/f tram tramway/m
instrument: Gitarre/n/f guitar guitare/f, Klavier/e/n piano piano/m, Geige/n/f violin violon/m
 Trommel/n/f drum tambour/m, Flöte/n/f flute flûte/f, Trompete/n/f trumpet trompette/f
opening: Tür/en/f door porte/f, Fenster/-/n window fenêtre/f, Tor/e/n gate portail/m
 Schublade/n/f drawer tiroir/m
building: Haus/^er/n house maison/f, Schule/n/f school école/f, Kirche/n/f church église/f
 Museum>Museen/n museum musée/m, Hotel/s/n hotel hôtel/m, Krankenhaus/^er/n hospital hôpital/m
 Bibliothek/en/f library bibliothèque/f, Theater/-/n theatre théâtre/m
 Restaurant/s/n restaurant restaurant/m, Fabrik/en/f factory usine/f, Büro/s/n office bureau/m
 Geschäft/e/n shop magasin/m, Turm/^e/m tower tour/f, Schloss/^er/n castle château/m
 Bäckerei/en/f bakery boulangerie/f, Apotheke/n/f pharmacy pharmacie/f
room: Küche/n/f kitchen cuisine/f, Keller/-/m cellar cave/f, Garten/^/m garden jardin/m
 Zimmer/-/n room chambre/f, Wohnung/en/f flat appartement/m, Garage/n/f garage garage/m
 Bad/^er/n bathroom salle_de_bain>salles_de_bain/f, Werkstatt/^en/f workshop atelier/m
 Stall/^e/m stable écurie/f
outside: Park/s/m park parc/m, Stadt/^e/f town ville/f, Dorf/^er/n village village/m
 Wald/^er/m forest forêt/f, Tal/^er/n valley vallée/f, Hafen/^/m harbour port/m
spot: Bahnhof/^e/m station gare/f, Flughafen/^/m airport aéroport/m, Strand/^e/m beach plage/f
 Bushaltestelle/n/f bus_stop arrêt_de_bus>arrêts_de_bus/m, Eingang/^e/m entrance entrée/f
ground: Marktplatz/^e/m market_square place_du_marché>places_du_marché/f, Straße/n/f street rue/f
 Brücke/n/f bridge pont/m, Platz/^e/m square place/f, Wiese/n/f lawn pelouse/f
 Berg/e/m mountain montagne/f, Insel/n/f island île/f
landmark: Baum/^e/m tree arbre/m, Brunnen/-/m fountain fontaine/f, Mauer/n/f wall mur/m
 Zaun/^e/m fence clôture/f, Denkmal/^er/n monument monument/m, Zelt/e/n tent tente/f
event: Prüfung/en/f exam examen/m, Konzert/e/n concert concert/m
 Besprechung/en/f meeting réunion/f, Fest/e/n party fête/f, Film/e/m film film/m
 Reise/n/f journey voyage/m, Spiel/e/n game match>matchs/m, Krieg/e/m war guerre/f
 Hochzeit/en/f wedding mariage/m, Unterricht/0/m lesson cours/m, Pause/n/f break pause/f
 Abendessen/-/n dinner dîner/m, Ausflug/^e/m excursion excursion/f
"""


@dataclass(frozen=True)
class Noun:
    """A noun in three languages."""

    de: str
    de_plural: str
    gender: str
    weak: bool
    en: str
    en_plural: str
    fr: str
    fr_plural: str
    fr_gender: str
    kind: str

    @property
    def mass(self) -> bool:
        """Whether the noun has no plural."""
        return not self.de_plural

    @property
    def human(self) -> bool:
        """Whether the noun names a human being."""
        return self.kind in ("job", "person")


def parse_noun(entry: str, kind: str) -> Noun:
    """Read one noun entry."""
    german, english, french = entry.split(" ")
    parts = german.split("/")
    de, de_plural = split_irregular(parts[0])
    if not de_plural and parts[1] != "0" and len(parts) == 3:
        stem = umlaut(de) if parts[1].startswith("^") else de
        de_plural = stem + parts[1].lstrip("^").rstrip("-")
    en, en_plural = split_irregular(english)
    fr, fr_plural = split_irregular(french.split("/")[0])
    gender = parts[-1]
    return Noun(
        de,
        de_plural,
        "m" if gender == "w" else gender,
        gender == "w",
        en,
        en_plural or english_plural(en),
        fr,
        fr_plural or french_plural(fr),
        french.split("/")[1],
        kind,
    )


NOUNS: dict[str, list[Noun]] = {
    kind: [parse_noun(entry, kind) for entry in entries] for kind, entries in sections(NOUN_TABLE)
}
NOUNS["human"] = NOUNS["job"] + NOUNS["person"]
