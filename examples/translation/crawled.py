"""Really noisy pairs: software texts with labels of proof, and web pages that a person judged.

    python crawled.py software --software DIR --out RAW
    python crawled.py human --software DIR --captions CLEAN --talks DIR --judged DIR --news DIR
        --out RAW
    python crawled.py bicleaner --judged DIR

`software` trains on manuals, messages and package descriptions, half of them crawled. The structure
of the files proves of three pairs in four whether they are right, wrong or copied.

`human` trains on these, captions, talks and 2,000 pairs of ParaCrawl, which a person judged. News
that professionals translated are trusted and translated.

`bicleaner` says how often that tool's score (Ramírez-Sánchez et al., 2020) ranks two judged pairs
as the person did.

`train.labels` calls the pairs that are known to be good `clean`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from lines import read_lines, read_parallel, write_lines

LANGUAGES = ("de", "en")
Pair = tuple[str, str]

# What the labels of the software texts are called here.
PROOFS = {"right": "clean", "wrong": "wrong", "copied": "copied", "unknown": "unknown"}
# What the letters of the people who judged ParaCrawl stand for.
JUDGEMENTS = {
    "V": "clean",
    "F": "free",
    "MT": "machine",
    "E": "error",
    "A": "misaligned",
    "L": "wrong_language",
    "T": "tokenisation",
}
UNJUDGED = "unjudged"
# Lines of the news that are trusted; the rest is the test set.
TRUSTED_NEWS = 1000


def positive(text: str) -> int:
    """Return a number of pairs, 1 or more."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return number


def pairs_of(prefix: Path) -> list[Pair]:
    """Return the pairs of `prefix.de` and `prefix.en`."""
    texts = read_parallel(prefix, LANGUAGES)
    return list(zip(*(texts[language] for language in LANGUAGES), strict=True))


def named(path: Path, names: Mapping[str, str], pairs: Sequence[Pair]) -> list[str]:
    """Return the labels in a file, one a pair, by their names here."""
    letters = read_lines(path)
    if len(letters) != len(pairs):
        sys.exit(f"{path} has {len(letters)} lines for {len(pairs)} pairs")
    unknown = sorted(set(letters) - set(names))
    if unknown:
        sys.exit(f"{path}: {unknown[0]!r} is none of {', '.join(names)}")
    return [names[letter] for letter in letters]


def write_split(folder: Path, split: str, pairs: Iterable[Pair]) -> None:
    """Write pairs to two files."""
    rows = list(pairs)
    for at, language in enumerate(LANGUAGES):
        write_lines(folder / f"{split}.{language}", (pair[at] for pair in rows))


def software(args: argparse.Namespace) -> list[str]:
    """Write the software texts; return the labels."""
    train = pairs_of(args.software / "train")
    labels = named(args.software / "train.truth", PROOFS, train)
    write_split(args.out, "train", train)
    write_split(args.out, "meta", pairs_of(args.software / "trusted")[: args.trusted])
    for split in ("valid", "test"):
        write_split(args.out, split, pairs_of(args.software / split))
    return labels


def human(args: argparse.Namespace) -> list[str]:
    """Write the mixture with judged web pages; return the labels."""
    if args.trusted is not None and args.trusted > TRUSTED_NEWS:
        sys.exit(f"--trusted {args.trusted}: the test set begins after {TRUSTED_NEWS} lines")
    judged, news = pairs_of(args.judged / "pairs"), pairs_of(args.news / "all")
    parts = [pairs_of(folder / "train") for folder in (args.software, args.captions, args.talks)]
    others = [pair for part in parts for pair in part]
    write_split(args.out, "train", [*others, *judged])
    write_split(args.out, "meta", news[: args.trusted or TRUSTED_NEWS])
    write_split(args.out, "valid", pairs_of(args.software / "valid"))
    write_split(args.out, "test", news[TRUSTED_NEWS:])
    labels = named(args.judged / "label", JUDGEMENTS, judged)
    return [*(UNJUDGED for _ in others), *labels]


def bicleaner(args: argparse.Namespace) -> None:
    """Print the AUC of Bicleaner's scores for the questions that are asked of weights."""
    from recipes import RECIPES
    from score import auc_of

    scores = np.array([float(line) for line in read_lines(args.judged / "bicleaner")])
    kinds = np.array([JUDGEMENTS[letter] for letter in read_lines(args.judged / "label")])
    for name, question in RECIPES["human"].questions.items():
        print(f"{name}: {auc_of(scores, kinds, np.ones(len(scores)), question):.3f}")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = result.add_subparsers(dest="command", required=True)
    for name, what in (("software", "software texts alone"), ("human", "with judged web pages")):
        sub = commands.add_parser(name, help=what)
        sub.add_argument("--software", type=Path, required=True, help="folder of software texts")
        few = "keep the first N trusted pairs"
        sub.add_argument("--trusted", type=positive, metavar="N", help=few)
        sub.add_argument("--out", type=Path, required=True, help="folder to write to")
    sub.add_argument("--captions", type=Path, required=True, help="folder multi30k.py wrote")
    sub.add_argument("--talks", type=Path, required=True, help="folder iwslt14.py wrote")
    sub.add_argument("--judged", type=Path, required=True, help="folder of judged web pages")
    sub.add_argument("--news", type=Path, required=True, help="folder of translated news")
    sub = commands.add_parser("bicleaner", help="how well Bicleaner's scores rank judged pairs")
    sub.add_argument("--judged", type=Path, required=True, help="folder of judged web pages")
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    args = parser().parse_args(arguments)
    if args.command == "bicleaner":
        bicleaner(args)
        return
    labels = (software if args.command == "software" else human)(args)
    write_lines(args.out / "train.labels", labels)
    counts = Counter(labels).most_common()
    print(f"{args.out}: " + ", ".join(f"{count} {label}" for label, count in counts))


if __name__ == "__main__":
    main()
