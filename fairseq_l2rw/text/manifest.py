"""What a folder of binary data was made from: a small file beside it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from fairseq_l2rw.text.files import replaced
from fairseq_l2rw.utils.errors import InputError


@dataclass(frozen=True)
class Manifest:
    """How ``fairseq-l2rw prepare`` made a folder.

    Attributes:
        settings: what decided about the result.
        texts: the files of every split, by fairseq's name of it.
    """

    NAME: ClassVar[str] = "prepare.json"  # its file
    PIECES: ClassVar[str] = "sentencepiece.model"  # the model that split the text

    settings: dict[str, Any]
    texts: dict[str, list[str]]

    def write(self, folder: Path) -> None:
        """Put it into the folder, once all else is there."""
        with replaced(folder / self.NAME) as file:
            json.dump({"settings": self.settings, "texts": self.texts}, file, indent=2)
            file.write("\n")

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """That of a folder.

        Raises:
            InputError: when there is none.
        """
        path = folder / cls.NAME
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls(found["settings"], found["texts"])
        except FileNotFoundError:
            raise InputError(f"{folder} was not made by fairseq-l2rw prepare") from None
        except (json.JSONDecodeError, KeyError, TypeError):
            raise InputError(f"{path} is broken: delete it and prepare the folder again") from None
