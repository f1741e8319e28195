"""Pairs that do not belong together are told from examples that are made; few of them suffice."""

import numpy as np
import torch
from artificial import Split, flat, judged, made_from, split
from hypothesis import given
from hypothesis import strategies as st

from fairseq_l2rw.initial_weights.correspondence import evidence
from fairseq_l2rw.initial_weights.cost import affordable_costs, worth
from fairseq_l2rw.initial_weights.halves import JudgedPairs
from fairseq_l2rw.initial_weights.lexicon import WordEvidence
from fairseq_l2rw.initial_weights.links import LinkedWords, Links
from fairseq_l2rw.initial_weights.made_pairs import cut, mismatched

ODDS = st.floats(0, 1e6)


@given(st.lists(st.tuples(ODDS, ODDS, ODDS), min_size=1, max_size=20))
def test_by_all_kinds_together_trusted_pairs_lose_no_more_than_a_twentieth(rows):
    odds, highest = torch.tensor(rows).double(), torch.tensor([20.0, 20.0, 1.0]).double()
    costs = affordable_costs(odds, highest)
    assert worth(odds, costs).prod(1).mean() >= 0.95 - 1e-12
    assert ((costs >= 0) & (costs <= highest)).all()


def test_where_trusted_pairs_can_bear_no_cost_nothing_is_rejected_and_the_rest_is():
    odds = torch.tensor([[1e6, 0.0]] * 100).double()
    costs = affordable_costs(odds, torch.tensor([20.0, 20.0]).double())
    assert costs.tolist() == [0, 20]
    assert (worth(odds, costs) == 1).all()


def test_what_trusted_pairs_lose_is_shared_among_kinds():
    """Each alone could cost more."""
    odds, highest = torch.eye(3).double().repeat(10, 1), torch.full((3,), 20.0).double()
    alone = torch.cat([affordable_costs(odds[:, [n]], highest[[n]]) for n in range(3)])
    together = affordable_costs(odds, highest)
    assert (together < alone).all() and len(set(together.tolist())) == 1


def test_evidence_is_what_words_fall_short_the_worse_side_and_the_length():
    """Words with more support than is usual make up for nothing."""
    sources, targets = np.array([2.0, 1.0, -0.5, -4.0]), np.array([-1.0, 0.5, -1.0, -2.0, 3.0])
    pairs = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1, 1])
    nothing = np.empty(0, dtype=np.int32)
    sides = [LinkedWords(nothing, pair, nothing, nothing) for pair in pairs]
    words = WordEvidence(Links(2, tuple(sides)), (sources, targets), (sources / 2, targets / 4))
    source, target = -4.5 / 2**0.5, -3 / 2  # of the second pair
    expected = [
        # The target falls shorter, and it is the shorter one.
        [-1.0, -0.25, -1.0, -1.0, -np.log(2), np.log(2)],
        [source, source / 2, -4.0, source - target, -np.log(2), np.log(8)],
    ]
    np.testing.assert_allclose(evidence([words]), expected)
    assert evidence([]).shape == (0, 6)


def test_mismatched_pairs_are_of_the_same_half_and_of_about_the_same_length():
    pairs = split(["good"] * 300, 1)
    made = mismatched(judged(pairs))
    places = made_from(pairs, made)
    targets = {target: number for number, target in enumerate(map(str, pairs.tgt))}
    assert len(made) > 290
    half = judged(pairs).half.tolist()
    assert made.half.tolist() == [half[place] for place in places]
    for number, place in enumerate(places):
        assert torch.equal(made.text.src[number], pairs.src[place])
        other = targets[str(made.text.tgt[number])]
        assert other != place and half[other] == half[place]
        assert abs(len(pairs.tgt[other]) - len(pairs.tgt[place])) <= 1


def test_of_cut_pairs_one_side_keeps_its_first_tokens_and_its_end():
    pairs = split(["good"] * 300, 1)
    made = cut(judged(pairs))
    assert len(made) == 300
    shorter = torch.zeros(2)
    for number, place in enumerate(made_from(pairs, made)):
        own = made.text.src[number], made.text.tgt[number]
        sides = (pairs.src[place], own[0]), (pairs.tgt[place], own[1])
        was_cut = [len(x) > len(y) for x, y in sides]
        assert sum(was_cut) == 1
        shorter += torch.tensor(was_cut)
        for whole, left in sides:
            assert torch.equal(left[:-1], whole[: len(left) - 1]) and left[-1] == whole[-1]
            assert len(left) == len(whole) or 0.25 <= (len(left) - 1) / (len(whole) - 1) <= 0.9
    assert (shorter > 100).all()  # either side about as often
    again = cut(judged(pairs))
    assert np.array_equal(again.text.tgt.joined(), made.text.tgt.joined())


def test_a_pair_of_one_word_on_either_side_cannot_be_cut():
    pair = torch.tensor([4, 2])
    made = cut(JudgedPairs(flat(Split([pair] * 5, [pair] * 5)), np.arange(5)))
    assert len(made) == len(made.text) == 0
