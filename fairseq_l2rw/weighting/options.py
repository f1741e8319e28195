"""A weighting's own options: ``--weighting-options NAME=VALUE,...``."""

from dataclasses import field, fields
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fairseq_l2rw.utils.errors import InputError

#: Help of the option ``by``.
BY = (
    "what weights go by: 'quality' (is the pair a translation), 'domain' (is it like the trusted "
    "pairs) or 'both'; turn to 'both' if only text like the trusted pairs is wanted"
)


def option(default: Any, text: str) -> Any:
    """A field of ``Weighting.Options``: its default, which gives its type, and its help."""
    return field(default=default, metadata={"help": text})


def listed(text: str) -> list[str]:
    """The parts of an option that holds several, separated by commas or spaces."""
    return text.replace(",", " ").split()


def parsed(cls: Any, text: str) -> Any:
    """The options of ``--weighting-options`` for a weighting, each of its type.

    Args:
        cls: the weighting.
        text: ``NAME=VALUE`` one or several times, separated by commas or spaces.

    Raises:
        InputError: for an option that the weighting does not have or a value of another type.
    """
    parts = listed(text)
    try:
        if any("=" not in part for part in parts):
            raise InputError(f"--weighting-options {text!r} is not of the form NAME=VALUE")
        found = OmegaConf.merge(OmegaConf.structured(cls.Options), OmegaConf.from_dotlist(parts))
    except OmegaConfBaseException as error:
        known = ", ".join(f"{f.name} ({f.default})" for f in fields(cls.Options)) or "none"
        reason = str(error).splitlines()[0]
        raise InputError(
            f"--weighting-options {text!r}: {reason}; the options of {cls.__name__.lower()} and "
            f"their defaults: {known}"
        ) from None
    return OmegaConf.to_object(found)


def flag_of(name: str) -> str:
    """How an option of a weighting is called where it is refused."""
    return f"--weighting-options {name}"
