"""The words of the little German-English-French language, as tables, and how each word inflects.

The tables are text so that they can be read and extended at a glance. Regular forms follow rules;
only what the rules get wrong is listed. Notation:

* noun     ``German/plural/gender English French/gender``. Plural: ``-`` none added, ``e``, ``er``,
  ..., ``^`` umlaut, ``0`` no plural (a mass noun). Gender ``w`` is a weak masculine (*den Jungen*).
  ``child>children`` and ``cheval>chevaux`` list an irregular plural.
* verb     ``German English French``. ``|`` separable prefix, ``*`` inseparable prefix
 ``+s`` perfect
  with *sein*, ``+dat`` dative object, ``+auf.a`` prepositional object; French ``+de``, ``se_``.
* adjective ``German English French``. ``^`` umlaut in the comparative, ``<`` before the French
  noun, ``>`` an irregular form (German comparative, French feminine).

An underscore stands for a space inside a word group.
"""

# ruff: noqa: SIM905  (lists of words are easier to read as text)
from __future__ import annotations

from dataclasses import dataclass

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

# subjects > objects [!: stative, so no progressive and no adverb of manner]
VERB_TABLE = """
human > -: arbeiten work travailler, lachen laugh rire, weinen cry pleurer, tanzen dance danser
 singen sing chanter, warten wait attendre, lächeln smile sourire, kochen cook cuisiner
 träumen dream rêver, rauchen smoke fumer, schreien scream crier, zeichnen draw dessiner
 auf|stehen+s get_up se_lever, an|kommen+s arrive arriver, zurück|kommen+s come_back revenir
 nach|denken think_hard réfléchir, ein|kaufen go_shopping faire_les_courses
 auf|räumen tidy_up faire_le_ménage, fern|sehen watch_television regarder_la_télévision
 wandern+s hike faire_de_la_randonnée, klatschen clap applaudir, beten pray prier
 lernen study étudier, streiken go_on_strike faire_grève
 frühstücken have_breakfast prendre_le_petit_déjeuner, husten cough tousser, reden talk parler
 schweigen keep_silent se_taire, lügen lie mentir, telefonieren make_a_phone_call téléphoner
 diskutieren debate débattre
human animal > -: schlafen sleep dormir, spielen play jouer, auf|wachen+s wake_up se_réveiller
 ein|schlafen+s fall_asleep se_endormir, schwimmen+s swim nager, weg|laufen+s run_away se_enfuir
 zittern tremble trembler, springen+s jump sauter, essen eat manger
human > human: treffen meet rencontrer, be*suchen visit rendre_visite+à, an|rufen call appeler
 fragen ask interroger, grüßen greet saluer, ein|laden invite inviter, suchen look_for chercher
 be*gleiten accompany accompagner, ab|holen pick_up aller_chercher, um*armen hug embrasser
 unter*stützen support soutenir, über*raschen surprise surprendre, stören disturb déranger
 warnen warn avertir, loben praise féliciter, kritisieren criticise critiquer
 aus|lachen laugh_at se_moquer+de, retten save sauver, helfen+dat help aider
 danken+dat thank remercier, gratulieren+dat congratulate féliciter
 zu|hören+dat listen_to écouter, antworten+dat answer répondre+à, folgen+s+dat follow suivre
 zu|stimmen+dat agree_with approuver, wider*sprechen+dat contradict contredire
 warten+auf.a wait_for attendre, sprechen+mit.d speak_to parler+à
 lachen+über.a laugh_about rire+de, streiten+mit.d argue_with se_disputer+avec
human > human!: kennen know connaître, mögen like apprécier, lieben love aimer
 hassen hate détester, ver*trauen+dat trust faire_confiance+à, brauchen need avoir_besoin+de
 ver*stehen understand comprendre, be*wundern admire admirer, denken+an.a think_of penser+à
human animal > human animal: be*obachten watch observer, wecken wake réveiller
 hören hear entendre, sehen see voir, finden find trouver, er*kennen recognise reconnaître
human > animal: füttern feed nourrir, streicheln stroke caresser, fangen catch attraper
 fotografieren photograph photographier, zeichnen draw dessiner, ver*kaufen sell vendre
 waschen wash laver
animal > animal: jagen hunt chasser, fressen eat manger, ver*folgen pursue poursuivre
 beißen bite mordre
human > food massfood: essen eat manger, kaufen buy acheter, schneiden cut couper
 probieren taste goûter, be*stellen order commander, mit|bringen bring_along apporter
 holen fetch aller_chercher
human > food: zählen count compter, schälen peel éplucher, braten fry faire_frire
 kochen cook cuire, backen bake cuire
human > drink: trinken drink boire, be*stellen order commander, kaufen buy acheter
 holen fetch aller_chercher, ver*schütten spill renverser, ein|gießen pour_out verser
 probieren taste goûter
human > text: lesen read lire, schreiben write écrire, vor|lesen read_out lire
 über*setzen translate traduire, kopieren copy copier, vor|be*reiten prepare préparer
 ver*öffentlichen publish publier, aus|drucken print_out imprimer, zer*reißen tear_up déchirer
 unter*schreiben sign signer, korrigieren correct corriger, weg|werfen throw_away jeter
 er*halten receive recevoir
human > topic: er*klären explain expliquer, ver*gessen forget oublier
 diskutieren+über.a talk_about parler+de, be*sprechen discuss discuter
 nach|denken+über.a think_about réfléchir+à, sprechen+über.a speak_about parler+de
 finden find trouver, er*wähnen mention mentionner, ab|lehnen reject rejeter
 prüfen examine examiner
human > topic!: ver*stehen understand comprendre, kennen know connaître
human > thing clothes: kaufen buy acheter, ver*kaufen sell vendre, ver*lieren lose perdre
 finden find trouver, suchen look_for chercher, tragen carry porter, ver*stecken hide cacher
 holen fetch aller_chercher, mit|nehmen take_along emporter, mit|bringen bring_along apporter
 zurück|geben give_back rendre, stehlen steal voler, ein|packen pack emballer
 aus|wählen choose choisir, weg|werfen throw_away jeter, auf|heben pick_up ramasser
 be*zahlen pay_for payer, waschen wash laver, um|tauschen exchange échanger
 ver*gessen forget oublier, teilen share partager, malen paint peindre, zeichnen draw dessiner
human > thing vehicle instrument: be*nutzen use utiliser, reparieren repair réparer
 putzen clean nettoyer, mieten rent louer, ver*kaufen sell vendre, be*trachten look_at regarder
 zer*stören destroy détruire
human > thing clothes vehicle!: brauchen need avoir_besoin+de, be*sitzen own posséder
 wollen want vouloir
human > clothes: an|ziehen put_on mettre, aus|ziehen take_off enlever, tragen wear porter
 bügeln iron repasser, an|probieren try_on essayer, nähen sew coudre
 auf|hängen hang_up accrocher
human > vehicle: fahren drive conduire, kaufen buy acheter, waschen wash laver
 an|halten stop arrêter, lenken steer conduire, bauen build construire, parken park garer
human > instrument: spielen play jouer+de, stimmen tune accorder, üben practise pratiquer
human > opening: öffnen open ouvrir, schließen close fermer, auf|machen open ouvrir
 zu|machen close fermer, putzen clean nettoyer, streichen paint peindre
 ab|schließen lock fermer_à_clé
human > building: bauen build construire, ver*lassen leave quitter, be*sichtigen visit visiter
 renovieren renovate rénover, zeichnen draw dessiner, er*reichen reach atteindre
 be*treten enter entrer+dans
human > event: organisieren organise organiser, planen plan planifier, be*ginnen begin commencer
 ver*schieben postpone reporter, vor|be*reiten prepare préparer, ab|sagen cancel annuler
 ver*passen miss manquer
"""
GIVE_TABLE = """
thing clothes text: geben give donner, zeigen show montrer, schenken give offrir
 schicken send envoyer, bringen bring apporter, leihen lend prêter, ver*kaufen sell vendre
 empfehlen+to recommend+to recommander, zurück|geben give_back+to rendre
 über*reichen hand remettre, an|bieten offer proposer
topic: er*klären explain+to expliquer, er*zählen tell raconter, ver*raten reveal+to révéler
 be*schreiben describe+to décrire, vor|stellen present+to présenter
food drink: geben give donner, bringen bring apporter, an|bieten offer offrir
 servieren serve servir
"""
MOTION_TABLE = """
human: gehen+s go aller, reisen+s travel voyager, zurück|kehren+s return retourner
 kommen+s come venir, mit|kommen+s come_along venir, laufen+s run courir
 eilen+s hurry se_précipiter
"""
INFINITIVE_TABLE = """
human: ver*suchen try essayer+de, hoffen hope espérer, ver*gessen forget oublier+de
 be*schließen decide décider+de, an|fangen start commencer+à, planen plan prévoir+de
 ver*sprechen promise promettre+de, an|bieten offer proposer+de
"""
THAT_TABLE = """
human: glauben believe croire, sagen say dire, wissen know savoir, hoffen hope espérer
 denken think penser, hören hear entendre_dire, ver*gessen forget oublier
 er*klären explain expliquer, be*haupten claim affirmer, er*zählen say raconter
 be*merken notice remarquer, fühlen feel sentir
"""
WEATHER_TABLE = "weather: regnen rain pleuvoir, schneien snow neiger"

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

MEN = """
Peter Thomas Michael Stefan Andreas Jan Paul Felix Lukas Jonas Max Tim David Daniel Simon Martin
Frank Klaus Jürgen Wolfgang Erik Florian Sebastian Tobias Moritz Emil Oskar Anton Karl Otto Robert
""".split()
WOMEN = """
Anna Maria Julia Laura Lena Sophie Emma Mia Hannah Lisa Sarah Katharina Claudia Petra Sabine
Monika Eva Nina Clara Paula Ida Frieda Greta Marta Helga Ingrid Susanne Birgit Johanna Charlotte
""".split()
CITIES = """
Berlin=Berlin=Berlin, München=Munich=Munich, Köln=Cologne=Cologne, Wien=Vienna=Vienne
Hamburg=Hamburg=Hambourg, Nürnberg=Nuremberg=Nuremberg, Rom=Rome=Rome, Mailand=Milan=Milan
Paris=Paris=Paris, Straßburg=Strasbourg=Strasbourg, Brüssel=Brussels=Bruxelles
Zürich=Zurich=Zurich, Genf=Geneva=Genève, Prag=Prague=Prague, Warschau=Warsaw=Varsovie
Moskau=Moscow=Moscou, London=London=Londres, Athen=Athens=Athènes, Lissabon=Lisbon=Lisbonne
Kopenhagen=Copenhagen=Copenhague, Florenz=Florence=Florence, Venedig=Venice=Venise
Dresden=Dresden=Dresde, Leipzig=Leipzig=Leipzig, Frankfurt=Frankfurt=Francfort, Basel=Basel=Bâle
"""
COUNTRIES = """
Frankreich=France=France, Italien=Italy=Italie, Spanien=Spain=Espagne, Polen=Poland=Pologne
Deutschland=Germany=Allemagne, Österreich=Austria=Autriche, Schweden=Sweden=Suède
Norwegen=Norway=Norvège, Griechenland=Greece=Grèce, Irland=Ireland=Irlande
England=England=Angleterre, Schottland=Scotland=Écosse, Belgien=Belgium=Belgique
China=China=Chine, Indien=India=Inde, Ägypten=Egypt=Égypte, Finnland=Finland=Finlande
"""

# German=English=French
TIMES = {
    "past": """
gestern=yesterday=hier, vorgestern=the day before yesterday=avant-hier
letzte Woche=last week=la semaine dernière, letztes Jahr=last year=l'année dernière
letzten Monat=last month=le mois dernier, gestern Abend=yesterday evening=hier soir
heute Morgen=this morning=ce matin, letzten Sommer=last summer=l'été dernier
""",
    "present": """
jeden Tag=every day=tous les jours, jeden Morgen=every morning=tous les matins
jeden Abend=every evening=tous les soirs, jede Woche=every week=toutes les semaines
jedes Jahr=every year=tous les ans, am Wochenende=at the weekend=le week-end
heute=today=aujourd'hui, jeden Nachmittag=every afternoon=tous les après-midi
""",
    "future": """
morgen=tomorrow=demain, übermorgen=the day after tomorrow=après-demain, bald=soon=bientôt
nächste Woche=next week=la semaine prochaine, nächstes Jahr=next year=l'année prochaine
nächsten Monat=next month=le mois prochain, morgen früh=tomorrow morning=demain matin
morgen Abend=tomorrow evening=demain soir, heute Abend=this evening=ce soir
""",
    "any": """
am Montag=on Monday=lundi, am Dienstag=on Tuesday=mardi, am Mittwoch=on Wednesday=mercredi
am Donnerstag=on Thursday=jeudi, am Freitag=on Friday=vendredi, am Samstag=on Saturday=samedi
am Sonntag=on Sunday=dimanche, am Morgen=in the morning=le matin
am Nachmittag=in the afternoon=l'après-midi, am Abend=in the evening=le soir
in der Nacht=at night=la nuit, im Januar=in January=en janvier, im Februar=in February=en février
im März=in March=en mars, im April=in April=en avril, im Mai=in May=en mai
im Juni=in June=en juin, im Juli=in July=en juillet, im August=in August=en août
im September=in September=en septembre, im Oktober=in October=en octobre
im November=in November=en novembre, im Dezember=in December=en décembre
im Sommer=in summer=en été, im Winter=in winter=en hiver, im Herbst=in autumn=en automne
im Frühling=in spring=au printemps, an Weihnachten=at Christmas=à Noël
""",
    "often": """
oft=often=souvent, immer=always=toujours, manchmal=sometimes=parfois, selten=rarely=rarement
normalerweise=usually=d'habitude, gewöhnlich=generally=généralement
""",
}
MANNERS = """
langsam=slowly=lentement, schnell=quickly=rapidement, vorsichtig=carefully=prudemment
fröhlich=cheerfully=joyeusement, ruhig=calmly=calmement, geduldig=patiently=patiemment
heimlich=secretly=en secret, aufmerksam=attentively=attentivement
ungeduldig=impatiently=impatiemment, leise=quietly=doucement, sorgfältig=thoroughly=soigneusement
widerwillig=reluctantly=à contrecœur
"""
COMMENTS = """
leider=unfortunately=malheureusement, zum Glück=fortunately=heureusement
natürlich=of course=bien sûr, wahrscheinlich=probably=sans aucun doute
plötzlich=suddenly=soudain, trotzdem=nevertheless=pourtant, deshalb=therefore=par conséquent
endlich=at last=enfin, tatsächlich=indeed=en effet, außerdem=besides=de plus
schließlich=finally=finalement, danach=afterwards=ensuite
"""
CONJUNCTIONS = "weil=because=parce que, obwohl=although=même si, während=while=pendant que"
DEGREES = "sehr=very=très, ziemlich=quite=assez, zu=too=trop, wirklich=really=vraiment"
LINKS = "und=and=et, aber=but=mais, denn=for=car"

# key: person, plural, German (nominative accusative dative possessive), English (subject object
# possessive), French (subject, direct, indirect), German and French gender
PRONOUN_TABLE = """
ich 1 0 ich mich mir mein I me my je me me m
du 2 0 du dich dir dein you you your tu te te m
er 3 0 er ihn ihm sein he him his il le lui m
sie 3 0 sie sie ihr ihr she her her elle la lui f
es 3 0 es es ihm sein it it its il le lui n
wir 1 1 wir uns uns unser we us our nous nous nous m
ihr 2 1 ihr euch euch euer you you your vous vous vous m
sie_pl 3 1 sie sie ihnen ihr they them their ils les leur m
Sie 3 1 Sie Sie Ihnen Ihr you you your vous vous vous m
"""
# German infinitive: English, French infinitive
MODALS = {
    "können": ("can", "pouvoir"),
    "müssen": ("have to", "devoir"),
    "wollen": ("want to", "vouloir"),
    "dürfen": ("be allowed to", "avoir_le_droit_de"),
    "möchten": ("would like to", "vouloir"),
}
GERMAN_PRESENT_FULL = {
    "sein": "bin bist ist sind seid sind".split(),
    "haben": "habe hast hat haben habt haben".split(),
    "werden": "werde wirst wird werden werdet werden".split(),
    "möchten": "möchte möchtest möchte möchten möchtet möchten".split(),
}


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


@dataclass(frozen=True)
class Verb:
    """A verb in three languages, with what it asks of its object."""

    prefix: str  # separable
    attached: str  # inseparable prefix
    base: str
    perfect: str  # haben or sein
    de_case: str
    de_prep: str
    en: tuple[str, ...]
    en_to: bool
    fr: tuple[str, ...]
    fr_prep: str
    reflexive: bool  # in French

    @property
    def infinitive(self) -> str:
        """The German infinitive."""
        return self.prefix + self.attached + self.base


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


@dataclass(frozen=True)
class Frame:
    """Which subjects and objects a group of verbs takes."""

    verbs: tuple[Verb, ...]
    subjects: tuple[str, ...]
    objects: tuple[str, ...]
    stative: bool


@dataclass(frozen=True)
class Pronoun:
    """A personal pronoun; `de` holds nominative, accusative, dative and possessive."""

    person: int
    plural: bool
    de: tuple[str, ...]
    en: tuple[str, ...]
    fr: tuple[str, ...]
    gender: str


def cells(table: str) -> list[str]:
    """Return the entries of a table: separated by commas or line ends."""
    return [cell.strip() for cell in table.replace("\n", ",").split(",") if cell.strip()]


def triples(table: str) -> list[tuple[str, str, str]]:
    """Return the `German=English=French` entries of a table."""
    return [(a, b, c) for a, b, c in (cell.split("=") for cell in cells(table))]


def sections(table: str) -> list[tuple[str, list[str]]]:
    """Split a table into (header, entries); a header line is not indented and ends in a colon."""
    found: list[tuple[str, list[str]]] = []
    for line in table.strip("\n").split("\n"):
        if not line.startswith(" "):
            header, line = line.split(":", 1)
            found.append((header, []))
        found[-1][1].extend(cells(line))
    return found


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


def split_irregular(entry: str) -> tuple[str, str]:
    """Split `form>irregular`, with underscores as spaces; the second part may be empty."""
    form, _, other = entry.replace("_", " ").partition(">")
    return form, other


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


def parse_verb(entry: str) -> Verb:
    """Read one verb entry."""
    german, english, french = entry.split(" ")
    word, *flags = german.split("+")
    prefix, _, rest = word.rpartition("|")
    attached, _, base = rest.rpartition("*")
    prep = next((flag for flag in flags if "." in flag), "")
    case = {"": "acc", "a": "acc", "d": "dat"}[prep.partition(".")[2]]
    en, _, to = english.partition("+")
    fr, _, fr_prep = french.partition("+")
    return Verb(
        prefix=prefix,
        attached=attached,
        base=base,
        perfect="sein" if "s" in flags else "haben",
        de_case="dat" if "dat" in flags else case,
        de_prep=prep.partition(".")[0],
        en=tuple(en.split("_")),
        en_to=bool(to),
        fr=tuple(fr.removeprefix("se_").split("_")),
        fr_prep=fr_prep,
        reflexive=fr.startswith("se_"),
    )


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


def parse_frames(table: str) -> list[Frame]:
    """Read a verb table."""
    frames = []
    for header, entries in sections(table):
        subjects, _, objects = header.partition(" > ")
        verbs = tuple(parse_verb(entry) for entry in entries)
        names = tuple(objects.rstrip("!").replace("-", "").split())
        frames.append(Frame(verbs, tuple(subjects.split()), names, objects.endswith("!")))
    return frames


def parse_pronouns() -> dict[str, Pronoun]:
    """Read the pronoun table."""
    found = {}
    for line in PRONOUN_TABLE.strip().split("\n"):
        key, person, plural, *rest = line.split()
        found[key] = Pronoun(
            int(person),
            plural == "1",
            tuple(rest[:4]),
            tuple(rest[4:7]),
            tuple(rest[7:10]),
            rest[10],
        )
    return found


NOUNS: dict[str, list[Noun]] = {
    kind: [parse_noun(entry, kind) for entry in entries] for kind, entries in sections(NOUN_TABLE)
}
NOUNS["human"] = NOUNS["job"] + NOUNS["person"]
ADJECTIVES: dict[str, list[Adjective]] = {
    kind.rstrip("~"): [parse_adjective(entry, not kind.endswith("~")) for entry in entries]
    for kind, entries in sections(ADJECTIVE_TABLE)
}
VERBS = parse_frames(VERB_TABLE)
GIVING = [
    Frame(frame.verbs, ("human",), frame.subjects, False) for frame in parse_frames(GIVE_TABLE)
]
MOTION = parse_frames(MOTION_TABLE)[0].verbs
INFINITIVE_VERBS = parse_frames(INFINITIVE_TABLE)[0].verbs
THAT_VERBS = parse_frames(THAT_TABLE)[0].verbs
WEATHER = parse_frames(WEATHER_TABLE)[0].verbs
BE = parse_verb("sein+s be être")
EXIST = parse_verb("geben be avoir")
PRONOUNS = parse_pronouns()
_GERMAN = {entry.split()[0]: entry.split()[1:] for entry in cells(GERMAN_IRREGULAR)}
_ENGLISH = dict(entry.split() for entry in cells(ENGLISH_PAST))
_FRENCH = {entry.split()[0]: entry.split()[1:] for entry in cells(FRENCH_IRREGULAR)}


def vowel_groups(word: str) -> int:
    """Count the groups of vowels, a stand-in for syllables."""
    return sum(
        letter in "aeiouyäöü" and (at == 0 or word[at - 1].lower() not in "aeiouyäöü")
        for at, letter in enumerate(word.lower())
    )


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


def english_verb(words: tuple[str, ...], form: str) -> list[str]:
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
