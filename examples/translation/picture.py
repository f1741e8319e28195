"""The picture of the weights: how they spread per kind of sentence, and how they got there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from score import CLEAN
from weights import Array, Weights

# Okabe and Ito's colours: told apart also by colour-blind readers. Clean is black.
COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


@dataclass(frozen=True)
class Panel:
    """The weights of one run and what kind every sentence is of."""

    name: str
    weights: Weights
    labels: Sequence[str]

    @property
    def kind(self) -> Array:
        """The kind of every row."""
        return self.weights.kinds(self.labels)


def kind_order(panels: Sequence[Panel]) -> list[str]:
    """Return all kinds, clean first."""
    names = {name for panel in panels for name in panel.labels}
    return sorted(names, key=lambda name: (name != CLEAN, name))


def quantiles(rows: Weights, steps: Sequence[float]) -> Array:
    """Return quantiles of weights, each counted as often as its sentence stands for others."""
    found: Array = np.quantile(
        rows.weight, steps, weights=rows.importance_weight, method="inverted_cdf"
    )
    return found


def quartiles(panel: Panel, kind: str) -> tuple[Array, Array]:
    """Return the epochs and, per epoch, the quartiles (25, 50, 75%) of the weights of a kind."""
    of_kind = panel.weights.take(panel.kind == kind)
    epochs = np.unique(of_kind.epoch)
    steps = [quantiles(of_kind.take(of_kind.epoch == e), (0.25, 0.5, 0.75)) for e in epochs]
    return epochs, np.array(steps).reshape(-1, 3)


def _spread(axes: Any, panel: Panel, kinds: Sequence[str]) -> None:
    last = panel.weights.last_epoch()
    kind_of = last.kinds(panel.labels)
    groups = [last.take(kind_of == kind) for kind in kinds]
    labels = [f"{kind} ({list(panel.labels).count(kind):,})" for kind in kinds]
    parts = ("whislo", "q1", "med", "q3", "whishi")
    boxes = [
        quantiles(group, (0.05, 0.25, 0.5, 0.75, 0.95)) if len(group.id) else [np.nan] * 5
        for group in groups
    ]
    drawn = axes.bxp(
        [dict(zip(parts, box, strict=True)) for box in boxes],
        orientation="horizontal",
        showfliers=False,
        patch_artist=True,
        widths=0.6,
        medianprops={"color": "white", "linewidth": 2},
    )
    for box, colour in zip(drawn["boxes"], COLOURS, strict=False):
        box.set(facecolor=colour, edgecolor=colour, linewidth=6)
    axes.set_yticks(range(1, len(kinds) + 1), labels)
    axes.invert_yaxis()
    axes.set_title(f"{panel.name}: weights in the last epoch")
    axes.set_xlabel("weight (box: middle half, line: median, whiskers: 5-95%)")


def _course(axes: Any, panel: Panel, kinds: Sequence[str]) -> None:
    for kind, colour in zip(kinds, COLOURS, strict=False):
        epochs, steps = quartiles(panel, kind)
        if len(epochs) == 0:
            continue
        low, middle, high = steps.T
        axes.plot(epochs, middle, color=colour, label=kind, marker="o", markersize=3)
        axes.fill_between(epochs, low, high, color=colour, alpha=0.08, linewidth=0)
    axes.set_title(f"{panel.name}: over training")
    axes.set_xlabel("epoch (line: median, band: middle half; colours as on the left)")
    axes.set_ylabel("weight")
    axes.xaxis.get_major_locator().set_params(integer=True)


def draw(panels: Sequence[Panel], path: Path) -> Path:
    """Draw one row a run; runs whose weights are all alike are named, not drawn."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    alike = [panel for panel in panels if np.ptp(panel.weights.weight) == 0]
    shown = [panel for panel in panels if panel not in alike] or list(panels)
    kinds = kind_order(shown)
    top = max(float(np.percentile(panel.weights.weight, 99.5)) for panel in shown) * 1.05 or 1.0
    figure, grid = plt.subplots(
        len(shown), 2, figsize=(12, 4.2 * len(shown)), squeeze=False, layout="constrained"
    )
    for (left, right), panel in zip(grid, shown, strict=True):
        _spread(left, panel, kinds)
        _course(right, panel, kinds)
        left.set_xlim(-0.02 * top, top)  # every run on the same scale; a box at zero shows, too
        right.set_ylim(0, top)
        for axes in (left, right):
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(alpha=0.25)
    if alike and shown != alike:
        names = ", ".join(
            f"{panel.name}: every weight is {panel.weights.weight[0]:g}" for panel in alike
        )
        figure.supxlabel(f"not drawn: {names}", fontsize=9, color="#555555")
    figure.savefig(path, dpi=130)
    plt.close(figure)
    return path
