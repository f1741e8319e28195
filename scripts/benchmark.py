"""What reweighting costs beside plain training: time and operations per update, peak memory.

    python scripts/benchmark.py --out runs/benchmark

All sides train the same student on the same batches, in one process, one update each in turn, so
that whatever else the machine does hurts all alike. A turn is ten updates; ratios are to plain
`fairseq-train` (`plain`) in the same turn. Time is the processor's on a CPU with one thread. Memory
is how far a process of its own grows. Operations are torch's, of any size: what counts where a GPU
waits for Python.

Sides that are named by a `--meta-method` take the exact meta-gradient, through all parameters, but
those with `attention`: through the attention to the source, the default. `deep` has all defaults, a
dev batch of half a training batch among them; `deep, every 1` looks at one at every update.

Peers take part where they are installed: `pip install -e '.[peers]'`, and for Python 3.11 with a
pip before 24.1 `pip install --no-deps betty-ml`. How far each is from the exact derivative is told.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from benchmarking.comparison import compare, figure_apart, peak_megabytes, table
from benchmarking.operations import operations
from benchmarking.peers import APPROXIMATE, PEERS, Peer, disagreement
from benchmarking.students import Setting, Student, quiet, train_command
from tqdm import tqdm

from quickstart import prepare
from versions import versions

# Intervals divide it, so that every turn holds as many looks at the dev set.
TURN = 10
# Turns after those that are timed, in which operations are counted: it takes time itself.
_COUNTED = 4
# What a look takes beside the dev batch, in forward passes of a training batch.
_PASS = {"forward": 2.0, "ghost": 1.0}
_THROUGH_ALL = ("--meta-params", ".")
WEIGHING = "mwnet"  # the cheapest of those that learn from the exact meta-gradient


def _meta(method: str, interval: int, *flags: str) -> Callable[[Setting], Any]:
    often = ("--meta-interval", str(interval))
    every = ("--meta-method", method, *often, *flags)
    return lambda setting: Student(train_command(setting, WEIGHING, every))


def _deep(*flags: str) -> Callable[[Setting], Any]:
    return lambda setting: Student(train_command(replace(setting, dev_share=0.5), "deep", flags))


def _peer(name: str) -> Callable[[Setting], Any]:
    def build(setting: Setting) -> Peer:
        flags = ("--meta-interval", "1")
        student = Student(train_command(setting, WEIGHING, flags))
        dev = student.task.reweighting.parts.meta_step.trusted
        return Peer(student, name, [student.moved(dev.next()) for _ in range(TURN)])

    return build


def sides() -> dict[str, Callable[[Setting], Any]]:
    """All that is compared, by name: how it is built."""
    found: dict[str, Callable[[Setting], Any]] = {
        "plain": lambda setting: Student(train_command(setting, "stock")),
        "uniform": lambda setting: Student(train_command(setting, "uniform")),
        "deep": _deep(),
        "deep, every 1": _deep("--meta-interval", "1", "--weighting-options", "spacing=even"),
    }
    for method in ("forward", "reverse", "difference", "ghost"):
        for interval in (1, 5, 10):
            found[f"{method}, every {interval}"] = _meta(method, interval, *_THROUGH_ALL)
    for window in (4, 8):
        flags = (*_THROUGH_ALL, "--meta-window", str(window))
        found[f"forward, every 10, window {window}"] = _meta("forward", 10, *flags)
    for method in _PASS:
        found[f"{method}, every 1, attention"] = _meta(method, 1)
    return found | {name: _peer(name) for name in PEERS if name == "ren" or find_spec(name)}


def floor(method: str, interval: int, dev_share: float) -> float:
    """The least that an exact meta-gradient can cost, in plain updates.

    In forward passes of a training batch: an update is 3 (backward is 2), a look is 3 of a dev
    batch, and a forward-mode pass 2 (values and tangents). Ghost products take no pass, but every
    layer once more, with the dev gradient in place of its parameters: at most 1. Through few
    parameters all is less. Optimizer, features and the teacher are not counted.
    """
    return 1 + (3 * dev_share + _PASS[method]) / 3 / interval


def times(
    setting: Setting, names: Sequence[str], turns: int
) -> tuple[dict[str, list[float]], dict[str, float], dict[str, float]]:
    """Seconds of an update, of every turn of every side; its operations; how far off peers are."""
    built = {name: sides()[name](setting) for name in tqdm(names, desc="building", disable=None)}
    samples = [built["plain"].moved(sample) for sample in built["plain"].samples(TURN)]
    peers = [side for side in built.values() if isinstance(side, Peer)]
    off = {peer.name: _off(peer, samples[0]) for peer in peers}
    found: dict[str, list[float]] = {name: [] for name in names}
    order = list(names)
    bar = tqdm(total=(turns + 1) * TURN, unit="update", disable=None)
    for turn in range(turns + 1):
        spent = dict.fromkeys(names, 0.0)
        for sample in samples:
            random.shuffle(order)  # nobody always comes after the same other
            for name in order:
                begin = _now(setting)
                built[name].update(sample)
                spent[name] += _now(setting) - begin
            bar.update()
        for name in names if turn > 0 else ():  # the first one warms caches up and fills windows
            found[name].append(spent[name] / TURN)
    bar.close()
    counting = tqdm(names, desc="operations", disable=None)
    counts = {name: operations(built[name].update, samples * _COUNTED) for name in counting}
    return found, counts, off


def _off(peer: Peer, sample: dict[str, Any]) -> float:
    """How far off a peer is; stop where one that should be exact computes something else."""
    found = disagreement(peer.student, peer.name, sample, peer.devs[0])
    if peer.name not in APPROXIMATE and not found < 1e-3:
        sys.exit(f"{peer.name} disagrees with the exact derivative: {found:.2g} of the largest")
    return found


def _now(setting: Setting) -> float:
    """Seconds: of the processor where a thread of it does all, which other programs hardly move."""
    if setting.device == "cuda":
        torch.cuda.synchronize()
    alone = setting.device == "cpu" and torch.get_num_threads() == 1
    return time.process_time() if alone else time.perf_counter()


def memory(setting: Setting, name: str) -> float:
    """How far a side grows this process in two turns, in MB: parameters and all."""
    cuda = setting.device == "cuda"
    before = 0 if cuda else peak_megabytes()
    side = sides()[name](setting)
    student = side if isinstance(side, Student) else side.student
    for sample in student.samples(TURN) * 2:
        side.update(student.moved(sample))
    if cuda:
        return torch.cuda.max_memory_allocated() / 2**20
    return peak_megabytes() - before


def memory_apart(setting: Setting, name: str) -> float:
    """``memory`` in a process of its own."""
    command = [sys.executable, __file__, "--memory-of", name, "--setting", _packed(setting)]
    command += ["--threads", str(torch.get_num_threads())]
    return figure_apart(command, name)


def _packed(setting: Setting) -> str:
    return json.dumps(asdict(setting), default=str)


def _unpacked(text: str) -> Setting:
    fields = json.loads(text)
    return Setting(**{**fields, "data": Path(fields["data"]), "out": Path(fields["out"])})


def measure(setting: Setting, names: Sequence[str], turns: int) -> dict[str, Any]:
    """Time and operations of an update and memory of all sides, beside plain; peers' errors."""
    seconds, counts, off = times(setting, names, turns)
    with ThreadPoolExecutor(os.cpu_count()) as side_by_side:  # which changes no one's memory
        found = side_by_side.map(partial(memory_apart, setting), names)
        bar = tqdm(found, desc="memory", total=len(names), disable=None)
        megabytes = dict(zip(names, bar, strict=True))
    return {"sides": compare(seconds, megabytes, counts), "disagreement": off}


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument(
        "--out", type=Path, default=Path("runs/benchmark"), help="folder for what it writes"
    )
    result.add_argument(
        "--data",
        type=Path,
        help="folder of binary data with the splits train, valid and meta (default: the embedded "
        "corpus, made below OUT)",
    )
    result.add_argument(
        "--sides", nargs="+", metavar="SIDE", help=f"beside plain: {', '.join(sides())}"
    )
    result.add_argument("--turns", type=int, default=10, help="turns of ten updates that count")
    result.add_argument("--width", type=int, default=Setting.width, help="of the student")
    result.add_argument("--layers", type=int, default=Setting.layers, help="on either side of it")
    result.add_argument("--max-tokens", type=int, default=Setting.max_tokens, help="of a batch")
    result.add_argument(
        "--dev-share", type=float, default=Setting.dev_share, help="size of a dev batch beside it"
    )
    result.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where it runs")
    result.add_argument(
        "--precision", choices=("fp32", "fp16", "bf16"), default="fp32", help="of the student"
    )
    result.add_argument("--threads", type=int, default=1, help="threads of a process on the CPU")
    result.add_argument("--memory-of", metavar="SIDE", help=argparse.SUPPRESS)
    result.add_argument("--setting", help=argparse.SUPPRESS)
    return result


def main() -> None:
    """Run the command line."""
    args = parser().parse_args()
    unknown = sorted({*(args.sides or [])} - {*sides()})
    if unknown:
        sys.exit(f"unknown side {unknown[0]!r}; known: {', '.join(sides())}")
    torch.set_num_threads(args.threads)
    quiet()
    if args.memory_of:
        print(memory(_unpacked(args.setting), args.memory_of))
        return
    names = list(dict.fromkeys(["plain", *(args.sides or sides())]))
    args.out.mkdir(parents=True, exist_ok=True)
    fields = ("width", "layers", "max_tokens", "dev_share", "device", "precision")
    setting = Setting(
        data=args.data or prepare(args.out, seed=1),
        out=args.out,
        **{name: getattr(args, name) for name in fields},
    )
    found = {
        "setting": {name: getattr(args, name) for name in (*fields, "threads", "turns")},
        "floor": {
            f"{method}, every {k}": floor(method, k, args.dev_share)
            for method in _PASS
            for k in (1, 5, 10)
        },
        "versions": versions(),
        **measure(setting, names, args.turns),
    }
    (args.out / "benchmark.json").write_text(json.dumps(found, indent=1) + "\n")
    print(table(found["sides"]))
    for name, value in found["floor"].items():
        print(f"floor, {name}: {value:.2f}")
    for name, value in found["disagreement"].items():
        print(f"{name} differs from the exact derivative by {value:.1g} of the largest")


if __name__ == "__main__":
    main()
