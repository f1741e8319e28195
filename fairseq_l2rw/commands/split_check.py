"""What became of a text that was binarized."""

from pathlib import Path

import numpy as np
from fairseq.data import Dictionary
from fairseq.data.data_utils import load_indexed_dataset

from fairseq_l2rw.utils.errors import InputError

_UNKNOWN = 0.01  # share of tokens that the dictionary does not have, from where on it is said


def look_over(prefix: Path, count: int) -> None:
    """See to it that a side of a split has all lines, and say where the dictionary lacks much.

    Args:
        prefix: of its files.
        count: lines of its text.

    Raises:
        InputError: when it has more lines, or fewer.
    """
    dataset = load_indexed_dataset(str(prefix))
    if len(dataset) != count:
        raise InputError(f"{prefix} has {len(dataset)} lines, the text has {count}")
    unknown = np.memmap(f"{prefix}.bin", dataset._index.dtype, "r") == Dictionary().unk()
    if unknown.mean() > _UNKNOWN:
        print(
            f"warning: {unknown.mean():.0%} of the tokens of {prefix.name} are not in the "
            "dictionary: is this the language, and the vocabulary that goes with the dictionary?"
        )
