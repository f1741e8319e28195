"""The results of the matrix as tables and pictures."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from contenders import BASELINE, CONTENDERS, ORACLE, SUBJECT
from labels import CLEAN
from recipes import RECIPES
from steps import say, short
from tables import Table, as_markdown, kinds_of, notes

Results = Sequence[Mapping[str, Any]]
_COLUMNS = 3  # of the picture


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and the half width of its 95% interval (Student's t); none for one."""

    mean: float
    half: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Estimate:
        """From one value a seed."""
        if len(values) < 2:
            return cls(float(np.mean(values)), None)
        return cls(
            float(np.mean(values)), float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
        )

    def text(self, digits: int, sign: str = "") -> str:
        """Return `12.3 ± 0.4`; with `+` for a sign, `+12.3 ± 0.4`."""
        half = "" if self.half is None else f" ± {self.half:.{digits}f}"
        return f"{self.mean:{sign}.{digits}f}{half}"


def recipes_in(results: Results) -> list[str]:
    """Return the recipes that there are results of, in the order of the recipes."""
    there = {result["recipe"] for result in results}
    return [name for name in RECIPES if name in there]


def by_run(results: Results, recipe: str) -> dict[str, list[Mapping[str, Any]]]:
    """Return the results of a recipe by run, in the order of the contenders."""
    rows = [result for result in results if result["recipe"] == recipe]
    found = {run: [r for r in rows if r["run"] == run] for run in CONTENDERS}
    return {run: group for run, group in found.items() if group}


def closed(runs: Mapping[str, Results], run: str) -> float | None:
    """Return the share of the gap from uniform to the oracle that a run closes, seed by seed.

    None where it means nothing: for these two, without an oracle, or with no gap to speak of.
    """
    if run in (BASELINE, ORACLE) or ORACLE not in runs:
        return None
    shared = _by_seed(runs, BASELINE, ORACLE, run)
    gaps = [oracle - uniform for uniform, oracle, _ in shared]
    gains = [bleu - uniform for uniform, _, bleu in shared]
    return sum(gains) / sum(gaps) if shared and min(gaps) > 1 else None


def ahead(runs: Mapping[str, Results], run: str) -> Estimate | None:
    """Return by how much BLEU `deep` is ahead of a run, seed by seed; None for no such seed."""
    if run == SUBJECT or SUBJECT not in runs:
        return None
    shared = _by_seed(runs, SUBJECT, run)
    return Estimate.of([deep - bleu for deep, bleu in shared]) if shared else None


def _by_seed(runs: Mapping[str, Results], *names: str) -> list[tuple[float, ...]]:
    """Return the BLEU of some runs, a row for every seed that all of them have."""
    bleu = [{r["seed"]: r["bleu"] for r in runs[name]} for name in names]
    seeds = sorted(set.intersection(*map(set, bleu)))
    return [tuple(scores[seed] for scores in bleu) for seed in seeds]


def quality_table(runs: Mapping[str, Results]) -> Table:
    """Return a row a run: scores, how far to the oracle, and against uniform."""
    head = ["run", "seeds", "BLEU", "chrF", "gap closed", "against uniform", "`deep` is ahead by"]
    table = [[*head, "minutes"]]
    for run, group in runs.items():
        tests = [r["against_uniform"] for r in group if "against_uniform" in r]
        part, lead = closed(runs, run), ahead(runs, run)
        table.append(
            [
                f"`{run}`",
                str(len(group)),
                Estimate.of([r["bleu"] for r in group]).text(1),
                Estimate.of([r["chrf"] for r in group]).text(1),
                "" if part is None else f"{part:.0%}",
                _against(tests),
                "" if lead is None else lead.text(1, "+"),
                _fastest(minutes(runs, run), group),
            ]
        )
    return table


def minutes(runs: Mapping[str, Results], run: str) -> list[float]:
    """Return the minutes of training; a filter by losses needs those of the baseline first.

    One by two models needs about as many again, for the other direction.
    """
    before = {r["seed"]: r["train_seconds"] for r in runs.get(BASELINE, [])}
    models = CONTENDERS[run].by_loss + CONTENDERS[run].by_dual
    return [(r["train_seconds"] + models * before.get(r["seed"], 0.0)) / 60 for r in runs[run]]


def _fastest(took: Sequence[float], group: Results) -> str:
    """Return the least minutes, and on what device if it was no CPU."""
    least, device = min(zip(took, (r.get("device", "CPU") for r in group), strict=True))
    return f"{least:.0f}" + ("" if device == "CPU" else f" ({device})")


def _against(tests: Sequence[Mapping[str, Any]]) -> str:
    """Return the mean difference and the *largest* p of all seeds: what holds for each of them."""
    if not tests:
        return ""
    difference = float(np.mean([test["difference"] for test in tests]))
    return f"{difference:+.1f}, p ≤ {max(test['p'] for test in tests):.3f}"


def weight_table(runs: Mapping[str, Results], key: str) -> Table:
    """Return a row a run that gives weights: `auc` or `mean_weight` for every kind of noise."""
    shown = {run: group for run, group in runs.items() if _differ(group)}
    kinds = kinds_of([r for group in shown.values() for r in group])
    kinds = [CLEAN, *kinds] if key == "mean_weight" else kinds
    if not shown or not kinds:
        return []
    rows = []
    for run, group in shown.items():
        # A filter may leave nothing of a kind.
        told = [[r[key][kind] for r in group if kind in r[key]] for kind in kinds]
        found = [Estimate.of(values) if values else None for values in told]
        digits = _digits([x for x in found if x]) if key == "mean_weight" else 2
        rows.append([f"`{run}`", *("-" if x is None else x.text(digits) for x in found)])
    return [["run", *kinds], *rows]


def told_table(runs: Mapping[str, Results]) -> Table:
    """Return a row a run: how often some labels outweigh others, for every question of a recipe."""
    asked = list(
        dict.fromkeys(name for group in runs.values() for r in group for name in _asked(r))
    )
    rows = []
    for run, group in runs.items():
        if _differ(group) and all(_asked(r) for r in group):
            found = [[_asked(r)[n] for r in group if n in _asked(r)] for n in asked]
            rows.append([f"`{run}`", *(Estimate.of(x).text(2) if x else "-" for x in found)])
    return [["run", *asked], *rows] if rows else []


def _asked(result: Mapping[str, Any]) -> Mapping[str, float]:
    found: Mapping[str, float] = result.get("told", {})
    return found


def _digits(weights: Sequence[Estimate]) -> int:
    """Return the decimals that leave the largest weight two digits.

    Only ratios within an update count, and what some weightings give is small.
    """
    largest = max(weight.mean for weight in weights)
    return max(2, 1 - math.floor(math.log10(largest))) if largest > 0 else 2


def course_table(runs: Mapping[str, Results]) -> Table:
    """Return how far the usefulness and the loss alone tell each kind, at stages of training.

    A row for the loss in plain training, and one for the usefulness of every run that has one.
    """
    rows = [(run, "loss" if run == BASELINE else "usefulness") for run in runs]
    kinds = kinds_of([r for group in runs.values() for r in group])
    table = [
        [
            f"`{run}`: {what}",
            *(_stages([_told(r, what, kind) for r in runs[run]]) for kind in kinds),
        ]
        for run, what in rows
        if any(_known(_told(r, what, kind)) for r in runs[run] for kind in kinds)
    ]
    return [["by", *kinds], *table] if table else []


def _told(result: Mapping[str, Any], what: str, kind: str) -> list[float | None]:
    """Return the AUC of every epoch."""
    found: list[float | None] = result.get("course", {}).get(what, {}).get(kind, [])
    return found


def _known(course: Sequence[float | None]) -> list[float]:
    return [auc for auc in course if auc is not None]


def _stages(courses: Sequence[Sequence[float | None]]) -> str:
    """Return means over seeds and epochs: of the first, then of each third of the others."""
    parts = [[course[:1], *_thirds(course[1:])] for course in courses]
    stages = [[auc for part in stage for auc in _known(part)] for stage in zip(*parts, strict=True)]
    return " ".join(f"{np.mean(aucs):.2f}" if aucs else "-" for aucs in stages)


def _thirds(course: Sequence[float | None]) -> list[Sequence[float | None]]:
    cuts = [len(course) * k // 3 for k in range(4)]
    return [course[a:b] for a, b in pairwise(cuts)]


def _differ(group: Results) -> bool:
    """Whether a run's weights tell kinds apart at all; those of plain training are all 1."""
    return any(len({round(v, 9) for v in r["mean_weight"].values()}) > 1 for r in group)


def section(results: Results, recipe: str) -> str:
    """Return the part of the document about a recipe."""
    runs = by_run(results, recipe)
    parts = [f"## `{recipe}`: {RECIPES[recipe].what}", as_markdown(quality_table(runs))]
    said = "AUC of the weights, or of a filter's scores:", "Mean weights, or what a filter keeps:"
    for key, text in zip(("auc", "mean_weight"), said, strict=True):
        table = weight_table(runs, key)
        if table:
            parts += [text, as_markdown(table)]
    told = told_table(runs)
    if told:
        parts += ["AUC of the weights for pairs that are, against those that are not:"]
        parts += [as_markdown(told)]
    course = course_table(runs)
    if course:
        parts += [
            "AUC of minus the loss of plain training, and of the usefulness that runs learn from, "
            "in the first epoch and in each third of the others:",
            as_markdown(course),
        ]
    return "\n\n".join(parts)


def _flags(results: Results, run: str) -> str:
    """Return a run's flags, and whether some results are of other ones."""
    now = CONTENDERS[run].extra
    others = any(tuple(r["extra"]) != now for r in results if r["run"] == run)
    said = [f"`{' '.join(now)}`"] if now else []
    said += ["some results are of an earlier version, with other flags"] if others else []
    return f" ({'; '.join(said)})" if said else ""


def legend(results: Results) -> str:
    """Return what the runs are, and how numbers were made."""
    names = [run for run in CONTENDERS if any(r["run"] == run for r in results)]
    lines = [f"- `{run}`: {CONTENDERS[run].what}{_flags(results, run)}" for run in names]
    said = [*notes(results), "±: 95% interval of the mean over seeds (Student's t)."]
    said.append(
        "against uniform: mean difference in BLEU, and the largest p of all seeds "
        "(paired bootstrap, each against uniform with the same seed)."
    )
    said.append("`deep` is ahead by: mean difference in BLEU over the seeds that both have.")
    said.append(
        "minutes: of training on one core of a CPU, unless it says, of the fastest seed, as other "
        "work on the machine counts; a filter by losses needs those of uniform, too."
    )
    return "\n".join(lines) + "\n\n" + "\n".join(f"{line}  " for line in said)


def draw(results: Results, path: Path) -> Path:
    """Draw BLEU of every run, a panel a recipe: a dot a seed, a bar for the mean."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    # Those of as many runs are side by side, so that no panel has rows to spare.
    recipes = sorted(recipes_in(results), key=lambda name: -len(by_run(results, name)))
    lines = [recipes[begin : begin + _COLUMNS] for begin in range(0, len(recipes), _COLUMNS)]
    heights = [1 + 0.3 * len(by_run(results, line[0])) for line in lines]
    figure, grid = plt.subplots(
        len(lines),
        _COLUMNS,
        figsize=(4.2 * _COLUMNS, sum(heights)),
        height_ratios=heights,
        squeeze=False,
    )
    for axes in grid.flat[len(recipes) :]:
        axes.remove()
    for axes, recipe in zip(grid.flat, recipes, strict=False):
        runs = by_run(results, recipe)
        order = sorted(runs, key=lambda run: float(np.mean([r["bleu"] for r in runs[run]])))
        for place, run in enumerate(order):
            bleu = [r["bleu"] for r in runs[run]]
            colour = "#D55E00" if run == SUBJECT else "#0072B2"
            axes.plot(bleu, [place] * len(bleu), "o", color=colour, alpha=0.6, markersize=5)
            axes.plot(np.mean(bleu), place, "|", color=colour, markersize=16)
        axes.set_yticks(range(len(order)), order)
        axes.set_ylim(-0.6, len(order) - 0.4)
        axes.set_title(recipe)
        axes.set_xlabel("BLEU (dot: a seed, bar: mean)")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)
    return path


def report(results: Results, out: Path) -> list[Path]:
    """Write `matrix.md` and `matrix.png` to `out`, and return their paths."""
    if not results:
        sys.exit("no results: name the file that `matrix.py run` writes")
    out.mkdir(parents=True, exist_ok=True)
    sections = [section(results, name) for name in recipes_in(results)]
    parts = [f"# The matrix\n\n{legend(results)}", *sections]
    text = out / "matrix.md"
    text.write_text("\n\n".join([*parts, "![BLEU of every run](matrix.png)"]) + "\n")
    written = [text, draw(results, out / "matrix.png")]
    for path in written:
        say(f"wrote {short(path)}")
    return written
