"""A small grammar of German and English.

`lexicon.txt` has the words, `words` reads them, `structure` is a sentence in neither language,
`sampling` draws one, `german` and `english` say it, and `text` writes it down.
"""
