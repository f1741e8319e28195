"""Which parameters of the student a meta-gradient goes through."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from torch import Tensor, nn

from fairseq_l2rw.metagradient.functional import trained_parameters

#: The name of the choice that depends on the model.
AUTO = "auto"
# fairseq's names of the attention from decoder to encoder.
_ATTENTION = r"encoder_attn|decoder\.attention"


class Selection(NamedTuple):
    """Which parameters, and why.

    Attributes:
        parameters: by name.
        reason: in words which they are, for the log.
    """

    parameters: dict[str, nn.Parameter]
    reason: str


def selected(model: nn.Module, pattern: str) -> Selection:
    """The trained parameters whose name matches ``pattern``, or a good choice for ``AUTO``.

    The attention from decoder to encoder carries the clearest signal. Where there is none, the
    decoder's other layers come next. Embeddings and the projection onto the vocabulary are the last
    choice: most of what they tell is how frequent words are.

    Args:
        model: the student.
        pattern: regular expression searched in names.

    Returns:
        The parameters; none where nothing matches.
    """
    trained = trained_parameters(model)
    if pattern != AUTO:
        matching = [n for n in trained if re.search(pattern, n)]
        return Selection({n: trained[n] for n in matching}, f"those that match {pattern!r}")
    for reason, names in _choices(model, trained):
        found = {n: p for n, p in trained.items() if n in names}
        if found:
            return Selection(found, f"{reason} (--meta-params auto)")
    return Selection({}, "none")


def _choices(
    model: nn.Module, trained: Mapping[str, Tensor]
) -> Iterator[tuple[str, Collection[str]]]:
    """What to take and its names, best first."""
    yield "the attention to the source", [n for n in trained if re.search(_ATTENTION, n)]
    yield "the self-attention that reads the source, too", _joint_attention(model, trained)
    words = _of_words(model)
    others = [n for n in trained if n not in words]
    layers = [n for n in others if n.startswith("decoder.")]
    yield "the decoder's layers, since none attends to the source", layers
    yield "all but embeddings and output projection, since no decoder's layer is trained", others
    yield "all that are trained", trained


def _joint_attention(model: nn.Module, trained: Mapping[str, Tensor]) -> list[str]:
    """Names in attention to target and source at once: fairseq's --cross-self-attention."""
    layers = [p for p, m in model.named_modules() if getattr(m, "cross_self_attention", False)]
    return [n for n in trained if n.startswith(tuple(f"{path}.self_attn." for path in layers))]


def _of_words(model: nn.Module) -> set[str]:
    """Names of embeddings and of the projection onto the vocabulary."""
    embeddings = [m for m in model.modules() if isinstance(m, nn.Embedding)]
    tables = {id(p) for m in embeddings for p in m.parameters()}
    sizes = {m.num_embeddings for m in embeddings}
    decoder = getattr(model, "decoder", nn.Module())
    # A number or a row for every word, and no part of a layer.
    tables |= {
        id(p)
        for m in decoder.children()
        if not isinstance(m, nn.ModuleList)
        for p in m.parameters()
        if p.shape[:1].numel() in sizes
    }
    return {n for n, p in model.named_parameters() if id(p) in tables}
