"""Many small parameters as one vector: what is elementwise takes as long for one as for all.

A transformer has hundreds of parameters, most of them biases and norms of a few hundred numbers.
Pulled back through an optimizer one by one, they take a dozen operations each; on a GPU every one
of these takes as long as thousands of numbers do.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.metagradient.updates import ELEMENTWISE, Adjoint, Cotangents, Update

# Numbers of a parameter from where on it is left alone, and of all that are taken together: what is
# large takes no longer for being alone, and copies of it would take memory.
_LARGE, _TOGETHER = 1 << 16, 1 << 20


def pulled_back(
    updates: Mapping[str, Update],
    bars: dict[str, Tensor],
    states: dict[str, Mapping[str, Tensor]],
    adjoint: Adjoint,
) -> Iterator[tuple[str, Cotangents]]:
    """Apply an adjoint to some parameters, several at a time where they are small.

    Args:
        updates: by name of the parameter.
        bars: derivatives by the parameters after the update, by name, for the same names at least;
            what is used goes.
        states: those by the optimizer's state after it, likewise, if there are any.
        adjoint: of the update; one that is not known to be elementwise takes them one by one.

    Yields:
        Every name, and its cotangents.
    """
    alone = ([name] for name in updates)
    for names in _packs(updates, states) if adjoint in ELEMENTWISE else alone:
        if len(names) == 1:
            (name,) = names
            yield name, adjoint(updates[name], bars.pop(name), states.pop(name, {}))
            continue
        chosen = [updates[name] for name in names]
        of_states = [states.pop(name, {}) for name in names]
        known = {key: _flat([state[key] for state in of_states]) for key in of_states[0]}
        bar = _flat([bars.pop(name) for name in names])
        yield from zip(names, _apart(adjoint(_packed(chosen), bar, known), chosen), strict=True)


def _packs(
    updates: Mapping[str, Update], states: Mapping[str, Mapping[str, Tensor]]
) -> Iterator[list[str]]:
    """Names of parameters that can be taken together, each once; see ``pulled_back``."""
    packs: dict[Any, list[str]] = {}
    sizes: dict[Any, int] = {}
    for name, update in updates.items():
        size = update.gradient.numel()
        if size >= _LARGE or not update.gradient.dim():  # a number of steps has no shape, either
            yield [name]
            continue
        # A parameter without a gradient took no part in a later update.
        kind = _kind(update), *sorted(states.get(name, ()))
        if sizes.get(kind, 0) + size > _TOGETHER:
            yield packs.pop(kind)
            sizes[kind] = 0
        packs.setdefault(kind, []).append(name)
        sizes[kind] = sizes.get(kind, 0) + size
    yield from packs.values()


def _kind(update: Update) -> Any:
    """What parameters must have in common to be taken together."""
    gradient, before = update.gradient, update.before.shape == update.gradient.shape
    state = [(key, _alike(value, gradient)) for key, value in sorted(update.state.items())]
    return id(update.group), gradient.dtype, gradient.device, before, *state


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


def _apart(pulled: Cotangents, updates: Sequence[Update]) -> Iterator[Cotangents]:
    """The cotangents of each of the parameters that were taken together: views."""
    shapes = [u.gradient.shape for u in updates]
    sizes = [shape.numel() for shape in shapes]
    gradients, parameters = pulled.gradient.split(sizes), pulled.parameter.split(sizes)
    states = {key: value.split(sizes) for key, value in pulled.state.items()}
    for n, shape in enumerate(shapes):
        state = {key: parts[n].view(shape) for key, parts in states.items()}
        yield Cotangents(gradients[n].view(shape), parameters[n].view(shape), state)


def _is_part(value: Any, gradient: Tensor) -> bool:
    """Whether a value of the optimizer's state belongs to the parameter number by number."""
    return isinstance(value, Tensor) and value.shape == gradient.shape


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors])
