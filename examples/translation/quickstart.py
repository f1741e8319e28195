"""The whole idea in minutes, on two cores and with no download.

A small German-English corpus, half of its training sentences corrupted in four known ways; one
plain and one weighted training side by side; then their translations and weights compared. Run it
again after an interruption and it goes on.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from binarize import Settings, binarize
from lines import read_parallel, write_lines
from score import evaluate
from steps import run, say, script, short
from tables import report
from training import Run, train

HERE = Path(__file__).resolve().parent
PAIRS = {"train": 12000, "meta": 500, "valid": 300, "test": 500}
NOISE = {"misaligned": 0.15, "untranslated": 0.15, "short": 0.1, "misordered": 0.1}


def grammar_command(out: Path, seed: int) -> list[str]:
    """Return the command that writes the clean corpus."""
    sizes = [flag for split, pairs in PAIRS.items() for flag in (f"--{split}", str(pairs))]
    return [short(HERE / "grammar.py"), "--out", short(out), *sizes, "--seed", str(seed)]


def noise_command(clean: Path, out: Path, seed: int) -> list[str]:
    """Return the command that corrupts a known part of the training sentences."""
    rates = [flag for kind, share in NOISE.items() for flag in ("--rate", f"{kind}={share:g}")]
    return [
        *(short(HERE / "noise.py"), "--data", short(clean), "--source", "de", "--target", "en"),
        *("--out", short(out), *rates, "--seed", str(seed)),
    ]


def prepare(out: Path, seed: int) -> Path:
    """Write the text, corrupt half of it, and return the folder of the binary data."""
    clean, raw = out / "clean", out / "raw"
    script(grammar_command(clean, seed), clean, sorted((HERE / "language").glob("*.*")))
    text = [file for language in ("de", "en") for file in clean.glob(f"*.{language}")]
    script(noise_command(clean, raw, seed), raw, sorted(text))
    binarize(Settings(data=raw, out=out / "bin", vocab=3000))
    return out / "bin"


def look_at_text(data: Path, raw: Path) -> None:
    """Show how well initial weights recognise bad pairs, before any training."""
    say("quickstart: before any training, initial weights already say this much")
    say("(AUC: how often a clean sentence outweighs one of this kind; 0.5 is chance):")
    texts = read_parallel(raw / "train", ("de", "en"))
    pairs = zip(texts["de"], texts["en"], strict=True)
    write_lines(raw / "train.tsv", (f"{source}\t{target}" for source, target in pairs))
    command = ["fairseq-l2rw", "score", short(raw / "train.tsv"), short(data / "initial.tsv")]
    command += ["--initial", "--data", short(data), "--labels", short(raw / "train.labels")]
    command += ["--trusted", *(short(raw / f"meta.{language}") for language in ("de", "en"))]
    run(command, data / "initial.log")
    say((data / "initial.log").read_text(encoding="utf-8").strip())


def quickstart(out: Path, seed: int, updates: int | None, weightings: Sequence[str]) -> None:
    """Do everything, from the text to the picture."""
    begin, raw = time.monotonic(), out / "raw"
    data = prepare(out, seed)
    look_at_text(data, raw)
    runs = [
        Run(data, out / name, name, config="quickstart", seed=seed, updates=updates)
        for name in weightings
    ]
    train(runs)
    for job in runs:
        evaluate(job.bin, job.out, raw)
    report([job.out for job in runs], out / "report.html")
    for job in runs:
        say(f"look:  {short(job.out)}: train.log, result.json, weights/, translation.en")
    say(f"look:  {short(raw)}: the noisy text and train.labels, the kind of every line")
    say(f"quickstart: {(time.monotonic() - begin) / 60:.1f} minutes")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument(
        "--out", type=Path, default=Path("runs/quickstart"), help="folder for everything it writes"
    )
    result.add_argument("--fresh", action="store_true", help="delete that folder and start over")
    result.add_argument("--seed", type=int, default=1, help="seed of text, noise and training")
    result.add_argument("--updates", type=int, help="length of training, in updates")
    result.add_argument(
        "--weightings",
        nargs="+",
        default=["uniform", "deep"],
        help="runs to compare: a core each",
    )
    return result


def main() -> None:
    """Run the command line."""
    args = parser().parse_args()
    logging.getLogger().setLevel(logging.WARNING)  # which fairseq sets on import
    if args.fresh and args.out.exists():
        if not (args.out / "clean" / "grammar.json").is_file():
            sys.exit(f"--fresh would delete {args.out}, which the quickstart did not make")
        shutil.rmtree(args.out)
    quickstart(args.out, args.seed, args.updates, args.weightings)


if __name__ == "__main__":
    main()
