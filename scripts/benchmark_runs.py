"""What reweighting costs a whole run of `fairseq-train` at the defaults, on a recipe.

    python scripts/benchmark_runs.py --data runs/matrix/mixed50/bin-all --out runs/benchmark_runs

Plain training and `--weighting deep`, one run of each a turn, one after the other or both together,
from the start of the process to its end: set-up, validation and checkpoints included. Memory is the
peak of a process, all that Python and torch take themselves included; on a GPU it is not that of
the GPU. With `--workers` a run is as many processes that share the batches of an update (on CPUs).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarking import arguments, workers
from benchmarking.comparison import compare, peak_megabytes, table
from tqdm import tqdm

import training
from steps import ONE_CORE, environment, fail
from versions import versions

SIDES = {"plain": training.STOCK, "deep": "deep"}
_LOOK = 0.2  # seconds between looks at a process's memory


class Timed:
    """A run of one or more processes, and what it takes.

    Attributes:
        seconds: from the start to the end of the last process, once all have ended.
        megabytes: the largest peak memory of a process so far.
    """

    def __init__(self, commands: Sequence[Sequence[str]], log: Path, threads: int) -> None:
        self.log, self.seconds, self.megabytes = log, 0.0, 0.0
        variables = environment() | dict.fromkeys(ONE_CORE, str(threads))
        self._begin = time.perf_counter()
        with log.open("w", encoding="utf-8") as file:
            self._processes = [
                subprocess.Popen(command, stdout=file, stderr=file, env=variables)
                for command in commands
            ]

    def goes_on(self) -> bool:
        """Take note of time and memory; whether there is a process yet. Stops where one failed."""
        peaks = [peak_megabytes(process.pid) for process in self._processes]
        self.megabytes = max(self.megabytes, *peaks)
        codes = [process.poll() for process in self._processes]
        if any(codes):  # the others would wait for it
            fail(self.log.parent.name, next(filter(None, codes)), self.log)
        if None not in codes and not self.seconds:
            self.seconds = time.perf_counter() - self._begin
        return None in codes

    def kill(self) -> None:
        """End what has not ended."""
        for process in self._processes:
            process.kill()
            process.wait()


def finish(runs: Sequence[Timed], another: Callable[[], Timed] | None = None) -> None:
    """Follow runs to their end.

    Args:
        runs: that go on at the same time.
        another: if given, begins one more in place of the first that ends, so that the machine is
            as busy as before until the last one ends; it is given up then.
    """
    others: list[Timed] = []
    try:
        while True:
            going = [run.goes_on() for run in runs]
            if not any(going):
                break
            if another and not all(going) and not others:
                others.append(another())
            time.sleep(_LOOK)
    finally:
        for run in (*runs, *others):
            run.kill()  # also where this one was interrupted


def main() -> None:
    """Run the command line."""
    parser = arguments.parser(__doc__, "runs/benchmark-runs")
    parser.add_argument("--recipe", choices=training.CONFIGS, default="multi30k", help="trained")
    parser.add_argument("--updates", type=int, help="length of a run (default: the recipe's)")
    parser.add_argument("--turns", type=int, default=1, help="how often (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="of a run (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of a worker (default: %(default)s)")
    parser.add_argument(
        "--together",
        action="store_true",
        help="both runs of a turn at the same time, so that whatever else the machine does hurts "
        "both alike (one more plain run goes on in place of the one that ends first); for machines "
        "with a core for every worker and thread of both",
    )
    args = parser.parse_args()

    def begun(name: str, place: str) -> Timed:
        folder = args.out / place
        shutil.rmtree(folder, ignore_errors=True)  # or it would go on from the last turn
        folder.mkdir(parents=True)
        run = training.Run(args.data, folder, SIDES[name], config=args.recipe, updates=args.updates)
        _, *flags = training.train_command(run)
        commands = workers.commands(flags, args.workers)
        return Timed(commands, folder / "train.log", args.threads)

    seconds: dict[str, list[float]] = {name: [] for name in SIDES}
    megabytes = dict.fromkeys(SIDES, 0.0)
    bar = tqdm(total=args.turns * len(SIDES), unit="run", disable=None)
    for turn in range(args.turns):
        order = list(SIDES)[:: 1 if turn % 2 == 0 else -1]
        for names in [order] if args.together else [[name] for name in order]:
            runs = {name: begun(name, name) for name in names}
            finish(list(runs.values()), lambda: begun("plain", "meanwhile"))
            for name, run in runs.items():
                seconds[name].append(run.seconds)
                megabytes[name] = max(megabytes[name], run.megabytes)
                bar.update()
    bar.close()
    found = {
        "setting": {
            name: getattr(args, name)
            for name in ("recipe", "updates", "workers", "threads", "turns", "together")
        },
        "versions": versions(),
        "sides": compare(seconds, megabytes),
    }
    (args.out / "benchmark.json").write_text(json.dumps(found, indent=1) + "\n")
    print(table(found["sides"]))


if __name__ == "__main__":
    main()
