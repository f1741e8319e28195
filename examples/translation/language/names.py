"""Names of people and places."""

# ruff: noqa: SIM905  (lists of words are easier to read as text)
from __future__ import annotations

from language.tables import triples

MEN = """
Peter Thomas Michael Stefan Andreas Jan Paul Felix Lukas Jonas Max Tim David Daniel Simon Martin
Frank Klaus Jürgen Wolfgang Erik Florian Sebastian Tobias Moritz Emil Oskar Anton Karl Otto Robert
""".split()
WOMEN = """
Anna Maria Julia Laura Lena Sophie Emma Mia Hannah Lisa Sarah Katharina Claudia Petra Sabine
Monika Eva Nina Clara Paula Ida Frieda Greta Marta Helga Ingrid Susanne Birgit Johanna Charlotte
""".split()
CITIES = triples("""
Berlin=Berlin=Berlin, München=Munich=Munich, Köln=Cologne=Cologne, Wien=Vienna=Vienne
Hamburg=Hamburg=Hambourg, Nürnberg=Nuremberg=Nuremberg, Rom=Rome=Rome, Mailand=Milan=Milan
Paris=Paris=Paris, Straßburg=Strasbourg=Strasbourg, Brüssel=Brussels=Bruxelles
Zürich=Zurich=Zurich, Genf=Geneva=Genève, Prag=Prague=Prague, Warschau=Warsaw=Varsovie
Moskau=Moscow=Moscou, London=London=Londres, Athen=Athens=Athènes, Lissabon=Lisbon=Lisbonne
Kopenhagen=Copenhagen=Copenhague, Florenz=Florence=Florence, Venedig=Venice=Venise
Dresden=Dresden=Dresde, Leipzig=Leipzig=Leipzig, Frankfurt=Frankfurt=Francfort, Basel=Basel=Bâle
""")
COUNTRIES = triples("""
Frankreich=France=France, Italien=Italy=Italie, Spanien=Spain=Espagne, Polen=Poland=Pologne
Deutschland=Germany=Allemagne, Österreich=Austria=Autriche, Schweden=Sweden=Suède
Norwegen=Norway=Norvège, Griechenland=Greece=Grèce, Irland=Ireland=Irlande
England=England=Angleterre, Schottland=Scotland=Écosse, Belgien=Belgium=Belgique
China=China=Chine, Indien=India=Inde, Ägypten=Egypt=Égypte, Finnland=Finland=Finlande
""")
