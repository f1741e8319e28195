"""Promise: features are read from the student's own pass, over real tokens, for every family."""

import pytest
import torch
from students import ARCHITECTURES, VOCABULARY, batch, pairs, student
from torch import nn
from torch.nn import functional

from fairseq_l2rw.features.student_states import Reader, pooled
from fairseq_l2rw.utils.errors import InputError

pytestmark = pytest.mark.usefixtures("float64")


def features(model, sample, depth=1):
    reader = Reader(model, VOCABULARY, depth)
    with torch.no_grad(), reader.reading() as states:
        model(**sample["net_input"])
    return states.pool(sample["net_input"]["src_tokens"].ne(1), sample["target"].ne(1))


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_padding_and_order_change_no_feature(arch):
    model, samples = student(arch).eval(), pairs(5)
    alone = torch.cat([features(model, batch([s])) for s in samples])
    together = features(model, batch(samples))
    order = batch(samples)["id"]  # fairseq sorts by length
    # fairseq's lstm and fconv compute parts in float32; fconv lets padding leak into convolutions
    # on the source side, which is the model's doing and not the reader's.
    if arch == "fconv":
        together, alone = together[:, 8:], alone[:, 8:]
    if arch in ("lstm", "fconv"):
        torch.testing.assert_close(together, alone[order], rtol=1e-3, atol=1e-4)
    else:
        torch.testing.assert_close(together, alone[order])


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_as_many_sentences_as_positions_is_no_trap(arch):
    model = student(arch).eval()
    samples = pairs(4, shortest=3, longest=3)
    square = batch(samples)
    assert square["net_input"]["src_tokens"].shape == (4, 4)
    alone = torch.cat([features(model, batch([s])) for s in samples])
    places = {s["id"]: k for k, s in enumerate(samples)}
    expected = alone[[places[int(i)] for i in square["id"]]]
    torch.testing.assert_close(features(model, square), expected, rtol=1e-4, atol=1e-5)


def test_decoder_features_are_the_states_before_the_output_projection():
    model, sample = student(), batch(pairs(4))
    with torch.no_grad():
        encoder_out = model.encoder(sample["net_input"]["src_tokens"])
        states, _ = model.decoder.extract_features(
            sample["net_input"]["prev_output_tokens"], encoder_out
        )
        source = encoder_out["encoder_out"][0].transpose(0, 1)
    expected = torch.cat(
        [
            pooled(source, sample["net_input"]["src_tokens"].ne(1)),
            pooled(states, sample["target"].ne(1)),
        ],
        dim=1,
    )
    torch.testing.assert_close(features(model, sample), expected)


def test_deeper_layers_are_added_on_request():
    model, sample = student(), batch(pairs(4))
    shallow, deep = features(model, sample), features(model, sample, depth=2)
    assert shallow.shape == (4, 16) and deep.shape == (4, 32)
    torch.testing.assert_close(deep[:, :8], shallow[:, :8])
    torch.testing.assert_close(deep[:, 16:24], shallow[:, 8:])


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_the_first_pass_takes_no_more_memory_and_leaves_what_the_decoder_is_given(
    arch, monkeypatch
):
    model, sample = student(arch).eval(), batch(pairs(5))
    reorder, asked = model.encoder.reorder_encoder_out, []

    def watched(out, order):
        asked.append(len(order))
        return reorder(out, order)

    monkeypatch.setattr(model.encoder, "reorder_encoder_out", watched)
    given = []
    model.decoder.register_forward_pre_hook(
        lambda _module, inputs, named: given.append(
            named["encoder_out"] if "encoder_out" in named else inputs[1]
        ),
        with_kwargs=True,
    )
    with torch.no_grad(), Reader(model, VOCABULARY).reading():
        model(**sample["net_input"])
    assert 0 < len(asked) <= 2 and max(asked) <= 4
    if arch == "transformer":
        assert given[0]["encoder_states"]
        for layer in given[0]["encoder_states"]:
            assert layer.shape == given[0]["encoder_out"][0].shape


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_later_passes_read_what_the_first_one_would(arch):
    model = student(arch).eval()
    reader = Reader(model, VOCABULARY)
    for length in (3, 5, 4):
        sample = batch(pairs(3, shortest=length, longest=length))
        with torch.no_grad(), reader.reading() as states:
            model(**sample["net_input"])
        with torch.no_grad(), Reader(model, VOCABULARY).reading() as first:
            model(**sample["net_input"])
        for ours, expected in zip(
            states.encoder + states.decoder, first.encoder + first.decoder, strict=True
        ):
            assert torch.equal(ours, expected)


def test_only_the_first_pass_listens_to_every_linear_function():
    model, sample, own = student(), batch(pairs(3)), functional.linear
    reader = Reader(model, VOCABULARY)
    for listens in (True, False, False):
        with reader.reading():
            assert (functional.linear is not own) == listens
            model(**sample["net_input"])
        assert functional.linear is own


def test_reading_leaves_no_hook_behind():
    model = student()
    reader = Reader(model, VOCABULARY, depth=2)
    for _ in range(2):
        with reader.reading():
            model(**batch(pairs(3))["net_input"])
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_states_are_detached():
    model, sample = student(), batch(pairs(3))
    with Reader(model, VOCABULARY).reading() as states:
        model(**sample["net_input"])
    assert not any(x.requires_grad for x in states.encoder + states.decoder)


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        (nn.Linear(2, 2), "no `encoder`"),
        (nn.ModuleDict({"encoder": nn.Linear(2, 2)}), "no `decoder`"),
    ],
)
def test_a_model_without_two_sides_is_refused_with_what_is_missing(model, missing):
    with pytest.raises(InputError, match=missing):
        Reader(model, VOCABULARY)


def test_a_model_without_vocabulary_projection_is_refused():
    model = student()
    refused = pytest.raises(InputError, match="no linear projection onto the 99")
    with refused, Reader(model, 99).reading():
        model(**batch(pairs(3))["net_input"])


def test_too_much_depth_is_refused_with_what_the_model_has():
    with pytest.raises(InputError, match="encoder of TransformerModel has 2 layers"):
        Reader(student(), VOCABULARY, depth=3)
    with pytest.raises(InputError, match="encoder of LSTMModel has no `layers`"):
        Reader(student("lstm"), VOCABULARY, depth=2)


def test_depth_with_layer_drop_is_refused_when_a_layer_is_missing():
    model = student(encoder_layerdrop=0.999999)
    with pytest.raises(InputError, match="layer drop"):
        features(model, batch(pairs(3)), depth=2)
    assert features(model, batch(pairs(3))).shape == (3, 16)
