"""Every weighting on every recipe with every seed, against what one would do without us.

    python matrix.py run --from DATA --out RUNS --recipes mixed50 --runs uniform oracle deep
    python matrix.py report --results RUNS/results.jsonl --out DIR

`run` goes on where it was stopped; a finished run adds a line to `RUNS/results.jsonl`. That file
and `RUNS/uniform`, the translations with which runs are compared, are all that another machine
needs to go on. `report` turns the lines into tables and pictures.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from binarize import Settings, binarize
from contenders import BASELINE, CONTENDERS, Contender
from filtering import main as filtering
from labels import CLEAN, LABELS
from lines import read_lines, read_numbers
from progress import Job, follow
from recipes import RECIPES, prepare, share_of_good
from score import (
    evaluate,
    filter_scores,
    score_references,
    significance,
    told,
)
from steps import Stamp, digest, say
from training import CONFIGS, Run, training
from weights import read_weights


@dataclass(frozen=True)
class Matrix:
    """What is run and where."""

    original: Path
    out: Path
    side_by_side: int
    config: str | None = None
    vocab: int | None = None
    updates: int | None = None

    @property
    def results(self) -> Path:
        """The file of finished runs."""
        return self.out / "results.jsonl"


@dataclass(frozen=True)
class Cell:
    """One run of the matrix."""

    recipe: str
    run: str
    seed: int

    @classmethod
    def of(cls, line: Mapping[str, Any]) -> Cell:
        """From its line."""
        return cls(line["recipe"], line["run"], line["seed"])

    @property
    def contender(self) -> Contender:
        """What is run."""
        return CONTENDERS[self.run]

    @property
    def languages(self) -> tuple[str, str]:
        """Source and target."""
        return RECIPES[self.recipe].languages

    @property
    def key(self) -> dict[str, Any]:
        """What tells its line from others."""
        return {"recipe": self.recipe, "run": self.run, "seed": self.seed}


def read_results(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a results file, if there is one; a run that is there twice is refused."""
    found: dict[Cell, dict[str, Any]] = {}
    for number, text in enumerate(read_lines(path) if path.exists() else [], start=1):
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            sys.exit(f"{path}, line {number} is not JSON: delete that line and run again")
        cell = Cell.of(line)
        if cell in found:
            sys.exit(
                f"{path}, line {number}: {cell.recipe} {cell.run} with seed {cell.seed} is there "
                "before: delete one of the two"
            )
        found[cell] = line
    return [*found.values()]


def cells(recipes: Sequence[str], runs: Sequence[str], seeds: Sequence[int]) -> list[Cell]:
    """Return the runs in the order in which they are begun.

    The baseline comes first, with all seeds: other runs are compared with it, and some filter by
    its losses. Where all pairs are good, nothing is filtered.
    """
    unknown = sorted({*runs} - {*CONTENDERS})
    if unknown:
        sys.exit(f"unknown run {unknown[0]!r}; known: {', '.join(CONTENDERS)}")
    crawled = [recipe for recipe in recipes if RECIPES[recipe].crawled]
    for run in runs if crawled else ():
        if CONTENDERS[run].selection == "clean":
            sys.exit(f"no {run} for {crawled[0]}: of many of its pairs nobody knows what they are")
    runs = [BASELINE, *(run for run in dict.fromkeys(runs) if run != BASELINE)]
    return [
        Cell(recipe, run, seed)
        for run in runs
        for seed in dict.fromkeys(seeds)
        for recipe in dict.fromkeys(recipes)
        if CONTENDERS[run].selection == "all" or RECIPES[recipe].has_bad_pairs
    ]


class Experiment:
    """Runs cells: text, binary data, training, translation, a line of results."""

    def __init__(self, matrix: Matrix) -> None:
        """Read what is already there."""
        self.matrix = matrix
        self.finished = {Cell.of(line): line for line in read_results(matrix.results)}

    def run(self, wanted: Iterable[Cell]) -> None:
        """Run what is not finished, the baseline to its end before anything else."""
        wanted = [*wanted]
        for cell in wanted:
            self._check_finished(cell)
        left = [cell for cell in wanted if cell not in self.finished]
        # Several filters may judge by one model of the other direction.
        by_dual = {(c.recipe, c.seed): c for c in left if c.contender.by_dual}
        for wave in (
            [self._chain(cell) for cell in left if cell.run == BASELINE],
            [self._chain(c) for c in left if c.run != BASELINE and not c.contender.by_dual],
            [self._train_reverse(cell) for cell in by_dual.values()],
            [self._chain(cell) for cell in left if cell.contender.by_dual],
        ):
            follow(wave, self.matrix.side_by_side)
        say(f"results: {self.matrix.results}")

    def _check_finished(self, cell: Cell) -> None:
        """Stop where a finished run is another one than is asked for now."""
        line, job = self.finished.get(cell), self._job(cell, self.matrix.out)
        if line and (line["config"], line["updates"]) != (job.config, job.max_update):
            sys.exit(
                f"{self.matrix.results}: {cell.recipe} {cell.run} with seed {cell.seed} is of "
                f"{line['updates']} updates of {line['config']}, and now it would be "
                f"{job.max_update} of {job.config}: give another --out, or delete that line"
            )

    def folder(self, cell: Cell) -> Path:
        """The folder of a run."""
        return self._recipe(cell) / f"{cell.run}-{cell.seed}"

    def _recipe(self, cell: Cell) -> Path:
        return self.matrix.out / cell.recipe

    def translation(self, cell: Cell) -> Path:
        """The baseline's translation of a cell's test set."""
        _, target = cell.languages
        return self.matrix.out / BASELINE / f"{cell.recipe}-{cell.seed}.{target}"

    def _job(self, cell: Cell, data: Path) -> Run:
        source, target = cell.languages
        return Run(
            bin=data,
            out=self.folder(cell),
            weighting=cell.contender.weighting,
            config=self.matrix.config or RECIPES[cell.recipe].config,
            seed=cell.seed,
            updates=self.matrix.updates,
            source=source,
            target=target,
            extra=cell.contender.extra,
        )

    def _chain(self, cell: Cell) -> Iterator[Job]:
        raw = prepare(cell.recipe, self.matrix.original, self.matrix.out)
        run = self._job(cell, self._binary(cell, raw))
        yield from training(run)
        scores = evaluate(run.bin, run.out, raw)
        ours, reference = run.out / f"translation.{run.target}", raw / f"test.{run.target}"
        scores |= self._against_baseline(cell, ours, reference)
        line = {**cell.key, **{k: v for k, v in scores.items() if k not in cell.key}}
        questions = RECIPES[cell.recipe].questions
        if cell.contender.filters and cell.contender.weighting == BASELINE:
            line |= filter_scores(self._kept(cell, raw), read_lines(raw / LABELS), questions)
        elif scores["auc"]:
            names = read_lines(run.bin / LABELS)
            line["told"] = told(read_weights(run.weights), names, questions)
        line["selection"] = cell.contender.selection
        with self.matrix.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _against_baseline(self, cell: Cell, ours: Path, reference: Path) -> dict[str, Any]:
        """Test a translation against the baseline's with the same seed, or keep that one."""
        theirs = self.translation(cell)
        if cell.run == BASELINE:
            theirs.parent.mkdir(exist_ok=True)
            shutil.copyfile(ours, theirs)
            return {}
        if not theirs.exists():
            say(f"no p for {cell.run} on {cell.recipe}, seed {cell.seed}: {theirs} is not there")
            return {}
        texts = (ours, theirs, reference)
        return {"against_uniform": significance(*map(read_lines, texts))}

    def _train_reverse(self, cell: Cell) -> Iterator[Job]:
        self._check_baseline(cell)
        raw = prepare(cell.recipe, self.matrix.original, self.matrix.out)
        yield from training(self._reverse(cell, raw))

    def _reverse(self, cell: Cell, raw: Path) -> Run:
        """The baseline of the other direction."""
        whole = Cell(cell.recipe, BASELINE, cell.seed)
        job = self._job(whole, self._binary(whole, raw))
        out = job.out.with_name(f"reverse-{cell.seed}")
        return replace(job, out=out, source=job.target, target=job.source)

    def _binary(self, cell: Cell, raw: Path) -> Path:
        """Binarize what the run trains on."""
        selection = cell.contender.selection
        keep = (CLEAN,) if selection == "clean" else ()
        lines = self._kept(cell, raw) if cell.contender.filters else None
        out = lines.with_suffix("") if lines else self._recipe(cell) / f"bin-{selection}"
        vocab = self.matrix.vocab or RECIPES[cell.recipe].vocab
        binarize(Settings(raw, out, vocab, *cell.languages, keep, lines))
        return out

    def _kept(self, cell: Cell, raw: Path) -> Path:
        """Filter offline, and return the file with the numbers of the lines to keep."""
        contender, folder = cell.contender, self._recipe(cell)
        source, target = cell.languages
        languages = ["--source", source, "--target", target]
        left = folder / f"bin-{contender.rule}.kept" if contender.rule else None
        if left:
            self._filter([contender.rule, *languages], raw, left, [])
        if left and not contender.by_loss:
            return left
        kept = folder / f"bin-{contender.selection}-{cell.seed}.kept"
        judged, inputs = self._judged_by(cell, raw, left)
        self._filter([*judged, *languages], raw, kept, inputs)
        return kept

    def _filter(self, how: list[str], raw: Path, kept: Path, inputs: Sequence[Path]) -> None:
        """Write the numbers of the lines to keep, unless this was done with the same inputs.

        Args:
            how: the command, with its arguments but for the text and the file to write.
            raw: the text.
            kept: the file to write.
            inputs: that the command reads beside the text.
        """
        wanted = {"command": how, "inputs": digest([*sorted(raw.glob("train.*")), *inputs])}
        stamp = Stamp(kept.with_suffix(".kept.json"), wanted)
        if stamp.done and kept.exists():
            return
        stamp.begin(replace=True)
        filtering([*how, "--data", str(raw), "--out", str(kept)])
        stamp.finish()

    def _check_baseline(self, cell: Cell) -> Cell:
        """The run whose model judges the pairs; leave where it is not here."""
        whole = Cell(cell.recipe, BASELINE, cell.seed)
        if not (self.folder(whole) / "checkpoint_last.pt").exists():
            sys.exit(
                f"{cell.run} filters by the losses of {whole.run}, seed {whole.seed}, which "
                "was trained elsewhere: to train it here, delete its line from "
                f"{self.matrix.results}"
            )
        return whole

    def _judged_by(self, cell: Cell, raw: Path, left: Path | None) -> tuple[list[str], list[Path]]:
        """The arguments of a filter by what trained models make of the pairs, and its inputs.

        Args:
            cell: the run.
            raw: its text.
            left: numbers of the pairs that a rule left, None for all.
        """
        whole = self._check_baseline(cell)
        scores = score_references(self._job(whole, self._binary(whole, raw)))
        labels = read_lines(raw / LABELS)
        among = sorted(read_numbers(left, len(labels))) if left else range(len(labels))
        # Told the true share of good pairs, which a practitioner would have to guess.
        share = share_of_good([labels[n] for n in among]) * len(among) / len(labels)
        arguments = ["--scores", str(scores), "--share", str(share)]
        arguments += ["--among", str(left)] if left else []
        inputs = [scores, *([left] if left else [])]
        if not cell.contender.by_dual:
            return ["loss", *arguments], inputs
        reverse = score_references(self._reverse(cell, raw))
        return ["dual", "--reverse-scores", str(reverse), *arguments], [*inputs, reverse]


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = result.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run what is not finished")
    run.add_argument(
        "--from",
        dest="original",
        type=Path,
        required=True,
        help="folder that holds multi30k/, multi30k_captions/, iwslt14_deen_sample/, "
        "software_deen/, paracrawl_human_v3/ and newstest2016_deen/, as far as the recipes need "
        "them",
    )
    run.add_argument("--out", type=Path, required=True, help="folder for all runs")
    run.add_argument(
        "--recipes", nargs="+", default=["mixed50"], choices=list(RECIPES), help="training data"
    )
    run.add_argument(
        "--runs",
        nargs="+",
        default=["oracle", "random", "deep"],
        metavar="RUN",
        help=f"what is compared with uniform: {', '.join(CONTENDERS)}",
    )
    run.add_argument("--seeds", nargs="+", type=int, default=[1], help="seeds of training")
    run.add_argument(
        "--jobs", dest="side_by_side", type=int, default=2, help="runs side by side, a core each"
    )
    run.add_argument("--config", choices=sorted(CONFIGS), help="student (default: the recipe's)")
    run.add_argument("--vocab", type=int, help="pieces in the vocabulary (default: the recipe's)")
    run.add_argument("--updates", type=int, help="length of training (default: the student's)")
    report = commands.add_parser("report", help="tables and pictures of the results")
    report.add_argument("--results", type=Path, required=True, help="file that `run` wrote")
    report.add_argument("--out", type=Path, required=True, help="folder to write to")
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    args = vars(parser().parse_args(arguments))
    if args.pop("command") == "report":
        from comparison import report  # slow imports: only when they are needed

        logging.getLogger().setLevel(logging.INFO)  # a model of fairseq's asks for all on import
        report(read_results(args["results"]), args["out"])
        return
    wanted = cells(args.pop("recipes"), args.pop("runs"), args.pop("seeds"))
    Experiment(Matrix(**args)).run(wanted)


if __name__ == "__main__":
    main()
