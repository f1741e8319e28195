"""Promise: it learns. The weights find corrupted targets, and the student is better for it."""

import random
import re

import numpy as np
import pyarrow.parquet as pq
import pytest
from commands import OURS, binarize, train
from sklearn.metrics import roc_auc_score

UPDATES = 350
PAIRS, TRUSTED, HELD_OUT = 1000, 200, 100
# Of corrupted targets, in turn. Half of them have the right words, as many of them and in an order
# that the language has, only of the source: nothing tells them before the student has learnt.
CORRUPTT = ["not turned", "misaligned", "not turned", "untranslated"]
STUDENT = [
    *("--encoder-embed-dim", "32", "--encoder-ffn-embed-dim", "64"),
    *("--decoder-embed-dim", "32", "--decoder-ffn-embed-dim", "64"),
    *("--lr", "0.01", "--lr-scheduler", "inverse_sqrt", "--warmup-updates", "60"),
    *("--max-tokens", "600", "--log-interval", "100", "--validate-interval", "1000"),
]


def sentence(rng):
    return [f"w{rng.randrange(10)}" for _ in range(rng.randint(4, 8))]


def pair(rng, kind):
    """The language turns a sentence round and writes it in capitals."""
    source = sentence(rng)
    turned = [word.upper() for word in reversed(sentence(rng) if kind == "misaligned" else source)]
    return source, {"not turned": turned[::-1], "untranslated": source}.get(kind, turned)


def corpus(folder, seed, corrupted):
    """Binarized pairs with a share of corrupted targets, and the kind of each training pair."""
    rng = random.Random(seed)
    bad = int(corrupted * PAIRS)
    kinds = [CORRUPTT[i % len(CORRUPTT)] for i in range(bad)] + ["good"] * (PAIRS - bad)
    splits = {"train": kinds, "meta": ["good"] * TRUSTED, "valid": ["good"] * HELD_OUT}
    for split, each in splits.items():
        pairs = [pair(rng, kind) for kind in each]
        for side, lines in zip(("de", "en"), zip(*pairs, strict=True), strict=True):
            (folder / f"{split}.{side}").write_text("".join(" ".join(x) + "\n" for x in lines))
    binarize(folder, folder / "bin")
    return folder / "bin", np.array(kinds)


def learn(data, out, *flags, updates=UPDATES, warmup=90):
    """Train a student; returns its loss on held-out pairs, in bits a token."""
    ours = [*OURS, *STUDENT, "--weighting-warmup", warmup, "--max-update", updates, *flags]
    log = train(data, *ours, "--save-dir", out, "--weights-dir", out / "weights").stdout
    return float(re.findall(r"valid on 'valid' subset .*?\bnll_loss ([\d.]+)", log)[-1])


def last_weights(out):
    """The last weight of every training pair, shape (PAIRS,); 0 of one that never came up."""
    weights = np.zeros(PAIRS)
    for row in pq.read_table(out / "weights").sort_by("update").to_pylist():
        weights[row["id"]] = row["weight"]
    return weights


def tells(weights, kinds, *corrupted):
    """The probability that a good pair has a larger weight than a bad one, ties count half."""
    chosen = np.isin(kinds, ["good", *corrupted])
    return roc_auc_score(kinds[chosen] == "good", weights[chosen])


@pytest.fixture(scope="module")
def corrupted(tmp_path_factory):
    return corpus(tmp_path_factory.mktemp("corrupted"), seed=2, corrupted=0.4)


@pytest.fixture(scope="module")
def plain_loss(corrupted, tmp_path_factory):
    return learn(corrupted[0], tmp_path_factory.mktemp("plain"), "--weighting", "uniform")


def test_with_two_fifths_of_the_targets_corrupted_the_weights_find_them_and_the_loss_is_lower(
    corrupted, plain_loss, tmp_path
):
    data, kinds = corrupted
    loss = learn(data, tmp_path, "--weighting", "deep")
    weights = last_weights(tmp_path)
    assert tells(weights, kinds, "misaligned", "untranslated") > 0.95
    assert tells(weights, kinds, "not turned") > 0.75
    assert tells(weights, kinds, *CORRUPTT) > 0.85
    assert loss < plain_loss - 0.3


@pytest.mark.parametrize(
    "reads",
    [
        "surface+encoder+decoder",  # nothing but the meta-gradient tells
        pytest.param("surface+encoder+decoder+likeness", marks=pytest.mark.slow),
    ],
)
def test_a_teacher_that_begins_with_no_weights_learns_to_tell_them_all_the_same(
    corrupted, plain_loss, tmp_path, reads
):
    """So short a run depends on chance: of nine seeds one leaves a kind at an AUC of 0.67."""
    data, kinds = corrupted
    flags = ["--weighting", "deep", "--weighting-options", f"reads={reads}", "--seed", 2]
    loss = learn(data, tmp_path, *flags)
    weights = last_weights(tmp_path)
    for kind in set(CORRUPTT):
        assert tells(weights, kinds, kind) > 0.7, kind
    assert loss < plain_loss - 0.3


def test_with_nothing_corrupted_hardly_any_weight_falls_and_the_student_is_as_good(tmp_path):
    data, _ = corpus(tmp_path, seed=7, corrupted=0)
    plain, weighed = (
        learn(data, tmp_path / kind, "--weighting", kind, updates=60, warmup=30)
        for kind in ("uniform", "deep")
    )
    weights = last_weights(tmp_path / "deep")
    assert weights.mean() > 0.95 and (weights < 0.5).mean() < 0.02
    assert abs(weighed - plain) < 0.05
