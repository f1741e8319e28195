"""Ghost products: the student's own backward pass already holds what every inner product takes.

Where a layer's output y is linear in its parameters W, as y = f(x, W), the gradient of sentence i's
loss meets a direction q in nothing but that sentence's own positions,

    <q, grad l_i> = sum over the positions of i of <dl_i/dy, f(x, q)>,

so inputs x and derivatives by outputs are enough, which backpropagation makes anyway: no pass over
the batch is repeated ("ghost dot-product", Wang et al., 2024, "Data Shapley in One Training Run",
arXiv 2406.11011). They are those of the student's own pass, dropout included. That pass was made
with weights, so a sentence's derivatives are w_i times those of its loss, and w_i must not be 0.

Known layers are linear projections, embeddings and the scales of layer normalisation, which is all
that fairseq's transformers have. :class:`.chosen.Chosen` compares the first products with those of
another method, so that a model with anything else is found out.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from fairseq_l2rw.metagradient.masters import wide
from fairseq_l2rw.metagradient.signature import Parameters

#: What a weight of 0 is raised to, so that its sentence's products are defined; and where passes
#: are in half precision, which does not reach as far down.
LEAST_WEIGHT, LEAST_WEIGHT_HALF = 1e-6, 1e-3
# torch's functions that are linear in weight and bias, and their arguments in order.
_LINEAR = {
    "linear": ("input", "weight", "bias"),
    "embedding": ("input", "weight", "padding_idx"),
    "layer_norm": ("input", "normalized_shape", "weight", "bias", "eps"),
}


@dataclass
class _Use:
    """One use of a layer's parameters in a pass.

    Attributes:
        key: which use of which weight, the same in every pass.
        bias: its name, empty without.
        function: y of x, weight, bias and what else there is.
        given: all but the bias.
        shape: of the output, with features last.
        derivative: of the weighted loss by the output, None where it does not depend on it.
    """

    key: tuple[str, int]
    bias: str
    function: Callable[..., Tensor]
    given: dict[str, Any]
    shape: torch.Size
    derivative: Tensor | None = None

    def along(self, direction: Parameters) -> Tensor | None:
        """f(x, q); None where the direction has none of the parameters."""
        weight, bias = direction.get(self.key[0]), direction.get(self.bias)
        if weight is None and bias is None:
            return None
        given = {**self.given} if bias is None else {**self.given, "bias": bias}
        given["weight"] = torch.zeros_like(wide(given["weight"])) if weight is None else weight
        if given["input"].is_floating_point():
            given["input"] = wide(given["input"])
        output = self.function(**given)
        padding = given.get("padding_idx")  # its row never moves
        return output if padding is None else output * given["input"].ne(padding).unsqueeze(-1)


@dataclass
class Record:
    """What a pass over a batch leaves behind, once a backward pass is through.

    Attributes:
        sentences: N.
        axes: which axis of an output counts sentences, by use, as far as is known.
        scale: what the losses are multiplied with before the backward pass.
        uses: of the parameters that one looks back through.
    """

    sentences: int
    axes: dict[tuple[str, int], int]
    scale: float = 1.0
    uses: list[_Use] = field(default_factory=list)

    @property
    def clear(self) -> bool:
        """Whether it is known of every output which axis counts sentences.

        It is not where all batches so far had as many sentences as tokens in each.
        """
        return all(use.key in self.axes for use in self.uses)

    def differentiate(self, losses: Tensor) -> None:
        """Backpropagate as far as products take, before the student does: as if weights were 1.

        The graph stays as it is, and so does every parameter's gradient.

        Args:
            losses: of the pass, any shape.
        """
        weights = {id(w): w for w in (use.given["weight"] for use in self.uses)}
        total = losses.sum() * self.scale
        torch.autograd.grad(total, list(weights.values()), retain_graph=True, allow_unused=True)

    def products(self, direction: Parameters, weights: Tensor) -> Tensor:
        """Inner products of ``direction`` with the gradient of every sentence's loss.

        Args:
            direction: tensors by parameter name; a name left out counts as zero.
            weights: w_i of the pass, shape (N,); products where it is 0 are 0.

        Returns:
            The products, shape (N,).
        """
        result = torch.zeros_like(weights)
        for use in self.uses:
            output = use.along(direction)
            if output is not None and use.derivative is not None:
                inner = (wide(use.derivative) * output).sum(-1).view(self._leading(use))
                result += inner.sum(1 - self.axes[use.key]).to(result)
        return torch.where(weights > 0, result / (weights * self.scale), 0.0)

    def place(self, use: _Use) -> None:
        """Note which axis counts sentences, where only one can."""
        fits = [size == self.sentences for size in self._leading(use)]
        if len(fits) == 2 and sum(fits) == 1:
            self.axes.setdefault(use.key, fits.index(True))

    def _leading(self, use: _Use) -> Sequence[int]:
        """Sizes of the axes before the features': two, or the record is not clear.

        Where there is but one, all sentences come at one time step, then all at the next.
        """
        leading = use.shape[:-1]
        return (-1, self.sentences) if len(leading) == 1 else leading


class Recorder:
    """Watches a model's passes for what ghost products take.

    Args:
        model: the student, unwrapped.
        chosen: names of the parameters that one looks back through.
    """

    def __init__(self, model: nn.Module, chosen: Collection[str]) -> None:
        self._names = {id(p): n for n, p in model.named_parameters()}
        self._chosen = set(chosen)
        #: Which axis of an output counts sentences, by use, as far as passes told.
        self.axes: dict[tuple[str, int], int] = {}

    @contextmanager
    def recording(self, sentences: int, scale: float = 1.0) -> Iterator[Record]:
        """Record the forward pass in this block, and the backward pass that follows it.

        torch's functions are replaced meanwhile: its attention is one function to everybody else,
        modules and function modes alike, and makes its projections inside.
        """
        record = Record(sentences, self.axes, scale)
        own = {name: getattr(functional, name) for name in _LINEAR}
        try:
            for name, function in own.items():
                setattr(functional, name, self._watched(function, _LINEAR[name], record))
            yield record
        finally:
            for name, function in own.items():
                setattr(functional, name, function)

    def _watched(
        self, function: Callable[..., Tensor], arguments: Sequence[str], record: Record
    ) -> Callable[..., Tensor]:
        inside = False

        def watched(*args: Any, **kwargs: Any) -> Tensor:
            nonlocal inside
            if inside:  # torch passes a function that goes by this name to a mode, which calls it
                return function(*args, **kwargs)
            inside = True
            try:
                output = function(*args, **kwargs)
            finally:
                inside = False
            given = {**dict(zip(arguments, args, strict=False)), **kwargs}
            weight = self._names.get(id(given.get("weight")))
            if weight is not None and output.grad_fn is not None:
                self._note(record, output, function, weight, given)
            return output

        return watched

    def _note(
        self,
        record: Record,
        output: Tensor,
        function: Callable[..., Tensor],
        weight: str,
        given: dict[str, Any],
    ) -> None:
        bias = given.pop("bias", None)
        # torch's attention hands over a part of three biases in a row: the one beside the weight.
        beside = f"{weight.removesuffix('weight')}bias"
        offset = "" if bias is None else self._names.get(id(bias), beside)
        if not self._chosen.intersection((weight, offset)):
            return
        times = sum(use.key[0] == weight for use in record.uses)
        given["input"] = given["input"].detach()
        use = _Use((weight, times), offset, function, given, output.shape)

        def keep(gradients: tuple[Tensor | None, ...]) -> None:
            if gradients[0] is not None:
                use.derivative = gradients[0].view(use.shape)

        # Not a hook of the tensor: an operation in place on a view, such as the scaling of queries,
        # gives it another history, and the hook is lost.
        _made_by(output.grad_fn).register_prehook(keep)
        record.uses.append(use)
        record.place(use)


def _made_by(node: Any) -> Any:
    """The operation that made what is only seen in another shape here."""
    return _made_by(node.next_functions[0][0]) if "View" in node.name() else node
