"""Promise: small parameters are pulled back together, and get what each would get alone."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fairseq_l2rw.metagradient import packing, updates
from fairseq_l2rw.metagradient.updates import Update

SHAPES = st.lists(
    st.sampled_from([(), (1,), (3,), (2, 4), (5, 1, 2), (40,)]), min_size=1, max_size=9
)
STATES = {
    updates.sgd: ["momentum_buffer"],
    updates.nag: ["momentum_buffer"],
    **{adam: ["exp_avg", "exp_avg_sq"] for adam in (updates.adam, updates.adamw)},
    updates.fairseq_adam: ["exp_avg", "exp_avg_sq"],
}


def taken(shapes, names, rng, steps):
    """Updates of parameters of these shapes, in two groups of the optimizer."""

    def numbers(shape):
        return torch.rand(shape, generator=rng, dtype=torch.double) + 0.1

    groups = [
        {"lr": rate, "momentum": 0.9, "betas": (0.9, 0.98), "eps": 1e-6, "weight_decay": 0.1}
        for rate in (0.1, 0.2)
    ]
    return {
        f"p{n}": Update(
            groups[n % 2],
            {"step": steps(n), **{name: numbers(shape) for name in names}},
            numbers(shape),
            numbers(shape),
        )
        for n, shape in enumerate(shapes)
    }


def apart(pulled):
    """The cotangents of every parameter, by name."""
    found = {}
    for pack, together in pulled:
        gradients, parameters = map(pack.apart, (together.gradient, together.parameter))
        states = {key: pack.apart(value) for key, value in together.state.items()}
        for name in pack.shapes:
            state = {key: values[name] for key, values in states.items()}
            found[name] = updates.Cotangents(gradients[name], parameters[name], state)
    return found


@settings(deadline=None, max_examples=60)
@given(
    SHAPES,
    st.sampled_from(list(STATES)),
    st.integers(1, 4),
    st.sampled_from([int, torch.tensor]),
    st.integers(0, 9),
    st.sampled_from([3, 1 << 16]),
)
def test_together_or_alone_every_number_is_the_same(shapes, adjoint, without, kind, seed, large):
    rng = torch.Generator().manual_seed(seed)
    known = taken(shapes, STATES[adjoint], rng, lambda n: kind(2 + n // 4))
    bars = {name: torch.rand_like(u.gradient) for name, u in known.items()}
    states = {
        name: {key: torch.rand_like(u.gradient) for key in STATES[adjoint] if n % without}
        for n, (name, u) in enumerate(known.items())
    }
    expected = {
        name: adjoint(u, bars[name].clone(), {k: v.clone() for k, v in states[name].items()})
        for name, u in known.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "_ON_CPU", packing._Bounds(large, 50))
        found = apart(packing.pulled_back(known, bars, dict(states), adjoint))
    assert found.keys() == expected.keys() and not bars
    for name, pulled in found.items():
        assert torch.equal(pulled.gradient, expected[name].gradient)
        assert torch.equal(pulled.parameter, expected[name].parameter)
        assert pulled.state.keys() == expected[name].state.keys()
        for key, value in pulled.state.items():
            assert torch.equal(value, expected[name].state[key])
            assert value.shape == known[name].gradient.shape


def test_what_has_nothing_in_common_is_not_taken_together():
    rng = torch.Generator().manual_seed(1)
    known = taken([(3,)] * 8, ["exp_avg", "exp_avg_sq"], rng, lambda n: 1 + n // 4)
    known["half"] = Update(*(getattr(known["p0"], x) for x in ("group", "state", "gradient")),
                           torch.empty(0))  # fmt: skip
    packs = list(packing._packs(known, {}))
    assert sorted(map(sorted, packs)) == [["half"], ["p0", "p2"], ["p1", "p3"], ["p4", "p6"],
                                          ["p5", "p7"]]  # fmt: skip


def test_after_a_resume_the_same_parameters_are_taken_together():
    """Where every one has options of its own, which are the same: sums over packs round alike."""
    rng = torch.Generator().manual_seed(1)
    known = taken([(3,)] * 8, ["exp_avg", "exp_avg_sq"], rng, lambda n: 1)
    again = {name: replace(update, group=dict(update.group)) for name, update in known.items()}
    assert list(packing._packs(again, {})) == list(packing._packs(known, {}))
    assert len(list(packing._packs(again, {}))) == 2


@pytest.mark.parametrize("elementwise", [True, False])
def test_hundreds_of_small_parameters_take_the_operations_of_one(elementwise, monkeypatch):
    """Unless the adjoint may depend on which numbers a parameter has, as in LAMB."""
    rng = torch.Generator().manual_seed(1)
    known = taken([(4,)] * 300, ["exp_avg", "exp_avg_sq"], rng, lambda n: 1)
    calls = []

    def adjoint(update, bar, states):
        calls.append(update.gradient.numel())
        return updates.adamw(update, bar, states)

    if elementwise:
        monkeypatch.setattr(packing, "ELEMENTWISE", {adjoint})
    bars = {name: torch.ones(4).double() for name in known}
    assert len(apart(packing.pulled_back(known, bars, {}, adjoint))) == 300
    assert calls == ([600, 600] if elementwise else [4] * 300)
