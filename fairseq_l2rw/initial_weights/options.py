"""What initial weights go by: whether a pair is a translation, whether it is of the domain."""

from dataclasses import dataclass

#: What initial weights may go by.
CHOICES = ("quality", "domain", "both")


@dataclass(frozen=True)
class InitialOptions:
    """What initial weights go by.

    Attributes:
        by: ``quality``, ``domain`` or ``both``.
        sharpness: of the domain, see ``fairseq_l2rw.scoring.acceptance.acceptance``.
        tolerance: likewise; twice as much is granted, as of every likeness.
        unit: ``sentence`` or ``token``: what has a weight.
    """

    by: str = "quality"
    sharpness: float = 3.0
    tolerance: float = 1.5
    unit: str = "sentence"

    @property
    def decisive(self) -> "InitialOptions":
        """The same with what makes no difference as it is if nothing is said."""
        return InitialOptions(unit=self.unit) if self.by == "quality" else self
