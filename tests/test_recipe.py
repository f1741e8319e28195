"""What the examples' pipeline promises."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import binarize
import lines
import multi30k
import progress
import recipe
import score
import steps
import tables
import training
import versions
import weights
from fairseq_l2rw.commands.main import main


def write_weights(
    folder: Path,
    rows: list[tuple[int, int, float]],
    importance_weight: dict[int, float] | None = None,
) -> None:
    """Write (epoch, id, weight) rows as the plugin does, an update an epoch, in two files."""
    folder.mkdir(parents=True)
    times = importance_weight or {}
    for part, half in enumerate((rows[::2], rows[1::2])):
        epoch, number, weight = zip(*half, strict=True)
        table = pa.table(
            {
                "update": pa.array(epoch, pa.int64()),
                "epoch": pa.array(epoch, pa.int32()),
                "id": pa.array(number, pa.int64()),
                "weight": pa.array(weight, pa.float32()),
                "importance_weight": pa.array([times.get(n, 1.0) for n in number], pa.float32()),
                "loss": pa.array([2.0] * len(half), pa.float32()),
                "usefulness": pa.array([w if e == 2 else None for e, _, w in half], pa.float32()),
                "length": pa.array([5] * len(half), pa.int32()),
            }
        )
        pq.write_table(table, folder / f"part-{part}.parquet")


def write_corpus(folder: Path) -> None:
    """Write a corpus with an empty line, odd separators and labels."""
    german = [f"satz {word} nummer {n}" for n, word in enumerate("abcdefghij" * 6)]
    english = [f"sentence {word} number {n}" for n, word in enumerate("abcdefghij" * 6)]
    english[3], english[5] = "", "one\u2028line \x0c still\x85 one"
    for split, count in {"train": 60, "valid": 7, "meta": 9, "test": 8}.items():
        lines.write_lines(folder / f"{split}.de", german[:count])
        lines.write_lines(folder / f"{split}.en", english[:count])
    kinds = ["short" if n % 3 == 0 else "clean" for n in range(60)]
    lines.write_lines(folder / "train.labels", kinds)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder / "raw")
    return folder


def decoded(folder: Path, name: str) -> list[str]:
    """Read a binary split back as text, through fairseq and sentencepiece."""
    import sentencepiece
    from fairseq.data import Dictionary, data_utils

    language = name.rsplit(".", 1)[1]
    words = Dictionary.load(str(folder / f"dict.{language}.txt"))
    model = sentencepiece.SentencePieceProcessor(model_file=str(folder / "sentencepiece.model"))
    data = data_utils.load_indexed_dataset(str(folder / name), words)
    return [model.decode(words.string(row).split()) for row in data]


# --- text ---


def test_lines_split_at_line_feeds_only_and_survive_a_round_trip(tmp_path: Path) -> None:
    rows = ["a\u2028b", "", "c\x0cd\x85e", "last"]
    lines.write_lines(tmp_path / "x", rows)
    assert lines.read_lines(tmp_path / "x") == rows


def test_parallel_files_of_different_lengths_are_refused(tmp_path: Path) -> None:
    lines.write_lines(tmp_path / "train.de", ["a", "b"])
    lines.write_lines(tmp_path / "train.en", ["a"])
    with pytest.raises(SystemExit, match=r"different numbers of lines.*'de': 2"):
        lines.read_parallel(tmp_path / "train", ("de", "en"))


# --- Multi30k ---


def test_meta_and_valid_are_disjoint_and_together_the_validation_set() -> None:
    rows = [str(number) for number in range(1014)]
    meta, valid = multi30k.split_validation(rows)
    assert (len(meta), len(valid)) == (714, 300)
    assert meta + valid == rows
    with pytest.raises(SystemExit, match="val has 3 lines"):
        multi30k.split_validation(["a", "b", "c"])


def test_multi30k_is_prepared_from_a_local_folder(tmp_path: Path) -> None:
    sizes = {"train": 20, "val": 1014, "test_2016_flickr": 6}
    for place in multi30k.public_files():
        size = sizes[Path(place).name.split(".")[0]]
        lines.write_lines(tmp_path / "in" / place, [f"{place} {n}" for n in range(size)])
    counts = multi30k.prepare(tmp_path / "in", tmp_path / "out")
    assert counts == {"train": 20, "meta": 714, "valid": 300, "test": 6}
    assert lines.read_lines(tmp_path / "out" / "valid.de")[0] == "multi30k/val.de 714"
    assert len(lines.read_lines(tmp_path / "out" / "captions.5.en")) == 20
    assert len(lines.read_lines(tmp_path / "out" / "train.fr")) == 20


def test_a_download_without_network_says_so_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="are you online"):
        multi30k.download(tmp_path, home="http://localhost:9")
    assert not list(tmp_path.rglob("*.part*"))


# --- binarize ---


def test_binary_line_i_is_raw_line_i_and_no_line_is_dropped(corpus: Path) -> None:
    raw, out = corpus / "raw", corpus / "bin"
    binarize.binarize(binarize.Settings(raw, out, vocab=80))
    for split in ("train", "valid", "meta", "test"):
        for language in ("de", "en"):
            text = lines.read_lines(raw / f"{split}.{language}")
            expected = [" ".join(row.split()) for row in text]
            assert decoded(out, f"{split}.de-en.{language}") == expected
    assert lines.read_lines(out / "train.labels") == lines.read_lines(raw / "train.labels")
    assert not list(out.glob("valid1*"))


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command as in the test above, without seconds of imports each time."""

    def run(command: Sequence[str], log: Path) -> None:
        assert command[0] == "fairseq-l2rw" and main(command[1:]) == 0

    monkeypatch.setattr(binarize, "run", run)


@pytest.mark.usefixtures("forked")
def test_a_binarized_folder_is_reused_and_never_silently_replaced(
    corpus: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = binarize.Settings(corpus / "raw", corpus / "again", vocab=80)
    binarize.binarize(settings)
    capsys.readouterr()
    monkeypatch.setattr(binarize, "run", None)  # it would not be found
    binarize.binarize(settings)
    assert "already there" in capsys.readouterr().out
    with pytest.raises(SystemExit, match=r"other settings \(vocab\)"):
        binarize.binarize(binarize.Settings(corpus / "raw", corpus / "again", vocab=90))


@pytest.mark.usefixtures("forked")
def test_the_oracle_keeps_the_clean_lines_and_their_labels(corpus: Path) -> None:
    raw, out = corpus / "raw", corpus / "clean"
    binarize.binarize(binarize.Settings(raw, out, vocab=80, keep=("clean",)))
    german = lines.read_lines(raw / "train.de")
    assert decoded(out, "train.de-en.de") == [row for n, row in enumerate(german) if n % 3]
    assert lines.read_lines(out / "train.labels") == ["clean"] * 40
    kept = corpus / "kept.txt"
    lines.write_lines(kept, ["0", "2", "4", "57"])  # 0 and 57 are labelled short
    some = binarize.Settings(raw, corpus / "some", vocab=80, keep=("clean",), lines=kept)
    binarize.binarize(some)
    assert decoded(corpus / "some", "train.de-en.de") == [german[2], german[4]]
    lines.write_lines(kept, ["60"])
    with pytest.raises(SystemExit, match="'60' is no number of one of the 60 train lines"):
        lines.read_numbers(kept, 60)
    with pytest.raises(SystemExit, match="no line is labelled dirty; labels are clean, short"):
        binarize.kept_lines(["clean", "short"], ["dirty"])


# --- train ---


def test_a_stamp_tells_begun_from_finished(tmp_path: Path) -> None:
    path = tmp_path / "run" / "train.json"
    steps.Stamp(path, {"seed": 1}).begin(replace=False)
    assert not steps.Stamp(path, {"seed": 1}).done
    steps.Stamp(path, {"seed": 1}).finish()
    assert steps.Stamp(path, {"seed": 1}).done
    assert not steps.Stamp(path, {"seed": 2}).done
    with pytest.raises(SystemExit, match=r"other settings \(seed\)"):
        steps.Stamp(path, {"seed": 2}).begin(replace=False)


def test_the_training_command_says_which_weighting_and_lets_extra_flags_win(tmp_path: Path) -> None:
    run = training.Run(tmp_path, tmp_path / "r", "deep", "quickstart", extra=("--lr", "0.5"))
    command = training.train_command(run)
    assert command[command.index("--weighting") + 1] == "deep"
    assert command[command.index("--meta-subset") + 1] == "meta"
    assert command[-2:] == ["--lr", "0.5"]
    stock = training.train_command(training.Run(tmp_path, tmp_path / "r", "stock", "quickstart"))
    assert "--weighting" not in stock
    assert stock[stock.index("--task") + 1] == "translation"


def test_no_sentence_is_dropped_for_the_size_of_its_batch(tmp_path: Path) -> None:
    run = training.Run(tmp_path, tmp_path / "r", "deep", "quickstart")
    for command in (training.train_command(run), score.generate_command(run, tmp_path)):
        assert command[command.index("--required-batch-size-multiple") + 1] == "1"


def test_progress_is_read_from_the_log() -> None:
    line = (
        '2026-01-01 | INFO | train_inner | {"epoch": 2, "update": 1.5, "loss": "4.1", '
        '"weight_ess": "0.9", "num_updates": "300"}'
    )
    record = progress.parse_record(line)
    assert record is not None
    expected = "epoch 2 update 300/800 loss 4.1 weight_ess 0.9"
    assert progress.describe(record, updates=800) == expected
    assert progress.parse_record("2026-01-01 | INFO | fairseq | Namespace(x={})") is None
    assert progress.describe({"valid_loss": "1"}, updates=800) is None


def test_a_training_that_fails_shows_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "tool", lambda name: sys.executable)
    job = progress.Job("x", ["python", "-c", "print('out of luck'); exit(3)"], tmp_path / "log", 1)
    with pytest.raises(SystemExit, match=r"(?s)out of luck.*exit status 3"):
        progress.follow([iter([job])], interval=0.02)


def sleeper(log: Path, code: str = "") -> progress.Job:
    return progress.Job(log.stem, ["python", "-c", f"import time; time.sleep(0.2); {code}"], log, 1)


def test_chains_run_one_job_after_the_other_and_only_so_many_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "tool", lambda name: sys.executable)
    running: set[str] = set()
    most, order = [], []

    def chain(name: str) -> Iterator[progress.Job]:
        for part in ("a", "b"):
            running.add(name)
            most.append(len(running))
            yield sleeper(tmp_path / f"{name}{part}.log")
            order.append(name + part)
        running.remove(name)

    progress.follow([chain("x"), chain("y"), chain("z")], side_by_side=2, interval=0.01)
    assert max(most) == 2
    assert sorted(order) == ["xa", "xb", "ya", "yb", "za", "zb"]
    assert order[-1] == "zb"  # the third waited for a place


def test_a_chain_with_nothing_to_do_is_skipped() -> None:
    progress.follow([iter([]), iter([])], side_by_side=1)


def test_what_follows_two_dashes_goes_to_fairseq() -> None:
    own, extra = recipe.split_extra(["train", "--seed", "2", "--", "--lr", "1"])
    assert (own, extra) == (["train", "--seed", "2"], ("--lr", "1"))
    with pytest.raises(SystemExit, match="report takes nothing after --"):
        recipe.main(["report", "--runs", "x", "--out", "y", "--", "z"])


# --- evaluate ---


def test_hypotheses_come_back_in_the_order_of_the_data() -> None:
    output = ["S-2\tx", "H-2\t-0.1\tthird", "H-0\t-0.2\tfirst", "H-1\t-0.3\t", "P-0\t-1"]
    assert score.hypotheses(output) == ["first", "", "third"]


def test_a_perfect_translation_scores_100_and_says_how_it_was_scored() -> None:
    text = ["The house is very small today .", "A man rides a brown horse along the beach."]
    found = score.quality(text, text)
    assert found.bleu == pytest.approx(100)
    assert found.chrf == pytest.approx(100)
    assert "tok:13a" in found.bleu_signature
    assert score.quality(["nothing in common"] * 2, text).bleu < 5
    with pytest.raises(SystemExit, match="1 translations for 2 references"):
        score.quality(text[:1], text)


@pytest.mark.skipif(versions.shutil.which("git") is None, reason="asks git")
def test_a_result_says_which_code_made_it(monkeypatch: pytest.MonkeyPatch) -> None:
    head = subprocess.run(
        ["git", "-C", str(Path(versions.__file__).parent), "rev-parse", "--short=7", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    assert versions.versions()["fairseq-l2rw"].startswith(head)
    monkeypatch.setattr(versions.shutil, "which", lambda name: None)
    assert versions.versions()["fairseq-l2rw"] == metadata.version("fairseq-l2rw")


def test_a_run_that_goes_on_by_other_code_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in (1, 1, 2):
        monkeypatch.setattr(versions, "versions", lambda number=number: {"fairseq-l2rw": number})
        versions.note_start(tmp_path / "deep-1", "CPU")
        assert ("goes on by other versions" in capsys.readouterr().out) == (number == 2)
    found = [start["versions"]["fairseq-l2rw"] for start in versions.starts(tmp_path / "deep-1")]
    assert found == [1, 1, 2]


def test_the_seconds_of_a_resumed_run_add_up(tmp_path: Path) -> None:
    records = [
        {"epoch": 1, "update": 0.5, "num_updates": "10", "train_wall": "7", "wall": "40"},
        {"epoch": 1, "valid_nll_loss": "5.5", "valid_wall": "60"},
        {"epoch": 1, "train_train_wall": "60", "train_wall": "70", "train_num_updates": "20"},
        {"epoch": 2, "update": 1.5, "num_updates": "30", "train_wall": "7", "wall": "15"},
        {"epoch": 2, "valid_nll_loss": "4.5", "valid_wall": "28"},
        {"epoch": 2, "train_train_wall": "30", "train_wall": "30", "train_num_updates": "40"},
    ]
    log = tmp_path / "train.log"
    log.write_text("".join(f"x | train | {json.dumps(r)}\n" for r in records) + "not a record\n")
    assert score.training_log(log) == {"train_seconds": 100.0, "valid_loss": 4.5}


def test_auc_and_means_come_from_the_last_epoch(tmp_path: Path) -> None:
    labels = ["clean", "clean", "short", "short", "untranslated"]
    # an early mistake must not count, nor an epoch that had hardly begun
    first = [(1, n, 9.0) for n in range(5)]
    last = [(2, 0, 1.0), (2, 1, 0.5), (2, 2, 0.75), (2, 3, 0.25), (2, 4, 0.0)]
    write_weights(tmp_path / "weights", [*first, *last, (3, 0, 0.0)], importance_weight={3: 3.0})
    rows = weights.read_weights(tmp_path / "weights").last_epoch()
    kind = rows.kinds(labels)
    auc = score.auc_per_kind(rows.weight, kind, rows.importance_weight)
    assert auc == {"short": 0.875, "untranslated": 1.0}  # the short one that is told counts thrice
    assert score.mean_per_kind(rows.weight, kind, rows.importance_weight) == {
        "clean": 0.75,
        "short": 0.375,
        "untranslated": 0.0,
    }


def test_equal_weights_are_chance_and_a_clean_corpus_has_no_auc(tmp_path: Path) -> None:
    write_weights(tmp_path / "w", [(1, 0, 1.0), (1, 1, 1.0), (1, 2, 1.0)])
    rows = weights.read_weights(tmp_path / "w")
    kind = np.array(["clean", "short", "short"])
    assert score.auc_per_kind(rows.weight, kind, rows.importance_weight) == {"short": 0.5}
    assert score.auc_per_kind(rows.weight, np.array(["clean"] * 3), rows.importance_weight) == {}
    with pytest.raises(SystemExit, match="only 2 labels"):
        rows.kinds(["clean"] * 2)


def test_the_course_of_weight_signal_and_loss_is_told_epoch_by_epoch(tmp_path: Path) -> None:
    given = [(1, 0, 1.0), (1, 1, 1.0), (1, 2, 2.0), (2, 0, 1.0), (2, 1, 0.5), (2, 2, 0.75)]
    write_weights(tmp_path / "w", given)  # the signal is the weight, in the second epoch alone
    rows = weights.read_weights(tmp_path / "w")
    found = score.auc_per_epoch(rows, rows.kinds(["clean", "clean", "short"]))
    assert found["weight"] == {"short": [0.0, 0.5]}
    assert found["loss"] == {"short": [0.5, 0.5]}
    assert found["usefulness"] == {"short": [None, 0.5]}


def test_where_an_epoch_holds_none_of_a_kind_its_course_has_a_gap(tmp_path: Path) -> None:
    write_weights(tmp_path / "w", [(1, 0, 1.0), (1, 1, 0.5), (2, 0, 1.0), (2, 2, 2.0)])
    rows = weights.read_weights(tmp_path / "w")
    found = score.auc_per_epoch(rows, rows.kinds(["clean", "short", "misaligned"]))
    assert found["weight"] == {"misaligned": [None, 0.0], "short": [1.0, None]}


def test_in_the_course_a_sentence_counts_as_often_as_it_stands_for_others(tmp_path: Path) -> None:
    given = [(1, 0, 1.0), (1, 1, 0.5), (1, 2, 2.0)]
    write_weights(tmp_path / "w", given, importance_weight={1: 10.0})
    rows = weights.read_weights(tmp_path / "w")
    found = score.auc_per_epoch(rows, rows.kinds(["clean", "short", "short"]))
    assert found["weight"] == {"short": [round(10 / 11, 4)]}


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no weights in"):
        weights.read_weights(tmp_path / "nothing")


# --- report ---


def result(name: str, bleu: float, auc: dict[str, float], mean: dict[str, float]) -> dict:
    return {
        "run": name,
        "weighting": name,
        "bleu": bleu,
        "chrf": bleu + 10,
        "train_seconds": 90.0,
        "bleu_signature": "nrefs:1",
        "chrf_signature": "nrefs:1|nc:6",
        "auc": auc,
        "mean_weight": mean,
    }


def make_run(folder: Path, name: str, bleu: float, noisy: float) -> Path:
    (folder / name / "weights").mkdir(parents=True)
    lines.write_lines(folder / name / "train.labels", ["clean"] * 6 + ["short"] * 6)
    content = result(name, bleu, {"short": 0.875}, {"clean": 1.0, "short": noisy})
    steps.write_json(folder / name / "result.json", content)
    return folder / name


@pytest.fixture
def commands_run(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that a report runs, without running them."""
    found: list[list[str]] = []
    monkeypatch.setattr(tables, "run", lambda command, log: found.append(list(command)))
    return found


def test_the_report_holds_the_numbers_and_shows_the_weights_of_the_learnt_run_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], commands_run: list[list[str]]
) -> None:
    runs = [make_run(tmp_path, "uniform", 10.04, 1.0), make_run(tmp_path, "deep", 32.6, 0.25)]
    tables.report(runs, tmp_path / "report.html")
    text = capsys.readouterr().out
    assert "uniform  uniform    10.0  20.0        1.5" in text
    assert "deep     deep       32.6  42.6        1.5" in text
    assert "short             0.88                 1.00      0.88              0.25" in text
    (command,) = commands_run
    assert command[:2] == ["fairseq-l2rw", "report"]
    assert [Path(name).name for name in command[2:4]] == ["deep", "uniform"]
    assert command[-1] == str(tmp_path / "deep" / "train.labels")


def test_labels_are_shown_only_where_all_runs_number_the_same_lines(
    tmp_path: Path, commands_run: list[list[str]]
) -> None:
    runs = [make_run(tmp_path, "uniform", 10.04, 1.0), make_run(tmp_path, "deep", 32.6, 0.25)]
    labels = [run / "train.labels" for run in runs]
    labels[0].write_text(labels[0].read_text() + "clean\n")
    tables.report(runs, tmp_path / "report.html")
    assert "--labels" not in commands_run[0]


def test_a_run_without_weights_is_reported_by_its_scores_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], commands_run: list[list[str]]
) -> None:
    steps.write_json(tmp_path / "stock" / "result.json", result("stock", 12.0, {}, {}))
    tables.report([tmp_path / "stock"], tmp_path / "report.html")
    assert "12.0" in capsys.readouterr().out and commands_run == []
