"""Promise: workers know together what one would know, and each passes its share of a batch."""

import multiprocessing
import re
import sys
from itertools import pairwise
from unittest.mock import patch

import pytest
import torch
from commands import OURS, load, make_corpus, same, train
from fairseq.models import distributed_fairseq_model
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import rows
from students import DICTIONARY, batch, pairs, sentence_losses, student
from torch import distributed

from fairseq_l2rw.metagradient.dev_gradient import DevGradient
from fairseq_l2rw.training import meta_step, shared_batches
from fairseq_l2rw.training.shared_batches import bounds, gathered_features, share
from fairseq_l2rw.training.workers import all_rows, total_with_numbers
from fairseq_l2rw.utils import reduction
from fairseq_l2rw.utils.reduction import summed


def shares(sample, count):
    return [share(sample, DICTIONARY.pad(), worker, count) for worker in range(count)]


# -- rows ------------------------------------------------------------------------------------------


def _worker(place, rank, lengths, results):
    """One of several: shows its rows to the others and hands in what it knows then."""
    distributed.init_process_group(
        "gloo", init_method=f"file://{place}", rank=rank, world_size=len(lengths)
    )
    tables = [_table(rank, n, width) for n, width in zip(lengths[rank], (1, 3), strict=True)]
    sums, each = total_with_numbers(torch.ones(2, dtype=torch.float64), list(map(len, tables)))
    told = [[int(n) for n in numbers] for numbers in each.tolist()]
    assert sums.tolist() == [len(lengths)] * 2 and told == [list(n) for n in lengths]
    found, again = all_rows(tables), all_rows(tables, told)
    assert all(map(torch.equal, found, again))
    results.put((rank, [table.tolist() for table in found]))
    distributed.destroy_process_group()


def _table(rank, length, width):
    numbers = torch.arange(length * width, dtype=torch.float64)
    return (numbers + 1000 * rank).view(length, width)


def test_every_worker_has_the_rows_of_all_in_their_order(tmp_path):
    """Of one table and of another, with as many rows as each has; one has none at all."""
    lengths = [(2, 5), (0, 0), (4, 1)]
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    given_ = [(tmp_path / "store", rank, lengths, results) for rank in range(3)]
    processes = [context.Process(target=_worker, args=args) for args in given_]
    for process in processes:
        process.start()
    found = dict(results.get() for _ in processes)
    for process in processes:
        process.join()
        assert process.exitcode == 0
    expected = [
        torch.cat([_table(rank, n[i], width) for rank, n in enumerate(lengths)]).tolist()
        for i, width in enumerate((1, 3))
    ]
    assert found == dict.fromkeys(range(3), expected)


# -- shares ----------------------------------------------------------------------------------------


@given(st.lists(st.integers(2, 60), min_size=1, max_size=40), st.integers(1, 8))
def test_shares_follow_each_other_and_none_is_empty(lengths, count):
    tokens = torch.tensor(sorted(lengths, reverse=True))
    count = min(count, len(tokens))
    found = bounds(tokens, count)
    assert found[0] == 0 and found[-1] == len(tokens) and len(found) == count + 1
    assert all(a < b for a, b in pairwise(found))


@given(st.lists(st.integers(2, 60), min_size=20, max_size=80), st.integers(2, 4))
def test_no_share_is_much_larger_than_others(lengths, count):
    """At most one pair too many at either end."""
    tokens = torch.tensor(sorted(lengths, reverse=True))
    places = bounds(tokens, count)
    sizes = [int(tokens[a:b].sum()) for a, b in pairwise(places)]
    assert max(sizes) <= int(tokens.sum()) / count + 2 * int(tokens.max())


@settings(deadline=None, max_examples=20)
@given(st.integers(3, 9), st.integers(2, 3), st.sampled_from([1, 8]), st.integers(0, 99))
def test_shares_have_the_losses_of_the_whole_batch(n, count, multiple, seed):
    model, sample = student(), batch(pairs(n, seed=seed), pad_to_multiple=multiple)
    parts = shares(sample, count)
    assert torch.equal(torch.cat([part["id"] for part in parts]), sample["id"])
    assert sum(part["ntokens"] for part in parts) == sample["ntokens"]
    assert sum(part["nsentences"] for part in parts) == n
    found = torch.cat([sentence_losses(model, part)({}) for part in parts])
    torch.testing.assert_close(found, sentence_losses(model, sample)({}))


def test_a_share_has_no_more_padding_than_its_own_pairs_need():
    sample = batch([*pairs(1, shortest=6, longest=6), *pairs(5, shortest=2, longest=2)])
    last = shares(sample, 2)[1]
    assert sample["net_input"]["src_tokens"].shape[1] == 7
    for tokens in (last["net_input"]["src_tokens"], last["target"]):
        assert tokens.shape[1] == 3


# -- what is known of them -------------------------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 4), st.integers(1, 4), st.booleans())
def test_features_of_shares_are_those_of_the_batch(ours, theirs, states):
    n = ours + theirs
    whole = rows(n, ids=torch.arange(n), loss=torch.rand(n), margin=torch.rand(n).double())
    if states:
        whole = type(whole)(**vars(whole) | {"states": torch.rand(n, 3)})
    parts = [_cut(whole, slice(ours)), _cut(whole, slice(ours, n))]
    told = []
    with patch.object(shared_batches, "all_rows", lambda tables: told.append(tables) or tables):
        gathered_features(parts[1])

    def exchanged(tables):
        return [torch.cat(pair) for pair in zip(tables, told[0], strict=True)]

    with patch.object(shared_batches, "all_rows", exchanged):
        found = gathered_features(parts[0])
    for name, value in vars(whole).items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(getattr(found, name), value)
            assert getattr(found, name).dtype == value.dtype
    assert all(torch.equal(found[name], column) for name, column in whole.columns.items())


def _cut(features, part):
    """The features of some of the sentences."""
    values = {n: x[part] for n, x in vars(features).items() if isinstance(x, torch.Tensor)}
    columns = {name: column[part] for name, column in features.columns.items()}
    return type(features)(**vars(features) | values | {"columns": columns})


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 4), max_size=3), min_size=1, max_size=8), st.integers(1, 30)
)
def test_sums_of_many_tensors_take_few_exchanges_of_bounded_size(shapes, most):
    values = [torch.rand(shape) for shape in shapes]
    exchanged = []

    def total(flat):
        exchanged.append(flat.numel())
        return 3 * flat

    with patch.object(reduction, "_TOGETHER", most):
        found = summed(list(values), total)
    assert all(torch.equal(x, 3 * value) for x, value in zip(found, values, strict=True))
    largest = max(value.numel() for value in values)
    assert max(exchanged) <= max(most, largest)
    assert all(a + b > most for a, b in pairwise(exchanged))


def test_the_dev_gradient_is_that_of_the_sum_of_shares():
    """Also where one worker's share does not depend on a parameter at all."""
    model = torch.nn.Linear(3, 2).double()
    parameters = dict(model.named_parameters())
    x = torch.randn(4, 3, dtype=torch.float64)

    def ours(_):
        return model(x[:3]).square().sum()

    def theirs(_):
        return (x[3:] @ model.weight.T).square().sum()  # without the bias

    def taken(loss, **more):
        found = DevGradient(model, parameters, ".", 0.0, half=False)
        return found, found.take(loss, **more)

    of_others = []
    taken(theirs, total=lambda flat: of_others.append(flat) or flat)
    found, loss = taken(ours, total=lambda flat: flat + of_others[0])
    expected, whole = taken(lambda values: ours(values) + theirs(values))
    torch.testing.assert_close(loss, whole)
    for name in parameters:
        torch.testing.assert_close(found.mean[name], expected.mean[name])


# -- training --------------------------------------------------------------------------------------


class OnCPU(distributed_fairseq_model.DistributedDataParallel):
    """What fairseq wraps a model in by default, without the number of a GPU."""

    def __init__(self, module, device_ids, output_device, **options):
        print("wrapped for several workers", file=sys.stderr)
        super().__init__(module, **options)


@pytest.mark.parametrize(
    "flags",
    [
        ["--weighting", "deep", "--update-freq", 2],
        ["--weighting", "deep", "--weight-unit", "token", "--find-unused-parameters"],
        ["--weighting", "deep", "--meta-window", 2],
        ["--weighting", "deep", "--meta-method", "forward", "--checkpoint-activations"],
        ["--weighting", "mwnet", "--meta-method", "reverse", "--meta-params", "."],
        ["--weighting", "l2rw"],
    ],
    ids=lambda flags: " ".join(map(str, flags[1:])),
)
def test_workers_train_to_the_same_bits_by_either_back_end(data, tmp_path, monkeypatch, flags):
    monkeypatch.setattr(distributed_fairseq_model, "DistributedDataParallel", OnCPU)
    common = [*OURS, *flags, "--weighting-warmup", 2, "--meta-interval", 2, "--max-update", 9]
    for name in ("pytorch_ddp", "legacy_ddp"):
        folder = ("--save-dir", tmp_path / name)
        done = train(data, *common, *folder, workers=2, back_end=name)
        assert ("wrapped for several workers" in done.stderr) == (name == "pytorch_ddp")
        assert re.search(r"\bdev_loss=", done.stdout)
    one, two = (load(path / "checkpoint_last.pt") for path in sorted(tmp_path.iterdir()))
    assert same(one["model"], two["model"])
    assert same(
        one["extra_state"]["L2RWTranslationTask"], two["extra_state"]["L2RWTranslationTask"]
    )


@pytest.mark.parametrize(("tokens", "alone"), [(150, False), (10, True)])
def test_of_a_trusted_batch_each_of_two_workers_passes_a_part(tmp_path, monkeypatch, tokens, alone):
    """Of a pair alone both pass all."""
    said, drawn = meta_step.MetaStep._losses, meta_step.TrustedBatches.next

    def passes(self, passed, *args):
        print(f"passes {len(passed['id'])} pairs", file=sys.stderr)
        return said(self, passed, *args)

    def draws(self):
        found = drawn(self)
        print(f"draws {len(found['id'])} pairs", file=sys.stderr)
        return found

    monkeypatch.setattr(meta_step.MetaStep, "_losses", passes)
    monkeypatch.setattr(meta_step.TrustedBatches, "next", draws)
    flags = [*OURS, "--weighting", "deep", "--max-update", 16, "--no-save"]
    flags[flags.index("--meta-max-tokens") + 1] = tokens
    done = train(make_corpus(tmp_path), *flags, workers=2)
    told = [line.split() for line in done.stderr.splitlines() if line.endswith(" pairs")]
    steps = [(int(a), int(b)) for (_, a, _), (_, b, _) in zip(told[::2], told[1::2], strict=True)]
    half = len(steps) // 2  # what one worker says comes after what the other does
    assert half >= 4 and any(drawn == 1 for drawn, _ in steps) == alone
    for (of, one), (again, two) in zip(steps[:half], steps[half:], strict=True):
        assert of == again and one + two == (2 if of == 1 else of)
