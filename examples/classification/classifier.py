"""The student: a perceptron large enough to learn wrong labels by heart; and what it shows."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fairseq_l2rw.history import History
from fairseq_l2rw.metagradient import Losses, Parameters, functional
from fairseq_l2rw.observation import SURFACE, Moment, Observation


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
def observe(
    logits: Tensor,
    states: Tensor | None,
    labels: Tensor,
    ids: Tensor,
    moment: Moment,
    history: History,
) -> Observation:
    """What a weighting sees of a batch; an image is a sentence of one token.

    Args:
        logits: shape (N, classes).
        states: shape (N, D), if the weighting asks for them.
        labels: shape (N,).
        ids: numbers of the images in their split, shape (N,).
        moment: when.
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
        "loss_rank": history.rank(-reference),
        "progress": one * moment.progress,
        "train_accuracy": one * history.accuracy(),
        "dev_loss": one * moment.dev_loss,
    }
    return Observation(
        loss=-reference,
        sizes=one,
        p_reference=reference.exp(),
        p_best=best.exp(),
        correct=(reference >= best).to(one),
        surface=torch.stack([known.get(n, torch.zeros_like(one)) for n in SURFACE], 1),
        ids=ids,
        positions=torch.zeros_like(ids),
        update=moment.update,
        states=None if states is None else torch.cat([states, label], 1),
    )
