"""Promise: weights are to be seen where people watch training: TensorBoard and wandb."""

import json
import re

import numpy as np
from commands import OURS, train
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

INTERVAL = ["--log-interval", 5, "--max-update", 20]


def test_tensorboard_has_the_numbers_and_a_histogram_of_weights(data, tmp_path):
    flags = [*OURS, *INTERVAL, "--tensorboard-logdir", tmp_path / "board", "--no-save"]
    train(data, *flags, "--weighting", "random")
    board = EventAccumulator(str(tmp_path / "board" / "train_inner"), {"histograms": 0})
    board.Reload()
    assert {"weight_mean", "weight_ess", "step_share"} <= {*board.Tags()["scalars"]}
    found = board.Histograms("weights")
    assert [event.step for event in found] == [10, 15, 20]  # none before fairseq logs, at 5
    means = {event.step: event.value for event in board.Scalars("weight_mean")}
    for event in found[1:]:  # the first one is of ten updates
        histogram = event.histogram_value
        assert histogram.min == 0 and histogram.max > 0.5
        assert np.isclose(histogram.sum / histogram.num, means[event.step], rtol=1e-3)


def test_histograms_stand_beside_the_other_numbers_after_the_optimizer_was_reset(data, tmp_path):
    flags = [*OURS, "--log-interval", 2, "--save-dir", tmp_path, "--weighting", "random"]
    train(data, *flags, "--max-update", 6)
    again = ["--reset-optimizer", "--reset-lr-scheduler", "--reset-meters"]
    train(data, *flags, *again, "--max-update", 8, "--tensorboard-logdir", tmp_path / "board")
    board = EventAccumulator(str(tmp_path / "board" / "train_inner"), {"histograms": 0})
    board.Reload()
    found = [event.step for event in board.Histograms("weights")]
    assert found == [event.step for event in board.Scalars("weight_mean")][1:]


def test_wandb_has_them_too_without_a_network(data, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    flags = [*OURS, *INTERVAL, "--wandb-project", "l2rw", "--no-save"]
    train(data, *flags, "--weighting", "random")
    (log,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    text = log.read_bytes().decode("latin1")
    assert "train_inner/weight_mean" in text
    assert re.search(r"train_inner/weights", text) and json.dumps("histogram") in text
