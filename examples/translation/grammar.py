"""A small German-English parallel corpus, made from a grammar in about two seconds.

A sentence is sampled once as an abstract structure and then rendered in each language (see
`language`), so the translations are right by construction. Word order, case, gender and agreement
differ as they do in the real languages.

    python examples/translation/grammar.py --out DIR --train 12000 --seed 1
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from language.sampling import generate
from lines import write_lines


def types(lines: Sequence[str]) -> int:
    """Count the distinct word forms in a text, whatever their case."""
    return len({word for line in lines for word in re.findall(r"\w[\w'-]*", line.lower())})


def write_corpus(out: Path, sizes: dict[str, int], seed: int) -> list[str]:
    """Write every split and return one line about each; splits share no German sentence."""
    out.mkdir(parents=True, exist_ok=True)
    pairs, report = generate(sum(sizes.values()), seed), []
    for split, size in sizes.items():
        part, pairs = pairs[:size], pairs[size:]
        german, english = [pair[0] for pair in part], [pair[1] for pair in part]
        write_lines(out / f"{split}.de", german)
        write_lines(out / f"{split}.en", english)
        report.append(
            f"{split}: {size} sentences from the built-in grammar, seed {seed}, distinct forms "
            f"de {types(german)}, en {types(english)}"
        )
    return report


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder to write the splits to")
    parser.add_argument("--train", type=_count, default=12000, help="training sentences")
    parser.add_argument("--meta", type=_count, default=500, help="trusted sentences")
    parser.add_argument("--valid", type=_count, default=300, help="validation sentences")
    parser.add_argument("--test", type=_count, default=500, help="test sentences")
    parser.add_argument("--seed", type=int, default=1, help="seed of every random choice")
    args = parser.parse_args(argv)
    sizes = {split: getattr(args, split) for split in ("train", "meta", "valid", "test")}
    try:
        report = write_corpus(args.out, sizes, args.seed)
    except OSError as error:
        print(f"error: cannot write the corpus: {error}", file=sys.stderr)
        return 1
    print("\n".join(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
