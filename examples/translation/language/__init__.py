"""A small language in German, English and French, for the built-in corpus.

An abstract sentence (`structure`) is drawn at random (`sampling`) and rendered in each language
(`sentences`, with `german`, `english` and `french`). The words are tables, one module for each part
of speech; `inflection_de`, `inflection_en` and `inflection_fr` know the forms of each word.
"""
