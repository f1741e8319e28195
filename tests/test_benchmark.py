"""The benchmark compares what is the same, turn by turn, and says how."""

import json
import subprocess
import sys
from pathlib import Path

import benchmark
import numpy as np
import pytest
import torch
from benchmarking import corpus
from benchmarking.peers import disagreement
from benchmarking.students import Setting, Student, train_command
from commands import ENVIRONMENT
from fairseq.data.indexed_dataset import MMapIndexedDataset

SCRIPTS = Path(benchmark.__file__).parent


def test_a_literal_double_backward_is_our_exact_derivative(data, tmp_path, float64):
    setting = Setting(data, tmp_path, width=12, layers=1, max_tokens=200)
    peer = benchmark.sides()["ren"](setting)
    peer.student.model.double()
    sample = peer.student.samples(1)[0]
    assert disagreement(peer.student, "ren", sample, peer.devs[0]) < 1e-9


def test_the_floor_by_hand():
    assert benchmark.floor("forward", 1, 0.25) == pytest.approx((3 + 0.75 + 2) / 3)
    assert benchmark.floor("forward", 10, 1) == pytest.approx((30 + 3 + 2) / 30)
    assert benchmark.floor("ghost", 1, 0.25) == pytest.approx((3 + 0.75 + 1) / 3)


def results_of(script, data, folder, *flags, name="benchmark.json"):
    """What a benchmark writes under this name, below a folder that it makes, and what it prints."""
    out = folder / "out"
    command = [sys.executable, SCRIPTS / script, *(("--data", data) if data else ())]
    command += ["--out", out, *flags]
    done = subprocess.run(
        list(map(str, command)), env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads((out / name).read_text()), done.stdout


def alike(*counts):
    """Whether words are there as often as their translations are, by counts of types."""
    return len({tuple(count[count > 0].tolist()) for count in counts}) == 1


def test_a_corpus_that_is_made_up_is_one_that_fairseq_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(corpus, "_TOGETHER", 300)
    corpus.write(tmp_path, {"train": 1000, "meta": 100})
    for split, count in (("train", 1000), ("meta", 100)):
        source, target = (
            MMapIndexedDataset(str(tmp_path / f"{split}.src-tgt.{x}")) for x in ("src", "tgt")
        )
        assert len(source) == len(target) == count
        assert all(int(row[-1]) == 2 and (row[:-1] > 3).all() for row in [*source, *target])
        counts = [[torch.bincount(row).sort().values for row in side] for side in (source, target)]
        same = [alike(*pair) for pair in zip(*counts, strict=True)]
        assert np.mean(same) == 1 if split == "meta" else 0.85 < np.mean(same) < 0.95


@pytest.mark.slow
def test_one_command_writes_ratios_of_time_memory_and_operations(data, tmp_path):
    size = ("--width", "12", "--layers", "1", "--max-tokens", "200", "--turns", "2")
    sides = ("--sides", "forward, every 5", "ren")
    found, printed = results_of("benchmark.py", data, tmp_path, *size, *sides)
    assert list(found["sides"]) == ["plain", "forward, every 5", "ren"]
    plain = found["sides"]["plain"]
    assert plain["time"] == {"median": 1, "low": 1, "high": 1}
    assert plain["memory"] == plain["operations"] == 1
    for side in found["sides"].values():
        assert 0 < side["time"]["low"] <= side["time"]["median"] <= side["time"]["high"]
        assert side["megabytes"] > 0 and side["seconds"] > 0
        assert side["operations"] >= 1
        assert f"{side['memory']:.2f} | {side['operations']:.2f} |" in printed
    assert found["setting"]["width"] == 12 and "torch" in found["versions"]
    assert found["disagreement"].keys() == {"ren"} and found["disagreement"]["ren"] < 1e-3
    assert "ren differs from the exact derivative by" in printed


@pytest.mark.parametrize(("workers", "how"), [(1, ["--together"]), (2, [])])
@pytest.mark.slow
def test_whole_runs_are_compared(data, tmp_path, workers, how):
    flags = ("--recipe", "quickstart", "--updates", "12", "--workers", workers, *how)
    found, printed = results_of("benchmark_runs.py", data, tmp_path, *flags)
    assert found["setting"]["recipe"] == "quickstart"
    assert found["setting"]["workers"] == workers
    log = (tmp_path / "out" / "deep" / "train.log").read_text()
    assert ('"distributed_world_size": 2' in log.replace("'", '"')) == (workers == 2)
    for name, side in found["sides"].items():
        assert (tmp_path / "out" / name / "checkpoint_last.pt").exists()
        assert side["seconds"] > 1 and side["megabytes"] > 200  # torch alone takes more
        assert f"{side['memory']:.2f} |" in printed
    assert list(found["sides"]) == ["plain", "deep"]
    assert list((tmp_path / "out" / "deep" / "weights").glob("*.parquet"))


@pytest.mark.slow
def test_what_a_corpus_costs_before_the_first_update_is_told(tmp_path):
    found, printed = results_of("benchmark_setup.py", None, tmp_path, "--pairs", 3000)
    assert list(found["sides"]) == ["plain", "first", "later"]
    logs = {n: (tmp_path / "out" / n / "train.log").read_text() for n in found["sides"]}
    assert "initial weights: kept in" in logs["first"]
    assert "as an earlier run found" in logs["later"] and "initial weights" not in logs["plain"]
    for name, side in found["sides"].items():
        assert side["seconds"] > 1 and side["megabytes"] > 200
        assert f"| {name} | {side['seconds']:.1f} s | {side['megabytes']:.0f} MB |" in printed


@pytest.mark.slow
def test_ratios_are_told_by_size_with_a_picture(data, tmp_path):
    flags = ("--width", "--max-tokens", 200, "--turns", 1, "--sides", "uniform")
    found, printed = results_of("benchmark_scale.py", data, tmp_path, *flags, name="scale.json")
    assert list(found) == ["max_tokens"] and list(found["max_tokens"]) == ["200"]
    assert found["max_tokens"]["200"]["setting"]["max_tokens"] == 200
    assert "target tokens of a batch: 200" in printed and "| `uniform` |" in printed
    assert (tmp_path / "out" / "scale.png").stat().st_size > 10_000


@pytest.mark.slow
def test_windows_are_told_by_length_and_trajectory(tmp_path):
    flags = ("--windows", 1, 4, "--turns", 1)
    told, printed = results_of("benchmark_window.py", None, tmp_path, *flags, name="window.json")
    found = told["trajectories"]
    assert list(found) == ["stored", "offloaded", "rewind"]
    for cells in found.values():
        assert list(cells) == ["1", "4"]
        assert all(cell["seconds"] > 0 for cell in cells.values())
    assert found["rewind"]["4"]["copies"] < found["stored"]["4"]["copies"] - 4
    assert "| trajectory | | B = 1 | B = 4 |" in printed and "| `rewind` | time |" in printed


@pytest.mark.parametrize("weighting", [pytest.param("mwnet", marks=pytest.mark.slow), "deep"])
def test_a_meta_step_is_one_pass_over_trusted_pairs(data, tmp_path, weighting):
    """The training batch is not passed again, nor are trusted pairs that are learnt from."""
    setting = Setting(data, tmp_path, width=12, layers=1, max_tokens=200)
    flags = ["--meta-interval", "1"]
    flags += ["--weighting-options", "spacing=even"] if weighting == "deep" else []
    student = Student(train_command(setting, weighting, flags))
    seen = []
    student.model.encoder.register_forward_pre_hook(
        lambda _module, inputs, given: seen.append((given or {}).get("src_tokens", *inputs[:1])),
        with_kwargs=True,
    )
    samples = student.samples(5)
    for sample in samples[:2]:  # ghost products are compared with another pass's, once
        student.update(sample)
    for sample in samples[2:]:
        seen.clear()
        student.update(sample)
        assert len(seen) == 2 and torch.equal(seen[0], sample["net_input"]["src_tokens"])


def test_a_student_in_bfloat16_does_not_ask_for_a_tpu(data, tmp_path):
    setting = Setting(data, tmp_path, width=12, layers=1, max_tokens=200, precision="bf16")
    student = Student(train_command(setting, "mwnet"))
    for sample in student.samples(2):
        student.update(sample)
    parameters = list(student.model.parameters())
    assert {p.dtype for p in parameters} == {torch.bfloat16}
    assert all(torch.isfinite(p).all() for p in parameters)


def test_an_unknown_side_is_named(data, tmp_path, monkeypatch):
    command = ["benchmark.py", "--data", str(data), "--out", str(tmp_path), "--sides", "fast"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit, match="unknown side 'fast'; known: plain, uniform, deep"):
        benchmark.main()


@pytest.mark.slow
def test_cheaper_meta_gradients_are_held_to_the_exact_one(data, tmp_path):
    flags = ("--width", 12, "--layers", 1, "--max-tokens", 200, "--updates", 12, "--interval", 3)
    told, printed = results_of(
        "benchmark_accuracy.py", data, tmp_path, *flags, name="accuracy.json"
    )
    found = told["correlations"]
    assert {len(values) for values in found.values()} == {3}
    assert all(value == pytest.approx(1) for value in found["exact"])
    assert all(0.9 < value < 1 for value in found["by differences"])
    assert all(-1 <= value < 0.999 for value in found["a dev batch of a quarter"])
    assert "| by differences |" in printed
