"""Time and memory of several sides, beside plain training."""

from __future__ import annotations

import math
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def peak_megabytes(process: int | str = "self") -> float:
    """Peak memory of a process so far; 0 if it has ended, NaN where there is no Linux's /proc."""
    if not Path("/proc/self/status").exists():
        return math.nan
    # getrusage would count that of the process that forked it.
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(status.split("VmHWM:")[1].split()[0]) / 1024 if "VmHWM:" in status else 0.0


def figure_apart(command: Sequence[str], what: str) -> float:
    """The figure that a command of its own prints last, such as its own peak memory."""
    # Freed memory goes back at once, so that the peak is what was in use.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    return float(output_apart(command, what, environment).split()[-1])


def output_apart(
    command: Sequence[str], what: str, environment: Mapping[str, str] | None = None
) -> str:
    """What a command of its own prints; one that fails ends this one, too, and says why."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        # One that was killed for its memory says nothing.
        said = [line for line in done.stderr.splitlines() if line.strip()]
        killed = "" if done.returncode > 0 else f" by {signal.Signals(-done.returncode).name}"
        sys.exit(f"{what} ended{killed} ({done.returncode}): {said[-1] if said else 'no message'}")
    return done.stdout


def compare(
    seconds: Mapping[str, Sequence[float]],
    megabytes: Mapping[str, float],
    operations: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """What every side takes, and its ratios to the side `plain`, of time turn by turn."""
    result: dict[str, Any] = {}
    for name in seconds:
        pairs = zip(seconds[name], seconds["plain"], strict=True)
        ratios = sorted(ours / plain for ours, plain in pairs)
        result[name] = {
            "seconds": statistics.median(seconds[name]),
            "time": {"median": statistics.median(ratios), "low": ratios[0], "high": ratios[-1]},
            "megabytes": megabytes[name],
            "memory": megabytes[name] / megabytes["plain"] if megabytes["plain"] else math.nan,
        }
        if operations is not None:
            result[name]["operations"] = operations[name] / operations["plain"]
    return result


def table(sides: Mapping[str, Any]) -> str:
    """The sides as Markdown."""
    more = [key for key in ("memory", "operations") if key in sides["plain"]]
    lines = [f"| side | time | {' | '.join(more)} |", "| --- " * (2 + len(more)) + "|"]
    for name, side in sides.items():
        middle, low, high = (side["time"][part] for part in ("median", "low", "high"))
        rest = " | ".join(f"{side[key]:.2f}" for key in more)
        lines.append(f"| `{name}` | {middle:.2f} ({low:.2f} to {high:.2f}) | {rest} |")
    return "\n".join(lines)
