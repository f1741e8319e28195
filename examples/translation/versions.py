"""By which versions, and on what, a run was trained: a run that was cut off may have several."""

from __future__ import annotations

import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from steps import read_json, say, write_json

STARTS = "starts.json"


def versions() -> dict[str, str]:
    """Return the versions of what the numbers depend on."""
    names = ("torch", "fairseq-fixed", "sacrebleu", "sentencepiece", "numpy")
    return {"fairseq-l2rw": _commit(), **{name: metadata.version(name) for name in names}}


def _commit() -> str:
    """Return the commit of this checkout, or without one the version of the package."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    done = None
    if shutil.which("git"):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done and not done.returncode else metadata.version("fairseq-l2rw")


def start(device: str) -> dict[str, Any]:
    """Return what a run that is started now is trained by, and on."""
    return {"versions": versions(), "device": device}


def note_start(out: Path, device: str) -> None:
    """Add a start of the training in `out`; say so if an earlier one was by other versions."""
    now, before = start(device), starts(out)
    write_json(out / STARTS, {"starts": [*before, now]})
    if before and before[-1] != now:
        say(f"{out.name} goes on by other versions than those it was begun with")


def starts(out: Path) -> list[dict[str, Any]]:
    """Return versions and device of every start of the training in `out`."""
    found: dict[str, Any] = read_json(out / STARTS) if (out / STARTS).exists() else {}
    return list(found.get("starts", []))
