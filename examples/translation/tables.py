"""Runs side by side: tables, and a page with pictures of the weights they gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labels import CLEAN, LABELS
from steps import read_json, run, say, short

Table = list[list[str]]


def kinds_of(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return every kind of noise in any of the results, in a fixed order."""
    return sorted({kind for result in results for kind in result["mean_weight"]} - {CLEAN})


def _cell(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def quality_table(results: Sequence[Mapping[str, Any]]) -> Table:
    """Return rows of run, BLEU, chrF and minutes, with a head."""
    rows = [["run", "weighting", "BLEU", "chrF", "train min"]]
    for result in results:
        minutes = result["train_seconds"] / 60
        scores = [_cell(result["bleu"], 1), _cell(result["chrf"], 1), _cell(minutes, 1)]
        rows.append([result["run"], result["weighting"], *scores])
    return rows


def weight_table(results: Sequence[Mapping[str, Any]]) -> Table:
    """Return rows of kind of noise, and for each run AUC and mean weight, with a head."""
    with_weights = [result for result in results if result["mean_weight"]]
    head = ["sentences"]
    for result in with_weights:
        head += [f"{result['run']} AUC", f"{result['run']} mean weight"]
    rows = [head]
    for kind in [CLEAN, *kinds_of(with_weights)] if with_weights else []:
        row = [kind]
        for result in with_weights:
            row += [_cell(result["auc"].get(kind), 2), _cell(result["mean_weight"].get(kind), 2)]
        rows.append(row)
    return rows


def as_text(table: Table) -> str:
    """Return a table in aligned columns: words to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    names = 2 if table[0][:2] == ["run", "weighting"] else 1
    lines = []
    for row in table:
        cells = [
            cell.ljust(width) if column < names else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def as_markdown(table: Table) -> str:
    """Return a table in Markdown."""
    rule = "|" + " --- |" * len(table[0])
    rows = ["| " + " | ".join(row) + " |" for row in table]
    return "\n".join([rows[0], rule, *rows[1:]])


def notes(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what a reader must know about the numbers."""
    found = ["Test set, last checkpoint, beam 5; scores by sacreBLEU:"]
    for name, key in (("BLEU", "bleu_signature"), ("chrF", "chrf_signature")):
        found += [f"{name} {text}" for text in sorted({result[key] for result in results})]
    if any(result["auc"] for result in results):
        found.append("AUC: how often a clean sentence outweighs one of this kind (0.5: chance).")
        found.append(
            "AUC and mean weight: over the last epoch, as applied in training; a sampled sentence "
            "counts as often as it stands for others."
        )
    return found


def report(folders: Sequence[Path], out: Path) -> None:
    """Print the tables of some runs, and make a page of those that have weights."""
    results = [read_json(folder / "result.json") for folder in folders]
    tables = [table for table in (quality_table(results), weight_table(results)) if len(table) > 1]
    say("\n" + "\n\n".join([*map(as_text, tables), "\n".join(notes(results))]) + "\n")
    shown = [folder for folder in folders if (folder / "weights").exists()]
    if not shown:
        return
    shown.sort(key=lambda folder: read_json(folder / "result.json")["weighting"] == "uniform")
    labels = [folder / LABELS for folder in shown]
    # Runs that left out pairs number the others anew: labels are of all runs or of none.
    known = all(file.exists() for file in labels) and len({f.read_bytes() for f in labels}) == 1
    flags = ["--labels", short(labels[0])] if known else []
    command = ["fairseq-l2rw", "report", *map(short, shown), "--out", short(out), *flags]
    run(command, out.with_suffix(".log"))
    say(f"look:  {short(out)}: which sentences the model trusted, and why")
