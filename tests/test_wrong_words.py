"""Promise: where tokens have weights, a wrong word loses its own, and its sentence keeps the rest.

The artificial language translates a word for a word, back to front.
"""

import io
import random
from dataclasses import replace

import numpy as np
import pyarrow.parquet as parquet
import pytest
import torch
from artificial import DICTIONARIES, FIRST, WORDS, Split, split
from commands import OURS, run, train
from hypothesis import given
from hypothesis import strategies as st
from tasks import TRAIN, by_line, task, training, with_splits

from fairseq_l2rw.features.sample import INITIAL_WEIGHT, in_places
from fairseq_l2rw.initial_weights import links
from fairseq_l2rw.initial_weights.estimate import InitialWeightModel
from fairseq_l2rw.initial_weights.options import InitialOptions
from fairseq_l2rw.sampling.token_weights import TokenWeights
from fairseq_l2rw.utils.weight_bytes import PRECISION, from_bytes, to_bytes

TOKENS = InitialOptions(unit="token")


def with_wrong_words(count, wrong, seed):
    """Pairs, and which token of each of the first ``wrong`` of them is of no word of its source."""
    pairs, rng = split(["good"] * count, seed), random.Random(seed)
    where = []
    for target in pairs.tgt[:wrong]:
        where.append(rng.randrange(len(target) - 1))
        others = set(range(WORDS)) - {int(x) - FIRST["target"] for x in target}
        target[where[-1]] = FIRST["target"] + rng.choice(sorted(others))
    return pairs, where


def learnt(train, trusted, options=TOKENS, dictionaries=DICTIONARIES):
    model = InitialWeightModel.learn(train, trusted, dictionaries, options)
    factors = model.factors(train)
    found = model.token_weights(train, factors)
    return model, factors, found.split([len(target) for target in train.tgt])


@pytest.mark.parametrize("wrong", [300, 1000])
def test_a_wrong_word_loses_its_weight_and_the_others_of_its_sentence_keep_theirs(wrong):
    train, where = with_wrong_words(2000, wrong, 1)
    _, factors, found = learnt(train, split(["good"] * 200, 2))
    at = [float(weights[n]) for weights, n in zip(found, where, strict=False)]
    others = [float(np.delete(w.numpy(), n).mean()) for w, n in zip(found, where, strict=False)]
    assert sum(at) / wrong < 0.2 and sum(others) / wrong > 0.95
    assert torch.cat(found[wrong:]).mean() > 0.95
    # The weight of a whole sentence falls for it.
    assert factors[:wrong].prod(1).mean() < 0.5


def test_where_no_word_is_wrong_all_weights_are_exactly_one():
    _, _, found = learnt(split(["good"] * 1000, 1), split(["good"] * 100, 2))
    assert (torch.cat(found) == 1).all()


def test_a_bad_pair_takes_the_weight_of_all_its_tokens():
    train, where = with_wrong_words(2000, 500, 1)
    train.tgt[1500:] = train.tgt[1501:] + train.tgt[1500:1501]
    _, _, found = learnt(train, split(["good"] * 200, 2))
    assert torch.cat(found[1500:]).mean() < 0.1
    assert torch.cat(found[500:1500]).mean() > 0.9
    assert sum(float(w[n]) for w, n in zip(found, where, strict=False)) / 500 < 0.3


def test_a_word_of_several_pieces_has_one_weight_and_the_end_that_of_the_sentence():
    train, _ = with_wrong_words(2000, 500, 1)
    ends = torch.arange(DICTIONARIES.types[1]).ge(4)
    begins = ends.clone()
    begins[FIRST["target"] + 1 : FIRST["target"] + WORDS : 2] = False  # every other type goes on
    pieces = replace(DICTIONARIES, boundaries=torch.stack([ends, begins]))
    _, _, weights = learnt(train, split(["good"] * 200, 2), dictionaries=pieces)
    assert min(float(w.min()) for w in weights[:500]) < 0.2
    for target, found in zip(train.tgt, weights, strict=True):
        goes_on = ~begins[target[1:-1]]
        assert torch.equal(found[1:-1][goes_on], found[:-2][goes_on])
        assert found[-1] == found.max()


def test_of_text_without_blanks_each_piece_has_a_weight_of_its_own():
    """As in Chinese no type begins a word, which otherwise would be the whole sentence."""
    train, where = with_wrong_words(2000, 1000, 1)
    may_end = DICTIONARIES.boundaries[0]
    glued = replace(
        DICTIONARIES,
        boundaries=torch.stack([may_end, torch.zeros_like(may_end)]),
        letters=4 * DICTIONARIES.letters,
    )
    model, _, found = learnt(train, split(["good"] * 200, 2), dictionaries=glued)
    _, _, expected = learnt(train, split(["good"] * 200, 2))
    torch.testing.assert_close(torch.cat(found), torch.cat(expected), rtol=0, atol=0)
    again = InitialWeightModel.from_state(model.state_dict(), glued)
    assert sum(float(w[n]) for w, n in zip(found, where, strict=False)) / 1000 < 0.2
    torch.testing.assert_close(again.token_weights(train, again.factors(train)), torch.cat(found))


def test_what_is_saved_weighs_other_pairs_alike():
    train, _ = with_wrong_words(2000, 500, 1)
    model, _, _ = learnt(train, split(["good"] * 200, 2))
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    again = InitialWeightModel.from_state(torch.load(file, weights_only=True), DICTIONARIES)
    others, _ = with_wrong_words(300, 100, 3)
    expected = model.token_weights(others, model.factors(others))
    found = again.token_weights(others, again.factors(others))
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02)


def test_what_is_behind_the_first_part_of_a_very_long_pair_has_the_weight_of_the_pair():
    train, _ = with_wrong_words(2000, 500, 1)
    model, _, _ = learnt(train, split(["good"] * 200, 2))
    long = Split(
        [torch.cat([x[:-1] for x in train.src[:40]])], [torch.cat([x[:-1] for x in train.tgt[:40]])]
    )
    assert len(long.tgt[0]) > links.WORDS
    found = model.token_weights(long, torch.ones(1, len(model.FACTORS)).double())
    assert len(found) == len(long.tgt[0]) and (found[links.WORDS :] == 1).all()
    assert found[: links.WORDS].min() < 1


def test_by_domain_alone_no_word_loses_weight():
    train, _ = with_wrong_words(1000, 500, 1)
    _, factors, found = learnt(
        train, split(["good"] * 200, 2), InitialOptions("domain", unit="token")
    )
    means = torch.stack([w.mean() for w in found])
    torch.testing.assert_close(means, factors[:, -1].float(), rtol=1e-5, atol=1e-6)


ROWS = st.lists(st.integers(1, 6), min_size=2, max_size=8)


@given(ROWS, st.booleans(), st.randoms(use_true_random=False))
def test_a_batch_has_the_weight_of_each_token_where_the_token_is(sizes, left, rng):
    """Whatever lines a batch has, in whatever order, padded on whichever side."""
    trained = np.array(sorted(rng.sample(range(30), len(sizes))))
    weights = torch.tensor([rng.randrange(201) for _ in range(sum(sizes))], dtype=torch.uint8)
    known = TokenWeights(trained, np.array(sizes), weights, 1)
    rows = [rng.randrange(len(sizes)) for _ in range(5)]
    target = torch.ones(5, max(sizes[n] for n in rows), dtype=torch.long)
    for k, n in enumerate(rows):
        target[k, -sizes[n] :] = 9 if left else 1
        target[k, : sizes[n]] = 1 if left and sizes[n] < target.shape[1] else 9
        if left:
            target[k, -sizes[n] :] = 9
    sample = known.with_weights({"id": torch.from_numpy(trained[rows]), "target": target})
    by_line = weights.split(sizes)
    for k, n in enumerate(rows):
        real = target[k] != 1
        found = sample[INITIAL_WEIGHT][k]
        torch.testing.assert_close(found[real].float(), from_bytes(by_line[n]))
        assert (found[~real] == 1).all()
    means = torch.stack([from_bytes(x).mean() for x in by_line])
    torch.testing.assert_close(from_bytes(known.means), means, rtol=0, atol=PRECISION)
    assert known.with_weights({}) == {}  # what fills up an uneven shard


def test_numbers_of_tokens_are_put_where_these_are():
    target = torch.tensor([[5, 6, 1], [7, 1, 1]])
    found = in_places(torch.tensor([0.1, 0.2, 0.3]), target, 1)
    torch.testing.assert_close(found, torch.tensor([[0.1, 0.2, 1], [0.3, 1, 1]]))


@pytest.fixture
def data(tmp_path):
    return with_splits(tmp_path)


def test_they_are_found_once_for_a_corpus(data, monkeypatch):
    options = {"weighting": "initial", "weight_unit": "token"}
    first = by_line(training(task(data, **options)).sampler)
    monkeypatch.delattr(InitialWeightModel, "learn")
    assert torch.equal(by_line(training(task(data, **options)).sampler), first)
    # A sentence's is the mean of its tokens'.
    [file] = data.glob("initial_weights.*.pt")
    tokens = from_bytes(torch.load(file, weights_only=True)["weights"])
    sizes = [len(target) + 1 for _, target in TRAIN]
    means = torch.stack([part.mean() for part in tokens.split(sizes)])
    torch.testing.assert_close(first, from_bytes(to_bytes(means)))


@pytest.mark.parametrize("workers", [1, 2])
def test_training_applies_them_and_a_finished_run_weighs_text_alike(data, tmp_path, workers):
    save = tmp_path / "run"
    flags = [*OURS, "--weighting", "initial", "--weight-unit", "token", "--max-update", 8]
    flags += ["--min-sampling-probability", 1, "--weights-dir", tmp_path / "weights"]
    train(data, *flags, "--save-dir", save, workers=workers)
    table = parquet.read_table(tmp_path / "weights").to_pylist()
    content = torch.load(save / "initial_weights.pt", weights_only=True)
    by_line = from_bytes(content["weights"]).split([len(target) + 1 for _, target in TRAIN])
    assert len({row["id"] for row in table}) > 40
    for row in table:
        torch.testing.assert_close(torch.tensor(row["token_weights"]), by_line[row["id"]])
    text = tmp_path / "text.tsv"
    text.write_text("".join("\t".join(map(" ".join, pair)) + "\n" for pair in TRAIN))
    scoring = "score", text, tmp_path / "scored.tsv", "--run", save
    run("fairseq-l2rw", *scoring, "--pieces-given", "--score-only")
    scores = [float(x) for x in (tmp_path / "scored.tsv").read_text().split()]
    means = [float(x.mean()) for x in by_line]
    np.testing.assert_allclose(scores, means, atol=0.01)
    # Marian takes weights of words.
    exporting = "export", save, "marian-words", "--text", text, "--out", tmp_path / "out"
    run("fairseq-l2rw", *exporting, "--weights-dir", tmp_path / "weights")
    written = (tmp_path / "out" / "marian.word-weights").read_text().splitlines()
    for row in table:
        found = [float(x) for x in written[row["id"]].split()]
        np.testing.assert_allclose(found, by_line[row["id"]], atol=1e-5)
    text.write_text(text.read_text().replace("\tW", "\tW1 W", 1))
    done = run("fairseq-l2rw", *exporting, "--weights-dir", tmp_path / "weights", check=False)
    assert "in the run: give the text that it was trained on" in done.stderr
