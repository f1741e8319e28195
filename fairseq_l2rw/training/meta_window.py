"""The updates that a meta-gradient looks back through, on every worker and in a checkpoint."""

import logging
from collections import deque
from collections.abc import Sequence
from typing import Any

from fairseq import utils
from torch import Tensor

from fairseq_l2rw.config import why_no_ghost
from fairseq_l2rw.metagradient import Batch, MetaGradient
from fairseq_l2rw.training.optimizers import FAIRSEQ_ADJOINTS
from fairseq_l2rw.training.student import Student
from fairseq_l2rw.training.update_buffer import UpdateBuffer
from fairseq_l2rw.training.window_state import packed, packed_batches, unpacked
from fairseq_l2rw.training.workers import all_gather, alone, count, rank, total

logger = logging.getLogger(__name__)


class MetaWindow:
    """Keeps the student's last updates for the meta-gradient.

    Args:
        cfg: the task's options.
        student: the student.

    Attributes:
        meta: the meta-gradient.
    """

    def __init__(self, cfg: Any, student: Student) -> None:
        self.length, self.interval = cfg.meta_window, cfg.meta_interval
        self.rewinds = cfg.meta_trajectory == "rewind"
        self.student = student
        ghost = cfg.meta_method == "auto" and not why_no_ghost(cfg)
        self.meta = MetaGradient(
            student.model,
            pattern=cfg.meta_params,
            method="ghost" if ghost else cfg.meta_method,
            average=cfg.meta_average,
            window=cfg.meta_window,
            trajectory=cfg.meta_trajectory,
            adjoints=FAIRSEQ_ADJOINTS,
            half=student.half,
        )
        # Of the updates kept, the sub-batches of every worker, where there are several.
        self._held: deque[list[list[dict[str, Any]]]] = deque(maxlen=self.length)

    def keeps(self, ahead: int) -> bool:
        """Whether the next meta step will look back through the coming update.

        As far as one knows: the rate may fall, and it come later. What was begun goes on.

        Args:
            ahead: updates to come before it.
        """
        return ahead < self.length or len(self.meta.steps) > 0

    @property
    def replays(self) -> bool:
        """Whether looking back passes the batches of an update again."""
        return self.length > 1 or self.rewinds or self.meta.method.needs_pass

    def before_step(self, optimizer: Any, update: UpdateBuffer) -> None:
        """Keep what the student's step will overwrite; ``optimizer`` is fairseq's."""
        self.meta.before_step(optimizer.optimizer, update.teaching)

    def after_step(self, optimizer: Any, update: UpdateBuffer, clipping: Any) -> bool:
        """Keep the update that was just made.

        Only one worker saves, so for a checkpoint before the window is done it has to have the
        sub-batches of all.

        Returns:
            Whether every worker has any. If one ran out of memory, there is no looking back
            through this update.
        """
        self.meta.after_step(optimizer.optimizer, update.teaching, clipping)
        if not update.complete:
            logger.warning(
                f"update {update.number}: a worker ran out of memory, nothing learnt from it"
            )
            self.clear()
        elif self.length > 1 and not alone():
            self._held.append(all_gather([utils.move_to_cpu(packed_batches(update.teaching))]))
        return update.complete

    def look_back(self, optimizer: Any) -> list[tuple[Sequence[Batch], list[Tensor]]]:
        """See ``fairseq_l2rw.metagradient.MetaGradient.look_back``."""
        found = self.meta.look_back(optimizer.optimizer, total)
        self.finish()
        return found

    def finish(self) -> None:
        """After a meta step, let go of the updates that no later window reaches."""
        if self.length <= self.interval:
            self.clear()

    def clear(self) -> None:
        """Keep no update any longer."""
        self.meta.steps.clear()
        self._held.clear()

    def log(self) -> dict[str, float]:
        """What the last look back has to say for the log."""
        found = {}
        if self.meta.method.name == "difference":
            found["meta_error"] = self.meta.method.error
        if self.length > 1:
            found["meta_reached"] = float(self.meta.reached)
        if self.rewinds:
            found["meta_rewind_error"] = self.meta.rewind_error
        return found

    def state_dict(self) -> dict[str, Any]:
        """The dev gradient, and the updates that the next meta step will look back through."""
        steps = self.meta.steps if self.length > 1 else ()
        held = [[packed_batches(s.batches)] for s in steps] if alone() else self._held
        kept = [packed(*pair) for pair in zip(steps, held, strict=True)]
        return {"meta": self.meta.state_dict(), "updates": kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore ``state_dict``; a window that was open goes on if it is the same window."""
        self.meta.load_state_dict(state["meta"])
        window = state["updates"]
        same = all(len(step["batches"]) == count() for step in window)
        same = same and all(("groups" in step) == self.rewinds for step in window)
        if not same or (window and self.length == 1):
            logger.info(
                "the updates before the checkpoint are not looked back through: it was written "
                "with another number of workers, --meta-window or --meta-trajectory"
            )
            return
        self._held.extend(step["batches"] for step in window if not alone())
        on_gpu = self.student.device.type == "cuda"
        kept = utils.move_to_cuda(window) if on_gpu else window
        self.meta.keep(unpacked(step, self.student.replay, rank()) for step in kept)
