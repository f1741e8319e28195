"""What recent training updates were like: how large losses were, how many tokens were right."""

import torch
from torch import Tensor, nn

_LARGEST = 20.0  # nats a token; larger losses share the last bin
_BINS = 2000


class LossHistory(nn.Module):
    """A histogram of losses per token and a count of right tokens, forgotten exponentially.

    A rank among *recent training sentences* instead of the own batch does not depend on which
    sentences happen to share a batch.

    Args:
        memory: updates that are remembered.

    Attributes:
        counts: how many losses were in each of B bins, shape (B,), float64.
        right: how many tokens were predicted right, and how many there were, shape (2,), float64.
    """

    counts: Tensor
    right: Tensor

    def __init__(self, memory: int = 30) -> None:
        super().__init__()
        self.decay = 1 - 1 / memory
        self.register_buffer("counts", torch.zeros(_BINS, dtype=torch.float64))
        self.register_buffer("right", torch.zeros(2, dtype=torch.float64))

    def add(self, loss: Tensor, accuracy: Tensor, size: Tensor) -> None:
        """Add the rows of one update, of all workers.

        Args:
            loss: nats per token, shape (N,).
            accuracy: fraction of tokens predicted right, shape (N,).
            size: of the row, shape (N,); a row of size 0 does not count.
        """
        self.counts.mul_(self.decay)
        self.right.mul_(self.decay)
        sizes = size.double()
        self.counts.index_add_(0, self._place(loss).long(), (sizes > 0).double())
        self.right += torch.stack([accuracy.double() @ sizes, sizes.sum()])

    def rank(self, loss: Tensor) -> Tensor:
        """The fraction of recent losses that are smaller, shape (N,); 0 before there are any.

        Args:
            loss: nats per token, shape (N,).
        """
        place = self._place(loss)
        number = place.long()
        # Linear within a bin, so that rounding moves a rank by no more than a little.
        below = self.counts.cumsum(0)[number] + (place - number - 1) * self.counts[number]
        whole = self.counts.sum()
        return (below / whole.clamp(min=1e-300)).to(loss)

    def accuracy(self) -> Tensor:
        """The fraction of recent training tokens predicted right, a scalar; 0 before any."""
        return self.right[0] / self.right[1].clamp(min=1e-300)

    def _place(self, loss: Tensor) -> Tensor:
        """Bin and, as its fraction, the place in it; in float64."""
        scaled = loss.detach().double().nan_to_num(_LARGEST) * (_BINS / _LARGEST)
        return scaled.clamp(0, _BINS - 1e-6)
