"""Sentence pairs: the training text and the trusted pairs."""
