"""``fairseq-l2rw watch``: what the log of a run that is going on says of the weights."""

import argparse
import shutil
import sys
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from fairseq_l2rw.inference.log import parse
from fairseq_l2rw.utils.errors import InputError

HELP = "show live what the log of a run says of the weights"
DESCRIPTION = """
Follow the log of a run, and show what it says of the weights: the last value, its course over the
logged updates, and what to expect. Give fairseq-train --log-file FILE and --log-format simple (or
json), or pipe its output to `fairseq-l2rw watch -`. It ends with ctrl-c, or when its input does.
Where its own output is no terminal, it shows the log as it is now, and ends.
"""
EXAMPLE = """
examples:
  fairseq-l2rw watch run/train.log
  fairseq-l2rw watch run --once
"""
#: What is shown, and what to expect of it (docs/practice.md says more).
SHOWN = {
    "loss": "falls",
    "dev_loss": "falls: the loss of trusted pairs, bits per token",
    "weight_mean": "deep: around 0.9 from the second epoch after warm-up on",
    "weight_ess": "above 0.8 with deep in the end: the effective sample size",
    "weight_std": "0 while all weights are alike",
    "step_share": "1; often near 0 means that nearly all pairs are rejected",
    "teacher_exponent": "0 on clean data, 0.4 to 0.9 where much is corrupted",
    "teacher_correlation": "above 0 on average in the first epochs",
    "weight_fallbacks": "0: weights that were no number",
    "meta_skipped": "0: meta steps that taught nothing",
}
_BARS = "▁▂▃▄▅▆▇█"
_KEPT = 1000  # logged updates
_WIDTH = 40
_SECONDS = 2.0
_NEEDS = "train with --log-format simple or json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "log", help="the log, a folder with one file *.log, or - for what fairseq-train prints"
    )
    parser.add_argument("--once", action="store_true", help="show it as it is now, and end")


def run(args: argparse.Namespace) -> None:
    """Do it."""
    courses: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_KEPT))
    shown = 0  # lines on the terminal
    live = sys.stdout.isatty() and not args.once
    drawn = -_SECONDS
    for line in _lines(args.log, follow=live):
        record = parse(line) if line else None
        # A log may have a line several times.
        if record and record.get("num_updates") == last(courses, "num_updates"):
            record = None
        for name, value in (record or {}).items():
            courses[name].append(value)
        idle = line is None
        if live and (idle or time.monotonic() - drawn > _SECONDS):
            lines = screen(courses) if courses else [f"no line of statistics yet ({_NEEDS})"]
            # A line that went on on the next one would be counted wrongly.
            width = shutil.get_terminal_size().columns - 1
            shown = _draw([line[:width].rstrip() for line in lines], shown)
            drawn = time.monotonic()
    if not courses:
        raise InputError(f"{args.log} has no line of statistics: {_NEEDS}")
    _draw(screen(courses), shown)


def _lines(log: str, follow: bool) -> Iterator[str | None]:
    """Lines of a log; None where it has no more of them for now."""
    if log == "-":
        yield from sys.stdin
        return
    path = Path(log)
    if path.is_dir():
        found = sorted(path.glob("*.log"))
        if len(found) != 1:
            raise InputError(f"{path} has {len(found)} files *.log: name the log itself")
        path = found[0]
    if not path.is_file():
        raise InputError(f"missing file: {path}")
    with path.open(encoding="utf-8", errors="replace") as file:
        part = ""
        while True:
            part += file.readline()
            if part.endswith("\n"):
                yield part
                part = ""
            elif follow:
                yield None
                time.sleep(_SECONDS / 4)
            else:
                return


def last(courses: dict[str, deque[float]], name: str) -> float:
    """The newest value, 0 where there is none."""
    return courses[name][-1] if courses.get(name) else 0.0


def screen(courses: dict[str, deque[float]]) -> list[str]:
    """What is shown, line by line.

    Args:
        courses: values of the logged updates, by name.
    """
    epoch, update = (last(courses, name) for name in ("epoch", "num_updates"))
    lines = [f"epoch {epoch:.0f}, update {update:.0f}"]
    for name, expected in SHOWN.items():
        if courses.get(name):
            found = courses[name]
            lines.append(f"{name:20} {found[-1]:>9.4g}  {spark(found):{_WIDTH}}  {expected}")
    return lines


def spark(values: Sequence[float] | deque[float]) -> str:
    """A course as a row of bars, the newest value on the right; each bar is a mean."""
    known = list(values)
    bins = min(_WIDTH, len(known))
    edges = [round(k * len(known) / bins) for k in range(bins + 1)]
    means = [sum(known[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    if high == low:
        return _BARS[0] * bins
    return "".join(_BARS[round((x - low) / (high - low) * (len(_BARS) - 1))] for x in means)


def _draw(lines: Sequence[str], above: int) -> int:
    """Draw over what was drawn before; returns how many lines there are now."""
    if above:
        sys.stdout.write(f"\x1b[{above}A\x1b[J")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    return len(lines)
