"""What reweighting costs a whole run of `fairseq-train` at the defaults, on a recipe.

    python scripts/benchmark_runs.py --data runs/matrix/mixed50/bin-all --out runs/benchmark_runs

Plain training and `--weighting deep`, one run of each a turn, one after the other, from the start
of the process to its end: set-up, validation and checkpoints included. Memory is the peak of the
process, all that Python and torch take themselves included; on a GPU it is not that of the GPU.
With `--workers` a run is as many processes that share the batches of an update (on CPUs).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarking import arguments, workers
from benchmarking.comparison import compare, peak_megabytes, table
from tqdm import tqdm

import training
from score import versions
from steps import ONE_CORE, environment, fail

SIDES = {"plain": training.STOCK, "deep": "deep"}
_LOOK = 0.2  # seconds between looks at a process's memory


def measure(commands: Sequence[Sequence[str]], log: Path, threads: int) -> tuple[float, float]:
    """Run commands side by side to their end; seconds, and the largest peak memory in MB."""
    variables = environment() | dict.fromkeys(ONE_CORE, str(threads))
    begin, peak = time.perf_counter(), 0.0
    with log.open("w", encoding="utf-8") as file:
        processes = [
            subprocess.Popen(command, stdout=file, stderr=file, env=variables)
            for command in commands
        ]
        try:
            while any(process.poll() is None for process in processes):
                peak = max(peak, *(peak_megabytes(process.pid) for process in processes))
                time.sleep(_LOOK)
                if any(process.returncode for process in processes):
                    break  # the others would wait for it
        finally:
            for process in processes:
                process.kill()  # also where this one was interrupted
                process.wait()
    failed = [process.returncode for process in processes if process.returncode]
    if failed:
        fail(log.parent.name, failed[0], log)
    return time.perf_counter() - begin, peak


def main() -> None:
    """Run the command line."""
    parser = arguments.parser(__doc__)
    parser.add_argument("--recipe", choices=training.CONFIGS, default="multi30k", help="trained")
    parser.add_argument("--updates", type=int, help="length of a run (default: the recipe's)")
    parser.add_argument("--turns", type=int, default=1, help="how often (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="of a run (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of a worker (default: %(default)s)")
    args = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in SIDES}
    megabytes = dict.fromkeys(SIDES, 0.0)
    bar = tqdm(total=args.turns * len(SIDES), unit="run", disable=None)
    for turn in range(args.turns):
        for name in list(SIDES)[:: 1 if turn % 2 == 0 else -1]:
            folder = args.out / name
            shutil.rmtree(folder, ignore_errors=True)  # or it would go on from the last turn
            folder.mkdir(parents=True)
            run = training.Run(
                args.data, folder, SIDES[name], config=args.recipe, updates=args.updates
            )
            _, *flags = training.train_command(run)
            commands = workers.commands(flags, args.workers)
            spent, peak = measure(commands, folder / "train.log", args.threads)
            seconds[name].append(spent)
            megabytes[name] = max(megabytes[name], peak)
            bar.update()
    bar.close()
    found = {
        "setting": {
            name: getattr(args, name)
            for name in ("recipe", "updates", "workers", "threads", "turns")
        },
        "versions": versions(),
        "sides": compare(seconds, megabytes),
    }
    (args.out / "benchmark.json").write_text(json.dumps(found, indent=1) + "\n")
    print(table(found["sides"]))


if __name__ == "__main__":
    main()
