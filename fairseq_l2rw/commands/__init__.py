"""The command ``fairseq-l2rw``: one file a sub-command."""
