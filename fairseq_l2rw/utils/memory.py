"""Memory that is free, but still the process's."""

import ctypes


def release_free_memory() -> None:
    """Return it to the system where the C library can (glibc).

    What was needed for a moment would stay, in pieces that are too small for what comes next.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
