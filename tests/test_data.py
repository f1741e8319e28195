"""Promises of data: read back whole, ids are lines, weights belong to their text, pairs counted."""

import re
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from commands import OURS, load, same, train
from corpora import pairs, write
from fairseq.data import indexed_dataset
from tasks import TRAIN, TRUSTED, VALID, batches, by_line, long_pair, task, training, with_splits

from fairseq_l2rw.data.trusted_pairs import batch_tokens
from fairseq_l2rw.inference.line_weights import LineWeights
from fairseq_l2rw.inference.run_folder import RunFolder
from fairseq_l2rw.utils.errors import InputError


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write(tmp_path_factory.mktemp("data"), train=TRAIN, meta=TRUSTED, valid=VALID)


def record(folder):
    return pq.read_table(folder / "weights").to_pylist()


def sampler(folder):
    return load(folder / "checkpoint_last.pt")["extra_state"]["train_iterator"]["sampler"]


# -- without training: the task, as fairseq's commands and trainer drive it -----------------------


def ids(iterator):
    """What an epoch of it holds."""
    return [i for b in iterator.next_epoch_itr(shuffle=False) for i in b["id"].tolist()]


@pytest.mark.parametrize("weighting", ["deep", "initial", "uniform"])
def test_whatever_reads_the_training_split_back_gets_the_whole_of_it(data, weighting):
    found = task(data, weighting=weighting)
    assert sorted(ids(batches(found))) == list(range(120))  # fairseq-generate, fairseq-validate
    iterator = training(found)
    held = ids(iterator)
    assert len(held) == 120 if weighting == "uniform" else 60 < len(held) < 100
    assert sorted(ids(batches(found))) == list(range(120))
    assert training(found) is iterator  # and goes on with it


OTHER = {
    "another order": ({"train": TRAIN[::-1]}, "training data"),
    "grown": ({"train": TRAIN + pairs(40, 4)}, "training data"),
    "shrunk": ({"train": TRAIN[:110]}, "training data"),
    "other trusted pairs": ({"meta": pairs(60, 5)}, "trusted pairs"),
}


@pytest.mark.parametrize("kind", OTHER)
def test_on_other_data_weights_by_sentence_start_afresh(data, tmp_path, kind, caplog):
    saved = training(task(data))
    next(saved.next_epoch_itr())
    saved.sampler.update(torch.arange(120), torch.rand(120))
    splits, what = OTHER[kind]
    other = with_splits(tmp_path, **splits)
    resumed, fresh = (training(task(other)) for _ in range(2))
    resumed.load_state_dict(saved.state_dict())
    assert [
        r.message for r in caplog.records if f"{what} differ from the checkpoint's" in r.message
    ]
    resumed.next_epoch_itr(), fresh.next_epoch_itr()
    for part in ("initial_weights", "probabilities", "weights"):
        both = (by_line(x.sampler, part).nan_to_num(-1.0) for x in (resumed, fresh))
        assert torch.equal(*both)


def test_on_the_same_data_they_go_on(data, caplog):
    saved = training(task(data))
    stream = saved.next_epoch_itr()
    next(stream)
    resumed = training(task(data))
    resumed.load_state_dict(saved.state_dict())
    assert "afresh" not in caplog.text
    rest = ([b["id"].tolist() for b in x] for x in (resumed.next_epoch_itr(), stream))
    assert next(rest) == next(rest)


@pytest.fixture(scope="module")
def two_splits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    return with_splits(folder, train=TRAIN[:50], train1=TRAIN[50:])


def test_a_pair_that_is_upsampled_is_judged_as_one(data, two_splits):
    once, thrice = training(task(data)), training(task(two_splits, upsample_primary=3))
    assert torch.equal(by_line(once.sampler), by_line(thrice.sampler))
    assert once.sampler.fingerprints == thrice.sampler.fingerprints


def test_several_splits_without_a_word_how_often_they_count_are_refused(two_splits):
    with pytest.raises(InputError, match="use --upsample-primary 1"):
        task(two_splits)


def test_what_fairseq_leaves_out_for_its_length_is_not_judged(data, tmp_path, caplog):
    caplog.set_level("INFO")
    other = with_splits(tmp_path, train=[long_pair(2000), *TRAIN])
    found, expected = (by_line(training(task(x)).sampler) for x in (other, data))
    assert found[0].isnan() and torch.equal(found[1:], expected)
    assert caplog.text.count("1 of 121 lines are left out of training: too long") == 1


def test_what_fills_no_batch_is_told_apart_from_what_is_too_long(data, caplog):
    caplog.set_level("INFO")
    iterator = training(task(data), multiple=16)
    left = int(by_line(iterator.sampler).isnan().sum())
    assert 0 < left < 16
    assert f"{left} of 120 lines are left out of training: in no full batch" in caplog.text
    assert "too long" not in caplog.text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ([long_pair(300)] * 2, "all 2 pairs of train are too long: raise --max-tokens"),
        (TRAIN[:5], "the 5 pairs of train fill no batch of 8: use --required-batch-size-multiple"),
    ],
)
def test_where_there_is_nothing_to_train_on_one_line_says_why(tmp_path, text, says):
    with pytest.raises(InputError, match=says):
        training(task(with_splits(tmp_path, train=text)), multiple=8)


@pytest.mark.parametrize("weighting", ["initial", "l2rw", "deep", "uniform"])
def test_trusted_pairs_that_are_trained_on_are_counted(tmp_path, weighting, caplog):
    other = with_splits(tmp_path, meta=TRUSTED + TRAIN[100:107])
    training(task(other, weighting=weighting))
    times = caplog.text.count("7 of 67 trusted pairs of --meta-subset meta are lines of the train")
    assert times == (weighting != "uniform")


MODEL = SimpleNamespace(max_positions=lambda: (1024, 1024))


@pytest.mark.parametrize(
    ("given", "longest", "left"), [(None, 150, 0), (None, 260, 1), (120, 150, 1), (150, 149, 0)]
)
def test_trusted_pairs_too_long_for_a_batch_are_counted(tmp_path, given, longest, left, caplog):
    """Half a training batch holds 100 tokens, a whole one 200."""
    caplog.set_level("INFO")
    other = with_splits(tmp_path, meta=[*TRUSTED, long_pair(longest)])
    stream = task(other, meta_max_tokens=given)._trusted_batches(MODEL)
    assert f"trusted pairs: {61 - left} of 61 of 'meta'" in caplog.text
    said = f"{left} of 61 trusted pairs are left out of trusted batches because they are longer"
    assert caplog.text.count(said) == left
    read = [stream.next() for _ in range(len(stream._epochs))]
    assert sum(len(batch["id"]) for batch in read) == 61 - left


@pytest.mark.parametrize(
    ("longest", "tokens"), [(20, 100), (149, 150), (199, 200), (200, 100), (300, 100)]
)
def test_a_dev_batch_is_half_a_training_batch_or_holds_the_longest_trusted_pair(
    tmp_path, longest, tokens
):
    other = with_splits(tmp_path, train=[*TRUSTED, long_pair(longest)])
    assert batch_tokens(task(other).dataset("train"), 200, (200, 200)) == tokens


# -- with training ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def begun(data, tmp_path_factory):
    """A run that stopped in the middle of an epoch."""
    out = tmp_path_factory.mktemp("begun")
    done = train(data, *OURS, "--weighting", "initial", "--max-update", 2, "--save-dir", out)
    return done.stdout, out / "checkpoint_last.pt"


def test_a_checkpoint_of_another_corpus_is_trained_on_with_a_warning(begun, tmp_path):
    other = with_splits(tmp_path / "data", train=pairs(120, 6))
    flags = [*OURS, "--weighting", "initial", "--max-update", 4, "--restore-file", begun[1]]
    done = train(other, *flags, "--save-dir", tmp_path)
    assert re.search(
        r"^training data differ from the checkpoint's: .* start afresh$", done.stdout, re.M
    )
    assert sampler(tmp_path)["initial_weights"].min() > 0.9  # nothing is wrong there


@pytest.mark.parametrize("weighting", ["deep", "l2rw"])
def test_the_record_has_no_rows_of_a_text_that_was_changed(data, tmp_path, weighting):
    """Its lines have the numbers of others."""
    flags = [*OURS, "--weighting", weighting, "--save-dir", tmp_path]
    flags += ["--weights-dir", tmp_path / "weights"]
    train(data, *flags, "--max-update", 2)
    other = with_splits(tmp_path / "data", train=TRAIN[::-1])
    done = train(other, *flags, "--max-update", 4)
    assert "they are of another training text, whose lines are other ones" in done.stdout
    assert {row["update"] for row in record(tmp_path)} == {2, 3}


def test_validating_on_the_training_split_changes_nothing_of_training(data, tmp_path):
    for name, subsets in (("one", "valid"), ("two", "valid,train")):
        flags = [*OURS, "--max-epoch", 2, "--valid-subset", subsets]
        done = train(data, *flags, "--save-dir", tmp_path / name)
    tokens = re.findall(r"valid on 'train' subset .* wpb ([\d.]+) \| bsz ([\d.]+)", done.stdout)
    words = sum(len(target) + 1 for _, target in TRAIN)
    assert len({*tokens}) == 1
    # Means over batches, of which each has as many as the last is full: together they are all.
    assert round(words / float(tokens[0][0])) == round(120 / float(tokens[0][1]))
    one, two = (load(tmp_path / n / "checkpoint_last.pt")["model"] for n in ("one", "two"))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    ("weighting", "also"),
    [("random", ["--num-workers", 1]), ("deep", []), ("initial", [])],
    ids=["random", "deep", "initial"],
)
def test_ids_are_lines_where_a_split_is_upsampled(two_splits, tmp_path, weighting, also):
    flags = [*OURS, "--weighting", weighting, "--upsample-primary", 2, "--max-epoch", 1, *also]
    train(two_splits, *flags, "--save-dir", tmp_path, "--weights-dir", tmp_path / "weights")
    lengths = [len(target) + 1 for _, target in TRAIN]
    rows = record(tmp_path)
    assert all(row["length"] == lengths[row["id"]] for row in rows)
    times = np.bincount([row["id"] for row in rows], minlength=120)
    assert len(times) == 120
    if weighting == "random":
        assert times.tolist() == [2] * 50 + [1] * 70
    else:
        assert times.max() == 2 and times[50:].max() == 1 and times[:40].mean() < 1


def test_trusted_pairs_among_combined_valid_subsets_are_warned_about(tmp_path):
    other = write(tmp_path / "data", train=TRAIN, valid1=TRUSTED, valid=VALID)
    flags = [*OURS, "--weighting", "l2rw", "--meta-subset", "valid1", "--combine-valid-subsets"]
    flags += ["--upsample-primary", 1, "--max-update", 1, "--no-save"]
    done = train(other, *flags, "--save-dir", tmp_path)
    assert "--meta-subset valid1 is one of --combine-valid-subsets: the teacher" in done.stdout


def test_trusted_pairs_are_those_of_one_split_where_valid_ones_are_combined(tmp_path):
    other = write(tmp_path / "data", train=TRAIN, valid1=VALID, valid=TRUSTED)
    flags = [*OURS, "--weighting", "l2rw", "--meta-subset", "valid", "--combine-valid-subsets"]
    flags += ["--upsample-primary", 1, "--max-update", 1, "--save-dir", tmp_path]
    done = train(other, *flags)
    assert f"trusted pairs: {len(TRUSTED)} of {len(TRUSTED)} of 'valid'" in done.stdout
    (counted,) = re.findall(r"valid on 'valid' subset .* bsz ([\d.]+)", done.stdout)
    assert float(counted) > 0


def test_max_epoch_is_told_in_updates_that_really_happen(data, tmp_path):
    flags = [*OURS, "--weighting", "initial", "--update-freq", 2, "--max-epoch", 3]
    done = train(data, *flags, "--save-dir", tmp_path, "--weights-dir", tmp_path / "weights")
    (found,) = re.findall(
        r"^epoch 1 holds (\d+) of 120 pairs, sampled .*: (\d+) updates, where plain training takes "
        r"(\d+); --max-epoch 3 will be about (\d+) updates, where it takes (\d+)\.",
        done.stdout,
        re.M,
    )
    held, updates, plain, drawn_in_all, plain_in_all = map(int, found)
    rows = record(tmp_path)
    epochs = {row["update"]: row["epoch"] for row in rows}
    assert sum(row["epoch"] == 1 for row in rows) == held < 100
    assert list(epochs.values()).count(1) == updates < plain
    assert drawn_in_all == 3 * updates and abs(len(epochs) - drawn_in_all) <= 2
    for number, counted in enumerate(np.bincount([row["epoch"] for row in rows])[1:], 1):
        assert f"\nepoch {number} holds {counted} of 120 pairs\n" in done.stdout
    uniform = train(data, *flags, "--weighting", "uniform", "--no-save").stdout
    assert max(map(int, re.findall(r"num_updates=(\d+)", uniform))) == plain_in_all
    assert "holds" not in uniform and "plain training" not in uniform


def test_nothing_is_said_of_epochs_where_updates_are_counted(begun):
    assert "plain training" not in begun[0]
    assert re.search(r"^epoch 1 holds \d+ of 120 pairs$", begun[0], re.M)


def test_nothing_is_known_of_pairs_that_are_too_long(tmp_path):
    other = with_splits(tmp_path / "data", train=[*TRAIN, long_pair(2000), long_pair(1500)])
    flags = [*OURS, "--weighting", "initial", "--max-update", 20]
    train(other, *flags, "--save-dir", tmp_path, "--weights-dir", tmp_path / "weights")
    weights = LineWeights.of(RunFolder.of(tmp_path), 122).weight
    assert np.isnan(weights[120:]).all()
    assert np.nanmean(weights[40:120]) > 0.5 > np.nanmean(weights[:40])


@pytest.mark.parametrize("unit", ["sentence", "token"])
@pytest.mark.parametrize("kind", ["deep", "trim", "l2rw"])
def test_an_update_whose_targets_are_all_within_the_prefix_trains_nothing(tmp_path, kind, unit):
    empty = with_splits(tmp_path / "data", train=[*TRAIN[40:80], *[(["w1"], [])] * 40])
    flags = [*OURS, "--weighting", kind, "--weight-unit", unit, "--weighting-warmup", 2]
    flags += ["--ignore-prefix-size", 1, "--batch-size", 10, "--max-update", 30]
    flags += ["--min-sampling-probability", 1, "--weights-dir", tmp_path / "weights"]
    done = train(empty, *flags, "--save-dir", tmp_path)
    rows = record(tmp_path)
    assert {row["id"] for row in rows} == set(range(80))
    trained = {row["update"] for row in rows if row["id"] < 40}
    norms = re.findall(r"num_updates=(\d+),.*?\bgnorm=([\d.e-]+)", done.stdout)
    # Of pairs with targets, weights may be 0, too.
    told = {int(n) - 1 for n, norm in norms if float(norm) > 0}
    assert told <= trained and 5 < len(told) <= len(trained) < len(norms) == 30
    model = load(tmp_path / "checkpoint_last.pt")["model"]
    assert all(bool(torch.isfinite(value).all()) for value in model.values())


def test_an_old_format_of_fairseq_trains_to_the_same_bits(tmp_path, monkeypatch):
    flags = [*OURS, "--weighting", "deep", "--max-update", 9]
    new = with_splits(tmp_path / "new")
    train(new, *flags, "--save-dir", tmp_path / "one")
    builder = indexed_dataset.IndexedDatasetBuilder
    monkeypatch.setattr(indexed_dataset, "make_builder", lambda file, *_: builder(file))
    old = with_splits(tmp_path / "old")
    train(old, *flags, "--dataset-impl", "lazy", "--save-dir", tmp_path / "two")
    one, two = (load(tmp_path / name / "checkpoint_last.pt") for name in ("one", "two"))
    assert same(one["model"], two["model"])


def test_the_split_that_train_subset_names_is_the_one_that_gets_weights(tmp_path):
    other = with_splits(tmp_path / "data", valid=TRAIN[:30])
    flags = [*OURS, "--weighting", "initial", "--max-update", 9, "--train-subset", "valid"]
    done = train(other, *flags, "--save-dir", tmp_path, "--weights-dir", tmp_path / "weights")
    assert "of 30 pairs" in done.stdout
    assert {row["id"] for row in record(tmp_path)} <= set(range(30))


def test_with_fewer_pairs_than_workers_two_workers_train(tmp_path):
    single = with_splits(tmp_path / "data", train=TRAIN[50:51])
    train(single, *OURS, "--max-update", 6, "--save-dir", tmp_path, workers=2)
    assert sampler(tmp_path)["fingerprints"] == training(task(single)).sampler.fingerprints


def test_a_single_pair_trains(tmp_path):
    single = with_splits(tmp_path / "data", train=TRAIN[50:51])
    flags = [*OURS, "--max-update", 6, "--weights-dir", tmp_path / "weights"]
    train(single, *flags, "--save-dir", tmp_path)
    assert [row["id"] for row in record(tmp_path)] == [0] * 6
