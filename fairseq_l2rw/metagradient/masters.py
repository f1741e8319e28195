"""Mixed precision: the student computes in half precision, and the optimizer steps master copies.

Micikevicius et al., 2018, "Mixed Precision Training" (arXiv 1710.03740). Whatever is looked back
through the optimizer, and whatever is kept, is in float32 (or wider); only passes are in half.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_HALF = (torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Master:
    """What the optimizer steps for a parameter of the student.

    Attributes:
        tensor: the parameter itself or its copy in float32, of its shape, or a vector with copies
            of many parameters.
        shape: of the parameter.
        start: where it begins in such a vector.
    """

    tensor: Tensor
    shape: torch.Size
    start: int = 0

    def part(self, whole: Any) -> Any:
        """What of a value, gradient or state of ``tensor`` belongs to the parameter.

        Anything that has another shape, such as a number of steps, belongs to it as it is.
        """
        if not isinstance(whole, Tensor) or whole.shape != self.tensor.shape:
            return whole
        if whole.shape != self.shape:
            whole = whole[self.start : self.start + self.shape.numel()].view(self.shape)
        return upcast(whole)


def upcast(values: Tensor) -> Tensor:
    """The same values in the same shape, in float32 if they are in less."""
    # A question to torch for every parameter would cost more than what follows from it.
    return values.float() if values.dtype in _HALF else values
