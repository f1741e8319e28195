"""What a large corpus costs before the first update, in a new epoch, and in a checkpoint.

    python scripts/benchmark_setup.py --pairs 1000000 --out runs/benchmark_setup

Plain training of a tiny student and `--weighting deep`, on a corpus of so many pairs that it makes
up: from the start of the process to the end of the first update, once with the data as
they are and once more with what the first run kept beside them. Memory is the peak of a process. It
then times how long the second epoch takes to begin, and how much larger checkpoints are.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import time
from pathlib import Path
from typing import Any

from benchmark_runs import Timed, finish
from benchmarking import corpus, workers
from benchmarking.students import Student, quiet
from tqdm import tqdm

from training import plugin
from versions import versions

_TRUSTED, _VALID = 1000, 100
_SMALL = [
    *("--arch", "transformer", "--encoder-layers", "1", "--decoder-layers", "1"),
    *("--encoder-embed-dim", "16", "--encoder-ffn-embed-dim", "16"),
    *("--decoder-embed-dim", "16", "--decoder-ffn-embed-dim", "16"),
    *("--encoder-attention-heads", "1", "--decoder-attention-heads", "1"),
    *("--optimizer", "adam", "--lr", "0.001", "--max-tokens", "1024", "--max-update", "1"),
    *("--source-lang", "src", "--target-lang", "tgt", "--seed", "1", "--num-workers", "0"),
    *("--no-epoch-checkpoints", "--required-batch-size-multiple", "1"),
]
_PLAIN = ["--task", "translation", "--criterion", "label_smoothed_cross_entropy"]
_DEEP = [
    *("--user-dir", str(plugin()), "--task", "l2rw_translation", "--weighting", "deep"),
    *("--criterion", "l2rw_label_smoothed_cross_entropy", "--meta-subset", "meta"),
]
# Plain training, the first run with a corpus, and every later one.
SIDES = {"plain": _PLAIN, "first": _DEEP, "later": _DEEP}


def flags(args: argparse.Namespace, data: Path, name: str) -> list[str]:
    """Those of ``fairseq-train``."""
    device = ["--cpu"] if args.device == "cpu" else []
    return [str(data), *SIDES[name], *_SMALL, *device, "--save-dir", str(args.out / name)]


def epoch_seconds(arguments: list[str]) -> float:
    """How long the second epoch takes to begin, as in ``fairseq-train``."""
    student = Student(arguments)
    first = student.batches.next_epoch_itr(shuffle=True)
    first.n = first.total  # as if it had been trained on
    begin = time.perf_counter()
    student.trainer.get_train_iterator(2, load_dataset=False).next_epoch_itr(shuffle=True)
    return time.perf_counter() - begin


def measured(args: argparse.Namespace, data: Path) -> dict[str, list[Timed]]:
    """Runs of every side, one after another."""
    found: dict[str, list[Timed]] = {name: [] for name in SIDES}
    bar = tqdm(total=args.turns * len(SIDES), unit="run", disable=None)
    for _ in range(args.turns):
        for kept in data.glob("initial_weights*"):
            kept.unlink()
        for name in SIDES:
            folder = args.out / name
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            commands = workers.commands(flags(args, data, name), args.workers)
            run = Timed(commands, folder / "train.log", args.threads)
            finish([run])
            found[name].append(run)
            bar.update()
    bar.close()
    return found


def table(sides: dict[str, Any], pairs: int) -> str:
    """What the sides take beside plain training, as Markdown."""
    rows = [
        f"| {pairs:,} pairs | until the first update | memory | second epoch | checkpoint |",
        "| --- | --- | --- | --- | --- |",
    ]
    plain = sides["plain"]
    for name, side in sides.items():
        cells = [f"{side['seconds']:.1f} s", f"{side['megabytes']:.0f} MB"]
        epoch = side["epoch_seconds"]
        cells.append("" if epoch is None else f"{epoch:.2f} s")
        cells.append(f"{side['checkpoint_megabytes'] - plain['checkpoint_megabytes']:+.1f} MB")
        rows.append(f"| {' | '.join([name, *cells])} |")
    return "\n".join(rows)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for what it writes")
    parser.add_argument("--pairs", type=int, default=1_000_000, help="(default: %(default)s)")
    parser.add_argument("--turns", type=int, default=1, help="how often (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="of a run (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of a worker (default: %(default)s)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    args = parser.parse_args()
    data = args.out / f"bin-{args.pairs}"
    corpus.write(data, {"train": args.pairs, "valid": _VALID, "meta": _TRUSTED})
    runs = measured(args, data)
    quiet()
    epochs = {name: epoch_seconds(flags(args, data, name)) for name in ("plain", "later")}
    sizes = {name: (args.out / name / "checkpoint_last.pt").stat().st_size for name in SIDES}
    found: dict[str, Any] = {
        "setting": {n: getattr(args, n) for n in ("pairs", "turns", "workers", "threads")},
        "versions": versions(),
        "sides": {
            name: {
                "seconds": statistics.median(run.seconds for run in row),
                "megabytes": max(run.megabytes for run in row),
                "epoch_seconds": epochs.get(name),
                "checkpoint_megabytes": sizes[name] / 2**20,
            }
            for name, row in runs.items()
        },
    }
    (args.out / "benchmark.json").write_text(json.dumps(found, indent=1) + "\n")
    print(table(found["sides"], args.pairs))


if __name__ == "__main__":
    main()
