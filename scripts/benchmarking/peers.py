"""What others do: the meta-gradient by a graph through the update, with the same student.

All weigh sentences by Ren et al. (arXiv 1803.09050): all weights 1, one update ahead, the dev loss
there, its gradient by the weights; then the update that counts.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, Optimizer

from fairseq_l2rw.metagradient import forward, functional, weight_gradient
from fairseq_l2rw.metagradient.attention import differentiable_attention

from .students import Student

Sample = dict[str, Any]
#: Gives dL_dev/dw (N,) at weights of 1, from (student, train batch, dev batch, optimizer).
MetaGradient = Callable[[Student, Sample, Sample, Optimizer], Tensor]


def train_loss(student: Student, model: Any, sample: Sample, weights: Tensor) -> Tensor:
    """sum_i w_i l_i / sum_i w_i n_i."""
    losses = student.criterion.row_losses(model, model(**sample["net_input"]), sample)
    sizes = sample["target"].ne(student.criterion.padding_idx).sum(1)
    return (weights @ losses) / (weights @ sizes.to(weights))


def dev_loss(student: Student, model: Any, sample: Sample) -> Tensor:
    """Mean of -log p over tokens."""
    losses = student.criterion.dev_losses(model, model(**sample["net_input"]), sample)
    return losses.sum() / sample["ntokens"]


def ones(student: Student, sample: Sample) -> Tensor:
    """The weights that are differentiated by."""
    parameter = next(student.model.parameters())
    return parameter.new_ones(len(sample["target"])).requires_grad_()


def ren(student: Student, train: Sample, dev: Sample, optimizer: Optimizer) -> Tensor:
    """Double backward through a step of plain SGD, as Ren et al. do; here at weights of 1."""
    model, weights = student.model, ones(student, train)
    names, values = zip(*model.named_parameters(), strict=True)
    loss = train_loss(student, model, train, weights)
    gradients = torch.autograd.grad(loss, values, create_graph=True)
    rate = optimizer.param_groups[0]["lr"]
    ahead = {n: p - rate * g for n, p, g in zip(names, values, gradients, strict=True)}
    (found,) = torch.autograd.grad(dev_loss(student, _Called(model, ahead), dev), weights)
    return found


def higher(student: Student, train: Sample, dev: Sample, optimizer: Optimizer) -> Tensor:
    """facebookresearch/higher: a differentiable copy of the student and of its optimizer."""
    import higher as package

    weights = ones(student, train)
    context = package.innerloop_ctx(student.model, optimizer, copy_initial_weights=False)
    with context as (model, steps):
        steps.step(train_loss(student, model, train, weights))
        (found,) = torch.autograd.grad(dev_loss(student, model, dev), weights)
    return found


def torchopt(student: Student, train: Sample, dev: Sample, optimizer: Optimizer) -> Tensor:
    """metaopt/torchopt: an optimizer that leaves a graph in the student, from a fresh state."""
    import torchopt as package

    group, weights = optimizer.param_groups[0], ones(student, train)
    if isinstance(optimizer, Adam):
        steps = package.MetaAdam(student.model, lr=group["lr"], betas=group["betas"])
    else:
        steps = package.MetaSGD(student.model, lr=group["lr"])
    before = package.extract_state_dict(student.model, by="reference")
    steps.step(train_loss(student, student.model, train, weights))
    (found,) = torch.autograd.grad(dev_loss(student, student.model, dev), weights)
    package.recover_state_dict(student.model, before)
    return found


def betty(student: Student, train: Sample, dev: Sample, optimizer: Optimizer) -> Tensor:
    """leopard-ai/betty: its default, the finite difference of DARTS, after a step of plain SGD."""
    from betty.configs import Config
    from betty.hypergradient import darts

    model, weights = student.model, ones(student, train)
    values, rate = list(model.parameters()), optimizer.param_groups[0]["lr"]
    gradients = torch.autograd.grad(train_loss(student, model, train, weights), values)
    before = [p.detach().clone() for p in values]
    with torch.no_grad():
        torch._foreach_add_(values, gradients, alpha=-rate)
    lower = SimpleNamespace(
        config=Config(),
        cur_batch=train,
        trainable_parameters=lambda: values,
        training_step_exec=lambda batch: train_loss(student, model, batch, weights),
    )
    upper = SimpleNamespace(trainable_parameters=lambda: [weights])
    pulled = torch.autograd.grad(dev_loss(student, model, dev), values)
    (found,) = darts(pulled, lower, upper)
    with torch.no_grad():  # which leaves them where its last difference was taken
        torch._foreach_copy_(values, before)
    return rate * found


def ours(student: Student, train: Sample, dev: Sample, optimizer: Optimizer) -> Tensor:
    """The same for plain SGD by one forward-mode pass: what the peers have to agree with."""
    model, weights = student.model, ones(student, train)
    named = dict(model.named_parameters())
    gradients = torch.autograd.grad(
        train_loss(student, model, train, weights), list(named.values())
    )
    rate = optimizer.param_groups[0]["lr"]
    pairs = zip(named.items(), gradients, strict=True)
    ahead = {n: (p - rate * g).detach().requires_grad_() for (n, p), g in pairs}
    loss = dev_loss(student, _Called(model, ahead), dev)
    pulled = torch.autograd.grad(loss, list(ahead.values()))
    back = {n: -rate * q for n, q in zip(named, pulled, strict=True)}

    def losses(parameters: Any) -> Tensor:
        called = _Called(model, parameters)
        return student.criterion.row_losses(called, called(**train["net_input"]), train)

    products = forward.products(losses, named, back)
    sizes = train["target"].ne(student.criterion.padding_idx).sum(1).to(products)
    return weight_gradient(products, sizes, weights.detach())


class _Called:
    """A student with other parameters, called as itself."""

    def __init__(self, model: Any, parameters: dict[str, Tensor]) -> None:
        self.model, self.parameters = model, parameters

    def __call__(self, **inputs: Any) -> Any:
        return functional.call(self.model, self.parameters, **inputs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


PEERS: dict[str, MetaGradient] = {
    "ren": ren,
    "higher": higher,
    "torchopt": torchopt,
    "betty": betty,
}
#: Those that do not compute the exact derivative.
APPROXIMATE = {"betty"}


def disagreement(student: Student, name: str, train: Sample, dev: Sample) -> float:
    """Largest difference of a peer's derivative from ours, as a fraction of the largest of ours.

    Without dropout, and for plain SGD, where all of them differentiate the same function.
    """
    model = student.model
    model.eval()
    optimizer = SGD(model.parameters(), lr=0.1)
    with differentiable_attention():
        theirs = PEERS[name](student, train, dev, optimizer)
        expected = ours(student, train, dev, optimizer)
    model.train()
    return float((theirs - expected).abs().max() / expected.abs().max())


class Peer:
    """An update with weights by a peer's meta-gradient, by plain PyTorch."""

    def __init__(self, student: Student, name: str, devs: list[Sample]) -> None:
        """Take over a student; its trainer's own optimizer is left alone."""
        self.student, self.name, self.devs = student, name, devs
        self.optimizer = Adam(student.model.parameters(), lr=1e-4, betas=(0.9, 0.98))
        self.done = 0

    def update(self, sample: Sample) -> None:
        """Find the weights, then take the step."""
        student, dev = self.student, self.devs[self.done % len(self.devs)]
        student.model.train()
        self.done += 1
        with differentiable_attention():
            found = PEERS[self.name](student, sample, dev, self.optimizer)
        weights = (-found).clamp(min=0)
        weights = weights / weights.mean() if weights.any() else torch.ones_like(weights)
        self.optimizer.zero_grad()
        train_loss(student, student.model, sample, weights).backward()
        torch.nn.utils.clip_grad_norm_(student.model.parameters(), 1.0)
        self.optimizer.step()
