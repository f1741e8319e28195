"""Small students of every architecture, and batches for them, without files or training."""

from argparse import Namespace
from types import SimpleNamespace
from typing import Any

import torch
from fairseq.criterions.label_smoothed_cross_entropy import LabelSmoothedCrossEntropyCriterion
from fairseq.data import Dictionary
from fairseq.data.language_pair_dataset import collate
from fairseq.models import ARCH_CONFIG_REGISTRY, ARCH_MODEL_REGISTRY

import fairseq_l2rw  # noqa: F401  (registers)
from fairseq_l2rw.criterions.l2rw_label_smoothed_cross_entropy import L2RWLabelSmoothedCrossEntropy
from fairseq_l2rw.metagradient import functional

WORDS = 13
LIGHTCONV: dict[str, Any] = {
    "encoder_kernel_size_list": [3, 3],
    "decoder_kernel_size_list": [3, 3],
    "weight_softmax": True,
    "weight_dropout": 0.0,
    "encoder_glu": True,
    "decoder_glu": True,
    "attention_dropout": 0.0,
    "relu_dropout": 0.0,
    "input_dropout": 0.0,
}
SIZES: dict[str, dict[str, Any]] = {
    "transformer": {"share_all_embeddings": True},
    "transformer_align": {
        "alignment_heads": 1,
        "alignment_layer": 0,
        "full_context_alignment": False,
    },
    "lightconv": {
        **LIGHTCONV,
        "encoder_conv_type": "lightweight",
        "decoder_conv_type": "lightweight",
    },
    "dynamicconv": {**LIGHTCONV, "encoder_conv_type": "dynamic", "decoder_conv_type": "dynamic"},
    "lstm": {"decoder_out_embed_dim": 8},
    "fconv": {
        "encoder_layers": "[(8, 3)] * 2",
        "decoder_layers": "[(8, 3)] * 2",
        "decoder_out_embed_dim": 8,
    },
}
ARCHITECTURES = list(SIZES)


def dictionary() -> Dictionary:
    """A dictionary of a few invented words."""
    result = Dictionary()
    for i in range(WORDS):
        result.add_symbol(f"w{i}")
    return result


DICTIONARY = dictionary()
VOCABULARY = len(DICTIONARY)


def student(arch: str = "transformer", dropout: float = 0.0, seed: int = 1, **options: Any) -> Any:
    """A float64 student with two small layers a side, in training mode."""
    args = Namespace(
        arch=arch,
        criterion="",
        dropout=dropout,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        max_source_positions=50,
        max_target_positions=50,
    )
    for side in ("encoder", "decoder"):
        for size in ("embed_dim", "ffn_embed_dim", "hidden_size", "conv_dim"):
            setattr(args, f"{side}_{size}", 8)
    for name, value in {**SIZES[arch], **options}.items():
        setattr(args, name, value)
    arch = "lightconv" if arch == "dynamicconv" else arch
    ARCH_CONFIG_REGISTRY[arch](args)
    task = SimpleNamespace(source_dictionary=DICTIONARY, target_dictionary=DICTIONARY)
    torch.manual_seed(seed)
    model = ARCH_MODEL_REGISTRY[arch].build_model(args, task)
    with torch.no_grad():  # fairseq starts some parameters at 0, where derivatives hide
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return model.double().train()


def pairs(count: int, seed: int = 0, shortest: int = 1, longest: int = 6) -> list[dict[str, Any]]:
    """Pairs of random sentences of different lengths, as fairseq's datasets give them."""
    generator = torch.Generator().manual_seed(seed)

    def sentence() -> torch.Tensor:
        length = int(torch.randint(shortest, longest + 1, (), generator=generator))
        words = torch.randint(4, VOCABULARY, (length,), generator=generator)
        return torch.cat([words, torch.tensor([DICTIONARY.eos()])])

    return [{"id": i, "source": sentence(), "target": sentence()} for i in range(count)]


def batch(samples: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    """The batch that fairseq makes of pairs: source padded left, target right."""
    return collate(samples, DICTIONARY.pad(), DICTIONARY.eos(), **options)


def criterion(
    reweighting: Any = None, smoothing: float = 0.1, unit: str = "sentence"
) -> L2RWLabelSmoothedCrossEntropy:
    """Our criterion outside of a task."""
    cfg = SimpleNamespace(weight_unit=unit)
    task = SimpleNamespace(target_dictionary=DICTIONARY, reweighting=reweighting, cfg=cfg)
    return L2RWLabelSmoothedCrossEntropy(task, sentence_avg=False, label_smoothing=smoothing)


def plain_criterion(smoothing: float = 0.1) -> LabelSmoothedCrossEntropyCriterion:
    """The criterion of fairseq itself."""
    task = SimpleNamespace(target_dictionary=DICTIONARY)
    return LabelSmoothedCrossEntropyCriterion(task, sentence_avg=False, label_smoothing=smoothing)


def sentence_losses(model: Any, sample: dict[str, Any], unit: str = "sentence") -> Any:
    """Losses of a batch's sentences as a function of the parameters."""
    rule = criterion(unit=unit)

    def losses(parameters: dict[str, torch.Tensor]) -> torch.Tensor:
        output = functional.call(model, parameters, **sample["net_input"])
        return rule.row_losses(model, output, sample)

    return losses
