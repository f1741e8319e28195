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

from lines import read_lines, read_parallel, write_lines

CLEAN = "clean"
KINDS = ("misaligned", "untranslated", "wrong_language", "comparable", "short", "misordered")
Pair = tuple[str, str]


class NoiseError(ValueError):
    """The noise that was asked for cannot be made; the message says why in one line."""


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


def misalign(targets: Sequence[str], chosen: Sequence[int], rng: Random) -> list[str]:
    """Return for each chosen line the target of another line, never its own text.

    The chosen targets are passed around among the chosen lines where that is possible, so that
    the target side keeps its words; where one text is too common for that, or a single line was
    chosen, the rest is drawn from all lines.
    """
    # lines with the same text stand together: a shift by the largest group moves each elsewhere
    rank = {targets[at]: rng.random() for at in chosen}
    order = sorted(range(len(chosen)), key=lambda at: rank[targets[chosen[at]]])
    texts = [targets[chosen[at]] for at in order]
    largest = max(Counter(texts).values(), default=0)
    shift = rng.randint(largest, len(texts) - largest) if 2 * largest <= len(texts) else 0
    moved = [""] * len(chosen)
    for place, at in enumerate(order):
        text = texts[(place + shift) % len(texts)]
        if text == texts[place]:
            text = _other_text(targets, text, rng)
        moved[at] = text
    return moved


def _other_text(targets: Sequence[str], own: str, rng: Random) -> str:
    for _ in range(20):  # almost always enough, and it spares a pass over all lines
        text = rng.choice(targets)
        if text != own:
            return text
    others = [text for text in targets if text != own]
    if not others:
        raise NoiseError("cannot misalign: every line has the same target")
    return rng.choice(others)


def shorten(text: str, rng: Random) -> str:
    """Cut a text, keeping a random 20 to 60 % of its words, at least one."""
    words = text.split()
    fewest = -(-len(words) // 5)
    return " ".join(words[: rng.randint(fewest, max(fewest, 3 * len(words) // 5))])


def misorder(text: str, rng: Random) -> str:
    """Shuffle the words of a text; with two distinct words the order always changes."""
    words = text.split()
    if len(set(words)) < 2:
        return text
    shuffled = list(words)
    while shuffled == words:
        rng.shuffle(shuffled)
    return " ".join(shuffled)


def corrupt(
    pairs: Sequence[Pair],
    rates: Mapping[str, float],
    rng: Random,
    wrong_language: Sequence[str] | None = None,
    comparable: Sequence[Sequence[str]] = (),
) -> tuple[list[Pair], list[str]]:
    """Give a share of sentence pairs a bad target. Sources, and the order of lines, stay.

    Args:
        pairs: clean (source, target) pairs.
        rates: share of all lines for each kind of noise; a line gets at most one kind.
        rng: the only source of chance: the same state gives the same result.
        wrong_language: line i is the target of pair i in another language.
        comparable: files of which line i describes what pair i is about.

    Returns:
        The pairs, and for each `clean` or its kind of noise.

    Raises:
        NoiseError: the rates do not make sense, or a kind lacks the text it needs.
    """
    counts = counts_of(rates, len(pairs))
    _check_sources(counts, len(pairs), wrong_language, comparable)
    positions = rng.sample(range(len(pairs)), sum(counts.values()))
    targets = [target for _, target in pairs]
    noisy, labels = list(pairs), [CLEAN] * len(pairs)
    # in a fixed order, so that the order of the flags does not change the result
    for kind in (kind for kind in KINDS if counts.get(kind)):
        chosen, positions = positions[: counts[kind]], positions[counts[kind] :]
        made = misalign(targets, chosen, rng) if kind == "misaligned" else None
        for place, at in enumerate(chosen):
            source, target = pairs[at]
            labels[at] = kind
            if made is not None:
                target = made[place]
            elif kind == "untranslated":
                target = source
            elif kind == "wrong_language" and wrong_language is not None:
                target = wrong_language[at]
            elif kind == "comparable":
                target = rng.choice(comparable)[at]
            else:
                target = (shorten if kind == "short" else misorder)(target, rng)
            noisy[at] = (source, target)
    return noisy, labels


def _check_sources(
    counts: Mapping[str, int],
    total: int,
    wrong_language: Sequence[str] | None,
    comparable: Sequence[Sequence[str]],
) -> None:
    """Stop when a kind lacks its text, or the text does not belong to these lines."""
    if counts.get("wrong_language") and wrong_language is None:
        raise NoiseError("wrong_language needs a file: give it with --wrong-language")
    if counts.get("comparable") and not comparable:
        raise NoiseError("comparable needs at least one file: give it with --comparable")
    for name, rows in [
        ("wrong-language", wrong_language),
        *(("comparable", c) for c in comparable),
    ]:
        if rows is not None and len(rows) != total:
            raise NoiseError(f"a --{name} file has {len(rows)} lines but there are {total} pairs")


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
        NoiseError: there are fewer trusted pairs than that.
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
            if len(rows) < trusted:
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
    wrong = read_lines(args.wrong_language) if args.wrong_language else None
    comparable = [read_lines(path) for path in args.comparable]
    noisy, labels = corrupt(pairs, rates, Random(args.seed), wrong, comparable)
    args.out.mkdir(parents=True, exist_ok=True)
    for at, language in enumerate(languages):
        write_lines(args.out / f"train.{language}", [pair[at] for pair in noisy])
    write_lines(args.out / "train.labels", labels)
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
