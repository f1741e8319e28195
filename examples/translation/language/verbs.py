"""The verbs, grouped by the subjects and objects they take.

An entry is ``German English French``. ``|`` separable prefix, ``*`` inseparable prefix, ``+s``
perfect with *sein*, ``+dat`` dative object, ``+auf.a`` prepositional object; French ``+de``,
``se_``.
"""

from __future__ import annotations

from dataclasses import dataclass

from language.tables import sections

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

# German infinitive: English, French infinitive
MODALS = {
    "können": ("can", "pouvoir"),
    "müssen": ("have to", "devoir"),
    "wollen": ("want to", "vouloir"),
    "dürfen": ("be allowed to", "avoir_le_droit_de"),
    "möchten": ("would like to", "vouloir"),
}


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
class Frame:
    """Which subjects and objects a group of verbs takes."""

    verbs: tuple[Verb, ...]
    subjects: tuple[str, ...]
    objects: tuple[str, ...]
    stative: bool


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


def parse_frames(table: str) -> list[Frame]:
    """Read a verb table."""
    frames = []
    for header, entries in sections(table):
        subjects, _, objects = header.partition(" > ")
        verbs = tuple(parse_verb(entry) for entry in entries)
        names = tuple(objects.rstrip("!").replace("-", "").split())
        frames.append(Frame(verbs, tuple(subjects.split()), names, objects.endswith("!")))
    return frames


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
