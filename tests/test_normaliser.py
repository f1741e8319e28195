"""Promise: an update is as large a step as the weights of its pairs say, and no larger."""

import math

import pytest
import torch
from commands import OURS, load, train
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rows import rows, sub_batch
from test_update_summary import summary

from fairseq_l2rw.metagradient import Batch, normaliser, update_sums, weight_gradient
from fairseq_l2rw.training.meta_step import _signals
from fairseq_l2rw.training.reweighting import Reweighting
from fairseq_l2rw.training.usual_weight import UsualWeight

WEIGHT = st.floats(0, 2) | st.floats(0, 1e-6)


def double(values):
    return torch.tensor(values, dtype=torch.double)


@settings(deadline=None)
@given(st.lists(st.tuples(WEIGHT, st.integers(1, 9)), min_size=1, max_size=6), st.floats(0, 30))
@example([(0.0, 1)], 2e-268)  # no float32 holds it
def test_it_is_the_weighted_size_but_never_below_the_bound(pairs, bound):
    weights, sizes = (double(list(column)) for column in zip(*pairs, strict=True))
    batches = [Batch(None, w.view(1), n.view(1), bound=bound / len(pairs))
               for w, n in zip(weights, sizes, strict=True)]  # fmt: skip
    weighted = float(weights @ sizes)
    found = float(normaliser(*update_sums(batches, lambda local: local)))
    assert found == pytest.approx(max(weighted, bound) or 1.0)


def test_in_warmup_the_bound_is_of_the_weights_that_one_differentiates_by(data, tmp_path):
    """Small weights of a weighting of which only ratios count are no smaller than usual."""
    flags = [*OURS, "--weighting", "mwnet", "--meta-window", 4, "--meta-interval", 4]
    flags += ["--weighting-warmup", 99, "--max-update", 2, "--save-dir", tmp_path]
    train(data, *flags)
    window = load(tmp_path / "checkpoint_last.pt")["extra_state"]["L2RWTranslationTask"]["window"]
    (batch,) = [b for step in window["updates"] for b in step["batches"][0]][:1]
    assert batch["bound"] == pytest.approx(0.25 * batch["sample"]["ntokens"])
    assert float(batch["rule_bound"]) == 0
    generator = torch.Generator().manual_seed(1)
    rule, sizes = torch.full((3,), 0.2).double(), double([4, 5, 6])
    ones, products = torch.ones(3).double(), torch.randn(3, generator=generator).double()
    known = sub_batch(rows(3, sizes=sizes), rule, ones, bound=0.25 * 15)
    (signal,) = _signals([([known], [products])], 1.0)
    # More of everything changes nothing.
    assert abs(float(rule @ signal.usefulness)) < 1e-12 * float(signal.usefulness.norm())


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.05, 2), st.integers(1, 9)), min_size=2, max_size=6),
    st.sampled_from([0.0, 0.5, 3.0]),
)
def test_the_derivative_by_a_weight_is_that_of_the_step_either_side_of_the_bound(pairs, factor):
    """Against central differences in float64: of a loss that is quadratic in the gradient."""
    weights, sizes = (double(list(column)) for column in zip(*pairs, strict=True))
    bound = factor * float(weights @ sizes)  # below the weighted size, or above
    generator = torch.Generator().manual_seed(len(pairs))
    gradients = torch.randn(len(pairs), 3, generator=generator, dtype=torch.double)
    target = torch.randn(3, generator=generator, dtype=torch.double)

    def loss(w):
        step = w @ gradients / normaliser(w @ sizes, bound)
        return (step - target).square().sum()

    step = weights @ gradients / normaliser(weights @ sizes, bound)
    products = gradients @ (2 * (step - target))
    found = weight_gradient(products, sizes, weights, bound=bound)
    for i in range(len(pairs)):
        moved = torch.zeros_like(weights)
        moved[i] = 1e-6
        expected = float(loss(weights + moved) - loss(weights - moved)) / 2e-6
        assert float(found[i]) == pytest.approx(expected, rel=1e-6, abs=1e-8)


def applied_weights(weights, tokens=4):
    """An update of sentences of one length."""
    found = summary([tokens] * len(weights), len(weights))
    values = {
        "applied_weights": torch.tensor(weights),
        "sizes": torch.full((len(weights),), float(tokens)),
    }
    return type(found)(**vars(found) | values)


def test_weights_of_which_only_ratios_count_are_large_or_small_beside_recent_ones():
    usual = UsualWeight(absolute=False)
    assert float(usual.value(in_warmup=True)) == 1.0  # those of warm-up are as in plain training
    assert float(usual.value(in_warmup=False)) == 0.0  # nothing known
    usual.add(applied_weights([1e-4, 3e-4]))
    usual.add(applied_weights([0.0, 0.0]))  # says nothing of what is usual
    assert float(usual.value(in_warmup=False)) == pytest.approx(2e-4)
    for _ in range(300):
        usual.add(applied_weights([0.5, 0.5]))
    assert float(usual.value(in_warmup=False)) == pytest.approx(0.5, rel=0.01)


def test_weights_that_mean_what_they_say_are_beside_plain_training():
    usual = UsualWeight(absolute=True)
    usual.add(applied_weights([1e-4, 3e-4]))
    assert float(usual.value(in_warmup=False)) == 1.0


PLUGIN = """
import torch

from fairseq_l2rw.weighting import Weighting, register


@register("by_id_for_this_test")
class ById(Weighting):
    reads = ("loss",)

    def forward(self, features):
        return torch.ones_like(features.sizes) if features.update % 2 == 0 else {odd}


@register("absolute_for_this_test")
class Absolute(ById):
    samples_by_weight = True
"""


@pytest.mark.parametrize(
    "odd", ["1e-4 * features['loss']", "0 * features.sizes", "1e-42 + 0 * features.sizes"]
)
@pytest.mark.parametrize("kind", ["by_id", "absolute"])
def test_an_update_of_pairs_with_next_to_no_weight_is_a_small_one(data, tmp_path, kind, odd):
    plugin = tmp_path / "odd_updates"
    plugin.mkdir()
    (plugin / "__init__.py").write_text(PLUGIN.format(odd=odd))
    flags = [*OURS, "--user-dir", plugin, "--weighting", f"{kind}_for_this_test"]
    flags += [
        "--min-sampling-probability",
        1,
        "--max-update",
        20,
        "--save-dir",
        tmp_path,
        "--no-save",
    ]
    log = train(data, *flags, "--clip-norm", 0).stdout
    found = {name: numbers(log, name) for name in ("gnorm", "step_share")}
    odd_ones, even_ones = found["gnorm"][5::2], found["gnorm"][4::2]
    assert all(math.isfinite(x) for x in [*odd_ones, *even_ones])
    assert max(odd_ones) < 0.05 * min(even_ones)
    assert max(found["step_share"][5::2]) < 0.01 and min(found["step_share"][4::2]) == 1.0


def numbers(log, name):
    """Values of a field of the log, by update."""
    lines = [line for line in log.splitlines() if "num_updates=" in line]
    found = [line.split(f" {name}=")[1].split(",")[0] for line in lines if f" {name}=" in line]
    return [float(value) for value in found]


def test_a_sub_batch_without_weight_leaves_the_update_to_the_others(data, tmp_path, monkeypatch):
    """As if its pairs were not there: its own weights never fall back to 1."""
    shares = []
    around_step = Reweighting.around_step

    def watched(self, optimizer, step):
        weighted = [float(b.weights @ b.sizes) for b in self._update.batches]
        shares.append([w / max(sum(weighted), 1e-30) for w in weighted])
        aligned = [bool((b.features.alignment > 0).any()) for b in self._update.batches
                   if b.features.alignment is not None]  # fmt: skip
        for share, any_aligned in zip(shares[-1], aligned, strict=False):
            print(f"carries {share:.6f} {any_aligned}", flush=True)
        return around_step(self, optimizer, step)

    monkeypatch.setattr(Reweighting, "around_step", watched)
    flags = [*OURS, "--weighting", "l2rw", "--update-freq", 4, "--meta-interval", 1]
    flags += ["--max-tokens", 30, "--max-update", 40, "--no-save", "--save-dir", tmp_path]
    told = [line.split()[1:] for line in train(data, *flags).stdout.splitlines()
            if line.startswith("carries")]  # fmt: skip
    against = [float(share) for share, aligned in told if aligned == "False"]
    assert len(against) > 3 and max(against) == 0.0


def test_where_every_weight_is_1_nothing_is_bounded(data, tmp_path):
    flags = [*OURS, "--weighting", "deep", "--max-update", 6, "--no-save", "--save-dir", tmp_path]
    assert set(numbers(train(data, *flags).stdout, "step_share")) == {1.0}
