"""Promise: the best lines are kept, as many as one asks for, and of equals some from all over."""

import argparse
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairseq_l2rw.commands.selection import add_selection, kept
from fairseq_l2rw.utils.errors import InputError

WEIGHTS = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, math.nan]), min_size=1, max_size=40)


def chosen(weights, *options):
    parser = argparse.ArgumentParser()
    add_selection(parser)
    return kept(np.array(weights), parser.parse_args(options))


@given(WEIGHTS, st.data())
def test_the_best_are_kept_and_never_one_without_a_weight(weights, data):
    count = data.draw(st.integers(1, len(weights)))
    found = chosen(weights, "--pairs", str(count))
    weights = np.array(weights)
    known = ~np.isnan(weights)
    assert found.sum() == min(count, known.sum()) and not (found & ~known).any()
    left = weights[known & ~found]
    if found.any() and len(left):
        assert weights[found].min() >= left.max()


def test_of_equals_as_many_are_kept_of_each_part_of_the_text(caplog):
    weights = np.ones(10_000)
    weights[::10] = 0.5
    weights[5::100] = 2.0
    found = chosen(weights, "--share", "0.46")
    assert found.sum() == 4600 and found[weights == 2.0].all() and not found[weights == 0.5].any()
    parts = found.reshape(10, -1).sum(1)
    assert parts.min() >= 455 and parts.max() <= 465
    assert "8,900 lines have the weight 1, of which 4,500 are kept" in caplog.text


def test_where_no_equal_is_left_out_nothing_is_said(caplog):
    assert chosen([1.0, 1.0, 0.5, 0.2], "--pairs", "2").tolist() == [True, True, False, False]
    assert not caplog.records


def test_a_least_weight_is_kept_too():
    weights = [0.2, 0.5, math.nan, 0.7]
    assert chosen(weights).tolist() == [False, True, False, True]
    assert chosen(weights, "--min-weight", "0.2").tolist() == [True, True, False, True]
    assert chosen(weights, "--min-weight", "0").tolist() == [True, True, False, True]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--share", "0"], "--share must be"),
        (["--share", "1.5"], "--share must be"),
        (["--share", "0.01"], "is none of them"),
        (["--pairs", "0"], "--pairs must be"),
        (["--pairs", "4"], "from 1 to 3"),
        (["--min-weight", "nan"], "must be a number"),
    ],
)
def test_what_cannot_be_is_an_error_that_names_the_option(options, message):
    with pytest.raises(InputError, match=message):
        chosen([1.0, 0.5, 0.1], *options)
