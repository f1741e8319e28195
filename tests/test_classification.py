"""Promise: on images the same weightings train, from data that is corrupted exactly as it says."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples" / "classification"))

import contest
import digits
import table
from classifier import Student, extract, losses_of
from contest import ENTRANTS, Job
from fairseq_l2rw.features.columns import TrainingState
from fairseq_l2rw.features.loss_history import LossHistory
from fairseq_l2rw.weighting import find, names
from figures import interval
from figures import table as markdown
from learning import Recipe, Rule, Training

RECIPE = Recipe(width=16, states=8, rate=0.1, momentum=0.9, epochs=2, warmup=1)
SEEDS = st.integers(0, 10_000)
LABELS = st.lists(st.integers(0, 9), min_size=1, max_size=300).map(torch.tensor)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


# -- data ------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(LABELS, st.floats(0, 1), SEEDS)
def test_uniform_noise_changes_exactly_its_rate_to_other_classes(labels, rate, seed):
    corrupted = digits.uniform_noise(labels, rate, seed)
    assert int((corrupted != labels).sum()) == round(rate * len(labels))
    assert set(corrupted.tolist()) <= set(range(10))


@settings(max_examples=50, deadline=None)
@given(LABELS, st.floats(0, 1), SEEDS)
def test_flips_change_their_rate_of_the_other_classes_to_the_background(labels, rate, seed):
    corrupted = digits.flip_noise(labels, rate, seed)
    changed = corrupted != labels
    assert int(changed.sum()) == round(rate * int((labels != digits.BACKGROUND).sum()))
    assert bool((corrupted[changed] == digits.BACKGROUND).all())


def test_wrong_labels_are_uniform_over_the_other_classes():
    labels = torch.full((90_000,), 3)
    counts = torch.bincount(digits.uniform_noise(labels, 1.0, seed=1), minlength=10)
    assert counts[3] == 0
    assert stats.chisquare(counts[counts > 0].numpy()).pvalue > 1e-4
    assert int((counts > 0).sum()) == 9


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.sampled_from(digits.RATIOS))
def test_the_rare_class_is_as_rare_as_it_says_and_test_is_balanced(seed, ratio):
    split = digits.imbalanced(seed, ratio)
    many, few = torch.bincount(split.train.labels).tolist()
    assert few == round(many / ratio)
    for balanced in (split.test, split.trusted):
        zero, one = torch.bincount(balanced.labels).tolist()
        assert zero == one


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.sampled_from([digits.TRUSTED, digits.TRUSTED_BALANCE]))
def test_parts_share_no_image_and_trusted_has_every_digit_alike(seed, trusted):
    parts = digits.parts(seed, trusted)
    assert sorted(torch.cat(parts).tolist()) == list(range(1797))
    assert [len(p) for p in parts[1:]] == [trusted, digits.TEST]
    counts = torch.bincount(digits.digits().labels[parts[1]])
    assert counts.tolist() == [trusted // 10] * 10


@pytest.mark.parametrize("setting", digits.SETTINGS)
def test_a_seed_gives_one_split_and_another_seed_another(setting):
    make = digits.SETTINGS[setting]
    one, same, other = make(1), make(1), make(2)
    for part in ("train", "trusted", "test"):
        assert torch.equal(getattr(one, part).images, getattr(same, part).images)
        assert torch.equal(getattr(one, part).labels, getattr(same, part).labels)
        assert not torch.equal(getattr(one, part).images[:20], getattr(other, part).images[:20])


def test_only_trusted_images_are_left_and_updates_stay_as_many():
    split = digits.SETTINGS["noise 40%"](1)
    control = digits.only_trusted(split)
    assert len(control.train) == len(split.train)
    assert torch.equal(control.train.images.unique(dim=0), split.trusted.images.unique(dim=0))
    assert torch.equal(control.test.labels, split.test.labels)


# -- training --------------------------------------------------------------------------------------


@pytest.mark.parametrize("entrant", ENTRANTS)
@pytest.mark.parametrize("setting", ["noise 40%", "20:1"])
def test_every_weighting_trains_and_its_weights_are_used(entrant, setting):
    options = ENTRANTS[entrant].options
    rule = Rule(weighting=ENTRANTS[entrant].weighting, seed=1, **options)
    training = Training(digits.SETTINGS[setting](1), rule, replace(RECIPE, warmup=0))
    before = [p.clone() for p in training.student.parameters()]
    whole = torch.arange(len(training.split.train))  # the rare class comes last
    weights = torch.cat([training.update(whole[k::10]) for k in range(4)])
    assert bool(torch.isfinite(weights).all()) and bool((weights >= 0).all())
    assert bool((weights != 1).any()) != training.weighting.plain
    for old, new in zip(before, training.student.parameters(), strict=True):
        assert bool(torch.isfinite(new).all()) and not torch.equal(old, new)


def test_every_weighting_of_the_package_takes_part():
    own = {name for name in names() if find(name).__module__.startswith("fairseq_l2rw.")}
    own -= {"initial", "error_norm"}  # of words
    assert own == {entrant.weighting for entrant in ENTRANTS.values()}


@pytest.mark.parametrize("entrant", ["l2rw", "lilaw", "deep"])
def test_during_warmup_weights_are_one_and_the_teacher_learns(entrant):
    rule = Rule(weighting=entrant, seed=1, **ENTRANTS[entrant].options)
    split = digits.SETTINGS["noise 40%"](1)
    training = Training(split, rule, RECIPE)
    updates = len(split.train) // RECIPE.batch + 1
    weights = [training.update(torch.arange(50)) for _ in range(updates + 1)]
    assert bool((torch.stack(weights[:-1]) == 1).all())
    assert bool((weights[-1] != 1).any())


@pytest.mark.parametrize("entrant", ENTRANTS)
def test_what_wants_to_learn_learns_and_nothing_else_changes(entrant):
    rule = Rule(weighting=ENTRANTS[entrant].weighting, seed=1, **ENTRANTS[entrant].options)
    training = Training(digits.SETTINGS["noise 40%"](1), rule, RECIPE)
    weighting = training.weighting
    training.update(torch.arange(50))  # a head takes shape in the first
    before = {n: v.clone() for n, v in weighting.state_dict().items() if torch.is_tensor(v)}
    training.update(torch.arange(50, 100))
    after = weighting.state_dict()
    changed = any(not torch.equal(value, after[name]) for name, value in before.items())
    assert changed == (weighting.learns or weighting.learns_from_trusted)


def test_uniform_is_a_plain_training_loop_bit_for_bit():
    split = digits.SETTINGS["noise 40%"](1)
    training = Training(split, Rule(weighting="uniform", seed=7), RECIPE)
    training.run()
    torch.manual_seed(7)
    student = Student(10, RECIPE.width, RECIPE.states)
    optimizer = torch.optim.SGD(student.parameters(), lr=RECIPE.rate, momentum=RECIPE.momentum)
    order = torch.Generator().manual_seed(7)
    for _ in range(RECIPE.epochs):
        for ids in torch.randperm(len(split.train), generator=order).tensor_split(12):
            optimizer.zero_grad()
            logits, _ = student(split.train.images[ids])
            F.cross_entropy(logits, split.train.labels[ids]).backward()
            optimizer.step()
    for ours, plain in zip(training.student.parameters(), student.parameters(), strict=True):
        assert torch.equal(ours, plain)


def test_batches_of_an_epoch_are_of_one_size_and_hold_every_image_once():
    split = digits.SETTINGS["10:1"](5)  # 701 images: seven batches of 100 would leave one over
    training = Training(split, Rule(weighting="uniform", seed=1), replace(RECIPE, epochs=1))
    batches = []
    training.update = batches.append
    training.run()
    assert sorted(torch.cat(batches).tolist()) == list(range(701))
    assert {len(batch) for batch in batches} == {87, 88}


def test_the_meta_gradient_is_the_derivative_of_the_trusted_loss_by_a_weight():
    """Against finite differences of two whole updates, momentum included, in float64."""
    caught = []

    def trusted_loss(nudge):
        rule = Rule(weighting="surface", seed=1)
        training = Training(_double(digits.SETTINGS["noise 40%"](1)), rule, RECIPE)
        training.student.double()
        training.weighting.learn = lambda signals, total: (
            caught.append(-signals[0].usefulness) or {}
        )
        training.update(torch.arange(20))
        weights = torch.ones(20, dtype=torch.float64)
        weights[3] += nudge
        training.weighting.forward = lambda features: weights
        training.recipe = replace(RECIPE, warmup=0)
        training.update(torch.arange(20, 40))
        return training.dev_loss

    step = 1e-4
    difference = (trusted_loss(step) - trusted_loss(-step)) / (2 * step)
    caught.clear()
    trusted_loss(0.0)
    assert float(caught[-1][3]) == pytest.approx(difference, rel=1e-5)


def _double(split):
    parts = {
        name: digits.Data(getattr(split, name).images.double(), getattr(split, name).labels)
        for name in ("train", "trusted", "test")
    }
    return replace(split, **parts)


def test_what_is_seen_of_an_image():
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 3.0]])
    states = torch.tensor([[5.0], [6.0]])
    labels = torch.tensor([0, 1])
    seen = extract(
        logits, states, labels, torch.tensor([8, 9]), TrainingState(3, 0.5, 0.7), LossHistory()
    )
    torch.testing.assert_close(seen["loss"], F.cross_entropy(logits, labels, reduction="none"))
    torch.testing.assert_close(seen["best_probability"], logits.softmax(1).max(1).values)
    torch.testing.assert_close(seen["margin"], torch.tensor([0.0, -2.0]))
    assert seen["progress"].tolist() == [0.5, 0.5]
    assert seen.states is not None
    assert seen.states.tolist() == [[5, 1, 0, 0], [6, 0, 1, 0]]


def test_losses_are_those_of_the_student():
    student = Student(3, 4, 2)
    images, labels = torch.rand(5, 64), torch.tensor([0, 1, 2, 0, 1])
    found = losses_of(student, images, labels)(dict(student.named_parameters()))
    torch.testing.assert_close(found.mean(), F.cross_entropy(student(images)[0], labels))


def test_a_run_is_determined_by_its_seed():
    job = Job("noise 40%", "deep", 1, replace(RECIPE, warmup=0))
    first, second = contest.run(job), contest.run(job)
    assert first["accuracy"] == second["accuracy"]
    assert first["accuracy"] != contest.run(replace(job, seed=2))["accuracy"]


# -- the table -------------------------------------------------------------------------------------


def test_the_interval_is_scipys():
    values = [90.1, 88.4, 91.7, 89.0, 90.9]
    mean, half = interval(values)
    low, high = stats.t.interval(0.95, 4, loc=mean, scale=stats.sem(values))
    assert (mean - half, mean + half) == pytest.approx((low, high))
    assert mean == pytest.approx(90.02)


def test_a_cell_is_a_mean_and_half_an_interval():
    found = {("deep", "20:1"): [80.0, 90.0], ("deep", "50:1"): [70.0]}
    text = markdown(found, ["deep", "trim"], ["20:1", "50:1"])
    assert text.splitlines()[2:] == ["| deep | 85.0 ± 63.5 | 70.0 |", "| trim | – | – |"]


def test_a_finished_run_is_not_run_again(tmp_path, monkeypatch):
    jobs = [Job("20:1", name, 1, RECIPE) for name in ("uniform", "random")]
    path = tmp_path / "runs.jsonl"
    contest.append(path, {"configuration": jobs[0].configuration(), "accuracy": 0.5})
    with path.open("a") as file:
        file.write('{"configuration": {"setting"')  # a run that was cut off
    assert contest.missing(jobs, contest.done(path)) == jobs[1:]
    contest.append(path, {"configuration": jobs[1].configuration(), "accuracy": 0.25})
    assert contest.results(jobs, contest.done(path)) == {jobs[0]: 0.5, jobs[1]: 0.25}
    other = replace(jobs[0], recipe=replace(RECIPE, rate=0.2))
    assert contest.missing([other], contest.done(path)) == [other]
    monkeypatch.setattr(table.multiprocessing, "get_context", lambda _: pytest.fail("ran again"))
    table.train(jobs, path, workers=1)
    monkeypatch.setattr(contest, "_code", lambda: "edited")
    assert contest.missing(jobs, contest.done(path)) == jobs


def test_the_command_trains_reports_and_goes_on(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(table, "run", lambda job: {**_line(job), "accuracy": 0.9})
    monkeypatch.setattr(table.multiprocessing, "get_context", lambda _: _Context)
    arguments = ["--out", str(tmp_path), "--settings", "20:1", "--weightings", "trim", "deep"]
    table.main([*arguments, "--seeds", "1"])
    assert "| deep | 90.0 |" in capsys.readouterr().out
    monkeypatch.setattr(table, "run", lambda job: {**_line(job), "accuracy": 0.7})
    table.main([*arguments, "--seeds", "1", "2"])
    assert "| trim | 80.0 ± 127.1 |" in capsys.readouterr().out
    assert len((tmp_path / "runs.jsonl").read_text().splitlines()) == 4
    assert "table.py --out" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "imbalance.png").stat().st_size > 1000


def _line(job):
    return json.loads(json.dumps({"configuration": job.configuration()}))


class _Context:
    """A pool without processes."""

    @staticmethod
    def Pool(workers, initializer):
        return _Context()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def imap_unordered(self, call, jobs):
        return map(call, jobs)
