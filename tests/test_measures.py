"""Promise: every number of a report is what it is called, by hand on six lines of two epochs."""

import math
from itertools import pairwise

import numpy as np
import pytest

from fairseq_l2rw.reporting import measures
from fairseq_l2rw.reporting.pictures import over_training

NAN = math.nan
WEIGHTS = np.array([1.0, 0.8, 0.2, 0.0, NAN, 0.5])
LENGTHS = np.array([4.0, 6.0, 10.0, 5.0, 15.0, 10.0])
KEPT = np.array([True, True, False, False, False, True])
LABELS = ["good", "good", "bad", "bad", "odd", "bad"]


def test_lines_and_target_tokens_are_counted_and_what_is_kept_of_them():
    found = measures.summary(WEIGHTS, LENGTHS, KEPT)
    assert (found["lines"], found["weighed"], found["kept"]) == (6, 5, 3)
    assert found["target_tokens"] == 50
    assert found["kept_token_share"] == pytest.approx(20 / 50)
    assert found["mean_weight"] == pytest.approx(2.5 / 5)
    # Kish's effective sample size, beside the number of lines.
    assert found["effective_share"] == pytest.approx(2.5**2 / (1 + 0.64 + 0.04 + 0.25) / 5)


def test_without_any_weight_there_is_no_mean():
    found = measures.summary(np.full(2, NAN), np.zeros(2), np.zeros(2, bool))
    assert found["mean_weight"] is None and found["effective_share"] == 0
    assert found["kept_token_share"] == 0


def test_reasons_count_what_is_not_kept_most_first():
    why = ["", "", "initial", "usefulness", "initial", ""]
    assert measures.reasons(why, LENGTHS, KEPT) == [
        {"reason": "initial", "lines": 2, "target_tokens": 25},
        {"reason": "usefulness", "lines": 1, "target_tokens": 5},
    ]


# Two sentences that stand for one, and one that stands for four.
EPOCHS = np.array([1, 1, 1, 2, 2])
RECORDED = np.array([0.05, 1.0, 0.5, 0.3, 2.0])
COUNTS = np.array([4.0, 1.0, 1.0, 1.0, 3.0])


def test_shares_by_epoch_count_every_weight_by_the_sentences_it_stands_for():
    first, second = measures.bands_by_epoch(EPOCHS, RECORDED, COUNTS)
    assert (first["epoch"], second["epoch"]) == (1, 2)
    # Below 0.1, to 0.5, to 0.9, above.
    assert first["shares"] == pytest.approx([4 / 6, 0, 1 / 6, 1 / 6])
    assert second["shares"] == pytest.approx([0, 1 / 4, 0, 3 / 4])
    assert first["mean"] == pytest.approx((4 * 0.05 + 1.0 + 0.5) / 6)
    assert second["mean"] == pytest.approx((0.3 + 6.0) / 4)


def test_means_by_epoch_are_those_of_a_group_where_it_was_held():
    groups = ["bad", "good", "good", "good", "good"]
    found = measures.means_by_epoch(EPOCHS, RECORDED, COUNTS, groups)
    assert found["bad"] == {1: pytest.approx(0.05)}
    assert found["good"] == {1: pytest.approx(0.75), 2: pytest.approx(6.3 / 4)}


def test_groups_have_their_own_lines_tokens_means_and_shares():
    assert measures.by_group(WEIGHTS, LENGTHS, KEPT, LABELS) == [
        {
            "group": "bad",
            "lines": 3,
            "target_tokens": 25,
            "mean_weight": pytest.approx(0.7 / 3),
            "kept_share": pytest.approx(1 / 3),
        },
        {
            "group": "good",
            "lines": 2,
            "target_tokens": 10,
            "mean_weight": pytest.approx(0.9),
            "kept_share": 1.0,
        },
        {
            "group": "odd",
            "lines": 1,
            "target_tokens": 15,
            "mean_weight": None,
            "kept_share": 0.0,
        },
    ]


def test_a_label_is_told_by_how_often_good_lines_outweigh_its_own():
    weights = np.array([1.0, 0.4, 0.4, 0.6, NAN, 0.1])  # a line without a weight has 0
    found = measures.by_label(weights, LABELS, ["good"])
    # Of 1.0 and 0.4 against 0.4, 0.6 and 0.1: a tie counts half.
    assert found["auc"] == {"bad": pytest.approx((3 + 1.5) / 6), "odd": 1.0}
    assert found["auc_of_all"] == pytest.approx((4 + 2.5) / 8)
    assert measures.auc(np.array([]), np.array([1.0])) is None


def test_the_curve_goes_from_nothing_to_everything_as_the_bound_falls():
    found = measures.roc(np.array([0.9, 0.5]), np.array([0.5, 0.1]))
    assert found == [(0, 0), (0, 0.5), (0.5, 1), (1, 1)]
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(found))
    assert area == pytest.approx(measures.auc(np.array([0.9, 0.5]), np.array([0.5, 0.1])))


@pytest.mark.filterwarnings("error")
def test_the_picture_of_a_single_epoch_has_an_area():
    """Between one point and itself there is none."""
    one, two = (
        over_training(measures.bands_by_epoch(EPOCHS[:n], RECORDED[:n], COUNTS[:n]), measures.BANDS)
        for n in (3, 5)
    )
    assert one.count("<path") > 4 and two.count("<path") > 4
    (wide,) = {part.split(" ")[0] for part in one.split('viewBox="')[1:]}
    assert wide == "0"
