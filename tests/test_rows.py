"""Promise: what is not finite teaches nothing, and neither does a worker that has nothing."""

from dataclasses import replace

import pytest
import torch
from rows import FIRST_TWO, changed, local, take, teacher, two_parts

from fairseq_l2rw.features.features import ScoredTokens
from fairseq_l2rw.features.token_losses import TokenLossTable
from fairseq_l2rw.weighting import Signal
from fairseq_l2rw.weighting.rows import Rows

NAN, INF = float("nan"), float("inf")
TEACHERS = {"deep": {}, "deep mlp": {"head": "mlp"}, "surface": {}}
RULES = [*TEACHERS, "mwnet", "lilaw", "lilaw dev"]
OTHERS = ("loss", "reference_probability", "best_probability")
# What can be wrong with a row: a number in what is read of it, or in its signal.
WRONG = {
    "states": lambda features, bad: changed(features, corrupted(bad, NAN), "states"),
    "surface": lambda features, bad: changed(features, corrupted(bad, -INF), *FIRST_TWO),
    "loss": lambda features, bad: changed(features, corrupted(bad, INF), "loss", *FIRST_TWO),
}


def built(name):
    if name in TEACHERS:
        return teacher(name.split()[0], **TEACHERS[name])
    text = "meta_gradient=true" if name == "lilaw" else ""
    return teacher(name.split()[0], text=text)


def corrupted(bad, value):
    """A function that gives some numbers another value."""

    def change(numbers):
        numbers = numbers.clone()
        numbers[bad] = value
        return numbers

    return change


def some(seed, n=12):
    """Features of some pairs, and their usefulness."""
    torch.manual_seed(seed)
    more = dict(zip(OTHERS, torch.rand(3, n) * 5, strict=True))
    found = two_parts(torch.randn(n, 6), torch.arange(1.0, n + 1), **more)
    return replace(found, initial_weight=torch.rand(n)), torch.randn(n)


def look(rule, seen, usefulness, trusted, total=local):
    """What a meta step does, on one worker."""
    log = rule.learn_from_trusted(trusted) if rule.learns_from_trusted else {}
    if rule.learns:
        signals = [] if seen is None else [Signal(seen, usefulness)]
        log |= rule.learn(signals, total)
    return log


def state(rule):
    """All numbers that a rule has learnt, by name."""
    found = {n: v for n, v in rule.state_dict().items() if torch.is_tensor(v)}
    for name, module in rule.named_modules():
        if hasattr(module, "optimizer"):
            kept = module.optimizer.state_dict()["state"]
            found |= {f"{name} {k} {n}": v for k, s in kept.items() for n, v in s.items()}
    return found


def assert_same(one, other):
    assert state(one).keys() == state(other).keys()
    for name, value in state(one).items():
        torch.testing.assert_close(value, state(other)[name], msg=lambda m, n=name: f"{n}: {m}")
        assert value.isfinite().all(), name


@pytest.mark.parametrize(
    ("name", "wrong"),
    [(n, w) for n in RULES for w in WRONG if (n, w) != ("surface", "states")],  # it reads none
)
def test_a_row_that_is_not_finite_teaches_as_much_as_none(name, wrong):
    bad, good = torch.tensor([2, 7]), [i for i in range(12) if i not in (2, 7)]
    with_bad, without = built(name), built(name)
    for step in range(4):
        (seen, usefulness), (trusted, _) = some(step), some(step + 10)
        log = look(with_bad, WRONG[wrong](seen, bad), usefulness, WRONG[wrong](trusted, bad))
        look(without, take(seen, good), usefulness[good], take(trusted, good))
    assert_same(with_bad, without)
    if wrong != "states" or name.startswith("deep"):
        told = {n: v for n, v in log.items() if "skipped" in n}
        assert told and set(told.values()) == {2.0}


@pytest.mark.parametrize("value", [NAN, INF])
@pytest.mark.parametrize("name", [n for n in RULES if n != "lilaw dev"])
def test_a_signal_that_is_not_finite_teaches_nothing(name, value):
    with_bad, without = built(name), built(name)
    for step in range(3):
        (seen, usefulness), (trusted, _) = some(step), some(step + 10)
        look(with_bad, seen, corrupted(0, value)(usefulness), trusted)
        look(without, take(seen, slice(1, None)), usefulness[1:], trusted)
    assert_same(with_bad, without)


@pytest.mark.parametrize("name", RULES)
def test_its_weight_is_not_finite_and_no_other_weight_changes(name):
    rule = built(name)
    for step in range(6):  # trusted pairs are unlike others, so that these are turned away
        (seen, usefulness), (trusted, _) = some(step, 60), some(step + 10, 60)
        look(rule, seen, usefulness, changed(trusted, lambda x: x / 9, "states", *FIRST_TWO))
    before, bad = rule(seen), torch.arange(60) == 5
    names = ("loss", "states", "reference_probability", *FIRST_TWO)
    after = rule(changed(seen, corrupted(5, NAN), *names))
    torch.testing.assert_close(after[~bad], before[~bad])
    assert after[bad].isnan().all()


@pytest.mark.parametrize("name", ["deep", "deep mlp", "surface"])
def test_where_nothing_is_finite_nothing_is_learnt(name, caplog):
    rule = built(name)
    for step in range(3):
        (seen, usefulness), (trusted, _) = some(step), some(step + 10)
        look(rule, seen, usefulness, trusted)
    before = {n: v.clone() for n, v in state(rule).items()}
    everything = changed(seen, lambda x: x * NAN, *FIRST_TWO)
    log = look(rule, everything, usefulness, trusted)
    assert log["teacher_skipped_rows"] == 12 and "nothing learnt" in caplog.text
    if name != "deep mlp":
        look(rule, seen, usefulness, changed(trusted, lambda x: x * NAN, *FIRST_TWO))
        assert "no trusted pair has finite" in caplog.text
    assert all(torch.equal(v, before[n]) for n, v in state(rule).items())


def test_a_regression_without_a_solution_keeps_the_last_one(monkeypatch, caplog):
    rule = built("deep")
    for step in range(3):
        (seen, usefulness), (trusted, _) = some(step), some(step + 10)
        look(rule, seen, usefulness, trusted)
    slope = rule.head.slope.clone()

    def fails(matrix):
        raise torch.linalg.LinAlgError("not positive-definite")

    with monkeypatch.context() as patched:
        patched.setattr(torch.linalg, "cholesky", fails)
        look(rule, seen, usefulness, trusted)
    assert torch.equal(rule.head.slope, slope) and "keeps its last solution" in caplog.text
    assert rule(seen).isfinite().all()
    look(rule, seen, usefulness, trusted)
    assert not torch.equal(rule.head.slope, slope)


@pytest.mark.parametrize("from_the_start", [True, False])
@pytest.mark.parametrize("name", [n for n in RULES if n != "lilaw dev"])
def test_a_worker_without_signals_learns_what_the_others_do(name, from_the_start):
    """It sums with zeros, so the sums of the other worker are those of both."""
    full, empty = built(name), built(name)
    for step in range(4):
        (seen, usefulness), (trusted, _) = some(step), some(step + 10)
        sums = []

        def total(tensor, sums=sums):
            sums.append(tensor.clone())
            return tensor

        look(full, seen, usefulness, trusted, total)
        if not from_the_start and step < 2:
            look(empty, seen, usefulness, trusted)
            continue
        told = iter(sums)

        def others(tensor, told=told):
            expected = next(told)
            assert tensor.shape == expected.shape and not tensor.any()
            return expected.clone()

        look(empty, None, None, trusted, others)
        assert next(told, None) is None  # as many sums
    assert_same(full, empty)


@pytest.mark.parametrize("name", ["deep", "deep mlp", "mwnet"])
def test_where_no_worker_has_signals_nothing_is_learnt_and_nothing_breaks(name):
    rule, (trusted, _) = built(name), some(1)
    look(rule, None, None, trusted)
    look(rule, *some(2), trusted)
    look(rule, None, None, trusted)
    assert all(v.isfinite().all() for v in state(rule).values())


def test_rows_of_no_signal_are_as_wide_as_those_of_other_workers():
    def total(tensor):
        return tensor + torch.tensor([3.0, 8.0, 14.0, 2.0]).double()  # two workers with 3 features

    found = Rows.of([], lambda seen: seen.states, total, torch.device("cpu"))
    assert found.inputs.shape == (0, 3) and found.skipped == 3 and found.count


def test_a_loss_that_is_not_finite_does_not_become_usual():
    table = TokenLossTable(9)
    places = table.buckets(torch.tensor([2, 5, 6]), torch.tensor([5, 6, 7]))
    for nll in ([1.0, 2.0, 3.0], [1.0, NAN, INF]):
        table.add(ScoredTokens(places.T, torch.tensor(nll), torch.ones(3).bool()))
    assert table.sums.isfinite().all()
    assert table.usual(places).isfinite().all()


def test_a_pair_that_was_sampled_against_the_odds_counts_for_no_more_than_two():
    seen, usefulness = some(1, n=3)
    seen = replace(seen, importance_weight=torch.tensor([1.0, 2.0, 20.0]))
    found = Rows.of([Signal(seen, usefulness, 4.0)], lambda x: x.states, local, torch.device("cpu"))
    torch.testing.assert_close(found.masses, torch.tensor([4.0, 4.0, 0.4]).double())
