"""Adverbs and other fixed phrases."""

from __future__ import annotations

from language.tables import triples

# German=English=French
TIME_TABLES = {
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
TIMES = {tense: triples(table) for tense, table in TIME_TABLES.items()}
UNITS = triples("Tagen=days=jours, Wochen=weeks=semaines, Monaten=months=mois, Jahren=years=ans")
MANNERS = triples("""
langsam=slowly=lentement, schnell=quickly=rapidement, vorsichtig=carefully=prudemment
fröhlich=cheerfully=joyeusement, ruhig=calmly=calmement, geduldig=patiently=patiemment
heimlich=secretly=en secret, aufmerksam=attentively=attentivement
ungeduldig=impatiently=impatiemment, leise=quietly=doucement, sorgfältig=thoroughly=soigneusement
widerwillig=reluctantly=à contrecœur
""")
COMMENTS = triples("""
leider=unfortunately=malheureusement, zum Glück=fortunately=heureusement
natürlich=of course=bien sûr, wahrscheinlich=probably=sans aucun doute
plötzlich=suddenly=soudain, trotzdem=nevertheless=pourtant, deshalb=therefore=par conséquent
endlich=at last=enfin, tatsächlich=indeed=en effet, außerdem=besides=de plus
schließlich=finally=finalement, danach=afterwards=ensuite
""")
DEGREES = triples("sehr=very=très, ziemlich=quite=assez, zu=too=trop, wirklich=really=vraiment")
