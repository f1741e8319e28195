"""Promise: means forget what is long past, as fast as they are told."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import local

from fairseq_l2rw.scoring.moments import Moments, RunningMean, SuffixAverage


def test_moments_forget_exponentially():
    moments = Moments(memory=2)
    one = torch.ones(1, dtype=torch.float64)
    for value in (9.0, 8.0, 2.0, 4.0):
        moments.add(torch.full((1, 1), value).double(), one, one, local)
    mean, _, _ = moments.scale()
    assert float(mean) == pytest.approx(9 / 8 + 8 / 8 + 2 / 4 + 4 / 2)


def test_a_running_mean_counts_all_alike_at_first_and_then_forgets_exponentially():
    running = RunningMean(memory=2)
    for value, mean in ((4.0, 4.0), (8.0, 6.0), (2.0, 4.0), (2.0, 3.0), (5.0, 4.0), (4.0, 4.0)):
        running.update(torch.tensor([value, -value]).double())
        assert running.value.tolist() == [mean, -mean]


@settings(deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=12), st.integers(1, 5))
def test_of_the_recent_the_later_half_is_remembered(added, most):
    recent = SuffixAverage(most)
    for value in added:
        recent.add(torch.tensor([value, -value]).double())
    kept = added[-min(most, math.ceil(len(added) / 2)) :]
    assert recent.values.tolist() == [[value, -value] for value in kept]
