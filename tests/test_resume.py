"""Promise: a run that stops, however it does, goes on as if it had not; or says what is new."""

import os
import random
import re
import shutil
import signal
import sys
from collections import Counter

import pyarrow.parquet as pq
import pytest
import torch
from commands import OURS, PLAIN, load, refusal, same, start, train, translate
from fairseq.models.transformer import TransformerModel

from fairseq_l2rw.compatibility.out_of_memory import leave_out
from fairseq_l2rw.criterions.l2rw_label_smoothed_cross_entropy import L2RWLabelSmoothedCrossEntropy
from fairseq_l2rw.training.meta_step import MetaStep
from fairseq_l2rw.utils.errors import InputError

STATE = "L2RWTranslationTask"
DEEP = [*OURS, "--weighting", "deep", "--min-sampling-probability", 0.2]
SLOW = pytest.mark.slow
RESET = ["--reset-optimizer", "--reset-lr-scheduler", "--reset-meters", "--reset-dataloader"]


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """The folder of a run of 12 updates with the deep teacher, and its record."""
    out = tmp_path_factory.mktemp("finished")
    train(data, *DEEP, "--max-update", 12, *folders(out))
    return out


def folders(out):
    return ["--save-dir", out, "--weights-dir", out / "weights"]


def rows(out):
    return pq.read_table(out / "weights").sort_by([("update", "ascending"), ("id", "ascending")])


def assert_same_run(one, two):
    """Same bits of student, optimizer, teacher, position in the data and record."""
    one_last, two_last = (load(out / "checkpoint_last.pt") for out in (one, two))
    for part in ("model", "last_optimizer_state"):
        assert same(one_last[part], two_last[part]), part
    for part in (STATE, "train_iterator"):
        assert same(*(last["extra_state"][part] for last in (one_last, two_last))), part
    assert rows(one).equals(rows(two))


@pytest.mark.parametrize(
    ("window", "update_freq"),
    [(3, 1), *(pytest.param(*kind, marks=SLOW) for kind in ((1, 1), (1, 2), (3, 2)))],
)
def test_two_workers_killed_three_times_end_with_the_same_bits(data, tmp_path, window, update_freq):
    flags = [*DEEP, "--meta-window", window, "--update-freq", update_freq, "--max-update", 20]
    flags += ["--save-interval-updates", 2, "--keep-interval-updates", 2]
    whole, again = tmp_path / "whole", tmp_path / "again"
    train(data, *flags, *folders(whole), workers=2)
    rng, killed = random.Random(window + 10 * update_freq), 0
    for first in (4, 9, 14):
        going = start(data, *flags, *folders(again), workers=2)
        killed += going.wait_for_update(first + rng.randrange(4))
        going.kill()
    assert killed == 3
    train(data, *flags, *folders(again), workers=2)
    assert_same_run(whole, again)


def test_killed_while_fairseq_copies_a_checkpoint_it_goes_on_from_a_whole_one(
    data, tmp_path, monkeypatch
):
    flags = [*DEEP, "--max-update", 12, "--save-interval-updates", 3]
    whole, again = tmp_path / "whole", tmp_path / "again"
    train(data, *flags, *folders(whole))
    copy = shutil.copyfile

    def dies_halfway(source, target, **more):
        copy(source, target, **more)
        if os.path.basename(source).endswith("_6.pt"):
            os.truncate(target, os.path.getsize(source) // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        return target

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "copyfile", dies_halfway)
        assert train(data, *flags, *folders(again), check=False).returncode != 0
    assert load(again / "checkpoint_last.pt")  # of an earlier update, and whole
    resumed = train(data, *flags, *folders(again))
    loaded = re.search(
        r"Loaded checkpoint .*checkpoint_last.pt \(epoch \d+ @ (\d+) upd", resumed.stdout
    )
    assert loaded and 0 < int(loaded[1]) < 6
    assert_same_run(whole, again)


@pytest.mark.parametrize("workers", [(1, 2), (2, 1)])
def test_another_number_of_workers_goes_on_and_drops_an_open_window(data, tmp_path, workers):
    flags = [*OURS, "--weighting", "mwnet", "--meta-window", 3, *folders(tmp_path)]
    before, after = workers
    train(data, *flags, "--max-update", 7, workers=before)
    assert load(tmp_path / "checkpoint_last.pt")["extra_state"][STATE]["window"]["updates"]
    done = train(data, *flags, "--max-update", 10, workers=after)
    assert "another number of workers" in done.stdout
    assert set(rows(tmp_path)["update"].to_pylist()) == set(range(10))


@pytest.fixture(scope="module")
def deeper(data, tmp_path_factory):
    """A checkpoint of a student with two layers."""
    out = tmp_path_factory.mktemp("deeper")
    train(data, *DEEP, *TWO_LAYERS, "--max-update", 2, "--save-dir", out)
    return out / "checkpoint_last.pt"


TWO_LAYERS = ["--encoder-layers", 2, "--decoder-layers", 2]


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--weighting", "uniform"], "was trained with --weighting deep, not uniform"),
        (
            ["--weighting-options", "reads=surface+decoder"],
            "--weighting-options reads surface+enc",
        ),
        (["--weighting-options", "depth=2"], "trained with --weighting-options depth 1, not 2"),
        (["--weighting-options", "head=mlp"], "head least-squares, not mlp"),
        (["--weight-unit", "token"], "was trained with --weight-unit sentence, not token"),
        (["--meta-params", "."], "looked back through other parameters"),
    ],
)
def test_other_options_of_the_teacher_on_resume_are_refused_in_one_line(
    data, deeper, tmp_path, flags, says
):
    flags = [*DEEP, *TWO_LAYERS, *flags, "--restore-file", deeper, "--max-update", 4]
    line = refusal(train(data, *flags, *folders(tmp_path), check=False))
    assert says in line and "--reset-dataloader" in line


def test_a_state_of_another_version_is_refused_in_one_line(data, finished, tmp_path):
    checkpoint = load(finished / "checkpoint_last.pt")
    checkpoint["extra_state"][STATE]["version"] = 1
    torch.save(checkpoint, tmp_path / "checkpoint_last.pt")
    done = train(data, *DEEP, "--max-update", 14, "--save-dir", tmp_path, check=False)
    assert "state has version 1, this package reads" in refusal(done)


def test_whether_weights_and_teacher_go_on_or_start_afresh_is_in_the_log(data, finished, tmp_path):
    more = [*DEEP, "--max-update", 14, "--restore-file", finished / "checkpoint_last.pt"]
    on = train(data, *more, "--save-dir", tmp_path / "on").stdout
    assert "weights and teacher of the checkpoint go on" in on
    afresh = train(data, *more, "--reset-dataloader", "--save-dir", tmp_path / "afresh").stdout
    assert "weights and teacher start afresh at update 12" in afresh


def test_other_trusted_pairs_have_a_teacher_of_their_own(data, finished, tmp_path):
    other = shutil.copytree(data, tmp_path / "other")
    for side in ("de", "en"):
        for kind in ("bin", "idx"):
            name = "{}.de-en." + f"{side}.{kind}"
            shutil.copyfile(other / name.format("valid"), other / name.format("meta"))
    more = ["--restore-file", finished / "checkpoint_last.pt", "--max-update", 14]
    said = train(other, *DEEP, *more, "--save-dir", tmp_path / "on").stdout
    assert "has other trusted pairs than the checkpoint" in said
    assert "weights and teacher start afresh at update 12" in said


@pytest.fixture(scope="module")
def plain(data, tmp_path_factory):
    """A checkpoint of fairseq's own task."""
    out = tmp_path_factory.mktemp("plain")
    train(data, *PLAIN, "--max-update", 6, "--save-dir", out)
    return out / "checkpoint_last.pt"


@pytest.mark.parametrize(
    ("how", "workers"),
    [
        ("restore", 2),
        ("finetune", 1),
        pytest.param("restore", 1, marks=SLOW),
        pytest.param("finetune", 2, marks=SLOW),
    ],
)
def test_fine_tuning_a_plain_model_begins_with_it_and_a_new_teacher(
    data, plain, tmp_path, how, workers
):
    given = ["--finetune-from-model", plain]
    if how == "restore":
        given = ["--restore-file", plain, *RESET]
    flags = [*DEEP, *given, "--max-update", 6, *folders(tmp_path)]
    done = train(data, *flags, "--lr", 0, "--clip-norm", 0, workers=workers)
    assert "weights and teacher start afresh" in done.stdout
    assert same(load(plain)["model"], load(tmp_path / "checkpoint_last.pt")["model"])
    train(data, *DEEP, "--max-update", 9, *folders(tmp_path), workers=workers)  # and it resumes
    assert set(rows(tmp_path)["update"].to_pylist()) == set(range(9))


def test_a_new_warm_up_begins_with_a_new_teacher(data, finished, tmp_path):
    flags = [*OURS, "--weighting", "mwnet", "--max-update", 20, *folders(tmp_path)]
    more = ["--restore-file", finished / "checkpoint_last.pt", "--reset-dataloader"]
    train(data, *flags, *more)
    given = rows(tmp_path)
    warmup_weights = {
        w
        for u, w in zip(given["update"].to_pylist(), given["weight"].to_pylist(), strict=True)
        if u < 12 + 4
    }
    assert min(given["update"].to_pylist()) == 12 and warmup_weights == {1.0}
    assert len(set(given["weight"].to_pylist())) > 1


@pytest.mark.parametrize(
    ("flags", "epochs"),
    [
        pytest.param([], [1, 2, 3, 4], marks=SLOW),
        (["--reset-optimizer", "--reset-lr-scheduler", "--reset-meters"], [1, 2, 3, 4]),
        (["--reset-dataloader"], [1, 1, 2, 2, 3, 4]),
    ],
)
def test_the_record_has_every_row_once_whatever_is_reset(data, tmp_path, flags, epochs):
    common = [
        *DEEP,
        "--min-sampling-probability",
        1,
        *folders(tmp_path),
    ]  # so epochs are of one length
    train(data, *common, "--max-epoch", 2)
    before = rows(tmp_path)
    train(data, *common, "--max-epoch", 4, *flags)
    after = rows(tmp_path)
    kept = [u in set(before["update"].to_pylist()) for u in after["update"].to_pylist()]
    assert after.filter(kept).equals(before)
    places = Counter(zip(after["update"].to_pylist(), after["id"].to_pylist(), strict=True))
    assert set(places.values()) == {1}
    updates = sorted({update for update, _ in places})
    assert updates == list(range(len(updates)))
    assert sorted(Counter(after["epoch"].to_pylist()).elements()) == sorted(
        epoch for epoch in epochs for _ in range(150)
    )


def test_without_any_checkpoint_the_record_is_written_all_the_same(data, tmp_path):
    train(data, *DEEP, "--no-save", "--max-update", 5, *folders(tmp_path))
    assert set(rows(tmp_path)["update"].to_pylist()) == set(range(5))


def test_a_checkpoint_that_was_picked_by_bleu_resumes_and_translates(data, tmp_path):
    """fairseq's own recipe for translation: its checkpoints hold NumPy's numbers."""
    bleu = ["--eval-bleu", "--eval-bleu-args", '{"beam": 1, "max_len_b": 10}']
    bleu += ["--best-checkpoint-metric", "bleu", "--maximize-best-checkpoint-metric"]
    for updates in (3, 5):
        train(data, *DEEP, *bleu, "--max-update", updates, "--save-dir", tmp_path)
    done = translate(data, tmp_path / "checkpoint_best.pt")
    assert done.stdout.count("\nH-") == 20


def test_half_precision_with_float32_copies_resumes_and_translates(data, tmp_path):
    """Not to the bit: fairseq keeps no copies in a checkpoint, and makes them of the half ones."""
    flags = [*DEEP, "--fp16", "--fp16-no-flatten-grads", "--fp16-init-scale", 4]
    for updates in (6, 9):
        done = train(data, *flags, "--max-update", updates, *folders(tmp_path))
        assert "not finite" not in done.stdout
    assert "weights and teacher of the checkpoint go on" in done.stdout
    assert set(rows(tmp_path)["update"].to_pylist()) == set(range(9))
    assert translate(data, tmp_path / "checkpoint_last.pt").stdout.count("\nH-") == 20


def test_python_translates_with_a_checkpoint_once_the_package_is_imported(data, finished):
    model = TransformerModel.from_pretrained(
        str(finished), checkpoint_file="checkpoint_last.pt", data_name_or_path=str(data)
    )
    assert isinstance(model.translate("w1 w2 w3", beam=1, max_len_b=5), str)


def test_where_the_other_workers_would_wait_for_ever_running_out_of_memory_is_one_line():
    with pytest.raises(InputError, match=r"out of memory.*--ddp-backend pytorch_ddp the others"):
        leave_out(RuntimeError("out of memory\nstacks"), {}, None, None, "pytorch_ddp")


def test_larger_trusted_batches_on_resume_begin_the_next_pass_over_the_trusted_pairs(
    data, tmp_path
):
    flags = [*DEEP, "--meta-interval", 1, "--save-dir", tmp_path]
    done = train(data, *flags, "--meta-max-tokens", 12, "--max-update", 9)
    assert int(re.search(r"in (\d+) batches", done.stdout)[1]) > 12
    done = train(data, *flags, "--meta-max-tokens", 190, "--max-update", 12)
    assert int(re.search(r"in (\d+) batches", done.stdout)[1]) < 9
    assert "weights and teacher of the checkpoint go on" in done.stdout


def test_other_trusted_pairs_do_not_cost_the_record_updates_that_were_made(data, tmp_path):
    flags = [*OURS, "--weighting", "mwnet", *folders(tmp_path)]
    train(data, *flags, "--max-update", 6)
    again = RESET[:-1]
    train(data, *flags, *again, "--max-update", 4)  # fairseq counts from 0: updates 6 to 9
    other = shutil.copytree(data, tmp_path / "other")
    for side in ("de", "en"):
        for kind in ("bin", "idx"):
            name = "{}.de-en." + f"{side}.{kind}"
            shutil.copyfile(other / name.format("valid"), other / name.format("meta"))
    done = train(other, *flags, "--max-update", 6)
    assert "has other trusted pairs than the checkpoint" in done.stdout
    assert set(rows(tmp_path)["update"].to_pylist()) == set(range(12))


@pytest.mark.parametrize("workers", [(1, 2), (2, 1)])
def test_an_epoch_that_is_sampled_goes_on_with_another_number_of_workers(data, tmp_path, workers):
    before, after = workers
    flags = [*DEEP, "--weighting-warmup", 99, "--max-tokens", 100, *folders(tmp_path)]
    whole = train(data, *flags, "--max-epoch", 1, "--no-save").stdout
    of_one = int(re.findall(r"num_updates=(\d+)", whole)[-1])
    shutil.rmtree(tmp_path / "weights")
    done = of_one * 3 // 4 // before
    train(data, *flags, "--max-update", done, workers=before)
    train(data, *flags, "--max-epoch", 1, workers=after)
    times = Counter(rows(tmp_path)["id"].to_pylist())
    # What was taken twice is less than a batch a worker.
    assert sum(times.values()) - len(times) <= 40
    assert max(rows(tmp_path)["epoch"].to_pylist()) == 1


@pytest.mark.parametrize("workers", [1, 2])
def test_a_meta_step_out_of_memory_is_left_out_or_one_line(data, tmp_path, monkeypatch, workers):
    taken = MetaStep._losses

    def losses(self, batch, number, *others):
        if number == 4:
            raise RuntimeError("CUDA out of memory. Tried to")
        return taken(self, batch, number, *others)

    monkeypatch.setattr(MetaStep, "_losses", losses)
    flags = [*DEEP, "--meta-interval", 2, "--weighting-options", "spacing=even"]
    more = ["--max-update", 8, *folders(tmp_path)]
    done = train(data, *flags, *more, workers=workers, check=workers == 1)
    says = "update 4: the meta step ran out of memory (CUDA out of memory. Tried to)"
    if workers == 1:
        assert f"{says}, nothing learnt; lower --meta-max-tokens" in done.stdout
        assert set(rows(tmp_path)["update"].to_pylist()) == set(range(8))
    else:
        assert done.returncode == 1
        assert f"{says}, and the other workers wait for it: lower --meta-max" in done.stderr


class OutOfMemory:
    """Lets a criterion run out of memory at one of its training passes, on one of the workers."""

    def __init__(self, at, worker):
        self.at, self.worker, self.passes = at, worker, 0
        self.forward = L2RWLabelSmoothedCrossEntropy.forward

    def __call__(self, criterion, model, sample, reduce=True):
        result = self.forward(criterion, model, sample, reduce)
        distributed = torch.distributed.is_initialized()
        here = torch.distributed.get_rank() if distributed else 0
        if model.training and here == self.worker:
            self.passes += 1
            if self.passes == self.at:
                print("ran out, a test says so:", sample["id"].tolist(), file=sys.stderr)
                raise RuntimeError("CUDA out of memory")
        return result


@pytest.mark.parametrize("at", [9, 10], ids=["only", "last"])
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("window", [3, pytest.param(1, marks=SLOW)])
def test_a_sub_batch_out_of_memory_is_left_out_and_training_goes_on(
    data, tmp_path, monkeypatch, at, workers, window
):
    oom = OutOfMemory(at, workers - 1)
    monkeypatch.setattr(
        L2RWLabelSmoothedCrossEntropy,
        "forward",
        lambda self, model, sample, reduce=True: oom(self, model, sample, reduce),
    )
    flags = [*DEEP, "--update-freq", 2, "--meta-window", window, "--max-update", 12]
    done = train(data, *flags, *folders(tmp_path), workers=workers)
    lost = re.search(r"a test says so: \[(.*)\]", done.stdout + done.stderr)[1]
    table = rows(tmp_path)
    places = list(zip(table["update"].to_pylist(), table["id"].to_pylist(), strict=True))
    assert {u for u, _ in places} == set(range(12)) and len(places) == len(set(places))
    # Of two workers, one has batches for every other update only: it passes others in their place.
    update = {(1, 9): 4, (1, 10): 4, (2, 9): None, (2, 10): 6}[workers, at]
    assert {int(x) for x in lost.split(",")}.isdisjoint(n for u, n in places if u == update)
    model = load(tmp_path / "checkpoint_last.pt")["model"]
    assert all(bool(torch.isfinite(value).all()) for value in model.values())
