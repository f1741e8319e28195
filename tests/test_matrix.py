"""What the comparison of weightings promises: recipes, filters, and a matrix that goes on."""

from __future__ import annotations

import io
import json
import re
import shutil
import tarfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sentencepiece

import ablation
import comparison
import crawled
import domains
import filtering
import held_out
import iwslt14
import lines
import matrix
import multi30k
import recipes
import score
import steps
import token_scores
import training
import young
from contenders import CONTENDERS, Contender
from fairseq_l2rw.initial_weights.estimate import InitialWeightModel
from fairseq_l2rw.text.pieces import train_pieces
from labels import BROKEN, FLAWED
from weights import Weights

# --- filters ---


def test_a_pair_is_balanced_up_to_a_ratio_of_words_and_never_without_text() -> None:
    assert filtering.balanced("a b", "a b c d", 2)
    assert not filtering.balanced("a b", "a b c d e", 2)
    assert not filtering.balanced("a b c d e", "a b", 2)
    assert not filtering.balanced("", "", 2)
    assert not filtering.balanced("a", " ", 2)


def test_rules_keep_good_pairs_and_drop_other_languages(tmp_path: Path) -> None:
    german = ["Ein Mann fährt mit dem Fahrrad durch die Stadt."] * 4
    english = [
        "A man is riding his bicycle through the city.",
        "Un homme fait du vélo dans les rues de la ville.",  # French
        "Ein Mann fährt mit dem Fahrrad durch die Stadt.",  # untranslated
        "A man",  # cut short
    ]
    lines.write_lines(tmp_path / "train.de", german)
    lines.write_lines(tmp_path / "train.en", english)
    out = tmp_path / "kept.txt"
    filtering.main(["rules", "--data", str(tmp_path), "--out", str(out)])
    assert lines.read_lines(out) == ["0"]


def test_pairs_of_one_text_are_copies(tmp_path: Path) -> None:
    lines.write_lines(tmp_path / "train.de", ["Open File ", "Datei öffnen", "", "OK?"])
    lines.write_lines(tmp_path / "train.en", ["open file", "Open file", "", "OK"])
    out = tmp_path / "kept.txt"
    filtering.main(["copies", "--data", str(tmp_path), "--out", str(out)])
    assert lines.read_lines(out) == ["1", "3"]


def test_a_filter_knows_how_many_are_good_of_those_that_a_rule_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = matrix.Matrix(tmp_path, tmp_path / "matrix", 1)
    experiment = matrix.Experiment(told)
    cell = matrix.Cell("mixed50", "filter", 1)
    uniform = experiment.folder(matrix.Cell("mixed50", "uniform", 1))
    lines.write_lines(uniform / "checkpoint_last.pt", [])
    labels = ["clean", "short", "clean", "short", "clean", "short", "short", "short"]
    lines.write_lines(tmp_path / matrix.LABELS, labels)
    lines.write_lines(tmp_path / "left", ["0", "1", "2", "3", "5"])
    monkeypatch.setattr(matrix, "score_references", lambda _: Path("scores"))
    monkeypatch.setattr(matrix.Experiment, "_binary", lambda *_: tmp_path)
    found, inputs = experiment._judged_by(cell, tmp_path, tmp_path / "left")
    assert inputs == [Path("scores"), tmp_path / "left"]
    share = float(found[found.index("--share") + 1])
    assert round(share * len(labels)) == 2 and found[-2:] == ["--among", str(tmp_path / "left")]
    found, inputs = experiment._judged_by(cell, tmp_path, None)
    assert inputs == [Path("scores")]
    assert float(found[found.index("--share") + 1]) == 3 / 8 and "--among" not in found


def test_a_filter_is_asked_again_where_the_text_or_the_scores_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def filtering(arguments: list[str]) -> None:
        asked.append(arguments)
        lines.write_lines(Path(arguments[-1]), ["0"])

    monkeypatch.setattr(matrix, "filtering", filtering)
    experiment = matrix.Experiment(matrix.Matrix(tmp_path, tmp_path / "matrix", 1))
    for name in ("train.de", "train.en", "scores"):
        lines.write_lines(tmp_path / name, ["one"])
    kept = tmp_path / "bin-loss-1.kept"
    for change in (None, "train.en", "scores", None):
        if change:
            lines.write_lines(tmp_path / change, ["another"])
        experiment._filter(["loss"], tmp_path, kept, [tmp_path / "scores"])
    assert len(asked) == 3
    kept.unlink()
    experiment._filter(["loss"], tmp_path, kept, [tmp_path / "scores"])
    assert len(asked) == 4


def test_two_filters_share_one_model_of_the_other_direction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waves: list[list[str]] = []

    def follow(chains: list[str], jobs: int) -> None:
        waves.append(chains)

    monkeypatch.setattr(matrix, "follow", follow)
    monkeypatch.setattr(matrix.Experiment, "_chain", lambda self, cell: cell.run)
    monkeypatch.setattr(
        matrix.Experiment, "_train_reverse", lambda self, cell: f"reverse-{cell.seed}"
    )
    runs = ["filter_dual", "filter_copies_dual", "uniform", "deep"]
    cells = matrix.cells(["mixed50"], runs, [1, 2])
    matrix.Experiment(matrix.Matrix(tmp_path, tmp_path, 2)).run(cells)
    assert waves[0] == ["uniform"] * 2 and waves[1] == ["deep"] * 2
    assert waves[2] == ["reverse-1", "reverse-2"]
    assert sorted(waves[3]) == ["filter_copies_dual"] * 2 + ["filter_dual"] * 2


def test_a_kind_that_a_run_left_nothing_of_has_no_figure() -> None:
    clean = {"clean": 1.0}
    both = {
        "auc": {"copied": 0.9, "short": 0.8},
        "mean_weight": {**clean, "copied": 0.1, "short": 0},
    }
    one = {"auc": {"short": 0.8}, "mean_weight": {**clean, "short": 0.2}}
    head, *rows = comparison.weight_table({"deep": [both], "rules_deep": [one]}, "auc")
    told = {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}
    assert told["`rules_deep`"] == {"copied": "-", "short": "0.80"}
    assert told["`deep`"] == {"copied": "0.90", "short": "0.80"}


def test_where_there_are_no_results_none_are_written_over(tmp_path: Path) -> None:
    (tmp_path / "matrix.md").write_text("mine")
    with pytest.raises(SystemExit, match="no results"):
        comparison.report([], tmp_path)
    assert (tmp_path / "matrix.md").read_text() == "mine"


def test_a_score_that_is_no_number_is_the_worst() -> None:
    scores = {0: -2.0, 1: float("nan"), 2: -1.0, 3: float("nan"), 4: -3.0}
    assert filtering.by_score(scores, 5, 3, range(5)) == [0, 2, 4]


def test_a_step_runs_again_where_a_module_that_it_imports_has_changed(tmp_path: Path) -> None:
    (tmp_path / "step.py").write_text("from parts import x\nimport json\n")
    (tmp_path / "parts.py").write_text("import deeper\nx = 1\n")
    (tmp_path / "deeper.py").write_text("import parts\n")
    (tmp_path / "other.py").write_text("")
    found = {path.name for path in steps.modules(tmp_path / "step.py")}
    assert found == {"step.py", "parts.py", "deeper.py"}


def test_translations_that_score_the_same_differ_by_nothing() -> None:
    references = ["a b c d e", "f g h i j"] * 20
    one, two = ["a b c d x", "f g h i j"] * 20, ["a b c d y", "f g h i j"] * 20
    found = score.significance(one, two, references)
    assert found["difference"] == 0 and found["p"] == 1


def test_the_best_scored_lines_stay_in_their_order(tmp_path: Path) -> None:
    output = ["S-2\tx", "H-2\t-0.5\tc", "P-2\t-0.5", "H-0\t-3.5e+00\ta", "H-1\t-1.25\tb"]
    scores = filtering.scores_of(output)
    assert scores == {2: -0.5, 0: -3.5, 1: -1.25}
    assert filtering.by_score(scores, 4, 2, range(4)) == [1, 2]
    assert filtering.by_score(scores, 4, 2, [0, 1, 3]) == [0, 1]  # 3 was not scored
    with pytest.raises(SystemExit, match="do not belong to these 2 lines"):
        filtering.by_score(scores, 2, 1, range(2))


def test_two_models_vouch_for_a_line_if_both_find_it_likely_and_about_as_likely() -> None:
    forward, reverse = {0: -1.0, 1: -1.0, 2: -3.0, 3: -0.5}, {0: -1.2, 1: -4.0, 2: -3.0}
    assert filtering.dual_scores(forward, reverse) == pytest.approx({0: -1.3, 1: -5.5, 2: -3.0})


def test_a_filter_is_judged_by_its_scores_and_by_what_it_keeps(tmp_path: Path) -> None:
    for language in ("de", "en"):
        lines.write_lines(tmp_path / f"train.{language}", "abcde")
    for name, scores in {"a": (-1, -2, -9, -3), "b": (-1, -2, -9, -8)}.items():
        lines.write_lines(tmp_path / name, [f"H-{n}\t{x}\tw" for n, x in enumerate(scores)])
    lines.write_lines(tmp_path / "among.txt", ["0", "2", "3", "4"])
    kept, models = tmp_path / "bin.kept", [str(tmp_path / "a"), str(tmp_path / "b")]
    command = ["dual", "--data", str(tmp_path), "--scores", models[0], "--reverse-scores"]
    others = ["--share", "0.4", "--among", str(tmp_path / "among.txt"), "--out", str(kept)]
    filtering.main([*command, models[1], *others])
    assert lines.read_lines(kept) == ["0", "2"]
    assert lines.read_lines(tmp_path / "bin.scores") == ["-1.0", "nan", "-9.0", "-10.5", "nan"]
    names = ["clean", "short", "clean", "short", "unknown"]
    found = score.filter_scores(kept, names, {"kept": (("clean",), ("short", "unknown"))})
    assert found["auc"] == {"short": 1.0, "unknown": 1.0} and found["told"] == {"kept": 1.0}
    assert found["mean_weight"] == {"clean": 1.0, "short": 0.0, "unknown": 0.0}
    assert recipes.share_of_good(names) == 0.5


# --- recipes ---


def test_as_many_pairs_are_corrupted_as_the_name_says() -> None:
    for name, recipe in recipes.RECIPES.items():
        share = re.search(r"\d\d(?=$|_few)", name) if recipe.rates else None
        if share:
            assert recipe.rates and sum(recipe.rates.values()) == pytest.approx(int(share[0]) / 100)
    assert not recipes.RECIPES["clean"].has_bad_pairs
    assert recipes.RECIPES["domains"].has_bad_pairs


def write_multi30k(folder: Path, pairs: int) -> None:
    sizes = {"train": pairs, "val": 1014, "test_2016_flickr": 6}
    for place in multi30k.public_files():
        size = sizes[Path(place).name.split(".")[0]]
        rows = [f"{Path(place).name} number {n} here" for n in range(size)]
        lines.write_lines(folder / place, rows)


def write_talks(folder: Path) -> None:
    for split, size in {"train": 12, "valid": 2000, "test": 5}.items():
        for language in ("de", "en"):
            rows = [f"talk {split} {language} {n}" for n in range(size)]
            lines.write_lines(folder / f"{split}.{language}", rows)


def test_recipes_are_made_from_a_local_folder_and_only_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_multi30k(tmp_path / "in", pairs=40)
    write_talks(tmp_path / "in" / "iwslt14_deen_sample")
    raw = recipes.prepare("mixed50", tmp_path / "in", tmp_path / "out")
    labels = lines.read_lines(raw / "train.labels")
    assert (len(labels), labels.count("clean"), labels.count("short")) == (40, 20, 2)
    assert len(lines.read_lines(raw / "meta.en")) == 714
    raw = recipes.prepare("mixed20_few", tmp_path / "in", tmp_path / "out")
    assert lines.read_lines(raw / "train.labels").count("clean") == 30
    assert len(lines.read_lines(raw / "meta.de")) == len(lines.read_lines(raw / "meta.en")) == 100
    raw = recipes.prepare("domains", tmp_path / "in", tmp_path / "out")
    labels = lines.read_lines(raw / "train.labels")
    assert labels == ["other_domain"] * 40 + ["clean"] * 12
    assert lines.read_lines(raw / "train.de")[40] == "talk train de 0"
    assert lines.read_lines(raw / "test.en") == [f"talk test en {n}" for n in range(5)]
    capsys.readouterr()
    recipes.prepare("domains", tmp_path / "in", tmp_path / "out")
    assert capsys.readouterr().out.count("already there") == 3


def test_languages_without_a_test_set_have_a_part_of_the_training_text_held_out(
    tmp_path: Path,
) -> None:
    write_multi30k(tmp_path / "in", pairs=2114)
    raw = recipes.prepare("french50", tmp_path / "in", tmp_path / "out")
    labels = lines.read_lines(raw / "train.labels")
    assert len(labels) == 100 and labels.count("clean") == 50
    of_whom = dict(zip(labels, zip(*_both(raw / "train"), strict=True), strict=True))
    assert of_whom["clean"][0].startswith("train.en") and of_whom["clean"][1].startswith("train.fr")
    assert of_whom["wrong_language"][1].startswith("train.de")
    first = 100
    for split, size in {"meta": 714, "valid": 300, "test": 1000}.items():
        numbers = range(first, first + size)
        for language, rows in zip(("en", "fr"), _both(raw / split), strict=True):
            assert rows == [f"train.{language} number {n} here" for n in numbers]
        first += size
    cell = matrix.Cell("french50", "uniform", 1)
    job = matrix.Experiment(matrix.Matrix(tmp_path, tmp_path, 1))._job(cell, tmp_path)
    assert (job.source, job.target) == ("en", "fr")


def _both(prefix: Path) -> list[list[str]]:
    return [lines.read_lines(prefix.with_suffix(f".{language}")) for language in ("en", "fr")]


def test_too_little_text_to_hold_a_part_out_is_an_error(tmp_path: Path) -> None:
    for language in ("de", "en", "fr"):
        lines.write_lines(tmp_path / f"train.{language}", ["a"] * 2014)
    command = ["--captions", str(tmp_path), "--out", str(tmp_path / "out"), "--source", "en"]
    with pytest.raises(SystemExit, match="2014 lines: 2014 are held out, so none is left"):
        held_out.main([*command, "--target", "fr"])
    with pytest.raises(SystemExit, match="the same language"):
        held_out.main([*command, "--target", "en"])


def write_crawled(folder: Path) -> None:
    def pairs(name: str, what: str, size: int) -> None:
        for language in ("de", "en"):
            rows = [f"{what} {language} {n}" for n in range(size)]
            lines.write_lines(folder / f"{name}.{language}", rows)

    for split, size in {"train": 4, "trusted": 150, "valid": 2, "test": 3}.items():
        pairs(f"software_deen/{split}", f"software {split}", size)
    proofs = ["right", "wrong", "copied", "unknown"]
    lines.write_lines(folder / "software_deen" / "train.truth", proofs)
    pairs("paracrawl_human_v3/pairs", "web", 7)
    lines.write_lines(folder / "paracrawl_human_v3" / "label", ["V", "F", "MT", "E", "A", "L", "T"])
    pairs("newstest2016_deen/all", "news", 1010)


def test_real_noise_has_the_labels_that_are_known(tmp_path: Path) -> None:
    write_crawled(tmp_path / "in")
    write_multi30k(tmp_path / "in", pairs=5)
    write_talks(tmp_path / "in" / "iwslt14_deen_sample")
    raw = recipes.prepare("software", tmp_path / "in", tmp_path / "out")
    assert lines.read_lines(raw / "train.labels") == ["clean", "wrong", "copied", "unknown"]
    assert len(lines.read_lines(raw / "meta.de")) == 150
    raw = recipes.prepare("software_few", tmp_path / "in", tmp_path / "out")
    assert len(lines.read_lines(raw / "meta.de")) == len(lines.read_lines(raw / "meta.en")) == 100
    raw = recipes.prepare("human", tmp_path / "in", tmp_path / "out")
    labels = lines.read_lines(raw / "train.labels")
    assert labels[: 4 + 5 + 12] == ["unjudged"] * 21
    assert labels[21:] == ["clean", "free", *FLAWED, *BROKEN]
    assert lines.read_lines(raw / "train.en")[21:] == [f"web en {n}" for n in range(7)]
    assert lines.read_lines(raw / "meta.en")[-1] == "news en 999"
    assert lines.read_lines(raw / "test.en") == [f"news en {n}" for n in range(1000, 1010)]


def test_no_trusted_pair_is_in_the_test_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["human", "--software", str(tmp_path), "--out", str(tmp_path)]
    for name in ("captions", "talks", "judged", "news"):
        command += [f"--{name}", str(tmp_path)]
    with pytest.raises(SystemExit, match="--trusted 1001: the test set begins after 1000 lines"):
        crawled.main([*command, "--trusted", "1001"])
    with pytest.raises(SystemExit):
        crawled.main([*command, "--trusted", "0"])
    assert "0 is below 1" in capsys.readouterr().err


def test_bicleaner_answers_the_questions_that_weights_are_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_crawled(tmp_path)
    judged = tmp_path / "paracrawl_human_v3"
    lines.write_lines(judged / "bicleaner", map(str, [0.9, 0.8, 0.7, 0.85, 0.6, 0.5, 0.4]))
    crawled.main(["bicleaner", "--judged", str(judged)])
    assert capsys.readouterr().out == "good: 0.900\nnot broken: 1.000\n"


def test_without_the_only_factor_that_tells_a_kind_it_is_not_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`numerals` alone tells `wrong`, and the domain, which does not count, `other`."""
    names = InitialWeightModel.FACTORS
    labels = ["clean"] * 20 + ["wrong"] * 20 + ["other"] * 20
    factors = np.ones((60, len(names)))
    factors[20:40, names.index("numerals")] = 0.1
    factors[40:, names.index("domain")] = 0.2
    rows = ["\t".join(f"{x}" for x in [row[:-1].prod(), *row]) for row in factors]
    rows[0] = "\t" * len(names)  # could not be weighed
    lines.write_lines(tmp_path / "factors.tsv", rows)
    lines.write_lines(tmp_path / "labels", labels)
    command = ["--factors", str(tmp_path / "factors.tsv"), "--labels", str(tmp_path / "labels")]
    ablation.main(command)
    head, _, *table = capsys.readouterr().out.splitlines()
    assert head == "| factors | other | wrong | weight of good pairs |"
    found = {row.split(" | ")[0]: row.split(" | ")[1:3] for row in table}
    assert found.pop("| without `numerals`") == ["0.500", "0.500"]
    assert found.pop("| with `domain`") == ["1.000", "1.000"]
    assert len(found) == len(names) - 1
    assert all(row == ["0.500", "1.000"] for row in found.values())
    lines.write_lines(tmp_path / "factors.tsv", rows[1:])
    with pytest.raises(SystemExit, match=r"not the 60 lines of weight, correspondence, .*"):
        ablation.main(command)


def test_a_run_may_bring_an_optimizer_of_its_own(tmp_path: Path) -> None:
    def command(*extra: str) -> str:
        run = training.Run(tmp_path, tmp_path, "deep", extra=extra)
        return " ".join(training.train_command(run))

    assert "--optimizer adam --adam-betas" in command("--weight-unit", "token")
    own = command("--optimizer", "sgd", "--lr", "0.5")
    assert "adam" not in own and own.endswith("--optimizer sgd --lr 0.5")
    assert "adam" not in command("--optimizer=sgd")


def test_labels_that_are_not_known_or_not_enough_are_refused(tmp_path: Path) -> None:
    write_crawled(tmp_path)
    command = ["software", "--software", str(tmp_path / "software_deen"), "--out", str(tmp_path)]
    truth = tmp_path / "software_deen" / "train.truth"
    lines.write_lines(truth, ["right", "wrong", "maybe", "unknown"])
    with pytest.raises(SystemExit, match="'maybe' is none of right, wrong"):
        crawled.main(command)
    lines.write_lines(truth, ["right"])
    with pytest.raises(SystemExit, match="1 lines for 4 pairs"):
        crawled.main(command)


def test_a_question_is_how_often_some_pairs_outweigh_others() -> None:
    def weights(values: list[float], counts: list[float]) -> Weights:
        rows = np.arange(len(values))
        return Weights(rows, rows * 0, rows, *map(np.asarray, (values, counts)), rows, rows)

    names, found = ["clean", "free", "error", "misaligned"], [0.9, 0.4, 0.5, 0.1]
    questions = {
        "good": (("clean", "free"), ("error", "misaligned")),
        "nobody": (("clean",), ("tokenisation",)),
    }
    answers = score.told(weights(found, [1.0] * 4), names, questions)
    assert answers["good"] == pytest.approx(3 / 4) and np.isnan(answers["nobody"])
    # A pair that stands for three counts three times.
    answers = score.told(weights(found, [3.0, 1, 1, 1]), names, questions)
    assert answers["good"] == pytest.approx(7 / 8)


def test_pieces_are_those_of_words_and_a_wrong_word_that_weighs_less_is_told(
    tmp_path: Path,
) -> None:
    assert token_scores.words_of(["▁the", "▁ele", "phant", "▁", "sleeps"]) == [0, 1, 1, 2, 2]
    text = tmp_path / "text"
    lines.write_lines(text, ["the dog sleeps on the grass", "a cat sits on the table"] * 20)
    model = tmp_path / "spm.model"
    train_pieces(lines.read_lines(text), 30, model)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    texts = ["the dog sleeps", "a cat sits"]
    pieces = [processor.encode(line, out_type=str) for line in texts]
    words = [token_scores.words_of(row) for row in pieces]
    first = [0.2 if word == 1 else 1.0 for word in words[0]] + [0.0]  # the end does not count
    record = pa.table(
        {
            "update": [1, 2, 3],
            "id": [0, 0, 1],
            "token_weights": [[0.5] * len(first), first, [1.0] * (len(words[1]) + 1)],
        }
    )
    (tmp_path / "weights").mkdir()
    pq.write_table(record, tmp_path / "weights" / "1.parquet")
    found = [
        token_scores.wrong_words(tmp_path / "weights", texts, flaws, model)
        for flaws in (["1", ""], ["0", ""], ["", ""])
    ]
    assert found[0]["token_auc"] == 1.0 and found[1]["token_auc"] < 0.5
    assert found[0]["token_mean_weight"] == pytest.approx({"wrong": 0.2, "other": 1.0})
    assert found[2] == {}


def test_captions_look_like_talks_when_domains_are_mixed(tmp_path: Path) -> None:
    for split in ("train", "meta", "valid", "test"):
        for language in ("de", "en"):
            lines.write_lines(
                tmp_path / "captions" / f"{split}.{language}", ['Ein Hund, A "Dog" [1].']
            )
            lines.write_lines(tmp_path / "talks" / f"{split}.{language}", ["so , it &apos;s ."])
    folders = ["--captions", str(tmp_path / "captions"), "--talks", str(tmp_path / "talks")]
    domains.main([*folders, "--trusted", "captions", "--out", str(tmp_path / "out")])
    assert lines.read_lines(tmp_path / "out" / "train.en") == [
        "ein hund , a &quot; dog &quot; &#91; 1 &#93; .",
        "so , it &apos;s .",
    ]
    assert lines.read_lines(tmp_path / "out" / "train.labels") == ["clean", "other_domain"]
    test = lines.read_lines(tmp_path / "out" / "test.en")
    assert test == ["ein hund , a &quot; dog &quot; &#91; 1 &#93; ."]


# --- IWSLT'14 ---


def write_archive(path: Path) -> None:
    """Write an archive of the original's form: tags, metadata, XML."""
    content = {}
    for language, word in (("de", "Wort"), ("en", "word")):
        rows = ["<url>http://x</url>", f"<title>{word} zero</title>", "<keywords>k</keywords>"]
        rows += [f"{word} {n}, isn't it?" for n in range(80)]
        rows[10] = word * 2 + (" long" * 200 if language == "de" else "")  # too long
        content[f"train.tags.de-en.{language}"] = "\n".join(rows)
        for name in iwslt14.TESTS:
            xml = f'<doc>\n<seg id="1"> {word} {name}, it’s </seg>\n</doc>\n'
            content[f"IWSLT14.TED.{name}.de-en.{language}.xml"] = xml
    with tarfile.open(path, "w:gz") as archive:
        for name, text in content.items():
            data = text.encode("utf-8")
            info = tarfile.TarInfo(f"de-en/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def test_the_original_archive_becomes_the_usual_splits(tmp_path: Path) -> None:
    write_archive(tmp_path / "de-en.tgz")
    out = tmp_path / "raw"
    sizes = ["--meta", "2", "--valid", "1"]
    iwslt14.main(["--archive", str(tmp_path / "de-en.tgz"), "--out", str(out), *sizes])
    # 81 sentences of which one is too long; the 23rd, the 46th and the 69th are held out
    train = lines.read_lines(out / "train.en")
    assert len(train) == 77 and len(lines.read_lines(out / "train.de")) == 77
    assert train[:2] == ["word zero", "word 0 , isn &apos;t it ?"]
    assert lines.read_lines(out / "meta.de")[0].startswith("wort 22 ,")
    assert len(lines.read_lines(out / "valid.de")) == 1
    assert lines.read_lines(out / "test.en")[1] == "word dev2012 , it &apos;s"
    with pytest.raises(SystemExit, match="more than the 3 held out"):
        iwslt14.main(["--archive", str(tmp_path / "de-en.tgz"), "--out", str(out), "--meta", "9"])


def test_what_is_not_the_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.tgz").write_text("no archive")
    with pytest.raises(SystemExit, match="is not the archive of IWSLT'14"):
        iwslt14.from_archive(tmp_path / "x.tgz")
    with pytest.raises(SystemExit, match="are you online"):
        iwslt14.download(tmp_path / "y.tgz", home="http://localhost:9")
    assert not list(tmp_path.rglob("*.part*"))


# --- the matrix ---


def test_the_baseline_runs_first_and_clean_data_is_not_filtered() -> None:
    found = matrix.cells(["clean", "mixed50"], ["deep", "oracle", "deep"], [1, 2])
    names = [(cell.run, cell.seed, cell.recipe) for cell in found]
    assert names == [
        ("uniform", 1, "clean"),
        ("uniform", 1, "mixed50"),
        ("uniform", 2, "clean"),
        ("uniform", 2, "mixed50"),
        ("deep", 1, "clean"),
        ("deep", 1, "mixed50"),
        ("deep", 2, "clean"),
        ("deep", 2, "mixed50"),
        ("oracle", 1, "mixed50"),
        ("oracle", 2, "mixed50"),
    ]
    assert matrix.cells(["clean", "mixed50", "clean"], ["deep"], [1, 2, 1]) == found[:8]
    with pytest.raises(SystemExit, match="unknown run 'best'; known: uniform, oracle"):
        matrix.cells(["clean"], ["best"], [1])
    with pytest.raises(SystemExit, match="no oracle for human: of many of its pairs nobody knows"):
        matrix.cells(["human"], ["deep", "oracle"], [1])


def test_every_contender_names_a_weighting_and_every_recipe_a_student() -> None:
    from fairseq_l2rw.weighting import names

    assert {contender.weighting for contender in CONTENDERS.values()} == set(names())
    assert all(recipe.config in training.CONFIGS for recipe in recipes.RECIPES.values())


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> matrix.Matrix:
    """Make a matrix whose recipes are tiny and whose trainings take a moment."""

    def prepare(name: str, original: Path, out: Path) -> Path:
        raw = out / name / "raw"
        german = [f"satz {word} nummer {n}" for n, word in enumerate("abcdefghij" * 6)]
        english = [f"sentence {word} number {n}" for n, word in enumerate("abcdefghij" * 6)]
        for split, count in {"train": 60, "valid": 7, "meta": 9, "test": 8}.items():
            lines.write_lines(raw / f"{split}.de", german[:count])
            lines.write_lines(raw / f"{split}.en", english[:count])
        kinds = ["short" if n % 3 == 0 else "clean" for n in range(60)]
        lines.write_lines(raw / "train.labels", kinds)
        return raw

    tiny = {"layers": 1, "width": 8, "inner": 8, "cpu": True, "weighting_warmup": 2}
    changed = {**training.asdict(training.CONFIGS["quickstart"]), **tiny}
    monkeypatch.setitem(training.CONFIGS, "quickstart", training.Config(**changed))
    monkeypatch.setattr(matrix, "prepare", prepare)
    # No rules: they would find no language in such text, and leave nothing.
    monkeypatch.setitem(CONTENDERS, "filter_dual", Contender("both models", selection="dual"))
    return matrix.Matrix(
        tmp_path, tmp_path / "runs", side_by_side=2, config="quickstart", vocab=80, updates=6
    )


@pytest.mark.slow
def test_a_matrix_runs_ends_in_tables_and_goes_on_where_it_was(
    quick: matrix.Matrix, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = matrix.cells(["mixed50"], ["filter_dual", "oracle", "deep"], [1])
    matrix.Experiment(quick).run(wanted)
    results = matrix.read_results(quick.results)
    assert results[0]["run"] == "uniform"
    assert {r["run"] for r in results} == {"uniform", "oracle", "filter_dual", "deep"}
    found = {r["run"]: r for r in results}
    assert "against_uniform" not in found["uniform"]
    assert 0 <= found["deep"]["against_uniform"]["p"] <= 1
    assert found["deep"]["against_uniform"]["difference"] == pytest.approx(
        found["deep"]["bleu"] - found["uniform"]["bleu"]
    )
    assert set(found["deep"]["auc"]) == {"short"}
    assert found["deep"]["valid_loss"] > 0
    assert found["oracle"]["mean_weight"].keys() == {"clean"}
    kept = lines.read_lines(quick.out / "mixed50" / "bin-dual-1.kept")
    assert len(kept) == 40  # as many as are good: it is told the true share
    assert 0 < found["filter_dual"]["mean_weight"]["clean"] <= 1
    assert (quick.out / "mixed50" / "reverse-1" / "checkpoint_last.pt").exists()

    comparison.report(results, tmp_path / "report")
    text = (tmp_path / "report" / "matrix.md").read_text()
    assert "| `deep` | 1 |" in text and "p ≤" in text
    assert (tmp_path / "report" / "matrix.png").read_bytes().startswith(b"\x89PNG")

    # A run whose line is missing is not trained again, only scored.
    rows = quick.results.read_text().splitlines()
    quick.results.write_text("\n".join(r for r in rows if json.loads(r)["run"] != "deep") + "\n")
    capsys.readouterr()
    matrix.Experiment(quick).run(wanted)
    assert "fairseq-train" not in capsys.readouterr().out
    assert [r["run"] for r in matrix.read_results(quick.results)][-1] == "deep"

    # On another machine there are the lines and the translations of the baseline.
    shutil.rmtree(quick.out / "mixed50")
    matrix.Experiment(quick).run(matrix.cells(["mixed50"], ["random"], [1]))
    assert matrix.read_results(quick.results)[-1]["run"] == "random"
    assert 0 <= matrix.read_results(quick.results)[-1]["against_uniform"]["p"] <= 1
    shutil.rmtree(quick.out / "uniform")
    capsys.readouterr()
    matrix.Experiment(quick).run(matrix.cells(["mixed50"], ["trim"], [1]))
    assert "against_uniform" not in matrix.read_results(quick.results)[-1]
    assert "no p for trim on mixed50, seed 1" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="losses of uniform, seed 1, which was trained elsewhere"):
        matrix.Experiment(quick).run(matrix.cells(["mixed50"], ["filter"], [1]))
    shutil.rmtree(quick.out)


@pytest.mark.slow
def test_a_young_model_translates_every_training_line(quick: matrix.Matrix, tmp_path: Path) -> None:
    raw = matrix.prepare("machine50", tmp_path, tmp_path)
    arguments = ["--data", str(raw), "--out", str(tmp_path / "young"), "--updates", "2"]
    young.main([*arguments, "--config", "quickstart", "--vocab", "80"])
    assert len(lines.read_lines(tmp_path / "young" / "machine.en")) == 60


def test_a_line_that_was_cut_off_is_named(tmp_path: Path) -> None:
    (tmp_path / "results.jsonl").write_text(json.dumps(line("deep", 1, 30.0)) + '\n{"run": "un')
    with pytest.raises(SystemExit, match=r"line 2 is not JSON"):
        matrix.read_results(tmp_path / "results.jsonl")


def test_a_run_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """It would count as two seeds: the interval of the mean would be too narrow."""
    rows = [json.dumps(line("deep", seed, 30.0)) for seed in (1, 2, 1)]
    (tmp_path / "results.jsonl").write_text("\n".join(rows))
    with pytest.raises(SystemExit, match="line 3: mixed50 deep with seed 1 is there before"):
        matrix.read_results(tmp_path / "results.jsonl")


def test_a_finished_run_of_another_length_is_not_taken_for_this_one(tmp_path: Path) -> None:
    done = line("uniform", 1, 30.0, config="multi30k", updates=100)
    (tmp_path / "results.jsonl").write_text(json.dumps(done))
    wanted = matrix.cells(["mixed50"], ["uniform"], [1])
    for updates in (100, None):
        experiment = matrix.Experiment(matrix.Matrix(tmp_path, tmp_path, 1, updates=updates))
        if updates:
            experiment.run(wanted)
        else:
            with pytest.raises(SystemExit, match="is of 100 updates of multi30k, and now it would"):
                experiment.run(wanted)


# --- tables ---


def line(run: str, seed: int, bleu: float, **more: object) -> dict[str, object]:
    common = {"recipe": "mixed50", "chrf": bleu + 10, "train_seconds": 60.0, "auc": {}}
    signatures = {"bleu_signature": "b", "chrf_signature": "c", "mean_weight": {"clean": 1.0}}
    return {"run": run, "seed": seed, "bleu": bleu, **common, **signatures, **more}


def test_means_intervals_and_the_gap_closed_are_what_they_say() -> None:
    estimate = comparison.Estimate.of([1.0, 2.0, 3.0])
    assert estimate.mean == 2.0
    assert estimate.half == pytest.approx(4.302653 / 3**0.5)  # t of 2 degrees of freedom
    assert estimate.text(1) == "2.0 ± 2.5"
    assert comparison.Estimate.of([4.0]).text(1) == "4.0"
    results = [
        *(line("uniform", 1, 10.0), line("uniform", 2, 12.0)),
        *(line("oracle", 1, 30.0), line("oracle", 2, 32.0)),
        *(line("deep", 1, 25.0), line("deep", 2, 29.0)),
    ]
    runs = comparison.by_run(results, "mixed50")
    assert comparison.closed(runs, "deep") == pytest.approx((15 + 17) / 40)
    assert comparison.closed(runs, "oracle") is None
    assert comparison.closed({**runs, "oracle": [line("oracle", 1, 10.5)]}, "deep") is None


def test_how_far_deep_is_ahead_is_told_seed_by_seed() -> None:
    results = [line("deep", 1, 25.0), line("deep", 2, 29.0), line("deep", 3, 99.0)]
    results += [line("trim", 2, 26.0), line("trim", 1, 24.0), line("mask", 4, 5.0)]
    runs = comparison.by_run(results, "mixed50")
    lead = comparison.ahead(runs, "trim")
    assert lead is not None and lead.text(1, "+") == "+2.0 ± 12.7"  # 1 and 3
    assert comparison.ahead(runs, "mask") is None and comparison.ahead(runs, "deep") is None


def test_the_course_of_loss_and_usefulness_is_shown_in_stages() -> None:
    course = [0.5, *[0.6] * 3, *[0.7] * 3, 0.8, None, 0.9]
    results = [
        line(
            "uniform", 1, 10.0, course={"loss": {"short": course}, "usefulness": {"short": [None]}}
        ),
        line("uniform", 2, 10.0, course={"loss": {"short": [0.7]}}),
        line(
            "deep",
            1,
            20.0,
            course={"loss": {"short": course}, "usefulness": {"short": [None, 0.9]}},
        ),
        line("oracle", 1, 30.0, course={}),
    ]
    for result in results:
        result["mean_weight"] = {"clean": 1.0, "short": 1.0}
    assert comparison.course_table(comparison.by_run(results, "mixed50")) == [
        ["by", "short"],
        ["`uniform`: loss", "0.60 0.60 0.70 0.85"],
        ["`deep`: usefulness", "- - - 0.90"],
    ]
    assert "in each third of the others" in comparison.section(results, "mixed50")


def test_a_filter_by_losses_also_takes_the_time_of_the_model_that_gives_them() -> None:
    results = [line("uniform", 2, 10.0, train_seconds=90.0), line("uniform", 1, 10.0)]
    results += [line("filter", 2, 20.0), line("filter_rules", 2, 20.0), line("filter", 3, 20.0)]
    runs = comparison.by_run(results, "mixed50")
    assert comparison.minutes(runs, "filter") == [2.5, 1.0]
    assert comparison.minutes(runs, "filter_rules") == [1.0]
    runs["filter_dual"] = [line("filter_dual", 2, 20.0)]
    assert comparison.minutes(runs, "filter_dual") == [4.0]  # and of the other direction
    assert comparison.minutes(runs, "uniform") == [1.5, 1.0]
    runs["uniform"][1]["device"] = "some GPU"
    took = {row[0]: row[-1] for row in comparison.quality_table(runs)}
    assert took["`uniform`"] == "1 (some GPU)" and took["`filter_rules`"] == "1"


def test_the_p_value_shown_is_the_worst_of_all_seeds() -> None:
    tests = [{"difference": 2.0, "p": 0.001}, {"difference": 1.0, "p": 0.04}]
    assert comparison._against(tests) == "+1.5, p ≤ 0.040"


def test_a_better_translation_is_significantly_better_and_says_how_it_was_tested() -> None:
    references = [f"the house number {n} is very small today and so on" for n in range(60)]
    worse = [row.replace("very", "quite").replace("today", "now") for row in references]
    found = score.significance(references, worse, references)
    assert found["difference"] > 10 and found["p"] < 0.05
    assert "bs:1000" in found["signature"]
    same = score.significance(worse, worse, references)
    assert (same["difference"], same["p"]) == (0, 1)


def test_plain_weights_have_no_table() -> None:
    runs = {"uniform": [line("uniform", 1, 1.0, mean_weight={"clean": 1.0, "short": 1.0})]}
    assert comparison.weight_table(runs, "auc") == []
    told = SimpleNamespace(**line("deep", 1, 1.0, mean_weight={"clean": 1.0, "short": 0.5}))
    runs["deep"] = [{**vars(told), "auc": {"short": 0.9}}]
    assert comparison.weight_table(runs, "auc") == [["run", "short"], ["`deep`", "0.90"]]


def test_small_mean_weights_keep_two_digits_and_shares_always_have_two() -> None:
    weights = {"clean": 0.0046, "short": 0.0008}
    runs = {"l2rw": [{**line("l2rw", 1, 1.0, mean_weight=weights), "auc": {"short": 0.0}}]}
    assert comparison.weight_table(runs, "mean_weight")[1] == ["`l2rw`", "0.0046", "0.0008"]
    assert comparison.weight_table(runs, "auc")[1] == ["`l2rw`", "0.00"]


def test_the_legend_says_where_results_are_of_other_flags() -> None:
    now = CONTENDERS["deep_states"].extra
    for extra, other in ((list(now), False), (["--teacher-reads", "encoder"], True)):
        said = comparison.legend([line("deep_states", 1, 33.0, extra=extra)])
        assert " ".join(now) in said
        assert ("of an earlier version, with other flags" in said) == other


def test_what_a_person_judged_is_a_table_of_its_own() -> None:
    told = {"good": 0.65, "not broken": 0.82}
    weights = {"clean": 0.9, "misaligned": 0.3}
    results = [
        line("uniform", 1, 10.0, told=dict.fromkeys(told, 0.5)),
        line("deep", 1, 12.0, told=told, mean_weight=weights, auc={"misaligned": 0.9}),
        line("initial", 1, 11.0),
    ]
    runs = comparison.by_run(results, "mixed50")
    assert comparison.told_table(runs) == [
        ["run", "good", "not broken"],
        ["`deep`", "0.65", "0.82"],
    ]
    assert "against those that are not" in comparison.section(results, "mixed50")
    more = line("mask", 1, 12.0, told={"good": 0.7}, mean_weight=weights)
    table = comparison.told_table(comparison.by_run([*results, more], "mixed50"))
    assert ["`mask`", "0.70", "-"] in table and ["`deep`", "0.65", "0.82"] in table
    assert comparison.told_table(comparison.by_run([line("deep", 1, 1.0)], "mixed50")) == []
