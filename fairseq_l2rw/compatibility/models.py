"""Which of fairseq's models can be students: those that read a source and a target so far."""

import inspect
from typing import Any

from fairseq.models import ARCH_MODEL_REGISTRY, MODEL_REGISTRY, FairseqMultiModel

from fairseq_l2rw.utils.errors import InputError

#: What a translation batch gives to a model.
_INPUTS = ("src_tokens", "src_lengths", "prev_output_tokens")
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def check_architecture(cfg: Any) -> None:
    """Refuse, before it is built, a model that does not translate word by word.

    Args:
        cfg: the model's options.

    Raises:
        InputError: naming models that work.
    """
    name = getattr(cfg, "_name", None) or getattr(cfg, "arch", None)
    kind = ARCH_MODEL_REGISTRY.get(name) or MODEL_REGISTRY.get(name)
    against = kind and _against(kind)
    if against:
        raise InputError(
            f"--arch {name} cannot be trained by this task: {against}; use an autoregressive "
            "encoder-decoder, such as transformer, lightconv, fconv or lstm"
        )


def check_output(model: Any) -> None:
    """Refuse a model whose decoder gives no probability to every word.

    Args:
        model: the student.

    Raises:
        InputError: naming the flag to leave out.
    """
    if getattr(getattr(model, "decoder", None), "adaptive_softmax", None) is not None:
        raise InputError(
            "--adaptive-softmax-cutoff leaves the decoder without a projection onto the whole "
            "vocabulary, from which losses of words are taken; leave it out (fairseq's own "
            "label_smoothed_cross_entropy does not go with it either)"
        )


def _against(kind: type) -> str:
    """What stands against a model of this class, empty where nothing does."""
    if issubclass(kind, FairseqMultiModel):
        return "it is several models in one"
    known = inspect.signature(kind.forward).parameters  # type: ignore[attr-defined]
    named = {n: p for n, p in known.items() if p.kind in _NAMED and n != "self"}
    needed = [n for n, p in named.items() if p.default is p.empty and n not in _INPUTS]
    if needed:
        return f"its forward also needs {', '.join(needed)}, as of a non-autoregressive model"
    # A forward that names nothing and takes everything may do.
    missing = [n for n in _INPUTS if n not in named]
    return f"its forward takes no {', '.join(missing)}" if missing and named else ""


def check_quantization(cfg: Any, path: str | None, weighting: str | None) -> None:
    """Refuse quantization that changes parameters while something else reads them.

    Args:
        cfg: the model's options.
        path: of fairseq's ``--quantization-config-path``.
        weighting: name of the weighting, if it makes passes of its own.

    Raises:
        InputError: naming the flag to leave out.
    """
    if path:
        raise InputError(
            "--quantization-config-path puts other layers into the student while it trains; leave "
            "it out here, and quantize the trained student with --task translation"
        )
    for flag, amount in _noise(cfg).items():
        if amount and weighting:
            raise InputError(
                f"{flag} {amount} changes the student's parameters in every pass, and --weighting "
                f"{weighting} makes passes of its own; leave {flag} out, or use --weighting "
                "initial, trim, error_norm, random or uniform"
            )


def _noise(cfg: Any) -> dict[str, float]:
    """Amounts of quantization noise by flag."""
    nested = getattr(cfg, "quant_noise", None)
    return {
        f"--quant-noise-{kind}": getattr(cfg, f"quant_noise_{kind}", 0)
        or getattr(nested, kind, 0)
        or 0
        for kind in ("pq", "scalar")
    }
