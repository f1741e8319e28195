"""Means with intervals, the Markdown table, and the picture of accuracy against imbalance."""

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from scipy.stats import t as student_t

from contest import Job
from digits import RATIOS

# Okabe and Ito's colours, told apart also by colour-blind readers; markers tell them in grey.
COLOURS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
MARKERS = "osv^D<>XP*"

Cells = dict[tuple[str, str], list[float]]  # by entrant and setting, a number a seed


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and half the width of its 95% t-interval (infinite for a single value)."""
    mean, count = statistics.fmean(values), len(values)
    if count < 2:
        return mean, math.inf
    error = statistics.stdev(values) / math.sqrt(count)
    return mean, float(student_t.ppf(0.975, count - 1)) * error


def cells(results: Mapping[Job, float]) -> Cells:
    """Accuracies in percent, gathered over seeds."""
    gathered: Cells = {}
    for job, accuracy in results.items():
        gathered.setdefault((job.entrant, job.setting), []).append(100 * accuracy)
    return gathered


def table(found: Cells, entrants: Sequence[str], settings: Sequence[str]) -> str:
    """Markdown: a row an entrant, a column a setting, in each the mean ± half the interval."""
    rows = [["", *settings], ["---", *("---:" for _ in settings)]]
    for entrant in entrants:
        rows.append([entrant, *(_cell(found.get((entrant, s), [])) for s in settings)])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def draw(found: Cells, entrants: Sequence[str], path: Path) -> None:
    """Accuracy against the ratio of imbalance, a line an entrant: Figure 2 of Ren et al."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.5, 4.8), layout="constrained")
    for number, entrant in enumerate(entrants):
        known = [r for r in RATIOS if (entrant, f"{r}:1") in found]
        points = [interval(found[entrant, f"{r}:1"]) for r in known]
        axes.errorbar(
            [r * 1.02 ** (number - len(entrants) / 2) for r in known],  # side by side
            [mean for mean, _ in points],
            yerr=[half if math.isfinite(half) else 0.0 for _, half in points],
            label=entrant,
            color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[number % len(MARKERS)],
            linestyle="-" if number < len(COLOURS) else "--",
            linewidth=1.2,
            capsize=2,
        )
    axes.set_xscale("log")
    axes.set_xticks(RATIOS, [f"{r}:1" for r in RATIOS])
    axes.minorticks_off()
    axes.set_xlabel("imbalance of the training set")
    axes.set_ylim(top=101)  # an interval may reach beyond what there is
    axes.set_ylabel("test accuracy, % (bars: 95% interval)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, ncols=2, fontsize=9)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _cell(values: Sequence[float]) -> str:
    if not values:
        return "–"
    mean, half = interval(values)
    return f"{mean:.1f} ± {half:.1f}" if math.isfinite(half) else f"{mean:.1f}"
