"""Packaging: pip install -c constraints.txt -e '.[dev]' (scripts/install.sh does it for you)."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent


def version() -> str:
    """Read the version from its file: importing the package would need fairseq and torch."""
    text = (ROOT / "fairseq_l2rw" / "version.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__(?:: \w+)? = "([^"]+)"', text, re.MULTILINE)
    if found is None:
        raise SystemExit('fairseq_l2rw/version.py has no line __version__ = "..."')
    return found[1]


EXAMPLES = ["py3langid", "scikit-learn"]

setup(
    name="fairseq-l2rw",
    version=version(),
    description="Learning to reweight noisy parallel sentences inside fairseq training",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["fairseq_l2rw*"]),
    package_data={"fairseq_l2rw": ["py.typed"], "fairseq_l2rw.reporting": ["page.html"]},
    install_requires=[
        "fairseq-fixed==0.12.3.1",
        "torch>=2.6",
        "sacrebleu",
        "sentencepiece",
        "sacremoses",
        "pyarrow",
        "tqdm",
        # What the command fairseq-l2rw reads, draws and prints with.
        "jinja2",
        "matplotlib",
        "scipy",
        "shtab",
        "xopen>=2.1",
    ],
    entry_points={"console_scripts": ["fairseq-l2rw = fairseq_l2rw.commands.main:main"]},
    extras_require={
        "examples": EXAMPLES,
        "peers": ["higher", "torchopt"],  # that scripts/benchmark.py measures beside ours
        "dev": [
            *EXAMPLES,
            "hypothesis",
            "mypy",
            "pytest",
            "pytest-timeout",
            "pytest-xdist",
            "ruff",
            "tensorboard",
            "wandb",
        ],
    },
)
