"""The contract of a format in which weights are exported."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from fairseq_l2rw.text.files import replaced
from fairseq_l2rw.text.pieces import Splitter


@dataclass(frozen=True)
class Line:
    """A line of the training text.

    Attributes:
        number: from 0.
        source, target: its sentences.
        weight: finite and not negative; 0 where it has none.
        factors: of the weight, by name.
        why: the name of the factor that says most against it.
        kept: whether it is selected.
        tokens: weights of the target's pieces and of its end, where the run has any.
    """

    number: int
    source: str
    target: str
    weight: float
    factors: dict[str, float]
    why: str
    kept: bool
    tokens: Sequence[float] | None = None

    @property
    def texts(self) -> list[str]:
        """Source and target as cells of a table: a tab within them is a blank."""
        return [text.replace("\t", " ") for text in (self.source, self.target)]

    @property
    def cells(self) -> list[str]:
        """Factors, source and target as cells of a table."""
        return [*(f"{x:.4g}" for x in self.factors.values()), *self.texts]


@dataclass(frozen=True)
class Setting:
    """What is the same for all lines.

    Attributes:
        folder: to write to.
        languages: source and target.
        splitter: makes pieces of the target, for weights of pieces.
        factors: their names.
        thresholds: weights from which on a line is clean, and from which on it is medium.
    """

    folder: Path
    languages: tuple[str, str]
    splitter: Callable[[], Splitter]
    factors: Sequence[str]
    thresholds: tuple[float, float] = (0.8, 0.3)


class Format:
    """Writes all lines in one format; complete when the ``with`` block ends without an error."""

    help: ClassVar[str] = ""  # what it writes, in a line
    reads_tokens: ClassVar[bool] = False  # whether it needs weights of tokens

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._stack = ExitStack()

    def __enter__(self) -> "Format":
        self._stack.__enter__()
        self.open()
        return self

    def __exit__(self, *error: Any) -> bool | None:
        if error[0] is None:
            self.close()
        return self._stack.__exit__(*error)

    def file(self, name: str) -> Any:
        """A file to write in the folder."""
        return self._stack.enter_context(replaced(self.setting.folder / name))

    def open(self) -> None:
        """Before the first line."""

    def add(self, line: Line) -> None:
        """Write a line."""
        raise NotImplementedError

    def close(self) -> None:
        """After the last line."""

    def usage(self) -> str:
        """How to use what was written, in a line or a few."""
        raise NotImplementedError
