"""What the command lines of benchmarks on given data have in common."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser(description: str | None, out: str) -> argparse.ArgumentParser:
    """A command line that is told the data and where to write, ``out`` if nothing is said."""
    result = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument(
        "--data", type=Path, required=True, help="binary data with the splits train, valid, meta"
    )
    result.add_argument(
        "--out", type=Path, default=Path(out), help=f"folder for what it writes (default: {out})"
    )
    return result
