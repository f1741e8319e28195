"""Ghost products: the student's own backward pass already holds what every inner product takes.

Where a layer's output y is linear in its parameters W, as y = f(x, W), the gradient of sentence i's
loss meets a direction q in nothing but that sentence's own positions,

    <q, grad l_i> = sum over the positions of i of <dl_i/dy, f(x, q)>,

so inputs x and derivatives by outputs are enough, which backpropagation makes anyway: no pass over
the batch is repeated ("ghost dot-product", Wang et al., 2024, "Data Shapley in One Training Run",
arXiv 2406.11011). They are those of the student's own pass, dropout included. That pass was made
with weights, so a sentence's derivatives are w_i times those of its loss, and w_i must not be 0.

Known layers are linear projections, embeddings and the scales of layer normalisation, which is all
that fairseq's transformers have. ``.method_choice.MethodChoice`` compares the first products with
those of another method, so that a model with anything else is found out.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from fairseq_l2rw.metagradient.layer_uses import LayerUse, inner_products
from fairseq_l2rw.metagradient.signature import Parameters
from fairseq_l2rw.utils.function_hooks import listening

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
class PassRecord:
    """What a pass over a batch leaves behind, once a backward pass is through.

    Attributes:
        sentences: N.
        axes: which axis of an output counts sentences, by use, as far as is known.
        scale: what the losses are multiplied with before the backward pass, a scalar.
        uses: of the parameters that one looks back through.
        sources: of every use the weight, or the bias where only that is trained, of any shapes.
        last: whether the next backward pass is the last one.
    """

    sentences: int
    axes: dict[tuple[str, int], int]
    scale: float | Tensor = 1.0
    uses: list[LayerUse] = field(default_factory=list)
    sources: list[Tensor] = field(default_factory=list)
    last: bool = True

    @property
    def layout_known(self) -> bool:
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
        self.last = False
        sources = {id(x): x for x in self.sources if x.requires_grad}
        if not sources:  # the student has no layer of a kind that is known
            return
        total = losses.sum() * self.scale
        torch.autograd.grad(total, list(sources.values()), retain_graph=True, allow_unused=True)

    def products(self, direction: Parameters, weights: Tensor) -> Tensor:
        """Inner products of ``direction`` with the gradient of every sentence's loss.

        Args:
            direction: tensors by parameter name; a name left out counts as zero.
            weights: w_i of the pass, shape (N,); the product of a weight of 0 is 0.

        Returns:
            The products, shape (N,).
        """
        placed = ((use, 1 - self.axes[use.key]) for use in self.uses)
        parts = [part.to(weights) for part in inner_products(placed, direction)]
        result = torch.stack(parts).sum(0) if parts else torch.zeros_like(weights)
        return torch.where(weights > 0, result / (weights * self.scale), 0.0)

    def keep(self, use: LayerUse, derivative: Tensor) -> None:
        """Take in the derivative of the weighted loss by the output of ``use``, of its shape."""
        if self.last and use.layer == "layer_norm" and use.key in self.axes:
            use.pool(derivative, 1 - self.axes[use.key])
        else:
            use.derivative = derivative.view(use.shape)

    def place(self, use: LayerUse) -> None:
        """Note which axis counts sentences, where only one can."""
        fits = [size == self.sentences for size in use.leading]
        if len(fits) == 2 and sum(fits) == 1:
            self.axes.setdefault(use.key, fits.index(True))


class PassRecorder:
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
    def recording(self, sentences: int, scale: float | Tensor = 1.0) -> Iterator[PassRecord]:
        """Record the forward pass in this block, and the backward pass that follows it.

        Args:
            sentences: N.
            scale: what the losses are multiplied with before the backward pass, a scalar.
        """
        record = PassRecord(sentences, self.axes, scale)

        def listen(
            layer: str, function: Callable[..., Tensor], given: dict[str, Any], output: Tensor
        ) -> None:
            weight = self._names.get(id(given.get("weight")))
            if weight is not None and output.grad_fn is not None:
                self._note(record, output, layer, function, weight, given)

        with listening(_LINEAR, listen):
            yield record

    def _note(
        self,
        record: PassRecord,
        output: Tensor,
        layer: str,
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
        # Where there is but one axis, all sentences come at one time step, then all at the next.
        axes = output.shape[:-1]
        count = record.sentences
        leading = (axes[0] // count, count) if len(axes) == 1 else axes
        use = LayerUse((weight, times), offset, layer, function, given, output.shape, leading)

        def keep(gradients: tuple[Tensor | None, ...]) -> None:
            if gradients[0] is not None:
                record.keep(use, gradients[0])

        # Not a hook of the tensor: an operation in place on a view, such as the scaling of queries,
        # gives it another history, and the hook is lost.
        _made_by(output.grad_fn).register_prehook(keep)
        record.uses.append(use)
        trained = given["weight"].requires_grad or bias is None
        record.sources.append(given["weight"] if trained else bias)
        record.place(use)


def _made_by(node: Any) -> Any:
    """The operation that made what is only seen in another shape here."""
    return _made_by(node.next_functions[0][0]) if "View" in node.name() else node
