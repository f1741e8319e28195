"""Processes that score side by side: threads of a CPU share the work on one batch badly."""

import multiprocessing
import signal
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch

from fairseq_l2rw.inference.text_scorer import Row, TextPair, TextScorer
from fairseq_l2rw.utils.errors import InputError

_scorer: Any = None  # of this process


def _take(scorer: TextScorer) -> None:
    global _scorer
    _scorer = scorer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that shares out sees to ctrl-c
    torch.set_num_threads(1)  # a forked process cannot use the threads of the one it is from


def _scores(pairs: Sequence[TextPair]) -> list[Row]:
    return _scorer.scores(pairs)


class ScorerPool:
    """Shares pairs out among processes, which have the scorer's memory in common.

    Args:
        scorer: what scores.
        workers: how many processes.
    """

    def __init__(self, scorer: TextScorer, workers: int) -> None:
        self.columns, self.workers = scorer.columns, workers
        self.block_size = workers * scorer.block_size
        context = multiprocessing.get_context("fork")
        self._pool = ProcessPoolExecutor(workers, context, initializer=_take, initargs=(scorer,))

    def scores(self, pairs: Sequence[TextPair], first: int = 0) -> list[Row]:
        """What the scorer says, in the order of the pairs.

        Args:
            pairs: sources and targets.
            first: number of the first of them in the table.

        Raises:
            InputError: when a process was killed.
        """
        share = -(-len(pairs) // self.workers)
        parts = [pairs[begin : begin + share] for begin in range(0, len(pairs), share)]
        try:
            return [row for found in self._pool.map(_scores, parts) for row in found]
        except BrokenProcessPool:
            raise InputError(
                "a scoring process was killed, probably for want of memory: lower --workers or "
                "--max-tokens"
            ) from None
