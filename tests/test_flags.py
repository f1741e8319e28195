"""Promise: a flag of fairseq-train works with reweighting, or is refused in one line at the start.

The table in docs/flags.md lists the very flags that are tried here.
"""

import re
from itertools import chain
from pathlib import Path

import pytest
import torch
from commands import OURS, load, refusal, same, train

from fairseq_l2rw.compatibility.back_ends import check_back_end
from fairseq_l2rw.config import L2RWTranslationConfig
from fairseq_l2rw.utils.errors import InputError

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
STATE = "L2RWTranslationTask"
DEEP = [*OURS, "--weighting", "deep", "--weighting-warmup", "2", "--meta-interval", "2"]

#: Flags that change nothing in what is learnt: a run with all of a group has the bits of one
#: without. Validation is in a group of its own, where it happens and may end training.
HARMLESS = {
    "without validation": [
        "--num-workers 2",
        "--data-buffer-size 1",
        "--dataset-impl mmap",
        "--fix-batches-to-gpus",
        "--find-unused-parameters",
        "--disable-validation",
        "--keep-interval-updates 1",
        "--no-last-checkpoints",
        "--no-save-optimizer-state",
        "--checkpoint-suffix _end",
        "--load-checkpoint-on-all-dp-ranks",
        "--stop-time-hours 1",
        "--stop-min-lr 1e-9",
        "--store-ema",
        "--empty-cache-freq 2",
        "--all-gather-list-size 20000",
        "--log-format json",
        "--suppress-crashes",
        "--max-epoch 9",
        "--use-old-adam",
    ],
    "with validation": [
        "--skip-invalid-size-inputs-valid-test",
        "--max-tokens-valid 50",
        "--batch-size-valid 5",
        "--fixed-validation-seed 7",
        "--validate-interval 2",
        "--validate-interval-updates 3",
        "--keep-best-checkpoints 1",
        "--keep-last-epochs 1",
        "--patience 5",
    ],
}
#: Flags that change what is learnt: a run with those of a group resumes with the same bits.
WORKS = {
    "batches": [
        *("--update-freq 2", "--batch-size 12", "--left-pad-target"),
        *("--required-batch-size-multiple 4", "--max-source-positions 30", "--seed 9"),
    ],
    "losses": [
        *("--sentence-avg", "--label-smoothing 0.2", "--report-accuracy"),
        *("--weight-decay 0.01", "--lr-scheduler inverse_sqrt", "--warmup-updates 4"),
        "--clip-norm 0",
    ],
    "prefix": [
        *("--ignore-prefix-size 1", "--curriculum 1", "--grouped-shuffling"),
        *("--optimizer nag", "--lr-scheduler polynomial_decay", "--total-num-update 12"),
    ],
    "epochs": [
        *("--skip-remainder-batch", "--truncate-source", "--optimizer sgd", "--momentum 0.9"),
        *("--update-ordered-indices-seed", "--lr-scheduler cosine", "--max-target-positions 30"),
    ],
    "students": [
        *("--attention-dropout 0.1", "--activation-dropout 0.1", "--activation-fn gelu"),
        *("--encoder-normalize-before", "--decoder-normalize-before", "--encoder-learned-pos"),
        *("--encoder-layerdrop 0.2", "--checkpoint-activations", "--lr-scheduler triangular"),
        *("--max-lr 0.005", "--lr-period-updates 6"),
    ],
    "half precision": [
        *("--memory-efficient-fp16", "--fp16-init-scale 4", "--fp16-scale-window 4"),
        "--lr-scheduler reduce_lr_on_plateau",
    ],
    "mixed precision": [
        *("--amp", "--amp-batch-retries 1", "--lr-scheduler fixed", "--force-anneal 2"),
    ],
    "every epoch anew": [
        *("--update-epoch-batch-itr True", "--lr-scheduler tri_stage", "--warmup-steps 3"),
        *("--hold-steps 3", "--decay-steps 3"),
    ],
}  # fmt: skip
#: Flags that cannot work, and what the line at the start says.
REFUSED = {
    "--zero-sharding os": "no worker has all of the optimizer's state",
    "--use-bmuf": "workers do not share the gradient of an update",
    "--quant-noise-pq 0.1": "changes the student's parameters in every pass",
    "--quant-noise-scalar 0.1": "changes the student's parameters in every pass",
    "--adaptive-softmax-cutoff 5": "without a projection onto the whole vocabulary",
    "--quantization-config-path pq.yaml": "puts other layers into the student",
    "--optimizer adagrad": "no adjoint of --optimizer adagrad is known",
    "--optimizer adadelta": "no adjoint of --optimizer adadelta is known",
    # Which need packages that are not installed, and would say so first.
    "--optimizer lamb": "no adjoint of --optimizer lamb is known",
    "--optimizer cpu_adam": "no adjoint of --optimizer cpu_adam is known",
}
#: The same, of back ends that need machines or packages which a test has not: by the option.
REFUSED_BACK_ENDS = {
    "--tpu": ("tpu", True),
    "--bf16": ("tpu", True),  # fairseq sets the other one
    "--ddp-backend fully_sharded": ("ddp_backend", "fully_sharded"),
    "--ddp-backend slowmo": ("ddp_backend", "slowmo"),
    "--model-parallel-size 2": ("model_parallel_size", 2),
    "--pipeline-model-parallel": ("pipeline_model_parallel", True),
}
#: Flags that have a test of their own elsewhere.
ELSEWHERE = {
    "--fp16": "test_training.py",
    "--train-subset": "test_data.py",
    "--valid-subset": "test_data.py",
    "--combine-valid-subsets": "test_data.py",
    "--upsample-primary 2": "test_data.py",
    "--max-tokens": "test_data.py",
    "--distributed-world-size 2": "test_resume.py",
    "--ddp-backend legacy_ddp": "test_workers.py",
    "--ddp-backend pytorch_ddp": "test_workers.py",
    "--save-interval-updates": "test_resume.py",
    "--save-dir": "test_resume.py",
    "--restore-file": "test_resume.py",
    "--finetune-from-model": "test_resume.py",
    "--reset-optimizer": "test_resume.py",
    "--reset-lr-scheduler": "test_resume.py",
    "--reset-meters": "test_resume.py",
    "--reset-dataloader": "test_resume.py",
    "--no-save": "test_resume.py",
    "--eval-bleu": "test_resume.py",
    "--best-checkpoint-metric bleu": "test_resume.py",
    "--max-update": "test_training.py",
    "--optimizer adam": "test_training.py",
    "--adam-betas": "test_docs.py",
    "--dropout": "test_training.py",
    "--cpu": "test_training.py",
    "--no-epoch-checkpoints": "test_training.py",
    "--share-all-embeddings": "test_architectures.py",
    "--save-interval 2": "test_epochs.py",
    "--arch": "test_architectures.py",
}


def given(flags):
    return [word for flag in flags for word in flag.split()]


def saved(folder, pattern="checkpoint*.pt"):
    """The last checkpoint of a folder, whatever its name."""
    return load(max(folder.glob(pattern), key=lambda path: path.stat().st_mtime))


@pytest.mark.parametrize("group", HARMLESS)
def test_flags_that_concern_no_training_change_no_bit_of_it(data, tmp_path, group):
    validated = group == "with validation"
    for name, flags in (("without", []), ("with", HARMLESS[group])):
        more = ["--max-update", 8, "--save-interval-updates", 8, "--save-dir", tmp_path / name]
        done = train(data, *DEEP, *more, *given(flags))
        if name == "with":
            assert ("valid on 'valid' subset" in done.stdout) == validated
    one, two = (saved(tmp_path / name) for name in ("without", "with"))
    assert same(one["model"], two["model"])
    assert same(one["extra_state"][STATE], two["extra_state"][STATE])


@pytest.mark.parametrize("group", WORKS)
def test_flags_that_change_training_resume_with_the_same_bits(data, tmp_path, group):
    flags = [*DEEP, "--save-interval-updates", 1, "--max-update", 9, *given(WORKS[group])]
    done = train(data, *flags, "--save-dir", tmp_path)
    told = re.findall(r"\bmeta_gnorm=([\d.e-]+)", done.stdout)
    assert any(float(norm) > 0 for norm in told)  # 0 while the learning rate is
    assert "not finite" not in done.stdout + done.stderr
    middle = min(tmp_path.glob("checkpoint_*_[45].pt"))  # one of them may be the end of an epoch
    train(data, *flags, "--restore-file", middle, "--save-dir", tmp_path / "again")
    whole, again = (load(d / "checkpoint_last.pt") for d in (tmp_path, tmp_path / "again"))
    assert same(whole["model"], again["model"])
    assert same(whole["extra_state"][STATE], again["extra_state"][STATE])
    assert all(bool(torch.isfinite(value).all()) for value in whole["model"].values())


@pytest.mark.parametrize("flag", REFUSED)
def test_a_flag_that_cannot_work_gets_one_line_at_the_start(data, tmp_path, flag):
    done = train(data, *DEEP, *flag.split(), "--save-dir", tmp_path, check=False)
    assert REFUSED[flag] in refusal(done)
    assert "num_updates" not in done.stdout


@pytest.mark.parametrize("flag", REFUSED_BACK_ENDS)
def test_a_back_end_that_cannot_work_is_refused_by_name(flag):
    option, value = REFUSED_BACK_ENDS[flag]
    cfg = L2RWTranslationConfig(**{option: value})
    with pytest.raises(InputError, match=f"--{option.replace('_', '-')}.* does not go with"):
        check_back_end(cfg)
    check_back_end(L2RWTranslationConfig())


#: Of these, flags that a test gives by other words, or that every run of it has.
BY = {
    "--distributed-world-size 2": "workers=2",
    "--ddp-backend legacy_ddp": '"legacy_ddp"',
    "--ddp-backend pytorch_ddp": '"pytorch_ddp"',
    "--optimizer adam": "train(",
    "--dropout": "train(",
    "--cpu": "train(",
    "--no-epoch-checkpoints": "train(",
    "--max-tokens": "train(",
}


@pytest.mark.parametrize("flag", ELSEWHERE)
def test_a_flag_that_is_tried_elsewhere_is_there(flag):
    text = (TESTS / ELSEWHERE[flag]).read_text()
    if ELSEWHERE[flag] == "test_docs.py":  # which runs a page of commands
        text = (ROOT / "docs" / "own-data.md").read_text()
    wanted = [BY[flag]] if flag in BY else flag.split()[:1]
    assert all(word in text for word in wanted)
    if wanted == ["train("]:
        assert flag.split()[0] in (TESTS / "commands.py").read_text()


def test_the_table_in_the_docs_lists_the_flags_that_are_tried():
    page = ROOT / "docs" / "flags.md"
    rows = re.findall(r"^\| `(--[^`]+)` \| (works|refused) \| (.+) \|$", page.read_text(), re.M)
    tried = {
        flag: "works" for flag in [*chain(*HARMLESS.values()), *chain(*WORKS.values()), *ELSEWHERE]
    }
    tried |= {flag: "refused" for flag in [*REFUSED, *REFUSED_BACK_ENDS]}
    assert {flag: state for flag, state, _ in rows} == tried
    assert len(rows) == len(tried)
    tests = {path.name for path in TESTS.glob("test_*.py")}
    named = {name for _, _, text in rows for name in re.findall(r"`(test_\w+\.py)`", text)}
    assert named <= tests and {*ELSEWHERE.values()} <= named
