"""Time and memory of several sides, beside plain training."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def peak_megabytes(process: int | str = "self") -> float:
    """Peak memory of a process so far; 0 if it has ended."""
    # getrusage would count that of the process that forked it.
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(status.split("VmHWM:")[1].split()[0]) / 1024 if "VmHWM:" in status else 0.0


def compare(
    seconds: Mapping[str, Sequence[float]], megabytes: Mapping[str, float]
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
            "memory": megabytes[name] / megabytes["plain"],
        }
    return result


def table(sides: Mapping[str, Any]) -> str:
    """The sides as Markdown."""
    lines = ["| side | time | memory |", "| --- | --- | --- |"]
    for name, side in sides.items():
        middle, low, high = (side["time"][part] for part in ("median", "low", "high"))
        lines.append(
            f"| `{name}` | {middle:.2f} ({low:.2f} to {high:.2f}) | {side['memory']:.2f} |"
        )
    return "\n".join(lines)
