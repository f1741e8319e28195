"""Every weighting on handwritten digits with wrong labels or a rare class.

Trains what is not yet in OUT/runs.jsonl, then writes OUT/table.md and OUT/imbalance.png. Run it
again after an interruption and it goes on; a changed configuration is run anew.
"""

import argparse
import logging
import multiprocessing
import os
import shlex
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

# A thread a process, also for what torch starts when it is imported; the processes inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tqdm import tqdm

from contest import ENTRANTS, Job, append, done, missing, results, run
from digits import SETTINGS
from figures import cells, draw, table


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(description=__doc__)
    result.add_argument(
        "--out",
        type=Path,
        default=Path("runs/classification"),
        help="folder for the runs, the table and the picture",
    )
    result.add_argument(
        "--settings",
        nargs="+",
        choices=list(SETTINGS),
        default=list(SETTINGS),
        metavar="SETTING",
        help=f"columns of the table, of: {', '.join(SETTINGS).replace('%', '%%')} (default: all)",
    )
    result.add_argument(
        "--weightings",
        nargs="+",
        choices=list(ENTRANTS),
        default=list(ENTRANTS),
        metavar="WEIGHTING",
        help=f"rows of the table, of: {', '.join(ENTRANTS)} (default: all); 'trusted only' is "
        "plain training on the trusted images alone",
    )
    result.add_argument(
        "--seeds",
        nargs="+",
        type=int,
        default=[1, 2, 3, 4, 5],
        help="seeds of split, noise, initialisation and order (default: 1 2 3 4 5)",
    )
    result.add_argument(
        "--workers", type=int, default=2, help="processes, of one thread each (default: 2)"
    )
    return result


def train(jobs: Sequence[Job], path: Path, workers: int) -> None:
    """Do the runs that are missing in the file, and add them to it as they finish."""
    todo = missing(jobs, done(path))
    if not todo:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with multiprocessing.get_context("spawn").Pool(workers, _quiet) as pool:
        finished = pool.imap_unordered(run, todo)
        bar = tqdm(finished, total=len(jobs), initial=len(jobs) - len(todo), unit="run")
        for line in bar:
            append(path, line)


def report(jobs: Sequence[Job], out: Path, command: str) -> str:
    """Write the table and the picture of finished runs; returns the table."""
    found = cells(results(jobs, done(out / "runs.jsonl")))
    entrants = list(dict.fromkeys(job.entrant for job in jobs))
    settings = list(dict.fromkeys(job.setting for job in jobs))
    text = table(found, entrants, settings)
    (out / "table.md").write_text(f"Made by `{command}`.\n\n{text}\n", encoding="utf-8")
    if any(":" in setting for setting in settings):
        draw(found, entrants, out / "imbalance.png")
    return text


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    args = parser().parse_args(given)
    _quiet()
    jobs = [
        Job(setting, entrant, seed)
        for seed, setting, entrant in product(args.seeds, args.settings, args.weightings)
    ]
    train(jobs, args.out / "runs.jsonl", args.workers)
    command = shlex.join(["python", "examples/classification/table.py", *given])
    print(report(jobs, args.out, command))


def _quiet() -> None:
    """Logs would break the progress bar: fairseq turns those of every library on."""
    logging.disable(logging.INFO)


if __name__ == "__main__":
    main()
