"""What a training pair is known to be: its label, a line of ``train.labels``."""

#: The file of labels, beside the training text.
LABELS = "train.labels"
#: A pair that nothing was done to.
CLEAN = "clean"
# Judged web pairs (`crawled.py`): good ones, understandable ones, and those of no use.
GOOD, FLAWED = (CLEAN, "free"), ("machine", "error")
BROKEN = ("misaligned", "wrong_language", "tokenisation")
# Of these it is not known whether they are good.
UNKNOWN = ("unknown", "unjudged")
