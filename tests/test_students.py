"""Promise: every model that translates word by word trains; any other is refused in one line."""

import re
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
import torch
from commands import OURS, load, refusal, train
from fairseq.models import ARCH_MODEL_REGISTRY

from fairseq_l2rw.compatibility.models import check_architecture, check_quantization
from fairseq_l2rw.features.extractor import FeatureExtractor
from fairseq_l2rw.utils.errors import InputError

TRAINABLE = {
    *("bart_base", "fconv", "fconv_self_att", "lightconv", "lstm"),
    *("transformer", "transformer_align", "transformer_iwslt_de_en", "transformer_tiny"),
}
REFUSED = {
    "cmlm_transformer": "needs tgt_tokens",
    "insertion_transformer": "needs tgt_tokens",
    "levenshtein_transformer": "needs tgt_tokens",
    "nacrf_transformer": "needs tgt_tokens",
    "nonautoregressive_transformer": "needs tgt_tokens",
    "unity_conformer": "needs prev_output_tokens_mt",
    "transformer_lm": "takes no src_lengths, prev_output_tokens",
    "fconv_lm": "takes no src_lengths, prev_output_tokens",
    "roberta_base": "takes no src_lengths, prev_output_tokens",
    "wav2vec2": "needs source",
    "multilingual_transformer": "several models",
}


def run(data, out, weighting, *flags, check=True):
    """A short run with a record; says what it printed."""
    short = ("--weighting", weighting, "--max-update", 8, "--save-dir", out)
    return train(data, *OURS, *short, "--weights-dir", out / "weights", *flags, check=check)


def column(out, name):
    table = pq.read_table(out / "weights").sort_by([("update", "ascending"), ("id", "ascending")])
    return torch.tensor([float("nan") if x is None else x for x in table[name].to_pylist()])


def test_a_run_with_checkpoint_activations_is_the_run_without_it(data, tmp_path):
    logs = {}
    for name, flags in (("with", ["--checkpoint-activations"]), ("without", [])):
        logs[name] = run(data, tmp_path / name, "deep", *flags).stdout
    assert "auto instead of ghost" in logs["with"] and "ghost (compared" in logs["without"]
    for what, near in (("usefulness", 1e-3), ("weight", 1e-2)):
        with_it, without = (column(tmp_path / name, what) for name in logs)
        assert with_it.nan_to_num(0).abs().max() > 0
        torch.testing.assert_close(with_it, without, rtol=near, atol=near / 1000, equal_nan=True)


@pytest.mark.parametrize("rule", ["mask", "l2rw"])
def test_so_is_one_that_reads_alignments(data, tmp_path, rule):
    assert "auto instead of ghost" in run(data, tmp_path, rule, "--checkpoint-activations").stdout
    assert column(tmp_path, "usefulness").nan_to_num(0).abs().max() > 0
    assert len(column(tmp_path, "weight").unique()) > 1


def test_a_student_without_cross_attention_finds_what_to_look_back_through(data, tmp_path):
    flags = ("--cross-self-attention", "--no-cross-attention")
    log = run(data, tmp_path, "deep", *flags).stdout
    assert "the self-attention that reads the source, too (--meta-params auto)" in log
    assert min(map(float, re.findall(r"meta_gnorm=([\d.e-]+)", log))) > 0
    assert column(tmp_path, "usefulness").nan_to_num(0).abs().max() > 0


@pytest.mark.parametrize("head", ["least-squares", "mlp"])
def test_a_sentence_whose_states_are_not_finite_costs_no_more_than_what_it_would_teach(
    data, tmp_path, monkeypatch, head
):
    extract = FeatureExtractor.extract

    def corrupted(self, *args):
        seen = extract(self, *args)
        if seen.states is not None:
            seen.states[seen.ids % 10 == 3] = float("nan")
        return seen

    monkeypatch.setattr(FeatureExtractor, "extract", corrupted)  # the run is a fork of this process
    flags = ("--weighting-options", f"head={head}", "--meta-interval", 2)
    flags += ("--min-sampling-probability", 1)
    log = run(data, tmp_path, "deep", *flags).stdout
    assert max(map(float, re.findall(r"teacher_skipped_rows=([\d.]+)", log))) > 0
    assert column(tmp_path, "weight").isfinite().all()
    state = load(tmp_path / "checkpoint_last.pt")["extra_state"]["L2RWTranslationTask"]
    learnt = {n: v for n, v in state["weighting"].items() if torch.is_tensor(v)}
    assert learnt and [n for n, v in learnt.items() if not v.isfinite().all()] == []


@pytest.mark.parametrize("name", sorted(TRAINABLE))
def test_models_that_translate_word_by_word_are_taken(name):
    assert name in ARCH_MODEL_REGISTRY
    check_architecture(SimpleNamespace(arch=name))
    check_architecture(SimpleNamespace(_name=name, arch=None))


@pytest.mark.parametrize(("name", "says"), REFUSED.items())
def test_other_models_are_refused_in_one_line_that_names_some_that_work(name, says):
    refused = pytest.raises(InputError, match=f"--arch {name} .*{says}.*such as transformer, ")
    with refused as told:
        check_architecture(SimpleNamespace(arch=name))
    assert "\n" not in str(told.value)


def test_a_run_with_another_model_ends_in_that_line(data, tmp_path):
    done = run(data, tmp_path, "deep", "--arch", "nonautoregressive_transformer", check=False)
    assert "its forward also needs tgt_tokens" in refusal(done)


@pytest.mark.parametrize("kind", ["pq", "scalar"])
@pytest.mark.parametrize("nested", [False, True])
def test_quantization_noise_is_refused_where_more_than_the_student_reads_its_weights(kind, nested):
    flag = f"--quant-noise-{kind}"
    cfg = SimpleNamespace(**{f"quant_noise_{kind}": 0.1})
    if nested:
        cfg = SimpleNamespace(quant_noise=SimpleNamespace(**{kind: 0.1}))
    with pytest.raises(InputError, match=f"{flag} 0.1 .*--weighting deep .* leave {flag} out"):
        check_quantization(cfg, None, "deep")
    check_quantization(cfg, None, None)  # which makes no passes of its own
    check_quantization(SimpleNamespace(), None, "deep")


def test_quantization_is_refused_in_a_run_and_harmless_where_the_student_alone_has_it(
    data, tmp_path
):
    noise = ("--quant-noise-pq", 0.1)
    refused = run(data, tmp_path / "deep", "deep", *noise, check=False)
    assert "leave --quant-noise-pq out" in refusal(refused)
    run(data, tmp_path / "uniform", "uniform", *noise)
    (tmp_path / "pq.yaml").write_text("n_centroids: {}\n")
    layers = ("--quantization-config-path", tmp_path / "pq.yaml")
    refused = run(data, tmp_path / "layers", "uniform", *layers, check=False)
    assert "--quantization-config-path puts other layers" in refusal(refused)
