"""Promise: training survives whatever a weighting returns, and finds one of one's own by name."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import options, two_parts

from fairseq_l2rw import weighting
from fairseq_l2rw.weighting import Weighting, register, registry, safe


@settings(deadline=None)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=6),
    st.sampled_from([0.2, 1.0]),
)
def test_whatever_a_weighting_returns_training_gets_usable_weights(values, instead):
    """A weight that is none is replaced, and others stay; tiny ones are 0."""
    weights, replaced = safe(torch.tensor(values), torch.tensor(instead))
    usable = [math.isfinite(v) and v >= 0 for v in values]
    assert int(replaced) == usable.count(False)
    for weight, value, good in zip(weights.tolist(), values, usable, strict=True):
        expected = (value if value >= 1e-30 else 0.0) if good else instead
        assert weight == pytest.approx(expected, rel=1e-6)


def test_weights_of_whole_numbers_or_of_yes_and_no_are_weights_too():
    for values in ([1, 0, 2], [True, False, True]):
        weights, replaced = safe(torch.tensor(values))
        assert weights.is_floating_point() and weights.tolist() == [float(v) for v in values]
        assert replaced == 0


def test_a_weighting_of_ones_own_is_found_by_name():
    @register("constant_for_this_test")
    class Constant(Weighting):
        def forward(self, features):
            return torch.full_like(features.sizes, 0.5)

    try:
        assert "constant_for_this_test" in weighting.names()
        built = weighting.build(options("constant_for_this_test"))
        assert built(two_parts(torch.randn(2, 6))).tolist() == [0.5, 0.5]
        with pytest.raises(ValueError, match="already"):
            register("constant_for_this_test")(weighting.Uniform)
    finally:
        registry._registry.pop("constant_for_this_test")
