"""Put known noise into clean parallel text, and write down which line got which kind.

Example, with a tenth of the lines misaligned and a tenth left untranslated:

    python examples/translation/noise.py --data clean --source de --target en --out noisy
        --rate misaligned=0.1 --rate untranslated=0.1 --seed 1
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from corruptions import KINDS, NoiseError, Pair, Text, corrupted
from labels import CLEAN, LABELS
from lines import read_lines, read_parallel, write_lines


def counts_of(rates: Mapping[str, float], total: int) -> dict[str, int]:
    """Return how many lines each kind gets.

    Args:
        rates: share of all lines for each kind.
        total: the number of lines.

    Returns:
        `round(rate * total)` for each kind.

    Raises:
        NoiseError: a kind is unknown, a rate is not in [0, 1], or the rates ask for more lines
            than there are.
    """
    for kind, rate in rates.items():
        if kind not in KINDS:
            raise NoiseError(f"unknown kind of noise {kind!r}; known are {', '.join(KINDS)}")
        if not 0 <= rate <= 1:
            raise NoiseError(f"the rate of {kind} must be between 0 and 1, not {rate:g}")
    if sum(rates.values()) > 1 + 1e-9:
        raise NoiseError(f"the rates add up to {sum(rates.values()):g}, which is more than 1")
    counts = {kind: round(rate * total) for kind, rate in rates.items()}
    if sum(counts.values()) > total:
        raise NoiseError(f"the rates, rounded, ask for more than the {total} lines there are")
    return counts


def corrupt(text: Text, rates: Mapping[str, float], rng: Random) -> tuple[list[Pair], list[str]]:
    """Corrupt a share of sentence pairs. The order of lines stays.

    Args:
        text: clean pairs, and what some kinds need beside them.
        rates: share of all lines for each kind of noise; a line gets at most one kind. A line that
            a kind leaves as it is (no word to replace, a machine that is right) is not corrupted:
            another one is in its place.
        rng: the only source of chance: the same state gives the same result.

    Returns:
        The pairs, and for each `clean` or its kind of noise.

    Raises:
        NoiseError: the rates do not make sense, a kind lacks the text it needs, or it changes too
            few lines.
    """
    counts = counts_of(rates, len(text.pairs))
    _check_sources(counts, text)
    positions = rng.sample(range(len(text.pairs)), sum(counts.values()))
    spare = sorted({*range(len(text.pairs))}.difference(positions))
    noisy, labels = list(text.pairs), [CLEAN] * len(text.pairs)
    # in a fixed order, so that the order of the flags does not change the result
    for kind in (kind for kind in KINDS if counts.get(kind)):
        chosen, positions = positions[: counts[kind]], positions[counts[kind] :]
        found = _changed(kind, text, chosen, rng)
        while missing := counts[kind] - len(found):
            if missing > len(spare):
                raise NoiseError(f"{kind} changes too few lines for a share of {rates[kind]:g}")
            others = [spare.pop(rng.randrange(len(spare))) for _ in range(missing)]
            found |= _changed(kind, text, others, rng)
        for at, pair in found.items():
            noisy[at], labels[at] = pair, kind
    return noisy, labels


def _changed(kind: str, text: Text, chosen: Sequence[int], rng: Random) -> dict[int, Pair]:
    """Return what a kind of noise makes of those of the chosen lines that it changes."""
    made = zip(chosen, corrupted(kind, text, chosen, rng), strict=True)
    return {at: pair for at, pair in made if pair != text.pairs[at]}


def flawed_words(clean: str, noisy: str) -> list[int]:
    """Return the numbers of the words that differ, in texts of as many words."""
    words = zip(clean.split(), noisy.split(), strict=True)
    return [number for number, (before, after) in enumerate(words) if before != after]


def _check_sources(counts: Mapping[str, int], text: Text) -> None:
    """Stop when a kind lacks its text, or the text does not belong to these lines."""
    others: dict[str, list[Sequence[str] | None]] = {
        "wrong_language": [text.wrong_language],
        "machine": [text.machine],
        "comparable": [*text.comparable] or [None],
    }
    for kind, files in others.items():
        flag = f"--{kind.replace('_', '-')}"
        for rows in files:
            if rows is None and counts.get(kind):
                raise NoiseError(f"{kind} needs a file: give it with {flag}")
            if rows is not None and len(rows) != len(text.pairs):
                raise NoiseError(
                    f"a {flag} file has {len(rows)} lines but there are {len(text.pairs)} pairs"
                )


def parse_rates(entries: Sequence[str]) -> dict[str, float]:
    """Read `kind=rate` entries.

    Raises:
        NoiseError: an entry is not of that form, or names a kind twice.
    """
    rates: dict[str, float] = {}
    for entry in entries:
        kind, _, rate = entry.partition("=")
        try:
            value = float(rate)
        except ValueError:
            raise NoiseError(f"--rate {entry}: write it as kind=share, such as short=0.1") from None
        if kind in rates:
            raise NoiseError(f"--rate {kind} is given twice")
        rates[kind] = value
    return rates


def copy_other_splits(
    data: Path, out: Path, languages: Sequence[str], trusted: int | None = None
) -> list[str]:
    """Copy every split but train in both languages, byte for byte, and return their names.

    Args:
        data: folder to copy from.
        out: folder to copy to.
        languages: of the splits.
        trusted: how many pairs of the split `meta` to keep, the first ones; None for all.

    Raises:
        NoiseError: there are fewer trusted pairs than that, or it is no number of them.
    """
    copied = []
    for path in sorted(data.glob(f"*.{languages[0]}")):
        files = [path.with_suffix(f".{language}") for language in languages]
        if path.stem != "train" and all(file.is_file() for file in files):
            for file in files:
                shutil.copyfile(file, out / file.name)
            copied.append(path.stem)
    if trusted is not None:
        for language in languages:
            rows = read_lines(out / f"meta.{language}") if "meta" in copied else []
            if not 1 <= trusted <= len(rows):
                raise NoiseError(f"--trusted {trusted}: there are {len(rows)} trusted pairs")
            write_lines(out / f"meta.{language}", rows[:trusted])
    return copied


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train.SRC, train.TGT")
    parser.add_argument("--source", required=True, help="source language, such as de")
    parser.add_argument("--target", required=True, help="target language, such as en")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument(
        "--rate",
        action="extend",
        nargs="+",
        default=[],
        metavar="KIND=SHARE",
        help=f"share of all lines for a kind of noise; may be repeated: {', '.join(KINDS)}",
    )
    parser.add_argument(
        "--wrong-language",
        type=Path,
        help="targets in a wrong language, aligned by line with train",
    )
    parser.add_argument(
        "--machine", type=Path, help="targets that a machine made, aligned by line with train"
    )
    parser.add_argument(
        "--comparable",
        type=Path,
        action="append",
        default=[],
        help="loosely matching targets, aligned by line with train; repeat it",
    )
    parser.add_argument(
        "--trusted", type=int, metavar="N", help="keep the first N trusted pairs (default: all)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of every random choice")
    return parser


def run(args: argparse.Namespace) -> list[str]:
    """Read, corrupt and write; return one line for each kind of noise."""
    if args.out.resolve() == args.data.resolve():
        raise NoiseError("--out must be another folder than --data: the clean text would be lost")
    rates = parse_rates(args.rate)
    languages = (args.source, args.target)
    if args.source == args.target:
        raise NoiseError("--source and --target are the same language")
    texts = read_parallel(args.data / "train", languages)
    pairs = list(zip(texts[args.source], texts[args.target], strict=True))
    wrong, machine = (read_lines(p) if p else None for p in (args.wrong_language, args.machine))
    clean = Text(pairs, wrong, machine, [read_lines(path) for path in args.comparable])
    noisy, labels = corrupt(clean, rates, Random(args.seed))
    args.out.mkdir(parents=True, exist_ok=True)
    for at, language in enumerate(languages):
        write_lines(args.out / f"train.{language}", [pair[at] for pair in noisy])
    write_lines(args.out / LABELS, labels)
    if rates.get("wrong_word"):
        flaws = [
            flawed_words(before, after) if label == "wrong_word" else []
            for (_, before), (_, after), label in zip(pairs, noisy, labels, strict=True)
        ]
        write_lines(args.out / "train.flaws", (" ".join(map(str, row)) for row in flaws))
    found = Counter(labels)
    report = [f"{kind}: {found[kind]} of {len(labels)} lines" for kind in (CLEAN, *rates)]
    copied = copy_other_splits(args.data, args.out, languages, args.trusted)
    return [*report, f"copied unchanged: {', '.join(copied) or 'nothing'}"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    args = build_parser().parse_args(argv)
    try:
        report = run(args)
    except (NoiseError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
