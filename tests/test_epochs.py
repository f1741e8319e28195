"""Promise: where an epoch holds only some pairs, the log says what flags that count epochs mean."""

import logging
from types import SimpleNamespace

import pytest

from fairseq_l2rw.sampling.epoch_lengths import EpochLengthLog, counting_epochs
from fairseq_l2rw.sampling.sampled_batches import EpochSize
from fairseq_l2rw.utils.errors import InputError


def options(**given):
    found = SimpleNamespace(
        max_epoch=0,
        patience=-1,
        save_interval=1,
        validate_interval=1,
        lr_scheduler="fixed",
        lr_scheduler_options={"force_anneal": None},
        lr=[0.1],
        update_freq=[1],
        skip_remainder_batch=False,
        min_sampling_probability=0.05,
    )
    vars(found).update(given)
    return found


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ({}, []),
        ({"max_epoch": 6}, ["--max-epoch 6"]),
        ({"patience": 0}, []),
        ({"patience": 3, "save_interval": 2}, ["--patience 3", "--save-interval 2"]),
        ({"validate_interval": 5}, ["--validate-interval 5"]),
        ({"lr_scheduler": "inverse_sqrt"}, []),
        ({"lr_scheduler": "pass_through", "lr_scheduler_options": None}, []),
        ({"lr_scheduler": "step"}, []),  # counts updates in spite of its name
        ({"lr_scheduler": "manual"}, ["--lr-scheduler manual"]),
        (
            {"lr_scheduler": "reduce_lr_on_plateau"},
            ["--lr-scheduler reduce_lr_on_plateau"],
        ),
        ({"lr_scheduler_options": {"force_anneal": 9}}, ["--force-anneal 9"]),
        ({"lr": [0.1, 0.05]}, ["--lr [0.1, 0.05]"]),
        ({"update_freq": [1, 2]}, ["--update-freq [1, 2]"]),
    ],
)
def test_every_flag_that_counts_epochs_is_known(given, flags):
    assert counting_epochs(options(**given)) == flags


def said(caplog, cfg, *epochs):
    """What is logged of epochs as (level, text)."""
    with caplog.at_level(logging.INFO):
        log = EpochLengthLog(cfg)
        for epoch in epochs:
            log.begin(epoch)
    return [(r.levelname, r.getMessage()) for r in caplog.records]


FIRST, SECOND = EpochSize(1, 152, 300, 10, 19), EpochSize(2, 140, 300, 9, 19)


def test_every_epoch_says_how_many_pairs_it_holds_and_no_more_where_updates_are_counted(caplog):
    found = said(caplog, options(), FIRST, SECOND)
    assert found == [
        ("INFO", "epoch 1 holds 152 of 300 pairs"),
        ("INFO", "epoch 2 holds 140 of 300 pairs"),
    ]


def test_max_epoch_is_told_in_updates_once(caplog):
    found = said(caplog, options(max_epoch=6, update_freq=[2]), FIRST, SECOND)
    warnings = [text for level, text in found if level == "WARNING"]
    assert len(warnings) == 1 and len(found) == 3
    assert "152 of 300 pairs" in warnings[0]
    assert "5 updates, where plain training takes 10;" in warnings[0]
    assert "--max-epoch 6 will be about 30 updates, where it takes 60." in warnings[0]
    assert "--max-update 60" in warnings[0] and "--min-sampling-probability 1" in warnings[0]


def test_updates_of_several_batches_are_counted_by_epoch(caplog):
    found = said(caplog, options(max_epoch=3, update_freq=[1, 4]), FIRST)
    # 10 + 3 + 3, and 19 + 5 + 5.
    assert "--max-epoch 3 will be about 16 updates, where it takes 29" in found[1][1]


def test_other_flags_are_named(caplog):
    ((_, _), (level, text)) = said(caplog, options(patience=5), FIRST)
    assert level == "WARNING" and "--patience 5 will count such epochs" in text
    assert "--max-epoch" not in text


def test_an_epoch_without_an_update_is_refused(caplog):
    with pytest.raises(InputError, match="--skip-remainder-batch"):
        said(caplog, options(skip_remainder_batch=True), EpochSize(3, 4, 300, 1, 19))
