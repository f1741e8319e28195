"""What a window of B updates takes: seconds of a look back, and how far it raises peak memory.

    python scripts/benchmark_window.py --out runs/window

The student is nearly all parameters (40 MB of them, momentum SGD), so that copies of them show.
Looks back of all windows and trajectories take turns, in one process; memory is that of a process
of its own, beside the student's own, in copies of the parameters.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from benchmarking.comparison import figure_apart, peak_megabytes
from torch import Tensor, nn
from tqdm import tqdm

from fairseq_l2rw.metagradient import TRAJECTORIES, Batch, Parameters, functional
from fairseq_l2rw.metagradient.engine import MetaGradient
from versions import versions

WIDTH, DEPTH, SENTENCES = 1024, 10, 4


class Watched:
    """A student whose last updates can be looked back through.

    Args:
        window: B.
        trajectory: how updates are got back, see ``--meta-trajectory``.
        method: how losses are differentiated, see ``--meta-method``.
    """

    def __init__(self, window: int, trajectory: str, method: str) -> None:
        torch.manual_seed(0)
        layers = [m for _ in range(DEPTH) for m in (nn.Linear(WIDTH, WIDTH), nn.Tanh())]
        self.model = nn.Sequential(*layers)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=1e-3, momentum=0.9)
        self.meta = MetaGradient(
            self.model, method=method, average=0.9, window=window, trajectory=trajectory
        )
        self.window, self.inputs = window, torch.randn(SENTENCES, WIDTH)

    def losses(self, parameters: Parameters) -> Tensor:
        """What an update lowers, one number a row of the inputs."""
        return functional.call(self.model, parameters, self.inputs).square().mean(1)

    def update(self, watched: bool = True) -> None:
        """An update, kept for the look back if ``watched``."""
        self.optimizer.zero_grad()
        self.losses(dict(self.model.named_parameters())).mean().backward()
        if watched:
            self.meta.before_step(self.optimizer)
        self.optimizer.step()
        if watched:
            ones = torch.ones(SENTENCES)
            self.meta.after_step(self.optimizer, [Batch(self.losses, ones, ones)])

    def look_back(self) -> None:
        """All that a look takes but the updates themselves."""
        self.meta.dev_gradient(lambda parameters: self.losses(parameters).mean())
        self.meta.look_back(self.optimizer)
        assert self.meta.reached == self.window


def rise(window: int, trajectory: str, method: str) -> float:
    """How far a look back raises this process's peak, in copies of the parameters."""
    student = Watched(window, trajectory, method)
    for _ in range(3):
        student.update(watched=False)
    before = peak_megabytes()
    for _ in range(window):
        student.update()
    student.look_back()
    parameters = sum(p.numel() * p.element_size() for p in student.model.parameters())
    return (peak_megabytes() - before) * 2**20 / parameters


def rise_apart(window: int, trajectory: str, method: str) -> float:
    """``rise`` in a process of its own."""
    command = [sys.executable, __file__, "--rise-of", str(window), trajectory, method]
    return figure_apart(command, f"window {window}, {trajectory}")


def seconds(cells: list[tuple[int, str]], method: str, turns: int) -> dict[tuple[int, str], float]:
    """Median seconds of a look back through so many updates."""
    students = {cell: Watched(*cell, method) for cell in cells}
    for student in tqdm(students.values(), desc="filling windows", disable=None):
        for _ in range(student.window):
            student.update()
        student.look_back()  # warms caches up
    found: dict[tuple[int, str], list[float]] = {cell: [] for cell in cells}
    for _ in tqdm(range(turns), unit="turn", disable=None):
        for cell in random.sample(cells, len(cells)):
            students[cell].update()
            begin = time.perf_counter()
            students[cell].look_back()
            found[cell].append(time.perf_counter() - begin)
    return {cell: statistics.median(values) for cell, values in found.items()}


def table(found: dict[str, Any]) -> str:
    """Time, beside a window of one that is stored, and memory as Markdown."""
    windows = list(found[TRAJECTORIES[0]])
    one = found[TRAJECTORIES[0]][windows[0]]["seconds"]
    lines = ["| trajectory | | " + " | ".join(f"B = {b}" for b in windows) + " |"]
    lines.append("| --- | --- |" + " --- |" * len(windows))
    for trajectory, cells in found.items():
        times = (f"{cell['seconds'] / one:.1f}" for cell in cells.values())
        lines.append(f"| `{trajectory}` | time | " + " | ".join(times) + " |")
        copies = (f"{cell['copies']:.1f}" for cell in cells.values())
        lines.append("| | memory | " + " | ".join(copies) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/window"), help="folder for results")
    parser.add_argument(
        "--windows", type=int, nargs="+", default=[1, 2, 4, 8, 16], help="B (default: %(default)s)"
    )
    parser.add_argument("--method", default="auto", help="--meta-method (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="looks back that count")
    parser.add_argument("--threads", type=int, default=1, help="threads on the CPU")
    parser.add_argument("--rise-of", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    logging.disable(logging.INFO)
    if args.rise_of:
        window, trajectory, method = args.rise_of
        print(rise(int(window), trajectory, method))
        return
    args.out.mkdir(parents=True, exist_ok=True)
    cells = [(b, trajectory) for trajectory in TRAJECTORIES for b in sorted(args.windows)]
    spent = seconds(cells, args.method, args.turns)
    found: dict[str, Any] = {trajectory: {} for trajectory in TRAJECTORIES}
    for b, trajectory in tqdm(cells, desc="memory", disable=None):
        copies = rise_apart(b, trajectory, args.method)
        found[trajectory][str(b)] = {"seconds": spent[b, trajectory], "copies": copies}
    setting = {name: getattr(args, name) for name in ("method", "turns", "threads")}
    result = {"setting": setting, "versions": versions(), "trajectories": found}
    (args.out / "window.json").write_text(json.dumps(result, indent=1) + "\n")
    print(table(found))


if __name__ == "__main__":
    main()
