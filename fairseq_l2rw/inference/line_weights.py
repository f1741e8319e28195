"""What a run came to think of every line of its training text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fairseq_l2rw.inference.run_folder import RunFolder
from fairseq_l2rw.training.weight_record import FACTOR
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.utils.weight_bytes import PRECISION, from_bytes

Numbers = npt.NDArray[np.float64]

#: Why a line has no weight.
LEFT_OUT = "left out"
#: What the factor of a weight is about, in words.
REASONS = {
    "initial": "no translation by its text: words, numbers, a cut side or a copy, before training",
    "usefulness": "learning from it is predicted to raise the dev loss",
    "likeness_surface": "losses, copying or lengths unlike those of trusted pairs",
    "likeness_states": "hidden states unlike those of trusted pairs",
    "teacher": "the teacher's network gives it little weight",
    LEFT_OUT: "no weight recorded: too long, or in no full batch or recorded update",
    "weight": "the weighting gives it little weight",
}
#: The same in a word or two.
_SHORT = {
    "initial": "before training",
    "usefulness": "usefulness",
    "likeness_surface": "losses, lengths",
    "likeness_states": "hidden states",
}


def short(reason: str) -> str:
    """What a factor is about, in a word or two."""
    return _SHORT.get(reason, reason)


class _TokensByLine(Mapping[int, list[float]]):
    """The last lists of a record by line; a list is made when it is asked for."""

    def __init__(self, lists: Any, places: dict[int, int]) -> None:
        self._lists, self._places = lists, places

    @classmethod
    def of(cls, run: RunFolder) -> "_TokensByLine":
        """The weights of tokens that a run recorded."""
        rows = read_record(run, ["id", "token_weights"])
        # 32 bits number no more than two billion tokens.
        wide = rows["token_weights"].cast(pa.large_list(pa.float32()))
        rows = rows.set_column(2, "token_weights", wide).sort_by("update")
        known = np.flatnonzero(rows["token_weights"].is_valid().to_numpy())
        ids, lists = rows["id"].to_numpy()[known], rows["token_weights"].combine_chunks()
        return cls(lists, dict(zip(ids.tolist(), known.tolist(), strict=True)))

    def __getitem__(self, line: int) -> list[float]:
        found: list[float] = self._lists[self._places[line]].as_py()
        return found

    def __iter__(self) -> Iterator[int]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def read_record(run: RunFolder, columns: Sequence[str]) -> pa.Table:
    """Columns of a run's record, and ``update``; not of updates from after the checkpoint.

    Args:
        run: the run.
        columns: their names.
    """
    names = list(dict.fromkeys(["update", *columns]))
    # Parts of another weighting have other factors.
    schema = pa.unify_schemas([pq.read_schema(part) for part in _parts(run)])
    filters = pc.field("update") < run.recorded
    return pq.read_table(run.record, columns=names, filters=filters, schema=schema)


def _parts(run: RunFolder) -> list[Path]:
    """The files of a run's record, by update; those that begin with a dot were never completed."""
    return sorted(run.record.glob("[!.]*.parquet"))


def _read(run: RunFolder, lines: int) -> pa.Table:
    """Weights, their factors and losses of the record of a run on so many lines, by update."""
    nothing = InputError(f"{run.record} has no weights yet: the run records them by and by")
    parts = _parts(run)
    if not parts:
        raise nothing
    factors = [name for name in pq.read_schema(parts[-1]).names if name.startswith(FACTOR)]
    rows = read_record(run, ["id", "weight", "loss", *factors]).sort_by("update")
    if not len(rows):
        raise nothing
    if pc.max(rows["id"]).as_py() >= lines:
        raise InputError(f"{run.record} has weights of lines beyond the {lines:,} of the data")
    return rows


@dataclass(frozen=True)
class LineWeights:
    """Numbers by line of the training text, each of shape (lines,); NaN where there is none.

    Attributes:
        weight: the last one.
        factors: of the last weight that was recorded, by name.
        mean: of the recorded weights.
        spread: their standard deviation.
        loss: the last one, per target token, nats.
        tokens: by line, the weights that the tokens of its target and the end of it had last; none
            where only sentences have weights.
    """

    weight: Numbers
    factors: dict[str, Numbers]
    mean: Numbers
    spread: Numbers
    loss: Numbers
    tokens: Mapping[int, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of lines."""
        return len(self.weight)

    @classmethod
    def of(cls, run: RunFolder, lines: int, of_tokens: bool = False) -> "LineWeights":
        """Of a run.

        The last weight of a line that sampling left out of late epochs is the one that left it out.

        Args:
            run: the run.
            lines: of the training text.
            of_tokens: whether the weights of tokens are read, too.

        Raises:
            InputError: when the record has no weights, or those of another text.
        """
        rows = _read(run, lines)
        factors = [name for name in rows.column_names if name.startswith(FACTOR)]
        tokens = _TokensByLine.of(run) if of_tokens else {}
        wanted = [(name, "last") for name in ("weight", "loss", *factors)]
        wanted += [("weight", "mean"), ("weight", "stddev")]
        found = rows.group_by("id", use_threads=False).aggregate(wanted)

        def by_line(name: str) -> Numbers:
            numbers = np.full(lines, np.nan)
            column = pc.fill_null(found[name].cast(pa.float64()), np.nan)
            numbers[found["id"].to_numpy()] = column.to_numpy()
            return numbers

        weight = by_line("weight_last")
        sampler = run.extra["train_iterator"].get("sampler")
        if sampler is not None:  # knows what the weighting thought last, also of lines left out
            initial, last = (
                from_bytes(sampler[name][:lines]).double().numpy()
                for name in ("initial_weights", "weights")
            )
            weight = np.where(np.isnan(weight), initial, weight)
            # Where both say the same the record says it more precisely.
            better = ~np.isnan(last) & ~(np.abs(last - weight.clip(0, 1)) <= PRECISION)
            weight = np.where(better, last, weight)
        names = {name.removeprefix(FACTOR): by_line(f"{name}_last") for name in factors}
        if sampler is not None and "initial" in names:
            names["initial"] = initial
        return cls(
            weight=np.maximum(weight, 0),
            factors=names,
            mean=by_line("weight_mean"),
            spread=by_line("weight_stddev"),
            loss=by_line("loss_last"),
            tokens=tokens,
        )

    def why(self) -> list[str]:
        """The factor that says most against each line, or ``left out``."""
        if not self.factors:
            names, place = ["weight"], np.zeros(len(self), dtype=int)
        else:
            names = list(self.factors)
            place = np.nan_to_num(np.stack(list(self.factors.values())), nan=1.0).argmin(0)
        found = [names[k] for k in place]
        return [
            LEFT_OUT if lacks else name
            for name, lacks in zip(found, np.isnan(self.weight), strict=True)
        ]
