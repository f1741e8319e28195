"""Two domains in one training set: captions (Multi30k) and talks (IWSLT'14), one of them trusted.

    python domains.py --captions CLEAN --talks DIR --trusted talks --out RAW

CLEAN is what `multi30k.py` wrote, DIR what `iwslt14.py` wrote. Captions are tokenised and
lowercased like the talks, so that nothing but what they say tells them apart. `meta`, `valid` and
`test` are the trusted domain's; `train.labels` calls its pairs `clean` and the others
`other_domain`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from iwslt14 import LANGUAGES, tokenised
from lines import read_lines, write_lines

DOMAINS = ("captions", "talks")
OTHERS = ("meta", "valid", "test")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--captions", type=Path, required=True, help="folder multi30k.py wrote")
    result.add_argument("--talks", type=Path, required=True, help="folder iwslt14.py wrote")
    result.add_argument(
        "--trusted", choices=DOMAINS, default="talks", help="domain of the trusted pairs"
    )
    result.add_argument("--out", type=Path, required=True, help="folder to write to")
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    args = parser().parse_args(arguments)
    folders = {"captions": args.captions, "talks": args.talks}

    def text(domain: str, split: str, language: str) -> list[str]:
        rows = read_lines(folders[domain] / f"{split}.{language}")
        return tokenised(rows, language) if domain == "captions" else rows

    for language in LANGUAGES:
        train = {domain: text(domain, "train", language) for domain in DOMAINS}
        write_lines(args.out / f"train.{language}", [row for d in DOMAINS for row in train[d]])
        for split in OTHERS:
            write_lines(args.out / f"{split}.{language}", text(args.trusted, split, language))
    counts = {domain: len(rows) for domain, rows in train.items()}
    labels = {d: "clean" if d == args.trusted else "other_domain" for d in DOMAINS}
    write_lines(args.out / "train.labels", [labels[d] for d in DOMAINS for _ in range(counts[d])])
    print(f"{args.out}: " + ", ".join(f"{counts[d]} {d} ({labels[d]})" for d in DOMAINS))


if __name__ == "__main__":
    main()
