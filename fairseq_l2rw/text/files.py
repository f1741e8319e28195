"""Text files with one sentence a line, plain or compressed by suffix; ``-`` is stdin or stdout.

Only a line feed ends a line. Python's default also ends lines at carriage returns, and
``str.splitlines`` at form feeds and Unicode separators: either would shift every later line against
its translation.
"""

import hashlib
import io
import lzma
import sys
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

import xopen

from fairseq_l2rw.utils.complete_files import completed
from fairseq_l2rw.utils.errors import InputError

#: What xopen knows by its suffix.
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
#: What reading a broken file raises.
BROKEN = (OSError, EOFError, lzma.LZMAError, zlib.error, xopen.zstd.ZstdError)


@contextmanager
def _standard(stream: Any) -> Iterator[IO[str]]:
    """A standard stream as UTF-8 text whose lines end at line feeds, left open."""
    text = io.TextIOWrapper(stream.buffer, "utf-8", newline="\n")
    try:
        yield text
    finally:
        text.detach()  # or it would be closed with the wrapper


def opened(path: str | Path, mode: str = "r") -> AbstractContextManager[IO[str]]:
    """A text file to read (``r``), write (``w``) or append to (``a``).

    Raises:
        InputError: when it cannot be opened.
    """
    if str(path) == "-":
        return _standard(sys.stdin if mode == "r" else sys.stdout)
    try:
        if mode != "r":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        way: Any = mode + "t"
        return xopen.xopen(path, way, encoding="utf-8", newline="\n", threads=0)
    except FileNotFoundError:
        raise InputError(f"missing file: {path}") from None
    except OSError as error:
        raise InputError(f"cannot open {path}: {error.strerror or error}") from None


def lines(path: str | Path) -> Iterator[str]:
    """The lines of a file, without their ends.

    Raises:
        InputError: when it is missing, broken, or no UTF-8 text.
    """
    number = 0
    with opened(path) as file:
        try:
            for line in file:
                number += 1
                yield line.removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            where = f"{path}, line {number + 1} or soon after it"
            raise InputError(f"{where}: not UTF-8 text ({error.reason})") from None
        except BROKEN as error:
            raise InputError(f"{path}: {error}, after line {number}") from None


def count_lines(path: str | Path) -> int:
    """How many lines a file has."""
    return sum(1 for _ in lines(path))


def one_line(text: str) -> str:
    """A text that fits into a line."""
    return text.replace("\r", " ").replace("\n", " ")


def is_device(path: str | Path) -> bool:
    """Whether it is no plain file (``-``, a pipe, a device), and must not be replaced by one."""
    return str(path) == "-" or (Path(path).exists() and not Path(path).is_file())


@contextmanager
def replaced(path: str | Path) -> Iterator[IO[str]]:
    """Write text as ``completed`` does, but to a device as it comes."""
    if is_device(path):
        with opened(path, "w") as file:
            yield file
        return
    with completed(Path(path)) as unfinished, opened(unfinished, "w") as file:
        yield file


def digest(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
