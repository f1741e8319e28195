"""The formats in which other toolkits take weights: one class each, fed line by line."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fairseq_l2rw.commands.export_format import Format, Line
from fairseq_l2rw.utils.complete_files import completed
from fairseq_l2rw.utils.errors import InputError


class Filtered(Format):
    """Text that is kept, and what is removed with its weight and why."""

    help = "the lines that are kept, as two files, and the removed ones with their weight and why"

    def open(self) -> None:
        """Open the files."""
        self._kept = [self.file(f"kept.{language}") for language in self.setting.languages]
        self._numbers = self.file("kept.lines")
        self._removed = self.file("removed.tsv")
        columns = ["line", "weight", "why", *self.setting.factors, "source", "target"]
        self._removed.write("\t".join(columns) + "\n")

    def add(self, line: Line) -> None:
        """Write a line to one of them."""
        if line.kept:
            for file, text in zip(self._kept, (line.source, line.target), strict=True):
                file.write(text + "\n")
            self._numbers.write(f"{line.number}\n")
            return
        cells = [str(line.number), f"{line.weight:.4g}", line.why, *line.cells]
        self._removed.write("\t".join(cells) + "\n")

    def usage(self) -> str:
        """How to use it."""
        return "kept.lines has the numbers of the kept lines in the training text, from 0"


class _WeightALine(Format):
    """A weight a line, for all lines of the training text."""

    name = ""

    def open(self) -> None:
        """Open the file."""
        self._weights = self.file(self.name)

    def add(self, line: Line) -> None:
        """Write a weight."""
        self._weights.write(f"{line.weight:.6g}\n")


class Marian(_WeightALine):
    """What Marian weighs sentences by."""

    help = "Marian's --data-weighting file: a weight for every line of the training text"
    name = "marian.weights"

    def usage(self) -> str:
        """How to use it."""
        path = self.setting.folder / self.name
        return f"marian --data-weighting {path} --data-weighting-type sentence ..."


class MarianWords(Format):
    """A weight a piece of the target, and one for the end of the sentence."""

    help = (
        "the same by word: a weight for every piece of a target, and its end of sentence: those of "
        "the sentence, or with --weight-unit token their own"
    )
    reads_tokens = True

    def open(self) -> None:
        """Open the file."""
        self._splitter = self.setting.splitter()
        self._weights = self.file("marian.word-weights")

    def add(self, line: Line) -> None:
        """Write the weights of a line."""
        pieces = len(self._splitter.split([line.target])[0])
        weights = [line.weight] * (pieces + 1) if line.tokens is None else line.tokens
        if len(weights) != pieces + 1:
            raise InputError(
                f"line {line.number + 1} has {pieces} pieces, and {len(weights) - 1} in the run: "
                "give the text that it was trained on"
            )
        self._weights.write(" ".join(f"{weight:.6g}" for weight in weights) + "\n")

    def usage(self) -> str:
        """How to use it."""
        path = self.setting.folder / "marian.word-weights"
        return (
            f"marian --data-weighting {path} --data-weighting-type word ... with the "
            "sentencepiece model of the run as vocabulary"
        )


class Eole(_WeightALine):
    """A score a line, for eole's and OpenNMT-py's ``path_sco``."""

    help = "eole's path_sco: a score for every line of the training text"
    name = "eole.scores"

    def usage(self) -> str:
        """How to use it."""
        return f"data:\n  train:\n    path_sco: {self.setting.folder / self.name}"


class OpusTrainer(Format):
    """Clean, medium and dirty lines, and a configuration that goes from dirty to clean."""

    help = "OpusTrainer's clean, medium and dirty files, and its YAML"
    PARTS = ("clean", "medium", "dirty")

    def open(self) -> None:
        """Open the files."""
        self._files = {part: self.file(f"opustrainer.{part}.tsv.gz") for part in self.PARTS}

    def add(self, line: Line) -> None:
        """Write a line to one of them."""
        clean, medium = self.setting.thresholds
        part = self.PARTS[(line.weight < clean) + (line.weight < medium)]
        self._files[part].write("\t".join(line.texts) + "\n")

    def close(self) -> None:
        """Write the configuration."""
        folder = self.setting.folder.resolve()  # the trainer is called from anywhere
        lines = ["datasets:"]
        lines += [f"  {part}: {folder / f'opustrainer.{part}.tsv.gz'}" for part in self.PARTS]
        stages = {
            "start": (("clean 0.4", "medium 0.4", "dirty 0.2"), "until clean 1"),
            "mid": (("clean 0.7", "medium 0.3"), "until clean 2"),
            "end": (("clean 1",), "until clean inf"),
        }
        lines += ["", "stages:", *(f"  - {name}" for name in stages)]
        for name, (shares, until) in stages.items():
            lines += ["", f"{name}:", *(f"  - {share}" for share in shares), f"  - {until}"]
        lines += ["", "seed: 1111", "trained_model_output: model"]
        self.file("opustrainer.yml").write("\n".join(lines) + "\n")

    def usage(self) -> str:
        """How to use it."""
        path = self.setting.folder / "opustrainer.yml"
        return f"opustrainer-train -c {path} marian ..."


class OpusFilter(Format):
    """A JSON object a line, as ``opusfilter``'s score step writes."""

    help = "OpusFilter's scores: a JSON object for every line"

    def open(self) -> None:
        """Open the file."""
        self._scores = self.file("opusfilter.jsonl")

    def add(self, line: Line) -> None:
        """Write an object."""
        found = {"weight": line.weight, **line.factors}
        # JSON has no word for a number that is none.
        known = {name: x if x == x else None for name, x in found.items()}
        self._scores.write(json.dumps({"FairseqL2RW": known}) + "\n")

    def usage(self) -> str:
        """How to use it."""
        path = self.setting.folder / "opusfilter.jsonl"
        return f"opusfilter's steps sort and join take {path}, with the key FairseqL2RW.weight"


class Table(Format):
    """All that is known of every line, as text."""

    help = "a tab-separated table of all lines with weight, factors and text"

    def open(self) -> None:
        """Open the file."""
        self._table = self.file("weights.tsv")
        columns = ["line", "kept", "weight", "why", *self.setting.factors, "source", "target"]
        self._table.write("\t".join(columns) + "\n")

    def add(self, line: Line) -> None:
        """Write a line."""
        cells = [str(line.number), str(int(line.kept)), f"{line.weight:.6g}", line.why]
        self._table.write("\t".join([*cells, *line.cells]) + "\n")

    def usage(self) -> str:
        """How to use it."""
        return f"{self.setting.folder / 'weights.tsv'} opens in any spreadsheet"


class Parquet(Format):
    """What ``Table`` has, in Parquet."""

    help = "the same in Parquet"
    _ROWS = 100_000

    def open(self) -> None:
        """Prepare the columns."""
        self._rows: list[dict[str, Any]] = []
        numbers = [pa.field(name, pa.float32()) for name in ("weight", *self.setting.factors)]
        texts = [pa.field(name, pa.string()) for name in ("why", "source", "target")]
        head = [pa.field("line", pa.int64()), pa.field("kept", pa.bool_())]
        self._schema = pa.schema([*head, *numbers, *texts])
        self._path = self.setting.folder / "weights.parquet"
        unfinished = self._stack.enter_context(completed(self._path))
        self._writer = self._stack.enter_context(pq.ParquetWriter(unfinished, self._schema))

    def add(self, line: Line) -> None:
        """Add a row."""
        own = {name: getattr(line, name) for name in ("kept", "weight", "why", "source", "target")}
        self._rows.append({"line": line.number, **own, **line.factors})
        if len(self._rows) >= self._ROWS:
            self._write()

    def _write(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows = []

    def close(self) -> None:
        """Write what is left."""
        self._write()

    def usage(self) -> str:
        """How to use it."""
        return f"pyarrow.parquet.read_table('{self._path}')"


FORMATS: dict[str, type[Format]] = {
    "filtered": Filtered,
    "marian": Marian,
    "marian-words": MarianWords,
    "eole": Eole,
    "opustrainer": OpusTrainer,
    "opusfilter": OpusFilter,
    "tsv": Table,
    "parquet": Parquet,
}
