"""The pictures of a report, as SVG text that goes into a page."""

import io
from collections.abc import Mapping, Sequence
from itertools import cycle, pairwise
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Numbers = npt.NDArray[np.float64]

# Okabe and Ito's colours, which the colour-blind tell apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_STYLE = {
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
}
# Which would have a date, and addresses on the network.
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))


class _Picture:
    """Draws in the ``with`` block; ``svg`` then has the result."""

    def __init__(self, width: float = 5.2, height: float = 3.2) -> None:
        self.size, self.svg = (width, height), ""

    def __enter__(self) -> tuple["_Picture", Axes]:
        self._style = matplotlib.rc_context(_STYLE)  # type: ignore[arg-type]
        self._style.__enter__()
        self.figure = Figure(figsize=self.size, layout="constrained")
        return self, self.figure.add_subplot()

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            text = io.StringIO()
            # Without a date and with fixed names the same numbers make the same page.
            with matplotlib.rc_context({"svg.hashsalt": "fairseq-l2rw"}):
                self.figure.savefig(text, format="svg", metadata=_NO_METADATA, transparent=True)
            self.svg = text.getvalue()[text.getvalue().index("<svg") :]
        self._style.__exit__(*error)


def histogram(weights: Mapping[str, Numbers], cut: float) -> str:
    """How many lines have which weight, by group of lines or by run."""
    with _Picture() as (picture, axes):
        top = max(1.05, *(float(np.nanmax(w)) for w in weights.values()))
        bins = np.linspace(0, top, 43).tolist()
        for (name, found), colour in zip(weights.items(), cycle(COLOURS), strict=False):
            known = found[~np.isnan(found)]
            axes.hist(known, bins, histtype="step", linewidth=1.6, label=name, color=colour)
        axes.axvline(cut, color="#666666", linestyle="--", linewidth=1)
        axes.set(xlabel="weight (dashed: the cut)", ylabel="lines", yscale="symlog")
        if len(weights) > 1:
            axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return picture.svg


def over_training(rows: Sequence[Mapping[str, Any]], bands: Sequence[float]) -> str:
    """Which share of the lines has a weight in which band, by epoch.

    Args:
        rows: ``epoch`` and ``shares`` of the bands.
        bands: their bounds.
    """
    names = [f"{low:g} to {high:g}" for low, high in pairwise(bands[:-1])]
    names.append(f"above {bands[-2]:g}")
    with _Picture() as (picture, axes):
        x = [row["epoch"] for row in rows]
        shares = np.array([row["shares"] for row in rows]).T
        colours = matplotlib.colormaps["RdYlGn"](np.linspace(0.12, 0.88, len(names)))
        if len(rows) == 1:  # a column, as between one point and itself there is no area
            x, shares = [x[0] - 0.5, x[0] + 0.5], np.repeat(shares, 2, 1)
            axes.set_xticks([rows[0]["epoch"]])
        axes.stackplot(x, shares, labels=names, colors=colours, linewidth=0)
        axes.set(xlabel="epoch", ylabel="share of the lines", ylim=(0, 1), xlim=(x[0], x[-1]))
        axes.legend(
            *(found[::-1] for found in axes.get_legend_handles_labels()),
            title="weight",
            frameon=False,
            loc="center left",
            bbox_to_anchor=(1, 0.5),
        )
    return picture.svg


def by_epoch(means: Mapping[str, Mapping[int, float]]) -> str:
    """Mean weights by epoch, a line for each group."""
    with _Picture() as (picture, axes):
        for (name, found), colour in zip(means.items(), cycle(COLOURS), strict=False):
            axes.plot(list(found), list(found.values()), color=colour, marker=".", label=name)
        axes.set(xlabel="epoch", ylabel="mean weight")
        axes.set_ylim(bottom=-0.03)
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return picture.svg


def why_removed(lines: Mapping[str, int]) -> str:
    """How many lines are not kept, by reason."""
    with _Picture(height=0.5 + 0.42 * max(1, len(lines))) as (picture, axes):
        bars = axes.barh(list(lines), list(lines.values()), color=COLOURS[1], height=0.6)
        axes.bar_label(bars, labels=[f" {count:,}" for count in lines.values()])
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set(xlabel="lines")
        axes.grid(visible=False, axis="y")
    return picture.svg


def density(x: Numbers, y: Numbers, labels: tuple[str, str]) -> str:
    """How many lines have which pair of numbers."""
    with _Picture() as (picture, axes):
        known = ~np.isnan(x) & ~np.isnan(y)
        if known.any():
            top = float(np.quantile(y[known], 0.999))
            shown = known & (y <= top)
            found = axes.hexbin(
                x[shown], y[shown], gridsize=36, bins="log", cmap="viridis", mincnt=1, linewidths=0
            )
            found.set_rasterized(True)
            picture.figure.colorbar(found, ax=axes, label="lines")
        axes.set(xlabel=labels[0], ylabel=labels[1])
    return picture.svg


def roc_curves(curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Good lines kept against others kept, by run."""
    with _Picture(height=3.6, width=3.9) as (picture, axes):
        axes.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle=":")
        for (name, points), colour in zip(curves.items(), COLOURS, strict=False):
            if points:
                axes.plot(*zip(*points, strict=True), color=colour, label=name)
        axes.set(xlabel="share of other lines kept", ylabel="share of good lines kept")
        if len(curves) > 1:
            axes.legend(frameon=False, loc="lower right")
    return picture.svg
