"""The internal states of a student, read from its own training pass, all detached.

States are taken from the student's own training pass through hooks, so that no model is touched
and no second forward pass is made.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from fairseq_l2rw.metagradient import upcast
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.utils.function_hooks import listening


def pooled(states: Tensor, real: Tensor) -> Tensor:
    """Mean over real positions, shape (N, C).

    Args:
        states: shape (N, T, C).
        real: which positions are no padding, bool, shape (N, T).
    """
    mask = real.unsqueeze(-1).to(states)
    return (states * mask).sum(1) / mask.sum(1).clamp(min=1)


@dataclass
class States:
    """Hidden states of one pass, filled while ``Reader.reading`` is active.

    Attributes:
        encoder: of the layers that are read, each of shape (N, S, C), the output first.
        decoder: likewise, each of shape (N, T, C), the last states first.
        padding: which source positions are padding, bool, shape (N, S), as the encoder says, which
            may move it (lstm); None where it does not say.
    """

    encoder: list[Tensor] = field(default_factory=list)
    decoder: list[Tensor] = field(default_factory=list)
    padding: Tensor | None = None

    def pool(self, source_real: Tensor, target_real: Tensor) -> Tensor:
        """Pool everything over real tokens and concatenate: shape (N, D), float32 or wider.

        Args:
            source_real: real source positions, bool, shape (N, S); used if the encoder gave no
                mask.
            target_real: real target positions, bool, shape (N, T).
        """
        decoder = [pooled(upcast(x), target_real) for x in self.decoder]
        return torch.cat([*self._sources(source_real), *decoder], dim=1)

    def per_token(self, source_real: Tensor, target_real: Tensor) -> Tensor:
        """For every real target token its own decoder states and its pooled source: shape (M, D).

        Arguments as for ``pool``; tokens in the order of ``target_real.nonzero()``.
        """
        sentence = target_real.nonzero(as_tuple=True)[0]
        encoder = [x[sentence] for x in self._sources(source_real)]
        return torch.cat([*encoder, *(upcast(x)[target_real] for x in self.decoder)], dim=1)

    def _sources(self, source_real: Tensor) -> list[Tensor]:
        real = source_real if self.padding is None else ~self.padding
        return [pooled(upcast(x), real) for x in self.encoder]


class Reader:
    """Reads the internal states of a fairseq encoder-decoder during its own forward pass.

    The encoder output is whatever the encoder returns under ``encoder_out``; the decoder states
    are whatever its last projection onto the vocabulary is given.

    Args:
        model: the student, unwrapped.
        vocabulary: size of the target dictionary.
        depth: layers to read from the top of each side (1: the outputs only).
        sides: which of ``encoder`` and ``decoder`` to read.

    Raises:
        InputError: for a model with no encoder, no decoder, or too few layers for ``depth``.
    """

    def __init__(
        self,
        model: nn.Module,
        vocabulary: int,
        depth: int = 1,
        sides: Sequence[str] = ("encoder", "decoder"),
    ) -> None:
        self.name = type(model).__name__
        for part in ("encoder", "decoder"):
            if not isinstance(getattr(model, part, None), nn.Module):
                raise InputError(
                    f"cannot read the states of {self.name}: it has no `{part}`; "
                    "use an encoder-decoder model or a --weighting that reads no states"
                )
        self.encoder: Any = model.encoder
        self.decoder: Any = model.decoder
        self.vocabulary = vocabulary
        self.sides = sides
        self.deeper = {part: self._deeper(part, depth) for part in sides}
        self._projection: nn.Module | None = None  # the layer that does it, once it is known
        self._batch_dims: dict[Callable[[Any], Tensor | None], int] = {}

    def _deeper(self, part: str, depth: int) -> list[nn.Module]:
        """Layers below the top one, nearest first."""
        if depth == 1:
            return []
        layers = getattr(getattr(self, part), "layers", None)
        if not isinstance(layers, nn.ModuleList) or len(layers) < depth:
            found = f"{len(layers)} layers" if isinstance(layers, nn.ModuleList) else "no `layers`"
            raise InputError(
                f"--weighting-options depth={depth} cannot be read: the {part} of {self.name} has "
                f"{found}"
            )
        return list(reversed(layers))[1:depth]

    @contextmanager
    def reading(self) -> Iterator[States]:
        """Collect the states of the forward pass made inside the ``with`` block.

        Raises:
            InputError: on leaving the block, when the states could not be found.
        """
        states, projected = States(), list[Tensor]()
        deeper: dict[str, list[Tensor]] = {"encoder": [], "decoder": []}
        handles = self._hooks(states, deeper)
        read = "decoder" in self.sides
        try:
            with self._projecting(projected, handles) if read else nullcontext():
                yield states
        finally:
            for handle in handles:
                handle.remove()
        self._check(projected, deeper)
        states.decoder += [x.detach() for x in projected]
        states.encoder += deeper["encoder"]
        states.decoder += deeper["decoder"]

    @contextmanager
    def _projecting(self, projected: list[Tensor], handles: list[Any]) -> Iterator[None]:
        """Keep what is projected onto the vocabulary inside the ``with`` block; the last one stays.

        The first time every linear function is listened to, as several decoders call it plainly.
        If a layer of the decoder called it, that layer alone is watched from then on, which takes
        less time.

        Args:
            projected: where it goes.
            handles: hooks are added to these.
        """
        if self._projection is not None:
            handles.append(self._projection.register_forward_pre_hook(_keep_input(projected)))
            yield
            return
        layers: dict[nn.Module, list[Tensor]] = {}
        for module in self.decoder.modules():
            if isinstance(module, nn.Linear) and module.out_features == self.vocabulary:
                keep = _keep_input(layers.setdefault(module, []))
                handles.append(module.register_forward_pre_hook(keep))

        def listen(_name: str, _function: Any, given: dict[str, Any], _output: Tensor) -> None:
            if given["weight"].shape[0] == self.vocabulary:
                projected[:] = [given["input"]]  # the last one is the decoder's

        with listening({"linear": ("input", "weight", "bias")}, listen):
            yield
        last = projected[0] if projected else None
        same = (m for m, inputs in layers.items() if inputs and inputs[0] is last)
        self._projection = next(same, None)

    def _hooks(self, states: States, deeper: dict[str, list[Tensor]]) -> list[Any]:
        """Hooks that keep what the encoder gives, and the layers below the top ones."""

        def keep_encoder(_module: nn.Module, _inputs: Any, output: Any) -> None:
            self._keep_encoder(states, output)

        handles: list[Any] = []
        if "encoder" in self.sides:
            handles.append(self.encoder.register_forward_hook(keep_encoder))
        for part, layers in self.deeper.items():

            def keep(_module: nn.Module, _inputs: Any, output: Any, part: str = part) -> None:
                deeper[part].insert(0, self._layer_output(output))

            handles += [layer.register_forward_hook(keep) for layer in layers]
        return handles

    def _check(self, projected: list[Tensor], deeper: dict[str, list[Tensor]]) -> None:
        """Raise ``InputError`` where states were not found."""
        if "decoder" in self.sides and (not projected or projected[0].dim() != 3):
            raise InputError(
                f"cannot read the decoder states of {self.name}: no linear projection onto the "
                f"{self.vocabulary} target types was seen; "
                "use a --weighting that reads no states"
            )
        if any(len(deeper[part]) < len(layers) for part, layers in self.deeper.items()):
            raise InputError(
                "--weighting-options depth above 1 cannot read layers that layer drop leaves out; "
                "use depth=1 or no --encoder-layerdrop and --decoder-layerdrop"
            )

    def _keep_encoder(self, states: States, out: Any) -> None:
        value = _encoder_states(out)
        if value is None:
            raise InputError(
                f"cannot read the encoder output of {self.name}: {type(self.encoder).__name__} "
                "returns no three-dimensional `encoder_out`; use a --weighting that reads no states"
            )
        states.encoder = [self._batch_first(_encoder_states, out, value)]
        mask = _encoder_padding(out)
        if mask is not None:
            states.padding = self._batch_first(_encoder_padding, out, mask).bool()

    def _batch_first(self, get: Callable[[Any], Tensor | None], out: Any, value: Tensor) -> Tensor:
        """Put first the dimension that beam search's reordering of sentences changes.

        Shapes alone cannot tell when there are as many sentences as positions.
        """
        if get not in self._batch_dims:
            # So few that it takes no memory, and of another number than any dimension has.
            count = next(n for n in range(1, value.dim() + 2) if n not in value.shape)
            with torch.no_grad():
                # fairseq puts what it reorders into the lists that it is given.
                copy = _with_own_lists(out) if isinstance(out, dict) else out
                some = value.new_zeros(count, dtype=torch.long)
                changed = get(self.encoder.reorder_encoder_out(copy, some))
            assert changed is not None  # reordering keeps the structure
            self._batch_dims[get] = 0 if changed.shape[0] == count else 1
        return value.detach().transpose(0, self._batch_dims[get])

    def _layer_output(self, out: Any) -> Tensor:
        """Output of a deeper layer; fairseq's layers are time first."""
        out = _first(out)
        if not isinstance(out, Tensor) or out.dim() != 3:
            raise InputError(
                f"--weighting-options depth above 1 cannot read {self.name}: its layers return no "
                "states of shape (time, batch, channels)"
            )
        return out.detach().transpose(0, 1)


def _with_own_lists(out: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(x) if isinstance(x, list) else x for name, x in out.items()}


def _keep_input(kept: list[Tensor]) -> Callable[[nn.Module, Any], None]:
    """A hook that keeps what a module was given last."""

    def keep(_module: nn.Module, inputs: Any) -> None:
        kept[:] = inputs[:1]

    return keep


def _first(value: Any) -> Any:
    """The first leaf of nested lists and tuples, None where there is none."""
    while isinstance(value, list | tuple):
        value = value[0] if value else None
    return value


def _encoder_states(out: Any) -> Tensor | None:
    value = _first(out.get("encoder_out") if isinstance(out, dict) else out)
    return value if isinstance(value, Tensor) and value.dim() == 3 else None


def _encoder_padding(out: Any) -> Tensor | None:
    if isinstance(out, dict):
        return _first(out.get("encoder_padding_mask"))
    masks = [x for x in out if isinstance(x, Tensor) and x.dtype == torch.bool]
    return masks[0] if masks else None
