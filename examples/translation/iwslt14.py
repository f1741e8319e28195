"""Prepare IWSLT'14 German-English (TED talks), the task of arXiv 2007.04649.

    python iwslt14.py --out RAW --download            # 160,000 pairs, from the original archive
    python iwslt14.py --out RAW --archive de-en.tgz   # the same, from a copy of it
    python iwslt14.py --out RAW --text DIR            # train, valid and test.LANGUAGE, made already

Text is tokenised by sacremoses and lowercased, and pairs that are long or of unequal length are
left out of training, as is usual for this task, so that scores can be compared. Every 23rd line of
the training text is held out; of these the first are the trusted `meta` set, the next `valid`.
"""

from __future__ import annotations

import argparse
import re
import sys
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from download import fetch
from lines import read_lines, split_lines, write_lines

PUBLIC_HOME = "http://dl.fbaipublicfiles.com/fairseq/data/iwslt14/de-en.tgz"
LANGUAGES = ("de", "en")
TESTS = ("dev2010", "dev2012", "tst2010", "tst2011", "tst2012")
HELD_OUT = 23
LONGEST, RATIO = 175, 1.5  # tokens, and tokens of one side over the other
TAGS = re.compile(r"</?(?:title|description)>")
ABOUT = ("<url>", "<talkid>", "<keywords>")
SEGMENT = re.compile(r"<seg id=\"\d+\">(.*)</seg>")
Pair = tuple[str, str]


def training_text(rows: Iterable[str]) -> list[str]:
    """Return the sentences of a tagged training file: lines about a talk go, titles stay."""
    return [TAGS.sub("", row).strip() for row in rows if not any(tag in row for tag in ABOUT)]


def segments(rows: Iterable[str]) -> list[str]:
    """Return the sentences of a test file in XML."""
    return [match[1].strip().replace("’", "'") for match in map(SEGMENT.search, rows) if match]


def tokenised(rows: Sequence[str], language: str) -> list[str]:
    """Return lowercased sentences, tokens with blanks between them, escaped as Moses does."""
    from sacremoses import MosesTokenizer
    from tqdm import tqdm

    tokenizer = MosesTokenizer(lang=language)
    return [
        " ".join(tokenizer.tokenize(row)).lower()
        for row in tqdm(rows, desc=f"tokenise {language}", unit="line", leave=False)
    ]


def fits(pair: Pair) -> bool:
    """Whether a training pair is neither empty, nor long, nor of very unequal length."""
    short, long = sorted(len(side.split()) for side in pair)
    return short > 0 and long <= LONGEST and long <= RATIO * short


def from_archive(path: Path) -> dict[str, list[Pair]]:
    """Return the pairs of train, valid and test from the original archive."""
    try:
        with tarfile.open(path) as archive:
            inside = {Path(m.name).name: m for m in archive.getmembers() if m.isfile()}

            def read(name: str) -> list[str]:
                file = archive.extractfile(inside[name])
                assert file is not None  # only files are inside
                return split_lines(file.read().decode("utf-8"))

            texts = {
                language: (
                    training_text(read(f"train.tags.de-en.{language}")),
                    [
                        row
                        for name in TESTS
                        for row in segments(read(f"IWSLT14.TED.{name}.de-en.{language}.xml"))
                    ],
                )
                for language in LANGUAGES
            }
    except (tarfile.TarError, KeyError, EOFError, OSError) as error:
        sys.exit(f"{path} is not the archive of IWSLT'14 German-English ({error})")
    train, test = (
        list(zip(*(tokenised(texts[lang][part], lang) for lang in LANGUAGES), strict=True))
        for part in (0, 1)
    )
    train = [pair for pair in train if fits(pair)]
    held_out = train[HELD_OUT - 1 :: HELD_OUT]
    kept = [pair for number, pair in enumerate(train, 1) if number % HELD_OUT]
    return {"train": kept, "valid": held_out, "test": test}


def from_text(folder: Path) -> dict[str, list[Pair]]:
    """Return the pairs of train, valid and test from files that are tokenised already."""
    return {
        split: list(
            zip(*(read_lines(folder / f"{split}.{lang}") for lang in LANGUAGES), strict=True)
        )
        for split in ("train", "valid", "test")
    }


def split(pairs: dict[str, list[Pair]], meta: int, valid: int) -> dict[str, list[Pair]]:
    """Return train, meta, valid and test: the first of the held-out pairs are trusted."""
    held_out = pairs["valid"]
    if meta + valid > len(held_out):
        sys.exit(f"--meta {meta} and --valid {valid} are more than the {len(held_out)} held out")
    return {**pairs, "meta": held_out[:meta], "valid": held_out[meta : meta + valid]}


def download(path: Path, home: str = PUBLIC_HOME) -> None:
    """Fetch the archive (about 20 MB) unless it is there."""
    if not path.exists():
        fetch(home, path, "--archive FILE")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--out", type=Path, required=True, help="folder to write the text to")
    origin = result.add_mutually_exclusive_group(required=True)
    origin.add_argument("--download", action="store_true", help="fetch the archive to OUT/original")
    origin.add_argument("--archive", type=Path, help="the archive, de-en.tgz")
    origin.add_argument(
        "--text", type=Path, metavar="DIR", help="tokenised train, valid and test.LANGUAGE"
    )
    result.add_argument("--meta", type=int, default=1000, help="trusted pairs")
    result.add_argument("--valid", type=int, default=1000, help="pairs that only monitor")
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    args = parser().parse_args(arguments)
    if args.text is not None:
        pairs = from_text(args.text)
    else:
        archive = args.archive or args.out / "original" / "de-en.tgz"
        if args.download:
            download(archive)
        pairs = from_archive(archive)
    for name, rows in split(pairs, args.meta, args.valid).items():
        for side, language in enumerate(LANGUAGES):
            write_lines(args.out / f"{name}.{language}", (pair[side] for pair in rows))
        print(f"{args.out}: {name} {len(rows)} pairs")


if __name__ == "__main__":
    main()
