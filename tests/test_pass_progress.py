"""Promise: a long pass says in a log now and then how far it is."""

import logging

from fairseq_l2rw.utils import pass_progress
from fairseq_l2rw.utils.pass_progress import PassProgress


def test_where_there_is_no_terminal_a_line_comes_once_in_a_while(monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    seconds = iter([0, 10, 40, 40, 50, 71, 71, 80])
    monkeypatch.setattr(pass_progress.time, "monotonic", lambda: next(seconds))
    with PassProgress("initial weights: words", 12_000) as progress:
        for _ in range(5):
            progress.add(2_000)
    assert [r.message for r in caplog.records] == [
        "initial weights: words: 4,000 of 12,000 pairs",
        "initial weights: words: 8,000 of 12,000 pairs",
    ]
