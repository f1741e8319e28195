"""What a layer's parameters did in a pass, and what a direction comes to in it.

A transformer has the same layer many times. Uses of one shape are taken together: on a GPU every
operation takes as long as one of thousands of numbers does.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.metagradient.masters import upcast
from fairseq_l2rw.metagradient.signature import Parameters

# Numbers of what is taken together, at most: they are copied for it, which would show in the memory
# of a CPU. A GPU waits for Python up to another size.
_ON_CPU, _ON_GPU = 1 << 19, 1 << 24


@dataclass
class LayerUse:
    """One use of a layer's parameters in a pass.

    Attributes:
        key: which use of which weight, the same in every pass.
        bias: its name, empty without.
        layer: name of the function.
        function: y of x, weight, bias and what else there is.
        given: all but the bias.
        shape: of the output, with features last.
        leading: sizes of the two axes before the features', one for sentences, one for positions.
        derivative: of the weighted loss by the output, of ``shape``, None where it does not depend
            on it.
        pooled: of the weighted loss by weight and by bias, each of shape (N, features), where these
            are smaller than what they are from, which is let go of then.
    """

    key: tuple[str, int]
    bias: str
    layer: str
    function: Callable[..., Tensor]
    given: dict[str, Any]
    shape: torch.Size
    leading: Sequence[int]
    derivative: Tensor | None = None
    pooled: tuple[Tensor, Tensor] | None = None

    def pool(self, derivative: Tensor, axis: int) -> None:
        """Sum up a layer normalisation's derivatives over the positions of every sentence.

        Args:
            derivative: of the weighted loss by the output, of its shape.
            axis: that of ``leading`` which counts positions.
        """
        derivative = upcast(derivative)
        scaled = {**self.given, "input": upcast(self.given["input"]), "weight": None}
        by_weight, by_bias = (
            values.view(*self.leading, -1).sum(axis)
            for values in (derivative * self.function(**scaled), derivative)
        )
        self.pooled, self.derivative, self.given = (by_weight, by_bias), None, {}


def inner_products(uses: Iterable[tuple[LayerUse, int]], direction: Parameters) -> Iterator[Tensor]:
    """Inner products of a direction with every sentence's gradient, in parts to be summed up.

    Args:
        uses: all of a pass, and which axis of ``LayerUse.leading`` counts positions.
        direction: tensors by parameter name, of the parameters' shapes; a name left out counts as
            zero.

    Yields:
        What some of the uses come to, shape (N,).
    """
    groups: dict[Any, list[_Met]] = {}
    for use, axis in uses:
        met = _Met(use, direction.get(use.key[0]), direction.get(use.bias), axis)
        if not met.nothing:
            groups.setdefault(met.kind, []).append(met)
    for group in groups.values():
        tensors = group[0].tensors
        bound = _ON_CPU if tensors[0].device.type == "cpu" else _ON_GPU
        most = max(bound // sum(x.numel() for x in tensors), 1)
        for start in range(0, len(group), most):
            yield _product(group[start : start + most])


@dataclass(frozen=True)
class _Met:
    """A use, and the part of the direction that it meets.

    Attributes:
        use: the use.
        weight: the direction's part, of the weight's shape, None where it is 0.
        bias: likewise.
        axis: which axis of ``LayerUse.leading`` counts positions.
    """

    use: LayerUse
    weight: Tensor | None
    bias: Tensor | None
    axis: int

    @property
    def nothing(self) -> bool:
        """Whether products are 0."""
        lost = self.use.derivative is None and self.use.pooled is None
        return lost or (self.weight is None and self.bias is None)

    @property
    def pairs(self) -> list[tuple[Tensor, Tensor]]:
        """What was pooled, shapes (N, features), and the direction's part, shapes (features,)."""
        pairs = zip(self.use.pooled or (), (self.weight, self.bias), strict=False)
        return [(pooled, part) for pooled, part in pairs if part is not None]

    @property
    def kind(self) -> Any:
        """What uses have in common that are taken together."""
        if self.use.pooled is not None:
            pooled = self.use.pooled[0]
            return pooled.shape, pooled.dtype
        if self.use.layer != "linear":
            return self.use.key
        given = self.use.given["input"], self.use.derivative, self.weight, self.bias
        return self.axis, *(x if x is None else (x.shape, x.dtype) for x in given)

    @property
    def tensors(self) -> Sequence[Tensor]:
        """What there is to copy, of any shapes."""
        found = self.use.pooled or (self.use.given["input"], self.use.derivative)
        return [x for x in found if x is not None]


def _product(group: Sequence[_Met]) -> Tensor:
    """Products of uses of one kind, shape (N,)."""
    first = group[0].use
    if first.pooled is not None:
        pooled, parts = zip(*(pair for met in group for pair in met.pairs), strict=True)
        return torch.bmm(torch.stack(pooled), torch.stack(parts).unsqueeze(2)).sum((0, 2))
    found = _linear(group) if first.layer == "linear" else _along(group[0])
    return found.view(-1, *first.leading).sum((0, group[0].axis + 1))


def _linear(group: Sequence[_Met]) -> Tensor:
    """Products of K linear layers of one shape by their P positions, shape (K, P)."""
    inputs = upcast(_stacked([met.use.given["input"] for met in group])).flatten(1, -2)
    derivative = upcast(_stacked([met.use.derivative for met in group])).flatten(1, -2)
    weight, bias = _stacked([m.weight for m in group]), _stacked([m.bias for m in group])
    if weight is not None and weight.shape[1] <= weight.shape[2]:
        output = torch.bmm(inputs, weight.transpose(1, 2))
        output = output if bias is None else output.add_(bias.unsqueeze(1))
        return output.mul_(derivative).sum(2)
    found: Any = 0.0
    if weight is not None:
        # An output of many features, such as a vocabulary, is not made a second time.
        found = (torch.bmm(derivative, weight) * inputs).sum(2)
    return found if bias is None else found + torch.bmm(derivative, bias.unsqueeze(2)).squeeze(2)


def _along(met: _Met) -> Tensor:
    """Products of any other layer by position: <dl/dy, f(x, q)> for the direction's part q."""
    given = {**met.use.given} if met.bias is None else {**met.use.given, "bias": met.bias}
    if met.weight is None:
        given["weight"] = torch.zeros_like(upcast(given["weight"]))
    else:
        given["weight"] = met.weight
    if given["input"].is_floating_point():
        given["input"] = upcast(given["input"])
    output = met.use.function(**given)
    padding = given.get("padding_idx")  # its row never moves
    if padding is not None:
        output = output * given["input"].ne(padding).unsqueeze(-1)
    assert met.use.derivative is not None
    return (upcast(met.use.derivative) * output).sum(-1)


def _stacked(tensors: Sequence[Tensor | None]) -> Any:
    """Tensors of one shape behind each other; a view where it is one, None where they are none."""
    first = tensors[0]
    if first is None:
        return None
    return first.unsqueeze(0) if len(tensors) == 1 else torch.stack(list(tensors))  # type: ignore[arg-type]
