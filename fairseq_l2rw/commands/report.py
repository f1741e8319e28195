"""``fairseq-l2rw report``: a page with pictures of the weights, and a file with the numbers."""

import argparse
import json
import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fairseq_l2rw.commands.labels import add_labels, check_count, read_labels, read_words
from fairseq_l2rw.commands.places import add_places
from fairseq_l2rw.commands.progress import progress
from fairseq_l2rw.commands.selection import add_selection, kept
from fairseq_l2rw.inference.checkpoint_file import reweighting_state
from fairseq_l2rw.inference.line_weights import REASONS, LineWeights, read_record, short
from fairseq_l2rw.inference.run_folder import RunFolder
from fairseq_l2rw.reporting import measures, pictures
from fairseq_l2rw.reporting.page import render
from fairseq_l2rw.text.files import replaced
from fairseq_l2rw.version import __version__

HELP = "make a page that shows the weights of one run or more"
DESCRIPTION = """
Write one HTML file that needs no network: how many pairs were kept out and why, the weights and how
they came about, examples from both ends and around the cut, and a table of sentences to search.
Beside it, the same numbers as JSON. With several runs, all that goes by line is of the first one.
"""
EXAMPLE = """
examples:
  fairseq-l2rw report run --out report.html
  fairseq-l2rw report run-deep run-uniform --out report.html --origins train.corpus
"""
_SHOWN = 12  # examples of a kind
_TEXT = "the training text"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add("runs", type=Path, nargs="+", metavar="RUN", help="a --save-dir, or a checkpoint")
    add(
        "--out", type=Path, default=Path("report.html"), help="file to write (default: report.html)"
    )
    add("--origins", type=Path, metavar="FILE", help="a word for every line: the corpus it is from")
    add_labels(parser, "whether it is good")
    add("--rows", type=int, default=3000, help="sentences in the table (default: 3000)")
    add_selection(parser)
    add_places(parser)


@dataclass
class _Run:
    """A run and what is shown of it."""

    folder: RunFolder
    weights: LineWeights
    numbers: dict[str, Any]
    shown: dict[str, npt.NDArray[np.float64]]  # weights by label, if there are labels

    @property
    def cut(self) -> float:
        """The least weight of a kept line."""
        found = self.numbers["cut"]
        return math.inf if found is None else found


def run(args: argparse.Namespace) -> None:
    """Do it."""
    record = args.weights_dir if len(args.runs) == 1 else None
    folders = _named_apart([RunFolder.of(path, args.data, record) for path in args.runs])
    labels = read_labels(args)
    origins = None if args.origins is None else read_words(args.origins)
    found = [
        _measured(args, folder, labels, None if n else origins)
        for n, folder in enumerate(progress(folders, "runs", unit=" runs"))
    ]
    first = found[0]
    command = "fairseq-l2rw " + shlex.join(sys.argv[1:])
    picked = measures.examples(first.weights.weight, first.cut, _SHOWN)
    shown = _shown(len(first.weights), picked, args.rows)
    text = first.folder.text(args.text).at({*shown, *chain(*picked.values())})
    page = render(
        runs=[run.numbers for run in found],
        first=first.numbers,
        pictures=_pictures(found),
        reasons=REASONS,
        examples=_examples(first, text, picked),
        table=_table(first, text, shown),
        version=__version__,
        command=command,
    )
    with replaced(args.out) as file:
        file.write(page)
    numbers = args.out.with_suffix(".stats.json")
    with replaced(numbers) as file:
        json.dump({"command": command, "runs": [run.numbers for run in found]}, file, indent=1)
        file.write("\n")
    print(f"{args.out} ({args.out.stat().st_size / 1e6:.1f} MB), and the numbers: {numbers}")


def _named_apart(folders: list[RunFolder]) -> list[RunFolder]:
    """Runs in folders of one name are called by as much of their paths as tells them apart."""
    if len({folder.name for folder in folders}) == len(folders):
        return folders
    paths = [folder.checkpoint.resolve().with_suffix("").parts for folder in folders]
    if len({path[-1] for path in paths}) == 1:  # such as checkpoint_last
        paths = [path[:-1] for path in paths]
    for depth in range(1, max(map(len, paths))):
        names = ["/".join(path[-depth:]) for path in paths]
        if len({*names}) == len(names):
            return [replace(f, name=name) for f, name in zip(folders, names, strict=True)]
    numbered = [f"{folder.name} ({number})" for number, folder in enumerate(folders, 1)]
    return [replace(f, name=name) for f, name in zip(folders, numbered, strict=True)]


def _measured(
    args: argparse.Namespace,
    folder: RunFolder,
    labels: Sequence[str] | None,
    origins: Sequence[str] | None,
) -> _Run:
    """Read a run and take its numbers, by labels and origins, too, where they are known."""
    lengths = folder.target_lengths
    weights = LineWeights.of(folder, len(lengths))
    chosen = kept(weights.weight, args)
    cut = float(weights.weight[chosen].min()) if chosen.any() else None
    names = ("epoch", "weight", "importance_weight", "id")
    rows = read_record(folder, names)
    epochs, values, counts, ids = (rows[name].to_numpy() for name in names)
    numbers = {
        **_facts(folder),
        "cut": cut,
        "summary": measures.summary(weights.weight, lengths, chosen),
        "reasons": measures.reasons(weights.why(), lengths, chosen),
        "epochs": measures.bands_by_epoch(epochs, values, counts),
        "origins": None,
        "labels": None,
    }
    if origins is not None:
        check_count(origins, args.origins, len(lengths), _TEXT)
        numbers["origins"] = measures.by_group(weights.weight, lengths, chosen, origins)
    shown: dict[str, npt.NDArray[np.float64]] = {}
    if labels is not None:
        check_count(labels, args.labels, len(lengths), _TEXT)
        numbers["labels"] = measures.by_label(weights.weight, labels, args.good)
        by_row = [labels[n] for n in ids]
        numbers["label_epochs"] = measures.means_by_epoch(epochs, values, counts, by_row)
        numbers["label_groups"] = measures.by_group(weights.weight, lengths, chosen, labels)
        label = np.array(labels, dtype=object)
        groups = [row["group"] for row in numbers["label_groups"]]
        shown = {name: weights.weight[label == name] for name in groups}
    return _Run(folder, weights, numbers, shown)


def _facts(folder: RunFolder) -> dict[str, Any]:
    """What a run was, and how it ended."""
    extra = folder.extra
    seconds, loss = extra.get("previous_training_time"), extra.get("val_loss")
    bleu = folder.checkpoint.parent / "bleu.json"
    progress = reweighting_state(extra, folder.checkpoint)["progress"]
    return {
        "name": folder.name,
        "weighting": folder.task["weighting"],
        "updates": folder.updates,
        "seed": folder.task["seed"],
        "hours": seconds / 3600 if seconds else None,
        "valid_loss": float(loss) if loss is not None else None,
        # In bits, as fairseq logs losses; 0: never taken.
        "dev_loss": progress["dev_loss"] / math.log(2) or None,
        "bleu": json.loads(bleu.read_text())["score"] if bleu.is_file() else None,
    }


def _pictures(runs: Sequence[_Run]) -> dict[str, str]:
    first = runs[0]
    own = first.weights
    curves = {
        run.folder.name: run.numbers["labels"]["roc"] for run in runs if run.numbers["labels"]
    }
    return {
        "why": pictures.why_removed(
            {short(row["reason"]): row["lines"] for row in first.numbers["reasons"]}
        ),
        "histogram": pictures.histogram(
            first.shown or {r.folder.name: r.weights.weight for r in runs}, first.cut
        ),
        "training": pictures.by_epoch(
            {name: first.numbers["label_epochs"].get(name, {}) for name in first.shown}
        )
        if first.shown
        else pictures.over_training(first.numbers["epochs"], measures.BANDS),
        "loss": pictures.density(own.weight, own.loss, ("weight", "loss, nats per target token")),
        "map": pictures.density(own.mean, own.spread, ("mean weight", "spread over epochs")),
        "roc": pictures.roc_curves(curves) if curves else "",
    }


def _examples(
    run: _Run, text: Mapping[int, tuple[str, str]], picked: dict[str, npt.NDArray[np.int64]]
) -> list[tuple[str, list[dict[str, Any]]]]:
    titles = {
        "lowest": "The lowest weights (some of the lowest twentieth)",
        "around": "Around the cut",
        "highest": "The highest weights (some of the highest twentieth)",
    }
    why = run.weights.why()

    def row(number: int) -> dict[str, Any]:
        source, target = text[number]
        weight = float(run.weights.weight[number])
        reason = short(why[number]) if weight < 0.99 else ""
        return {"weight": weight, "source": source, "target": target, "why": reason}

    return [(titles[kind], [row(int(n)) for n in numbers]) for kind, numbers in picked.items()]


def _shown(total: int, picked: dict[str, npt.NDArray[np.int64]], rows: int) -> list[int]:
    """Lines of the table: the examples, and others by chance."""
    others = np.random.default_rng(1).permutation(total)[:rows].tolist()
    return list(dict.fromkeys([*map(int, chain(*picked.values())), *others]))[:rows]


def _table(
    run: _Run, text: Mapping[int, tuple[str, str]], numbers: Sequence[int]
) -> dict[str, Any]:
    """Columns and rows of the table."""
    why, factors = run.weights.why(), run.weights.factors

    def number(x: float) -> float | None:
        return None if math.isnan(x) else float(f"{x:.4g}")

    def row(n: int) -> list[Any]:
        parts = [number(column[n]) for column in factors.values()]
        found = [n, number(run.weights.weight[n]), *parts, number(run.weights.loss[n])]
        return [*found, short(why[n]), *text[n]]

    columns = ["line", "weight", *map(short, factors), "loss", "why"]
    return {
        "columns": [*columns, "source", "target"],
        "numeric": list(range(len(factors) + 3)),
        "rows": [row(n) for n in numbers],
    }
