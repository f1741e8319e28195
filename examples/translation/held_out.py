"""Captions in a pair of languages that has nothing but training text, a part of it held out.

    python held_out.py --captions CLEAN --source en --target fr --out FOLDER

CLEAN is what `multi30k.py` wrote. The last 714 + 300 + 1,000 lines of its training text become
`meta` (the trusted pairs), `valid` and `test`. The training text is there in the third language,
too, for targets in a wrong one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from lines import read_parallel, write_lines
from multi30k import ALL_LANGUAGES, META_PAIRS, VALID_PAIRS

SPLITS: Mapping[str, int] = {"meta": META_PAIRS, "valid": VALID_PAIRS, "test": 1000}


def third(languages: Sequence[str]) -> str:
    """Return the language of the captions that is not among these two."""
    return next(language for language in ALL_LANGUAGES if language not in languages)


def parts(rows: Sequence[str]) -> dict[str, Sequence[str]]:
    """Return the lines of every split; those that are held out are the last ones."""
    left = len(rows) - sum(SPLITS.values())
    if left < 1:
        sys.exit(f"{len(rows)} lines: {sum(SPLITS.values())} are held out, so none is left")
    ends = [*accumulate(SPLITS.values(), initial=left)]
    held = zip(SPLITS, ends[:-1], ends[1:], strict=True)
    return {"train": rows[:left], **{split: rows[begin:end] for split, begin, end in held}}


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--captions", type=Path, required=True, help="folder multi30k.py wrote")
    result.add_argument("--source", choices=ALL_LANGUAGES, required=True, help="source language")
    result.add_argument("--target", choices=ALL_LANGUAGES, required=True, help="target language")
    result.add_argument("--out", type=Path, required=True, help="folder to write to")
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    args = parser().parse_args(arguments)
    languages = (args.source, args.target)
    if args.source == args.target:
        sys.exit("--source and --target are the same language")
    texts = read_parallel(args.captions / "train", ALL_LANGUAGES)
    splits = {language: parts(rows) for language, rows in texts.items()}
    for language in languages:
        for split, rows in splits[language].items():
            write_lines(args.out / f"{split}.{language}", rows)
    other = third(languages)
    write_lines(args.out / f"train.{other}", splits[other]["train"])
    counts = {split: len(rows) for split, rows in splits[args.target].items()}
    print(f"{args.out}: " + ", ".join(f"{split} {count} pairs" for split, count in counts.items()))


if __name__ == "__main__":
    main()
