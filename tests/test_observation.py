"""Promise: what a weighting sees of a sentence is about that sentence, in any batch."""

import math

import pytest
import torch
from fairseq.data import Dictionary
from hypothesis import given, settings
from hypothesis import strategies as st
from students import DICTIONARY, VOCABULARY, batch, criterion, pairs, student

from fairseq_l2rw.copying import copied, same_types
from fairseq_l2rw.costs import TokenCosts
from fairseq_l2rw.history import History
from fairseq_l2rw.observation import SURFACE, Moment, Observer
from fairseq_l2rw.states import Reader

pytestmark = pytest.mark.usefixtures("float64")
MOMENT = Moment(update=5, progress=0.25, dev_loss=1.5)


def observe(model, sample, unit="sentence", sentence_avg=False, history=None, costs=None):
    rule = criterion(unit=unit)
    with torch.no_grad(), Reader(model, VOCABULARY).reading() as states:
        tokens = rule.token_losses(model, model(**sample["net_input"]), sample)
    observer = Observer(
        unit,
        rule.padding_idx,
        sentence_avg,
        history or History(),
        costs or TokenCosts(),
        same_types(DICTIONARY, DICTIONARY),
    )
    return observer.observe(sample, states, tokens, MOMENT), tokens


def test_a_sentence_is_seen_as_the_mean_of_its_tokens():
    model, sample = student(), batch(pairs(5))
    seen, tokens = observe(model, sample)
    lengths = tokens.real.sum(1)
    torch.testing.assert_close(seen.loss, tokens.loss.sum(1) / lengths)
    for i, n in enumerate(lengths):
        nll, best = tokens.nll[i, :n], tokens.log_best[i, :n]
        assert float(seen.p_reference[i]) == pytest.approx(float(torch.exp(-nll).mean()))
        assert float(seen.p_best[i]) == pytest.approx(float(torch.exp(best).mean()))
        assert float(seen.correct[i]) == pytest.approx(float((nll == -best).double().mean()))
        assert float(seen.column("log_probability")[i]) == pytest.approx(-float(nll.mean()))
        assert float(seen.column("margin")[i]) == pytest.approx(-float((nll + best).mean()))
        assert seen.column("accuracy")[i] == seen.correct[i]
        spread = float(nll.std(correction=0))
        assert float(seen.column("spread")[i]) == pytest.approx(spread)
        assert seen.column("first_log_probability")[i] == -nll[0]
        assert seen.column("last_log_probability")[i] == -nll[-1]
    assert torch.equal(seen.sizes, lengths.double()) and torch.equal(seen.ids, sample["id"])


def test_a_sentences_ends_are_found_behind_padding_too():
    """Backwards, padding comes first, and so does the last token."""
    model, sample = student(), batch(pairs(5))
    seen, tokens = observe(model, sample)
    assert not tokens.real.all()
    observer = Observer(
        "sentence", DICTIONARY.pad(), False, History(), TokenCosts(), torch.full((VOCABULARY,), -1)
    )
    backwards = {
        **sample,
        "target": sample["target"].flip(1),
        "net_input": {
            **sample["net_input"],
            "prev_output_tokens": sample["net_input"]["prev_output_tokens"].flip(1),
        },
    }
    flipped = type(tokens)(**{name: values.flip(1) for name, values in vars(tokens).items()})
    found = observer.observe(backwards, None, flipped, MOMENT)
    for end, other in (("first", "last"), ("last", "first")):
        ours, theirs = (f"{side}_log_probability" for side in (end, other))
        assert torch.equal(found.column(ours), seen.column(theirs))


def test_excess_is_what_a_pair_costs_beyond_what_its_tokens_usually_cost():
    model, sample, costs = student(), batch(pairs(5)), TokenCosts()
    plain, tokens = observe(model, sample, costs=costs)
    torch.testing.assert_close(plain.column("excess"), -plain.column("log_probability"))
    costs.add([plain])
    seen, _ = observe(model, sample, costs=costs)
    for i, n in enumerate(tokens.real.sum(1)):
        before = sample["net_input"]["prev_output_tokens"][i, :n]
        usual = costs.usual(before, sample["target"][i, :n])
        expected = float((tokens.nll[i, :n] - usual).mean())
        assert float(seen.column("excess")[i]) == pytest.approx(expected)


def test_copied_is_the_fraction_of_tokens_that_the_source_has_too():
    sample = batch(pairs(5))
    seen, tokens = observe(student(), sample)
    for i, n in enumerate(tokens.real.sum(1)):
        source = set(sample["net_input"]["src_tokens"][i].tolist()) - {1, 2}  # padding and end
        expected = sum(t in source for t in sample["target"][i, :n].tolist()) / n
        assert float(seen.column("copied")[i]) == pytest.approx(float(expected))
    assert float(seen.column("copied").max()) > 0


def test_what_is_copied_is_told_by_symbols_not_by_their_numbers():
    source, target = Dictionary(), Dictionary()
    for word in ("haus", "berlin", "7"):
        source.add_symbol(word)
    for word in ("house", "7", "berlin"):
        target.add_symbol(word)
    same = same_types(source, target)
    german = source.encode_line("haus berlin 7", add_if_not_exist=False).view(1, -1).long()
    english = target.encode_line("house 7 berlin <unk>", add_if_not_exist=False).view(1, -1).long()
    # The end of a sentence and what is unknown are in both, and copied from neither.
    assert copied(german, english, same).tolist() == [[False, True, True, False, False]]


def test_the_surface_has_lengths_progress_and_dev_loss():
    sample = batch(pairs(5))
    seen, _ = observe(student(), sample)
    source = sample["net_input"]["src_tokens"].ne(1).sum(1).double().log()
    target = sample["target"].ne(1).sum(1).double().log()
    torch.testing.assert_close(seen.column("log_source_length"), source)
    torch.testing.assert_close(seen.column("log_length_ratio"), target - source)
    square = seen.column("squared_log_length_ratio")
    torch.testing.assert_close(square, (target - source).square())
    assert seen.surface.shape == (5, len(SURFACE))
    assert seen.column("progress").tolist() == [0.25] * 5
    assert seen.column("dev_loss").tolist() == [1.5] * 5


def test_tokens_are_seen_one_by_one_and_add_up_to_their_sentence():
    model, sample = student(), batch(pairs(5))
    sentences, _ = observe(model, sample)
    rows, _ = observe(model, sample, "token")
    assert len(rows.loss) == len(rows.states) == sample["ntokens"] == len(rows.sizes)
    assert set(rows.sizes.tolist()) == {1.0}
    for i, number in enumerate(sample["id"].tolist()):
        own = rows.ids == number
        assert rows.positions[own].tolist() == list(range(int(sentences.sizes[i])))
        for name in ("loss", "p_reference", "p_best", "correct", "states"):
            mean = getattr(rows, name)[own].mean(0)
            torch.testing.assert_close(mean, getattr(sentences, name)[i])
    assert len({tuple(r) for r in rows.states.tolist()}) > len(rows.states) / 2


@pytest.mark.parametrize("unit", ["sentence", "token"])
def test_sizes_add_up_to_what_fairseq_divides_by(unit):
    model, sample = student(), batch(pairs(5))
    by_tokens, _ = observe(model, sample, unit)
    by_sentences, _ = observe(model, sample, unit, sentence_avg=True)
    assert float(by_tokens.sizes.sum()) == sample["ntokens"]
    assert float(by_sentences.sizes.sum()) == pytest.approx(5)


@settings(deadline=None, max_examples=10)
@given(
    st.permutations(range(6)),
    st.integers(1, 5),
    st.sampled_from([1, 4, 8]),
    st.sampled_from(["sentence", "token"]),
)
def test_order_padding_and_bucketing_change_nothing_that_is_seen(order, cut, multiple, unit):
    model, samples, history = student(), pairs(6), History()
    costs = TokenCosts()
    plain, _ = observe(model, batch(samples), unit)
    history.add([plain])
    costs.add([plain])

    def rows(chosen, **options):
        seen, _ = observe(model, batch(chosen, **options), unit, history=history, costs=costs)
        key = list(zip(seen.ids.tolist(), seen.positions.tolist(), strict=True))
        everything = torch.cat(
            [seen.surface, seen.states, seen.loss.unsqueeze(1), seen.sizes.unsqueeze(1)], 1
        )
        return dict(zip(key, everything, strict=True))

    together = rows(samples)
    moved = [samples[i] for i in order]
    apart = rows(moved[:cut], pad_to_multiple=multiple) | rows(
        moved[cut:], pad_to_multiple=multiple
    )
    assert together.keys() == apart.keys()
    for key, row in together.items():
        torch.testing.assert_close(apart[key], row, rtol=1e-7, atol=1e-9)


# -- history ---------------------------------------------------------------------------------------


class Rows:
    """Just what history takes."""

    def __init__(self, loss, correct=None, sizes=None):
        self.loss = torch.tensor(loss, dtype=torch.float64)
        self.sizes = torch.ones_like(self.loss) if sizes is None else torch.tensor(sizes)
        self.correct = torch.zeros_like(self.loss) if correct is None else torch.tensor(correct)


def test_ranks_are_the_fraction_of_recent_losses_that_are_smaller():
    history = History()
    assert history.rank(torch.tensor([3.0])).tolist() == [0.5]
    history.add([Rows([1.0, 2.0]), Rows([3.0, 4.0])])
    found = history.rank(torch.tensor([0.5, 1.5, 3.5, 9.0, math.nan, 1e9]))
    assert found.tolist() == pytest.approx([0.0, 0.25, 0.75, 1.0, 1.0, 1.0])


@given(st.lists(st.floats(0, 19), min_size=1, max_size=20), st.floats(0, 19), st.floats(0, 19))
def test_ranks_are_between_0_and_1_and_grow_with_the_loss(losses, a, b):
    history = History()
    history.add([Rows(losses)])
    low, high = history.rank(torch.tensor([min(a, b), max(a, b)], dtype=torch.float64)).tolist()
    assert 0 <= low <= high + 1e-12 <= 1 + 2e-12


def test_history_counts_right_tokens_and_forgets():
    history = History(memory=2)
    assert float(history.accuracy()) == 0
    history.add([Rows([1.0, 1.0], correct=[1.0, 0.5], sizes=[4.0, 2.0])])
    assert float(history.accuracy()) == pytest.approx(5 / 6)
    history.add([Rows([9.0], sizes=[3.0])])
    assert float(history.accuracy()) == pytest.approx(2.5 / 6)
    assert history.rank(torch.tensor([5.0])).tolist() == pytest.approx([0.5])


def test_a_dummy_batch_leaves_no_trace():
    history = History()
    history.add([Rows([1.0]), Rows([7.0], correct=[1.0], sizes=[0.0])])
    assert float(history.rank(torch.tensor([5.0]))) == 1.0 and float(history.accuracy()) == 0
