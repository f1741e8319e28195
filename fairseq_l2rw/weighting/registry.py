"""Weightings by name: what ``--weighting`` finds."""

from collections.abc import Callable
from typing import Any, TypeVar

from fairseq_l2rw.weighting.base import Weighting

W = TypeVar("W", bound=type[Weighting])
_registry: dict[str, type[Weighting]] = {}


def register(name: str) -> Callable[[W], W]:
    """Class decorator: make a weighting available as ``--weighting NAME``.

    Raises:
        ValueError: when the name is taken by another class.
    """

    def add(cls: W) -> W:
        known = _registry.setdefault(name, cls)
        if known is not cls:
            raise ValueError(f"weighting {name!r} is already {known.__module__}.{known.__name__}")
        return cls

    return add


def names() -> list[str]:
    """Names of all registered weightings, sorted."""
    return sorted(_registry)


def find(name: str) -> type[Weighting]:
    """The class of a registered weighting."""
    return _registry[name]


def build(cfg: Any) -> Weighting:
    """The weighting named by ``cfg.weighting``, built with ``cfg``."""
    return find(cfg.weighting)(cfg)
