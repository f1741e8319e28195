"""Promise: what a weight means; and uniform weights are plain training, bit for bit."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch
from fairseq.criterions.label_smoothed_cross_entropy import label_smoothed_nll_loss
from hypothesis import given, settings
from hypothesis import strategies as st
from students import batch, criterion, pairs, plain_criterion, student

from fairseq_l2rw.criterions.label_smoothing import smoothed_losses
from fairseq_l2rw.sampling.importance_sampler import IMPORTANCE_WEIGHT
from fairseq_l2rw.training.weigher import Weights
from fairseq_l2rw.utils.errors import InputError

pytestmark = pytest.mark.usefixtures("float64")


class Given:
    """Stands for the reweighting: gives sentences the weights a test says, by their ids.

    With ``tokens``, weights are lists of a weight for every token.
    """

    def __init__(self, weights=None, tokens=False):
        self.weights, self.tokens = weights, tokens

    def watching(self, sample):
        return nullcontext()

    def weigh(self, sample, states, tokens, losses):
        ids = sample["id"]
        if self.weights is None:
            ones = torch.ones(len(ids))
            return Weights(ones, ones, sample["ntokens"], plain=True)
        if self.tokens:
            w = torch.cat([torch.tensor(self.weights[i], dtype=torch.float64) for i in ids])
            return Weights(w, torch.ones_like(w), 0, plain=False)
        w = torch.as_tensor(self.weights, dtype=torch.float64)[ids]
        sizes = sample["target"].ne(1).sum(1) * sample.get(IMPORTANCE_WEIGHT, 1.0)
        return Weights(w, sizes.double(), 0, plain=False)


def normalised_gradient(model, sample, rule):
    model.zero_grad()
    loss, _, log = rule(model, sample)
    loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters()]) / log["sample_size"]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_uniform_weights_give_the_gradient_of_plain_training_bit_for_bit(smoothing):
    model, sample = student(dropout=0.1).float(), batch(pairs(7))
    gradients = []
    for rule in (plain_criterion(smoothing), criterion(Given(), smoothing)):
        torch.manual_seed(3)
        gradients.append(normalised_gradient(model, sample, rule))
    assert torch.equal(*gradients)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 3), min_size=5, max_size=5).filter(any))
def test_a_weight_of_k_is_the_sentence_k_times_and_0_is_without_it(copies):
    model, samples = student(), pairs(5)
    repeated = [s for s, k in zip(samples, copies, strict=True) for _ in range(k)]
    weighted = normalised_gradient(model, batch(samples), criterion(Given(copies)))
    plain = normalised_gradient(model, batch(repeated), plain_criterion())
    torch.testing.assert_close(weighted, plain, rtol=1e-9, atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(1, 3), min_size=5, max_size=5))
def test_a_drawn_sentence_counts_for_as_many_as_it_stands_for(copies):
    model, samples, weights = student(), pairs(5), [0.5, 2.0, 0.0, 1.0, 3.0]
    repeated = [s for s, k in zip(samples, copies, strict=True) for _ in range(k)]
    every = normalised_gradient(model, batch(repeated), criterion(Given(weights)))
    drawn = batch(samples)
    drawn[IMPORTANCE_WEIGHT] = torch.tensor(copies)[drawn["id"]].double()
    found = normalised_gradient(model, drawn, criterion(Given(weights)))
    torch.testing.assert_close(found, every, rtol=1e-9, atol=1e-12)


@settings(deadline=None, max_examples=10)
@given(st.permutations(range(5)), st.sampled_from([1, 4, 8]))
def test_order_and_padding_change_no_gradient(order, multiple):
    model, samples, weights = student(), pairs(5), [0.1, 2.0, 1.0, 0.7, 0.3]
    plain = normalised_gradient(model, batch(samples), criterion(Given(weights)))
    other = batch([samples[i] for i in order], pad_to_multiple=multiple)
    found = normalised_gradient(model, other, criterion(Given(weights)))
    torch.testing.assert_close(found, plain, rtol=1e-9, atol=1e-12)


def test_trusted_pairs_judge_alike_where_one_pass_serves_for_seeing_them_too():
    """A teacher that learns from them takes their losses from what it reads of the pass."""
    model, sample, rule = student(), batch(pairs(5)), criterion(Given(), 0.1)
    output = model(**sample["net_input"])
    read = rule.token_losses(model, output, sample).nll.sum(1)
    torch.testing.assert_close(read, rule.dev_losses(model, output, sample))


def test_scaling_all_weights_changes_no_gradient():
    model, sample = student(), batch(pairs(3))
    once = normalised_gradient(model, sample, criterion(Given([0.5, 1.0, 2.0])))
    twice = normalised_gradient(model, sample, criterion(Given([1.0, 2.0, 4.0])))
    torch.testing.assert_close(once, twice)


def token_gradient(model, samples, weights, **options):
    rule = criterion(Given(weights, tokens=True), unit="token")
    return normalised_gradient(model, batch(samples, **options), rule)


@settings(deadline=None, max_examples=10)
@given(st.lists(st.floats(0.1, 3), min_size=5, max_size=5))
def test_constant_token_weights_are_a_sentence_weight(weights):
    model, samples = student(), pairs(5)
    spread = [[w] * len(s["target"]) for w, s in zip(weights, samples, strict=True)]
    found = token_gradient(model, samples, spread)
    expected = normalised_gradient(model, batch(samples), criterion(Given(weights)))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@settings(deadline=None, max_examples=10)
@given(st.permutations(range(5)), st.sampled_from([1, 4, 8]), st.integers(0, 99))
def test_order_and_padding_change_no_gradient_of_token_weights(order, multiple, seed):
    model, samples = student(), pairs(5)
    generator = torch.Generator().manual_seed(seed)
    weights = [torch.rand(len(s["target"]), generator=generator).tolist() for s in samples]
    plain = token_gradient(model, samples, weights)
    found = token_gradient(model, [samples[i] for i in order], weights, pad_to_multiple=multiple)
    torch.testing.assert_close(found, plain, rtol=1e-9, atol=1e-12)


def test_a_token_of_weight_zero_is_not_learnt():
    """Sentence weights cannot do it: the token stays in the input and leaves the loss."""
    model, samples = student(), pairs(2)
    weights = [[1.0] * len(s["target"]) for s in samples]
    weights[0][0] = 0.0
    model.zero_grad()
    sample = batch(samples)
    rule = criterion(None)
    tokens = rule.token_losses(model, model(**sample["net_input"]), sample)
    row = sample["id"].tolist().index(0)
    (tokens.loss.sum() - tokens.loss[row, 0]).backward()
    expected = torch.cat([p.grad.flatten() for p in model.parameters()]) / (sample["ntokens"] - 1)
    torch.testing.assert_close(token_gradient(model, samples, weights), expected)


def test_validation_is_plain_and_asks_for_no_weights():
    model, sample = student().eval(), batch(pairs(4))
    ours, size, _ = criterion(None)(model, sample)
    theirs, plain_size, _ = plain_criterion()(model, sample)
    assert torch.equal(ours, theirs) and size == plain_size


def test_token_losses_add_up_to_fairseqs_loss_and_are_zero_at_padding():
    model, sample = student(), batch(pairs(6))
    rule = criterion(None)
    tokens = rule.token_losses(model, model(**sample["net_input"]), sample)
    expected, _, _ = plain_criterion()(model, sample)
    torch.testing.assert_close(tokens.loss.sum(), expected)
    assert (tokens.loss[~tokens.real] == 0).all() and (~tokens.real).any()
    of_reference = tokens.lprobs.gather(2, sample["target"].unsqueeze(2)).squeeze(2)
    torch.testing.assert_close(-of_reference[tokens.real], tokens.nll[tokens.real])


def test_a_batch_without_target_is_refused_in_one_line():
    sample = {**batch(pairs(3)), "target": None}
    with pytest.raises(InputError, match="a batch has no target"):
        criterion(Given())(student(), sample)


def test_the_criterion_without_the_task_is_refused_in_one_line():
    from students import DICTIONARY

    from fairseq_l2rw.criterions.l2rw_label_smoothed_cross_entropy import (
        L2RWLabelSmoothedCrossEntropy,
    )

    with pytest.raises(InputError, match="needs --task l2rw_translation"):
        L2RWLabelSmoothedCrossEntropy(
            SimpleNamespace(target_dictionary=DICTIONARY), sentence_avg=False, label_smoothing=0.1
        )


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.integers(0, 8), min_size=1, max_size=6),
    st.sampled_from([0.0, 0.1, 0.4]),
    st.integers(0, 99),
)
def test_smoothed_losses_are_those_of_fairseq_to_the_bit_and_so_are_their_gradients(
    target, epsilon, seed
):
    """With types that come up twice, with padding, and with a gradient of either loss."""
    chance = torch.Generator().manual_seed(seed)
    logits = torch.randn(len(target), 9, generator=chance)
    weights = torch.randn(2, len(target), 1, generator=chance)
    found = []
    for losses in (
        lambda lprobs, places: smoothed_losses(lprobs, places, epsilon, 1),
        lambda lprobs, places: label_smoothed_nll_loss(
            lprobs, places, epsilon, ignore_index=1, reduce=False
        ),
    ):
        given_logits = logits.clone().requires_grad_()
        loss, nll = losses(given_logits.log_softmax(-1), torch.tensor(target))
        sums = (weights[0] * loss).sum() + (weights[1] * nll).sum()
        first = torch.autograd.grad(sums, given_logits, retain_graph=True)[0]
        sums.backward()  # a second time, as a recorded pass is
        assert torch.equal(first, given_logits.grad)
        found.append((loss.detach(), nll.detach(), first))
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("width", [1, 2, 3])
def test_targets_that_are_shorter_than_the_prefix_have_no_loss(width):
    rule, model = criterion(None), student()
    rule.ignore_prefix_size = 3
    sample = batch(pairs(4, shortest=width - 1, longest=width - 1))
    assert sample["target"].shape[1] == width
    output = model(**sample["net_input"])
    tokens = rule.token_losses(model, output, sample)
    assert tokens.loss.shape == tokens.real.shape == tokens.lprobs.shape[:2] == (4, width)
    assert not tokens.real.any() and not tokens.loss.any()
    assert not rule.dev_losses(model, output, sample).any()
