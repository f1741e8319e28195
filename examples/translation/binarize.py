"""Raw text, or a part of its lines, to fairseq's binary format."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from fairseq_l2rw.text.pieces import train_pieces
from labels import LABELS
from lines import read_lines, read_numbers, read_parallel, write_lines
from steps import Stamp, digest, run, say, short

SPLITS = ("train", "valid", "meta", "test")


@dataclass(frozen=True)
class Settings:
    """What to binarize and how."""

    data: Path
    out: Path
    vocab: int
    source: str = "de"
    target: str = "en"
    keep: tuple[str, ...] = ()
    lines: Path | None = None

    @property
    def languages(self) -> tuple[str, str]:
        """Source and target."""
        return self.source, self.target


def kept_lines(labels: Sequence[str], keep: Iterable[str]) -> list[int]:
    """Return the numbers of the lines whose label is in `keep`; no `keep` means all lines."""
    wanted = set(keep)
    unknown = wanted - set(labels)
    if unknown:
        known = ", ".join(sorted(set(labels)))
        sys.exit(f"no line is labelled {', '.join(sorted(unknown))}; labels are {known}")
    return [row for row, label in enumerate(labels) if not wanted or label in wanted]


def _input_files(settings: Settings) -> list[Path]:
    texts = [settings.data / f"{split}.{lang}" for split in SPLITS for lang in settings.languages]
    others = (settings.data / LABELS, settings.lines)
    return [*texts, *(path for path in others if path is not None and path.exists())]


def read_labels(settings: Settings, lines: int) -> list[str] | None:
    """Return the label of every train line; None where there are no labels."""
    file = settings.data / LABELS
    if not file.exists():
        if settings.keep:
            sys.exit(f"--keep needs {file}")
        return None
    labels = read_lines(file)
    if len(labels) != lines:
        sys.exit(f"{file} has {len(labels)} lines, the train text has {lines}")
    return labels


def train_rows(settings: Settings, labels: Sequence[str] | None, lines: int) -> list[int]:
    """Return the numbers of the train lines to keep."""
    rows = list(range(lines)) if labels is None else kept_lines(labels, settings.keep)
    if settings.lines is None:
        return rows
    among = read_numbers(settings.lines, lines)
    return [row for row in rows if row in among]


def kept_text(settings: Settings, rows: Sequence[int]) -> list[Path]:
    """Write the kept lines of the train text into the folder; return the files."""
    texts = read_parallel(settings.data / "train", settings.languages)
    files = [settings.out / "kept" / f"train.{language}" for language in settings.languages]
    for file, language in zip(files, settings.languages, strict=True):
        write_lines(file, (texts[language][row] for row in rows))
    return files


def prepare_command(
    settings: Settings, train: Sequence[Path], vocabulary: Sequence[str]
) -> list[str]:
    """Return the `fairseq-l2rw prepare` command; the meta split has the trusted pairs."""
    command = ["fairseq-l2rw", "prepare", "--overwrite", "--out", short(settings.out)]
    command += ["--source-lang", settings.source, "--target-lang", settings.target, *vocabulary]
    command += ["--train", *map(short, train)]
    for flag, split in (("--trusted", "meta"), ("--valid", "valid"), ("--test", "test")):
        files = [settings.data / f"{split}.{language}" for language in settings.languages]
        command += [flag, *map(short, files)]
    return command


def binarize(settings: Settings) -> None:
    """Make `settings.out`: vocabulary, dictionaries, binary splits, and the labels of its lines."""
    files = _input_files(settings)
    wanted = {
        "vocab": settings.vocab,
        "keep": list(settings.keep),
        "lines": settings.lines is not None,
        "text": digest(files),
    }
    stamp = Stamp(settings.out / "binarize.json", wanted)
    if stamp.done:
        say(f"binarize: {short(settings.out)} is already there")
        return
    total = len(read_lines(settings.data / f"train.{settings.source}"))
    labels = read_labels(settings, total)
    rows = train_rows(settings, labels, total)
    stamp.begin(replace=False)
    train = [settings.data / f"train.{language}" for language in settings.languages]
    vocabulary = ["--pieces", str(settings.vocab)]
    if len(rows) < total:
        # The vocabulary is that of all the text, so that runs stay comparable.
        model = settings.out / "vocabulary.model"
        train_pieces(chain.from_iterable(map(read_lines, train)), settings.vocab, model)
        train, vocabulary = kept_text(settings, rows), ["--sentencepiece", short(model)]
    run(prepare_command(settings, train, vocabulary), settings.out / "binarize.log")
    if labels is not None:
        write_lines(settings.out / LABELS, (labels[row] for row in rows))
    stamp.finish()
    say(f"binarize: {short(settings.out)} holds {len(rows)} of {total} train pairs")
