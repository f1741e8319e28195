"""Many small parameters as one vector: what is elementwise takes as long for one as for all.

A transformer has hundreds of parameters, most of them biases and norms of a few hundred numbers.
Pulled back through an optimizer one by one, they take a dozen operations each; on a GPU every one
of these takes as long as thousands of numbers do.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from fairseq_l2rw.metagradient.updates import ELEMENTWISE, Adjoint, Cotangents, Update


class _Bounds(NamedTuple):
    """What is taken together.

    Attributes:
        large: numbers of a parameter from where on it is left alone.
        together: numbers of all that are taken together, at most: they are copied for it.
    """

    large: int
    together: int


# A CPU takes no longer for what is alone once it is large, and copies would show in its memory. A
# GPU waits for Python up to another size, and has freed more for the student's own pass.
_ON_CPU, _ON_GPU = _Bounds(1 << 14, 1 << 18), _Bounds(1 << 20, 1 << 22)


class Pack(NamedTuple):
    """Parameters that are taken together: what is of them is of their numbers in a row.

    Attributes:
        shapes: theirs, by name; one alone keeps its own.
        gradient: as the optimizer was given it, shape (numbers,) or that of the one.
    """

    shapes: dict[str, torch.Size]
    gradient: Tensor

    def apart(self, whole: Tensor) -> dict[str, Tensor]:
        """Each parameter's part of what is of all of them, by name: views of its shape.

        Args:
            whole: of the shape of ``gradient``.
        """
        if len(self.shapes) == 1:
            return dict.fromkeys(self.shapes, whole)
        parts = whole.split([shape.numel() for shape in self.shapes.values()])
        return {
            name: part if len(shape) == 1 else part.view(shape)
            for part, (name, shape) in zip(parts, self.shapes.items(), strict=True)
        }


def pulled_back(
    updates: Mapping[str, Update],
    bars: dict[str, Tensor],
    states: dict[str, Mapping[str, Tensor]],
    adjoint: Adjoint,
) -> Iterator[tuple[Pack, Cotangents]]:
    """Apply an adjoint to some parameters, several at a time where they are small.

    Args:
        updates: by name of the parameter.
        bars: derivatives by the parameters after the update, by name, for the same names at least;
            what is used goes.
        states: those by the optimizer's state after it, likewise, if there are any.
        adjoint: of the update; one that is not known to be elementwise takes them one by one.

    Yields:
        Every parameter once, some together, and their cotangents.
    """
    alone = ([name] for name in updates)
    for names in _packs(updates, states) if adjoint in ELEMENTWISE else alone:
        shapes = {name: updates[name].gradient.shape for name in names}
        if len(names) == 1:
            (name,) = names
            pulled = adjoint(updates[name], bars.pop(name), states.pop(name, {}))
            yield Pack(shapes, updates[name].gradient), pulled
            continue
        packed = _packed([updates[name] for name in names])
        of_states = [states.pop(name, {}) for name in names]
        known = {key: _flat([state[key] for state in of_states]) for key in of_states[0]}
        bar = _flat([bars.pop(name) for name in names])
        yield Pack(shapes, packed.gradient), adjoint(packed, bar, known)


def _packs(
    updates: Mapping[str, Update], states: Mapping[str, Mapping[str, Tensor]]
) -> Iterator[list[str]]:
    """Names of parameters that can be taken together, each once; see ``pulled_back``."""
    packs: dict[Any, list[str]] = {}
    sizes: dict[Any, int] = {}
    groups: list[Mapping[str, Any]] = []
    for name, update in updates.items():
        size = update.gradient.numel()
        bounds = _ON_CPU if update.gradient.device.type == "cpu" else _ON_GPU
        # A number of steps has no shape, either.
        if size >= bounds.large or not update.gradient.dim():
            yield [name]
            continue
        # A parameter without a gradient took no part in a later update.
        kind = _place(update.group, groups), _kind(update), *sorted(states.get(name, ()))
        if sizes.get(kind, 0) + size > bounds.together:
            yield packs.pop(kind)
            sizes[kind] = 0
        packs.setdefault(kind, []).append(name)
        sizes[kind] = sizes.get(kind, 0) + size
    yield from packs.values()


def _kind(update: Update) -> Any:
    """What parameters must have in common to be taken together."""
    gradient, before = update.gradient, update.before.shape == update.gradient.shape
    state = [(key, _alike(value, gradient)) for key, value in sorted(update.state.items())]
    return gradient.dtype, gradient.device, before, *state


def _place(group: Mapping[str, Any], known: list[Mapping[str, Any]]) -> int:
    """Which of the known groups has the same options; a new one becomes known.

    By their values: after a resume those of every parameter may be an object of its own, and what
    is taken together must not depend on that, as sums over it round.
    """
    for place, other in enumerate(known):
        if other is group or other == group:
            return place
    known.append(group)
    return len(known) - 1


def _alike(value: Any, gradient: Tensor) -> Any:
    """What values of the optimizer's state must have in common."""
    if not isinstance(value, Tensor):
        return value
    return (value.dtype, value.device) if _is_part(value, gradient) else float(value)


def _packed(updates: Sequence[Update]) -> Update:
    """One update of all of their parameters."""
    first = updates[0]
    state = {
        key: _flat([u.state[key] for u in updates]) if _is_part(value, first.gradient) else value
        for key, value in first.state.items()
    }
    kept = first.before.shape == first.gradient.shape
    before = _flat([u.before for u in updates]) if kept else first.before
    return Update(first.group, state, _flat([u.gradient for u in updates]), before)


def _is_part(value: Any, gradient: Tensor) -> bool:
    """Whether a value of the optimizer's state belongs to the parameter number by number."""
    return isinstance(value, Tensor) and value.shape == gradient.shape


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([t if t.dim() == 1 else t.reshape(-1) for t in tensors])
