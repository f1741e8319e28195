"""The parts of ``scripts/benchmark.py`` and its neighbours; the command lines are the examples'."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "examples" / "translation"))
