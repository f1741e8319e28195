"""fairseq's ``--log-file`` with every line of a run, once.

fairseq writes the lines of its own trainer there, and opens the file anew for every epoch, so that
a line of epoch N comes N times.
"""

import logging
from functools import wraps
from typing import Any

from fairseq.logging import progress_bar

_OURS, _TRAINER = "fairseq_l2rw", "fairseq_cli.train"


def write_all_once() -> None:
    """Let the log file of this process have this package's lines, too, and no line twice."""
    _share(logging.getLogger(_TRAINER), logging.getLogger(_OURS))
    make = progress_bar.progress_bar
    if hasattr(make, "__wrapped__"):
        return

    @wraps(make)
    def made(*args: Any, **kwargs: Any) -> Any:
        bar = make(*args, **kwargs)
        _drop_repeats(progress_bar.logger)
        return bar

    progress_bar.progress_bar = made


def _share(source: logging.Logger, logger: logging.Logger) -> None:
    for handler in source.handlers:
        if isinstance(handler, logging.FileHandler) and handler not in logger.handlers:
            logger.addHandler(handler)


def _drop_repeats(logger: logging.Logger) -> None:
    """Keep one handler a file."""
    files = set()
    for handler in [h for h in logger.handlers if isinstance(h, logging.FileHandler)]:
        if handler.baseFilename in files:
            logger.removeHandler(handler)
            handler.close()
        files.add(handler.baseFilename)
