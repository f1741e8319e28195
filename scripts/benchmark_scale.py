"""How the cost of reweighting grows: time and memory beside plain training, by size.

    python scripts/benchmark_scale.py --data runs/matrix/mixed50/bin-all --out runs/scale

`scripts/benchmark.py` for students of several widths and for batches of several sizes; a ratio that
does not grow costs a large student no more than a small one. Writes `scale.json` and `scale.png`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark import sides
from benchmarking import arguments
from benchmarking.comparison import output_apart, table
from benchmarking.students import Setting, quiet
from tqdm import tqdm

BENCHMARK = Path(__file__).parent / "benchmark.py"
AXES = {"width": "width of the student", "max_tokens": "target tokens of a batch"}


def measured(args: argparse.Namespace, axis: str, value: int) -> dict[str, Any]:
    """What `benchmark.py` writes for one size, in a process of its own."""
    out = args.out / f"{axis}-{value}"
    flags = ["--data", args.data, "--out", out, "--turns", args.turns, "--device", args.device]
    flags += ["--threads", args.threads, f"--{axis.replace('_', '-')}", value]
    command = [sys.executable, BENCHMARK, *flags, "--sides", *args.sides]
    out.mkdir(parents=True, exist_ok=True)
    output_apart(list(map(str, command)), f"{axis} {value}")
    found: dict[str, Any] = json.loads((out / "benchmark.json").read_text())
    return found


def draw(found: dict[str, dict[str, Any]], names: Sequence[str], path: Path) -> None:
    """Ratios by size: time above with its spread over turns, memory below."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(found), figsize=(9, 6), sharey="row", squeeze=False)
    for column, (axis, points) in enumerate(found.items()):
        sizes = [int(size) for size in points]
        for name in names:
            measures = [point["sides"][name] for point in points.values()]
            times = [m["time"] for m in measures]
            middle = [t["median"] for t in times]
            below = [t["median"] - t["low"] for t in times]
            above = [t["high"] - t["median"] for t in times]
            axes[0][column].errorbar(sizes, middle, [below, above], marker="o", label=name)
            axes[1][column].plot(sizes, [m["memory"] for m in measures], marker="o", label=name)
        for row, what in enumerate(("time", "memory")):
            panel = axes[row][column]
            panel.axhline(1, color="black", linewidth=0.5)
            panel.set_xscale("log", base=2)
            panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
            panel.set_xlabel(AXES[axis])
            panel.set_ylabel(f"{what}, plain training = 1" if column == 0 else "")
    axes[0][0].legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main() -> None:
    """Run the command line."""
    parser = arguments.parser(__doc__, "runs/benchmark-scale")
    parser.add_argument(
        "--sides",
        nargs="+",
        default=["uniform", "deep", "ghost, every 1", "forward, every 1"],
        help="beside plain (default: %(default)s)",
    )
    parser.add_argument(
        "--width", type=int, nargs="*", default=[96, 192, 384], help="(default: %(default)s)"
    )
    parser.add_argument(
        "--max-tokens", type=int, nargs="*", default=[512, 1024, 2048], help="(%(default)s)"
    )
    parser.add_argument("--turns", type=int, default=5, help="turns of ten updates that count")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where it runs")
    parser.add_argument("--threads", type=int, default=1, help="threads of a process on the CPU")
    args = parser.parse_args()
    unknown = sorted({*args.sides} - {*sides()})
    if unknown:
        sys.exit(f"unknown side {unknown[0]!r}; known: {', '.join(sides())}")
    quiet()
    usual = {axis: getattr(Setting, axis) for axis in AXES}
    cells = [(axis, size) for axis in AXES for size in sorted(getattr(args, axis))]
    found: dict[str, dict[str, Any]] = {axis: {} for axis, _ in cells}
    known: dict[tuple[int, ...], dict[str, Any]] = {}
    for axis, size in tqdm(cells, unit="size", disable=None):
        # The two rows cross in a size of their own, which is measured once.
        place = tuple((usual | {axis: size}).values())
        known[place] = known.get(place) or measured(args, axis, size)
        found[axis][str(size)] = known[place]
    (args.out / "scale.json").write_text(json.dumps(found, indent=1) + "\n")
    draw(found, args.sides, args.out / "scale.png")
    for axis, points in found.items():
        for size, point in points.items():
            print(f"\n{AXES[axis]}: {size}\n\n{table(point['sides'])}")


if __name__ == "__main__":
    main()
