"""Offline filters: what one does about noisy pairs without reweighting, before training.

`rules` keeps a pair whose sides have about the same length and the right languages; `copies` one
whose sides are not the same text; `loss` keeps the pairs that a trained model finds likeliest;
`dual` those on which two trained models, one of each direction, agree that they are likely:

    python filtering.py rules --data RAW --out KEPT.txt
    python filtering.py copies --data RAW --out KEPT.txt
    python filtering.py loss --data RAW --scores generate-train.txt --share 0.5 --out KEPT.txt
    python filtering.py dual --data RAW --scores generate-train.txt
        --reverse-scores reverse/generate-train.txt --share 0.5 --out KEPT.txt

All write the numbers of the lines to keep, counted from 0, for `recipe.py binarize --lines`, and
beside them in `KEPT.scores` the score of every line, by which it was judged; a line that is out of
the question has none (nan).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from lines import read_lines, read_numbers, read_parallel, write_lines

SCORES = ".scores"
SCORE = re.compile(r"^H-(\d+)\t([-+.\deE]+|nan)\t")


def balanced(source: str, target: str, ratio: float) -> bool:
    """Whether both sides have text, and neither is more than `ratio` times as long."""
    short, long = sorted((len(source.split()), len(target.split())))
    return short > 0 and long <= ratio * short


def by_rules(
    sources: Sequence[str], targets: Sequence[str], languages: tuple[str, str], ratio: float
) -> list[int]:
    """Return the numbers of the pairs of balanced length and, as py3langid hears it, language."""
    from py3langid.langid import classify
    from tqdm import tqdm

    pairs = tqdm(list(zip(sources, targets, strict=True)), desc="rules", unit="pair", leave=False)
    return [
        number
        for number, (source, target) in enumerate(pairs)
        if balanced(source, target, ratio)
        and (classify(source)[0], classify(target)[0]) == languages
    ]


def no_copies(sources: Sequence[str], targets: Sequence[str]) -> list[int]:
    """Return the numbers of the pairs whose sides differ, upper and lower case aside."""
    pairs = enumerate(zip(sources, targets, strict=True))
    return [number for number, (a, b) in pairs if a.strip().lower() != b.strip().lower()]


def scores_of(output: Sequence[str]) -> dict[int, float]:
    """Return log2-probability per token by line, from `fairseq-generate --score-reference`."""
    found = filter(None, map(SCORE.match, output))
    return {int(match[1]): float(match[2]) for match in found}


def by_score(scores: dict[int, float], total: int, count: int, among: Collection[int]) -> list[int]:
    """Return the numbers of the `count` best-scored of the lines `among` all, in their order.

    A line that was not scored (an empty one), or whose score is no number, is the worst.
    """
    if not scores or max(scores) >= total:
        sys.exit(f"{len(scores)} scores do not belong to these {total} lines")
    known = {number: score for number, score in scores.items() if score == score}
    ranked = sorted(among, key=lambda number: -known.get(number, float("-inf")))
    return sorted(ranked[:count])


def dual_scores(forward: Mapping[int, float], reverse: Mapping[int, float]) -> dict[int, float]:
    """Return minus the dual conditional cross-entropy of the lines that both models scored.

    It is |a - b| + (a + b) / 2, where a and b are the cross-entropies per token (Junczys-Dowmunt,
    2018, "Dual Conditional Cross-Entropy Filtering of Noisy Parallel Corpora").
    """
    both = forward.keys() & reverse.keys()
    pairs = {number: (forward[number], reverse[number]) for number in both}
    return {number: (a + b) / 2 - abs(a - b) for number, (a, b) in pairs.items()}


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = result.add_subparsers(dest="command", required=True)
    rules = commands.add_parser("rules", help="length ratio and language identification")
    rules.add_argument(
        "--ratio", type=float, default=2.0, help="longest side over shortest, in words, at most"
    )
    copies = commands.add_parser("copies", help="not the same text on both sides")
    loss = commands.add_parser("loss", help="log-probability per token under a trained model")
    dual = commands.add_parser("dual", help="agreement of two trained models, one each direction")
    output = "output of fairseq-generate --score-reference --gen-subset train"
    dual.add_argument(
        "--reverse-scores", type=Path, required=True, help=f"{output}, languages swapped"
    )
    for sub in (loss, dual):
        sub.add_argument("--scores", type=Path, required=True, help=output)
        sub.add_argument(
            "--share", type=float, required=True, help="share of all lines to keep, 0 to 1"
        )
        sub.add_argument("--among", type=Path, help="keep only lines named in this file of numbers")
    for sub in (rules, copies, loss, dual):
        sub.add_argument("--data", type=Path, required=True, help="folder with train.LANGUAGE")
        sub.add_argument("--out", type=Path, required=True, help="file to write line numbers to")
        sub.add_argument("--source", default="de", help="source language")
        sub.add_argument("--target", default="en", help="target language")
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    args = parser().parse_args(arguments)
    languages = (args.source, args.target)
    texts = read_parallel(args.data / "train", languages)
    total = len(texts[args.source])
    sides = texts[args.source], texts[args.target]
    if args.command in ("rules", "copies"):
        by_rule = args.command == "rules"
        kept = by_rules(*sides, languages, args.ratio) if by_rule else no_copies(*sides)
        scores = dict.fromkeys(range(total), 0.0) | dict.fromkeys(kept, 1.0)
    else:
        scores = scores_of(read_lines(args.scores))
        if args.command == "dual":
            scores = dual_scores(scores, scores_of(read_lines(args.reverse_scores)))
        among = sorted(read_numbers(args.among, total)) if args.among else range(total)
        kept = by_score(scores, total, round(args.share * total), among)
        scores = {number: scores[number] for number in among if number in scores}
    nan = float("nan")
    write_lines(args.out.with_suffix(SCORES), (str(scores.get(n, nan)) for n in range(total)))
    write_lines(args.out, map(str, kept))
    print(f"{args.out}: {len(kept)} of {total} lines kept")


if __name__ == "__main__":
    main()
