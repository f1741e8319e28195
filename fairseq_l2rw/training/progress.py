"""Where training is: the run's own number of an update, warm-up, and how far there is to go.

fairseq counts from 0 again after ``--reset-optimizer``; what is kept by update must not.
"""

from typing import Any

from fairseq_l2rw.features.columns import TrainingState


class Progress:
    """Counts the updates of a run.

    Args:
        warmup: updates during which weights are not learnt ones.
        max_update: of the run, 0 for no bound.
        max_epoch: likewise.

    Attributes:
        updates: done so far.
        first: the update from which on there is this weighting.
        epoch: from 1.
        dev_loss: last loss of trusted pairs per token, nats; 0 before the first.
    """

    def __init__(self, warmup: int, max_update: int, max_epoch: int) -> None:
        self.warmup, self.max_update, self.max_epoch = warmup, max_update, max_epoch
        self.updates = self.first = 0
        self.epoch = 1
        self.dev_loss = 0.0
        # What fairseq's number of an update lacks; known from the first one on.
        self._offset: int | None = None

    @property
    def begun(self) -> bool:
        """Whether fairseq's number of the first update of this process is known."""
        return self._offset is not None

    def begin(self, number: int, restored: bool) -> int:
        """Take fairseq's number of the first update of this process; returns the run's own.

        Args:
            number: fairseq's.
            restored: whether the weighting goes on from a checkpoint.
        """
        self._offset = max(0, self.updates - number)
        if not restored:
            self.updates = self.first = self.number(number)
        return self.number(number)

    def number(self, number: int) -> int:
        """The run's own number of an update, from fairseq's."""
        return number + (self._offset or 0)

    def logged(self, update: int) -> int:
        """The number of an update that fairseq logs, from the run's own."""
        return update - (self._offset or 0)

    def age(self, update: int) -> int:
        """Updates of this weighting before one."""
        return update - self.first

    def in_warmup(self, update: int) -> bool:
        """Whether weights of an update are not learnt ones."""
        return self.age(update) < self.warmup

    def state(self, update: int) -> TrainingState:
        """How training goes; done is a fraction, by whichever bound ends it first."""
        by_update = self.logged(update) / self.max_update if self.max_update else 0.0
        by_epoch = (self.epoch - 1) / self.max_epoch if self.max_epoch else 0.0
        return TrainingState(update, min(1.0, max(by_update, by_epoch)), self.dev_loss)

    def state_dict(self) -> dict[str, Any]:
        """All that lasts."""
        return {"updates": self.updates, "first": self.first, "dev_loss": self.dev_loss}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore ``state_dict``."""
        self.updates, self.first, self.dev_loss = (
            state[name] for name in ("updates", "first", "dev_loss")
        )
