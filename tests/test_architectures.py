"""Promise: whatever translates under fairseq's task trains, validates and translates under ours.

The matrix is that of fairseq's own tests of translation, and what its models offer beside it.
"""

import re

import pytest
import torch
from commands import OURS, PLUGIN, TRAINING, Run, fairseq_train, load, translate

ALL = ["--encoder-layers", "2", "--encoder-embed-dim", "8"]
ALL += ["--decoder-layers", "2", "--decoder-embed-dim", "8"]
TRANSFORMER = [*ALL, "--encoder-ffn-embed-dim", "8", "--decoder-ffn-embed-dim", "8"]
TRANSFORMER += ["--encoder-attention-heads", "2", "--decoder-attention-heads", "2"]
KERNELS = ["--encoder-kernel-size-list", "[3,3]", "--decoder-kernel-size-list", "[3,3]"]
LSTM = [*ALL, "--decoder-out-embed-dim", "8"]
CONVOLUTIONS = ["--encoder-layers", "[(8, 3)] * 2", "--decoder-layers", "[(8, 3)] * 2"]
FCONV = [*LSTM, *CONVOLUTIONS]
FIRST = ["--encoder-normalize-before", "--decoder-normalize-before"]
DROP = ["--encoder-layerdrop", "0.1", "--decoder-layerdrop", "0.1"]

# By name: --arch and its flags, the pattern that the log says it looks back through.
WORK = {
    "fconv": ["fconv_iwslt_de_en", *FCONV],
    "fconv, shared embeddings": ["fconv", *FCONV, "--share-input-output-embed"],
    "lstm": ["lstm_wiseman_iwslt_de_en", *LSTM],
    "lstm, both directions": [
        *("lstm", *LSTM, "--encoder-bidirectional", "--encoder-hidden-size", "16"),
    ],
    "lstm, shared embeddings": ["lstm_luong_wmt_en_de", *LSTM, "--share-all-embeddings"],
    "lstm, no attention": ["lstm", *LSTM, "--decoder-attention", "0"],
    "transformer": ["transformer_iwslt_de_en", *TRANSFORMER],
    "transformer, the decoder's embeddings shared": [
        *("transformer_wmt_en_de_big_t2t", *TRANSFORMER, "--share-decoder-input-output-embed"),
    ],
    "transformer, all embeddings shared": ["transformer", *TRANSFORMER, "--share-all-embeddings"],
    "transformer, learned positions": [
        *("transformer", *TRANSFORMER, "--encoder-learned-pos", "--decoder-learned-pos"),
    ],
    "transformer, no positions": ["transformer", *TRANSFORMER, "--no-token-positional-embeddings"],
    "transformer, norms first": [
        *("transformer", *TRANSFORMER, *FIRST, "--layernorm-embedding", "--no-scale-embedding"),
        *("--activation-fn", "gelu"),
    ],
    "transformer, sides of other sizes": [
        *("transformer", *TRANSFORMER, "--encoder-embed-dim", "12", "--decoder-output-dim", "6"),
    ],
    "transformer, source in the self-attention, too": [
        *("transformer", *TRANSFORMER, "--cross-self-attention"),
    ],
    "transformer, source in the self-attention only": [
        *("transformer", *TRANSFORMER, "--cross-self-attention", "--no-cross-attention"),
    ],
    "transformer, layers dropped": ["transformer", *TRANSFORMER, *DROP],
    "transformer, checkpointed": ["transformer", *TRANSFORMER, "--checkpoint-activations"],
    "transformer, offloaded": ["transformer", *TRANSFORMER, "--offload-activations"],
    "align": [
        "transformer_align",
        *TRANSFORMER,
        "--alignment-heads",
        "1",
        "--alignment-layer",
        "0",
    ],
    "align, the whole context": [
        *("transformer_align", *TRANSFORMER, "--alignment-heads", "1", "--alignment-layer", "1"),
        "--full-context-alignment",
    ],
    "lightconv": [
        *("lightconv_iwslt_de_en", *TRANSFORMER, *KERNELS),
        *("--encoder-conv-type", "lightweight", "--decoder-conv-type", "lightweight"),
    ],
    "dynamicconv": [
        *("lightconv_iwslt_de_en", *TRANSFORMER, *KERNELS),
        *("--encoder-conv-type", "dynamic", "--decoder-conv-type", "dynamic"),
    ],
    "bart": ["bart_base", *TRANSFORMER],
    "mbart": ["mbart_base", *TRANSFORMER],
    # Whose states cannot be read.
    "fconv with self-attention": [
        *("fconv_self_att", *FCONV, "--encoder-attention", "True", "--self-attention", "True"),
        *("--weighting", "mwnet"),
    ],
}
# Variants that take no other way through our code than one of the others.
MORE = {
    *("fconv, shared embeddings", "lstm, shared embeddings", "transformer, learned positions"),
    *("transformer, the decoder's embeddings shared", "transformer, no positions", "mbart"),
    *("transformer, sides of other sizes", "align, the whole context", "transformer, offloaded"),
    "lstm, no attention",
}


def trained(data, out, arch, *flags, check=True):
    """A few updates of such a student, a look at the trusted pairs at each."""
    common = [*OURS, "--weighting-warmup", 1, "--meta-interval", 1, "--max-update", 3]
    given = [data, "--user-dir", PLUGIN, *TRAINING, *common, "--arch", *arch, *flags]
    return Run(fairseq_train, [*given, "--save-dir", out]).finish(check)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in MORE else ()) for name in WORK]
)
def test_it_trains_validates_and_translates(data, tmp_path, name):
    done = trained(data, tmp_path, WORK[name], "--save-interval-updates", 1)
    norms = [float(norm) for norm in re.findall(r"meta_gnorm=([\d.e+-]+)", done.stdout)]
    assert len(norms) == 3 and min(norms) > 0  # the trusted pairs say something at every update
    losses = re.findall(r"valid on 'valid' subset \| loss ([\d.]+)", done.stdout)
    assert losses and float(losses[-1]) < 20
    first, last = (load(tmp_path / f"checkpoint{x}.pt")["model"] for x in ("_1_1", "_last"))
    moved = [n for n in last if last[n].is_floating_point() and not torch.equal(first[n], last[n])]
    assert len(moved) > len(last) / 3
    lines = translate(data, tmp_path / "checkpoint_last.pt").stdout.splitlines()
    assert {line.split("\t")[0] for line in lines if line.startswith("H-")} == {
        f"H-{i}" for i in range(20)
    }
