"""Numbers of a report, from weights by line and from the record; pure functions of arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Numbers = npt.NDArray[np.float64]
Chosen = npt.NDArray[np.bool_]


def summary(weights: Numbers, lengths: Numbers, chosen: Chosen) -> dict[str, Any]:
    """How many lines and target tokens there are, and how many are kept.

    Args:
        weights: by line, NaN where there is none, shape (lines,).
        lengths: target tokens by line, shape (lines,).
        chosen: which lines are kept, shape (lines,).
    """
    known = weights[~np.isnan(weights)]
    tokens = float(lengths.sum())
    squares = float((known**2).sum())
    return {
        "lines": len(weights),
        "weighed": len(known),
        "kept": int(chosen.sum()),
        "target_tokens": int(tokens),
        "kept_token_share": float(lengths[chosen].sum()) / tokens if tokens else 0.0,
        "mean_weight": float(known.mean()) if len(known) else None,
        "effective_share": float(known.sum()) ** 2 / squares / len(known) if squares else 0.0,
    }


def reasons(why: Sequence[str], lengths: Numbers, chosen: Chosen) -> list[dict[str, Any]]:
    """Lines and target tokens that are not kept, by what says most against them; most first."""
    removed = np.array(why, dtype=object)[~chosen]
    tokens = lengths[~chosen]
    found = [
        {
            "reason": str(name),
            "lines": int((removed == name).sum()),
            "target_tokens": int(tokens[removed == name].sum()),
        }
        for name in sorted({*removed.tolist()})
    ]
    return sorted(found, key=lambda row: -row["lines"])


# Of a curve, at most.
_POINTS = 200
#: Bounds between which the weights of an epoch are counted.
BANDS = (0.0, 0.1, 0.5, 0.9, float("inf"))


def bands_by_epoch(
    epochs: npt.NDArray[np.int64], weights: Numbers, counts: Numbers
) -> list[dict[str, Any]]:
    """Which share of the weights of every epoch lies in which band, and their mean.

    Args:
        epochs: of every recorded weight, shape (rows,).
        weights: likewise.
        counts: how many sentences each stands for, likewise.
    """
    found = []
    for epoch in np.unique(epochs).tolist():
        rows = epochs == epoch
        values, times = weights[rows], counts[rows]
        shares = np.histogram(values, BANDS, weights=times)[0] / times.sum()
        mean = float(np.average(values, weights=times))
        found.append({"epoch": epoch, "shares": shares.tolist(), "mean": mean})
    return found


def means_by_epoch(
    epochs: npt.NDArray[np.int64], weights: Numbers, counts: Numbers, groups: Sequence[str]
) -> dict[str, dict[int, float]]:
    """The mean weight of every group in every epoch that held some of it.

    Args:
        epochs: of every recorded weight, shape (rows,).
        weights: likewise.
        counts: how many sentences each stands for, likewise.
        groups: the group of each, of length rows.
    """
    names = np.array(groups, dtype=object)
    found: dict[str, dict[int, float]] = {}
    for name in sorted({*groups}):
        own = names == name
        found[name] = {
            epoch: float(
                np.average(
                    weights[own & (epochs == epoch)], weights=counts[own & (epochs == epoch)]
                )
            )
            for epoch in np.unique(epochs[own]).tolist()
        }
    return found


def auc(better: Numbers, worse: Numbers) -> float | None:
    """How often a number of the first kind is larger than one of the second; ties count half.

    None where either is empty.
    """
    if not len(better) or not len(worse):
        return None
    found = stats.mannwhitneyu(better, worse).statistic
    return float(found) / (len(better) * len(worse))


def by_group(
    weights: Numbers, lengths: Numbers, chosen: Chosen, groups: Sequence[str]
) -> list[dict[str, Any]]:
    """Lines, tokens, mean weight and kept share of every group of lines, largest group first."""
    names = np.array(groups, dtype=object)
    found = []
    for name in sorted({*groups}):
        rows = names == name
        known = weights[rows & ~np.isnan(weights)]
        found.append(
            {
                "group": name,
                "lines": int(rows.sum()),
                "target_tokens": int(lengths[rows].sum()),
                "mean_weight": float(known.mean()) if len(known) else None,
                "kept_share": float(chosen[rows].mean()),
            }
        )
    return sorted(found, key=lambda row: -row["lines"])


def by_label(weights: Numbers, labels: Sequence[str], good: Sequence[str]) -> dict[str, Any]:
    """How well weights tell good lines from others.

    Args:
        weights: by line, NaN where there is none (it counts as 0), shape (lines,).
        labels: a word for every line.
        good: the labels that mean that a pair is good.

    Returns:
        ``auc`` of good lines against every other label, and against all of them together; ``roc``,
        a list of (false positive share, true positive share).
    """
    known = np.nan_to_num(weights)
    names = np.array(labels, dtype=object)
    is_good = np.isin(names, list(good))
    others = sorted({*names[~is_good].tolist()})
    return {
        "good": list(good),
        "auc": {name: auc(known[is_good], known[names == name]) for name in others},
        "auc_of_all": auc(known[is_good], known[~is_good]),
        "roc": roc(known[is_good], known[~is_good]),
    }


def roc(better: Numbers, worse: Numbers) -> list[tuple[float, float]]:
    """Shares of worse and of better numbers at or above a bound, as it falls."""
    if not len(better) or not len(worse):
        return []
    both = np.unique(np.concatenate([better, worse]))
    bounds = both[np.linspace(0, len(both) - 1, min(_POINTS, len(both))).round().astype(int)]
    found = [(float((worse >= b).mean()), float((better >= b).mean())) for b in bounds[::-1]]
    return [(0.0, 0.0), *found]


def examples(weights: Numbers, cut: float, count: int) -> dict[str, npt.NDArray[np.int64]]:
    """Numbers of lines at both ends of the weights, and around the cut.

    At the ends many lines have the same weight, so they are picked by chance among the outermost
    twentieth.

    Args:
        weights: by line, NaN where there is none, shape (lines,).
        cut: the weight from which on a line is kept.
        count: how many of each.
    """
    known = np.flatnonzero(~np.isnan(weights))
    order = known[np.argsort(weights[known], kind="stable")]
    outer = max(count, len(order) // 20)
    rng = np.random.default_rng(1)

    def some(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        picked = rng.choice(rows, min(count, len(rows)), replace=False)
        return picked[np.argsort(weights[picked], kind="stable")]

    near = order[np.argsort(np.abs(weights[order] - cut), kind="stable")[:count]]
    return {
        "lowest": some(order[:outer]),
        "around": near[np.argsort(weights[near], kind="stable")],
        "highest": some(order[-outer:])[::-1],
    }
