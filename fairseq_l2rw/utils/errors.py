"""Errors that a user can mend: one line, no traceback."""


class InputError(SystemExit):
    """Bad input, told in one line that names the thing to fix.

    Derives from ``SystemExit`` so that ``fairseq-train`` prints the line and exits with status 1
    instead of a traceback, and so that fairseq's trainer writes no crash checkpoint for it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(f"fairseq-l2rw: {message}")
