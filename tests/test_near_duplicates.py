"""Near-duplicates are pairs with many bigrams in common, and are counted without comparing all."""

import numpy as np
import pytest
import torch
from artificial import EOS, FIRST, TYPES, Split, flat, split
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_l2rw.data.near_duplicates import near_duplicates


def of_template(pair, count, changed, seed=1):
    """Pairs that differ in so many words a side."""
    chance = torch.Generator().manual_seed(seed)
    rows = []
    for _ in range(count):
        row = [side.clone() for side in pair]
        for side in row:
            places = torch.randperm(len(side) - 1, generator=chance)[:changed]
            side[places] = torch.randint(1000, 100_000, (changed,), generator=chance)
        rows.append(row)
    return Split(*map(list, zip(*rows, strict=True)))


def long_pair(seed=1, length=15):
    chance = torch.Generator().manual_seed(seed)
    side = torch.randint(4, 1000, (length,), generator=chance)
    return [torch.cat([side, torch.tensor([EOS])])] * 2


def joined(*parts):
    return Split([x for p in parts for x in p.src], [x for p in parts for x in p.tgt])


def bigrams(pair):
    return {
        (n, a, b)
        for n, side in enumerate(pair)
        for a, b in zip([-1, *side.tolist()[:-1]], side.tolist(), strict=True)
    }


@pytest.mark.parametrize("count", [2, 10, 300])
def test_lines_of_one_template_count_as_often_as_there_are_some(count):
    others = split(["good"] * 500, 1)
    found = near_duplicates(flat(joined(of_template(long_pair(), count, 1), others)))
    # Nearly: some are in one band with a part of the others only.
    assert (found[:count] >= count / 2).mean() > 0.95 and found[:count].max() <= count
    assert found[count:].mean() < 1.1


def test_pairs_with_no_bigram_in_common_are_none():
    pairs = [long_pair(seed) for seed in range(200)]
    assert (near_duplicates(flat(Split(*map(list, zip(*pairs, strict=True))))) == 1).all()


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 6), st.integers(0, 100))
def test_they_have_two_fifths_of_their_bigrams_in_common(changed, seed):
    """By all bigrams of all pairs, where it is not close."""
    pairs = of_template(long_pair(seed), 40, changed, seed)
    sets = [bigrams(pair) for pair in zip(pairs.src, pairs.tgt, strict=True)]
    common = np.array([[len(a & b) / len(a | b) for b in sets] for a in sets])
    others = split(["good"] * 100, seed)
    found = near_duplicates(flat(joined(pairs, others)))[:40].mean()
    assert found <= (common > 0.2).sum(1).mean() + 1
    assert found >= 0.5 * (common > 0.6).sum(1).mean()


@given(st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=10)
def test_copies_are_counted_exactly_in_any_order(rng):
    pairs = [long_pair(seed) for seed in range(20) for _ in range(seed + 1)]
    order = list(range(len(pairs)))
    rng.shuffle(order)
    src, tgt = zip(*(pairs[n] for n in order), strict=True)
    expected = np.array([seed + 1 for seed in range(20) for _ in range(seed + 1)])[order]
    assert np.array_equal(near_duplicates(flat(Split(src, tgt))), expected)


def test_types_that_are_ignored_make_no_difference():
    numbers = of_template(long_pair(length=6), 50, 4)
    ignored = torch.arange(100_000) >= 1000
    kept = [[side[~ignored[side]] for side in x] for x in (numbers.src, numbers.tgt)]
    found = near_duplicates(flat(numbers), [ignored, ignored])
    assert np.array_equal(found, near_duplicates(flat(Split(*kept))))
    assert found.mean() > 2 * near_duplicates(flat(numbers)).mean()


def test_a_side_may_be_empty_and_so_may_a_text():
    nothing, something = torch.tensor([], dtype=torch.long), torch.tensor([FIRST["source"], EOS])
    pairs = Split([nothing, something, nothing], [something, nothing, nothing])
    assert near_duplicates(flat(pairs)).tolist() == [1, 1, 1]
    assert near_duplicates(flat(Split([], []))).shape == (0,)


def test_where_any_two_pairs_have_much_in_common_they_are_none():
    """As where tokens are characters: ten types make a hundred bigrams."""
    chance = torch.Generator().manual_seed(1)
    sides = torch.randint(4, 14, (600, 60), generator=chance)
    found = near_duplicates(flat(Split([*sides[:300]], [*sides[300:]])))
    assert found.mean() < 1.5
    copies = near_duplicates(flat(Split([*sides[:30]] * 10, [*sides[300:330]] * 10)))
    assert (copies >= 10).all() and copies.mean() < 11


def test_sides_are_told_apart():
    one, other = long_pair(1)[0], long_pair(2)[0]
    assert near_duplicates(flat(Split([one, other], [other, one]))).tolist() == [1, 1]
    assert TYPES < 1000  # words of the artificial language are none of the template
