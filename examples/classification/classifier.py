"""The student: a perceptron large enough to learn wrong labels by heart; and what it shows."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fairseq_l2rw.features.columns import SURFACE, TrainingState
from fairseq_l2rw.features.features import Features
from fairseq_l2rw.features.loss_history import LossHistory
from fairseq_l2rw.metagradient import Losses, Parameters, functional


class Student(nn.Module):
    """Two hidden layers.

    Args:
        classes: number of classes.
        width: units of the first hidden layer.
        states: units of the second, which a weighting may read.
    """

    def __init__(self, classes: int, width: int, states: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, states))
        self.output = nn.Linear(states, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, classes) and internal states (N, states) of images (N, 64)."""
        states = F.relu(self.body(images))
        return self.output(states), states


def losses_of(student: Student, images: Tensor, labels: Tensor) -> Losses:
    """The losses (N,) of a batch as a function of the student's parameters."""

    def losses(parameters: Parameters) -> Tensor:
        logits, _ = functional.call(student, parameters, images)
        return F.cross_entropy(logits, labels, reduction="none")

    return losses


@torch.no_grad()
def accuracy(student: Student, images: Tensor, labels: Tensor) -> float:
    """The fraction of images that get their label."""
    logits, _ = student(images)
    return float((logits.argmax(1) == labels).double().mean())


@torch.no_grad()
def extract(
    logits: Tensor,
    states: Tensor | None,
    labels: Tensor,
    ids: Tensor,
    state: TrainingState,
    history: LossHistory,
) -> Features:
    """What a weighting reads of a batch; an image is a sentence of one token.

    Args:
        logits: shape (N, classes).
        states: shape (N, D), if the weighting asks for them.
        labels: shape (N,).
        ids: numbers of the images in their split, shape (N,).
        state: how training goes.
        history: of the training losses so far.
    """
    log_p = logits.log_softmax(1)
    reference = log_p.gather(1, labels.unsqueeze(1)).squeeze(1)
    best = log_p.max(1).values
    one = torch.ones_like(best)
    label = F.one_hot(labels, logits.shape[1]).to(logits)
    known = {
        "loss": -reference,
        "log_probability": reference,
        "margin": reference - best,
        "reference_probability": reference.exp(),
        "best_probability": best.exp(),
        "loss_rank": history.rank(-reference),
        "progress": one * state.progress,
        "train_accuracy": one * history.accuracy(),
        "dev_loss": one * state.dev_loss,
    }
    return Features(
        # Others are of words, or say the same once more.
        columns={**{name: torch.zeros_like(one) for name in SURFACE}, **known},
        sizes=one,
        ids=ids,
        positions=torch.zeros_like(ids),
        lengths=torch.ones_like(ids),
        update=state.update,
        states=None if states is None else torch.cat([states, label], 1),
    )
