"""Checks of an option's value, which name its flag."""

from collections.abc import Collection

from fairseq_l2rw.utils.errors import InputError


def one_of(flag: str, value: str, known: Collection[str]) -> None:
    """Raise ``InputError`` unless a value is among those known."""
    if value not in known:
        raise InputError(f"unknown {flag} {value!r}; known: {', '.join(known)}")


def at_least(bound: float, flag: str, value: float) -> None:
    """Raise ``InputError`` for a value that is smaller, or no number."""
    if not value >= bound:
        raise InputError(f"{flag} must be at least {bound}, got {value}")
