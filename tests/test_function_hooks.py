"""A listener hears every call of torch's functions in its block, and none afterwards."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from fairseq_l2rw.utils.function_hooks import listening

ARGUMENTS = {"linear": ("input", "weight", "bias")}


def test_calls_of_modules_plain_ones_and_those_inside_attention_are_heard():
    torch.manual_seed(1)
    projection, attention = nn.Linear(4, 3), nn.MultiheadAttention(4, 2)
    x, told = torch.randn(5, 2, 4), []
    with listening(ARGUMENTS, lambda *call: told.append(call)):
        outputs = [
            projection(x),
            functional.linear(x, weight=projection.weight),
            attention(x, x, x)[0],
        ]
    assert len(told) == 4  # attention projects its input and its output
    for name, function, given, output in told:
        assert name == "linear"
        torch.testing.assert_close(function(**given), output)
    assert told[0][3] is outputs[0] and told[1][3] is outputs[1]
    assert told[0][2]["bias"] is projection.bias and "bias" not in told[1][2]


def test_two_listeners_hear_the_same_calls():
    told = []
    with (
        listening(ARGUMENTS, lambda *_: told.append(1)),
        listening(ARGUMENTS, lambda *_: told.append(2)),
    ):
        functional.linear(torch.ones(1, 2), torch.ones(3, 2))
    assert sorted(told) == [1, 2]


def test_torch_is_left_as_it_was_even_where_a_pass_fails():
    before = functional.linear
    with pytest.raises(RuntimeError), listening(ARGUMENTS, lambda *_: None):
        functional.linear(torch.ones(1, 2), torch.ones(3, 5))
    assert functional.linear is before
