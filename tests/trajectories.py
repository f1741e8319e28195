"""A student's training run that can be taken again and again with other weights, in float64."""

import copy
import math
from contextlib import nullcontext
from types import SimpleNamespace

import torch
from fairseq.optim.adam import FairseqAdam
from fairseq.optim.nag import NAG
from fairseq.optim.sgd import SGD
from students import batch, pairs, sentence_losses, student

from fairseq_l2rw.metagradient import Batch, Clipping, updates, weight_gradient
from fairseq_l2rw.metagradient.engine import MetaGradient
from fairseq_l2rw.training.optimizers import FAIRSEQ_ADJOINTS
from fairseq_l2rw.training.replay import evaluating
from fairseq_l2rw.utils.rng import RandomState

DECAY = 0.01


class DoubleNAG(NAG):
    """fairseq's NAG without its rounding of the gradient to float32; tested to be the same."""

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            mu, lr, decay = group["momentum"], group["lr"], group["weight_decay"]
            ratio = lr / group["lr_old"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                v = self.state[p].setdefault("momentum_buffer", torch.zeros_like(p))
                p.mul_(1 - lr * decay).add_(v, alpha=mu * mu * ratio)
                p.add_(p.grad, alpha=-(1 + mu) * lr)
                v.mul_(mu * ratio).add_(p.grad, alpha=-lr)
            group["lr_old"] = lr


def fairseq_optimizer(cls, **options):
    cfg = SimpleNamespace(lr=[0.02], weight_decay=DECAY, tpu=False, fp16_adam_stats=False)
    vars(cfg).update(options)
    return lambda parameters: cls(cfg, parameters).optimizer


OPTIMIZERS = {
    "sgd": fairseq_optimizer(SGD, momentum=0.0),
    "momentum": fairseq_optimizer(SGD, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(
        p, lr=0.02, momentum=0.9, nesterov=True, weight_decay=DECAY
    ),
    "nag": lambda p: DoubleNAG(p, lr=0.02, momentum=0.9, weight_decay=DECAY),
    "adam": fairseq_optimizer(FairseqAdam, adam_betas="(0.9, 0.98)", adam_eps=1e-6, use_old_adam=1),
    "torch adam": lambda p: torch.optim.Adam(p, lr=0.02, weight_decay=DECAY, eps=1e-6),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=DECAY, eps=1e-6),
    "decoupled": lambda p: torch.optim.Adam(
        p, lr=0.02, weight_decay=DECAY, eps=1e-6, decoupled_weight_decay=True
    ),
}
ADJOINTS = {**FAIRSEQ_ADJOINTS, DoubleNAG: updates.nag}


class Trajectory:
    """Some updates in the middle of a student's training, each of two sub-batches.

    Args:
        optimizer: a name in OPTIMIZERS.
        steps: updates from the start to the dev loss.
        clip_norm: bound on the gradient's norm, 0 for none.
        dropout: of the student.
        model: options of the student.
    """

    def __init__(self, optimizer, steps, clip_norm=0.0, dropout=0.0, **model):
        # A smooth activation: a difference across one of relu's kinks is no derivative.
        self.model = student(dropout=dropout, activation_fn="tanh", **model)
        self.optimizer = OPTIMIZERS[optimizer]([p for p in self.model.parameters()])
        self.steps, self.clip_norm = steps, clip_norm
        self.dev = batch(pairs(6, seed=7))
        self.samples = [
            [batch(pairs(3, seed=20 + 2 * t)), batch(pairs(2, seed=21 + 2 * t))]
            for t in range(-2, steps)
        ]
        self.clipped = 0
        generator = torch.Generator().manual_seed(3)
        self.weights = torch.rand(steps, 5, generator=generator, dtype=torch.float64) + 0.5
        for t in (-2, -1):  # so that the optimizer has a past
            self.update(t, torch.ones(5, dtype=torch.float64))
        self.start = {n: p.detach().clone() for n, p in self.model.named_parameters()}
        self.past = copy.deepcopy(self.optimizer.state_dict())

    def rate(self, t):
        """A schedule that changes at every update."""
        return 0.02 * (1 + 0.5 * math.sin(1.7 * t + 1))

    def sizes(self, sample):
        return sample["target"].ne(1).sum(1).double()

    def update(self, t, weights, meta=None):
        """The student's update t, as fairseq does it; ``meta`` watches."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(t)
        self.optimizer.zero_grad(set_to_none=True)
        torch.manual_seed(100 + t)
        batches, parts = [], weights.split([3, 2])
        for sample, w in zip(self.samples[t + 2], parts, strict=True):
            random = RandomState.now(torch.device("cpu"))
            losses = sentence_losses(self.model, sample)
            with meta.recording(len(w)) if meta else nullcontext() as record:
                found = losses(dict(self.model.named_parameters()))
            (w @ found).backward()
            replayed = self.replayed(losses, random)
            batches.append(Batch(replayed, w, self.sizes(sample), record=record))
        size = float(sum(b.weights @ b.sizes for b in batches))
        gradients = [p.grad.div_(size) for p in self.model.parameters() if p.grad is not None]
        clipping = Clipping(float(torch.nn.utils.get_total_norm(gradients)), self.clip_norm)
        self.clipped += clipping.factor < 1
        for g in gradients:
            g.mul_(clipping.factor)
        if meta:
            meta.before_step(self.optimizer, batches)
        self.optimizer.step()
        if meta:
            meta.after_step(self.optimizer, batches, clipping)

    def losses(self, t, parameters):
        """Losses and sizes of the sentences of update t, its sub-batches in turn."""
        both = self.samples[t + 2]
        losses = [sentence_losses(self.model, sample)(parameters) for sample in both]
        return torch.cat(losses), torch.cat([self.sizes(sample) for sample in both])

    def replayed(self, losses, random):
        def run(parameters):
            with random.replayed():
                return losses(parameters)

        return run

    def run(self, weights, meta=None):
        """All updates from the start with these weights, shape (steps, 5)."""
        with torch.no_grad():
            for name, p in self.model.named_parameters():
                p.copy_(self.start[name])
        self.optimizer.load_state_dict(copy.deepcopy(self.past))
        for t in range(self.steps):
            self.update(t, weights[t], meta)

    def dev_loss(self, parameters):
        with evaluating(self.model):
            return sentence_losses(self.model, self.dev)(parameters).sum() / self.dev["ntokens"]

    def value(self, weights):
        """The dev loss after a run with these weights."""
        self.run(weights)
        with torch.no_grad():
            return float(self.dev_loss({n: p for n, p in self.model.named_parameters()}))

    def differences(self, directions, h=1e-3):
        """Central differences of fourth order of the dev loss along directions in the weights."""
        found = []
        for d in directions:
            near, far = (
                self.value(self.weights + k * h * d) - self.value(self.weights - k * h * d)
                for k in (1, 2)
            )
            found.append((8 * near - far) / (12 * h))
        return torch.tensor(found, dtype=torch.float64)

    def directions(self, count=4):
        """Random directions over the weights of all updates, and single weights of both ends."""
        generator = torch.Generator().manual_seed(5)
        shape = (count, *self.weights.shape)
        mixed = torch.randn(shape, generator=generator, dtype=torch.float64)
        mixed /= mixed.flatten(1).norm(dim=1).view(-1, 1, 1)
        single = torch.zeros(2, *self.weights.shape, dtype=torch.float64)
        single[0, 0, 1] = single[1, -1, 4] = 1
        return torch.cat([mixed, single])

    def meta_gradient(self, method="auto", trajectory="stored", **options):
        """dL_dev/dw of every weight by the package, shape (steps, 5); and what computed it."""
        meta = MetaGradient(
            self.model,
            method=method,
            window=self.steps,
            trajectory=trajectory,
            adjoints=ADJOINTS,
            **options,
        )
        self.run(self.weights, meta)
        meta.dev_gradient(self.dev_loss)
        rows = []
        for batches, products in meta.look_back(self.optimizer):
            sizes = torch.cat([b.sizes for b in batches])
            weights = torch.cat([b.weights for b in batches])
            rows.append(weight_gradient(torch.cat(products), sizes, weights))
        return torch.stack(rows[::-1]), meta
