"""Checkpoints that are whole at every moment, also where fairseq copies them.

fairseq writes one file a save, under a temporary name, and copies it to ``checkpoint_last.pt`` and
``checkpoint_best.pt`` byte by byte. A process that is killed meanwhile leaves half of a copy, and
the run cannot be resumed.
"""

import os

from fairseq import checkpoint_utils
from fairseq.file_io import PathManager


class AtomicCopies(PathManager):
    """fairseq's file manager, with copies that appear under their name once they are complete."""

    @staticmethod
    def copy(src_path: str, dst_path: str, overwrite: bool = False) -> bool:
        """Copy as fairseq does; where the file system has no renaming, as ever."""
        if not PathManager.supports_rename(dst_path):
            return bool(PathManager.copy(src_path, dst_path, overwrite))
        unfinished = f"{dst_path}.tmp"
        done = PathManager.copy(src_path, unfinished, overwrite=True)
        os.replace(unfinished, dst_path)
        return bool(done)


def copy_atomically() -> None:
    """Let fairseq save checkpoints in this process by ``AtomicCopies``."""
    checkpoint_utils.PathManager = AtomicCopies
