"""Files that appear under their names once they are complete."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def completed(path: Path, alone: bool = True) -> Iterator[Path]:
    """Where to write a file that gets its name when the ``with`` block ends without an error.

    With an error nothing of it stays. Its folder is made.

    Args:
        path: of the file.
        alone: whether no other process writes the same file at the same time.

    Raises:
        OSError: when it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    apart = "" if alone else f"{uuid.uuid4().hex}-"
    # Readers of a folder skip names that begin with a dot; the suffix says how to compress.
    unfinished = path.with_name(f".unfinished-{apart}{path.name}")
    try:
        yield unfinished
        with open(unfinished, "rb") as written:
            os.fsync(written.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
