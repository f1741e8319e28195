"""What fairseq's log says of training, in either of the formats that can be read line by line."""

import json
import math
import re
from typing import Any

_SIMPLE = re.compile(r"epoch (\d+):\s+\d+ / \d+ (.*)")


def parse(line: str) -> dict[str, float] | None:
    """Numbers of a logged update, by fairseq's names; None for any other line.

    Args:
        line: of a log with ``--log-format json`` or ``simple``, as fairseq-train prints it or as
            ``--log-file`` has it, which leaves out the time and the name of the logger.
    """
    start = line.find("{")
    if start >= 0:
        try:
            record = json.loads(line[start:])
        except json.JSONDecodeError:
            return None
        # Validation and the end of an epoch have other names for it.
        return _numbers(record) if {"update", "num_updates"} <= {*record} else None
    found = _SIMPLE.search(line)
    if found is None:
        return None
    pairs = (field.split("=", 1) for field in found[2].split(", ") if "=" in field)
    return _numbers({"epoch": found[1], **dict(pairs)})


def _numbers(record: dict[str, Any]) -> dict[str, float]:
    """The values that are finite numbers."""
    found = {}
    for name, value in record.items():
        try:
            number = float(value)
        except (TypeError, ValueError):
            continue
        if math.isfinite(number):
            found[name] = number
    return found
