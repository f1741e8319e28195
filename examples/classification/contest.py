"""What competes, and the runs that are done: one line of JSON each, so that none is done twice."""

import hashlib
import json
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import fairseq_l2rw
from digits import SETTINGS, only_trusted
from learning import Recipe, Rule, Training


@dataclass(frozen=True)
class Entrant:
    """A row of the table.

    Attributes:
        weighting: its name in the package.
        options: where it differs from the package's defaults, chosen on seeds 100 to 102.
        trusted_only: train on the trusted images instead of the corrupted ones.
    """

    weighting: str
    options: Mapping[str, Any] = field(default_factory=dict)
    trusted_only: bool = False


PUBLISHED = {"weighting_options": "head=mlp"}

ENTRANTS: dict[str, Entrant] = {
    "uniform": Entrant("uniform"),
    "trusted only": Entrant("uniform", trusted_only=True),
    "random": Entrant("random"),
    "trim": Entrant("trim"),
    "l2rw": Entrant("l2rw"),
    "mask": Entrant("mask"),
    "mwnet": Entrant("mwnet", {"weighting_options": "rate=0.0003"}),
    "lilaw": Entrant("lilaw"),
    "surface": Entrant("surface", PUBLISHED),
    "deep": Entrant("deep", PUBLISHED),
}


@dataclass(frozen=True)
class Job:
    """A run to be done.

    Attributes:
        setting: a name in ``digits.SETTINGS``.
        entrant: a name in ``ENTRANTS``.
        seed: of split, noise, initialisation and order.
        recipe: what all entrants share.
    """

    setting: str
    entrant: str
    seed: int
    recipe: Recipe = field(default_factory=Recipe)

    def configuration(self) -> dict[str, Any]:
        """All that the result depends on, as JSON keeps it."""
        both = {**asdict(self), **asdict(ENTRANTS[self.entrant]), "code": _code()}
        return json.loads(json.dumps(both))


def run(job: Job) -> dict[str, Any]:
    """Do a run; returns its line."""
    torch.set_num_threads(1)
    begin = time.perf_counter()
    entrant, split = ENTRANTS[job.entrant], SETTINGS[job.setting](job.seed)
    split = only_trusted(split) if entrant.trusted_only else split
    rule = Rule(weighting=entrant.weighting, seed=job.seed, **entrant.options)
    accuracy = Training(split, rule, job.recipe).run()
    return {
        "configuration": job.configuration(),
        "accuracy": accuracy,
        "seconds": round(time.perf_counter() - begin, 2),
        "versions": _versions(),
    }


def done(path: Path) -> list[dict[str, Any]]:
    """The lines of finished runs; one that was cut off while being written does not count."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def missing(jobs: Sequence[Job], lines: Sequence[Mapping[str, Any]]) -> list[Job]:
    """The jobs that no line is of."""
    return [job for job, line in _matched(jobs, lines) if line is None]


def results(jobs: Sequence[Job], lines: Sequence[Mapping[str, Any]]) -> dict[Job, float]:
    """Accuracies of the jobs that are done."""
    return {job: line["accuracy"] for job, line in _matched(jobs, lines) if line is not None}


def append(path: Path, line: Mapping[str, Any]) -> None:
    """Add a line, after taking away the rest of one that was cut off."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if text and not text.endswith("\n"):
        path.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _matched(
    jobs: Sequence[Job], lines: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Job, Mapping[str, Any] | None]]:
    known = {json.dumps(line["configuration"], sort_keys=True): line for line in lines}
    for job in jobs:
        yield job, known.get(json.dumps(job.configuration(), sort_keys=True))


@cache
def _code() -> str:
    """A digest of the modules that make the number, comments and all, and of the package."""
    here, package = Path(__file__).resolve().parent, Path(fairseq_l2rw.__file__).parent
    files = [here / f"{name}.py" for name in ("digits", "classifier", "learning")]
    parts = ("features", "metagradient", "scoring", "utils", "weighting")
    files += sorted(file for part in parts for file in (package / part).rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def _versions() -> dict[str, str]:
    names = ("fairseq-l2rw", "torch", "scikit-learn", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}
