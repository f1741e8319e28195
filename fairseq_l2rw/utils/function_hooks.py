"""torch's functions, heard while a model's pass calls them.

They are replaced meanwhile. torch's attention is one function to everybody else, modules and
function modes alike, and makes its projections inside; several fairseq decoders make theirs onto
the vocabulary with a plain call. And a function mode would slow down every other function.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.nn import functional

#: Takes a function's name, the function, its arguments by name, and its output.
Listener = Callable[[str, Callable[..., Tensor], dict[str, Any], Tensor], None]


@contextmanager
def listening(arguments: Mapping[str, Sequence[str]], listener: Listener) -> Iterator[None]:
    """Tell a listener of every call of some of torch's functions inside the ``with`` block.

    Args:
        arguments: names of functions in ``torch.nn.functional``, and of their arguments in order.
        listener: is told once a call is through.
    """
    own = {name: getattr(functional, name) for name in arguments}
    try:
        for name, function in own.items():
            setattr(functional, name, _heard(name, function, arguments[name], listener))
        yield
    finally:
        for name, function in own.items():
            setattr(functional, name, function)


def _heard(
    name: str, function: Callable[..., Tensor], order: Sequence[str], listener: Listener
) -> Callable[..., Tensor]:
    inside = False

    def called(*args: Any, **kwargs: Any) -> Tensor:
        nonlocal inside
        if inside:  # torch passes a function that goes by this name to a mode, which calls it
            return function(*args, **kwargs)
        inside = True
        try:
            output = function(*args, **kwargs)
        finally:
            inside = False
        listener(name, function, {**dict(zip(order, args, strict=False)), **kwargs}, output)
        return output

    return called
