"""What looks like trusted pairs, which are judged as if they had not been learnt from."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import local, teacher, two_parts

from fairseq_l2rw.scoring.likeness import Gaussian, Likeness, left_out, log_ratio
from fairseq_l2rw.weighting import Signal


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 5), st.integers(9, 40), st.integers(0, 2**31))
def test_a_pair_left_out_is_as_far_away_as_one_that_never_was_there(features, pairs, seed):
    generator = np.random.default_rng(seed)
    x, sizes = generator.normal(size=(pairs, features)), generator.uniform(0.5, 2, pairs)

    def distance(one, others, counts):
        mean = np.average(others, axis=0, weights=counts)
        covariance = np.cov(others.T, aweights=counts, ddof=0).reshape(features, features)
        return (one - mean) @ np.linalg.solve(covariance, one - mean)

    of_all = [distance(one, x, sizes) for one in x]
    share = torch.from_numpy(sizes / sizes.sum()).unsqueeze(1)
    found = left_out(torch.tensor(of_all).unsqueeze(1), share).flatten()
    kept = [np.arange(pairs) != number for number in range(pairs)]
    expected = [distance(one, x[some], sizes[some]) for one, some in zip(x, kept, strict=True)]
    # Of one that is nearly all there is of a direction nothing is known without it.
    known = np.array(expected) < 9 * np.array(of_all)
    np.testing.assert_allclose(found[known], np.array(expected)[known], rtol=1e-6)
    assert (found >= torch.tensor(of_all)).all()


def test_few_trusted_pairs_are_as_likely_as_others_that_are_as_good():
    """Where they are learnt from, they seem likelier; the others would be rejected beside them."""
    generator = torch.Generator().manual_seed(0)
    sums = torch.zeros(3).double()
    for _ in range(30):
        trusted, others, train = torch.randn(3, 40, 20, generator=generator).double()
        likeness, ones = Likeness(float("inf")), torch.ones(40).double()
        likeness.begin(train, [20])
        likeness.add(2 * train, ones, local)
        likeness.add_trusted(trusted, ones)
        likeness.solve()
        scores = likeness(trusted), likeness.of_trusted(trusted, ones / 40), likeness(others)
        sums += torch.stack([x.mean() for x in scores])
    learnt_from, as_if_not, new = (sums / 30).tolist()
    assert learnt_from > new + 0.1
    assert abs(as_if_not - new) < 0.2 * (learnt_from - new)


@pytest.mark.parametrize("by", ["quality", "both"])
@pytest.mark.parametrize("seed", range(3))
def test_good_pairs_keep_their_weights_beside_few_trusted_ones_with_many_states(by, seed):
    """Beside trusted ones that are scored by themselves, they would have 0.1 to 0.9."""
    generator = torch.Generator().manual_seed(seed)
    deep = teacher(reads="surface+encoder+decoder+likeness", memory=1000, by=by)
    trusted, ids = torch.randn(40, 62, generator=generator), torch.arange(40)
    for _ in range(80):
        train, bad = some_bad(60, generator)
        seen = torch.randperm(40, generator=generator)[:10]
        deep.learn_from_trusted(two_parts(trusted[seen], ids=ids[seen]))
        usefulness = -bad.float() - torch.randn(60, generator=generator)
        deep.learn([Signal(two_parts(train), usefulness)], local)
    train, bad = some_bad(1000, generator)
    weights = deep(two_parts(train))
    assert weights[~bad].mean() > 0.95 and weights[bad].mean() < 0.05


def some_bad(pairs, generator):
    """What is read of pairs, and which fifth of them has an odd surface."""
    train, bad = torch.randn(pairs, 62, generator=generator), torch.arange(pairs) % 5 == 0
    train[bad, 0] -= 6
    return train, bad


def test_the_likeness_is_the_log_ratio_of_two_normal_densities():
    generator = torch.Generator().manual_seed(0)
    gaussians, laws = [], []
    penalty = torch.tensor([0.1, 0.1, 0.4]).double()
    for _ in range(2):
        root = torch.randn(3, 3, generator=generator).double()
        gaussians.append(Gaussian(torch.randn(3, generator=generator).double(), root @ root.T))
        covariance = gaussians[-1].covariance + penalty.diag()
        laws.append(torch.distributions.MultivariateNormal(gaussians[-1].mean, covariance))
    curvature, tilt, _ = log_ratio(*gaussians, penalty)
    x = torch.randn(7, 3, generator=generator).double()
    found = ((x @ curvature) * x).sum(1) + x @ tilt
    expected = laws[0].log_prob(x) - laws[1].log_prob(x)
    torch.testing.assert_close(found - found[0], expected - expected[0])
