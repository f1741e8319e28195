"""Promises of the whole: neutral, resumable, independent, distributed, plain about bad input."""

import math
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import torch
from commands import (
    ENVIRONMENT,
    OURS,
    PLAIN,
    PLUGIN,
    load,
    make_corpus,
    refusal,
    run,
    same,
    start,
    train,
    translate,
)

from fairseq_l2rw.commands.options import listing
from fairseq_l2rw.config import MetaConfig, WeightingConfig
from fairseq_l2rw.metagradient.dev_gradient import DevGradient
from fairseq_l2rw.metagradient.kept_steps import KeptSteps
from fairseq_l2rw.training.reweighting import Reweighting
from fairseq_l2rw.weighting import find
from fairseq_l2rw.weighting import names as weightings


def test_uniform_is_plain_training_bit_for_bit(data, tmp_path):
    for name, flags in (("plain", PLAIN), ("ours", [*OURS, "--weighting", "uniform"])):
        train(data, *flags, "--max-update", 12, "--save-dir", tmp_path / name)
    plain, ours = (load(tmp_path / n / "checkpoint_last.pt") for n in ("plain", "ours"))
    assert same(plain["model"], ours["model"])
    assert same(plain["last_optimizer_state"], ours["last_optimizer_state"])


def test_on_clean_pairs_deep_is_plain_training_bit_for_bit(tmp_path):
    """Nothing tells training from trusted pairs: all are drawn, and weigh 1, at all times."""
    data = make_corpus(tmp_path, misaligned=0)
    for kind in ("uniform", "deep"):
        flags = ("--weighting", kind, "--weighting-warmup", 40, "--max-update", 60)
        folders = ("--save-dir", tmp_path / kind, "--weights-dir", tmp_path / kind / "weights")
        train(data, *OURS, *flags, *folders)
    uniform, deep = (load(tmp_path / n / "checkpoint_last.pt") for n in ("uniform", "deep"))
    assert same(uniform["model"], deep["model"])
    assert same(uniform["last_optimizer_state"], deep["last_optimizer_state"])
    assert set(rows(tmp_path / "deep")["weight"].to_pylist()) == {1.0}


def test_a_dev_batch_is_half_a_training_batch_unless_told(data, tmp_path):
    told = OURS.index("--meta-max-tokens")
    run = ("--weighting", "l2rw", "--max-update", 1, "--no-save", "--save-dir", tmp_path)
    unsaid = [*OURS[:told], *OURS[told + 2 :], *run]
    ways = (), ("--meta-max-tokens", 100), ("--meta-max-tokens", 200)  # with --max-tokens 200
    logs = [train(data, *unsaid, *flags).stdout for flags in ways]
    default, half, whole = (re.search(r"trusted pairs: .*", log)[0] for log in logs)
    assert default == half != whole


@pytest.fixture(scope="module")
def deep(data, tmp_path_factory):
    """A finished run with the deep teacher, uninterrupted."""
    out = tmp_path_factory.mktemp("deep")
    done = train(data, *deep_flags(out))
    return out, done.stdout + done.stderr


def deep_flags(out, *flags):
    return [
        *(*OURS, "--weighting", "deep", "--weights-dir", out / "weights", "--save-dir", out),
        *(
            "--min-sampling-probability",
            0.2,
            "--max-update",
            40,
            "--save-interval-updates",
            5,
            "--keep-interval-updates",
            1,
            *flags,
        ),
    ]


def rows(out):
    return pq.read_table(out / "weights").sort_by([("update", "ascending"), ("id", "ascending")])


def test_weights_move_after_warmup_and_are_recorded_once_a_sentence(deep):
    table = rows(deep[0])
    updates, weights = table["update"].to_pylist(), table["weight"].to_pylist()
    assert set(updates) == set(range(40))
    assert len({w for u, w in zip(updates, weights, strict=True) if u >= 4}) > 2
    seen = list(zip(updates, table["id"].to_pylist(), strict=True))
    assert len(seen) == len(set(seen))
    epochs = table["epoch"].to_pylist()
    first = [i for i, e in zip(table["id"].to_pylist(), epochs, strict=True) if e == 1]
    assert len(first) == len(set(first)) and 80 < len(first) < 150


def test_a_thinned_record_has_the_weights_of_every_nth_update(data, tmp_path):
    flags = [*OURS, "--weighting", "random", "--max-update", 12, "--weights-interval", 5]
    for kind, some in (("all", flags[:-2]), ("thinned", flags)):
        folder = tmp_path / kind
        train(data, *some, "--save-dir", folder, "--weights-dir", folder / "weights")
    every, thinned = (rows(tmp_path / kind) for kind in ("all", "thinned"))
    assert set(thinned["update"].to_pylist()) == {0, 5, 10}
    assert thinned.equals(every.filter(pc.is_in(every["update"], pa.array([0, 5, 10]))))


def test_the_log_tells_about_weights_and_teacher(deep):
    names = ["weight_mean", "weight_std", "weight_min", "weight_max", "weight_ess", "step_share"]
    names += ["weight_fallbacks", "dev_loss", "meta_gnorm", "meta_skipped", "teacher_exponent"]
    names += ["teacher_skipped_rows"]
    for name in names:
        told = re.findall(rf"\b{name}=([^, ]+)", deep[1])
        assert told and all(math.isfinite(float(value)) for value in told if value != "None"), name
        assert any(value != "None" for value in told)
    for name, low, high in (("step_share", 0, 1), ("weight_ess", 0, 1), ("meta_skipped", 0, 0)):
        told = [x for x in re.findall(rf"\b{name}=([^, ]+)", deep[1]) if x != "None"]
        assert all(low <= float(value) <= high for value in told), name


def test_killed_in_mid_epoch_and_resumed_it_ends_with_the_same_bits(data, deep, tmp_path):
    flags = deep_flags(tmp_path)
    going = start(data, *flags)
    assert going.wait_for_update(23)
    going.kill()
    resumed = train(data, *flags)
    assert re.search(
        r"Loaded checkpoint .*checkpoint_last.pt \(epoch \d+ @ (\d+) upd", resumed.stdout
    )
    whole, again = (load(out / "checkpoint_last.pt") for out in (deep[0], tmp_path))
    assert same(whole["model"], again["model"])
    assert same(whole["last_optimizer_state"], again["last_optimizer_state"])
    state = whole["extra_state"]["L2RWTranslationTask"]
    assert same(state, again["extra_state"]["L2RWTranslationTask"])
    assert state["weighting"] and state["window"]["meta"]["mean"]
    assert state["trusted"]["iterations_in_epoch"] >= 0
    assert same(*(c["extra_state"]["train_iterator"] for c in (whole, again)))
    assert rows(deep[0]).equals(rows(tmp_path))


def test_an_epoch_holds_a_sentence_as_often_as_its_weights_say(data, tmp_path):
    """And in a fifth of the cases at least, as the flag asks, and then counts for two at most."""
    reads = ["--weighting-options", "reads=surface+encoder+decoder+likeness"]  # no initial ones
    train(data, *deep_flags(tmp_path, *reads))
    last: dict[int, float] = {}
    drawn: dict[int, int] = {}
    unknown, rarely = set(), 0  # whose own last weight was not written down
    for row in rows(tmp_path).to_pylist():  # in the order of updates
        drawn[row["epoch"]] = drawn.get(row["epoch"], 0) + 1
        number, weight = row["id"], row["weight"]
        if 1 <= row["update"] < 4:  # what counts is the teacher's own weight, not the 1 given
            unknown.add(number)
        if number not in unknown:
            chance = round(min(max(last.get(number, 1.0), 0.2), 1.0) * 200) / 200
            assert row["importance_weight"] == pytest.approx(1 / chance, rel=1e-5)
            rarely += chance < 1
        assert weight * row["importance_weight"] <= 2.001
        if weight * row["importance_weight"] > 1.999:  # it would have weighed more
            unknown.add(number)
        elif row["update"] >= 4:
            last[number] = weight
            unknown.discard(number)
    whole = sorted(drawn)[:-1]  # the last may be cut off
    assert drawn[1] == 150 and any(drawn[epoch] < 140 for epoch in whole) and rarely > 20


FALLING = ["--lr-scheduler", "polynomial_decay", "--total-num-update", "16"]
REWIND = ["--meta-trajectory", "rewind"]
SGD = ["--optimizer", "sgd", "--momentum", "0.9", "--lr", "0.1"]
KINDS = {
    "random": ["--weighting", "random"],
    "trim": ["--weighting", "trim"],
    "error_norm": [
        *("--weighting", "error_norm", "--weight-unit", "token"),
        *("--weighting-options", "threshold=0.95"),  # a student this young is sure of nothing
    ],
    "initial": ["--weighting", "initial"],
    "l2rw": ["--weighting", "l2rw", "--weight-unit", "token"],
    "mask": ["--weighting", "mask", "--update-freq", "2"],
    "mwnet": ["--weighting", "mwnet"],
    "lilaw": ["--weighting", "lilaw"],
    "lilaw, true gradient": ["--weighting", "lilaw", "--weighting-options", "meta_gradient=true"],
    "surface": ["--weighting", "surface"],
    "tokens": ["--weighting", "deep", "--weight-unit", "token"],
    "mlp": ["--weighting", "deep", "--weighting-options", "head=mlp"],
    "window": ["--weighting", "deep", "--meta-window", "3", "--meta-interval", "2"],
    "offloaded": [
        *("--weighting", "mwnet", "--meta-window", "3", "--meta-interval", "2"),
        *("--meta-trajectory", "offloaded"),
    ],
    "rare meta steps": ["--weighting", "deep", "--meta-window", "3", *FALLING],
    "rewound": [
        *("--weighting", "mwnet", "--meta-window", "5", "--meta-interval", "3"),
        *REWIND,
        *SGD,
    ],
    "forward": ["--weighting", "mwnet", "--meta-method", "forward"],
    "no dropout": ["--weighting", "deep", "--meta-dropout", "off"],
    "l2rw of sentences": ["--weighting", "l2rw"],
    "deep": ["--weighting", "deep"],
    "differences": ["--weighting", "mwnet", "--meta-method", "difference"],
    "half precision": ["--weighting", "deep", "--memory-efficient-fp16"],
    "half precision, of tokens": [
        *("--weighting", "l2rw", "--weight-unit", "token", "--memory-efficient-fp16"),
    ],
    "mixed precision": ["--weighting", "deep", "--amp"],
}

# Those that take no other way through our code than the others together.
MORE = {
    *("mask", "mwnet", "lilaw, true gradient", "offloaded", "no dropout", "l2rw of sentences"),
    "half precision, of tokens",
}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow if kind in MORE else ()) for kind in KINDS]
)
def test_every_weighting_trains_and_resumes_with_the_same_bits(data, tmp_path, kind):
    flags = [*OURS, *KINDS[kind], "--max-update", 14]
    weights = ["--weights-dir", tmp_path / "weights"]
    done = train(data, *flags, *weights, "--save-interval-updates", 3, "--save-dir", tmp_path)
    assert "not finite" not in done.stdout + done.stderr
    given = [(u, w) for u, w in zip(*columns(tmp_path, "update", "weight"), strict=True)]
    starts_at_one = not {"deep", "surface", "initial"} & {*KINDS[kind]} or "head=mlp" in KINDS[kind]
    assert ({w for u, w in given if u < 4} == {1.0}) == starts_at_one
    assert len({w for u, w in given if u >= 4}) > 1
    # After 9 updates, or after 6 where an epoch ends then: its checkpoint has another name.
    middle = max(tmp_path.glob("checkpoint_*_[69].pt"), key=lambda path: path.stem[-1])
    out = tmp_path / "again"
    weights = ["--weights-dir", out / "weights"]
    train(data, *flags, *weights, "--restore-file", middle, "--save-dir", out)
    whole, again = (load(d / "checkpoint_last.pt") for d in (tmp_path, tmp_path / "again"))
    assert same(whole["model"], again["model"])
    assert same(whole["last_optimizer_state"], again["last_optimizer_state"])
    part = "L2RWTranslationTask"
    assert same(whole["extra_state"][part], again["extra_state"][part])
    if "precision" in kind:
        done = translate(data, tmp_path / "again" / "checkpoint_last.pt")
        assert done.stdout.count("\nH-") == 20


def test_an_update_that_overflowed_half_precision_moves_nothing(data, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "cuda", lambda self: self)  # where fairseq needs a GPU for it
    flags = [*OURS, "--weighting", "deep", "--fp16", "--fp16-no-flatten-grads", "--max-update", 9]
    flags += ["--fp16-init-scale", 2**18, "--weights-dir", tmp_path / "weights"]
    done = train(data, *flags, "--save-dir", tmp_path)
    overflows = done.stdout.count("gradient overflow detected")
    assert 0 < overflows < 20 and "not finite" not in done.stdout
    seen = list(zip(*columns(tmp_path, "update", "id"), strict=True))
    assert {update for update, _ in seen} == set(range(9)) and len(seen) == len(set(seen))


def columns(out, *names):
    table = pq.read_table(out / "weights")
    return [table[name].to_pylist() for name in names]


def test_an_open_window_is_in_the_checkpoint_and_a_closed_one_is_not(data, tmp_path):
    flags = [*OURS, "--weighting", "mwnet", "--meta-window", 3, "--save-dir", tmp_path]
    for updates, open_steps in ((5, 0), (7, 1)):  # looks back after update 4, then 8
        train(data, *flags, "--max-update", updates)
        state = load(tmp_path / "checkpoint_last.pt")["extra_state"]["L2RWTranslationTask"]
        assert len(state["window"]["updates"]) == open_steps


@pytest.mark.parametrize("also", [[], ["--min-sampling-probability", 1], ["--grouped-shuffling"]])
def test_initial_weights_are_found_once_a_run(data, tmp_path, also):
    flags = [*OURS, "--weighting", "deep", *also, "--save-dir", tmp_path]
    said = [train(data, *flags, "--max-update", n).stdout for n in (4, 12)]  # mid-epoch, then on
    assert ["initial weights: mean" in text for text in said] == [True, False]
    assert "num_updates=12" in said[1]


def test_inner_products_alone_need_no_adjoint_of_the_optimizer(data):
    flags = [*OURS, "--weighting", "l2rw", "--optimizer", "adagrad", "--max-update", 9, "--no-save"]
    assert "alignment" in train(data, *flags).stdout


def test_initial_weights_alone_need_no_meta_gradient(data, tmp_path):
    flags = [*OURS, "--weighting", "initial", "--weights-dir", tmp_path / "weights"]
    flags += ["--optimizer", "adagrad"]  # whose adjoint is not known
    train(data, *flags, "--max-update", 12, "--save-dir", tmp_path)
    weights = dict(zip(*columns(tmp_path, "id", "weight"), strict=True))
    rows = set(zip(*columns(tmp_path, "id", "weight"), strict=True))
    assert len(rows) == len(weights)  # the same whenever a sentence comes up
    assert min(weights.values()) < 0.5 < max(weights.values())


def test_before_the_teacher_weighs_a_sentence_has_its_initial_weight(data, tmp_path):
    flags = [*OURS, "--weighting", "deep", "--weights-dir", tmp_path / "weights"]
    flags += ["--weighting-warmup", 9, "--max-update", 12, "--save-dir", tmp_path]
    # By quality alone nearly all are 0 or 1.
    flags += ["--weighting-options", "by=both,tolerance=1"]
    assert re.search(
        r"initial weights: mean 0\.\d\d, \d+% of pairs below 0\.3", train(data, *flags).stdout
    )
    rows = list(zip(*columns(tmp_path, "update", "id", "weight", "importance_weight"), strict=True))
    warmup_weights = [(number, weight, 1 / s) for u, number, weight, s in rows if u < 9]
    assert len({weight for _, weight, _ in warmup_weights}) > 10
    for _, weight, chance in warmup_weights:
        assert chance == pytest.approx(max(weight, 0.05), abs=1e-6)
    # Where the meta-gradient is taken, none is below 1e-6.
    once = {(number, round(weight, 5)) for number, weight, _ in warmup_weights}
    assert len(once) == len({n for n, *_ in warmup_weights})


def test_token_weights_are_recorded_under_their_sentence(data, tmp_path):
    flags = [*OURS, "--weighting", "random", "--weight-unit", "token", "--max-update", 8]
    train(data, *flags, "--weights-dir", tmp_path / "weights", "--save-dir", tmp_path)
    for weight, length, tokens in zip(
        *columns(tmp_path, "weight", "length", "token_weights"), strict=True
    ):
        assert len(tokens) == length
        assert weight == pytest.approx(sum(tokens) / length, abs=1e-6)


def test_the_record_has_what_the_trusted_pairs_said_where_they_were_asked(data, tmp_path):
    flags = [*OURS, "--weighting", "mwnet", "--max-update", 9]
    train(data, *flags, "--weights-dir", tmp_path / "weights", "--save-dir", tmp_path)
    rows = list(zip(*columns(tmp_path, "update", "weight", "length", "usefulness"), strict=True))
    assert {u for u, *_, signal in rows if signal is not None} == {0, 4, 8}
    said = [(w * n * signal, abs(w * n * signal)) for u, w, n, signal in rows if u == 8]
    total, size = map(sum, zip(*said, strict=True))
    # More of everything changes nothing: the weighted signals of an update add up to 0.
    assert size > 0 and abs(total) < 1e-4 * size


def test_the_teacher_can_learn_from_some_batches_of_an_update_and_hears_the_same_of_them(
    data, tmp_path
):
    flags = [*OURS, *SGD, "--weighting", "mwnet", "--update-freq", "3", "--max-update", 1]
    said = {}
    for name, part in (("all", []), ("some", ["--meta-batches", "2"])):
        out = tmp_path / name
        train(data, *flags, *part, "--save-dir", out, "--weights-dir", out / "weights")
        said[name] = dict(zip(*columns(out, "id", "usefulness"), strict=True))
        length = dict(zip(*columns(out, "id", "length"), strict=True))
    asked = [i for i, signal in said["some"].items() if signal is not None]
    assert None not in said["all"].values()
    assert len(asked) < len(said["some"]) == len(said["all"])
    # Both count from the mean of the batches they learn from, and in shares of these.
    part, whole = (torch.tensor([said[name][i] for i in asked]) for name in ("some", "all"))
    assert torch.corrcoef(torch.stack([part, whole]))[0, 1] > 1 - 1e-5
    share = sum(length[i] for i in asked) / sum(length.values())
    assert float(part.std() / whole.std()) == pytest.approx(1 / share, rel=0.02)


def test_the_trusted_pairs_are_asked_less_often_as_the_learning_rate_falls(data, tmp_path):
    flags = [*OURS, "--meta-interval", "2", *FALLING, "--max-update", 16]
    asked = {}
    for kind in (["deep"], ["deep", "--weighting-options", "spacing=even"], ["mwnet"]):
        out = tmp_path / "-".join(kind)
        ours = [*flags, "--weighting", *kind, "--save-dir", out, "--weights-dir", out / "weights"]
        train(data, *ours)
        rows = zip(*columns(out, "update", "usefulness"), strict=True)
        asked[kind[0], len(kind)] = sorted({u for u, signal in rows if signal is not None})
    # By hand, of rates 1, 15/16, 14/16, ...: their squares since the last look add up to 2.
    assert asked["deep", 1] == [0, 3, 9]
    assert asked["deep", 3] == asked["mwnet", 1] == list(range(0, 16, 2))


def test_stock_fairseq_translates_with_the_student_without_the_plugin(data, deep):
    """torch's safe loader has to be told of fairseq's own Namespace; the plugin is not imported."""
    program = (
        "import argparse, sys, torch;"
        "torch.serialization.add_safe_globals([argparse.Namespace]);"
        "from fairseq_cli.generate import cli_main; cli_main();"
        "assert not any(m.startswith('fairseq_l2rw') for m in sys.modules)"
    )
    flags = [data, "--task", "translation", "--path", deep[0] / "checkpoint_last.pt"]
    flags += ["--gen-subset", "valid", "--cpu", "--beam", "1", "--max-len-b", "12"]
    flags += ["--required-batch-size-multiple", "1"]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, flags)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("\nH-") + done.stdout.startswith("H-") == 20


def test_fairseq_generate_translates_with_the_task(data, deep):
    flags = [data, "--user-dir", PLUGIN, "--task", "l2rw_translation", "--cpu"]
    flags += ["--path", deep[0] / "checkpoint_last.pt", "--gen-subset", "valid", "--beam", "1"]
    flags += ["--max-len-b", "12", "--required-batch-size-multiple", "1"]
    assert run("fairseq-generate", *flags).stdout.count("\nH-") == 20


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ([*OURS, "--meta-subset", "nowhere"], "--meta-subset nowhere does not exist"),
        ([*OURS, "--meta-subset", "nothing"], "--meta-subset nothing is empty"),
        ([*OURS, "--weighting", "depe"], "unknown --weighting 'depe'"),
        ([*OURS, "--meta-window", "0"], "--meta-window must be at least 1"),
        ([*OURS, "--meta-params", "nonsense"], "--meta-params 'nonsense' matches no trained"),
        ([*OURS[:2], *PLAIN[2:]], "needs --criterion l2rw_label_smoothed_cross_entropy"),
        ([*PLAIN[:2], *OURS[2:4]], "needs --task l2rw_translation"),
        ([*OURS, "--optimizer", "adagrad"], "no adjoint of --optimizer adagrad"),
        ([*OURS, *REWIND], "cannot run --optimizer adam backwards"),
        ([*OURS, "--weighting", "trim", "--weighting-options", "drop=2"], "drop must be in [0, 1)"),
        ([*OURS, "--weighting", "uniform", "--weight-unit", "token"], "does not weigh a token"),
        ([*OURS, "--weighting", "uniform", "--adaptive-softmax-cutoff", "5"], "whole vocabulary"),
    ],
)
def test_bad_input_gets_one_line_and_no_traceback(data, tmp_path, flags, says):
    for side in ("de", "en"):
        for kind in ("bin", "idx"):  # an empty split, as fairseq-preprocess makes of an empty file
            (data / f"nothing.de-en.{side}.{kind}").write_bytes(empty_split()[kind])
    done = train(data, *flags, "--save-dir", tmp_path, "--max-update", 3, check=False)
    assert says in refusal(done)


def test_updates_of_one_sentence_which_teach_nothing_are_warned_of_once(data, tmp_path):
    flags = [*OURS, "--max-update", 12, "--meta-interval", 2]
    log = train(data, *flags, "--batch-size", 1, "--save-dir", tmp_path / "one").stdout
    assert log.count("the meta-gradient is exactly 0, nothing to learn") == 1
    log = train(data, *flags, "--save-dir", tmp_path / "many").stdout
    assert "the meta-gradient is exactly 0" not in log


def test_training_text_without_target_gets_one_line(data, tmp_path):
    copy = shutil.copytree(data, tmp_path / "source_only")
    for path in copy.glob("train.de-en.en.*"):
        path.unlink()
    done = train(copy, *OURS, "--max-update", 3, "--save-dir", tmp_path, check=False)
    assert "fairseq-l2rw: train has no target" in refusal(done)


def empty_split():
    """Files of fairseq's memory-mapped dataset with no sentence in it."""
    header = b"MMIDIDX\x00\x00" + (1).to_bytes(8, "little") + bytes([3])
    return {"bin": b"", "idx": header + (0).to_bytes(16, "little")}


def test_a_dev_set_that_also_picks_checkpoints_is_warned_about(data, tmp_path):
    done = train(data, *OURS, "--meta-subset", "valid", "--max-update", 2, "--save-dir", tmp_path)
    assert "--meta-subset valid is also a --valid-subset" in done.stdout


@pytest.mark.parametrize(
    "kind",
    [
        ["--weighting", "deep"],
        ["--weighting", "l2rw"],
        ["--weighting", "lilaw"],
        ["--weighting", "random", "--weight-unit", "token"],
        pytest.param(["--weighting", "mwnet", "--meta-window", "3"], marks=pytest.mark.slow),
        ["--weighting", "mwnet", "--meta-window", "4", *REWIND, *SGD],
        pytest.param(["--weighting", "deep", "--meta-dropout", "off"], marks=pytest.mark.slow),
    ],
    ids=["deep", "l2rw", "lilaw", "tokens", "window", "rewound", "no dropout"],
)
def test_two_workers_are_one_worker_with_update_freq_two(data, tmp_path, kind):
    common = [*OURS, *kind, "--max-update", 8, "--dropout", 0]
    common += [] if "sgd" in kind else ["--lr", "0.001"]
    one = [*common, "--update-freq", 2, "--save-dir", tmp_path / "one"]
    one += ["--weights-dir", tmp_path / "one" / "weights"]
    train(data, *one)
    two = [*common, "--save-dir", tmp_path / "two", "--weights-dir", tmp_path / "two" / "weights"]
    train(data, *two, workers=2)
    assert_same_up_to_rounding(tmp_path / "one", tmp_path / "two")


def assert_same_up_to_rounding(one, two):
    """Student, teacher and record of two runs, whose workers add up in another order."""
    a, b = (load(out / "checkpoint_last.pt") for out in (one, two))
    for name, value in a["model"].items():
        # A step of Adam is 1e-3: where a gradient is nearly 0, its rounding counts.
        torch.testing.assert_close(b["model"][name], value, rtol=1e-4, atol=5e-5)
    first, second = (c["extra_state"]["L2RWTranslationTask"] for c in (a, b))
    for part in ("extractor", "usual", "weighting"):
        assert second[part].keys() == first[part].keys()
        for name, value in first[part].items():
            if not name.endswith("_extra_state"):
                assert apart(second[part][name], value) < 1e-4, (part, name)
    ones, twos = rows(one), rows(two)
    assert all(ones[c].equals(twos[c]) for c in ("update", "epoch", "id", "length"))
    weights = (torch.tensor(t["weight"].to_pylist()) for t in (ones, twos))
    torch.testing.assert_close(*weights, rtol=1e-3, atol=1e-4)


def test_uneven_shards_are_filled_up_with_what_counts_for_nothing(data, tmp_path, monkeypatch):
    """Two workers with --update-freq 2 are one with 4, also where an epoch ends in mid-update."""
    begin = Reweighting.begin

    def watched(self, optimizer, update, dummy):
        if dummy:
            print("a dummy batch", file=sys.stderr)
        begin(self, optimizer, update, dummy)

    monkeypatch.setattr(Reweighting, "begin", watched)
    flags = [*OURS, "--weighting", "deep", "--max-update", 10, "--dropout", 0, "--lr", 0.001]
    flags += ["--max-tokens", 120]
    for name, workers, every in (("one", 1, 4), ("two", 2, 2)):
        out = tmp_path / name
        more = ["--update-freq", every, "--save-dir", out, "--weights-dir", out / "weights"]
        done = train(data, *flags, *more, workers=workers)
        assert done.stderr.count("a dummy batch") >= 2 * (workers - 1)
    assert_same_up_to_rounding(tmp_path / "one", tmp_path / "two")


def apart(found, expected):
    """How far a tensor is off, relative to its size."""
    difference = (found.double() - expected.double()).nan_to_num().norm()
    return float(difference / expected.double().nan_to_num().norm().clamp(min=1e-30))


def test_the_weighting_of_the_docs_is_found_in_a_folder_of_ones_own(data, tmp_path):
    docs = Path(__file__).resolve().parents[1] / "docs" / "extending.md"
    plugin = tmp_path / "my_plugin"
    plugin.mkdir()
    (plugin / "__init__.py").write_text(docs.read_text().split("```python\n")[1].split("```")[0])
    flags = [*OURS, "--user-dir", plugin, "--weighting", "trust_sure", "--save-dir", tmp_path]
    flags += ["--weighting-options", "power=2", "--max-update", 6]
    train(data, *flags, "--weights-dir", tmp_path / "weights")
    given = [w for u, w in zip(*columns(tmp_path, "update", "weight"), strict=True) if u >= 4]
    assert len(given) > 20 and all(0 < w < 0.1 for w in given)  # squares of small probabilities


def test_the_options_command_lists_every_option_of_the_task():
    text = listing().format_help()
    for concern in (WeightingConfig, MetaConfig):
        for name in concern.__annotations__:
            assert f"--{name.replace('_', '-')} " in text
    for weighting in weightings():
        for field in fields(find(weighting).Options):
            assert f"--weighting {weighting}: {field.name}={field.default}" in text
            assert len(field.metadata["help"]) > 5
    assert "--weighting trim: drop=0.3" in text


def test_hydra_trains_with_the_same_options(data, tmp_path):
    (tmp_path / "run.yaml").write_text(
        f"""# @package _global_
common: {{user_dir: {PLUGIN}, cpu: true, no_progress_bar: true}}
task: {{_name: l2rw_translation, data: {data}, meta_subset: meta, meta_interval: 2}}
criterion: {{_name: l2rw_label_smoothed_cross_entropy, label_smoothing: 0.1}}
model:
  _name: transformer
  share_all_embeddings: true
  encoder: {{embed_dim: 16, ffn_embed_dim: 16, layers: 1, attention_heads: 2}}
  decoder: {{embed_dim: 16, ffn_embed_dim: 16, layers: 1, attention_heads: 2}}
optimizer: {{_name: adam}}
lr_scheduler: {{_name: fixed}}
optimization: {{lr: [0.001], max_update: 3}}
dataset: {{max_tokens: 200, num_workers: 0}}
checkpoint: {{save_dir: {tmp_path}, no_epoch_checkpoints: true}}
"""
    )
    run("fairseq-hydra-train", "--config-dir", tmp_path, "--config-name", "run", cwd=tmp_path)
    state = load(tmp_path / "checkpoint_last.pt")["extra_state"]["L2RWTranslationTask"]
    assert state["progress"]["updates"] == 3 and state["window"]["meta"]["count"] == 2


def test_no_update_is_kept_for_a_meta_step_that_was_left_out(data, tmp_path, monkeypatch):
    """A trusted batch whose loss is not finite teaches nothing: the next one is not in sight."""
    kept = KeptSteps.before_step

    def keeps(self, *args):
        print("kept an update")
        return kept(self, *args)

    monkeypatch.setattr(KeptSteps, "before_step", keeps)
    monkeypatch.setattr(DevGradient, "_tells", lambda self, *_: self.count != 1)
    flags = [*OURS, "--weighting", "mwnet", "--max-update", 12, "--no-save"]
    done = train(data, *flags)
    assert done.stdout.count("kept an update") == 3


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--weighting-warmup", 9, "--meta-interval", 2], "lasts until the end (--max-update 3)"),
        (["--meta-interval", 9], "is longer than the run (--max-update 3)"),
        (["--weighting", "initial", "--weighting-warmup", 9], None),
    ],
)
def test_a_run_that_is_too_short_for_what_it_learns_is_warned_of(data, flags, says):
    done = train(data, *OURS, "--weighting-warmup", 0, *flags, "--max-update", 3, "--no-save")
    said = [line for line in done.stdout.splitlines() if "(--max-update 3)" in line]
    assert len(said) == (says is not None) and all(says in line for line in said)


@pytest.mark.parametrize("weighting", ["mwnet", "deep"])
def test_so_is_one_that_ends_with_an_epoch(data, tmp_path, weighting):
    flags = [*OURS, "--weighting", weighting, "--weighting-warmup", 900, "--max-epoch", 2]
    done = train(data, *flags, "--save-dir", tmp_path)
    (about,) = re.findall(r"until the end \(--max-epoch 2, about (\d+) updates\): ", done.stdout)
    assert abs(int(about) - int(re.findall(r"num_updates=(\d+)", done.stdout)[-1])) <= 2
    # There is none left for a warm-up that begins late, either.
    late = ["--reset-dataloader", "--weighting-warmup", 6, "--max-epoch", 0, "--max-update"]
    more = train(data, *flags, *late, int(about) + 4, "--save-dir", tmp_path).stdout
    assert re.search(r"--weighting-warmup 6 from update \d+ on lasts until the end", more)


@pytest.mark.parametrize(
    ("flags", "unread"),
    [
        (["--weighting", "uniform"], "--meta-interval 4, --meta-max-tokens 150"),
        (["--weighting", "mwnet", "--weights-interval", 3], "--weights-interval 3"),
        (
            ["--weighting", "trim", "--min-sampling-probability", 0.5],
            "--min-sampling-probability 0.5, --meta-interval 4, --meta-max-tokens 150",
        ),
        (
            ["--weighting", "lilaw", "--meta-window", 3, "--meta-average", 0],
            "--meta-average 0.0, --meta-window 3",
        ),
        (["--weighting", "l2rw", "--meta-window", 4], "--meta-window 4"),
        (["--weighting", "deep", "--meta-batches", 1], "--meta-batches 1"),
        (["--weighting", "deep", "--meta-batches", 1, "--update-freq", 2], None),
        (
            ["--weighting", "deep", "--weighting-options", "head=mlp,ridge=1"],
            "--weighting-options ridge=1.0, --weighting-options reads=likeness+initial",
        ),
    ],
)
def test_flags_that_nothing_reads_are_named(data, flags, unread):
    done = train(data, *OURS, *flags, "--max-update", 1, "--no-save")
    said = re.findall(r"^nothing reads (.*) with --weighting \w+ and the other", done.stdout, re.M)
    assert said == ([] if unread is None else [unread])
