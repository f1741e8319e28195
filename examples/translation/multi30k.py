"""Prepare Multi30k (German-English captions) for the recipe.

The trusted `meta` set that drives the teacher and the `valid` set that only monitors are disjoint
parts of the corpus's own validation set; the test set is `test_2016_flickr`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from download import fetch
from lines import read_lines, read_parallel, write_lines

PUBLIC_HOME = "https://raw.githubusercontent.com/multi30k/dataset/master/data"
LANGUAGES = ("de", "en")
ALL_LANGUAGES = (*LANGUAGES, "fr")  # those of the training text
META_PAIRS = 714
VALID_PAIRS = 300
CAPTIONS = range(1, 6)


def public_files() -> dict[str, str]:
    """Return {place in the local folder: place below the public home}."""
    pairs = ["train.fr"] + [
        f"{split}.{language}"
        for split in ("train", "val", "test_2016_flickr")
        for language in LANGUAGES
    ]
    captions = [f"train.{number}.en" for number in CAPTIONS]
    return {
        **{f"multi30k/{name}": f"task1/raw/{name}.gz" for name in pairs},
        **{f"multi30k_captions/{name}": f"task2/raw/{name}.gz" for name in captions},
    }


def split_validation(rows: list[str]) -> tuple[list[str], list[str]]:
    """Return the (meta, valid) parts: the first 714 lines and the last 300."""
    if len(rows) != META_PAIRS + VALID_PAIRS:
        sys.exit(f"val has {len(rows)} lines; Multi30k's has {META_PAIRS + VALID_PAIRS}")
    return rows[:META_PAIRS], rows[META_PAIRS:]


def prepare(original: Path, out: Path) -> dict[str, int]:
    """Write the splits, train.fr and the captions; return the number of pairs in each split."""
    corpus = original / "multi30k"
    train = read_parallel(corpus / "train", ALL_LANGUAGES)
    validation = read_parallel(corpus / "val", LANGUAGES)
    test = read_parallel(corpus / "test_2016_flickr", LANGUAGES)
    counts: dict[str, int] = {}
    for language in LANGUAGES:
        meta, valid = split_validation(validation[language])
        splits = {"train": train[language], "meta": meta, "valid": valid, "test": test[language]}
        for split, rows in splits.items():
            write_lines(out / f"{split}.{language}", rows)
            counts[split] = len(rows)
    write_lines(out / "train.fr", train["fr"])
    for number in CAPTIONS:
        rows = read_lines(original / "multi30k_captions" / f"train.{number}.en")
        if len(rows) != counts["train"]:
            sys.exit(f"captions {number} have {len(rows)} lines, train has {counts['train']}")
        write_lines(out / f"captions.{number}.en", rows)
    return counts


def download(folder: Path, home: str = PUBLIC_HOME) -> None:
    """Fetch what is missing in `folder` from the corpus's public home, with a progress bar."""
    from tqdm import tqdm  # only needed here

    missing = {
        place: name for place, name in public_files().items() if not (folder / place).exists()
    }
    for place, name in tqdm(missing.items(), desc="Multi30k", unit="file"):
        fetch(f"{home}/{name}", folder / place, "--from DIR", packed=True)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(description="Prepare Multi30k de-en for the recipe.")
    result.add_argument("--out", type=Path, required=True, help="folder to write the raw text to")
    origin = result.add_mutually_exclusive_group(required=True)
    origin.add_argument(
        "--from",
        dest="original",
        type=Path,
        metavar="DIR",
        help="local folder that holds multi30k/ and multi30k_captions/",
    )
    origin.add_argument(
        "--download",
        action="store_true",
        help="fetch the corpus (about 6 MB) from GitHub, multi30k/dataset, into OUT/original",
    )
    return result


def main() -> None:
    """Run the command line."""
    args = parser().parse_args()
    original = args.original or args.out / "original"
    if args.download:
        download(original)
    elif not (original / "multi30k").is_dir():
        sys.exit(f"{original} has no folder multi30k")
    counts = prepare(original, args.out)
    print(f"{args.out}: " + ", ".join(f"{split} {count} pairs" for split, count in counts.items()))


if __name__ == "__main__":
    main()
