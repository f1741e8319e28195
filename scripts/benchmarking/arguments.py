"""What the command lines of benchmarks on given data have in common."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser(description: str | None) -> argparse.ArgumentParser:
    """A command line that is told the data and where to write."""
    result = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument(
        "--data", type=Path, required=True, help="binary data with the splits train, valid, meta"
    )
    result.add_argument("--out", type=Path, required=True, help="folder for what it writes")
    return result
