"""Promise: --meta-params auto finds parameters that carry the signal, whatever the student."""

import logging
import re

import pytest
import torch
from students import ARCHITECTURES, batch, pairs, sentence_losses, student
from torch import nn

from fairseq_l2rw.metagradient.engine import MetaGradient
from fairseq_l2rw.metagradient.selection import selected
from fairseq_l2rw.utils.errors import InputError

pytestmark = pytest.mark.usefixtures("float64")
NO_CROSS = {"no_cross_attention": True}
STUDENTS = [
    *((arch, {}, "the attention to the source", "attn|attention") for arch in ARCHITECTURES),
    ("transformer", {"cross_self_attention": True}, "the attention to the source", "encoder_attn"),
    (
        "transformer",
        {"cross_self_attention": True, **NO_CROSS},
        "the self-attention that reads the source, too",
        r"decoder.*self_attn\.",
    ),
    ("lstm", {"encoder_bidirectional": True}, "the attention to the source", "attention"),
    ("transformer", NO_CROSS, "the decoder's layers", r"decoder\.layers"),
    ("lstm", {"decoder_attention": "0"}, "the decoder's layers", r"decoder\.(layers|.*_proj)"),
    ("fconv", {"decoder_attention": "False"}, "the decoder's layers", r"decoder\.(fc[12]|conv)"),
    (
        "lstm",
        {"decoder_attention": "0", "encoder_bidirectional": True, "decoder_hidden_size": 6},
        "the decoder's layers",
        r"decoder\.(layers|.*_proj|additional_fc)",
    ),
]


@pytest.mark.parametrize(("arch", "options", "which", "names"), STUDENTS)
def test_what_reads_the_source_comes_first_then_the_decoders_layers(
    arch, options, which, names, caplog
):
    caplog.set_level(logging.INFO)
    model = student(arch, **options)
    meta = MetaGradient(model, "auto")
    assert meta.parameters
    assert all(re.search(names, n) and n.startswith("decoder.") for n in meta.parameters)
    assert f"parameters: {which}" in caplog.text and "(--meta-params auto)" in caplog.text
    if "decoder_attention" not in options or arch != "fconv":  # which fairseq cannot run
        dev = sentence_losses(model, batch(pairs(4)))
        meta.dev_gradient(lambda values: dev(values).sum())
        assert sum(float(g.abs().sum()) for g in meta.mean.values()) > 1e-3


def test_embeddings_and_output_projections_are_never_among_the_decoders_layers():
    options = {"share_all_embeddings": False, **NO_CROSS}
    for arch, more in (("transformer", options), ("lstm", {"decoder_attention": "0"})):
        found = selected(student(arch, **more), "auto").parameters
        assert not [n for n in found if re.search("embed|softmax|fc_out|output_proj", n)]


def test_what_is_not_trained_is_not_chosen():
    model = student(share_all_embeddings=False)
    for name, p in model.named_parameters():
        p.requires_grad = "encoder_attn" not in name
    assert selected(model, "auto").reason.startswith("the decoder's layers")
    model.decoder.requires_grad_(False)
    found, reason = selected(model, "auto")
    assert reason.startswith("all but embeddings")
    assert all(n.startswith("encoder.layers") for n in found)
    model.encoder.layers.requires_grad_(False)
    assert [*selected(model, "auto").parameters] == ["encoder.embed_tokens.weight"]
    model.requires_grad_(False)
    with pytest.raises(InputError, match="--meta-params 'auto' matches no trained parameter"):
        MetaGradient(model, "auto")


def test_a_model_that_is_no_encoder_decoder_gives_all_but_its_embeddings():
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 4))
    assert [*selected(model, "auto").parameters] == ["1.weight", "1.bias"]
    assert len(selected(model, ".").parameters) == 3


def test_a_pattern_takes_what_it_matches():
    found, reason = selected(student(), "fc1")
    assert found and all("fc1" in n for n in found) and "'fc1'" in reason
    assert all(isinstance(p, torch.nn.Parameter) for p in found.values())
