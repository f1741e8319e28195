"""Promise: a flag of fairseq-train does with reweighting what fairseq says of it."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from commands import (
    OURS,
    PLAIN,
    Run,
    fairseq_train,
    load,
    same,
    train,
    train_flags,
)

# tests/test_flags.py holds that they go with reweighting at all.
pytestmark = pytest.mark.slow

UPDATES = 10


@dataclass
class Ran:
    """A run that is over: its folder and its log."""

    out: Path
    log: str

    def checkpoint(self, name="last"):
        return load(self.out / f"checkpoint_{name}.pt")

    def files(self):
        """Names of checkpoints."""
        return {path.name for path in self.out.glob("*.pt")}

    def rows(self):
        """The record, in the order of updates."""
        order = [("update", "ascending"), ("id", "ascending")]
        return pq.read_table(self.out / "weights").sort_by(order)

    def updates(self, column="length"):
        """Values of the sentences of every update, in a list for each."""
        table, found = self.rows(), {}
        for update, value in zip(*(table[n].to_pylist() for n in ("update", column)), strict=True):
            found.setdefault(update, []).append(value)
        return list(found.values())

    def logged(self, name):
        """Numbers of the log, by update."""
        return [float(x) for x in re.findall(rf"\b{name}=([\d.e+-]+)", self.log)]


def run(data, out, *flags, rule="deep", **how):
    """A run without dropout, which would differ with the shape of a batch, and with a record."""
    ours = [*OURS, "--weighting", rule, "--max-update", UPDATES, "--dropout", 0]
    folders = ["--save-dir", out, "--weights-dir", out / "weights"]
    if "--keep-last-epochs" in flags:
        given = [
            f for f in train_flags(data, *ours, *folders, *flags) if f != "--no-epoch-checkpoints"
        ]
        return Ran(out, Run(fairseq_train, given).finish().stdout)
    return Ran(out, train(data, *ours, *folders, *flags, **how).stdout)


@pytest.fixture(scope="module")
def base(data, tmp_path_factory):
    return run(data, tmp_path_factory.mktemp("base"))


# -- what a flag has to do, told by a run with it and the run without it ---------------------------


def the_same(ran, base):
    """Student, optimizer, teacher and record, to the last bit."""
    found, expected = (r.checkpoint() for r in (ran, base))
    assert same(found["model"], expected["model"])
    assert same(found["last_optimizer_state"], expected["last_optimizer_state"])
    parts = [c["extra_state"]["L2RWTranslationTask"] for c in (found, expected)]
    assert same(*parts)
    assert ran.rows().equals(base.rows())


def validates_as_told(ran, base):
    the_same(ran, base)
    validated = re.findall(r"valid on '(\w+)' subset.*num_updates (\d+)", ran.log)
    assert {n for name, n in validated if name == "valid"} >= {"4", "6", "8", "10"}
    assert "2" not in {n for _, n in validated} and "meta" in {name for name, _ in validated}


def never_validates(ran, base):
    the_same(ran, base)
    assert "valid on" in base.log and "valid on" not in ran.log


def averages_too(ran, base):
    the_same(ran, base)
    average = ran.checkpoint()["extra_state"]["ema"]
    model = ran.checkpoint()["model"]
    assert average.keys() == model.keys() and not same(average, model)


def few_sentences(ran, base):
    assert max(map(len, ran.updates())) == 10 < max(map(len, base.updates()))


def few_tokens(ran, base):
    assert all(len(lengths) * max(lengths) <= 100 for lengths in ran.updates())


def many_batches(ran, base):
    """More than any one batch holds: the rest of an epoch, no whole update, is left out."""
    assert min(map(len, ran.updates())) > max(map(len, base.updates()))


def multiples_of_8(ran, base):
    assert {len(x) % 8 for x in ran.updates() if len(x) > 8} == {0}
    assert {len(x) % 8 for x in base.updates() if len(x) > 8} != {0}


def padded_otherwise(ran, base):
    """What nothing is read from changes nothing but the order of sums."""
    for column, error in (("loss", 1e-4), ("weight", 0.02)):
        found, expected = (torch.tensor(r.updates(column)[0]) for r in (ran, base))
        torch.testing.assert_close(found, expected, rtol=error, atol=error)


def short_ones(ran, base):
    assert max(map(max, ran.updates())) == 6 < max(map(max, base.updates()))


def cut_ones(ran, base):
    assert max(map(max, ran.updates())) == max(map(max, base.updates())) > 6
    first = [set(r.updates("id")[0]) for r in (ran, base)]
    assert not first[0] <= first[1]  # other sentences fill a batch


def short_ones_first(ran, base):
    means = [sum(x) / len(x) for x in ran.updates()][:4]
    assert means == sorted(means)
    means = [sum(x) / len(x) for x in base.updates()][:4]
    assert means != sorted(means)


def keeps_some(ran, base):
    the_same(ran, base)
    updates = {name.split("_")[-1] for name in ran.files() if re.match(r"checkpoint_\d", name)}
    assert updates == {"6.pt", "10.pt"}  # of the updates 2, 6 and 10, where no epoch ends
    assert sum(name.startswith("checkpoint.best_nll_loss_") for name in ran.files()) == 1


def keeps_the_fourth(ran, base):
    assert ran.files() == {"checkpoint4.pt", "checkpoint_best.pt", "checkpoint_last.pt"}
    assert re.findall(r"epoch (\d+) \| valid on", ran.log) == ["002", "004"]
    assert "--save-interval 2, --validate-interval 2 will count such epochs, too" in ran.log


def stops(says, updates):
    """After so many updates, and the log says why."""

    def holds(ran, base):
        assert says in ran.log and len(ran.updates()) == updates

    return holds


#: By name: flags that do not hide each other, and what has to hold of a run with them.
WORK = {
    "validation": (
        [
            *("--valid-subset", "valid,meta", "--ignore-unused-valid-subsets"),
            *("--validate-interval-updates", 2, "--validate-after-updates", 4),
            *("--batch-size-valid", 3, "--max-tokens-valid", 50, "--max-valid-steps", 2),
            *("--fixed-validation-seed", 7),
        ],
        validates_as_told,
    ),
    "no validation": (["--disable-validation"], never_validates),
    "average": (
        [
            *("--store-ema", "--ema-fp32", "--ema-decay", 0.5),
            *("--ema-start-update", 2, "--ema-update-freq", 2),
        ],
        averages_too,
    ),
    "sentences": (["--batch-size", 10], few_sentences),
    "tokens": (["--max-tokens", 100], few_tokens),
    "several batches": (["--update-freq", 2, "--skip-remainder-batch"], many_batches),
    "multiples": (["--required-batch-size-multiple", 8], multiples_of_8),
    "padding": (
        ["--left-pad-source", "--left-pad-target", "--required-seq-len-multiple", 4],
        padded_otherwise,
    ),
    "target positions": (
        ["--max-target-positions", 6, "--skip-invalid-size-inputs-valid-test"],
        short_ones,
    ),
    "source positions": (["--max-source-positions", 6, "--truncate-source"], cut_ones),
    "curriculum": (["--curriculum", 2], short_ones_first),
    "checkpoints of updates": (
        [
            *("--save-interval-updates", 2, "--keep-interval-updates", 1),
            *("--keep-interval-updates-pattern", 3, "--keep-best-checkpoints", 1),
            *("--best-checkpoint-metric", "nll_loss"),
        ],
        keeps_some,
    ),
    "checkpoints of epochs": (
        [
            *("--save-interval", 2, "--keep-last-epochs", 1, "--validate-interval", 2),
            *("--max-epoch", 4, "--max-update", 0),
        ],
        keeps_the_fourth,
    ),
    "patience": (
        [
            *("--patience", 1, "--best-checkpoint-metric", "loss", "--validate-interval-updates"),
            *(2, "--maximize-best-checkpoint-metric"),
        ],
        stops("early stop since valid performance hasn't improved for last 1 runs", 4),
    ),
    "smallest rate": (
        ["--stop-min-lr", 0.002, "--lr-scheduler", "polynomial_decay", "--total-num-update", 6],
        stops("smaller than or equal to minimum learning rate", 4),
    ),
    "hours": (["--stop-time-hours", 1e-9], stops("stop_time_hours", 1)),
    "epochs": (["--max-epoch", 1], stops("--max-epoch 1 will be about 4 updates", 4)),
}


@pytest.mark.parametrize("name", WORK)
def test_it_does_what_fairseq_says(data, base, tmp_path, name):
    flags, holds = WORK[name]
    holds(run(data, tmp_path, *flags), base)


def test_losses_are_those_of_plain_training_where_nothing_is_weighed(data, tmp_path):
    flags = ["--sentence-avg", "--label-smoothing", 0, "--ignore-prefix-size", 1]
    flags += ["--report-accuracy", "--dropout", 0, "--max-update", 6]
    logs = [
        train(data, *kind, *flags, "--save-dir", tmp_path / name).stdout
        for name, kind in (("plain", PLAIN), ("ours", [*OURS, "--weighting", "uniform"]))
    ]
    models = (load(tmp_path / n / "checkpoint_last.pt")["model"] for n in ("plain", "ours"))
    assert same(*models)
    told = [re.findall(r"\b(?:nll_loss|accuracy) ?[=|]? ?([\d.]+)", log) for log in logs]
    assert told[0] == told[1] and len(told[0]) > 10
    weighed = run(data, tmp_path / "deep", *flags)
    assert min(weighed.logged("meta_gnorm")) > 0 and len(weighed.updates()) == 6


HIGHEST = 0.003  # --lr
# By flags of --lr-scheduler: the rate after so many updates.
RATES = {
    "inverse_sqrt --warmup-updates 4": lambda u: HIGHEST * min(u / 4, (4 / u) ** 0.5),
    "polynomial_decay --warmup-updates 2 --total-num-update 12": lambda u: (
        HIGHEST * min(u / 2, 1 - (u - 2) / 10)
    ),
    "cosine --min-lr 0.001 --lr-period-updates 12": lambda u: (
        0.001 + (HIGHEST - 0.001) * (1 + math.cos(math.pi * u / 12)) / 2
    ),
    "fixed --warmup-updates 8": lambda u: HIGHEST * min(1, (u + 1) / 8),
    "step --lr-deacy-period 3 --lr-decay 0.5": lambda u: HIGHEST * 0.5 ** (u // 3),
    "triangular --max-lr 0.005 --lr-period-updates 20": lambda u: HIGHEST + 0.0002 * u,
    "tri_stage --warmup-steps 2 --hold-steps 2 --decay-steps 4": lambda u: (
        HIGHEST * min(0.01 + 0.99 * u / 2, 0.01 ** min(max(0, (u - 4) / 4), 1))
    ),
    # Epochs of 4 updates; the second does not lower the loss to a tenth.
    "reduce_lr_on_plateau --lr-patience 0 --lr-threshold 0.9": lambda u: (
        HIGHEST if u < 9 else HIGHEST / 10
    ),
}


@pytest.mark.parametrize("flags", RATES)
def test_the_learning_rate_is_fairseqs(data, tmp_path, flags):
    ran = run(data, tmp_path, "--lr-scheduler", *flags.split())
    expected = [RATES[flags](update) for update in range(1, UPDATES + 1)]
    assert ran.logged("lr") == pytest.approx(expected, rel=1e-3)
