"""Promise: what a weighting sees of a sentence is about that sentence, in any batch."""

import math

import pytest
import torch
from fairseq.data import Dictionary
from hypothesis import given, settings
from hypothesis import strategies as st
from students import DICTIONARY, VOCABULARY, batch, criterion, pairs, student

from fairseq_l2rw.data.dictionaries import shared_types
from fairseq_l2rw.features.columns import NAMES, SENTENCE, SURFACE, TrainingState
from fairseq_l2rw.features.copying import copied
from fairseq_l2rw.features.extractor import FeatureExtractor
from fairseq_l2rw.features.loss_history import LossHistory
from fairseq_l2rw.features.student_states import Reader

pytestmark = pytest.mark.usefixtures("float64")
MOMENT = TrainingState(update=5, progress=0.25, dev_loss=1.5)


def made(reads=NAMES, unit="sentence", sentence_avg=False, shared=None):
    shared = shared_types(DICTIONARY, DICTIONARY) if shared is None else shared
    return FeatureExtractor(reads, unit, DICTIONARY.pad(), sentence_avg, shared, VOCABULARY)


def extract(model, sample, unit="sentence", sentence_avg=False, extractor=None):
    extractor = extractor or made(NAMES, unit, sentence_avg)
    with torch.no_grad(), Reader(model, VOCABULARY).reading() as states:
        output = model(**sample["net_input"])
    tokens = criterion(unit=unit).token_losses(model, output, sample)
    return extractor.extract(sample, states, tokens, MOMENT), tokens


def test_every_target_type_has_a_place_of_its_own_though_the_source_has_fewer():
    few = shared_types(DICTIONARY, DICTIONARY)[:10]
    reads = ["surprisal_residual"]
    wide = FeatureExtractor(reads, "sentence", DICTIONARY.pad(), False, few, 70_000)
    assert wide.token_losses.sums.shape[-1] == 70_000


def test_a_sentence_is_seen_as_the_mean_of_its_tokens():
    model, sample = student(), batch(pairs(5))
    seen, tokens = extract(model, sample)
    lengths = tokens.real.sum(1)
    torch.testing.assert_close(seen["loss"], tokens.loss.sum(1) / lengths)
    for i, n in enumerate(lengths):
        nll, best = tokens.nll[i, :n], tokens.lprobs[i, :n].amax(-1)
        assert float(seen["reference_probability"][i]) == pytest.approx(
            float(torch.exp(-nll).mean())
        )
        assert float(seen["best_probability"][i]) == pytest.approx(float(torch.exp(best).mean()))
        assert float(seen["accuracy"][i]) == pytest.approx(float((nll == -best).double().mean()))
        assert float(seen["log_probability"][i]) == pytest.approx(-float(nll.mean()))
        assert float(seen["margin"][i]) == pytest.approx(-float((nll + best).mean()))
        wrong = tokens.lprobs[i, :n].exp()
        wrong[torch.arange(int(n)), sample["target"][i, :n]] -= 1
        assert float(seen["error_norm"][i]) == pytest.approx(float(wrong.norm(dim=-1).mean()))
        spread = float(nll.std(correction=0))
        assert float(seen["spread"][i]) == pytest.approx(spread)
        assert seen["first_log_probability"][i] == -nll[0]
        assert seen["last_log_probability"][i] == -nll[-1]
    assert torch.equal(seen.sizes, lengths.double()) and torch.equal(seen.ids, sample["id"])


def test_a_sentences_ends_are_found_behind_padding_too():
    """Backwards, padding comes first, and so does the last token."""
    model, sample = student(), batch(pairs(5))
    seen, tokens = extract(model, sample)
    assert not tokens.real.all()
    extractor = made(shared=torch.full((VOCABULARY,), -1))
    backwards = {
        **sample,
        "target": sample["target"].flip(1),
        "net_input": {
            **sample["net_input"],
            "prev_output_tokens": sample["net_input"]["prev_output_tokens"].flip(1),
        },
    }
    flipped = type(tokens)(**{name: values.flip(1) for name, values in vars(tokens).items()})
    found = extractor.extract(backwards, None, flipped, MOMENT)
    for end, other in (("first", "last"), ("last", "first")):
        ours, theirs = (f"{side}_log_probability" for side in (end, other))
        assert torch.equal(found[ours], seen[theirs])


def test_the_surprisal_residual_is_what_a_pair_costs_beyond_what_its_tokens_usually_do():
    model, sample, extractor = student(), batch(pairs(5)), made()
    plain, tokens = extract(model, sample, extractor=extractor)
    torch.testing.assert_close(plain["surprisal_residual"], -plain["log_probability"])
    extractor.update(plain)
    seen, _ = extract(model, sample, extractor=extractor)
    costs = extractor.token_losses
    for i, n in enumerate(tokens.real.sum(1)):
        before = sample["net_input"]["prev_output_tokens"][i, :n]
        usual = costs.usual(costs.buckets(before, sample["target"][i, :n]))
        expected = float((tokens.nll[i, :n] - usual).mean())
        assert float(seen["surprisal_residual"][i]) == pytest.approx(expected)
        largest = float((tokens.nll[i, :n] - usual).max())
        assert float(seen["largest_residual"][i]) == pytest.approx(largest)


def test_padding_is_not_the_token_that_costs_most_beyond_what_is_usual():
    """Where all others cost less than usual."""
    model, sample, extractor = student(), batch(pairs(5)), made()
    plain, tokens = extract(model, sample, extractor=extractor)
    assert not tokens.real.all()
    dear = plain.tokens._replace(nll=plain.tokens.nll + 9)
    extractor.update(type(plain)(**vars(plain) | {"tokens": dear}))
    seen, _ = extract(model, sample, extractor=extractor)
    assert (seen["largest_residual"] < 0).all()
    assert (seen["largest_residual"] >= seen["surprisal_residual"]).all()


def test_copied_is_the_fraction_of_tokens_that_the_source_has_too():
    sample = batch(pairs(5))
    seen, tokens = extract(student(), sample)
    for i, n in enumerate(tokens.real.sum(1)):
        source = set(sample["net_input"]["src_tokens"][i].tolist()) - {1, 2}  # padding and end
        expected = sum(t in source for t in sample["target"][i, :n].tolist()) / n
        assert float(seen["copied"][i]) == pytest.approx(float(expected))
    assert float(seen["copied"].max()) > 0


def test_what_is_copied_is_told_by_symbols_not_by_their_numbers():
    source, target = Dictionary(), Dictionary()
    for word in ("haus", "berlin", "7"):
        source.add_symbol(word)
    for word in ("house", "7", "berlin"):
        target.add_symbol(word)
    same = shared_types(source, target)
    german = source.encode_line("haus berlin 7", add_if_not_exist=False).view(1, -1).long()
    english = target.encode_line("house 7 berlin <unk>", add_if_not_exist=False).view(1, -1).long()
    # The end of a sentence and what is unknown are in both, and copied from neither.
    assert copied(german, english, same).tolist() == [[False, True, True, False, False]]


def test_the_surface_has_lengths_progress_and_dev_loss():
    sample = batch(pairs(5))
    seen, _ = extract(student(), sample)
    source = sample["net_input"]["src_tokens"].ne(1).sum(1).double().log()
    target = sample["target"].ne(1).sum(1).double().log()
    torch.testing.assert_close(seen["log_source_length"], source)
    torch.testing.assert_close(seen["log_length_ratio"], target - source)
    square = seen["squared_log_length_ratio"]
    torch.testing.assert_close(square, (target - source).square())
    assert seen.matrix(SURFACE).shape == (5, len(SURFACE))
    assert seen["progress"].tolist() == [0.25] * 5
    assert seen["dev_loss"].tolist() == [1.5] * 5


def test_tokens_are_seen_one_by_one_and_add_up_to_their_sentence():
    model, sample = student(), batch(pairs(5))
    sentences, _ = extract(model, sample)
    rows, _ = extract(model, sample, "token")
    assert len(rows["loss"]) == len(rows.states) == sample["ntokens"] == len(rows.sizes)
    assert set(rows.sizes.tolist()) == {1.0}
    for i, number in enumerate(sample["id"].tolist()):
        own = rows.ids == number
        assert rows.positions[own].tolist() == list(range(int(sentences.sizes[i])))
        for name in ("loss", "reference_probability", "best_probability", "accuracy"):
            torch.testing.assert_close(rows[name][own].mean(0), sentences[name][i])
        torch.testing.assert_close(rows.states[own].mean(0), sentences.states[i])
    assert len({tuple(r) for r in rows.states.tolist()}) > len(rows.states) / 2


@pytest.mark.parametrize("unit", ["sentence", "token"])
def test_sizes_add_up_to_what_fairseq_divides_by(unit):
    model, sample = student(), batch(pairs(5))
    by_tokens, _ = extract(model, sample, unit)
    by_sentences, _ = extract(model, sample, unit, sentence_avg=True)
    assert float(by_tokens.sizes.sum()) == sample["ntokens"]
    assert float(by_sentences.sizes.sum()) == pytest.approx(5)


@settings(deadline=None, max_examples=10)
@given(
    st.permutations(range(6)),
    st.integers(1, 5),
    st.sampled_from([1, 4, 8]),
    st.sampled_from(["sentence", "token"]),
    st.sampled_from([0.5, 1, 4]),
)
def test_order_padding_and_bucketing_change_nothing_that_is_seen(order, cut, multiple, unit, usual):
    """However much tokens usually cost beside today's."""
    model, samples, extractor = student(), pairs(6), made(unit=unit)
    plain, _ = extract(model, batch(samples), unit, extractor=extractor)
    seen_before = plain.tokens._replace(nll=plain.tokens.nll * usual)
    extractor.update(type(plain)(**vars(plain) | {"tokens": seen_before}))

    def rows(chosen, **options):
        seen, _ = extract(model, batch(chosen, **options), unit, extractor=extractor)
        key = list(zip(seen.ids.tolist(), seen.positions.tolist(), strict=True))
        columns = seen.matrix(sorted(NAMES))
        everything = torch.cat([columns, seen.states, seen.sizes.unsqueeze(1)], 1)
        return dict(zip(key, everything, strict=True))

    together = rows(samples)
    moved = [samples[i] for i in order]
    apart = rows(moved[:cut], pad_to_multiple=multiple) | rows(
        moved[cut:], pad_to_multiple=multiple
    )
    assert together.keys() == apart.keys()
    for key, row in together.items():
        torch.testing.assert_close(apart[key], row, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("reads", "found"),
    [
        ((), set()),
        (("loss",), {"loss"}),
        (SENTENCE, {*SENTENCE}),
        (("loss_rank",), {"loss_rank", "loss", "accuracy"}),  # which ranks are made of
    ],
)
def test_what_no_weighting_reads_is_not_computed(reads, found):
    extractor = made(reads)
    assert {*extract(student(), batch(pairs(3)), extractor=extractor)[0].columns} == found
    assert (extractor.history is not None) == ("loss_rank" in reads)
    assert (extractor.token_losses is not None) == ("surprisal_residual" in reads)


def test_a_feature_that_is_not_there_is_told_by_name():
    with pytest.raises(ValueError, match="no feature 'lenght'; known: accuracy, "):
        made(["lenght"])
    seen, _ = extract(student(), batch(pairs(3)), extractor=made(["loss"]))
    with pytest.raises(KeyError, match="margin: name it in the weighting's `reads`"):
        seen["margin"]


# -- history ---------------------------------------------------------------------------------------


def trained(loss, correct=None, sizes=None):
    """Just what history takes."""
    loss = torch.tensor(loss, dtype=torch.float64)
    right = torch.zeros_like(loss) if correct is None else torch.tensor(correct)
    return loss, right, torch.ones_like(loss) if sizes is None else torch.tensor(sizes)


def test_ranks_are_the_fraction_of_recent_losses_that_are_smaller():
    history = LossHistory()
    assert history.rank(torch.tensor([3.0])).tolist() == [0.0]
    history.add(*trained([1.0, 2.0, 3.0, 4.0]))
    found = history.rank(torch.tensor([0.5, 1.5, 3.5, 9.0, math.nan, 1e9]))
    assert found.tolist() == pytest.approx([0.0, 0.25, 0.75, 1.0, 1.0, 1.0])


@given(st.lists(st.floats(0, 19), min_size=1, max_size=20), st.floats(0, 19), st.floats(0, 19))
def test_ranks_are_between_0_and_1_and_grow_with_the_loss(losses, a, b):
    history = LossHistory()
    history.add(*trained(losses))
    low, high = history.rank(torch.tensor([min(a, b), max(a, b)], dtype=torch.float64)).tolist()
    assert 0 <= low <= high + 1e-12 <= 1 + 2e-12


def test_history_counts_right_tokens_and_forgets():
    history = LossHistory(memory=2)
    assert float(history.accuracy()) == 0
    history.add(*trained([1.0, 1.0], correct=[1.0, 0.5], sizes=[4.0, 2.0]))
    assert float(history.accuracy()) == pytest.approx(5 / 6)
    history.add(*trained([9.0], sizes=[3.0]))
    assert float(history.accuracy()) == pytest.approx(2.5 / 6)
    assert history.rank(torch.tensor([5.0])).tolist() == pytest.approx([0.5])


def test_a_row_of_no_size_leaves_no_trace():
    history = LossHistory()
    history.add(*trained([1.0, 7.0], correct=[0.0, 1.0], sizes=[1.0, 0.0]))
    assert float(history.rank(torch.tensor([5.0]))) == 1.0 and float(history.accuracy()) == 0
