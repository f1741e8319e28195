"""Text files with one sentence a line, where line numbers carry meaning."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path


def split_lines(text: str) -> list[str]:
    """Split at line feeds only.

    `str.splitlines` also splits at form feeds and Unicode separators, and Python's default file
    mode at carriage returns: either would shift every later line against its translation.
    """
    rows = text.split("\n")
    return rows[:-1] if rows[-1] == "" else rows


def read_lines(path: Path) -> list[str]:
    """Return the lines of a UTF-8 file."""
    try:
        return split_lines(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        sys.exit(f"missing file: {path}")
    except UnicodeDecodeError as error:
        sys.exit(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}")


def write_lines(path: Path, rows: Iterable[str]) -> None:
    """Write one row a line; a carriage return inside a row becomes a blank, so lines stay lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".unfinished-{path.name}")  # a killed run leaves no half of it
    with unfinished.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(row.replace("\r", " ").replace("\n", " ") + "\n")
    unfinished.replace(path)


def read_numbers(path: Path, lines: int) -> set[int]:
    """Return the line numbers in a file, one a line, counted from 0."""
    rows = read_lines(path)
    wrong = [row for row in rows if not (row.isdecimal() and int(row) < lines)]
    if wrong:
        sys.exit(f"{path}: {wrong[0]!r} is no number of one of the {lines} train lines")
    return {int(row) for row in rows}


def read_parallel(prefix: Path, languages: Iterable[str]) -> dict[str, list[str]]:
    """Return `prefix.LANGUAGE` for every language; files of different lengths are an error."""
    texts = {language: read_lines(Path(f"{prefix}.{language}")) for language in languages}
    lengths = {language: len(rows) for language, rows in texts.items()}
    if len(set(lengths.values())) > 1:
        sys.exit(f"{prefix}: the languages have different numbers of lines: {lengths}")
    return texts
