"""Raw text to fairseq's binary format, keeping every line in its place."""

from __future__ import annotations

import shutil
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sentencepiece

from lines import read_lines, read_numbers, read_parallel, write_lines
from steps import Stamp, digest, run, say, short

LABELS = "train.labels"
INDEX_MAGIC = b"MMIDIDX\x00\x00"
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


def train_vocabulary(files: Sequence[Path], model: Path, size: int) -> None:
    """Train one unigram vocabulary for all languages; small corpora may get fewer pieces."""
    try:
        sentencepiece.SentencePieceTrainer.train(
            input=[str(path) for path in files],
            model_prefix=str(model.with_suffix("")),
            vocab_size=size,
            model_type="unigram",
            character_coverage=1.0,
            byte_fallback=False,
            hard_vocab_limit=False,
            num_threads=1,
            minloglevel=2,
        )
    except (RuntimeError, OSError) as error:
        sys.exit(f"no vocabulary of {size} pieces: {error}")


def encode(lines: Iterable[str], model: Path) -> list[str]:
    """Return each line as pieces with blanks between them."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    return [" ".join(processor.encode(line, out_type=str)) for line in lines]


def preprocess_command(settings: Settings, pieces: Path) -> list[str]:
    """Return the `fairseq-preprocess` command; its second validation set is the meta set."""
    return [
        "fairseq-preprocess",
        *("--source-lang", settings.source, "--target-lang", settings.target),
        *("--trainpref", short(pieces / "train")),
        *("--validpref", f"{short(pieces / 'valid')},{short(pieces / 'meta')}"),
        *("--testpref", short(pieces / "test")),
        *("--destdir", short(settings.out), "--joined-dictionary", "--workers", "1"),
    ]


def name_meta(out: Path) -> None:
    """Give fairseq's `valid1` its name `meta`.

    Left as `valid1`, it stops fairseq-train: a validation set that nobody asked it to ignore.
    """
    for path in sorted(out.glob("valid1.*")):
        path.replace(path.with_name(path.name.replace("valid1", "meta", 1)))


def count_sentences(index: Path) -> int:
    """Return the number of sentences in an `.idx` file of fairseq's mmap format."""
    head = index.read_bytes()[:26]
    if not head.startswith(INDEX_MAGIC):
        sys.exit(f"{index} is not an index of fairseq's mmap format")
    _version, _dtype, count = struct.unpack("<QBQ", head[len(INDEX_MAGIC) :])
    return int(count)


def check_lines(settings: Settings, expected: Mapping[str, int]) -> None:
    """Leave if a binary split does not hold exactly as many sentences as its text has lines."""
    pair = "-".join(settings.languages)
    for split, count in expected.items():
        for language in settings.languages:
            found = count_sentences(settings.out / f"{split}.{pair}.{language}.idx")
            if found != count:
                name = f"{settings.out}: {split}.{language}"
                sys.exit(f"{name} has {found} sentences, the text has {count}")


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


def write_pieces(settings: Settings, split: str, pieces: Path, rows: Sequence[int] | None) -> int:
    """Encode the given rows of a split, by default all; return how many there are."""
    texts = read_parallel(settings.data / split, settings.languages)
    if rows is None:
        rows = range(len(texts[settings.source]))
    for language in settings.languages:
        kept = [texts[language][row] for row in rows]
        write_lines(pieces / f"{split}.{language}", encode(kept, settings.out / "spm.model"))
    return len(rows)


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
    for leftover in settings.out.glob("dict.*.txt"):  # fairseq-preprocess refuses to overwrite them
        leftover.unlink()
    say(f"binarize: vocabulary of at most {settings.vocab} pieces from the train text")
    # The vocabulary is that of the noisy text also when only a part is kept: runs stay comparable.
    train = [settings.data / f"train.{language}" for language in settings.languages]
    train_vocabulary(train, settings.out / "spm.model", settings.vocab)
    pieces = settings.out / "pieces"
    counts = {
        split: write_pieces(settings, split, pieces, rows if split == "train" else None)
        for split in SPLITS
    }
    run(preprocess_command(settings, pieces), settings.out / "binarize.log")
    name_meta(settings.out)
    check_lines(settings, counts)
    if labels is not None:
        write_lines(settings.out / LABELS, (labels[row] for row in rows))
    shutil.rmtree(pieces)
    stamp.finish()
    say(f"binarize: {short(settings.out)} holds {counts}")
