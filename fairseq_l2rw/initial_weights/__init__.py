"""Weights before training, from the text and the trusted pairs alone."""
