"""A table finds the place of every number that is in it, and of no other."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_l2rw.initial_weights.key_table import KeyTable

NUMBERS = st.integers(0, 2**62)


@settings(deadline=None)
@given(st.lists(NUMBERS), st.lists(NUMBERS))
def test_every_number_has_its_place(known, others):
    keys = torch.tensor(sorted({-1, *known}))
    place = {key: n for n, key in enumerate(keys.tolist())}
    wanted = [*known, *others, -1]
    found = KeyTable(keys).places(torch.tensor(wanted).unsqueeze(1))
    assert found.shape == (len(wanted), 1)
    assert found.flatten().tolist() == [place.get(key, 0) for key in wanted]


def test_numbers_that_share_a_slot_are_found():
    """Of a hundred thousand about one in five finds its slot taken."""
    chance = torch.Generator().manual_seed(1)
    keys = torch.randint(0, 2**40, (100_000,), generator=chance).unique()
    table = KeyTable(keys)
    taken = len(keys) - len(torch.unique(table._slot(keys)))
    assert taken > 1000
    assert table.places(keys).tolist() == [*range(len(keys))]
