"""Promise: from raw text to a model, scores, a filtered corpus and a report by single commands."""

import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import sentencepiece
import torch
from browser import BROWSER, NO_BROWSER, check_report
from commands import STUDENT, TRAINING, Run, fairseq_train
from scipy.stats import rankdata, spearmanr

import fairseq_l2rw
from fairseq_l2rw.commands.main import main
from fairseq_l2rw.inference.line_weights import LineWeights
from fairseq_l2rw.inference.run_folder import RunFolder
from fairseq_l2rw.reporting.measures import auc
from fairseq_l2rw.text.files import lines, replaced
from fairseq_l2rw.text.manifest import Manifest
from fairseq_l2rw.text.pieces import SentencePieces
from fairseq_l2rw.training.weight_record import WeightRecord
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.weighting import registry

ODD = ["", "w1 w2", "a\u2028b w3", "w4\fw5", " ".join(["w6"] * 3000), "日本 w7"]


def sentences(count, seed):
    rng = random.Random(seed)
    return [[f"w{rng.randrange(40)}" for _ in range(rng.randint(3, 9))] for _ in range(count)]


def translated(words):
    return [word.upper() for word in reversed(words)]


def write(path, rows):
    with replaced(path) as file:
        file.writelines(f"{row}\n" for row in rows)
    return path


def read(path):
    return list(lines(path))


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Raw text: 400 pairs, the first 160 misaligned, and odd lines at the end."""
    folder = tmp_path_factory.mktemp("text")
    sources = sentences(400, 1)
    targets = [translated(words) for words in sources]
    targets[:160] = targets[1:160] + targets[:1]
    write(folder / "train.de.gz", [*map(" ".join, sources), *ODD])
    write(folder / "train.en", [*map(" ".join, targets), *("w1" for _ in ODD)])
    write(folder / "train.labels", ["bad"] * 160 + ["clean"] * 240 + ["odd"] * len(ODD))
    for split, count, seed in (("valid", 40, 3), ("trusted", 80, 2)):
        pairs = [(" ".join(s), " ".join(translated(s))) for s in sentences(count, seed)]
        write(folder / f"{split}.tsv", ["\t".join(pair) for pair in pairs])
    return folder


def call(*arguments):
    assert main([str(argument) for argument in arguments]) == 0


@pytest.fixture(scope="module")
def prepared(text):
    files = ["--train", text / "train.de.gz", text / "train.en", "--valid", text / "valid.tsv"]
    files += ["--trusted", text / "trusted.tsv", "--out", text / "data", "--pieces", 120]
    call("prepare", "--source-lang", "de", "--target-lang", "en", *files)
    return text / "data"


def trained(data, out, *flags):
    Run(
        fairseq_train,
        [
            *(str(data), "--user-dir", "fairseq_l2rw", *STUDENT, *TRAINING),
            *("--task", "l2rw_translation", "--criterion", "l2rw_label_smoothed_cross_entropy"),
            *("--meta-subset", "meta", "--weighting-warmup", "20", "--meta-interval", "2"),
            *("--skip-invalid-size-inputs-valid-test", "--max-update", "120"),
            *("--save-dir", out, "--weights-dir", f"{out}/weights", *flags),
        ],
    ).finish()
    return out


@pytest.fixture(scope="module")
def run(prepared, text):
    return trained(prepared, text / "run")


def test_the_prepared_folder_has_every_line_in_its_place(prepared, text, capsys):
    table = json.loads((prepared / "prepare.json").read_text())
    assert table["texts"]["train"] == [str(text / "train.de.gz"), str(text / "train.en")]
    assert sorted(path.name.split(".")[0] for path in prepared.glob("*.de.idx")) == [
        "meta", "train", "valid",
    ]  # fmt: skip
    vocabulary = {line.split("\t")[0] for line in lines(prepared / "sentencepiece.vocab")}
    assert any(map(str.islower, vocabulary)) and any(map(str.isupper, vocabulary))  # both sides
    again = ["--train", text / "train.de.gz", text / "train.en", "--valid", text / "valid.tsv"]
    again += ["--trusted", text / "trusted.tsv", "--out", prepared, "--pieces", 120]
    call("prepare", "--source-lang", "de", "--target-lang", "en", *again)
    said = capsys.readouterr().out
    assert "already there" in said and "fairseq-train" in said
    with pytest.raises(InputError, match="made from other files"):
        call(
            "prepare",
            "--source-lang",
            "de",
            "--target-lang",
            "en",
            *again,
            "--separate-dictionaries",
        )


def test_text_can_be_split_like_that_of_a_model_that_exists(prepared, text, tmp_path):
    given = ["--source-lang", "de", "--target-lang", "en", "--dictionaries", prepared]
    files = ["--train", text / "valid.tsv", "--trusted", text / "trusted.tsv"]
    model = prepared / "sentencepiece.model"
    call("prepare", *given, *files, "--sentencepiece", model, "--out", tmp_path / "a")
    splitter = SentencePieces(model)
    for name in ("valid", "trusted"):
        sides = zip(*(line.split("\t") for line in lines(text / f"{name}.tsv")), strict=True)
        pieces = [[" ".join(row) for row in splitter.split(list(side))] for side in sides]
        rows = zip(*pieces, strict=True)
        write(tmp_path / f"{name}.tsv", ["\t".join(row) for row in rows])
    files = ["--train", tmp_path / "valid.tsv", "--trusted", tmp_path / "trusted.tsv"]
    call("prepare", *given, *files, "--pieces-given", "--out", tmp_path / "b")
    for name in ("train.de-en.de.bin", "meta.de-en.en.bin", "dict.de.txt"):
        found = [(folder / name).read_bytes() for folder in (tmp_path / "a", tmp_path / "b")]
        assert found[0] == found[1], name
    assert (tmp_path / "a" / "dict.en.txt").read_bytes() == (prepared / "dict.en.txt").read_bytes()


def test_the_next_command_shares_embeddings_only_where_dictionaries_are_one(
    prepared, text, tmp_path, capsys
):
    files = ["--train", text / "valid.tsv", "--trusted", text / "trusted.tsv"]
    files += ["--source-lang", "de", "--target-lang", "en", "--dictionaries", tmp_path]
    files += ["--sentencepiece", prepared / "sentencepiece.model"]
    for name in ("dict.de.txt", "dict.en.txt"):
        shutil.copy(prepared / name, tmp_path)
    call("prepare", *files, "--out", tmp_path / "one")
    assert "--share-all-embeddings" in capsys.readouterr().out
    with (tmp_path / "dict.en.txt").open("a") as file:
        file.write("more 1\n")
    call("prepare", *files, "--out", tmp_path / "two")
    said = capsys.readouterr().out
    assert "fairseq-train" in said and "--share-all-embeddings" not in said


def test_weights_by_line_are_the_last_ones(run, text):
    folder = RunFolder.of(run)
    weights = LineWeights.of(folder, 406)
    rows = pq.read_table(folder.record).to_pylist()
    last = {row["id"]: row for row in sorted(rows, key=lambda row: row["update"])}
    for number, row in last.items():
        product = np.prod([value for name, value in row.items() if name.startswith("factor_")])
        if row["update"] >= 20 and row["importance_weight"] < 2:
            assert row["weight"] == pytest.approx(product, rel=1e-4, abs=1e-6)
        assert weights.loss[number] == pytest.approx(row["loss"])
    assert np.isnan(weights.weight[404])  # longer than the student takes
    assert weights.why()[404] == "left out"
    assert weights.weight[160:400].mean() > weights.weight[:160].mean()


def column(path, place):
    return [line.split("\t")[place] for line in lines(path)]


def table(text, path):
    sides = read(text / "train.de.gz"), read(text / "train.en")
    return write(path, [f"{source}\t{target}\tmore" for source, target in zip(*sides, strict=True)])


def test_score_answers_every_line_in_order_as_the_run_weighed_them(run, text, capsys):
    given = table(text, text / "given.tsv")
    call("score", given, text / "scored.tsv", "--run", run, "--device", "cpu")
    assert "406 lines" in capsys.readouterr().err
    rows = read(text / "scored.tsv")
    assert [row.rsplit("\t", 1)[0] for row in rows] == read(given)
    cells = [row.rsplit("\t", 1)[1] for row in rows]
    assert cells[400] == cells[404] == ""  # an empty side, and one that is too long
    assert all(0 <= float(cell) < 1.1 for cell in cells[:400])
    weights = LineWeights.of(RunFolder.of(run), 406).weight[:400]
    assert spearmanr(weights, [float(cell) for cell in cells[:400]]).statistic > 0.8


KINDS = {
    "surface": ["--weighting", "surface"],
    "published": [
        *("--weighting", "deep", "--weighting-options"),
        "head=mlp,reads=surface+encoder+decoder,rate=0.003",
    ],
    "deep, words": ["--weighting", "deep", "--weight-unit", "token"],
    "error_norm": [
        *("--weighting", "error_norm", "--weight-unit", "token"),
        *("--weighting-options", "threshold=0.99"),
    ],
    # A function of the loss alone, which must hardly move in the meantime.
    "mwnet": ["--weighting", "mwnet", "--weighting-options", "rate=0.003", "--lr", "0.00003"],
    "lilaw": ["--weighting", "lilaw"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_any_weighting_that_weighs_a_pair_by_itself_weighs_new_text_as_it_does_its_own(
    prepared, text, tmp_path, kind
):
    """Its own were weighed with dropout, by earlier states of the model."""
    flags = [*KINDS[kind], "--max-update", 60, "--weighting-warmup", 5]
    out = trained(prepared, tmp_path / "run", *flags, "--min-sampling-probability", 1)
    given = table(text, tmp_path / "given.tsv")
    call("score", given, tmp_path / "scored.tsv", "--run", out, "--device", "cpu")
    cells = column(tmp_path / "scored.tsv", 3)[:400]
    weights = LineWeights.of(RunFolder.of(out), 406).weight[:400]
    assert all(float(cell) >= 0 for cell in cells)
    # By chance it is 0.05.
    assert spearmanr(weights, [float(cell) for cell in cells]).statistic > 0.3


def test_processes_side_by_side_score_as_one_does(run, text):
    given = table(text, text / "given.tsv")
    for workers in (1, 3):
        out = text / f"by-{workers}.tsv"
        call("score", given, out, "--run", run, "--device", "cpu", "--workers", workers)
    one, three = (column(text / f"by-{workers}.tsv", 3) for workers in (1, 3))
    assert [cell == "" for cell in one] == [cell == "" for cell in three]
    for a, b in zip(one, three, strict=True):
        assert a == b or float(a) == pytest.approx(float(b), rel=1e-3)


def test_a_scoring_process_that_is_killed_is_one_line(run, text, monkeypatch):
    given = table(text, text / "given.tsv")
    monkeypatch.setattr(
        "fairseq_l2rw.inference.text_scorer.TextScorer.scores", lambda *_: os._exit(9)
    )
    how = ["score", given, text / "killed.tsv", "--run", run, "--device", "cpu", "--workers", 2]
    with pytest.raises(InputError, match="--workers"):
        main([str(argument) for argument in how])
    assert not (text / "killed.tsv").exists()


def test_score_goes_on_where_it_was_killed_and_reads_columns_by_name(run, text, monkeypatch):
    given = write(
        text / "named.tsv",
        ["id\tsrc\ttrg", *(f"{n}\tw{n % 40} w1\tW1 W{n % 40}" for n in range(50))],
    )
    how = ["--run", run, "--header", "--scol", "src", "--tcol", "trg", "--factors"]
    call("score", given, text / "whole.tsv", *how)
    whole = (text / "whole.tsv").read_text()
    assert whole.startswith("id\tsrc\ttrg\tweight\tinitial\tusefulness\t")
    with monkeypatch.context() as patch, pytest.raises(TypeError):  # it is killed
        patch.setattr("fairseq_l2rw.inference.text_scorer.TextScorer.scores", None)
        call("score", given, text / "part.tsv", *how, "--workers", 1)
    with pytest.raises(InputError, match=r"part.tsv was begun with another --factors: give"):
        call("score", given, text / "part.tsv", *how[:-1], "--resume")
    (text / ".unfinished-part.tsv.json").rename(text / "settings.json")
    with pytest.raises(InputError, match=r"nothing says how .*part.tsv was begun"):
        call("score", given, text / "part.tsv", *how, "--resume")
    (text / "settings.json").rename(text / ".unfinished-part.tsv.json")
    cut = text / ".unfinished-part.tsv"
    cut.write_text(whole[: len(whole) // 2])  # ends within a line
    call("score", given, text / "part.tsv", *how, "--resume")
    assert not list(text.glob(".unfinished-part*"))
    assert column(text / "part.tsv", 0) == column(text / "whole.tsv", 0)
    for a, b in zip(column(text / "part.tsv", 3), column(text / "whole.tsv", 3), strict=True):
        assert a == b or float(a) == pytest.approx(float(b), rel=1e-3)
    call("score", given, text / "new" / "only.txt", *how[:-1], "--score-only")
    assert [path.name for path in (text / "new").iterdir()] == ["only.txt"]
    assert column(text / "new" / "only.txt", 0) == column(text / "whole.tsv", 3)


def test_score_before_training_compares_with_trusted_pairs(prepared, text, capsys):
    given = table(text, text / "given.tsv")
    how = ["--initial", "--data", prepared, "--trusted", text / "trusted.tsv"]
    call("score", given, text / "initial.tsv.gz", *how, "--labels", text / "train.labels")
    told = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().err.splitlines()}
    assert told["bad"][0] == "160" and float(told["bad"][2]) > 0.8
    cells = [row.rsplit("\t", 1)[1] for row in lines(text / "initial.tsv.gz")]
    assert cells[400] == ""
    found = np.array([float(cell) for cell in cells[:400]])
    assert found[160:].mean() > found[:160].mean() + 0.2


@pytest.mark.parametrize(
    "how", [["--share", "0.5"], ["--pairs", "100"], ["--min-weight", "0.7"], []]
)
def test_export_keeps_what_is_asked_for_and_says_why_not(run, text, tmp_path, how):
    call("export", run, "filtered", "--out", tmp_path, *how)
    kept = [int(line) for line in (tmp_path / "kept.lines").read_text().split()]
    removed = read(tmp_path / "removed.tsv")[1:]
    assert sorted([*kept, *(int(row.split("\t")[0]) for row in removed)]) == list(range(406))
    sources = read(text / "train.de.gz")
    assert read(tmp_path / "kept.de") == [sources[n] for n in kept]
    weights = LineWeights.of(RunFolder.of(run), 406).weight
    lowest = min(weights[n] for n in kept)
    assert lowest >= max(float(row.split("\t")[1]) for row in removed) - 1e-3
    if how[:1] == ["--share"]:
        assert len(kept) == 203
    if how[:1] == ["--pairs"]:
        assert len(kept) == 100
    assert {row.split("\t")[2] for row in removed} <= {
        "initial",
        "usefulness",
        "likeness_surface",
        "left out",
    }


def test_every_format_answers_every_line_with_usable_numbers(run, text, tmp_path):
    names = ["marian", "marian-words", "eole", "opustrainer", "opusfilter", "tsv", "parquet"]
    call("export", run, *names, "--out", tmp_path)
    weights = [float(line) for line in lines(tmp_path / "marian.weights")]
    assert len(weights) == 406 and all(np.isfinite(weights)) and min(weights) >= 0
    assert (tmp_path / "eole.scores").read_text() == (tmp_path / "marian.weights").read_text()
    model = sentencepiece.SentencePieceProcessor(
        model_file=str(text / "data" / "sentencepiece.model")
    )
    targets, rows = read(text / "train.en"), read(tmp_path / "marian.word-weights")
    assert [len(row.split(" ")) for row in rows] == [len(model.encode(t)) + 1 for t in targets]
    objects = [json.loads(line) for line in lines(tmp_path / "opusfilter.jsonl")]
    assert [o["FairseqL2RW"]["weight"] for o in objects] == pytest.approx(weights, rel=1e-4)
    parts = [read(tmp_path / f"opustrainer.{part}.tsv.gz") for part in ("clean", "medium", "dirty")]
    assert sum(map(len, parts)) == 406 and all(
        row.count("\t") == 1 for part in parts for row in part
    )
    found = pq.read_table(tmp_path / "weights.parquet")
    assert found["line"].to_pylist() == list(range(406))
    assert found["weight"].to_pylist() == pytest.approx(weights, rel=1e-5)
    known = LineWeights.of(RunFolder.of(run), 406)
    said = ~np.isnan(known.factors["initial"])
    np.testing.assert_allclose(
        np.array(found["initial"])[said], known.factors["initial"][said], rtol=1e-6
    )
    assert found["kept"].to_pylist() == [w >= 0.5 for w in known.weight]
    assert found["source"].to_pylist()[402:404] == ["a\u2028b w3", "w4\fw5"]
    table = [row.split("\t") for row in read(tmp_path / "weights.tsv")]
    assert len(table) == 407
    columns = {name: [row[at] for row in table[1:]] for at, name in enumerate(table[0])}
    assert [float(cell) for cell in columns["weight"]] == pytest.approx(weights, rel=1e-5)
    assert [cell == "1" for cell in columns["kept"]] == found["kept"].to_pylist()
    assert columns["why"] == found["why"].to_pylist()


@pytest.mark.parametrize("thresholds", [(0.9, 0.5), (0.7, 0.2)])
def test_clean_lines_weigh_more_than_medium_ones_and_these_more_than_dirty_ones(
    run, text, tmp_path, thresholds
):
    call("export", run, "opustrainer", "tsv", "--out", tmp_path, "--thresholds", *thresholds)
    table = [row.split("\t") for row in read(tmp_path / "weights.tsv")]
    weight_of = {tuple(row[-2:]): float(row[2]) for row in table[1:]}
    bounds, counts = (math.inf, *thresholds, -1.0), []
    for part, (above, least) in zip(("clean", "medium", "dirty"), pairwise(bounds), strict=True):
        rows = read(tmp_path / f"opustrainer.{part}.tsv.gz")
        assert all(least <= weight_of[tuple(row.split("\t"))] < above for row in rows)
        counts.append(len(rows))
    assert sum(counts) == 406 and counts[0] > 0 < counts[2]


def test_the_report_is_one_file_with_numbers_beside_it(run, text, tmp_path):
    labels = ["--labels", text / "train.labels", "--origins", text / "train.labels"]
    call("report", run, run, "--out", tmp_path / "report.html", *labels, "--rows", 100)
    page = (tmp_path / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page
    assert page.count("<svg") >= 6 and not re.search(r"\bnan\b", page.split("<script")[0].lower())
    numbers = json.loads((tmp_path / "report.stats.json").read_text())["runs"][0]
    assert numbers["summary"]["lines"] == 406 and numbers["summary"]["weighed"] == 405
    assert numbers["labels"]["auc"]["bad"] > 0.6
    assert sum(row["lines"] for row in numbers["reasons"]) == 406 - numbers["summary"]["kept"]
    assert [row["group"] for row in numbers["origins"]] == ["clean", "bad", "odd"]
    with pytest.raises(InputError, match="no line has the label 'fine'"):
        call("report", run, "--out", tmp_path / "x.html", *labels, "--good", "fine")


def test_compare_says_how_far_scores_agree(run, text, tmp_path, capsys, monkeypatch):
    call("compare", run, run)
    assert "rank correlation (Spearman): 1.000" in capsys.readouterr().out
    human = write(
        tmp_path / "human.tsv", ["id\tgood", *(f"{n}\t{int(n >= 160)}" for n in range(406))]
    )
    call("compare", run, f"{human}:good", "--out", tmp_path / "all.tsv", "--show", 3)
    said = capsys.readouterr().out
    assert said.count("\n") == 9
    weights = LineWeights.of(RunFolder.of(run), 406).weight
    known = ~np.isnan(weights)
    expected = auc(weights[160:][known[160:]], weights[:160][known[:160]])
    assert expected > 0.6
    assert f"AUC of {run} for 1 against 0 of {human}:good: {expected:.3f}" in said
    rows = [line.split("\t") for line in said.rstrip("\n").split("\n")[-4:-1]]
    shown = [int(row[0]) for row in rows]
    ranks = [rankdata(x[known]) for x in (weights, np.arange(406) >= 160)]
    apart = np.full(406, -1.0)
    apart[known] = np.abs(ranks[0] - ranks[1])
    assert apart[shown].tolist() == sorted(apart, reverse=True)[:3]
    assert [float(row[1]) for row in rows] == pytest.approx(weights[shown], rel=1e-3)
    assert len(read(tmp_path / "all.tsv")) == 406
    with pytest.raises(InputError, match="has 407 scores"):
        call("compare", run, human)
    monkeypatch.chdir(run)  # which is not taken for a run that is not there
    with pytest.raises(InputError, match="neither a run nor a file: run-intial"):
        call("compare", run, "run-intial")


def test_a_weighting_that_cannot_weigh_other_text_says_so(prepared, text, tmp_path):
    out = trained(prepared, tmp_path / "l2rw", "--weighting", "l2rw", "--max-update", "8")
    given = write(tmp_path / "given.tsv", ["w1\tW1"])
    with pytest.raises(InputError, match="--weighting l2rw weighs a pair by what else"):
        call("score", given, "--run", out)
    call("export", out, "marian", "--out", tmp_path)  # but its record can be used
    assert len(read(tmp_path / "marian.weights")) == 406


def plugin_of_the_docs(folder, name):
    """A folder with the weighting of `docs/extending.md`, under another name."""
    page = Path(__file__).resolve().parents[1] / "docs" / "extending.md"
    code = page.read_text().split("```python\n")[1].split("```")[0]
    folder.mkdir()
    (folder / "__init__.py").write_text(code.replace("trust_sure", name))
    return folder


def test_options_of_a_weighting_of_ones_own_are_listed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(registry, "_registry", dict(registry._registry))
    plugin = plugin_of_the_docs(tmp_path / "to_be_listed", "own_listed")
    call("options", "--user-dir", plugin)
    assert "--weighting own_listed: power=1.0" in capsys.readouterr().out


def test_a_run_with_a_weighting_of_ones_own_scores_by_its_folder(
    prepared, text, tmp_path, monkeypatch
):
    monkeypatch.setattr(registry, "_registry", dict(registry._registry))
    plugin = plugin_of_the_docs(tmp_path / "a_weighting", "of_ones_own")
    flags = ["--user-dir", plugin, "--weighting", "of_ones_own", "--max-update", "8"]
    out = trained(prepared, tmp_path / "run", *flags)
    given = write(tmp_path / "given.tsv", ["w1\tW1"])
    with pytest.raises(InputError, match="of_ones_own, which is not of this package: name the"):
        call("score", given, tmp_path / "scored.tsv", "--run", out)
    with pytest.raises(InputError, match="missing folder: --user-dir nowhere"):
        call("score", given, tmp_path / "scored.tsv", "--run", out, "--user-dir", "nowhere")
    call("score", given, tmp_path / "scored.tsv", "--run", out, "--user-dir", plugin)
    assert 0 < float(column(tmp_path / "scored.tsv", 2)[0]) < 1


def test_text_that_prepare_did_not_read_can_be_named(run, text, tmp_path):
    shutil.copytree(text / "data", tmp_path / "data")
    (tmp_path / "data" / "prepare.json").unlink()
    given = [run, "marian", "--out", tmp_path / "out", "--data", tmp_path / "data"]
    with pytest.raises(InputError, match="so its text is not known: give --text SOURCE TARGET"):
        call("export", *given)
    call("export", *given, "--text", text / "train.de.gz", text / "train.en")
    assert len(read(tmp_path / "out" / "marian.weights")) == 406


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["score", "nowhere.tsv", "--run", "nowhere"], "missing file: nowhere.tsv"),
        (["score", "-", "--initial"], "--initial needs --trusted"),
        (["export", "nowhere", "tsv", "--out", "x"], "no checkpoint nowhere"),
        (["watch", "nowhere"], "missing file: nowhere"),
        (["compare", "nowhere", "x"], "no checkpoint nowhere"),
        (["compare", "nowhere", "x", "--show", "-3"], "--show must be at least 0, got -3"),
    ],
)
def test_what_cannot_work_is_one_line(arguments, says):
    with pytest.raises(InputError, match=says) as caught:
        main(arguments)
    assert "\n" not in str(caught.value)


def test_the_command_is_a_module_and_a_mistake_is_one_line_with_status_1():
    module = [sys.executable, "-m", "fairseq_l2rw", "export", "nowhere", "tsv", "--out", "x"]
    done = subprocess.run(module, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("fairseq-l2rw: no checkpoint nowhere")


def test_it_completes_in_a_shell_and_says_where_the_plugin_is(capsys):
    call("user-dir")
    assert capsys.readouterr().out == f"{Path(fairseq_l2rw.__file__).resolve().parent}\n"
    with pytest.raises(SystemExit):
        main(["--print-completion", "bash"])
    assert "opustrainer" in capsys.readouterr().out


@pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
def test_the_report_works_in_a_browser(run, text, tmp_path):
    page = tmp_path / "report.html"
    call("report", run, "--out", page, "--rows", 150, "--labels", text / "train.labels")
    check_report(page, "w1 w2", tmp_path)


@pytest.mark.skipif(BROWSER is None, reason=NO_BROWSER)
def test_reports_of_other_runs_work_in_a_browser(request, tmp_path):
    """Of those that ``pytest --report PAGE`` names: real runs take longer than a test may."""
    pages = request.config.getoption("--report")
    if not pages:
        pytest.skip("no page was named")
    for page in pages:
        check_report(Path(page), "a", tmp_path)


def given_again(text, *flags):
    """The flags of a second folder, without its training text."""
    return ["--source-lang", "de", "--target-lang", "en", "--out", text / "again", *flags]


def test_what_an_earlier_call_made_in_another_way_does_not_stay(text):
    trusted = ["--trusted", text / "trusted.tsv"]
    first = ["--train", text / "valid.tsv", *trusted, "--test", text / "valid.tsv", "--pieces", 90]
    call("prepare", *given_again(text, *first))
    folder = text / "again"
    assert (folder / "sentencepiece.model").is_file() and list(folder.glob("test.*"))
    second = ["--train", text / "valid.tsv", *trusted, "--pieces-given"]
    with pytest.raises(InputError, match="made from other files"):
        call("prepare", *given_again(text, *second))
    call("prepare", *given_again(text, *second, "--overwrite"))
    assert not (folder / "sentencepiece.model").exists() and not list(folder.glob("test.*"))
    # The dictionaries of the folder itself may be given.
    call("prepare", *given_again(text, *second, "--overwrite", "--dictionaries", folder))
    with pytest.raises(InputError, match="missing file: nowhere"):
        call("prepare", *given_again(text, *second[:-1], "--sentencepiece", "nowhere"))


def test_other_dictionaries_in_the_same_place_make_another_folder(text, tmp_path):
    first = ["--train", text / "valid.tsv", "--trusted", text / "trusted.tsv", "--pieces", 90]
    call("prepare", *given_again(text, *first, "--overwrite"))
    shutil.copytree(text / "again", tmp_path / "model")
    files = ["--train", text / "valid.tsv", "--trusted", text / "trusted.tsv"]
    files += ["--sentencepiece", tmp_path / "model" / "sentencepiece.model"]
    files += ["--dictionaries", tmp_path / "model", "--source-lang", "de", "--target-lang", "en"]
    call("prepare", *files, "--out", tmp_path / "data")
    with (tmp_path / "model" / "dict.en.txt").open("a") as file:
        file.write("more 1\n")
    with pytest.raises(InputError, match="made from other files"):
        call("prepare", *files, "--out", tmp_path / "data")


def test_a_text_that_was_moved_is_found_where_prepare_saw_it_last(text, tmp_path):
    for name in ("valid.tsv", "trusted.tsv"):
        shutil.copy(text / name, tmp_path / name)
    flags = ["--source-lang", "de", "--target-lang", "en", "--out", tmp_path / "data"]
    flags += ["--pieces", 90, "--trusted", tmp_path / "trusted.tsv", "--train"]
    call("prepare", *flags, tmp_path / "valid.tsv")
    moved = (tmp_path / "valid.tsv").rename(tmp_path / "moved.tsv")
    call("prepare", *flags, moved)
    assert json.loads((tmp_path / "data" / "prepare.json").read_text())["texts"]["train"] == [
        str(moved)
    ]


def test_a_pipe_is_scored_and_what_is_read_twice_asks_for_a_file(run, text, tmp_path):
    given = table(text, tmp_path / "given.tsv")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cp", str(given), str(pipe)]):
        call("score", pipe, tmp_path / "scored.tsv", "--run", run, "--workers", 1)
    assert len(read(tmp_path / "scored.tsv")) == 406
    labels = ["--labels", pipe, "--good", "fine"]
    with (
        subprocess.Popen(["cp", str(text / "train.labels"), str(pipe)]),
        pytest.raises(InputError, match="no line has the label 'fine' of --good"),
    ):
        call("score", given, tmp_path / "never.tsv", "--run", run, *labels)
    data = ["--data", text / "data", "--trusted", text / "trusted.tsv"]
    with pytest.raises(InputError, match="is no plain file, and is read twice"):
        call("score", pipe, "--initial", *data)
    with pytest.raises(InputError, match="is no plain file: it is read more than once"):
        call("prepare", *given_again(text, "--train", pipe, *data[2:]))
    with pytest.raises(InputError, match="takes a comma for the end of a name"):
        flags = ["--source-lang", "de", "--target-lang", "en", "--out", tmp_path / "a,b"]
        call("prepare", *flags, "--train", given, *data[2:])


def test_files_of_ones_own_stay_where_they_are(text, tmp_path):
    out = tmp_path / "data"
    out.mkdir()
    shutil.copy(text / "valid.tsv", out / "train.de-en.tsv")
    for name in ("test.de-en.notes", "dict.fr.txt"):
        (out / name).write_text("mine\n")
    flags = ["--source-lang", "de", "--target-lang", "en", "--pieces", 90, "--out", out]
    flags += ["--trusted", text / "trusted.tsv", "--train", out / "train.de-en.tsv"]
    (out / "dict.de.txt").write_text("mine\n")
    with pytest.raises(InputError, match=r"dict\.de\.txt is in the way: add --overwrite"):
        call("prepare", *flags)
    assert (out / "dict.de.txt").read_text() == "mine\n"
    call("prepare", *flags, "--overwrite")
    for name in ("test.de-en.notes", "dict.fr.txt"):
        assert (out / name).read_text() == "mine\n"
    assert (out / "train.de-en.tsv").is_file()
    # The other direction leaves no split of this one.
    flags[1], flags[3] = "en", "de"
    call("prepare", *flags, "--overwrite")
    assert not list(out.glob("*.de-en.*.bin")) and list(out.glob("train.en-de.*.bin"))
    # A folder that cannot be written to is still there.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Manifest, "write", None)
        call("prepare", *flags)
    wrong = ["--sentencepiece", out / "dict.fr.txt", "--overwrite"]
    with pytest.raises(InputError, match="is no sentencepiece model"):
        call("prepare", *[f for f in flags if f not in ("--pieces", 90)], *wrong)
    assert list(out.glob("train.en-de.*.bin"))


def test_raw_text_in_the_folder_stays_as_it_is(text, tmp_path):
    for name in ("train.de", "train.en", "meta.de", "meta.en", "valid.de", "valid.en"):
        write(tmp_path / name, [f"{name} w{n}" for n in range(30)])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    files = {name: [tmp_path / f"{name}.{side}" for side in ("de", "en")] for name in ("train",)}
    flags = ["--source-lang", "de", "--target-lang", "en", "--pieces", 90, "--out", tmp_path]
    flags += ["--trusted", tmp_path / "meta.de", tmp_path / "meta.en", "--train", *files["train"]]
    call("prepare", *flags)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert len(list(tmp_path.glob("meta.de-en.*"))) == 4 and not list(tmp_path.glob("valid.de-en*"))


def test_a_call_that_was_interrupted_early_can_be_made_again(text, tmp_path, monkeypatch):
    flags = ["--source-lang", "de", "--target-lang", "en", "--pieces", 90, "--out", tmp_path / "d"]
    flags += ["--trusted", text / "trusted.tsv", "--train", text / "valid.tsv"]
    with monkeypatch.context() as patch:
        patch.setattr(SentencePieces, "split", None)  # once the vocabulary is there
        with pytest.raises(TypeError):
            call("prepare", *flags)
    call("prepare", *flags)
    assert (tmp_path / "d" / "prepare.json").is_file()


def test_words_that_the_dictionary_lacks_are_said(text, tmp_path, capsys):
    other = write(tmp_path / "other.tsv", ["日 本\t日 本"] * 20)
    flags = ["--source-lang", "de", "--target-lang", "en", "--pieces-given"]
    given = ["--train", text / "valid.tsv", "--out", tmp_path / "d"]
    call("prepare", *flags, *given, "--trusted", text / "trusted.tsv")
    assert "warning" not in capsys.readouterr().out
    call("prepare", *flags, *given, "--trusted", other, "--overwrite")
    said = capsys.readouterr().out
    assert "warning: 67% of the tokens of meta.de-en.de are not in the dictionary" in said


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--workers", 0], "--workers must be 1 or more, not 0"),
        (["--dictionaries", "again"], "are of some vocabulary: add --sentencepiece MODEL"),
    ],
)
def test_flags_of_prepare_that_cannot_work_are_one_line(prepared, text, flags, says):
    flags = [prepared if flag == "again" else flag for flag in flags]
    given = ["--train", text / "valid.tsv", "--trusted", text / "trusted.tsv", *flags]
    with pytest.raises(InputError, match=says):
        call("prepare", "--source-lang", "de", "--target-lang", "en", "--out", "x", *given)


def test_a_run_in_the_other_direction_has_its_text_the_other_way_round(prepared, text, tmp_path):
    flags = ["--source-lang", "en", "--target-lang", "de", "--max-update", "6"]
    out = trained(prepared, tmp_path / "run", *flags)
    call("export", out, "tsv", "--out", tmp_path / "out")
    rows = [line.split("\t") for line in read(tmp_path / "out" / "weights.tsv")]
    places = rows[0].index("source"), rows[0].index("target")
    assert [[row[place] for place in places] for row in rows[1:3]] == [
        list(pair)
        for pair in zip(read(text / "train.en")[:2], read(text / "train.de.gz")[:2], strict=True)
    ]


def test_a_text_that_has_changed_since_it_was_prepared_is_one_line(text, tmp_path):
    for name in ("valid.tsv", "trusted.tsv"):
        shutil.copy(text / name, tmp_path / name)
    flags = ["--source-lang", "de", "--target-lang", "en", "--out", tmp_path / "data"]
    flags += ["--pieces", 90, "--trusted", tmp_path / "trusted.tsv"]
    call("prepare", *flags, "--train", tmp_path / "valid.tsv")
    out = trained(tmp_path / "data", tmp_path / "run", "--max-update", "6", "--disable-validation")
    as_it_was = (tmp_path / "valid.tsv").rename(tmp_path / "before.tsv")
    with pytest.raises(InputError, match="the training text is not there"):
        call("export", out, "tsv", "--out", tmp_path / "out")
    write(tmp_path / "valid.tsv", reversed(read(as_it_was)))
    with pytest.raises(InputError, match=r"has changed since .* was prepared from it"):
        call("export", out, "tsv", "--out", tmp_path / "out")
    call("export", out, "tsv", "--out", tmp_path / "out", "--text", as_it_was)


def test_factors_of_a_weighting_that_took_over_are_known(prepared, tmp_path):
    flags = ["--save-interval-updates", "6"]
    out = trained(prepared, tmp_path / "run", "--weighting", "trim", "--max-update", "6", *flags)
    after = ["--reset-dataloader", "--weighting", "deep", "--max-update", "24", *flags]
    trained(prepared, out, *after)
    folder = RunFolder.of(out)
    weights = LineWeights.of(folder, 406)
    assert {"initial", "usefulness"} <= {*weights.factors}


def test_an_earlier_checkpoint_has_the_weights_from_before_it(prepared, tmp_path):
    flags = ["--weighting", "mwnet", "--weighting-warmup", "0", "--save-interval-updates", "20"]
    out = trained(prepared, tmp_path / "run", *flags, "--max-update", "40")
    rows = pq.read_table(out / "weights").to_pylist()
    for name, updates in (("checkpoint_last.pt", 40), (f"{first(out)}", 20)):
        folder = RunFolder.of(out / name)
        assert folder.recorded == updates
        ids, weights = zip(
            *((row["id"], row["weight"]) for row in rows if row["update"] < updates), strict=True
        )
        times = np.bincount(ids, minlength=406)
        with np.errstate(invalid="ignore"):  # of a line that was not trained on yet
            expected = np.bincount(ids, weights, minlength=406) / times
        found = LineWeights.of(folder, 406).mean
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def first(out):
    """The name of the first checkpoint."""
    (path,) = out.glob("checkpoint_*_20.pt")
    return path.name


def test_a_file_that_is_no_checkpoint_is_one_line(run, tmp_path):
    (tmp_path / "text.pt").write_text("no checkpoint\n" * 99)
    whole = (run / "checkpoint_last.pt").read_bytes()
    (tmp_path / "half.pt").write_bytes(whole[: len(whole) // 2])
    torch.save([1], tmp_path / "list.pt")
    torch.save({"weights": [1.0]}, tmp_path / "other.pt")
    said = dict.fromkeys(("text.pt", "half.pt"), "no whole checkpoint")
    said |= dict.fromkeys(("list.pt", "other.pt"), "no checkpoint of fairseq-train")
    for name in said:
        for command in (["export"], ["score"]):
            more = ["tsv", "--out", tmp_path] if command == ["export"] else []
            given = [*command, tmp_path / name, *more]
            if command == ["score"]:
                given = ["score", write(tmp_path / "x.tsv", ["a\tb"]), "--run", tmp_path / name]
            with pytest.raises(InputError, match=f"{name} is {said[name]}"):
                call(*given)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--workers", 0], "--workers must be 1 or more, not 0"),
        (["--max-tokens", -5], "--max-tokens must be 1 or more, not -5"),
        (["--by", "domain"], "--by is for --initial"),
        (["--device", "nonsense"], "--device nonsense: "),
        (["--labels", "LABELS", "--good", "fine"], "no line has the label 'fine' of --good"),
    ],
)
def test_flags_of_score_that_cannot_work_are_one_line(run, text, tmp_path, flags, says):
    flags = [text / "train.labels" if flag == "LABELS" else flag for flag in flags]
    given = table(text, tmp_path / "given.tsv")
    with pytest.raises(InputError, match=says):
        call("score", given, tmp_path / "scored.tsv", "--run", run, *flags)
    assert not (tmp_path / "scored.tsv").exists()


def test_a_place_that_cannot_be_written_to_is_one_line(run, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="file"):
        call("export", run, "tsv", "--out", tmp_path / "file")
    with pytest.raises(InputError, match=r"--weights-dir .* cannot be made"):
        WeightRecord(tmp_path / "file")


def test_the_log_file_has_all_that_is_said_and_no_line_twice(prepared, tmp_path):
    log = tmp_path / "run.log"
    flags = ["--log-file", str(log), "--max-epoch", "4", "--max-update", "0"]
    trained(prepared, tmp_path / "run", *flags, "--log-interval", "3")
    found = read(log)
    assert any("initial weights: mean" in line for line in found)
    assert sum("epoch 2 holds" in line for line in found) <= 1
    updates = [line for line in found if "num_updates" in line and "wps" in line]
    assert len(updates) == len(set(updates)) > 4
