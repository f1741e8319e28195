"""Small helpers that know nothing of translation."""
