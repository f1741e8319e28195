"""One training loop for all weightings: it looks at what a weighting asks for, never at its name.

The order of things in an update is that of ``fairseq_l2rw.training.reweighting``: weigh,
step, take a meta step.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from classifier import Student, accuracy, extract, losses_of
from digits import Data, Split
from fairseq_l2rw.config import WeightingConfig
from fairseq_l2rw.features.columns import TrainingState
from fairseq_l2rw.features.features import Features
from fairseq_l2rw.features.loss_history import LossHistory
from fairseq_l2rw.metagradient import Batch, MetaGradient, weight_gradient
from fairseq_l2rw.utils.rng import seeded
from fairseq_l2rw.weighting import Signal, Weighting, build, safe


@dataclass
class Rule(WeightingConfig):
    """A weighting and its options: the package's own names and defaults."""

    seed: int = 1


@dataclass(frozen=True)
class Recipe:
    """What all weightings share.

    Attributes:
        width: units of the student's first hidden layer.
        states: units of its second.
        rate: SGD's learning rate.
        momentum: SGD's momentum.
        batch: images an update, at most.
        epochs: passes over the training images.
        warmup: epochs during which every weight is 1 while a weighting already learns.
        average: decay of the running mean of dev gradients.
        through: regular expression: the parameters looked back through.
    """

    width: int = 128
    states: int = 32
    rate: float = 0.2
    momentum: float = 0.0
    batch: int = 100
    epochs: int = 200
    warmup: int = 4
    average: float = 0.0
    through: str = "."


class Training:
    """A student, its weighting, and what lasts from one update to the next.

    Args:
        split: the images; every trusted batch is the whole trusted set.
        rule: how images are weighted; its seed is also that of initialisation and order.
        recipe: what all weightings share.
    """

    def __init__(self, split: Split, rule: Rule, recipe: Recipe) -> None:
        self.split, self.recipe, self.seed = split, recipe, rule.seed
        with seeded(rule.seed):
            self.student = Student(split.classes, recipe.width, recipe.states)
        self.optimizer = torch.optim.SGD(
            self.student.parameters(), lr=recipe.rate, momentum=recipe.momentum
        )
        self.weighting: Weighting = build(rule)
        self.meta = None
        if self.weighting.needs_dev_gradient:
            self.meta = MetaGradient(self.student, recipe.through, average=recipe.average)
        self.history = LossHistory()
        self.updates = 0
        self.dev_loss = 0.0
        self.per_epoch = -(-len(split.train) // recipe.batch)

    def run(self) -> float:
        """Train to the end; returns the accuracy on the test set then."""
        order = torch.Generator().manual_seed(self.seed)
        for _ in range(self.recipe.epochs):
            rows = torch.randperm(len(self.split.train), generator=order)
            # Of one size: a small last batch would take as large a step from a single image.
            for ids in rows.tensor_split(self.per_epoch):
                self.update(ids)
        return accuracy(self.student, self.split.test.images, self.split.test.labels)

    def update(self, ids: Tensor) -> Tensor:
        """One update on the training images with these numbers (N,); returns their weights."""
        data = self.split.train.take(ids)
        logits, states = self.student(data.images)
        loss = F.cross_entropy(logits, data.labels, reduction="none")
        seen = self._aligned(self._observe(logits, states, data, ids), data)
        with torch.no_grad():
            rule_weights, _ = safe(self.weighting(seen))
        weights = torch.ones_like(rule_weights) if self._plain else rule_weights
        self.optimizer.zero_grad()
        ((weights * loss).sum() / (weights @ seen.sizes)).backward()
        self._step(Batch(losses_of(self.student, data.images, data.labels), weights, seen.sizes))
        self._meta_step(seen, rule_weights)
        correct = (seen["margin"] >= 0).to(seen.sizes)
        self.history.add(seen["loss"], correct, seen.sizes)
        self.updates += 1
        return weights

    @property
    def _plain(self) -> bool:
        return self.weighting.plain or self.updates < self.recipe.warmup * self.per_epoch

    def _observe(self, logits: Tensor, states: Tensor, data: Data, ids: Tensor) -> Features:
        progress = self.updates / (self.per_epoch * self.recipe.epochs)
        state = TrainingState(self.updates, progress, self.dev_loss)
        read = states.detach() if self.weighting.reads_states else None
        return extract(logits, read, data.labels, ids, state, self.history)

    def _aligned(self, seen: Features, data: Data) -> Features:
        """With the alignment to the dev gradient, for a weighting that reads it."""
        if self.meta is None or not self.weighting.reads_alignment or not self.meta.count:
            return seen
        found = self.meta.alignments(losses_of(self.student, data.images, data.labels))
        return replace(seen, alignment=found)

    def _step(self, batch: Batch) -> None:
        """The student's step, kept for looking back if the weighting learns from that."""
        if self.meta is None or not self.weighting.learns:
            self.optimizer.step()
            return
        self.meta.before_step(self.optimizer)
        self.optimizer.step()
        self.meta.after_step(self.optimizer, [batch])

    def _meta_step(self, seen: Features, rule_weights: Tensor) -> None:
        """Let the weighting learn from the trusted set, in the ways that it asks for."""
        trusted = self.split.trusted
        if self.weighting.learns_from_trusted:
            with torch.no_grad():
                logits, states = self.student(trusted.images)
            dev = self._observe(logits, states, trusted, torch.arange(len(trusted)))
            self.dev_loss = float(dev["loss"].mean())
            self.weighting.learn_from_trusted(dev)
        if self.meta is None:
            return
        losses = losses_of(self.student, trusted.images, trusted.labels)
        self.dev_loss = float(self.meta.dev_gradient(lambda values: losses(values).mean()))
        if self.weighting.learns:
            [(_, [products])] = self.meta.look_back(self.optimizer)
            gradient = weight_gradient(products, seen.sizes, rule_weights)
            self.weighting.learn([Signal(seen, -gradient)], lambda local: local)
