"""What cheaper meta-gradients lose: how far they agree with the exact one.

    python scripts/benchmark_accuracy.py --data runs/matrix/mixed50/bin-all --out runs/accuracy

Every side trains a student of its own, all with weights of 1, so that all students make the same
updates; every so often each asks the dev set for the derivative of the dev loss by the weight of
every sentence, in its own way. Told is the correlation, over the sentences of a batch and per
token, with what `exact` finds: through all parameters, the student's own dropout replayed, the
whole dev set.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping
from itertools import cycle, islice
from typing import Any

import torch
from benchmarking import arguments
from benchmarking.students import Setting, Student, quiet, train_command
from torch import Tensor
from tqdm import tqdm

from versions import versions

HUGE = "1000000"  # a dev batch of so many tokens is any dev set; so many updates never come
_ALL = ("--meta-params", ".")
_NOW = ("--meta-average", "0")
_OF_ALL_PAIRS = ("--meta-max-tokens", HUGE, *_NOW)
EXACT = "exact"


def sides(setting: Setting) -> dict[str, tuple[str, ...]]:
    """Flags of every way, by what is cheaper about it."""
    batch = str(setting.max_tokens)
    part = str(max(1, setting.max_tokens // 4))
    return {
        EXACT: (*_ALL, *_OF_ALL_PAIRS),
        "without dropout": (*_ALL, *_OF_ALL_PAIRS, "--meta-dropout", "off"),
        "by differences": (*_ALL, *_OF_ALL_PAIRS, "--meta-method", "difference"),
        "through the attention to the source": _OF_ALL_PAIRS,
        "a dev batch as large as a training batch": (*_ALL, *_NOW, "--meta-max-tokens", batch),
        "a dev batch of a quarter": (*_ALL, *_NOW, "--meta-max-tokens", part),
        "running mean over such dev batches": (*_ALL, "--meta-max-tokens", part),
    }


class Asked(Student):
    """A student whose every meta-gradient is kept."""

    def __init__(self, setting: Setting, flags: tuple[str, ...], interval: int) -> None:
        often = ("--meta-interval", str(interval))
        plain = ("--weighting-warmup", HUGE)  # weights of 1 until the end
        super().__init__(train_command(setting, "mwnet", (*plain, *often, *flags)))
        self.told: list[Tensor] = []
        weighting = self.task.reweighting.parts.weighting
        learn = weighting.learn

        def listen(signals: Any, total: Any) -> Any:
            self.told += [-s.usefulness / s.features.sizes for s in signals]
            return learn(signals, total)

        weighting.learn = listen


def correlations(setting: Setting, updates: int, interval: int) -> dict[str, list[float]]:
    """Correlation with the exact derivative at every look, by side."""
    flags = sides(setting)
    students = {name: Asked(setting, given, interval) for name, given in flags.items()}
    samples = islice(cycle(students[EXACT].samples(updates)), updates)  # epoch after epoch
    for sample in tqdm(samples, total=updates, unit="update", disable=None):
        for student in students.values():
            student.update(sample)
    exact = students[EXACT].told
    return {
        name: [_correlation(a, b) for a, b in zip(student.told, exact, strict=True)][1:]
        for name, student in students.items()
    }  # not the first: where Adam begins, its step hardly depends on the size of a gradient


def _correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a, b]).double())[0, 1])


def table(found: Mapping[str, list[float]]) -> str:
    """Medians of the first and the second half of the looks, as Markdown."""
    lines = ["| derivative | first half | second half |", "| --- | --- | --- |"]
    for name, values in found.items():
        middle = len(values) // 2
        halves = [statistics.median(part) for part in (values[:middle], values[middle:])]
        lines.append(f"| {name} | " + " | ".join(f"{half:.2f}" for half in halves) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run the command line."""
    parser = arguments.parser(__doc__, "runs/benchmark-accuracy")
    parser.add_argument("--updates", type=int, default=400, help="of every student")
    parser.add_argument("--interval", type=int, default=20, help="updates from look to look")
    parser.add_argument("--width", type=int, default=Setting.width, help="of the students")
    parser.add_argument("--layers", type=int, default=Setting.layers, help="on either side")
    parser.add_argument("--max-tokens", type=int, default=Setting.max_tokens, help="of a batch")
    parser.add_argument("--threads", type=int, default=1, help="threads on the CPU")
    args = parser.parse_args()
    if args.updates < 3 * args.interval:
        sys.exit("--updates must be at least three times --interval: the first look does not count")
    torch.set_num_threads(args.threads)
    quiet()
    fields = ("width", "layers", "max_tokens")
    args.out.mkdir(parents=True, exist_ok=True)
    setting = Setting(args.data, args.out, **{name: getattr(args, name) for name in fields})
    found = correlations(setting, args.updates, args.interval)
    result = {
        "setting": {name: getattr(args, name) for name in (*fields, "updates", "interval")},
        "versions": versions(),
        "correlations": found,
    }
    (args.out / "accuracy.json").write_text(json.dumps(result, indent=1) + "\n")
    print(table(found))


if __name__ == "__main__":
    main()
